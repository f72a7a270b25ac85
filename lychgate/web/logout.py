"""Logging out: the cookies of the host go, and the person's sessions end everywhere."""

from datetime import timedelta
from urllib.parse import urlsplit

from lychgate.core.decision import SetCookie
from lychgate.core.session import auth_cookie
from lychgate.core.snapshot import Snapshot
from lychgate.core.urls import (
    AUTH_COOKIE,
    BINDING_COOKIE,
    LOGOUT,
    app_origin,
    canonical_host,
    encode,
    safe_return,
)
from lychgate.pages import LoggedOutPage
from lychgate.store.base import AuditEvent, NotFound
from lychgate.web.csrf import refuse_hidden_requests
from lychgate.web.html import html
from lychgate.web.journal import record
from lychgate.web.people import good_tokens
from lychgate.web.reply import Reply, redirect
from lychgate.web.request import WebRequest
from lychgate.web.services import Services

_NOTHING = timedelta(0)


def app_logout(request: WebRequest, services: Services) -> Reply:
    """GET logout on an application host: its cookies go, then on to the team's logout."""
    refuse_hidden_requests(request)
    snapshot = services.newest()
    _end_sessions(request, services, snapshot)
    origin = app_origin(snapshot.team, request.host)
    target = request.param("returnTo")
    wanted = return_url(snapshot, target, origin) if target else origin + "/"
    query = f"?returnTo={encode(wanted)}" if target and wanted else ""
    return redirect(f"{snapshot.team.url}{LOGOUT}{query}", *_cleared(snapshot, request.host))


def team_logout(request: WebRequest, services: Services) -> Reply:
    """GET logout on the team domain: the team session goes; a page, or back where allowed."""
    refuse_hidden_requests(request)
    snapshot = services.newest()
    _end_sessions(request, services, snapshot)
    cookie = SetCookie(AUTH_COOKIE, "", max_age=0)
    target = request.param("returnTo")
    wanted = return_url(snapshot, target, snapshot.team.url) if target else ""
    if wanted:
        return redirect(wanted, cookie)
    return html(services, LoggedOutPage(snapshot.team.url + "/"), cookie)


def _end_sessions(request: WebRequest, services: Services, snapshot: Snapshot) -> None:
    """Revoke everybody whose valid token the browser holds: normally one person."""
    people = {
        holder.token.subject: holder.token.email
        for holder in good_tokens(request, services, snapshot)
        if holder.token.subject
    }
    now = services.clock()
    for subject, email in people.items():
        try:
            services.store.revocations.revoke_user(subject, now)
        except NotFound:
            continue
        event = AuditEvent(now, "logout", email=email, subject=subject)
        record(request, services, event)


def _cleared(snapshot: Snapshot, host: str) -> tuple[SetCookie, ...]:
    """One deletion for each path that an application of the host keeps its cookie under."""
    cleared: dict[tuple[str, str], SetCookie] = {}
    for entry in snapshot.routes.on_host(host):
        app = snapshot.apps[entry.app].app
        cookie = auth_cookie(app, "", _NOTHING, entry.path.literal_prefix)
        cleared.setdefault((AUTH_COOKIE, cookie.path), cookie)
        if app.cookie.binding:
            binding = SetCookie(BINDING_COOKIE, "", cookie.path, 0)
            cleared.setdefault((BINDING_COOKIE, cookie.path), binding)
    return tuple(cleared.values())


def return_url(snapshot: Snapshot, target: str, origin: str) -> str:
    """Where to go after the logout: a path of `origin`, or a URL of one of our own hosts.

    Empty when it is anything else. What comes back is rebuilt from what was understood.
    """
    if target.startswith("/"):
        path = safe_return(target)
        return origin + path if path == target else ""
    ours = _own_origin(snapshot, target)
    if not ours:
        return ""
    rest = target[target.index("//") + 2 :]
    slash = rest.find("/")
    path = rest[slash:] if slash >= 0 else "/"
    return ours + path if safe_return(path) == path else ""


def _own_origin(snapshot: Snapshot, target: str) -> str:
    """The origin of a URL when it is exactly one that we write ourselves, else nothing."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return ""
    given = f"{parts.scheme}://{parts.netloc}"
    if not target.startswith(given):
        return ""
    host = canonical_host(parts.netloc)
    known = host is not None and snapshot.routes.knows_host(host)
    allowed = {snapshot.team.url} | ({app_origin(snapshot.team, host)} if known and host else set())
    return given if given in allowed else ""
