"""At the door of an application: judge a known person, and send them on, ask them, or refuse."""

from dataclasses import replace
from datetime import datetime, timedelta

from lychgate.core.admit import (
    Admitted,
    NeedsApproval,
    NeedsPurpose,
    Refused,
    evaluations_needed,
)
from lychgate.core.identity import Identity
from lychgate.core.request import ClientCertificate
from lychgate.core.selectors import Evidence, Login
from lychgate.core.snapshot import CompiledApp, Snapshot
from lychgate.core.urls import AUTHORIZED, app_origin, encode
from lychgate.oauth.admission import Judged
from lychgate.oauth.admission import judge as weigh
from lychgate.oauth.saas_tokens import issuer
from lychgate.pages import DeniedPage, custom_answer, web_link
from lychgate.store.base import AuditEvent, Session
from lychgate.web.asking import ask_purpose
from lychgate.web.browser import browser_hash, team_browser
from lychgate.web.chain import first_hop, is_underway
from lychgate.web.choice import choose_url, log_in
from lychgate.web.errors import NotFound
from lychgate.web.evaluation import ask_all
from lychgate.web.html import html, onward
from lychgate.web.journal import record
from lychgate.web.reply import Reply, page_reply
from lychgate.web.request import WebRequest, Where
from lychgate.web.sealed import Entrance, Purpose, Use, close
from lychgate.web.services import Services
from lychgate.web.terminal.asking import to_terminal


def enter(request: WebRequest, services: Services, entrance: Entrance, session: Session) -> Reply:
    """The next step of somebody who is logged in: on to the application, a question, a refusal."""
    snapshot = services.newest()
    visit = entrance.visit
    if visit.purpose in (Purpose.TEAM, Purpose.TEST, Purpose.GRANT):
        return onward(request, services, snapshot.team.url + visit.path)
    app = snapshot.apps.get(visit.app)
    if app is None:
        raise NotFound("this application does not exist any more")
    needed = evaluations_needed(app)
    if needed and not entrance.evaluations:
        said = ask_all(services, snapshot, needed, session)
        entrance = replace(entrance, evaluations=said)
    match judge(request, services, app, entrance, session).admission:
        case Admitted() as admitted if not admitted.duration and not entrance.fresh:
            return log_in(request, services, visit)
        case Admitted() as admitted:
            return _admitted(request, services, app, entrance, session, admitted)
        case NeedsPurpose() | NeedsApproval() as needs:
            return ask_purpose(request, services, app, entrance, session, needs)
        case Refused() as refused:
            return refuse(request, services, app, entrance, session, refused)


def judge(
    request: WebRequest,
    services: Services,
    app: CompiledApp,
    entrance: Entrance,
    session: Session,
) -> Judged:
    """Ask the policies, then count what the person has already justified or been granted."""
    facts = evidence(request, entrance, session.identity)
    return weigh(services.store, app, facts, session, services.clock())


def evidence(request: WebRequest, entrance: Entrance, identity: Identity) -> Evidence:
    """Everything known of a person at login. On the team domain the certificate is the one that
    the application host saw."""
    certificate = request.certificate
    if request.where is Where.TEAM and entrance.visit.certificate is not None:
        certificate = ClientCertificate(entrance.visit.certificate, valid=True)
    return Evidence(
        ip=request.client_ip,
        country=request.country,
        certificate=certificate,
        login=Login.KNOWN,
        identity=identity,
        evaluations=entrance.evaluations,
    )


def _admitted(
    request: WebRequest,
    services: Services,
    app: CompiledApp,
    entrance: Entrance,
    session: Session,
    admitted: Admitted,
) -> Reply:
    snapshot = services.current()
    if entrance.visit.terminal is not None:
        return to_terminal(request, services, entrance)
    if not is_underway(services, entrance.visit.chain, session.nonce):
        event = _event(services, "login", app, session)
        record(request, services, replace(event, allowed=True, policy=admitted.policy))
        hop = first_hop(services, snapshot, app, entrance.visit, session.nonce)
        if hop is not None and admitted.duration:
            return onward(request, services, hop)
    if entrance.visit.purpose is Purpose.SIGN_ON:
        return _on_to_sign_on(request, services, app, entrance)
    return onward(request, services, hand_over_url(services, snapshot, entrance))


def _on_to_sign_on(
    request: WebRequest, services: Services, app: CompiledApp, entrance: Entrance
) -> Reply:
    """Go on, in this browser, to where an application elsewhere gets its answer."""
    cookie = team_browser(request)
    sealed = close(services, Use.SIGN_ON, entrance.pack(), browser_hash(cookie.value))
    if app.app.saas is None:
        raise NotFound("this application does not sign people on through us any more")
    address = f"{issuer(services.current().team, app.app.saas)}/sign-on"
    return onward(request, services, f"{address}?entrance={sealed}", cookie)


def hand_over_url(services: Services, snapshot: Snapshot, entrance: Entrance) -> str:
    """The address on the application host that gives this browser its cookie, once."""
    nonce = services.token()
    payload = {**entrance.pack(), "o": nonce}
    state = close(services, Use.HANDOVER, payload, entrance.visit.app_session)
    origin = app_origin(snapshot.team, entrance.visit.host)
    return f"{origin}{AUTHORIZED}?nonce={nonce}&state={encode(state)}"


def refuse(
    request: WebRequest,
    services: Services,
    app: CompiledApp,
    entrance: Entrance,
    session: Session,
    refused: Refused,
) -> Reply:
    """Tell somebody who is logged in that they may not enter, in the application's own way."""
    event = _event(services, "refused", app, session)
    reason, policy = refused.reason.value, refused.policy or ""
    record(request, services, replace(event, allowed=False, reason=reason, policy=policy))
    snapshot = services.current()
    deny = app.app.deny
    if web_link(deny.url):
        return onward(request, services, deny.url)
    default = deny.identity_page or snapshot.organization.identity_denied_page
    own_page = snapshot.custom_page("identity_denied", app.app, default)
    if own_page:
        return page_reply(custom_answer(own_page))
    if request.where is Where.APP:
        return html(services, DeniedPage(app.app.name, request.id, session.email, deny.message))
    cookie = team_browser(request)
    page = DeniedPage(
        application=app.app.name,
        request_id=request.id,
        email=session.email,
        message=deny.message,
        switch_url=choose_url(request, services, entrance.visit),
        home_url=snapshot.team.url + "/",
    )
    return html(services, page, cookie)


def _event(services: Services, action: str, app: CompiledApp, session: Session) -> AuditEvent:
    return AuditEvent(
        at=services.clock(),
        action=action,
        email=session.email,
        subject=session.subject,
        session=session.nonce,
        app=app.app.id,
        details={"idp": session.identity.idp_id, "connection": session.identity.idp_type},
    )


def shortest(life: timedelta, ends: datetime | None, now: datetime) -> timedelta:
    """The life of a token that an approval may cut short."""
    return life if ends is None else max(min(life, ends - now), timedelta(seconds=1))
