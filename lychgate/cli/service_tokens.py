"""`lychgate service-token`: credentials for machines, from their first secret to their end."""

import json
import secrets
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from lychgate import service_tokens as life
from lychgate.cli.options import DEFAULT, Config, opened
from lychgate.cli.tables import show
from lychgate.clock import clock
from lychgate.core.durations import parse_duration
from lychgate.core.model import TokenId
from lychgate.errors import LychgateError
from lychgate.store.base import Actor, Catalogue, Delete, Edit, Kind, NotFound, Object, Put, Source
from lychgate.store.base import Store as AnyStore

app = typer.Typer(help="Credentials for machines.", no_args_is_help=True)

ACTOR = Actor("lychgate service-token", "cli")
Token = Annotated[str, typer.Argument(help="Name, id or client id.")]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
type Change = Callable[[Object], life.Body]


class InTheFile(LychgateError):
    """The configuration file says this of an object, so it is changed there."""

    code = "in_the_file"


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is called.")],
    config: Config = DEFAULT,
    duration: Annotated[
        str, typer.Option(help="How long it lasts, such as `720h`, or `forever`.")
    ] = life.DEFAULT_DURATION,
    as_json: Json = False,
) -> None:
    """Make a service token and print its two halves; the secret is never shown again."""
    issued = life.create(name, duration, secrets.token_bytes, clock())
    with opened(config) as (_, store):

        def plan(catalogue: Catalogue) -> Sequence[Edit]:
            if any(one.body.get("name") == name for one in catalogue.objects(Kind.SERVICE_TOKEN)):
                raise LychgateError(f"there is a service token `{name}` already")
            return [Put(Kind.SERVICE_TOKEN, str(uuid.uuid4()), issued.body)]

        store.change(ACTOR, plan)
    _show_secret(issued, as_json)


@app.command("list")
def list_tokens(config: Config = DEFAULT, as_json: Json = False) -> None:
    """List the service tokens: their state, when they end, when they were last used."""
    with opened(config) as (_, store):
        tokens, used = store.objects(Kind.SERVICE_TOKEN), store.token_uses.last()
    now = clock()
    rows = [_row(token, used.get(TokenId(token.id)), now) for token in tokens]
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row))
        return
    heads = ("name", "id", "client id", "state", "ends", "last used")
    show(heads, [[row[name] for name in _COLUMNS] for row in rows], {"name", "client id"})


_COLUMNS = ("name", "id", "client_id", "state", "expires_at", "last_seen_at")


@app.command()
def rotate(
    token: Token,
    config: Config = DEFAULT,
    grace: Annotated[
        str, typer.Option(help="How long the old secret still works, such as `24h`.")
    ] = "0s",
    as_json: Json = False,
) -> None:
    """Give a service token a new secret; the old one dies at once, or after a grace period."""
    now = clock()
    ends = now + _span(grace)
    with opened(config) as (_, store):
        issued: list[life.Issued] = []

        def rotated(found: Object) -> life.Body:
            issued.append(life.rotate(found.body, ends, secrets.token_bytes, now))
            return issued[-1].body

        _change(store, token, rotated)
    _show_secret(issued[-1], as_json)


@app.command("end-grace")
def end_grace(
    token: Token,
    config: Config = DEFAULT,
    after: Annotated[
        str, typer.Option("--in", help="Time from now, such as `2h`; by default at once.")
    ] = "0s",
) -> None:
    """Say again when the secret before the last rotation ends; by default now."""
    now = clock()
    at = now + _span(after)
    with opened(config) as (_, store):
        _change(store, token, lambda found: life.end_previous(found.body, at, now))
    typer.echo("the old secret has ended" if at <= now else f"the old secret ends in {after}")


@app.command()
def refresh(token: Token, config: Config = DEFAULT) -> None:
    """Let the lifetime of a service token begin again; its secret stays."""
    with opened(config) as (_, store):
        ends = _change(store, token, lambda found: life.refresh(found.body, clock()))
    typer.echo(f"it ends at {ends['expires_at']}")


@app.command("change-duration")
def change_duration(
    token: Token,
    duration: Annotated[str, typer.Argument(help="`720h`, `forever`, …, counted from now.")],
    config: Config = DEFAULT,
) -> None:
    """Give a service token another lifetime, counted from now."""
    with opened(config) as (_, store):
        now = clock()
        body = _change(
            store, token, lambda found: life.change_duration(_free(found), duration, now)
        )
    typer.echo(f"it ends at {body['expires_at']}")


@app.command()
def rename(
    token: Token,
    name: Annotated[str, typer.Argument(help="The new name.")],
    config: Config = DEFAULT,
) -> None:
    """Call a service token something else."""
    with opened(config) as (_, store):
        _change(store, token, lambda found: life.rename(_free(found), name))
    typer.echo("renamed")


@app.command()
def enable(token: Token, config: Config = DEFAULT) -> None:
    """Let a disabled service token count again."""
    with opened(config) as (_, store):
        _change(store, token, lambda found: life.enable(_free(found)))
    typer.echo("enabled")


@app.command()
def disable(token: Token, config: Config = DEFAULT) -> None:
    """Accept no secret of a service token until it is enabled again."""
    with opened(config) as (_, store):
        _change(store, token, lambda found: life.disable(_free(found)))
    typer.echo("disabled")


@app.command()
def revoke(token: Token, config: Config = DEFAULT) -> None:
    """Delete a service token, everywhere at once; no rule may still name it."""
    with opened(config) as (_, store):

        def plan(catalogue: Catalogue) -> Sequence[Edit]:
            found = _find(catalogue.objects(Kind.SERVICE_TOKEN), token)
            _free(found)
            return [Delete(Kind.SERVICE_TOKEN, found.id)]

        store.change(ACTOR, plan)
    typer.echo("revoked")


def _change(store: AnyStore, text: str, change: Change) -> life.Body:
    """Change one token; its new body."""
    after: list[life.Body] = []

    def plan(catalogue: Catalogue) -> Sequence[Edit]:
        found = _find(catalogue.objects(Kind.SERVICE_TOKEN), text)
        after.append(change(found))
        return [Put(Kind.SERVICE_TOKEN, found.id, after[-1], source=found.source)]

    store.change(ACTOR, plan)
    return after[-1]


def _find(tokens: Sequence[Object], text: str) -> Object:
    found = [one for one in tokens if text in (one.id, one.body.get("client_id"))]
    found = found or [one for one in tokens if text == one.body.get("name")]
    if not found:
        raise NotFound(f"there is no service token `{text}`", "lychgate service-token list")
    if len(found) > 1:
        raise LychgateError(f"several service tokens are called `{text}`", "name one by its id")
    return found[0]


def _free(found: Object) -> life.Body:
    """The body of a token that the file does not own."""
    if found.source is Source.FILE:
        raise InTheFile(
            f"`{found.body.get('name')}` is in the configuration file",
            "change it there, it counts at once",
        )
    return found.body


def _span(text: str) -> timedelta:
    span = parse_duration(text)
    if span is None or span < timedelta() or span > timedelta(days=366):
        raise LychgateError(f"`{text}` is not a duration up to a year", "write `0s`, `24h`, …")
    return span


def _show_secret(issued: life.Issued, as_json: bool) -> None:
    halves = {"client_id": issued.client_id, "client_secret": issued.secret}
    if as_json:
        typer.echo(json.dumps({**halves, "expires_at": issued.body["expires_at"]}))
        return
    typer.echo(f"CF-Access-Client-Id: {issued.client_id}")
    typer.echo(f"CF-Access-Client-Secret: {issued.secret}")
    typer.echo("Keep the secret now, it is not shown again.", err=True)


def _row(token: Object, last: datetime | None, now: datetime) -> dict[str, Any]:
    return {
        "name": token.body.get("name", ""),
        "id": token.id,
        "client_id": token.body.get("client_id", ""),
        "state": _state(token.body, now),
        "expires_at": f"{life.expires_at(token.body):%Y-%m-%d %H:%M}",
        "last_seen_at": f"{last:%Y-%m-%d %H:%M}" if last else "never",
    }


def _state(body: life.Body, now: datetime) -> str:
    if "client_secret_hash" not in body:
        return "without a secret"
    if not body.get("enabled", True):
        return "disabled"
    return "expired" if life.expires_at(body) <= now else "good"
