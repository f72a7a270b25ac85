"""The login page: the ways to sign in that a visit allows, or straight to the only one."""

from dataclasses import replace

from lychgate.core.model import IdentityProvider, IdpId
from lychgate.core.snapshot import Snapshot
from lychgate.core.urls import CALLBACK, PREFIX, encode, safe_return
from lychgate.idp import PIN_TYPE
from lychgate.idp.base import Attempt, Failure, LoginFailed, LoginMethod, Redirection
from lychgate.pages import ErrorPage, Form, LoginPage, Provider, ProviderDownPage
from lychgate.store.base import AuditEvent, Kind
from lychgate.web.browser import browser_hash, same_team_browser, team_browser
from lychgate.web.errors import BadRequest, InvalidSession
from lychgate.web.html import html
from lychgate.web.journal import record
from lychgate.web.reply import Reply, redirect
from lychgate.web.request import WebRequest
from lychgate.web.sealed import LoginState, Purpose, Use, Visit, close, open_sealed
from lychgate.web.services import Services

CHOOSE = PREFIX + "choose"
START = PREFIX + "start/"
PIN = PREFIX + "pin"
NOT_SIGNED_IN = "You are not signed in"
PROVIDER_GONE = "this way to sign in is not available any more; please start again"


def providers_for(snapshot: Snapshot, visit: Visit) -> tuple[IdentityProvider, ...]:
    """The identity providers a visit may use, in the order they were configured."""
    app = snapshot.apps.get(visit.app)
    allowed = app.app.allowed_idps if app else ()
    return tuple(idp for id, idp in snapshot.idps.items() if not allowed or id in allowed)


def goes_straight(snapshot: Snapshot, visit: Visit) -> IdentityProvider | None:
    """The only provider, when the page is to be skipped for it; a mailed code needs the page."""
    providers = providers_for(snapshot, visit)
    app = snapshot.apps.get(visit.app)
    wanted = snapshot.organization.auto_redirect_to_identity or (
        app is not None and app.app.auto_redirect_to_identity
    )
    if not wanted or len(providers) != 1 or providers[0].type == PIN_TYPE:
        return None
    return providers[0]


def log_in(request: WebRequest, services: Services, visit: Visit) -> Reply:
    """Start a login: the page, or the only provider at once."""
    only = goes_straight(services.current(), visit)
    if only is not None and request.method in ("GET", "HEAD"):
        return begin(request, services, visit, only)
    return login_page(request, services, visit)


def login_page(request: WebRequest, services: Services, visit: Visit, message: str = "") -> Reply:
    """The choice of ways to sign in."""
    snapshot = services.current()
    cookie = team_browser(request)
    sealed = close(services, Use.VISIT, visit.pack(), browser_hash(cookie.value))
    providers = providers_for(snapshot, visit)
    app = snapshot.apps.get(visit.app)
    has_pin = any(idp.type == PIN_TYPE for idp in providers)
    page = LoginPage(
        application=app.app.name if app else snapshot.organization.name,
        providers=tuple(
            Provider(idp.name, f"{START}{encode(idp.id)}?visit={sealed}", idp.type)
            for idp in providers
            if idp.type != PIN_TYPE
        ),
        pin=Form(PIN, (("visit", sealed),)) if has_pin else None,
        message=message,
        logo_url=app.app.logo_url if app else "",
    )
    return html(services, page, cookie)


def choose_url(request: WebRequest, services: Services, visit: Visit) -> str:
    """The login page for a visit under way, whatever session there is; good in this browser."""
    cookie = team_browser(request)
    sealed = close(services, Use.VISIT, visit.pack(), browser_hash(cookie.value))
    return f"{CHOOSE}?visit={sealed}"


def choose(request: WebRequest, services: Services) -> Reply:
    """GET choose: the login page again, to sign in another way or as somebody else."""
    return login_page(request, services, open_visit(request, services, request.param("visit")))


def start(request: WebRequest, services: Services) -> Reply:
    """GET start/<provider>: off to an identity provider."""
    visit = open_visit(request, services, request.param("visit"))
    visit = with_fragment(visit, request.param("fragment"))
    snapshot = services.newest()
    for idp in providers_for(snapshot, visit):
        if idp.id == IdpId(request.argument) and idp.type != PIN_TYPE:
            return begin(request, services, visit, idp)
    raise BadRequest(PROVIDER_GONE)


def open_visit(request: WebRequest, services: Services, text: str) -> Visit:
    """The visit that a page of ours carries, if it was made for this browser and not long ago."""
    opened = open_sealed(services, Use.VISIT, text)
    if opened is None or not same_team_browser(request, opened.browser):
        raise InvalidSession("the login page was left open too long, or is from another browser")
    return Visit.unpack(opened.payload)


def with_fragment(visit: Visit, fragment: str) -> Visit:
    """The visit with the fragment that only the browser knew."""
    if not fragment.startswith("#"):
        return visit
    whole = visit.path.partition("#")[0] + fragment
    return replace(visit, path=whole) if safe_return(whole) == whole else visit


def begin(request: WebRequest, services: Services, visit: Visit, idp: IdentityProvider) -> Reply:
    """Send the visitor to the provider, with a state that only this browser can come back with."""
    cookie = team_browser(request)
    state = LoginState(visit, idp.id, services.token(), services.token())
    sealed = close(services, Use.STATE, state.pack(), browser_hash(cookie.value))
    attempt = attempt_of(services, idp, state, sealed)
    method = method_of(services, idp)
    match method.begin(attempt, services.outbound, services.clock()):
        case Redirection(url):
            return redirect(url, cookie)
        case LoginFailed() as failed:
            return login_failed(request, services, visit, idp, failed).adding(cookie)


def method_of(services: Services, idp: IdentityProvider) -> LoginMethod:
    """The driver of a provider, with its secret."""
    secrets = services.store.secrets(Kind.IDP, idp.id)
    return services.methods.get(idp, secrets.get("client_secret"))


def attempt_of(
    services: Services, idp: IdentityProvider, state: LoginState, sealed: str
) -> Attempt:
    """The login as the provider's driver sees it."""
    return Attempt(
        state=sealed,
        nonce=state.nonce,
        code_verifier=state.code_verifier,
        redirect_uri=services.settings.team.url + CALLBACK,
        issuer=services.issuers.of(idp),
    )


def login_failed(
    request: WebRequest,
    services: Services,
    visit: Visit,
    idp: IdentityProvider,
    failed: LoginFailed,
) -> Reply:
    """Say what went wrong at the provider, and offer another try."""
    if visit.purpose is not Purpose.TEST:
        services.metrics.logged_in(idp.type, failed.code.value)
    details = {"idp": idp.id, "detail": failed.detail}
    event = AuditEvent(
        services.clock(),
        "login_failed",
        app=visit.app,
        allowed=False,
        reason=failed.code.value,
        details=details,
    )
    record(request, services, event)
    retry = "" if visit.purpose is Purpose.TEST else choose_url(request, services, visit)
    if failed.code in (Failure.UNREACHABLE, Failure.CONFIGURATION, Failure.BAD_ANSWER):
        page = ProviderDownPage(idp.name, request.id, failed.message, retry)
        return html(services, page)
    return html(services, ErrorPage(400, request.id, failed.message, retry, NOT_SIGNED_IN))
