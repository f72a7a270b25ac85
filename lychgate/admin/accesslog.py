"""The authentication log: logins and refusals, in the shape and with the filters of the service."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from lychgate.admin.answers import Answer, done
from lychgate.admin.calls import Call, Office, shown_time
from lychgate.admin.refusals import invalid
from lychgate.api.base import parse_time
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


def access_requests(call: Call, office: Office) -> Answer:
    """GET access_requests: a bare list, newest first unless asked otherwise."""
    query = call.query
    limit = _count(query, "limit", _DEFAULT_LIMIT)
    asked = AuditFilter(
        since=_time(query, "since"),
        until=_whole_second(_time(query, "until")),
        actions=ACTIONS,
        limit=_MOST,
    )
    tests = [_email(query), *(_equal(query, name) for name in _EQUAL)]
    entries = [_entry(event, office) for event in office.store.audit.query(asked)]
    fitting = [entry for entry in entries if all(test(entry) for test in tests)]
    if _one_of(query, "direction", ("desc", "asc")) == "asc":
        fitting.reverse()
    page, per_page = _count(query, "page", 1), _count(query, "per_page", limit)
    some = fitting[(page - 1) * per_page : page * per_page][:limit]
    return done([_chosen(entry, query.get("fields")) for entry in some])


def _entry(event: AuditEvent, office: Office) -> Entry:
    app = office.snapshot().apps.get(event.app)  # type: ignore[call-overload]  # ids are texts
    details = event.details
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
    text = query.get("email")
    if text is None:
        return _any
    operator = _one_of(query, "emailOp", ("contains", "eq", "neq"))
    if query.get("email_exact") == "true":
        operator = "eq"
    match operator:
        case "eq":
            return lambda entry: bool(entry["user_email"] == text)
        case "neq":
            return lambda entry: bool(entry["user_email"] != text)
        case _:
            return lambda entry: text in entry["user_email"]


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
