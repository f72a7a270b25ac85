"""Commands that save an installation and bring it back: `backup`, `restore`."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from lychgate.cli.options import DEFAULT, Config
from lychgate.clock import clock
from lychgate.config import load
from lychgate.runtime import prove
from lychgate.store.backup.dump import Progress as Report
from lychgate.store.backup.dump import back_up
from lychgate.store.backup.ending import Ended, Kept
from lychgate.store.backup.restore import Restored, Target
from lychgate.store.backup.restore import restore as put_back
from lychgate.store.database import Database
from lychgate.store.sql import key_place

_WARNING = (
    "The master key is in this file: whoever reads it has every secret of the installation. "
    "Keep it as you keep the key itself."
)
_REMINDER = "Keep the master key as well, and apart from this file: nothing opens it without."


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")],
    config: Config = DEFAULT,
    with_master_key: Annotated[
        bool, typer.Option("--with-master-key", help="Put the master key into the file too.")
    ] = False,
) -> None:
    """Save everything in the store to one file, as it is at this moment, while all goes on."""
    settings = load(config).settings
    with closing(Database(settings.store)) as database, _progress("saving") as report:
        place = key_place(database, settings.master_key_file)
        header = back_up(database, place, file, clock(), report, with_master_key=with_master_key)
    size = file.stat().st_size
    typer.echo(f"wrote {file}: {header.rows} rows at revision {header.revision}, {size} bytes")
    typer.echo(_WARNING if with_master_key else _REMINDER, err=True)


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `lychgate backup` wrote.")],
    config: Config = DEFAULT,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the installation that is in the store.")
    ] = False,
    keep: Annotated[
        list[Kept] | None,
        typer.Option(help="Do not end these: nothing of them was revoked since the backup."),
    ] = None,
) -> None:
    """Put a backup into the store of this configuration, SQLite or PostgreSQL.

    Whatever was handed out before ends with it, save what is named with --keep: a backup does not
    know what was revoked after it was made.
    """
    settings = load(config).settings
    with closing(Database(settings.store)) as database, _progress("checking") as report:
        target = Target(database, key_place(database, settings.master_key_file), replace)
        done = put_back(file, target, keep or (), partial(prove, settings), clock, report)
    _say(done)


def _say(done: Restored) -> None:
    header = done.header
    made = header.made_at.isoformat(timespec="seconds")
    typer.echo(f"restored the backup of {made}: {header.rows} rows at revision {header.revision}")
    if done.carried:
        typer.echo(f"kept {done.carried} rows of the audit log that are not in the backup")
    for line in _ended(done.ended):
        typer.echo(line)
    typer.echo("now start `lychgate serve`, or restart it")


def _ended(ended: Ended) -> Iterator[str]:
    if ended.sessions or ended.grants:
        yield f"logins ended: {ended.sessions}, OAuth grants ended: {ended.grants}"
    if ended.service_tokens:
        yield (
            f"service tokens ended: {ended.service_tokens}; `lychgate service-token enable` (or "
            "`rotate`, for one of the configuration file) brings back what is still wanted"
        )
    if ended.api_tokens:
        yield f"API tokens ended: {ended.api_tokens}; `lychgate api-token create` makes new ones"


@contextmanager
def _progress(what: str) -> Iterator[Report]:
    """A bar on a terminal; programs and log files see nothing of it."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(
        *columns, console=console, transient=True, disable=not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task(what, total=None)
        yield lambda total, done: bar.update(task, total=total, completed=done)
