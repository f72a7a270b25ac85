"""The person's side of RFC 8628: they enter the code a device shows, and allow it or not."""

from dataclasses import dataclass

from lychgate.core.admit import Admitted, NeedsApproval, NeedsPurpose, Refused
from lychgate.core.snapshot import CompiledApp, Snapshot
from lychgate.core.urls import encode
from lychgate.oauth.grants import Asked
from lychgate.oauth.tokens import digest
from lychgate.pages import ConsentPage, DeniedPage, DevicePage, Form, NoticePage
from lychgate.store.base import Session
from lychgate.store.oauthbase import DeviceRequest
from lychgate.web.asking import ask_purpose
from lychgate.web.browser import browser_hash, same_team_browser, team_browser
from lychgate.web.choice import choose_url, log_in
from lychgate.web.csrf import refuse_other_sites
from lychgate.web.errors import InvalidSession
from lychgate.web.html import html
from lychgate.web.oauth.authorization import note_grant
from lychgate.web.oauth.devicegrant import offers_device_flow, read_user_code
from lychgate.web.oauth.judging import judge_of, managed
from lychgate.web.oauth.paths import DEVICE, DEVICE_CONSENT
from lychgate.web.people import team_session
from lychgate.web.reply import Reply
from lychgate.web.request import WebRequest
from lychgate.web.sealed import Entrance, Purpose, Use, Visit, close, open_sealed
from lychgate.web.services import Services

_UNKNOWN = "No device waits with this code. Check it, or start again on the device."
_A_DEVICE = "the device that shows "


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A device request somebody found by its code, and what it is for."""

    code: str
    request: DeviceRequest
    app: CompiledApp
    client: str

    @property
    def shown(self) -> str:
        return f"{self.code[:4]}-{self.code[4:]}"

    @property
    def visit(self) -> Visit:
        return Visit(Purpose.GRANT, f"{DEVICE}?user_code={encode(self.shown)}", self.app.app.id)


def device_form(request: WebRequest, services: Services) -> Reply:
    """GET device: where a person enters the code; a link may have filled it in."""
    return _form(request, services, request.param("user_code")[:20], "")


def _form(request: WebRequest, services: Services, code: str, message: str) -> Reply:
    cookie = team_browser(request)
    sealed = close(services, Use.DEVICE, {}, browser_hash(cookie.value))
    page = DevicePage(Form(DEVICE, (("token", sealed),)), code, message)
    return html(services, page, cookie)


def enter_code(request: WebRequest, services: Services) -> Reply:
    """POST device: log in, then ask whether this device may act for the person."""
    refuse_other_sites(request)
    opened = open_sealed(services, Use.DEVICE, request.field("token"))
    if opened is None or not same_team_browser(request, opened.browser):
        raise InvalidSession("this page is from another browser or was left open too long")
    services.limiter.user_code_tried(request.client_ip)
    snapshot = services.newest()
    waiting = _find(services, snapshot, read_user_code(request.field("user_code")))
    if waiting is None:
        return _form(request, services, "", _UNKNOWN)
    session = team_session(request, services, snapshot)
    if session is None:
        return log_in(request, services, waiting.visit)
    return _known(request, services, waiting, session)


def _find(services: Services, snapshot: Snapshot, code: str) -> _Waiting | None:
    now = services.clock()
    found = services.store.oauth.devices.by_user_code(digest(code), now)
    app = snapshot.apps.get(found.app) if found else None
    if found is None or app is None or not offers_device_flow(app):
        return None
    client = services.store.oauth.clients.get(found.client, now)
    name = client.metadata.get("client_name", "") if client else ""
    return _Waiting(code, found, app, name or "A program without a name")


def _known(request: WebRequest, services: Services, waiting: _Waiting, session: Session) -> Reply:
    judged = judge_of(request, services)(waiting.app, session)
    match judged.admission:
        case Admitted():
            return _ask(request, services, waiting, session)
        case NeedsPurpose() | NeedsApproval() as needs:
            entrance = Entrance(waiting.visit, session.nonce, fresh=False)
            return ask_purpose(request, services, waiting.app, entrance, session, needs)
        case Refused():
            cookie = team_browser(request)
            page = DeniedPage(
                application=waiting.app.app.name,
                request_id=request.id,
                email=session.email,
                message=waiting.app.app.deny.message,
                switch_url=choose_url(request, services, waiting.visit),
            )
            return html(services, page, cookie)


def _ask(request: WebRequest, services: Services, waiting: _Waiting, session: Session) -> Reply:
    cookie = team_browser(request)
    payload = {"c": waiting.code, "n": session.nonce}
    sealed = close(services, Use.CONSENT, payload, browser_hash(cookie.value))
    page = ConsentPage(
        form=Form(DEVICE_CONSENT, (("consent", sealed),)),
        client=waiting.client,
        redirect_host=_A_DEVICE + waiting.shown,
        application=waiting.app.app.name,
        email=session.email,
    )
    return html(services, page, cookie)


def answer_device(request: WebRequest, services: Services) -> Reply:
    """POST device/consent: what the person said."""
    refuse_other_sites(request)
    opened = open_sealed(services, Use.CONSENT, request.field("consent"))
    snapshot = services.newest()
    session = team_session(request, services, snapshot)
    if opened is None or session is None or not same_team_browser(request, opened.browser):
        raise InvalidSession("this page is from another browser or was left open too long")
    if session.nonce != opened.payload["n"] or "c" not in opened.payload:
        raise InvalidSession("somebody else has signed in since this page was opened")
    waiting = _find(services, snapshot, opened.payload["c"])
    if waiting is None:
        return _form(request, services, "", _UNKNOWN)
    if request.field("decision") != "allow":
        services.store.oauth.devices.answer(digest(waiting.code), None, services.clock())
        return html(services, NoticePage("Not allowed", "The device gets no access."))
    return _allow(request, services, waiting, session)


def _allow(request: WebRequest, services: Services, waiting: _Waiting, session: Session) -> Reply:
    judged = judge_of(request, services)(waiting.app, session)
    admitted = judged.admission
    if not isinstance(admitted, Admitted):
        return _known(request, services, waiting, session)
    asked = Asked(waiting.request.client, waiting.request.app, waiting.request.resource)
    grant = managed(services).propose(asked, session, admitted, judged)
    if not services.store.oauth.devices.answer(digest(waiting.code), grant, services.clock()):
        return _form(request, services, "", _UNKNOWN)
    note_grant(request, services, grant, waiting.client, "device")
    return html(services, NoticePage("Allowed", "The device has what it needs. Go back to it."))
