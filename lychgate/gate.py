"""Answers one request: the shell around `decide` that holds snapshot, clock and keys."""

import hashlib
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any, assert_never
from weakref import ReferenceType, ref

from lychgate.answer import Answer, page_answer
from lychgate.core.certificates import Authorities, Judgement, judge
from lychgate.core.decide import decide
from lychgate.core.decision import (
    Allow,
    Because,
    Challenge,
    Decision,
    Deny,
    HeaderList,
    Mint,
    Reason,
    Redirect,
    Respond,
    Serve,
    SetCookie,
)
from lychgate.core.events import AccessEvent, access_event
from lychgate.core.metadata import match_claims
from lychgate.core.request import Address, ClientCertificate, Request
from lychgate.core.session import (
    APP_SESSION_LIFE,
    Token,
    hash_app_session,
    open_token,
    set_cookie_header,
)
from lychgate.core.snapshot import Snapshot
from lychgate.core.tokens import Rejected, sign
from lychgate.core.urls import (
    APP_SESSION_COOKIE,
    ASSERTION,
    AUTH_COOKIE,
    METADATA,
    METADATA_REQUEST,
    canonical_host,
    encode,
    is_owned,
)
from lychgate.core.values import momentary

log = logging.getLogger("lychgate.gate")

_VERIFIED = 100_000
"""So many signatures are remembered, and at most twice that; each takes a tenth of a kilobyte."""
_READ = 4_000
"""So many tokens are remembered as they were read; reading one again takes a tenth of a check."""
_MINTED = 10_000
_JUDGED = 10_000
_MINT_REUSE = timedelta(seconds=60)
_METADATA_SECONDS = 24 * 60 * 60
"""How old a signed application name may be to `cloudflared`."""


class Memo[K, V]:
    """A bounded dictionary of two halves; the older goes when the newer is full.

    It holds `many` values and at most twice that. No step of it needs a lock: a lost race costs
    work done twice, nothing else.
    """

    def __init__(self, many: int) -> None:
        self._many = many
        self._newer: dict[K, V] = {}
        self._older: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """What is remembered of a key."""
        found = self._newer.get(key)
        return self._older.get(key) if found is None else found

    def put(self, key: K, value: V) -> None:
        """Remember a value."""
        if len(self._newer) >= self._many:
            self._newer, self._older = {}, self._newer
        self._newer[key] = value


@dataclass(frozen=True, slots=True)
class Minted:
    """A token signed for an upstream, when, and when it ends (seconds since 1970)."""

    token: str
    at: datetime
    ends: int

    def serves(self, wanted: int, now: datetime) -> bool:
        """Whether it does for one that is to end at `wanted`: fresh, and never longer-lived."""
        fresh = timedelta(0) <= now - self.at < _MINT_REUSE
        lasts = (self.ends - now.timestamp()) * 2 > self.ends - self.at.timestamp()
        return fresh and lasts and self.ends <= wanted


@momentary
class Forward:
    """Send the request on. Headers to set replace, those to remove go in every copy.

    `path` is the whole target (path and query); `response_cookies` are complete Set-Cookie values
    to add to the answer, `response_headers` replace what the origin says under their names.
    """

    because: Because
    path: str
    set_headers: HeaderList
    remove_headers: tuple[str, ...]
    response_cookies: tuple[str, ...] = ()
    response_headers: HeaderList = ()


@dataclass(frozen=True, slots=True)
class ToCompanion:
    """Send the request to the companion app instead of the origin."""

    because: Because
    set_headers: HeaderList
    remove_headers: tuple[str, ...]


type Outcome = Forward | Answer | ToCompanion

UNAVAILABLE = Answer(
    Because(Reason.ERROR),
    503,
    (("content-type", "text/plain"), ("cache-control", "no-store"), ("retry-after", "5")),
    b"the gate cannot decide right now, please try again in a moment\n",
)
"""What is left to say when a decision failed; nothing in it could fail as well."""


@momentary
class View:
    """The newest configuration, and how long ago the store was last heard of."""

    snapshot: Snapshot
    age: timedelta


class Gate:
    """Judges requests. Safe to call from several threads."""

    def __init__(
        self,
        view: Callable[[], View | None],
        clock: Callable[[], datetime],
        observe: Callable[[AccessEvent], None],
        grace: timedelta,
        country: Callable[[Address], str | None] | None = None,
        read: int = _READ,
    ) -> None:
        self._view = view
        self._clock = clock
        self._observe = observe
        self._grace = grace
        self._country = country
        self._verified: Memo[bytes, str] = Memo(_VERIFIED)
        """The key that signed it, by the digest of a token."""
        self._read: Memo[bytes, Token] = Memo(read)
        self._minted: Memo[tuple[str, ...], Minted] = Memo(_MINTED)
        # Weak, so that the memo keeps no configuration alive that was replaced.
        self._minted_for: ReferenceType[Snapshot] | None = None
        # One pair, so that a judgement never lands in the memo of other authorities.
        self._judged: tuple[Authorities | None, Memo[tuple[bytes, str], Judgement]]
        self._judged = None, Memo(_JUDGED)

    def unobserved(self) -> "Gate":
        """A gate that decides alike and tells nobody: for what was asked, and counted, before."""
        return Gate(self._view, self._clock, lambda _: None, self._grace, self._country)

    def check(self, request: Request) -> Outcome:
        """What the proxy has to do with a request. Never raises: what goes wrong is a refusal."""
        started = perf_counter()
        try:
            return self._check(request, started)
        except Exception:
            log.exception("the decision failed", extra={"request_id": request.id})
            self._note_failure(request, started)
            return _unavailable(request)

    def _check(self, request: Request, started: float) -> Outcome:
        now = self._clock()
        view = self._view()
        if view is None or view.age > self._grace:
            deny = Deny(Because(Reason.STALE), 503)
            answer = page_answer(deny, request, view.snapshot if view else None)
            self._observe(access_event(request, deny, now, perf_counter() - started))
            return answer
        if self._country is not None and request.client_ip is not None:
            request = replace(request, country=self._country(request.client_ip))
        snapshot = view.snapshot
        if request.certificate is not None:
            valid = self._is_valid(request.certificate, request.host, snapshot, now)
            request = replace(request, certificate=replace(request.certificate, valid=valid))
        decision = decide(request, snapshot, self._verifier(snapshot, now), now)
        outcome = self._carry_out(decision, request, snapshot, now)
        self._observe(access_event(request, decision, now, perf_counter() - started))
        asks = METADATA_REQUEST in request.headers
        return self._with_metadata(outcome, request, snapshot, now) if asks else outcome

    def _with_metadata(
        self, outcome: Outcome, request: Request, snapshot: Snapshot, now: datetime
    ) -> Outcome:
        """The outcome with the signed name of its application, whatever the outcome is."""
        claims = match_claims(request, snapshot, now)
        if claims is None or isinstance(outcome, ToCompanion):
            return outcome
        key = ("match", claims["hostname"], claims["aud"], claims["app_hostname"])
        ends = claims["iat"] + _METADATA_SECONDS
        header = (METADATA, self._signed(key, claims, ends, snapshot, now))
        if isinstance(outcome, Answer):
            return replace(outcome, headers=(*outcome.headers, header))
        return replace(outcome, response_headers=(*outcome.response_headers, header))

    def _carry_out(
        self, decision: Decision, request: Request, snapshot: Snapshot, now: datetime
    ) -> Outcome:
        match decision:
            case Allow():
                return self._forward(decision, request, snapshot, now)
            case Redirect():
                return self._redirect(decision, snapshot, now)
            case Challenge() | Deny():
                return page_answer(decision, request, snapshot)
            case Respond(because, status, headers, body):
                return Answer(because, status, headers, body.encode())
            case Serve(because):
                ours = tuple(filter(is_owned, request.headers))
                return ToCompanion(because, (("x-request-id", request.id),), ours)
            case _:
                assert_never(decision)

    def _verifier(self, snapshot: Snapshot, now: datetime) -> Callable[[str], Token | Rejected]:
        def verified(text: str) -> Token | Rejected:
            digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
            known = self._read.get(digest)
            if known is not None and snapshot.keyring.knows(known.kid, now):
                return known
            kid = self._verified.get(digest)
            seen = kid if kid is not None and snapshot.keyring.knows(kid, now) else None
            token = open_token(text, snapshot.keyring, now, seen)
            if isinstance(token, Token):
                self._read.put(digest, token)
                self._verified.put(digest, token.kid)
            return token

        return verified

    def _is_valid(
        self, certificate: ClientCertificate, authority: str, snapshot: Snapshot, now: datetime
    ) -> bool:
        """Whether an authority of the host asked for stands behind a certificate."""
        host = canonical_host(authority)
        authorities = snapshot.authorities.get(host, ()) if host else ()
        if host is None or not authorities:
            return False
        judged_by, judged = self._judged
        if judged_by is not snapshot.authorities:
            judged = Memo(_JUDGED)
            self._judged = snapshot.authorities, judged
        key = hashlib.sha256(certificate.pem.encode("latin-1", "replace")).digest(), host
        known = judged.get(key)
        if known is None or now >= known.until:
            known = judge(certificate, authorities, now)
            judged.put(key, known)
        return known.valid

    def _forward(
        self, allow: Allow, request: Request, snapshot: Snapshot, now: datetime
    ) -> Forward:
        headers, remove = allow.set_headers, allow.remove_headers
        cookie = allow.cookie
        set_cookies: tuple[str, ...] = ()
        if allow.mint is not None:
            token = self._mint(allow.mint, snapshot, now)
            headers = tuple((n, token if n == ASSERTION else v) for n, v in headers)
            if allow.mint.in_cookie_header:
                added = f"{AUTH_COOKIE}={token}"
                cookie = added if cookie is None else f"{cookie}; {added}"
            if allow.mint.cookie is not None:
                kept = replace(allow.mint.cookie, value=token)
                set_cookies = (set_cookie_header(kept, _plain(snapshot), now),)
        if cookie is not None:
            headers = (*headers, ("cookie", cookie))
        elif "cookie" in request.headers:
            remove = (*remove, "cookie")
        return Forward(allow.because, allow.path, headers, remove, set_cookies)

    def _mint(self, mint: Mint, snapshot: Snapshot, now: datetime) -> str:
        return self._signed(mint.key, mint.claims, mint.claims["exp"], snapshot, now)

    def _signed(
        self,
        key: tuple[str, ...],
        claims: Mapping[str, Any],
        ends: int,
        snapshot: Snapshot,
        now: datetime,
    ) -> str:
        if self._minted_for is None or self._minted_for() is not snapshot:
            self._minted, self._minted_for = Memo(_MINTED), ref(snapshot)
        known = self._minted.get(key)
        if known is not None and known.serves(ends, now):
            return known.token
        token = sign(claims, snapshot.keyring.current(now))
        self._minted.put(key, Minted(token, now, ends))
        return token

    def _redirect(self, redirect: Redirect, snapshot: Snapshot, now: datetime) -> Answer:
        headers = [*redirect.headers, ("cache-control", "no-store")]
        location = redirect.location
        if redirect.meta is not None:
            meta = dict(redirect.meta)
            if redirect.new_app_session:
                value = secrets.token_urlsafe(32)
                meta["app_session_hash"] = hash_app_session(value)
                life = int(APP_SESSION_LIFE.total_seconds())
                cookie = SetCookie(APP_SESSION_COOKIE, value, max_age=life)
                headers.append(("set-cookie", set_cookie_header(cookie, _plain(snapshot), now)))
            location += f"&meta={encode(sign(meta, snapshot.keyring.current(now)))}"
        headers.append(("location", location))
        return Answer(redirect.because, 302, tuple(headers), b"")

    def _note_failure(self, request: Request, started: float) -> None:
        deny = Deny(Because(Reason.ERROR), 503)
        try:
            self._observe(access_event(request, deny, self._clock(), perf_counter() - started))
        except Exception:
            log.exception("a failed decision could not be noted")


def _unavailable(request: Request) -> Answer:
    try:
        return page_answer(Deny(Because(Reason.ERROR), 503), request, None)
    except Exception:
        log.exception("the page of a refusal failed")
        return UNAVAILABLE


def _plain(snapshot: Snapshot) -> bool:
    return snapshot.team.url.startswith("http:")
