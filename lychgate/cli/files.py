"""Commands about the configuration file: `init`, `validate`, `schema`."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from lychgate.cli.options import DEFAULT, Config
from lychgate.config import load_text
from lychgate.config import validate as check
from lychgate.config.jsonschema import json_schema
from lychgate.errors import LychgateError

_TEMPLATE = """\
# An installation of Lychgate. `lychgate validate` checks this file, `lychgate schema` describes it.
team:
  name: {name}
  url: {url}            # the login page lives here
# public_scheme: https  # how browsers reach the applications
# public_port: 443
# store: postgresql://…  # default: lychgate.db beside this file

mail:
  folder: mail          # or smtp_url: smtps://user:password@mail.example.com

upstreams:              # which origin answers for which host
  - host: app.example.com
    to: http://127.0.0.1:3000

resources:
  identity_providers:
    - name: One-time PIN
      type: onetimepin
      config: {{}}
  policies:
    - name: staff
      decision: allow
      include:
        - email_domain: {{domain: example.com}}
  applications:
    - name: app
      type: self_hosted
      domain: app.example.com
      policies: [staff]
"""


class FileExists(LychgateError):
    """The file to write is there already."""

    code = "file_exists"


def init(
    config: Config = DEFAULT,
    name: Annotated[str, typer.Option(help="What your installation is called.")] = "My team",
    url: Annotated[
        str, typer.Option(help="The URL of the team domain.")
    ] = "https://login.example.com",
) -> None:
    """Write a configuration file to start from."""
    text = _TEMPLATE.format(name=_quoted(name), url=_quoted(url))
    load_text(text.encode(), config, {})
    try:
        with config.open("x") as file:
            file.write(text)
    except FileExistsError:
        raise FileExists(f"`{config}` is there already", "choose another with --config") from None
    except OSError as error:
        raise LychgateError(f"`{config}` cannot be written: {error.strerror}") from None
    typer.echo(f"wrote {config}; next: edit it, then `lychgate validate` and `lychgate serve`")


def _quoted(text: str) -> str:
    if not text.isprintable():
        raise LychgateError("a name and a URL are one line of plain text")
    return json.dumps(text, ensure_ascii=False)


def validate(config: Config = DEFAULT) -> None:
    """Name every problem of the configuration file at once; status 1 when there is one."""
    report = check(config)
    console = Console(highlight=False, soft_wrap=True)
    for problem in report.problems:
        console.print(f"[red]error[/red] {escape(str(problem))}")
    for warning in report.warnings:
        console.print(f"[yellow]warning[/yellow] {escape(str(warning))}")
    if report.problems:
        raise typer.Exit(1)
    console.print(f"{escape(str(config))} is valid")


def schema() -> None:
    """Print the JSON Schema of the configuration file, for editors."""
    typer.echo(json.dumps(json_schema(), indent=2))
