"""The hand-over on an application host: a browser that logged in gets its cookie, once."""

import hashlib
from functools import partial

from lychgate.core.admit import Admitted, Refused
from lychgate.core.decision import SetCookie
from lychgate.core.model import SameSite
from lychgate.core.session import auth_cookie
from lychgate.core.snapshot import CompiledApp, Snapshot
from lychgate.core.tokens import sign
from lychgate.core.urls import APP_SESSION_COOKIE, BINDING_COOKIE, safe_return
from lychgate.pages import GoOnPage
from lychgate.web.browser import same_app_browser
from lychgate.web.chain import next_hop
from lychgate.web.door import refuse
from lychgate.web.errors import BadRequest
from lychgate.web.html import html
from lychgate.web.reply import Reply, redirect
from lychgate.web.request import WebRequest
from lychgate.web.sealed import Entrance, Opened, Use, Visit, open_sealed
from lychgate.web.services import Services
from lychgate.web.settling import Settled, settle
from lychgate.web.visits import owner


def authorized(request: WebRequest, services: Services) -> Reply:
    """GET authorized: set the application's cookie and go on to the path asked for.

    A good hand-over that was used already, or made for another login of this browser, sets
    nothing and goes to its own path: what the browser holds by now decides there.
    """
    opened = _open(request, services)
    entrance = Entrance.unpack(opened.payload)
    onwards = redirect(safe_return(entrance.visit.path))
    if not same_app_browser(request, opened.browser):
        return onwards
    if not services.store.one_time.consume("handover", opened.id, opened.expires_at):
        return onwards
    settled = settle(request, services, entrance, partial(_owner, entrance.visit))
    if settled is None:
        return onwards
    match settled.judged.admission:
        case Admitted() as admitted:
            return _let_in(services, entrance, settled, admitted)
        case Refused() as refused:
            return refuse(request, services, settled.app, entrance, settled.session, refused)
        case _:
            return onwards


def _owner(visit: Visit, snapshot: Snapshot) -> CompiledApp | None:
    """The application of the visit, while its path is still that one's."""
    route = owner(snapshot, visit.host, visit.path)
    return route.app if route is not None and route.app.app.id == visit.app else None


def _open(request: WebRequest, services: Services) -> Opened:
    opened = open_sealed(services, Use.HANDOVER, request.param("state"))
    if opened is None or opened.payload["o"] != request.param("nonce"):
        raise BadRequest("this address is not valid, or not any more; open the application again")
    if opened.payload["h"] != request.host:
        raise BadRequest("this address was made for another application")
    if not request.cookies(APP_SESSION_COOKIE):
        raise BadRequest("your browser did not keep our cookie; allow cookies for this site")
    return opened


def _let_in(services: Services, entrance: Entrance, settled: Settled, admitted: Admitted) -> Reply:
    visit, snapshot = entrance.visit, settled.snapshot
    cookies = _cookies(services, visit, settled, admitted)
    hop = next_hop(services, snapshot, visit.chain, entrance.session)
    if hop is not None:
        return redirect(hop, *cookies)
    target = safe_return(visit.path)
    if settled.app.app.cookie.same_site is SameSite.STRICT:
        # A redirect that began on the team domain would not carry a strict cookie, this page's
        # own navigation does.
        return html(services, GoOnPage(target), *cookies)
    return redirect(target, *cookies)


def _cookies(
    services: Services, visit: Visit, settled: Settled, admitted: Admitted
) -> tuple[SetCookie, ...]:
    app, snapshot = settled.app.app, settled.snapshot
    life = settled.life(admitted)
    claims = settled.claims(admitted, life)
    binding = services.token() if app.cookie.binding else ""
    if binding:
        claims["binding"] = hashlib.sha256(binding.encode()).hexdigest()
    token = sign(claims, snapshot.keyring.current(settled.now))
    route = owner(snapshot, visit.host, visit.path)
    path = route.entry.path.literal_prefix if route else "/"
    cookie = auth_cookie(app, token, life, path)
    if not binding:
        return (cookie,)
    return (cookie, SetCookie(BINDING_COOKIE, binding, cookie.path, cookie.max_age))
