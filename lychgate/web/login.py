"""The two login addresses: on an application host, and on the team domain."""

from lychgate.core.urls import canonical_host, safe_return
from lychgate.web.browser import app_browser
from lychgate.web.choice import log_in
from lychgate.web.door import enter
from lychgate.web.errors import BadRequest
from lychgate.web.people import team_session
from lychgate.web.reply import Reply, redirect
from lychgate.web.request import WebRequest
from lychgate.web.sealed import Entrance
from lychgate.web.services import Services
from lychgate.web.visits import app_login_url, team_login_url, visit_headers, visit_of_meta


def app_login(request: WebRequest, services: Services) -> Reply:
    """GET login on an application host: tie the login to this browser, then go to the team."""
    cookie = app_browser(request)
    return redirect(team_login_url(request, services, cookie.value), cookie)


def team_login(request: WebRequest, services: Services) -> Reply:
    """GET login/<host> on the team domain: straight through with a session, else the login page.

    Without signed facts it first goes over the application host, which adds them.
    """
    snapshot = services.newest()
    if not request.param("meta"):
        host = canonical_host(request.argument)
        if host is None or not snapshot.routes.knows_host(host):
            raise BadRequest("no application is configured at this address")
        target = safe_return(request.param("redirect_url") or "/")
        return redirect(app_login_url(snapshot, host, redirect_url=target))
    visit = visit_of_meta(request, services, snapshot)
    session = team_session(request, services, snapshot)
    if session is None:
        reply = log_in(request, services, visit)
    else:
        reply = enter(request, services, Entrance(visit, session.nonce, fresh=False), session)
    return reply.with_headers(*visit_headers(snapshot, visit))
