"""GET authorization: log a person in, ask whether the client may act for them, hand out a code."""

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote, urlencode

from lychgate.core.admit import Admitted, NeedsApproval, NeedsPurpose, Refused
from lychgate.core.snapshot import Snapshot
from lychgate.oauth.admission import Judged
from lychgate.oauth.errors import AccessDenied, OAuthError
from lychgate.oauth.grants import Asked
from lychgate.pages import ConsentPage, DeniedPage, Form
from lychgate.store.base import AuditEvent, Session
from lychgate.store.oauthbase import Consent, Grant
from lychgate.web.asking import ask_purpose
from lychgate.web.browser import browser_hash, same_team_browser, team_browser
from lychgate.web.choice import choose_url, log_in
from lychgate.web.csrf import refuse_other_sites
from lychgate.web.errors import InvalidSession
from lychgate.web.html import html
from lychgate.web.journal import record
from lychgate.web.oauth.judging import judge_of, managed
from lychgate.web.oauth.paths import AUTHORIZATION, CONSENT, DECLINE
from lychgate.web.oauth.wish import Complete, Wish, complete, read_wish
from lychgate.web.people import team_session
from lychgate.web.reply import Reply, redirect, see_other
from lychgate.web.request import WebRequest, parse_fields
from lychgate.web.sealed import Entrance, Opened, Purpose, Use, Visit, close, open_sealed
from lychgate.web.services import Services

_JUST_NOW = timedelta(minutes=5)
"""How old a login may be for an application that asks for one each time."""


@dataclass(frozen=True, slots=True)
class _Case:
    """One request: what is wanted, of which application, by whom it would be allowed."""

    snapshot: Snapshot
    wish: Wish
    complete: Complete
    session: Session

    @property
    def consent(self) -> Consent:
        place = self.wish.redirect.place
        return Consent(self.session.subject, self.wish.client.id, self.complete.app.app.id, place)

    @property
    def asks_always(self) -> bool:
        """Whether any program on the visitor's own machine could pass for this client (RFC 8252
        8.6): a port of it and a scheme belong to whoever takes them first."""
        return self.wish.client.localhost_only or not self.wish.redirect.claimed


def authorization(request: WebRequest, services: Services) -> Reply:
    """Answer an authorization request (RFC 6749 4.1.1)."""
    wish = read_wish(request, services, request.params())
    snapshot = services.newest()
    try:
        whole = complete(wish, snapshot)
    except OAuthError as error:
        return redirect(wish.refused(snapshot.team.url, error))
    visit = _visit(wish, whole)
    session = team_session(request, services, snapshot)
    if session is None:
        return log_in(request, services, visit)
    return _known(request, services, _Case(snapshot, wish, whole, session), visit)


def _visit(wish: Wish, whole: Complete) -> Visit:
    path = f"{AUTHORIZATION}?{urlencode(wish.fields, quote_via=quote)}"
    return Visit(Purpose.GRANT, path, whole.app.app.id)


def _known(request: WebRequest, services: Services, case: _Case, visit: Visit) -> Reply:
    app, session = case.complete.app, case.session
    judged = judge_of(request, services)(app, session)
    match judged.admission:
        case Admitted(duration=duration) if not duration and _old(services, session):
            return log_in(request, services, visit)
        case Admitted() as admitted:
            if case.asks_always or not _remembered(services, case):
                return _ask(request, services, case)
            return redirect(_grant(request, services, case, judged, admitted))
        case NeedsPurpose() | NeedsApproval() as needs:
            entrance = Entrance(visit, session.nonce, fresh=False)
            return ask_purpose(request, services, app, entrance, session, needs)
        case Refused() as refused:
            return _denied(request, services, case, visit, refused)


def _old(services: Services, session: Session) -> bool:
    return services.clock() > session.created_at + _JUST_NOW


def _remembered(services: Services, case: _Case) -> bool:
    return services.store.oauth.consents.given(case.consent, services.clock())


def _ask(request: WebRequest, services: Services, case: _Case) -> Reply:
    cookie = team_browser(request)
    payload = {"q": _packed(case.wish), "n": case.session.nonce}
    sealed = close(services, Use.CONSENT, payload, browser_hash(cookie.value))
    page = ConsentPage(
        form=Form(CONSENT, (("consent", sealed),)),
        client=case.wish.client.name,
        redirect_host=case.wish.redirect.shown,
        application=case.complete.app.app.name,
        email=case.session.email,
        localhost_only=case.asks_always,
        form_target=case.wish.redirect.source,
    )
    return html(services, page, cookie)


def _packed(wish: Wish) -> str:
    return urlencode(wish.fields)


def _grant(
    request: WebRequest, services: Services, case: _Case, judged: Judged, admitted: Admitted
) -> str:
    """The address that brings the client its code."""
    wish, whole = case.wish, case.complete
    asked = Asked(wish.client.id, whole.app.app.id, whole.resource)
    grants = managed(services)
    grant = grants.propose(asked, case.session, admitted, judged)
    code = grants.code_for(grant, wish.sent_redirect, whole.challenge)
    note_grant(request, services, grant, wish.client.name, wish.redirect.shown)
    return wish.back(case.snapshot.team.url, [("code", code)])


def note_grant(
    request: WebRequest, services: Services, grant: Grant, name: str, redirect_host: str
) -> None:
    """Write down that a person let a client act for them."""
    event = AuditEvent(
        at=services.clock(),
        action="grant",
        email=grant.email,
        subject=grant.subject,
        session=grant.session,
        app=grant.app,
        allowed=True,
        details={
            "client": grant.client,
            "client_name": name,
            "redirect_host": redirect_host,
            "grant": grant.id,
        },
    )
    record(request, services, event)


def _denied(
    request: WebRequest, services: Services, case: _Case, visit: Visit, refused: Refused
) -> Reply:
    """The page for somebody whom the policies refuse, with a way back to the client.

    Always ours: an application's own page or address knows no way back.
    """
    app, session = case.complete.app.app, case.session
    event = AuditEvent(
        at=services.clock(),
        action="refused",
        email=session.email,
        subject=session.subject,
        session=session.nonce,
        app=app.id,
        policy=refused.policy or "",
        allowed=False,
        reason=refused.reason.value,
        details={"client": case.wish.client.id},
    )
    record(request, services, event)
    cookie = team_browser(request)
    sealed = close(services, Use.DECLINE, {"q": _packed(case.wish)}, browser_hash(cookie.value))
    page = DeniedPage(
        application=app.name,
        request_id=request.id,
        email=session.email,
        message=app.deny.message,
        switch_url=choose_url(request, services, visit),
        back_url=f"{DECLINE}?request={sealed}",
        back_to=case.wish.client.name,
    )
    return html(services, page, cookie)


def decline(request: WebRequest, services: Services) -> Reply:
    """GET decline: back to the client from the page that refused, with `access_denied`."""
    opened = _opened(request, services, Use.DECLINE, request.param("request"))
    wish = _wish_again(request, services, opened)
    error = AccessDenied("the person may not enter this application")
    return redirect(wish.refused(services.newest().team.url, error))


def answer_consent(request: WebRequest, services: Services) -> Reply:
    """POST consent: what the person said, from the page that this browser was shown."""
    refuse_other_sites(request)
    opened = _opened(request, services, Use.CONSENT, request.field("consent"))
    snapshot = services.newest()
    session = team_session(request, services, snapshot)
    if "q" not in opened.payload:
        raise InvalidSession("this is the page of a device, not of a client")
    if session is None or session.nonce != opened.payload["n"]:
        raise InvalidSession("somebody else has signed in since this page was opened")
    wish = _wish_again(request, services, opened)
    try:
        case = _Case(snapshot, wish, complete(wish, snapshot), session)
        if request.field("decision") != "allow":
            raise AccessDenied("the person did not allow it")
    except OAuthError as error:
        return see_other(wish.refused(snapshot.team.url, error))
    return _allowed(request, services, case)


def _allowed(request: WebRequest, services: Services, case: _Case) -> Reply:
    judged = judge_of(request, services)(case.complete.app, case.session)
    admitted = judged.admission
    if not isinstance(admitted, Admitted):
        return see_other(_visit(case.wish, case.complete).path)
    url = _grant(request, services, case, judged, admitted)
    if not case.asks_always:
        now = services.clock()
        app = case.complete.app.app
        life = app.oauth.grant_duration if app.oauth else None
        until = now + (life or admitted.duration)
        services.store.oauth.consents.record(case.consent, now, until)
    return see_other(url)


def _opened(request: WebRequest, services: Services, use: Use, text: str) -> Opened:
    opened = open_sealed(services, use, text)
    if opened is None or not same_team_browser(request, opened.browser):
        raise InvalidSession("this page is from another browser or was left open too long")
    return opened


def _wish_again(request: WebRequest, services: Services, opened: Opened) -> Wish:
    return read_wish(request, services, parse_fields(opened.payload["q"]))
