"""Answers one call: who is it, may they, what is asked, and every refusal in the envelope."""

import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from lychgate import tracing
from lychgate.admin.answers import Answer, done, refusal
from lychgate.admin.calls import Call, Office, shown_time
from lychgate.admin.credentials import authenticate
from lychgate.admin.openapi import document
from lychgate.admin.refusals import (
    Refused,
    does_not_compile,
    internal,
    invalid,
    malformed_json,
    no_route,
    not_permitted,
    unavailable,
    wrong_method,
)
from lychgate.admin.routes import ROOT, Route, find
from lychgate.admin.scopes import allows
from lychgate.config.naming import ACCOUNT
from lychgate.errors import InvalidConfiguration
from lychgate.store.base import ApiToken, StoreUnavailable

log = logging.getLogger("lychgate.admin")

_ZONE = re.compile(r"[0-9a-f]{32}")
_MOST_DEPTH = 64

NO_ROUTE = "none"
"""The endpoint and method of a call that fits no route."""

type Limit = Callable[[str], None]
"""Counts a call of a caller; raises Refused over the limit."""
type Count = Callable[[str, str, int, float], None]
"""Counts an answer: method and path as the route table has them, status, seconds."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A call as it came."""

    method: str
    path: str
    """As it was sent, not decoded."""
    query: str
    headers: Mapping[str, tuple[str, ...]]
    body: bytes
    peer: str
    request_id: str


class Api:
    """The whole admin API over an office."""

    def __init__(self, office: Office, strangers: Limit, callers: Limit, count: Count) -> None:
        self._office = office
        self._strangers = strangers
        self._callers = callers
        self._count = count

    def answer(self, incoming: Incoming) -> Answer:
        """The answer to a call; nothing is raised."""
        with tracing.entered(_traceparent(incoming)) as note:
            started = time.perf_counter()
            answer = self._answered(incoming)
            method, endpoint = _named(incoming)
            self._count(method, endpoint, answer.status, time.perf_counter() - started)
            status, request_id = answer.status, incoming.request_id
            note(f"admin {method} {endpoint}", status=status, request_id=request_id)
        return answer

    def _answered(self, incoming: Incoming) -> Answer:
        try:
            return self._carried_out(incoming)
        except Refused as refused:
            return refusal(refused)
        except InvalidConfiguration as error:
            return refusal(does_not_compile(error.problems))
        except StoreUnavailable as error:
            log.error("the store is not available: %s", error.message)
            return refusal(unavailable())
        except Exception:
            event = {"method": incoming.method, "request_id": incoming.request_id}
            log.exception("a call failed", extra={"event": event})
            return refusal(internal())

    def refuse(self, refused: Refused) -> Answer:
        """The answer to a call that could not be read."""
        return refusal(refused)

    def _carried_out(self, incoming: Incoming) -> Answer:
        if incoming.path == f"{ROOT}/openapi.json" and incoming.method in ("GET", "HEAD"):
            return Answer(200, document())
        token = self._authenticated(incoming)
        if incoming.path == f"{ROOT}/user/tokens/verify":
            return done({"id": token.id, "status": "active", **_expiry(token)})
        route, arguments = _routed(incoming)
        if not allows(token.scopes, route.area, route.level):
            raise not_permitted()
        call = Call(
            method=incoming.method,
            path=incoming.path,
            arguments=arguments,
            query=_query(incoming.query),
            body=_json(incoming.body),
            headers=incoming.headers,
            token=token,
            request_id=incoming.request_id,
        )
        return route.handler(call, self._office)

    def _authenticated(self, incoming: Incoming) -> ApiToken:
        now, tokens = self._office.clock(), self._office.store.api_tokens
        try:
            token = authenticate(incoming.headers, tokens, now)
        except Refused:
            self._strangers(incoming.peer)
            raise
        self._callers(token.id)
        tokens.touch(token.id, now)
        return token


def _expiry(token: ApiToken) -> dict[str, str]:
    return {} if token.expires_at is None else {"expires_on": shown_time(token.expires_at)}


def _traceparent(incoming: Incoming) -> str:
    values = incoming.headers.get("traceparent", ())
    return values[0] if len(values) == 1 else ""


def _named(incoming: Incoming) -> tuple[str, str]:
    """Method and path as the route table has them; nothing of the caller's own."""
    try:
        route, _ = _routed(incoming)
    except Refused:
        return NO_ROUTE, NO_ROUTE
    return route.method, route.path


def _routed(incoming: Incoming) -> tuple[Route, dict[str, str]]:
    """The route of a call; another account's path is refused before anything is looked at."""
    head = f"{ROOT}/"
    parts = tuple(incoming.path.removeprefix(head).split("/"))
    if not incoming.path.startswith(head) or len(parts) < 3 or parts[0] not in _SCOPES:
        raise no_route(incoming.path)
    scope, owner, segments = parts[0], parts[1], parts[2:]
    if not (owner == ACCOUNT if scope == "accounts" else _ZONE.fullmatch(owner)):
        raise not_permitted()
    asked = "GET" if incoming.method == "HEAD" else incoming.method
    found = list(find(segments, zone=scope == "zones"))
    for route, arguments in found:
        if route.method == asked:
            return route, arguments
    if not found:
        raise no_route(incoming.path)
    raise wrong_method({route.method for route, _ in found})


_SCOPES = frozenset({"accounts", "zones"})


def _query(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:
        raise invalid("the query cannot be read") from None
    query = dict(pairs)
    if len(query) != len(pairs):
        raise invalid("a member of the query is given twice")
    return query


def _json(body: bytes) -> Any:
    """The body as JSON; an empty one is an empty object."""
    if not body.strip():
        return {}
    try:
        value = json.loads(
            body,
            parse_constant=_refuse,
            parse_float=_finite,
            object_pairs_hook=_once,
        )
    except (ValueError, RecursionError):
        raise malformed_json() from None
    if _depth(value) > _MOST_DEPTH:
        raise malformed_json()
    return value


def _refuse(name: str) -> Any:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(text)
    return number


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _depth(value: Any) -> int:
    """How deep objects and lists are nested, found without recursion."""
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        inner, depth = waiting.pop()
        if isinstance(inner, dict | list):
            deepest = max(deepest, depth)
            members = inner.values() if isinstance(inner, dict) else inner
            waiting.extend((member, depth + 1) for member in members)
    return deepest
