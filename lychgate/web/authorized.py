"""The hand-over on an application host: a browser that logged in gets its cookie, once."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from lychgate.core.admit import Admitted, Refused
from lychgate.core.decision import SetCookie
from lychgate.core.model import SameSite
from lychgate.core.session import Grounds, app_claims, auth_cookie, seconds, token_life
from lychgate.core.snapshot import Route, Snapshot
from lychgate.core.tokens import sign
from lychgate.core.urls import APP_SESSION_COOKIE, BINDING_COOKIE, safe_return
from lychgate.pages import GoOnPage
from lychgate.store.base import Session
from lychgate.web.browser import same_app_browser
from lychgate.web.chain import next_hop
from lychgate.web.door import Judged, judge, refuse, shortest
from lychgate.web.errors import BadRequest, Unavailable
from lychgate.web.html import html
from lychgate.web.people import live_session
from lychgate.web.reply import Reply, redirect
from lychgate.web.request import WebRequest
from lychgate.web.sealed import Entrance, Opened, Use, open_sealed
from lychgate.web.services import Services
from lychgate.web.visits import owner

_TRIES = 4


@dataclass(frozen=True, slots=True)
class _Moment:
    """One consistent look: the time was read before the configuration, so that a token issued at
    `now` is older than any change that this snapshot does not hold yet."""

    now: datetime
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class _Ready:
    """Everything the cookie needs."""

    moment: _Moment
    route: Route
    session: Session
    judged: Judged


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
    ready = _judge(request, services, entrance)
    if ready is None:
        return onwards
    match ready.judged.admission:
        case Admitted() as admitted:
            return _let_in(services, entrance, ready, admitted)
        case Refused() as refused:
            app = ready.route.app
            return refuse(request, services, app, entrance, ready.session, refused)
        case _:
            return onwards


def _open(request: WebRequest, services: Services) -> Opened:
    opened = open_sealed(services, Use.HANDOVER, request.param("state"))
    if opened is None or opened.payload["o"] != request.param("nonce"):
        raise BadRequest("this address is not valid, or not any more; open the application again")
    if opened.payload["h"] != request.host:
        raise BadRequest("this address was made for another application")
    if not request.cookies(APP_SESSION_COOKIE):
        raise BadRequest("your browser did not keep our cookie; allow cookies for this site")
    return opened


def _judge(request: WebRequest, services: Services, entrance: Entrance) -> _Ready | None:
    """What the newest configuration says of the person; None when their login is over.

    A token must be younger than every revocation and change that concerns it, by whole seconds:
    within the same second this waits, and then looks again.
    """
    visit = entrance.visit
    for _ in range(_TRIES):
        now = services.clock()
        snapshot = services.newest()
        session = live_session(entrance.session, services, snapshot)
        route = owner(snapshot, visit.host, visit.path)
        if session is None or route is None or route.app.app.id != visit.app:
            return None
        revocations = snapshot.revocations
        last = revocations.newest(session.subject, session.nonce, visit.app)
        last = max(last, route.app.rules_changed_at)
        if last < seconds(now):
            judged = judge(request, services, route.app, entrance, session)
            return _Ready(_Moment(now, snapshot), route, session, judged)
        services.moment_after(last)
    raise Unavailable("the configuration is changing too fast")


def _let_in(services: Services, entrance: Entrance, ready: _Ready, admitted: Admitted) -> Reply:
    cookies = _cookies(services, ready, admitted)
    visit, snapshot = entrance.visit, ready.moment.snapshot
    hop = next_hop(services, snapshot, visit.chain, entrance.session)
    if hop is not None:
        return redirect(hop, *cookies)
    target = safe_return(visit.path)
    if ready.route.app.app.cookie.same_site is SameSite.STRICT:
        # A redirect that began on the team domain would not carry a strict cookie, this page's
        # own navigation does.
        return html(services, GoOnPage(target), *cookies)
    return redirect(target, *cookies)


def _cookies(services: Services, ready: _Ready, admitted: Admitted) -> tuple[SetCookie, ...]:
    app, session, now = ready.route.app.app, ready.session, ready.moment.now
    snapshot = ready.moment.snapshot
    life = shortest(token_life(admitted.duration), ready.judged.ends, now)
    grounds = Grounds(session.nonce, admitted.policy, admitted.facts, session.country or None)
    claims = app_claims(snapshot.team, app, session.identity, grounds, now, life)
    binding = services.token() if app.cookie.binding else ""
    if binding:
        claims["binding"] = hashlib.sha256(binding.encode()).hexdigest()
    token = sign(claims, snapshot.keyring.current(now))
    path = ready.route.entry.path.literal_prefix
    cookie = auth_cookie(app, token, life, path)
    if not binding:
        return (cookie,)
    return (cookie, SetCookie(BINDING_COOKIE, binding, cookie.path, cookie.max_age))
