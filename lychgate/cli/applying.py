"""`lychgate apply` and `lychgate export`: an installation's resources as a file."""

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from lychgate.cli.options import DEFAULT, Config, opened
from lychgate.cli.tables import plain
from lychgate.cli.waiting import patience
from lychgate.cli.writing import write_whole
from lychgate.clock import clock
from lychgate.config.loading import content_of
from lychgate.config.resource_file import read_resource_file
from lychgate.config.yamlfile import MOST_BYTES
from lychgate.errors import LychgateError, Problem
from lychgate.files.applying import carry_out
from lychgate.files.difference import Shown, difference
from lychgate.files.exporting import export as export_stock
from lychgate.files.members import Sign
from lychgate.files.proposal import Terms, propose
from lychgate.files.stock import Stock

DIFFERENT = 3
"""How `--dry-run` ends when something would change; 2 is a wrong option."""
_STANDARD = Path("-")
_COLOURS = {Sign.NEW: "green", Sign.CHANGED: "yellow", Sign.GONE: "red"}
_WORDS = {Sign.NEW: "new", Sign.CHANGED: "changed", Sign.GONE: "gone"}


class NotConfirmed(LychgateError):
    """Somebody was asked whether objects may be deleted, and said no."""

    code = "not_confirmed"


def apply(
    file: Annotated[Path, typer.Argument(help="A file of resources; `-` is standard input.")],
    config: Config = DEFAULT,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete stored objects that the file does not name.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing; status 3 if something would change.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask before objects are deleted.")
    ] = False,
) -> None:
    """Bring the stored objects in line with a file: show the difference, then make it, whole."""
    content = _content(file)
    with opened(config) as (loaded, store):
        terms = Terms(loaded.settings, store.secrets, clock(), prune)
        with patience("comparing"):
            read = read_resource_file(content, file, os.environ)
            stock = Stock.of_store(store)
            proposal = propose(read, stock, terms)
            shown = difference(stock, proposal.changes, store.token_uses.last())
        _warn(proposal.warnings)
        _show(shown)
        if not shown:
            typer.echo("no difference")
            return
        if dry_run:
            raise typer.Exit(DIFFERENT)
        if prune and not yes:
            _ask(shown)
        with patience("applying"):
            carry_out(proposal, read, stock, terms, store)
    typer.echo("applied")


def _content(file: Path) -> bytes:
    # One byte more than may be read, so that more is noticed.
    return sys.stdin.buffer.read(MOST_BYTES + 1) if file == _STANDARD else content_of(file)


def _warn(warnings: Iterable[Problem]) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for warning in warnings:
        console.print(Text.assemble(("warning", "yellow"), f" {plain(str(warning))}"))


def _show(shown: Sequence[Shown]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for one in shown:
        console.print(Text(plain(f"{one.sign} {one.title}"), f"bold {_COLOURS[one.sign]}"))
        for line in one.lines:
            indent = "  " * (line.depth + 2)
            console.print(Text(f"{indent}{line.sign} {plain(line.text)}", _COLOURS[line.sign]))
    counts = {sign: sum(one.sign is sign for one in shown) for sign in Sign}
    said = ", ".join(f"{count} {_WORDS[sign]}" for sign, count in counts.items() if count)
    if said:
        console.print(said)


def _ask(shown: Sequence[Shown]) -> None:
    many = sum(one.sign is Sign.GONE for one in shown)
    if many and sys.stdin.isatty() and not typer.confirm(f"Delete {many}, as listed?"):
        raise NotConfirmed("nothing was changed")


def export(
    file: Annotated[Path, typer.Argument(help="Where to; `-` is standard output.")] = _STANDARD,
    config: Config = DEFAULT,
    hashes: Annotated[
        bool,
        typer.Option(
            "--with-hashes",
            help="Include hashes of machines' secrets, so that these go on elsewhere.",
        ),
    ] = False,
) -> None:
    """Write all stored objects as a file for `apply`, without secrets."""
    with opened(config) as (_, store), patience("reading"):
        exported = export_stock(Stock.of_store(store), hashes=hashes)
    if file == _STANDARD:
        sys.stdout.write(exported.text)
    else:
        write_whole(file, exported.text)
    if exported.secrets:
        typer.echo("Secrets are not in the file; keep those of:", err=True)
        for one in exported.secrets:
            typer.echo(f"  {plain(one)}", err=True)
