"""Codes become grants, grants become tokens, and each refresh asks the policies again.

Managed OAuth and SaaS applications share this; they differ in their `Terms`. Nothing here speaks
HTTP: who asks from where comes in as a `Judge`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from lychgate.core.admit import Admitted
from lychgate.core.model import AppId, Application
from lychgate.core.session import Grounds, Token, app_claims, open_token, seconds, token_life
from lychgate.core.snapshot import CompiledApp, Snapshot
from lychgate.oauth.admission import Judged
from lychgate.oauth.errors import InvalidGrant
from lychgate.oauth.pkce import proves
from lychgate.oauth.tokens import RefreshToken, access_text, digest, read_refresh, refresh_text
from lychgate.store.base import Clock, Session, Store
from lychgate.store.oauthbase import Code, Grant, GrantKind

CODE_LIFE = timedelta(seconds=60)
GRACE = timedelta(seconds=10)
"""How long a client that repeats a refresh gets what the first one got."""
CLIENT_LIFE = timedelta(days=90)
"""How long a registered client is remembered after its last use."""
_TOUCH_EVERY = timedelta(hours=1)
_TRIES = 4
_LEAST = timedelta(seconds=1)

type Judge = Callable[[CompiledApp, Session], Judged]
"""Says whether a person may have a token now, from the facts of the request at hand."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How long what one application grants lasts."""

    access_life: timedelta
    grant_life: timedelta | None = None
    """None: the session duration of the admission."""
    refreshes: bool = True
    """Whether refresh tokens are given."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asks for, on behalf of the person who is logged in."""

    client: str
    app: AppId
    resource: str = ""
    scope: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Issued:
    """Tokens for a client, and what they stand on."""

    grant: Grant
    app: CompiledApp
    session: Session
    snapshot: Snapshot
    now: datetime
    claims: Mapping[str, Any] = field(repr=False)
    """Those of the access token: the application token's, and `grant_id` and `client_id`."""
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    """Empty: this kind of grant has none."""

    @property
    def expires_in(self) -> int:
        """Seconds the access token lasts."""
        return int(self.claims["exp"] - self.claims["iat"])


class Replayed(InvalidGrant):
    """A code or refresh token that was used before; its grant has ended with this."""

    def __init__(self, message: str, grant: Grant, reason: str) -> None:
        super().__init__(message)
        self.grant = grant
        self.reason = reason


class Withheld(InvalidGrant):
    """The person may not have a token any more."""

    def __init__(self, message: str, grant: Grant, reason: str) -> None:
        super().__init__(message)
        self.grant = grant
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Ready:
    now: datetime
    snapshot: Snapshot
    app: CompiledApp
    session: Session
    terms: Terms
    admitted: Admitted
    ends: datetime


@dataclass(frozen=True, slots=True)
class Grants:
    """The grants of one kind.

    `newest` is the snapshot of the store's newest revision, `booked` that and a time that no later
    change overlooks, `moment_after` waits until a second is over, `token` draws an unguessable text
    and `random` bytes. `terms` is None for an application that does not offer this.
    """

    kind: GrantKind
    store: Store
    clock: Clock
    newest: Callable[[], Snapshot]
    booked: Callable[[], tuple[datetime, Snapshot]]
    moment_after: Callable[[int], datetime]
    token: Callable[[], str]
    random: Callable[[int], bytes]
    terms: Callable[[Application], Terms | None]

    def propose(self, asked: Asked, session: Session, admitted: Admitted, judged: Judged) -> Grant:
        """The grant a person just allowed; it exists once its code is redeemed."""
        snapshot = self.newest()
        app = snapshot.apps.get(asked.app)
        terms = None if app is None else self.terms(app.app)
        if terms is None:
            raise InvalidGrant("this application does not offer OAuth any more")
        last = snapshot.revocations.newest(session.subject, session.nonce, asked.app)
        now = self.moment_after(last)
        life = terms.grant_life or token_life(admitted.duration)
        if not admitted.duration:
            life = token_life(admitted.duration)
        return Grant(
            id=self.random(16).hex(),
            kind=self.kind,
            client=asked.client,
            app=asked.app,
            subject=session.subject,
            email=session.email,
            session=session.nonce,
            resource=asked.resource,
            scope=asked.scope,
            created_at=now,
            expires_at=min(now + life, judged.ends or now + life),
            details=asked.details,
        )

    def code_for(self, grant: Grant, redirect_uri: str, challenge: str) -> str:
        """An authorization code, good for one minute and one use.

        `redirect_uri` is empty when the client did not send one.
        """
        text = self.token()
        code = Code(grant, redirect_uri, challenge, self.clock() + CODE_LIFE)
        self.store.oauth.codes.issue(digest(text), code)
        return text

    def code(self, text: str, client: str) -> Code:
        """The code this client may redeem. A second use of it ends what the first one brought."""
        code = self.store.oauth.codes.get(digest(text)) if text else None
        if code is None or code.grant.kind is not self.kind or code.grant.client != client:
            raise InvalidGrant("this authorization code is not one of this client's")
        if code.used_at is not None:
            self._end_replayed(code.grant)
        if self.clock() >= code.expires_at:
            raise InvalidGrant("this authorization code is too old")
        return code

    def redeem(
        self, text: str, code: Code, redirect_uri: str, verifier: str, judge: Judge
    ) -> Issued:
        """Tokens for a code found with `code`; `redirect_uri` may be left out (OAuth 2.1)."""
        if redirect_uri and code.redirect_uri and redirect_uri != code.redirect_uri:
            raise InvalidGrant("the redirect_uri is not the one the code was asked for with")
        if not proves(verifier, code.challenge):
            raise InvalidGrant("the code_verifier is missing or does not fit the code_challenge")
        ready = self._ready(code.grant, judge)
        if not self.store.oauth.codes.redeem(digest(text), code.grant, ready.now):
            self._end_replayed(code.grant)
        self._used(code.grant.client, ready.now)
        return self._issue(code.grant, ready)

    def _end_replayed(self, grant: Grant) -> None:
        self.store.oauth.grants.revoke(grant.id, self.clock())
        raise Replayed("this authorization code was used before", grant, "code_replayed")

    def start(self, grant: Grant, keep: Callable[[Grant, datetime], bool], judge: Judge) -> Issued:
        """Tokens for a grant that came another way than by a code; `keep` writes it once."""
        ready = self._ready(grant, judge)
        if not keep(grant, ready.now):
            raise InvalidGrant("this was used before, or is over")
        self._used(grant.client, ready.now)
        return self._issue(grant, ready)

    def refreshable(self, text: str, client: str) -> tuple[Grant, RefreshToken]:
        """The grant this client may refresh with a token. A token that was followed by another
        long ago, or by two, is in foreign hands: its grant ends."""
        token = read_refresh(text, self.kind, self.newest().keyring)
        grant = None if token is None else self.store.oauth.grants.get(token.grant)
        if token is None or grant is None or grant.client != client:
            raise InvalidGrant("this refresh token is not one of this client's")
        now = self.clock()
        if grant.revoked_at is not None or now >= grant.expires_at:
            raise InvalidGrant("the grant has ended; log in again")
        repeated = grant.rotated_at is not None and now <= grant.rotated_at + GRACE
        if token.generation == grant.generation - 1 and repeated:
            return grant, token
        if token.generation != grant.generation:
            self._end_reused(grant)
        return grant, token

    def _end_reused(self, grant: Grant) -> None:
        self.store.oauth.grants.revoke(grant.id, self.clock())
        raise Replayed("this refresh token was used before", grant, "refresh_token_reused")

    def refresh(self, grant: Grant, token: RefreshToken, judge: Judge) -> Issued:
        """The next tokens of a grant found with `refreshable`, if the person may still have one."""
        ready = self._ready(grant, judge)
        if not ready.admitted.duration:
            raise Withheld("this application asks for a login each time", grant, "no_session")
        rotated = self.store.oauth.grants.rotate(grant.id, token.generation, ready.now, GRACE)
        if rotated is None:
            self._end_reused(grant)
            raise InvalidGrant("the grant has ended; log in again")
        self._used(grant.client, ready.now)
        return self._issue(rotated, ready)

    def revoke(self, text: str, client: str) -> Grant | None:
        """End the grant behind a token of this client; anybody else's changes nothing."""
        keyring = self.newest().keyring
        refresh = read_refresh(text, self.kind, keyring)
        opened = open_token(text, keyring, self.clock()) if refresh is None else None
        id = refresh.grant if refresh else opened.grant if isinstance(opened, Token) else ""
        grant = self.store.oauth.grants.get(id) if id else None
        if grant is None or grant.client != client or grant.kind is not self.kind:
            return None
        ended = self.store.oauth.grants.revoke(grant.id, self.clock())
        return grant if ended else None

    def _ready(self, grant: Grant, judge: Judge) -> _Ready:
        """What the newest configuration says of the grant's person.

        A token must be younger than every change that concerns it, by whole seconds: within the
        same second this waits, and then looks again. The time is booked before the configuration is
        read, so that a token is never younger than a revocation this did not see.
        """
        for _ in range(_TRIES):
            now, snapshot = self.booked()
            app = snapshot.apps.get(grant.app)
            terms = None if app is None else self.terms(app.app)
            if app is None or terms is None:
                raise Withheld("the application does not offer this any more", grant, "no_app")
            session = self._session(grant, snapshot)
            last = max(app.rules_changed_at, _newest(grant, snapshot))
            if last < seconds(now):
                return self._judged(grant, judge(app, session), now, snapshot, session, terms)
            self.moment_after(last)
        raise InvalidGrant("the configuration is changing too fast; try again")

    def _session(self, grant: Grant, snapshot: Snapshot) -> Session:
        session = self.store.sessions.not_ended(grant.session)
        ended = _newest(grant, snapshot) >= seconds(grant.created_at)
        if session is None or ended or session.identity.idp_id not in snapshot.idps:
            raise Withheld("the login behind this grant is over; log in again", grant, "no_session")
        return session

    def _judged(
        self,
        grant: Grant,
        judged: Judged,
        now: datetime,
        snapshot: Snapshot,
        session: Session,
        terms: Terms,
    ) -> _Ready:
        admitted = judged.admission
        if not isinstance(admitted, Admitted):
            reason = getattr(admitted, "reason", None)
            code = reason.value if reason is not None else "not_admitted"
            raise Withheld("the policies do not admit this person now", grant, code)
        ends = min(grant.expires_at, judged.ends or grant.expires_at)
        app = snapshot.apps[grant.app]
        return _Ready(now, snapshot, app, session, terms, admitted, ends)

    def _issue(self, grant: Grant, ready: _Ready) -> Issued:
        snapshot, admitted, session = ready.snapshot, ready.admitted, ready.session
        life = max(min(ready.terms.access_life, ready.ends - ready.now), _LEAST)
        grounds = Grounds(session.nonce, admitted.policy, admitted.facts, session.country or None)
        app = ready.app.app
        claims = app_claims(snapshot.team, app, session.identity, grounds, ready.now, life)
        text, whole = access_text(grant, claims, snapshot.keyring, self.random(12))
        refresh = refresh_text(grant, snapshot.keyring) if ready.terms.refreshes else ""
        return Issued(
            grant=grant,
            app=ready.app,
            session=session,
            snapshot=snapshot,
            now=ready.now,
            claims=whole,
            access_token=text,
            refresh_token=refresh,
        )

    def _used(self, client: str, now: datetime) -> None:
        known = self.store.oauth.clients.get(client, now)
        if known is None or (known.last_used_at and now < known.last_used_at + _TOUCH_EVERY):
            return
        self.store.oauth.clients.used(client, now, now + CLIENT_LIFE)


def _newest(grant: Grant, snapshot: Snapshot) -> int:
    return snapshot.revocations.newest(grant.subject, grant.session, grant.app)
