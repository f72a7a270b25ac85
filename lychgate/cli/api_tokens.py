"""`lychgate api-token`: credentials of the admin API, from their making to their end."""

import json
import secrets
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

import typer

from lychgate.admin.credentials import is_good, new_token
from lychgate.admin.scopes import SCOPES
from lychgate.cli.options import DEFAULT, Config, opened
from lychgate.cli.tables import show
from lychgate.clock import clock
from lychgate.core.durations import parse_duration
from lychgate.core.urls import canonical_email
from lychgate.errors import LychgateError
from lychgate.store.base import ApiToken, AuditEvent

app = typer.Typer(help="Credentials of the admin API.", no_args_is_help=True)


class UnknownScope(LychgateError):
    """A permission that does not exist."""

    code = "unknown_scope"


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is called in lists and in the audit log.")],
    config: Config = DEFAULT,
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="A permission; may be given again.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every permission there is.")] = False,
    expires: Annotated[
        str | None, typer.Option(help="How long it lasts, such as `720h`.", show_default="no end")
    ] = None,
    email: Annotated[
        str, typer.Option(help="Whose it is; it then also works as `X-Auth-Key`.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Make an API token and print it; it is never shown again."""
    held = SCOPES if everything else tuple(scope or ())
    _known(held)
    if email and canonical_email(email) is None:
        raise LychgateError(f"`{email}` is not an email address")
    now, made = clock(), new_token(secrets.token_bytes)
    life = None if expires is None else _life(expires)
    ends = None if life is None else now + life
    token = ApiToken(str(uuid.uuid4()), name, email, held, now, ends)
    with opened(config) as (_, store):
        store.api_tokens.create(token, made.digest)
        details = {"name": name, "scopes": list(held)}
        store.audit.write([_event("api_token_created", token.id, details)])
    if as_json:
        typer.echo(json.dumps({"id": token.id, "token": made.secret}))
        return
    typer.echo(made.secret)
    typer.echo("Keep it now, it is not shown again.", err=True)


@app.command("list")
def list_tokens(
    config: Config = DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """List the API tokens: what they may do, when they end, when they were last used."""
    with opened(config) as (_, store):
        rows = [_row(token) for token in store.api_tokens.list()]
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row))
        return
    heads = ("name", "id", "state", "ends", "last used", "permissions")
    show(heads, [[row[column] for column in _COLUMNS] for row in rows], {"id"})


_COLUMNS = ("name", "id", "state", "expires_at", "last_used_at", "scopes")


@app.command()
def revoke(
    token: Annotated[str, typer.Argument(help="Its id or name.")], config: Config = DEFAULT
) -> None:
    """End an API token at once."""
    with opened(config) as (_, store):
        good = [one for one in store.api_tokens.list() if one.revoked_at is None]
        found = [one for one in good if one.id == token] or [o for o in good if o.name == token]
        if len(found) != 1:
            many = "several API tokens are" if found else "there is no API token"
            raise LychgateError(f"{many} called `{token}`", "lychgate api-token list")
        store.api_tokens.revoke(found[0].id, clock())
        store.audit.write([_event("api_token_revoked", found[0].id, {"name": found[0].name})])
    typer.echo("revoked")


def _known(scopes: tuple[str, ...]) -> None:
    unknown = [one for one in scopes if one not in SCOPES]
    if unknown or not scopes:
        said = f"there is no permission `{unknown[0]}`" if unknown else "no permission given"
        raise UnknownScope(said, "--all, or --scope with one of: " + "; ".join(SCOPES))


def _life(text: str) -> timedelta:
    life = parse_duration(text)
    if life is None or not timedelta() < life <= timedelta(days=3660):
        raise LychgateError(f"`{text}` is not a lifetime", "write `720h`, `30m`, …")
    return life


def _event(action: str, id: str, details: Mapping[str, Any]) -> AuditEvent:
    return AuditEvent(
        at=clock(),
        action=action,
        actor="lychgate api-token",
        actor_kind="cli",
        target=f"api_token/{id}",
        details=details,
    )


def _row(token: ApiToken) -> dict[str, str]:
    state = "good" if is_good(token, clock()) else "expired"
    every = token.scopes == SCOPES
    return {
        "name": token.name,
        "id": token.id,
        "email": token.email,
        "state": state if token.revoked_at is None else "revoked",
        "expires_at": f"{token.expires_at:%Y-%m-%d %H:%M}" if token.expires_at else "never",
        "last_used_at": f"{token.last_used_at:%Y-%m-%d %H:%M}" if token.last_used_at else "never",
        "scopes": "everything" if every else ", ".join(token.scopes),
    }
