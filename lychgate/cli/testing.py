"""`lychgate idp`: list the identity providers, and try one out with a real login."""

import secrets

import typer

from lychgate.cli.options import DEFAULT, Config, opened
from lychgate.cli.tables import show
from lychgate.clock import clock
from lychgate.core.model import IdpId
from lychgate.errors import LychgateError
from lychgate.store.base import Kind

app = typer.Typer(help="Identity providers.", no_args_is_help=True)


@app.command("list")
def list_providers(config: Config = DEFAULT) -> None:
    """List the identity providers."""
    with opened(config) as (_, store):
        found = store.objects(Kind.IDP)
    rows = [(one.body.get("name"), one.body.get("type"), one.id) for one in found]
    show(("name", "type", "id"), rows, {"name", "id"})


@app.command()
def test(name: str, config: Config = DEFAULT) -> None:
    """Print a link that runs a real login through a provider and shows what it answered."""
    from lychgate.web.idptest import test_url

    with opened(config) as (loaded, store):
        found = [one for one in store.objects(Kind.IDP) if name in (one.id, one.body.get("name"))]
        if not found:
            known = ", ".join(str(one.body.get("name")) for one in store.objects(Kind.IDP))
            hint = f"known: {known}" if known else "run `lychgate serve` once to load the file"
            raise LychgateError(f"there is no identity provider `{name}`", hint)
        url = test_url(
            loaded.settings.team,
            store.keys.keyring(),
            IdpId(found[0].id),
            clock,
            secrets.token_bytes(12),
        )
    typer.echo("Open this in a browser within ten minutes, while `lychgate serve` runs:")
    typer.echo(url)
