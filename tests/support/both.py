"""Sends each request through both proxies and holds the two answers against each other.

The words are those of the security catalogue: LOGIN, BAD, DENY, UNAV, OK. Every outcome but OK
also means that the origin got nothing, that no application cookie was set, and that the answer
tells nothing of our insides.
"""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lychgate.core.urls import (
    ASSERTION,
    AUTH_COOKIE,
    LOGIN,
    OWNED_HEADERS,
    USER_EMAIL,
    USER_ID,
    is_owned,
)
from tests.support.catalogue import TEAM, Catalogue, Proxy
from tests.support.front import Pairs, Reply, Seen, request_bytes

OF_THE_PROXY = frozenset(
    {
        "x-request-id",
        "x-forwarded-proto",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-envoy-external-address",
        "connection",
    }
)
"""What each proxy says to the origin of itself, and of the connection between them."""
OF_THE_ANSWER = frozenset({"date", "server", "connection", "content-length", "transfer-encoding"})
_MADE_UP = re.compile(r"(CF_AppSession=|CF_Session=|[?&]meta=|[?&]nonce=)[^;&]*")
_CALENDAR = re.compile(r"Expires=[^;]*")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request through one proxy: what the client got, and what the origin."""

    front: str
    reply: Reply
    seen: tuple[Seen, ...]

    def client_view(self) -> tuple[int, list[tuple[str, str]]]:
        """Status and headers, without what is made up for each request."""
        kept = [(n.lower(), v) for n, v in self.reply.headers if n.lower() not in OF_THE_ANSWER]
        return self.reply.status, sorted((name, _comparable(value)) for name, value in kept)

    def origin_view(self) -> list[tuple[str, str, list[tuple[str, str]], bytes]]:
        """Each request as the origin got it, without what the proxy says of itself."""
        return [
            (one.method, one.target, sorted(map(_untimed, told(one, OF_THE_PROXY))), one.body)
            for one in self.seen
        ]

    def refused(self) -> bool:
        """Whether nothing got through: nothing at the origin, no application cookie."""
        given = [one for one in self.reply.all("set-cookie") if one.startswith(AUTH_COOKIE + "=")]
        assert b"Traceback" not in self.reply.raw, self.reply.raw
        return not self.seen and not given

    def is_login(self, audience: str) -> bool:
        """302 to the login page of an application."""
        location = urlsplit(self.reply.header("location") or "")
        kid = parse_qs(location.query).get("kid", [])
        at_team = location.netloc == TEAM and location.path.startswith(LOGIN + "/")
        return self.reply.status == 302 and at_team and kid == [audience] and self.refused()

    def is_bad(self) -> bool:
        """400, or what a proxy's own parser says in its place, or a closed connection."""
        return self.reply.status in (0, 400, 404, 413, 414, 426, 431) and self.refused()

    def is_denied(self, status: int = 403) -> bool:
        """A refusal."""
        return self.reply.status == status and self.refused()


def told(seen: Seen, without: frozenset[str] = frozenset()) -> list[tuple[str, str]]:
    """The headers an origin was told, names in lower case, in order."""
    pairs = [(name.lower(), value) for name, value in seen.headers]
    # Of a body that is none, only one of the proxies says so.
    return [pair for pair in pairs if pair[0] not in without and pair != ("content-length", "0")]


def _comparable(value: str) -> str:
    return _CALENDAR.sub("Expires=…", _MADE_UP.sub(r"\1…", value))


def _untimed(header: tuple[str, str]) -> tuple[str, str]:
    """What each gate mints for a machine by itself may begin a second later behind one proxy."""
    name, value = header
    if name != ASSERTION or "common_name" not in (claims := claims_of(value)):
        return header
    timeless = {key: claim for key, claim in claims.items() if key not in ("iat", "nbf", "exp")}
    return name, json.dumps(timeless, sort_keys=True)


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a token, its signature not looked at."""
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


@dataclass(frozen=True, slots=True)
class Answers:
    """The same request through every proxy."""

    catalogue: Catalogue
    exchanges: tuple[Exchange, ...]

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self.exchanges)

    def same(self) -> None:
        """Clients and origins cannot tell which proxy it was."""
        first, *others = self.exchanges
        for other in others:
            assert first.client_view() == other.client_view(), (first.front, other.front)
            assert first.origin_view() == other.origin_view(), (first.front, other.front)

    def login(self, app: str) -> None:
        """LOGIN for an application."""
        self.login_each(app)
        self.same()

    def login_each(self, app: str) -> None:
        """LOGIN, where one proxy normalises the path a little further than the other."""
        audience = self.catalogue.aud(app)
        for one in self:
            assert one.is_login(audience), (one.front, one.reply, one.seen)
            assert one.reply.header("cache-control") == "no-store"

    def bad(self) -> None:
        """BAD; each proxy's parser may say so in its own way."""
        for one in self:
            assert one.is_bad(), (one.front, one.reply, one.seen)

    def bad_or_login(self, app: str | None = None) -> None:
        """BAD, or LOGIN for an application (for any when none is named)."""
        for one in self:
            kid = parse_qs(urlsplit(one.reply.header("location") or "").query).get("kid", [""])[0]
            audience = kid if app is None else self.catalogue.aud(app)
            assert one.is_bad() or one.is_login(audience), (one.front, one.reply, one.seen)

    def denied(self, status: int = 403) -> None:
        """DENY."""
        for one in self:
            assert one.is_denied(status), (one.front, one.reply, one.seen)
        self.same()

    def ok(self, email: str, app: str) -> tuple[Seen, ...]:
        """OK: the origin's answer, and one assertion, for that person and application."""
        for one in self:
            assert one.reply.status == 200, (one.front, one.reply)
            (seen,) = one.seen
            (assertion,) = seen.all(ASSERTION)
            claims = claims_of(assertion)
            assert claims["aud"] == [self.catalogue.aud(app)]
            assert claims.get("email", claims.get("common_name")) == email
            owned = {USER_EMAIL: claims.get("email"), USER_ID: claims["sub"], ASSERTION: assertion}
            expected = sorted((name, value) for name, value in owned.items() if value)
            assert sorted(pair for pair in told(seen) if is_owned(pair[0])) == expected
        self.same()
        return tuple(one.seen[0] for one in self)

    def passed(self) -> tuple[Seen, ...]:
        """Forwarded, and the origin was told of nobody."""
        for one in self:
            assert one.reply.status == 200, (one.front, one.reply)
            (seen,) = one.seen
            assert not [name for name, _ in told(seen) if is_owned(name)]
            assert not any(AUTH_COOKIE in cookie for cookie in seen.all("cookie"))
        self.same()
        return tuple(one.seen[0] for one in self)


@dataclass(frozen=True, slots=True)
class Both:
    """Both proxies of the running installation."""

    catalogue: Catalogue

    @property
    def fronts(self) -> Mapping[str, Proxy]:
        """The proxies by name."""
        return self.catalogue.fronts

    def send(self, data: bytes, timeout: float = 10.0) -> Answers:
        """The same bytes through each proxy."""
        found = []
        for name, front in self.fronts.items():
            front.clear_log()
            reply = front.send_raw(data, timeout)
            found.append(Exchange(name, reply, front.origin_log()))
        return Answers(self.catalogue, tuple(found))

    def ask(
        self,
        target: str = "/",
        host: str = "a.example",
        headers: Pairs = (),
        method: str = "GET",
        body: bytes = b"",
    ) -> Answers:
        """A request without a session, unless the headers bring one."""
        return self.send(request_bytes(method, target, host, headers, body))

    def ask_as(
        self,
        email: str,
        app: str,
        target: str = "/",
        host: str = "a.example",
        headers: Pairs = (),
        method: str = "GET",
        body: bytes = b"",
    ) -> Answers:
        """A request with somebody's session for an application."""
        return self.ask(target, host, (self.session(email, app), *headers), method, body)

    def session(self, email: str, app: str) -> tuple[str, str]:
        """The Cookie header of somebody's session."""
        return ("Cookie", f"{AUTH_COOKIE}={self.catalogue.token(email, app)}")


def forged(value: str = "forged", names: Sequence[str] = sorted(OWNED_HEADERS)) -> Pairs:
    """Every header that only we may set, as a client would forge them."""
    return tuple((name.title(), value) for name in names)
