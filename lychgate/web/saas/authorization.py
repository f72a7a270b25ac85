"""The authorization endpoint: a SaaS application sends a person, and gets an answer about them."""

from collections.abc import Mapping

from lychgate.core.admit import Admitted, NeedsApproval, NeedsPurpose, Refused
from lychgate.core.snapshot import Snapshot
from lychgate.core.urls import app_origin, canonical_host
from lychgate.oauth.admission import Judged
from lychgate.oauth.errors import AccessDenied, InvalidRequest, OAuthError
from lychgate.oauth.grants import Asked, Issued
from lychgate.oauth.saas_claims import MissingClaim, person_claims
from lychgate.oauth.saas_request import (
    AnswerTo,
    AuthorizationRequest,
    Fields,
    answer_to,
    own_origin,
    read_request,
)
from lychgate.oauth.saas_tokens import front_terms, id_token, issuer
from lychgate.store.base import AuditEvent, Session
from lychgate.web.browser import same_team_browser
from lychgate.web.choice import log_in
from lychgate.web.door import enter
from lychgate.web.errors import BadRequest, Forbidden, InvalidSession
from lychgate.web.journal import record
from lychgate.web.people import team_session
from lychgate.web.reply import Reply, redirect
from lychgate.web.request import WebRequest, parse_fields
from lychgate.web.saas.client import Circumstances, Provider, judge_in, provider_of, saas_grants
from lychgate.web.saas.refusals import note_refusal
from lychgate.web.sealed import Entrance, Purpose, Use, Visit, open_sealed
from lychgate.web.services import Services

MAX_QUERY = 4096


class LoginRequired(OAuthError):
    """Nobody is logged in, and nobody may be asked to (OpenID Connect Core 3.1.2.6)."""

    code = "login_required"


class InteractionRequired(OAuthError):
    """The person would have to be asked something, and may not be."""

    code = "interaction_required"


def authorization(request: WebRequest, services: Services) -> Reply:
    """GET authorization: log the person in, as an application of our own would."""
    provider = provider_of(request, services)
    if len(request.query) > MAX_QUERY:
        raise BadRequest("the address is too long")
    fields = request.params()
    address = _address(request, provider, fields)
    try:
        asked = read_request(provider.client, address, fields)
        return _begin(request, services, provider, asked)
    except OAuthError as error:
        return _tell(request, services, provider, address, error)


def sign_on(request: WebRequest, services: Services) -> Reply:
    """GET sign-on: the person is logged in and admitted; give the application its answer."""
    provider = provider_of(request, services)
    opened = open_sealed(services, Use.SIGN_ON, request.param("entrance"))
    session = team_session(request, services, provider.snapshot)
    if opened is None or session is None or not same_team_browser(request, opened.browser):
        raise InvalidSession("the sign-on was begun in another browser, or took too long")
    entrance = Entrance.unpack(opened.payload)
    if entrance.session != session.nonce or entrance.visit.app != provider.app.app.id:
        raise InvalidSession("somebody else has signed in since, or it is another application's")
    fields = parse_fields(entrance.visit.path.partition("?")[2].partition("#")[0])
    address = _address(request, provider, fields)
    try:
        asked = read_request(provider.client, address, fields)
        return _answer(request, services, provider, asked, entrance, session)
    except OAuthError as error:
        return _tell(request, services, provider, address, error)


def _address(request: WebRequest, provider: Provider, fields: Fields) -> AnswerTo:
    try:
        address = answer_to(provider.client, fields)
    except InvalidRequest as error:
        raise BadRequest(error.message) from None
    if own_origin(address.redirect_uri) in _own_origins(provider.snapshot, address.redirect_uri):
        raise BadRequest("`redirect_uri` is an address of the gate's own hosts")
    return address


def _own_origins(snapshot: Snapshot, uri: str) -> tuple[str, ...]:
    host = canonical_host(own_origin(uri).partition("://")[2])
    known = host is not None and snapshot.routes.knows_host(host)
    mine = (app_origin(snapshot.team, host),) if known and host is not None else ()
    return (snapshot.team.url, *mine)


def _tell(
    request: WebRequest,
    services: Services,
    provider: Provider,
    address: AnswerTo,
    error: OAuthError,
) -> Reply:
    """The error, at the client's own address, and one line in the log."""
    note_refusal(request, error)
    members = {"error": error.code, "error_description": error.message}
    return redirect(address.url(issuer(provider.snapshot.team, provider.client), members))


def _begin(
    request: WebRequest, services: Services, provider: Provider, asked: AuthorizationRequest
) -> Reply:
    session = team_session(request, services, provider.snapshot)
    path = f"{request.path}?{request.query}"
    visit = Visit(Purpose.SIGN_ON, path, provider.app.app.id)
    if session is None or _too_old(services, asked, session):
        if asked.silent:
            raise LoginRequired("nobody is logged in, or not recently enough")
        return log_in(request, services, visit)
    entrance = Entrance(visit, session.nonce, fresh=False)
    if asked.silent:
        return _answer(request, services, provider, asked, entrance, session)
    return enter(request, services, entrance, session)


def _too_old(services: Services, asked: AuthorizationRequest, session: Session) -> bool:
    """Whether the application wants the person to log in again."""
    if asked.prompt & {"login", "select_account"}:
        return True
    if asked.max_age is None:
        return False
    age = services.clock() - session.identity.auth_time
    return age.total_seconds() > asked.max_age


def _answer(
    request: WebRequest,
    services: Services,
    provider: Provider,
    asked: AuthorizationRequest,
    entrance: Entrance,
    session: Session,
) -> Reply:
    where = Circumstances.of(request, entrance)
    said = entrance.evaluations or None
    judged = judge_in(services, where, said)(provider.app, session)
    admitted = judged.admission
    stale = not entrance.fresh and _too_old(services, asked, session)
    momentary = isinstance(admitted, Admitted) and not admitted.duration and not entrance.fresh
    if not isinstance(admitted, Admitted) or stale or momentary:
        return _not_yet(request, services, asked, entrance, session, judged)
    try:
        person_claims(provider.client, session.identity, asked.scope)
    except MissingClaim as missing:
        _note(request, services, provider, session, "claim_missing")
        raise Forbidden(missing.message) from None
    members = _members(services, provider, asked, session, judged, where)
    address = asked.answer_to
    return redirect(address.url(issuer(provider.snapshot.team, provider.client), members))


def _not_yet(
    request: WebRequest,
    services: Services,
    asked: AuthorizationRequest,
    entrance: Entrance,
    session: Session,
    judged: Judged,
) -> Reply:
    """Ask, or refuse, on a page of ours; a client that allows no page is told so."""
    if not asked.silent:
        return enter(request, services, entrance, session)
    match judged.admission:
        case Admitted():
            raise LoginRequired("this application asks for a login each time")
        case Refused():
            raise AccessDenied("the policies do not admit this person")
        case NeedsPurpose() | NeedsApproval():
            raise InteractionRequired("the person has to say why, or to be approved")


def _members(
    services: Services,
    provider: Provider,
    asked: AuthorizationRequest,
    session: Session,
    judged: Judged,
    where: Circumstances,
) -> Mapping[str, str]:
    """What the redirect carries: a code, and what this application may get here besides."""
    admitted = judged.admission
    if not isinstance(admitted, Admitted):
        raise AccessDenied("the policies do not admit this person")
    details = {"nonce": asked.nonce, **where.pack()}
    what = Asked(provider.client.client_id, provider.app.app.id, "", " ".join(asked.scope), details)
    members: dict[str, str] = {}
    if asked.wants_code:
        grants = saas_grants(services)
        grant = grants.propose(what, session, admitted, judged)
        uri = asked.answer_to.redirect_uri
        members["code"] = grants.code_for(grant, uri, asked.challenge)
    if asked.wants_access_token or asked.wants_id_token:
        members |= _front(services, asked, what, session, judged, members.get("code", ""))
    return members


def _front(
    services: Services,
    asked: AuthorizationRequest,
    what: Asked,
    session: Session,
    judged: Judged,
    code: str,
) -> Mapping[str, str]:
    issued = _issue_here(services, what, session, judged)
    members: dict[str, str] = {}
    access = issued.access_token if asked.wants_access_token else ""
    if access:
        members |= {"access_token": access, "token_type": "Bearer"}
        members |= {"expires_in": str(issued.expires_in), "scope": issued.grant.scope}
    if asked.wants_id_token:
        members["id_token"] = id_token(issued, asked.nonce, access, code)
    return members


def _issue_here(services: Services, what: Asked, session: Session, judged: Judged) -> Issued:
    """Tokens without a code in the client's hands: a grant of its own, never to be refreshed."""
    admitted = judged.admission
    if not isinstance(admitted, Admitted):
        raise AccessDenied("the policies do not admit this person")
    grants = saas_grants(services, front_terms)
    text = grants.code_for(grants.propose(what, session, admitted, judged), "", "")
    code = grants.code(text, what.client)
    return grants.redeem(text, code, "", "", lambda app, session: judged)


def _note(
    request: WebRequest, services: Services, provider: Provider, session: Session, reason: str
) -> None:
    event = AuditEvent(
        at=services.clock(),
        action="refused",
        email=session.email,
        subject=session.subject,
        session=session.nonce,
        app=provider.app.app.id,
        allowed=False,
        reason=reason,
    )
    record(request, services, event)
