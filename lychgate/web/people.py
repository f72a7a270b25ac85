"""Who is behind a request to the companion app: the person of the team session, or of a token."""

from dataclasses import dataclass

from lychgate.core.credentials import MAX_COOKIES
from lychgate.core.model import AppId
from lychgate.core.session import Token, TokenType, judge_times, org_audience, read
from lychgate.core.snapshot import CompiledApp, Snapshot
from lychgate.core.tokens import Rejected, verify
from lychgate.core.urls import AUTH_COOKIE
from lychgate.store.base import Session
from lychgate.web.request import WebRequest
from lychgate.web.services import Services


@dataclass(frozen=True, slots=True)
class Holder:
    """A valid token of the request, and the application it is for, if it is for one."""

    token: Token
    app: CompiledApp | None = None


def good_tokens(request: WebRequest, services: Services, snapshot: Snapshot) -> list[Holder]:
    """Every token in the request's cookies that is ours, in time and not revoked."""
    read_ones = [_judge(text, services, snapshot) for text in _candidates(request)]
    return [holder for holder in read_ones if holder is not None]


def _candidates(request: WebRequest) -> list[str]:
    return list(dict.fromkeys(request.cookies(AUTH_COOKIE)))[:MAX_COOKIES]


def _judge(text: str, services: Services, snapshot: Snapshot) -> Holder | None:
    now = services.clock()
    claims = verify(text, snapshot.keyring, now)
    if isinstance(claims, Rejected):
        return None
    token = read(claims)
    if isinstance(token, Rejected) or token.issuer != snapshot.team.url or judge_times(token, now):
        return None
    match token.type:
        case TokenType.ORG if token.audiences == (org_audience(snapshot.organization),):
            holder = Holder(token)
        case TokenType.APP if token.audiences[0] in snapshot.by_audience:
            holder = Holder(token, snapshot.by_audience[token.audiences[0]])
        case _:
            return None
    app: AppId | None = holder.app.app.id if holder.app else None
    return None if snapshot.revocations.cover(token, app) else holder


def team_session(request: WebRequest, services: Services, snapshot: Snapshot) -> Session | None:
    """The login that the team session stands for; None when two people's sessions are mixed.

    A login whose provider no longer exists is over.
    """
    nonces = {
        holder.token.session
        for holder in good_tokens(request, services, snapshot)
        if holder.token.type is TokenType.ORG
    }
    sessions = [live_session(nonce, services, snapshot) for nonce in nonces]
    found = [session for session in sessions if session is not None]
    if len({session.subject for session in found}) != 1:
        return None
    return max(found, key=lambda session: session.created_at)


def live_session(nonce: str, services: Services, snapshot: Snapshot) -> Session | None:
    """A login that is still good, and whose provider still exists."""
    session = services.store.sessions.get(nonce) if nonce else None
    if session is None or session.identity.idp_id not in snapshot.idps:
        return None
    return session
