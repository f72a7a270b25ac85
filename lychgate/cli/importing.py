"""`lychgate import`: what administrators keep elsewhere, as a file for `apply`."""

import os
import re
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from lychgate.cli.files import FileExists
from lychgate.cli.tables import plain
from lychgate.cli.waiting import patience
from lychgate.cli.writing import write_whole
from lychgate.errors import LychgateError
from lychgate.importing.account import SECTIONS, read_account
from lychgate.importing.calls import Api
from lychgate.importing.document import Imported, write
from lychgate.importing.translating import translate
from lychgate.outbound import Outbound

app = typer.Typer(help="Bring over what is kept elsewhere.", no_args_is_help=True)

_DEFAULT_URL = "https://api.cloudflare.com/client/v4"
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


@app.command()
def cloudflare(
    account: Annotated[str, typer.Option(help="The account's id.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The file to write; it must not exist.")
    ] = Path("cloudflare.yaml"),
    token_env: Annotated[
        str, typer.Option(help="The environment variable that holds an API token.")
    ] = "CLOUDFLARE_API_TOKEN",
    base_url: Annotated[str, typer.Option(help="Where the API is.")] = _DEFAULT_URL,
    zone: Annotated[
        list[str] | None, typer.Option(help="A zone with objects of its own; may be given again.")
    ] = None,
    skip: Annotated[
        list[str] | None, typer.Option(help="A section to leave out; may be given again.")
    ] = None,
) -> None:
    """Write the Access configuration of a Cloudflare account as a file, and say what is missing.

    Nothing is changed, there or here. The token needs no more than the Read permissions.
    """
    for id in (account, *(zone or ())):
        if not _ID.fullmatch(id):
            raise LychgateError(f"`{id[:80]}` is not an id")
    for section in skip or ():
        if section not in SECTIONS:
            raise LychgateError(f"there is no section `{section}`", ", ".join(SECTIONS))
    if output.exists():
        raise FileExists(f"`{output}` is there already", "choose another with --output")
    token = os.environ.get(token_env, "").strip()
    if not token:
        raise LychgateError(f"the environment variable `{token_env}` is not set")
    api = Api(base_url.rstrip("/"), token, Outbound(), time.sleep)
    with patience("reading the account"):
        found = read_account(api, account, zone or (), skip or ())
    imported = write(translate(found), f"account {account} at {base_url}")
    write_whole(output, imported.text, new=True)
    _show(imported)
    typer.echo(f"\nwrote {output}; next: read it, then `lychgate apply {output} --dry-run`")


def _show(imported: Imported) -> None:
    console = Console(highlight=False, soft_wrap=True)
    read = ", ".join(f"{count} {name}" for name, count in imported.counts.items())
    console.print(Text(f"read: {read or 'nothing'}"))
    for heading, lines in imported.report.items():
        console.print(Text(f"\n{heading}:", "bold"))
        for line in lines:
            console.print(Text(f"  {plain(line)}"))
