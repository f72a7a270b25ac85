"""Where `cloudflared` sends the browser: which application, and whose session, it waits for."""

from urllib.parse import urlsplit

from lychgate.core.snapshot import CompiledApp, Snapshot
from lychgate.core.urls import safe_return
from lychgate.web.browser import app_browser
from lychgate.web.errors import BadRequest, NotFound
from lychgate.web.reply import Reply, redirect
from lychgate.web.request import WebRequest
from lychgate.web.sealed import Terminal
from lychgate.web.services import Services
from lychgate.web.terminal.box import read_key
from lychgate.web.visits import TERMINAL_CLAIM, owner, signed_login_url


def start_terminal(request: WebRequest, services: Services) -> Reply:
    """GET cli on an application host: to the login, and there the question is asked.

    The token will be the command line's own, so this browser gets no application cookie.
    """
    if not services.settings.team.transfer_host:
        raise NotFound("this installation has no transfer host; use `lychgate access` instead")
    key = read_key(request.param("token"))
    if key is None:
        raise BadRequest("the command line sent no usable key; start it again")
    snapshot = services.newest()
    target = safe_return(urlsplit(request.param("redirect_url")).path or "/")
    app = _application(request, snapshot, target)
    if app.app.cookie.binding:
        raise BadRequest("sessions of this application are bound to a browser")
    org_token = request.param("send_org_token") == "true"
    closing = request.param("close_interstitial") == "true"
    terminal = Terminal(key, org_token, closing)
    more = {TERMINAL_CLAIM: [terminal.key, terminal.org_token, terminal.closing]}
    return redirect(signed_login_url(request, services, app, target, more), app_browser(request))


def _application(request: WebRequest, snapshot: Snapshot, target: str) -> CompiledApp:
    """The application that `aud` names on this host; without it, the one that owns the path."""
    audience = request.param("aud")
    if not audience:
        route = owner(snapshot, request.host, target)
        app = route.app if route else None
    else:
        app = snapshot.by_audience.get(audience)
    here = {entry.app for entry in snapshot.routes.on_host(request.host)}
    if app is None or app.app.id not in here:
        raise BadRequest("the command line asked for an application that is not at this address")
    return app
