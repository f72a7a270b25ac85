"""`lychgate logs`: who did what, from the audit log."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from typing import Annotated, Any

import typer

from lychgate.api.base import parse_time
from lychgate.cli.options import DEFAULT, Config, opened
from lychgate.cli.tables import show
from lychgate.clock import clock
from lychgate.core.durations import parse_duration
from lychgate.errors import LychgateError
from lychgate.store.base import AuditEvent, AuditFilter, Kind

_MOST = 100_000


def logs(
    config: Config = DEFAULT,
    user: Annotated[str | None, typer.Option(help="Only of this email.")] = None,
    app: Annotated[str | None, typer.Option(help="Only of this application (name or id).")] = None,
    since: Annotated[
        str | None, typer.Option(help="Not before: `2h` ago, or `2026-05-01T00:00:00Z`.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Not after, written likewise.")] = None,
    action: Annotated[
        list[str] | None, typer.Option(help="Only this, such as `login`; may be repeated.")
    ] = None,
    allowed: Annotated[
        bool | None, typer.Option("--allowed/--refused", help="Only what was allowed, or refused.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=_MOST, help="At most so many.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show logins, refusals, logouts and changes by administrators, newest first."""
    with opened(config) as (_, store):
        names = {one.id: str(one.body.get("name")) for one in store.objects(Kind.APPLICATION)}
        now = clock()
        asked = AuditFilter(
            since=_time(since, now),
            until=_time(until, now),
            actions=tuple(action or ()),
            email=None if user is None else user.lower(),
            allowed=allowed,
            app=None if app is None else _app(app, names),
        )
        found = list(islice(store.audit.walk(asked), limit))
    if as_json:
        for event in found:
            typer.echo(json.dumps(_members(event)))
    else:
        _show(found, names)


def _app(text: str, names: dict[str, str]) -> str:
    """The id of an application; one that is gone is found by its id."""
    found = [id for id, name in names.items() if name == text]
    if len(found) > 1:
        raise LychgateError(f"several applications are called `{text}`", "name one by its id")
    return found[0] if found else text


def _time(text: str | None, now: datetime) -> datetime | None:
    if text is None:
        return None
    ago, at = parse_duration(text), parse_time(text)
    if at is not None:
        return at
    if ago is None:
        raise LychgateError(f"`{text}` is neither a time nor a duration", "write `2h`, or RFC 3339")
    return now - ago


def _members(event: AuditEvent) -> dict[str, Any]:
    members = asdict(event) | {"at": event.at.isoformat(timespec="milliseconds")}
    return {name: value for name, value in members.items() if value not in ("", None, {})}


def _show(found: Sequence[AuditEvent], names: dict[str, str]) -> None:
    rows = []
    for one in found:
        details = one.details
        who = one.email or one.actor or details.get("common_name") or one.ip
        what = names.get(one.app, one.app) or one.target
        verdict = {True: "yes", False: "no", None: ""}[one.allowed]
        reason = " ".join(filter(None, (one.reason, str(details.get("detail") or ""))))
        at = f"{one.at:%Y-%m-%d %H:%M:%S}"
        cells = (at, one.action, str(who), what, verdict, reason, one.request_id)
        rows.append(cells)
    heads = ("time", "action", "who", "application", "allowed", "reason", "request")
    show(heads, rows, {"request"})
