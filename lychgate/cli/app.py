"""The table of commands, and the one place where an error becomes a line and a status."""

import sys

import typer
from rich.console import Console
from rich.markup import escape

from lychgate import __version__
from lychgate.cli import (
    access,
    api_tokens,
    applying,
    asking,
    backups,
    files,
    importing,
    logs,
    migrating,
    oauth,
    people,
    running,
    service_tokens,
    signing,
    testing,
)
from lychgate.cli.tables import plain
from lychgate.errors import InvalidConfiguration, LychgateError

app = typer.Typer(
    name="lychgate",
    help="An identity-aware gate for the proxy you already run.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lychgate {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", callback=_version, help="Print the version."),
) -> None:
    """An identity-aware gate for the proxy you already run."""


app.command("init")(files.init)
app.command("validate")(files.validate)
app.command("schema")(files.schema)
app.command("apply")(applying.apply)
app.command("export")(applying.export)
app.command("serve")(running.serve)
app.command("migrate")(migrating.migrate)
app.command("demo")(running.demo)
app.command("envoy-config", context_settings=running.PASS_ON)(running.envoy_config)
app.command("xds", context_settings=running.PASS_ON)(running.xds)
app.command("explain")(asking.explain)
app.command("logs")(logs.logs)
app.command("backup")(backups.backup)
app.command("restore")(backups.restore)
app.add_typer(testing.app, name="idp")
app.add_typer(signing.app, name="keys")
app.add_typer(service_tokens.app, name="service-token")
app.add_typer(api_tokens.app, name="api-token")
app.add_typer(people.sessions, name="sessions")
app.add_typer(people.users, name="users")
app.add_typer(oauth.app, name="oauth")
app.add_typer(access.app, name="access")
app.add_typer(importing.app, name="import")


def main() -> None:
    """Run a command; what goes wrong on purpose is a line on standard error and status 1."""
    console = Console(stderr=True, highlight=False)
    try:
        app()
    except InvalidConfiguration as error:
        for problem in error.problems:
            console.print(f"[red]error[/red] {escape(plain(str(problem)))}", soft_wrap=True)
        sys.exit(1)
    except LychgateError as error:
        console.print(f"[red]error[/red] {escape(plain(error.message))}", soft_wrap=True)
        if error.hint:
            console.print(escape(plain(error.hint)), soft_wrap=True)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
