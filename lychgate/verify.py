"""Checks the assertion inside an origin: who came through the gate, or why nobody is believed.

For applications behind the gate, ASGI and WSGI alike. It needs PyJWT and the standard library,
and of this package nothing but the root of its errors.
"""

import asyncio
import http.client
import json
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import jwt

from lychgate.errors import LychgateError

HEADER = "cf-access-jwt-assertion"
CERTS = "/cdn-cgi/access/certs"
KEY = "lychgate.assertion"
"""Where the middleware leaves the `Assertion`: a member of the ASGI scope or WSGI environment."""
LEEWAY = 30
"""Seconds by which the clocks of gate and origin may differ."""
REFETCH_PAUSE = 30.0
"""Seconds between two fetches that unknown key ids cause."""
KEYS_AGE = 3600.0
"""Seconds after which the keys are read again even if every key id is known."""
_FIRST_PAUSE = 1.0
_TIMEOUT = 5.0
_MAX_TOKEN = 8192
_MAX_DOCUMENT = 1 << 20
_MAX_KEYS = 100
_ALGORITHM = "RS256"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

log = logging.getLogger("lychgate.verify")

type Fetch = Callable[[str], bytes]
"""Gets the body of a URL, or raises OSError."""


class NotVerified(LychgateError):
    """A request whose assertion is missing or does not prove anything here."""

    code = "not_verified"
    status = 403


class MissingAssertion(NotVerified):
    """The request carries no assertion, so it did not come through the gate."""

    code = "assertion_missing"


class InvalidAssertion(NotVerified):
    """The assertion is not a token of this team for this application."""

    code = "assertion_invalid"


class ExpiredAssertion(NotVerified):
    """The assertion is genuine, but its time is over or has not come."""

    code = "assertion_expired"


class KeysUnavailable(NotVerified):
    """The team's public keys cannot be read, so nothing can be verified."""

    code = "keys_unavailable"
    status = 503


@dataclass(frozen=True, slots=True)
class Assertion:
    """What the gate says of a request, verified. Times are seconds since 1970."""

    subject: str
    """The person's id; empty for a machine."""
    email: str
    """The person's address; empty for a machine."""
    common_name: str
    """The machine: a service token's client id or a certificate's name; empty for a person."""
    audience: str
    """Which of the accepted AUD tags it was made for."""
    issued_at: int
    expires_at: int
    claims: Mapping[str, Any] = field(repr=False)
    """Everything it says: `groups`, `custom`, `country`, …"""

    @property
    def is_person(self) -> bool:
        """Whether a person stands behind the request, not a machine."""
        return self.subject != ""


def fetch(url: str) -> bytes:
    """Get a URL with the standard library: no redirects, no proxies, bounded in size and time."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT)
    try:
        connection.request("GET", parts.path, headers={"accept": "application/json"})
        response = connection.getresponse()
        body = response.read(_MAX_DOCUMENT + 1)
    except http.client.HTTPException as error:
        raise OSError(f"no proper HTTP answer: {type(error).__name__}") from None
    finally:
        connection.close()
    if response.status != 200:
        raise OSError(f"the answer was {response.status}, not 200")
    if len(body) > _MAX_DOCUMENT:
        raise OSError("the answer is too large")
    return body


class TeamKeys:
    """The team's public keys by `kid`, kept between requests. Safe to use from several threads.

    An unknown `kid` reads them again, at most every `REFETCH_PAUSE`: rotation shows at once, and
    made-up ids cannot make this fetch more. A failed read keeps what was known.
    """

    def __init__(
        self, url: str, get: Fetch = fetch, clock: Callable[[], float] = time.time
    ) -> None:
        self._url = url
        self._get = get
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._read_at = 0.0
        self._tried_at = 0.0

    def at_hand(self, kid: str) -> jwt.PyJWK | None:
        """The key of that id, if it is known and nothing has to be read."""
        return None if self._stale() else self._keys.get(kid)

    def key(self, kid: str) -> jwt.PyJWK:
        """The key of that id, read from the team when need be."""
        found = self.at_hand(kid)
        if found is not None:
            return found
        with self._lock:
            if self._stale() or kid not in self._keys:
                self._read()
        found = self._keys.get(kid)
        if found is not None:
            return found
        if not self._keys:
            raise KeysUnavailable(f"the keys at `{self._url}` cannot be read", "try again soon")
        raise InvalidAssertion("the assertion is signed with a key the team does not have")

    def _stale(self) -> bool:
        return self._clock() - self._read_at > KEYS_AGE

    def _read(self) -> None:
        now = self._clock()
        pause = REFETCH_PAUSE if self._keys else _FIRST_PAUSE
        if now - self._tried_at < pause:
            return
        self._tried_at = now
        try:
            keys = _read_keys(self._get(self._url))
        except (OSError, ValueError, RecursionError) as error:
            log.warning("the team's keys cannot be read: %s", error)
            return
        self._keys, self._read_at = keys, now


def _read_keys(body: bytes) -> Mapping[str, jwt.PyJWK]:
    """The usable keys of a JSON Web Key Set (RFC 7517); entries of other kinds are passed over."""
    document = json.loads(body)
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("the document holds no list of keys")
    found: dict[str, jwt.PyJWK] = {}
    for entry in entries[:_MAX_KEYS]:
        if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str):
            continue
        if entry.get("kty") != "RSA" or entry.get("alg", _ALGORITHM) != _ALGORITHM:
            continue
        try:
            found[entry["kid"]] = jwt.PyJWK(entry, _ALGORITHM)
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
    if not found:
        raise ValueError("the document holds no usable key")
    return found


class Verifier:
    """Verifies assertions of one team for one application, or for several by their AUD tags."""

    def __init__(
        self,
        team_url: str,
        audience: str | Collection[str],
        leeway: float = LEEWAY,
        get: Fetch = fetch,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._issuer = _origin(team_url)
        self._audiences = frozenset([audience] if isinstance(audience, str) else audience)
        if not self._audiences or "" in self._audiences:
            raise ValueError("name the AUD tag of the application")
        self._leeway = leeway
        self._clock = clock
        self._keys = TeamKeys(self._issuer + CERTS, get, clock)

    def verify(self, token: str) -> Assertion:
        """The assertion in a token; raises a `NotVerified` that says what is wrong with it."""
        return self._judge(token, self._keys.key(_kid(token)))

    async def verify_async(self, token: str) -> Assertion:
        """As `verify`; keys are read in a thread, so that the event loop never waits."""
        kid = _kid(token)
        key = self._keys.at_hand(kid)
        if key is None:
            key = await asyncio.to_thread(self._keys.key, kid)
        return self._judge(token, key)

    def _judge(self, token: str, key: jwt.PyJWK) -> Assertion:
        try:
            claims: dict[str, Any] = jwt.decode(token, key, [_ALGORITHM], options=_SIGNATURE_ONLY)
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            raise InvalidAssertion("the signature of the assertion is not the team's") from None
        if claims.get("iss") != self._issuer:
            raise InvalidAssertion("the assertion comes from another team")
        if claims.get("type") != "app":
            raise InvalidAssertion("the token is not an assertion for an application")
        audience = self._audience(claims.get("aud"))
        issued, expires = self._times(claims)
        return Assertion(
            subject=_text(claims, "sub"),
            email=_text(claims, "email"),
            common_name=_text(claims, "common_name"),
            audience=audience,
            issued_at=issued,
            expires_at=expires,
            claims=claims,
        )

    def _audience(self, value: object) -> str:
        audiences = value if isinstance(value, list) else [value]
        for one in audiences:
            if isinstance(one, str) and one in self._audiences:
                return one
        raise InvalidAssertion("the assertion was made for another application")

    def _times(self, claims: Mapping[str, Any]) -> tuple[int, int]:
        issued, expires = _moment(claims, "iat"), _moment(claims, "exp")
        begins = _moment(claims, "nbf") if "nbf" in claims else issued
        now = self._clock()
        if now >= expires + self._leeway:
            raise ExpiredAssertion("the assertion has expired")
        if max(issued, begins) > now + self._leeway:
            raise ExpiredAssertion("the assertion is not valid yet", "compare the clocks")
        return issued, expires


_SIGNATURE_ONLY: Any = {
    "verify_signature": True,
    **{f"verify_{name}": False for name in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")},
}
"""Claims are judged here, so that each failure has its own words."""


def _origin(url: str) -> str:
    """The team's origin, which is the issuer of its tokens: no path, no slash at the end."""
    parts = urlsplit(url)
    plain = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not parts.hostname or not (parts.scheme == "https" or plain):
        raise ValueError("the team's URL must be https, as https://login.example.com")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
        raise ValueError("the team's URL is an origin: no path, query or name in it")
    return f"{parts.scheme}://{parts.netloc}"


def _kid(token: str) -> str:
    """The key id in a token's header, before anything is believed; refuses what is no JWT."""
    if not token:
        raise MissingAssertion("the request carries no assertion", "it came around the gate")
    if len(token) > _MAX_TOKEN or token.count(".") != 2 or not token.isascii():
        raise InvalidAssertion("the assertion is not a token")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        raise InvalidAssertion("the assertion is not a token") from None
    kid = header.get("kid")
    if header.get("alg") != _ALGORITHM or not isinstance(kid, str) or "crit" in header:
        raise InvalidAssertion("the assertion is not signed as the team signs")
    return kid


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name, "")
    return value if isinstance(value, str) else ""


def _moment(claims: Mapping[str, Any], name: str) -> int:
    value = claims.get(name)
    if type(value) is not int or not 0 <= value < 1 << 40:
        raise InvalidAssertion("the assertion does not say how long it is valid")
    return value


def _single(values: Iterable[str]) -> str:
    """The one value of the header; two are refused, for nobody knows which one is meant."""
    found = list(values)
    if len(found) > 1:
        raise InvalidAssertion("the request carries several assertions")
    return found[0] if found else ""


def _problem(error: NotVerified) -> bytes:
    return json.dumps({"error": error.code, "message": error.message}).encode()


type _Asgi = Callable[[Any, Any, Any], Awaitable[None]]
type _Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class AsgiVerifier:
    """ASGI middleware: only verified requests and WebSockets reach the application.

    The application finds the `Assertion` in `scope["lychgate.assertion"]`. Paths in `open_paths`
    (for a health check, or what a Bypass policy covers) pass without one.
    """

    def __init__(self, app: _Asgi, verifier: Verifier, open_paths: Collection[str] = ()) -> None:
        self._app = app
        self._verifier = verifier
        self._open = frozenset(open_paths)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one connection."""
        if scope["type"] == "lifespan" or scope["path"] in self._open:
            await self._app(scope, receive, send)
            return
        try:
            token = _single(v.decode("latin-1") for k, v in scope["headers"] if k.lower() == _RAW)
            assertion = await self._verifier.verify_async(token)
        except NotVerified as error:
            await _refuse(error, scope, send)
            return
        await self._app({**scope, KEY: assertion}, receive, send)


_RAW = HEADER.encode()


async def _refuse(error: NotVerified, scope: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": error.code})
        return
    body = _problem(error)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class WsgiVerifier:
    """WSGI middleware: only verified requests reach the application.

    The application finds the `Assertion` in `environ["lychgate.assertion"]`. Servers join a
    repeated header with a comma, which no token holds, so two assertions are refused here too.
    """

    def __init__(self, app: _Wsgi, verifier: Verifier, open_paths: Collection[str] = ()) -> None:
        self._app = app
        self._verifier = verifier
        self._open = frozenset(open_paths)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        if environ.get("PATH_INFO", "") in self._open:
            return self._app(environ, start_response)
        try:
            assertion = self._verifier.verify(str(environ.get(_VARIABLE, "")))
        except NotVerified as error:
            body = _problem(error)
            words = "Service Unavailable" if error.status == 503 else "Forbidden"
            headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
            headers.append(("Content-Length", str(len(body))))
            start_response(f"{error.status} {words}", headers)
            return [body]
        return self._app({**environ, KEY: assertion}, start_response)


_VARIABLE = "HTTP_CF_ACCESS_JWT_ASSERTION"
