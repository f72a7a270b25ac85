"""The callback: what a visitor brought back from an identity provider."""

from lychgate.core.model import IdentityProvider
from lychgate.core.snapshot import Snapshot
from lychgate.idp.base import LoginFailed, Profile
from lychgate.web.arrival import arrive
from lychgate.web.browser import same_team_browser
from lychgate.web.choice import PROVIDER_GONE, attempt_of, login_failed, method_of, providers_for
from lychgate.web.errors import BadRequest, InvalidSession
from lychgate.web.idptest import result_page
from lychgate.web.reply import Reply
from lychgate.web.request import WebRequest
from lychgate.web.sealed import LoginState, Purpose, Use, open_sealed
from lychgate.web.services import Services


def callback(request: WebRequest, services: Services) -> Reply:
    """GET callback: judge the answer of the provider that this browser was sent to."""
    state = _open_state(request, services)
    idp = _provider(services.newest(), state)
    answer = {name: request.param(name) for name, _ in request.params()}
    attempt = attempt_of(services, idp, state, request.param("state"))
    method = method_of(services, idp)
    outcome = method.finish(attempt, answer, services.outbound, services.clock())
    if state.visit.purpose is Purpose.TEST:
        return result_page(request, services, idp, outcome)
    match outcome:
        case Profile() as profile:
            services.issuers.note(idp, profile.issuer)
            return arrive(request, services, state.visit, idp, profile)
        case LoginFailed() as failed:
            return login_failed(request, services, state.visit, idp, failed)


def _open_state(request: WebRequest, services: Services) -> LoginState:
    """The state, if this browser was given it, not long ago, and never came back with it before."""
    opened = open_sealed(services, Use.STATE, request.param("state"))
    if opened is None or not same_team_browser(request, opened.browser):
        raise InvalidSession("the login was begun in another browser, or took too long")
    services.limiter.came_back(request.client_ip)
    if not services.store.one_time.consume("state", opened.id, opened.expires_at):
        raise InvalidSession("this login was already used")
    return LoginState.unpack(opened.payload)


def _provider(snapshot: Snapshot, state: LoginState) -> IdentityProvider:
    known = snapshot.idps.values() if state.visit.purpose is Purpose.TEST else None
    for idp in known or providers_for(snapshot, state.visit):
        if idp.id == state.idp:
            return idp
    raise BadRequest(PROVIDER_GONE)
