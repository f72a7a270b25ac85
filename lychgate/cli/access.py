"""`lychgate access`: through a gate from a command line, as the person who types."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from lychgate.cli.running import PASS_ON
from lychgate.cli.tables import plain

if TYPE_CHECKING:
    from lychgate.client import Access, Ways

app = typer.Typer(
    help="Go through a gate from a command line, logged in over managed OAuth.",
    no_args_is_help=True,
)

Address = Annotated[str, typer.Argument(metavar="URL", help="An address of the application.")]
Browser = Annotated[
    bool, typer.Option("--browser/--no-browser", help="Open a browser, or only print the address.")
]
Device = Annotated[
    bool, typer.Option("--device", help="Log in by a code that is entered on any machine.")
]


def _access() -> "Access":
    from lychgate.client.access import Access
    from lychgate.client.tokenfiles import TokenFiles, default_folder
    from lychgate.client.wire import Wire
    from lychgate.clock import clock
    from lychgate.outbound import Outbound

    return Access(Wire(Outbound()), TokenFiles(default_folder(os.environ)), clock)


def _ways(browser: bool, device: bool) -> "Ways":
    from lychgate.client.browser import open_page
    from lychgate.client.login import How, Ways

    def opened(url: str) -> bool:
        return browser and open_page(url, os.environ)

    typed = sys.stdin if sys.stdin.isatty() or not browser else None
    return Ways(opened, _tell, typed, How.DEVICE if device else How.ANY if browser else How.BROWSER)


def _tell(text: str) -> None:
    typer.echo(plain(text), err=True)


@app.command("login")
def login(url: Address, browser: Browser = True, device: Device = False) -> None:
    """Log in to the application at an address, once; commands use the token from then on."""
    found = _access().log_in(url, _ways(browser, device))
    _tell("logged in" if found.is_new else "you are logged in already")
    _tell(f"the token is kept in {found.file}")


@app.command("token")
def token(url: Address) -> None:
    """Print the token that is kept for an address, renewed if need be; status 1 without one."""
    typer.echo(_access().token(url))


@app.command("curl", context_settings=PASS_ON | {"help_option_names": ["--help"]})
def curl(context: typer.Context) -> None:
    """Run curl with the token for its URL, logging in first if need be.

    Every argument is curl's, with or without `--` before it; so are output and exit status.
    """
    from lychgate.client.curl import run

    access = _access()
    run(context.args, lambda url: access.token_or_login(url, _ways(True, False)))


@app.command("logout")
def logout(url: Address) -> None:
    """Forget the token for an address, and end the login at the server."""
    _tell("logged out" if _access().log_out(url) else "you were not logged in")
