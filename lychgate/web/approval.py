"""Temporary authentication: where a request stands, and the page on which others approve it."""

from datetime import datetime, timedelta

from lychgate.core.snapshot import CompiledApp, Snapshot
from lychgate.core.urls import PREFIX, app_origin, canonical_host, encode, safe_return
from lychgate.pages import (
    APPROVAL_CHOICES,
    ApprovalPage,
    ApprovalState,
    ApprovePage,
    Form,
    NoticePage,
)
from lychgate.store.base import Approval, AuditEvent, NotAllowed, Session
from lychgate.store.base import NotFound as Gone
from lychgate.web.browser import browser_hash, same_team_browser, team_browser
from lychgate.web.choice import log_in
from lychgate.web.csrf import refuse_other_sites
from lychgate.web.errors import BadRequest, Forbidden, InvalidSession, NotFound
from lychgate.web.html import html
from lychgate.web.journal import record
from lychgate.web.oauth.paths import AUTHORIZATION, DEVICE
from lychgate.web.people import team_session
from lychgate.web.reply import Reply
from lychgate.web.request import WebRequest
from lychgate.web.sealed import Purpose, Use, Visit, close, open_sealed
from lychgate.web.services import Services
from lychgate.web.visits import owner

APPROVE = PREFIX + "approve/"
WAITING = PREFIX + "waiting/"
REQUEST_LIFE = timedelta(hours=24)
"""How long a request stays open."""


def waiting(request: WebRequest, services: Services) -> Reply:
    """GET waiting/<request>: where a request stands, for the one who asked."""
    snapshot = services.newest()
    session = team_session(request, services, snapshot)
    if session is None:
        return log_in(request, services, Visit(Purpose.TEAM, _own_path(request)))
    approval = services.store.approvals.get(request.argument)
    if approval is None or approval.subject != session.subject:
        raise NotFound("there is no such request")
    app = snapshot.apps.get(approval.app)
    granted = approval.granted_until is not None and approval.granted_until > services.clock()
    page = ApprovalPage(
        state=ApprovalState.APPROVED if granted else ApprovalState.WAITING,
        application=app.app.name if app else "",
        email=session.email,
        approvers=tuple(address for group in approval.groups for address in group.emails),
        share_url=f"{snapshot.team.url}{APPROVE}{encode(approval.id)}",
        refresh_url=_own_path(request),
        continue_url=_application_url(request, snapshot, approval),
        until=_clock_time(approval.granted_until),
    )
    return html(services, page)


def _own_path(request: WebRequest) -> str:
    path = f"{request.path}?{request.query}" if request.query else request.path
    return safe_return(path)


def _application_url(request: WebRequest, snapshot: Snapshot, approval: Approval) -> str:
    host, path = request.param("host"), safe_return(request.param("path"))
    if not host and path.startswith((AUTHORIZATION + "?", DEVICE + "?")):
        return snapshot.team.url + path
    # A star of a destination's host stands for any text: only a host may become a link.
    route = owner(snapshot, host, path) if canonical_host(host) == host else None
    if route is None or route.app.app.id != approval.app:
        return snapshot.team.url + "/"
    return app_origin(snapshot.team, host) + path


def _clock_time(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def approve_form(request: WebRequest, services: Services) -> Reply:
    """GET approve/<request>: who asks, for what and why, for an approver who is signed in."""
    snapshot = services.newest()
    session = team_session(request, services, snapshot)
    if session is None:
        return log_in(request, services, Visit(Purpose.TEAM, _own_path(request)))
    approval = _for_approver(services, request.argument, session)
    if approval.granted_until is not None:
        return html(services, NoticePage("Already approved", "Nothing is left to do here."))
    return _approve_page(request, services, snapshot, approval, session, "")


def _for_approver(services: Services, id: str, session: Session) -> Approval:
    approval = services.store.approvals.get(id)
    if approval is None:
        raise NotFound("there is no such request any more")
    listed = any(session.email in group.emails for group in approval.groups)
    if not listed or approval.email == session.email:
        raise Forbidden("you are not among the people who may approve this request")
    return approval


def _approve_page(
    request: WebRequest,
    services: Services,
    snapshot: Snapshot,
    approval: Approval,
    session: Session,
    message: str,
) -> Reply:
    cookie = team_browser(request)
    payload = {"r": approval.id, "n": session.nonce}
    sealed = close(services, Use.APPROVE, payload, browser_hash(cookie.value))
    page = ApprovePage(
        form=Form(APPROVE + encode(approval.id), (("token", sealed),)),
        person=approval.email,
        application=_name(snapshot.apps.get(approval.app)),
        purpose=approval.purpose,
        approver=session.email,
        asked_at=_clock_time(approval.requested_at),
        message=message,
    )
    return html(services, page, cookie)


def _name(app: CompiledApp | None) -> str:
    return app.app.name if app else ""


def approve(request: WebRequest, services: Services) -> Reply:
    """POST approve/<request>: count one approver's answer."""
    refuse_other_sites(request)
    snapshot = services.newest()
    session = _signed(request, services, snapshot)
    approval = _for_approver(services, request.argument, session)
    if request.field("decision") != "approve":
        _note(request, services, approval, session, "approval_refused", None)
        return html(services, NoticePage("Not approved", "Your answer was not counted as a yes."))
    duration = APPROVAL_CHOICES.get(request.field("duration"))
    if duration is None:
        raise BadRequest("that is not one of the durations")
    try:
        now = services.clock()
        updated = services.store.approvals.approve(approval.id, session.email, duration, now)
    except NotAllowed:
        raise Forbidden("you may not approve this request") from None
    except Gone:
        raise NotFound("this request is over or already granted") from None
    _note(request, services, approval, session, "approved", duration)
    granted = updated.granted_until is not None
    text = (
        f"{approval.email} may enter now."
        if granted
        else "Your approval counts; somebody else has to approve as well."
    )
    return html(services, NoticePage("Approved", text))


def _signed(request: WebRequest, services: Services, snapshot: Snapshot) -> Session:
    opened = open_sealed(services, Use.APPROVE, request.field("token"))
    session = team_session(request, services, snapshot)
    if opened is None or session is None or not same_team_browser(request, opened.browser):
        raise InvalidSession("this form is from another browser or was left open too long")
    if opened.payload != {"r": request.argument, "n": session.nonce}:
        raise InvalidSession("this form belongs to another request or another person")
    return session


def _note(
    request: WebRequest,
    services: Services,
    approval: Approval,
    session: Session,
    action: str,
    duration: timedelta | None,
) -> None:
    details = {"for": approval.email, "request": approval.id}
    if duration is not None:
        details["seconds"] = str(int(duration.total_seconds()))
    event = AuditEvent(
        at=services.clock(),
        action=action,
        email=session.email,
        subject=session.subject,
        app=approval.app,
        policy=approval.policy,
        details=details,
    )
    record(request, services, event)
