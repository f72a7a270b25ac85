"""Login by one-time PIN: the address, the mailed code, and the form that takes it.

Whoever asks sees the same: whether an address may enter shows neither in the answer nor in the
time it takes. Without a code having been sent, none is right.
"""

from lychgate.core.admit import Refused, admit, evaluations_needed
from lychgate.core.identity import Identity
from lychgate.core.model import IdentityProvider
from lychgate.core.request import ClientCertificate
from lychgate.core.selectors import Evidence, Login
from lychgate.core.snapshot import CompiledApp, Snapshot
from lychgate.core.urls import PREFIX, encode
from lychgate.idp import PIN_TYPE, Profile
from lychgate.idp.onetimepin import (
    LIFE,
    digest,
    entered_code,
    entered_email,
    letter,
    new_code,
)
from lychgate.pages import CodePage, Form
from lychgate.store.base import AuditEvent, PinStatus
from lychgate.web.arrival import arrive
from lychgate.web.browser import browser_hash, same_team_browser, team_browser
from lychgate.web.choice import (
    PIN,
    PROVIDER_GONE,
    choose_url,
    login_page,
    open_visit,
    providers_for,
    with_fragment,
)
from lychgate.web.csrf import refuse_other_sites
from lychgate.web.errors import BadRequest, InvalidSession
from lychgate.web.html import html
from lychgate.web.journal import record
from lychgate.web.reply import Reply, see_other
from lychgate.web.request import WebRequest
from lychgate.web.sealed import PinState, Use, Visit, close, open_sealed
from lychgate.web.services import Services

CODE = PREFIX + "code"
_WITHHELD = {True: "limited", False: "unwelcome"}
"""Why a welcome address gets no mail, and another one."""
_MESSAGES = {
    PinStatus.WRONG: "That account does not have access, or the code is not right.",
    PinStatus.NONE: "That account does not have access, or the code is not right.",
    PinStatus.DEAD: "There were too many wrong codes. Request a new one.",
    PinStatus.EXPIRED: "This code is too old. Request a new one.",
    PinStatus.USED: "This One-Time PIN has already been used. Request a new one.",
}


def send_code(request: WebRequest, services: Services) -> Reply:
    """POST pin: mail a code to an address that may enter; the answer is the same for any."""
    refuse_other_sites(request)
    visit = open_visit(request, services, request.field("visit"))
    visit = with_fragment(visit, request.field("fragment"))
    email = entered_email(request.field("email"))
    if email is None:
        return login_page(request, services, visit, "That does not look like an email address.")
    services.limiter.pin_asked(request.client_ip)
    snapshot = services.newest()
    idp = _pin_provider(snapshot, visit)
    state = PinState(visit, idp.id, services.token(), email)
    _issue(request, services, snapshot, idp, state)
    return see_other(f"{CODE}?pin={encode(_seal(request, services, state))}")


def _pin_provider(snapshot: Snapshot, visit: Visit) -> IdentityProvider:
    for idp in providers_for(snapshot, visit):
        if idp.type == PIN_TYPE:
            return idp
    raise BadRequest(PROVIDER_GONE)


def _seal(request: WebRequest, services: Services, state: PinState) -> str:
    return close(services, Use.PIN, state.pack(), browser_hash(team_browser(request).value))


def _issue(
    request: WebRequest,
    services: Services,
    snapshot: Snapshot,
    idp: IdentityProvider,
    state: PinState,
) -> None:
    now, code = services.clock(), new_code()
    welcome = _may_enter(request, services, snapshot, idp, state)
    hashed = digest(code, state.transaction, _pepper(snapshot))
    kept = services.store.pins.issue(
        transaction=state.transaction,
        email=state.email,
        code_hash=hashed if welcome else services.random(len(hashed)),
        expires_at=now + LIFE,
        now=now,
        per_hour=services.settings.limits.pins_per_hour,
    )
    services.metrics.pin_asked("mailed" if welcome and kept else _WITHHELD[welcome])
    if welcome and kept:
        page = f"{snapshot.team.url}{CODE}?pin={encode(_seal(request, services, state))}"
        link = f"{page}&code={code}"
        services.post.post(letter(state.email, code, snapshot.organization.name, link))


def _pepper(snapshot: Snapshot) -> bytes:
    return snapshot.keyring.sealing[0].secret


def _may_enter(
    request: WebRequest,
    services: Services,
    snapshot: Snapshot,
    idp: IdentityProvider,
    state: PinState,
) -> bool:
    """Whether a policy could admit the address through a code; what nobody knows yet of the
    person counts as absent."""
    identity = Identity(
        subject="",
        email=state.email,
        name="",
        idp_id=idp.id,
        idp_type=idp.type,
        idp_subject=state.email,
        auth_time=services.clock(),
    )
    if state.visit.app:
        app = snapshot.apps.get(state.visit.app)
        return app is not None and _could_admit(request, app, identity, state.visit)
    pending = services.store.approvals.pending_for(state.email, services.clock())
    return bool(pending) or any(
        _could_admit(request, app, identity, state.visit) for app in snapshot.apps.values()
    )


def _could_admit(request: WebRequest, app: CompiledApp, identity: Identity, visit: Visit) -> bool:
    certificate = request.certificate
    if visit.certificate is not None:
        certificate = ClientCertificate(visit.certificate, valid=True)
    needed = evaluations_needed(app)
    for said in (True, False) if needed else (True,):
        evidence = Evidence(
            ip=request.client_ip,
            country=request.country,
            certificate=certificate,
            login=Login.KNOWN,
            identity=identity,
            evaluations=dict.fromkeys(needed, said),
        )
        if not isinstance(admit(app, evidence), Refused):
            return True
    return False


def code_form(request: WebRequest, services: Services) -> Reply:
    """GET code: the form that takes the code. The mail's link fills it in and redeems nothing."""
    state = _open(request, services, request.param("pin"))
    return _code_page(request, services, state, "", entered_code(request.param("code")) or "")


def redeem_code(request: WebRequest, services: Services) -> Reply:
    """POST code: log in with the code."""
    refuse_other_sites(request)
    state = _open(request, services, request.field("pin"))
    services.limiter.code_tried(request.client_ip)
    code = entered_code(request.field("code"))
    if code is None:
        return _code_page(request, services, state, "The code has six digits.")
    snapshot = services.newest()
    idp = _pin_provider(snapshot, state.visit)
    hashed = digest(code, state.transaction, _pepper(snapshot))
    result = services.store.pins.attempt(state.transaction, hashed, services.clock())
    if result.status is PinStatus.OK:
        profile = Profile(subject=result.email, email=result.email, email_verified=True)
        return arrive(request, services, state.visit, idp, profile)
    services.metrics.logged_in(idp.type, f"pin_{result.status}")
    event = AuditEvent(
        services.clock(),
        "login_failed",
        email=state.email,
        app=state.visit.app,
        allowed=False,
        reason=f"pin_{result.status}",
    )
    record(request, services, event)
    return _code_page(request, services, state, _MESSAGES[result.status]).with_status(403)


def _open(request: WebRequest, services: Services, text: str) -> PinState:
    opened = open_sealed(services, Use.PIN, text)
    if opened is None or not same_team_browser(request, opened.browser):
        raise InvalidSession("the code was asked for in another browser, or too long ago")
    return PinState.unpack(opened.payload)


def _code_page(
    request: WebRequest, services: Services, state: PinState, message: str, code: str = ""
) -> Reply:
    snapshot = services.current()
    app = snapshot.apps.get(state.visit.app)
    browser = browser_hash(team_browser(request).value)
    visit = close(services, Use.VISIT, state.visit.pack(), browser)
    page = CodePage(
        form=Form(CODE, (("pin", _seal(request, services, state)),)),
        again=Form(PIN, (("visit", visit), ("email", state.email))),
        email=state.email,
        application=app.app.name if app else snapshot.organization.name,
        message=message,
        code=code,
        back_url=choose_url(request, services, state.visit),
    )
    return html(services, page)
