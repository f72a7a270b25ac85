"""`lychgate oauth`: programs that act for people, and how to end that."""

from typing import Annotated

import typer

from lychgate.cli.options import DEFAULT, Config, opened
from lychgate.cli.tables import show
from lychgate.clock import clock
from lychgate.errors import LychgateError
from lychgate.store.base import Actor, AuditEvent, Kind, Store

app = typer.Typer(help="Programs that act for people.", no_args_is_help=True)
clients = typer.Typer(help="Programs that registered themselves.", no_args_is_help=True)
grants = typer.Typer(help="What people allowed programs.", no_args_is_help=True)
app.add_typer(clients, name="clients")
app.add_typer(grants, name="grants")

_ACTOR = Actor("command line", "cli")


@clients.command("list")
def list_clients(config: Config = DEFAULT) -> None:
    """List registered clients, newest first."""
    with opened(config) as (_, store):
        found = store.oauth.clients.list(clock())
    rows = []
    for one in found:
        used = f"{one.last_used_at:%Y-%m-%d %H:%M}" if one.last_used_at else "never"
        uris = "\n".join(one.metadata["redirect_uris"])
        name = one.metadata.get("client_name", "")
        rows.append((one.id, name, uris, f"{one.created_at:%Y-%m-%d %H:%M}", used))
    show(("client", "name", "goes back to", "registered", "last used"), rows, {"client"})


@clients.command("revoke")
def revoke_client(client: str, config: Config = DEFAULT) -> None:
    """Forget a client and end everything it was granted. A URL ends the grants of its client."""
    with opened(config) as (_, store):
        if not store.oauth.clients.remove(client, clock()):
            raise LychgateError(
                f"there is no client `{client}`", "see `lychgate oauth clients list`"
            )
        _note(store, "client_revoked", {"client": client})
    typer.echo("revoked")


@grants.command("list")
def list_grants(
    config: Config = DEFAULT,
    email: Annotated[str, typer.Option(help="Only of this person.")] = "",
    client: Annotated[str, typer.Option(help="Only of this client.")] = "",
) -> None:
    """List grants that are still good, newest first."""
    with opened(config) as (_, store):
        found = store.oauth.grants.list(clock(), email.lower(), client)
        names = {one.id: str(one.body.get("name", "")) for one in store.objects(Kind.APPLICATION)}
    rows = []
    for one in found:
        since, until = f"{one.created_at:%Y-%m-%d %H:%M}", f"{one.expires_at:%Y-%m-%d %H:%M}"
        rows.append((one.id, one.email, one.client, names.get(one.app, one.app), since, until))
    heads = ("grant", "email", "client", "application", "since", "until")
    show(heads, rows, {"grant"})


@grants.command("revoke")
def revoke_grant(grant: str, config: Config = DEFAULT) -> None:
    """End one grant and its tokens."""
    with opened(config) as (_, store):
        if not store.oauth.grants.revoke(grant, clock()):
            raise LychgateError(f"there is no grant `{grant}`", "see `lychgate oauth grants list`")
        _note(store, "grant_revoked", {"grant": grant})
    typer.echo("revoked")


def _note(store: Store, action: str, details: dict[str, str]) -> None:
    event = AuditEvent(clock(), action, actor=_ACTOR.name, actor_kind=_ACTOR.kind, details=details)
    store.audit.write([event])
