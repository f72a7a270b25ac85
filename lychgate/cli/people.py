"""`lychgate sessions` and `lychgate users`: who is logged in, and how to end that."""

from typing import Annotated

import typer

from lychgate.cli.options import DEFAULT, Config, opened
from lychgate.cli.tables import show
from lychgate.clock import clock
from lychgate.core.model import AppId
from lychgate.errors import LychgateError
from lychgate.store.base import Kind

sessions = typer.Typer(help="Logins that are still good.", no_args_is_help=True)
users = typer.Typer(help="People who have logged in.", no_args_is_help=True)


@sessions.command("list")
def list_sessions(
    config: Config = DEFAULT,
    email: Annotated[str | None, typer.Option(help="Only of this person.")] = None,
) -> None:
    """List logins, newest first."""
    with opened(config) as (_, store):
        found = store.sessions.live() if email is None else store.sessions.by_email(email)
    rows = []
    for one in found:
        since, until = f"{one.created_at:%Y-%m-%d %H:%M}", f"{one.expires_at:%Y-%m-%d %H:%M}"
        rows.append((one.nonce, one.email, one.identity.idp_type, one.ip, since, until))
    show(("session", "email", "provider", "from", "since", "until"), rows, {"session"})


@sessions.command("revoke")
def revoke_session(
    config: Config = DEFAULT,
    session: Annotated[str | None, typer.Option(help="End this login.")] = None,
    user: Annotated[str | None, typer.Option(help="End every login of this email.")] = None,
    app: Annotated[
        str | None, typer.Option(help="End every token of this application (name or id).")
    ] = None,
) -> None:
    """End a login, all logins of a person, or all tokens of an application, everywhere at once."""
    if sum(one is not None for one in (session, user, app)) != 1:
        raise LychgateError("say what to revoke", "one of --session, --user, --app")
    with opened(config) as (_, store):
        now = clock()
        if session is not None:
            if store.sessions.not_ended(session) is None:
                raise LychgateError(
                    f"there is no login `{session}`", "see `lychgate sessions list`"
                )
            store.revocations.revoke_session(session, now)
        elif user is not None:
            store.revocations.revoke_user(user, now)
        else:
            apps = store.objects(Kind.APPLICATION)
            found = [one.id for one in apps if app in (one.id, one.body.get("name"))]
            if not found:
                raise LychgateError(f"there is no application `{app}`")
            for id in found:
                store.revocations.revoke_app(AppId(id), now)
    typer.echo("revoked")


@users.command("list")
def list_users(
    config: Config = DEFAULT,
    search: Annotated[str, typer.Option(help="Part of an email or name.")] = "",
) -> None:
    """List people who have logged in."""
    with opened(config) as (_, store):
        found = store.users.list(search)
    rows = []
    for one in found:
        last = f"{one.last_login_at:%Y-%m-%d %H:%M}" if one.last_login_at else "never"
        rows.append((one.id, one.email, one.name, last))
    show(("id", "email", "name", "last login"), rows, {"id", "email"})


@users.command("remove")
def remove_user(email: str, config: Config = DEFAULT) -> None:
    """Forget a person and end their sessions; coming back they are somebody new."""
    with opened(config) as (_, store):
        found = store.users.by_email(email.lower())
        if found is None:
            raise LychgateError(f"nobody with the address `{email}` has logged in")
        store.users.delete(found.id, clock())
    typer.echo("removed")
