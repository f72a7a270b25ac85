"""What a request presents, in which order it counts, and what each credential proves.

The order is: service token, `Cf-Access-Token`, bearer token, cookie. A credential of a kind that
is present decides alone: a bad one is never passed over for a better one behind it. Cookies are
the exception, because browsers send those of sibling paths and hosts along: the one that verifies
for the application counts, and two of different people count for nobody.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lychgate.core.bearer import Garbled, bearer
from lychgate.core.decision import Reason
from lychgate.core.model import AppId, ServiceToken
from lychgate.core.request import Request
from lychgate.core.session import OAUTH_PREFIX, Token, TokenType, Verify, bound_to, judge_times
from lychgate.core.snapshot import CompiledApp, Snapshot
from lychgate.core.tokens import Rejected
from lychgate.core.urls import (
    AUTH_COOKIE,
    BINDING_COOKIE,
    CLIENT_ID,
    CLIENT_SECRET,
    TOKEN_HEADER,
    split_cookies,
)
from lychgate.core.values import momentary

MAX_COOKIES = 16
"""So many `CF_Authorization` values of one request are looked at."""
_MAX_SECRET = 256
_MAX_JSON = 2048


@dataclass(frozen=True, slots=True)
class ServicePair:
    """A client id and secret, as presented."""

    client_id: str
    secret: str


class Malformed(StrEnum):
    """Service token headers that are incomplete, repeated, or given in both ways at once."""

    MALFORMED = "malformed"


type Presented = ServicePair | Malformed | None


def service_pair(request: Request, header: str | None) -> Presented:
    """The service token a request presents, by the two headers or the configured single one."""
    ids = request.headers.get(CLIENT_ID, ())
    secrets = request.headers.get(CLIENT_SECRET, ())
    single = _single_header(request, header)
    if single is not None and (ids or secrets):
        return Malformed.MALFORMED
    if not ids and not secrets:
        return single
    if len(ids) != 1 or len(secrets) != 1 or not _plain(ids[0]) or not _plain(secrets[0]):
        return Malformed.MALFORMED
    return ServicePair(ids[0], secrets[0])


def _plain(text: str) -> bool:
    return 0 < len(text) <= _MAX_SECRET and text.isascii() and "," not in text


def _single_header(request: Request, header: str | None) -> Presented:
    values = request.headers.get(header, ()) if header else ()
    ours = [pair for pair in map(_json_pair, values) if pair is not None]
    if not ours:
        return None
    return ours[0] if len(values) == 1 else Malformed.MALFORMED


def holds_service_token(value: str) -> bool:
    """Whether a header value is a JSON object with our keys, and so must not reach the origin."""
    return _json_pair(value) is not None


def _json_pair(value: str) -> ServicePair | Malformed | None:
    if not value.lstrip().startswith("{"):
        return None
    if len(value) > _MAX_JSON:
        return Malformed.MALFORMED if CLIENT_ID in value[:_MAX_JSON].lower() else None
    try:
        # A proxy may have joined two lines into one value: read the first and see what follows.
        pairs, end = _JSON.raw_decode(value.lstrip())
    except (ValueError, RecursionError):
        return None
    names = [name.lower() for name, _ in pairs] if isinstance(pairs, _Pairs) else []
    if CLIENT_ID not in names and CLIENT_SECRET not in names:
        return None
    found = {name.lower(): inner for name, inner in pairs}
    client_id, secret = found.get(CLIENT_ID), found.get(CLIENT_SECRET)
    if value.lstrip()[end:].strip() or len(names) != len(set(names)):
        return Malformed.MALFORMED
    if not isinstance(client_id, str) or not isinstance(secret, str):
        return Malformed.MALFORMED
    if not _plain(client_id) or not _plain(secret):
        return Malformed.MALFORMED
    return ServicePair(client_id, secret)


class _Pairs(list[tuple[str, object]]):
    """A JSON object with its repeated members kept."""


_JSON = json.JSONDecoder(object_pairs_hook=_Pairs)


_NOBODY = hashlib.sha256(b"nobody").digest()


def authenticate(pair: ServicePair, snapshot: Snapshot, now: datetime) -> ServiceToken | None:
    """The service token whose secret this is; the same work is done for an unknown id."""
    token = snapshot.by_client_id.get(pair.client_id)
    digest = hashlib.sha256(pair.secret.encode()).digest()
    current = _NOBODY if token is None else token.secret_hash
    previous = _NOBODY if token is None else token.previous_secret_hash or _NOBODY
    is_current = hmac.compare_digest(digest, current)
    is_previous = hmac.compare_digest(digest, previous)
    if token is None or not token.enabled or now >= token.expires_at:
        return None
    if is_current:
        return token
    ends = token.previous_expires_at
    return token if is_previous and ends is not None and now < ends else None


def why_refused(presented: Presented, snapshot: Snapshot, now: datetime) -> str:
    """For the log: what is wrong with a service token that did not authenticate."""
    if not isinstance(presented, ServicePair):
        return "malformed"
    token = snapshot.by_client_id.get(presented.client_id)
    if token is None:
        return "unknown client id"
    if not token.enabled:
        return "disabled"
    return "expired" if now >= token.expires_at else "wrong secret"


class Via(StrEnum):
    """How an application token came."""

    COOKIE = "cookie"
    HEADER = "header"
    BEARER = "bearer"


@momentary
class Held:
    """A valid token for the application asked for, and its text."""

    token: Token
    text: str
    via: Via


@dataclass(frozen=True, slots=True)
class NoSession:
    """Why there is no session."""

    reason: Reason


_REASONS = {
    Rejected.EXPIRED: Reason.TOKEN_EXPIRED,
    Rejected.REVOKED: Reason.TOKEN_REVOKED,
    Rejected.OUTDATED: Reason.TOKEN_OUTDATED,
    Rejected.BINDING: Reason.BINDING_MISSING,
}


@momentary
class Reader:
    """Judges the tokens of one request for one application."""

    snapshot: Snapshot
    app: CompiledApp
    verify: Verify
    now: datetime

    def session(self, request: Request, cookies: list[tuple[str, str]]) -> Held | NoSession:
        """The session a request presents, or why it has none."""
        header = request.headers.get(TOKEN_HEADER, ())
        if len(header) > 1:
            return _INVALID
        if header:
            return self._bound(self._held(header[0], Via.HEADER), cookies)
        managed = self._managed(request)
        if managed is not None:
            return managed
        found = [
            self._bound(self._held(value, Via.COOKIE), cookies) for value in _candidates(cookies)
        ]
        if len(found) == 1:
            return found[0]
        held = [one for one in found if isinstance(one, Held)]
        if len({(one.token.subject, one.token.common_name) for one in held}) > 1:
            return NoSession(Reason.AMBIGUOUS_SESSION)
        if held:
            return held[0]
        return next((one for one in found if one != _INVALID), found[0] if found else _NONE)

    def _managed(self, request: Request) -> Held | NoSession | None:
        """The session of a managed OAuth token; such a token decides alone, good or bad."""
        text = bearer(request, self.snapshot.keyring)
        if isinstance(text, Garbled):
            return _INVALID
        if text is None or not text.startswith(OAUTH_PREFIX):
            return None
        if self.app.app.oauth is None:
            return _INVALID
        return self._held(text, Via.BEARER, TokenType.OAUTH)

    def _bound(self, held: Held | NoSession, cookies: list[tuple[str, str]]) -> Held | NoSession:
        if isinstance(held, Held) and self.app.app.cookie.binding:
            bound = bound_to(held.token)
            values = [inner for name, inner in cookies if name == BINDING_COOKIE]
            if bound is None or len(values) != 1 or not _binds(values[0], bound):
                return NoSession(Reason.BINDING_MISSING)
        return held

    def _held(self, text: str, via: Via, kind: TokenType = TokenType.APP) -> Held | NoSession:
        token = self.token(text, kind)
        if isinstance(token, Rejected):
            return NoSession(_REASONS.get(token, Reason.TOKEN_INVALID))
        if token.audiences[0] != self.app.app.audience:
            return _INVALID
        if token.issued_at <= self.app.rules_changed_at:
            return NoSession(Reason.TOKEN_OUTDATED)
        return Held(token, text, via)

    def token(self, text: str, kind: TokenType = TokenType.APP) -> Token | Rejected:
        """A token of this installation that is alive, whichever its application."""
        token = self.verify(text)
        if isinstance(token, Rejected):
            return token
        if token.type is not kind:
            return Rejected.TYPE
        if token.issuer != self.snapshot.team.url:
            return Rejected.ISSUER
        app = self.snapshot.by_audience.get(token.audiences[0])
        if app is None:
            return Rejected.AUDIENCE
        if rejected := judge_times(token, self.now):
            return rejected
        return Rejected.REVOKED if self._revoked(token, app.app.id) else token

    def _revoked(self, token: Token, app: AppId) -> bool:
        first = token.linked_from
        if first is not None and self._ended(first, token.linked_at):
            return True
        if _is_service_token(token) and self.service_behind(token) is None:
            return True
        return self.snapshot.revocations.cover(token, app)

    def _ended(self, first: AppId, issued: int) -> bool:
        """Whether what a linked token goes back to is gone, revoked, or older than its policies."""
        source = self.snapshot.apps.get(first)
        if source is None or issued <= source.rules_changed_at:
            return True
        return self.snapshot.revocations.ended(first, issued)

    def service_behind(self, token: Token) -> ServiceToken | None:
        """The service token that a machine's application token stands for, while it is good."""
        service = self.snapshot.by_client_id.get(token.common_name)
        if service is None or not _is_service_token(token):
            return None
        return service if service.enabled and self.now < service.expires_at else None

    def linked(self, request: Request) -> Held | None:
        """The token of another application, in `Cf-Access-Token` or (SaaS) as bearer.

        A rule must still accept it.
        """
        if TOKEN_HEADER in request.headers:
            text, kind, via = request.header(TOKEN_HEADER), TokenType.APP, Via.HEADER
        else:
            text = self._other_bearer(request)
            kind, via = TokenType.SAAS, Via.BEARER
        token = None if text is None else self.token(text, kind)
        if token is None or text is None or isinstance(token, Rejected):
            return None
        source = self.snapshot.by_audience[token.audiences[0]]
        if source.app.id == self.app.app.id or token.issued_at <= source.rules_changed_at:
            return None
        return Held(token, text, via)

    def _other_bearer(self, request: Request) -> str | None:
        """A bearer token that is not one of managed OAuth: that one is never an application's."""
        text = bearer(request, self.snapshot.keyring)
        return text if isinstance(text, str) and not text.startswith(OAUTH_PREFIX) else None


_NONE = NoSession(Reason.NO_SESSION)
_INVALID = NoSession(Reason.TOKEN_INVALID)


def _is_service_token(token: Token) -> bool:
    return token.claims.get("service_token_status") is True


def _candidates(cookies: list[tuple[str, str]]) -> Sequence[str]:
    values = [value for name, value in cookies if name == AUTH_COOKIE]
    return values if len(values) < 2 else list(dict.fromkeys(values))[:MAX_COOKIES]


def _binds(value: str, bound: str) -> bool:
    digest = hashlib.sha256(value.encode("latin-1", "replace")).hexdigest()
    return hmac.compare_digest(digest.encode(), bound.encode("ascii", "replace"))


def split(request: Request) -> list[tuple[str, str]]:
    """The cookies of a request."""
    return split_cookies(request.headers)
