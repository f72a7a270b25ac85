"""The authentication log: logins and refusals, in the shape and with the filters of the service."""

from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from lychgate.admin.answers import Answer, done
from lychgate.admin.calls import Call, Office, shown_time
from lychgate.admin.handler import handler
from lychgate.admin.refusals import invalid
from lychgate.admin.shapes.people import LOG_FILTERS, LogEntry
from lychgate.admin.shapes.shown import every
from lychgate.api.base import parse_time
from lychgate.core.model import AppId
from lychgate.core.snapshot import CompiledApp
from lychgate.store.base import AuditEvent, AuditFilter

ACTIONS = ("login", "refused", "logout", "login_failed", "terminal_login", "bypassed")
_DEFAULT_LIMIT, _MOST = 1000, 10_000
_EQUAL: Mapping[str, str] = {
    "allowed": "allowed",
    "app_type": "app_type",
    "app_uid": "app_uid",
    "country_code": "country",
    "idp": "idp",
    "non_identity": "non_identity",
    "ray_id": "ray_id",
}
"""Filters by equality, and the member of an entry each one looks at."""

type Entry = dict[str, Any]
type Fits = Callable[[Entry], bool]


@handler("list_access_requests", every(LogEntry), asks=LOG_FILTERS)
def access_requests(call: Call, office: Office) -> Answer:
    """List logins, logouts and refusals, newest first unless asked otherwise."""
    query = call.query
    limit = _count(query, "limit", _DEFAULT_LIMIT)
    page, per_page = _count(query, "page", 1), _count(query, "per_page", limit)
    asked = AuditFilter(
        since=_time(query, "since"),
        until=_whole_second(_time(query, "until")),
        actions=ACTIONS,
        app=_only(query, "app_uid"),
        request_id=_only(query, "ray_id"),
        oldest_first=_one_of(query, "direction", ("desc", "asc")) == "asc",
    )
    tests = [_email(query), *(_equal(query, name) for name in _EQUAL)]
    apps = office.snapshot().apps
    entries = (_entry(event, apps) for event in office.store.audit.walk(asked))
    fitting = (entry for entry in entries if all(test(entry) for test in tests))
    some = islice(fitting, (page - 1) * per_page, page * per_page)
    return done([_chosen(entry, query.get("fields")) for entry in islice(some, limit)])


def _only(query: Mapping[str, str], name: str) -> str | None:
    """The value that a filter by equality asks for, which the store can look for itself."""
    return None if query.get(f"{name}Op") == "neq" else query.get(name)


def _entry(event: AuditEvent, apps: Mapping[AppId, CompiledApp]) -> Entry:
    app, details = apps.get(AppId(event.app)), event.details
    return {
        "action": "login" if event.action in ("login", "refused") else event.action,
        "allowed": bool(event.allowed) or (event.allowed is None and event.action != "refused"),
        "app_domain": app.app.domain if app else str(details.get("host", "")),
        "app_name": app.app.name if app else "",
        "app_type": app.app.type.value if app else "",
        "app_uid": event.app,
        "connection": str(details.get("connection") or details.get("idp") or ""),
        "country": event.country,
        "created_at": shown_time(event.at),
        "idp": str(details.get("idp", "")),
        "ip_address": event.ip,
        "non_identity": bool(details.get("service_token")),
        "ray_id": event.request_id,
        "reason": event.reason,
        "service_token_id": str(details.get("service_token", "")),
        "user_email": event.email,
    }


def _chosen(entry: Entry, fields: str | None) -> Entry:
    wanted = set(fields.split(",")) if fields else set(entry)
    return {name: value for name, value in entry.items() if name in wanted}


def _email(query: Mapping[str, str]) -> Fits:
    """A part of the address in its own case; `email_exact` makes it the whole one."""
    text = query.get("email")
    if text is None:
        return _any
    operator = _one_of(query, "emailOp", ("contains", "eq", "neq"))
    exact = operator == "eq" or query.get("email_exact") == "true"
    wanted = operator != "neq"

    def fits(entry: Entry) -> bool:
        address = entry["user_email"]
        return (text == address if exact else text in address) is wanted

    return fits


def _equal(query: Mapping[str, str], name: str) -> Fits:
    text, wanted = query.get(name), _one_of(query, f"{name}Op", ("eq", "neq")) == "eq"
    if text is None:
        return _any
    return lambda entry: (_text(entry[_EQUAL[name]]) == text.lower()) is wanted


def _text(value: Any) -> str:
    return str(value).lower()


def _any(_entry: Entry) -> bool:
    return True


def _one_of(query: Mapping[str, str], name: str, known: tuple[str, ...]) -> str:
    text = query.get(name, known[0])
    if text not in known:
        raise invalid(f"{name} must be one of {', '.join(known)}")
    return text


def _count(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 8 and int(text) > 0):
        raise invalid(f"{name} must be a number from 1")
    return min(int(text), _MOST)


def _time(query: Mapping[str, str], name: str) -> datetime | None:
    text = query.get(name)
    if text is None:
        return None
    found = parse_time(text)
    if found is None:
        raise invalid(f"{name} must be a time such as `2030-01-01T00:00:00Z`")
    return found


def _whole_second(at: datetime | None) -> datetime | None:
    """Times are shown in whole seconds, and the last one asked for belongs to the answer."""
    return at.replace(microsecond=999_999) if at is not None and not at.microsecond else at
