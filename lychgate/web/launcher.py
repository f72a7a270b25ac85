"""The root of the team domain: who is signed in, and the applications they may enter."""

from lychgate.core.admit import Refused, admit
from lychgate.core.model import AppType
from lychgate.core.snapshot import CompiledApp, Snapshot
from lychgate.core.urls import LOGOUT, app_origin, canonical_host
from lychgate.pages import HomePage, Tile
from lychgate.store.base import Session
from lychgate.web.choice import log_in
from lychgate.web.door import evidence
from lychgate.web.html import html
from lychgate.web.people import team_session
from lychgate.web.reply import Reply
from lychgate.web.request import WebRequest
from lychgate.web.sealed import Entrance, Purpose, Visit
from lychgate.web.services import Services

_MOST_TILES = 500
_SHOWN = frozenset({AppType.SELF_HOSTED, AppType.MCP})


def home(request: WebRequest, services: Services) -> Reply:
    """GET /: the applications of somebody who is signed in, else the login."""
    snapshot = services.newest()
    visit = Visit(Purpose.TEAM, "/")
    session = team_session(request, services, snapshot)
    if session is None:
        return log_in(request, services, visit)
    tiles = [
        Tile(app.app.name, url, app.app.logo_url)
        for app in snapshot.apps.values()
        if (url := _tile_url(snapshot, app)) and _may_enter(request, app, session, visit)
    ]
    page = HomePage(
        email=session.email,
        tiles=tuple(sorted(tiles, key=lambda tile: tile.name.lower())[:_MOST_TILES]),
        name=session.identity.name,
        sign_out_url=LOGOUT,
    )
    return html(services, page)


def _may_enter(request: WebRequest, app: CompiledApp, session: Session, visit: Visit) -> bool:
    entrance = Entrance(visit, session.nonce, fresh=False)
    return not isinstance(admit(app, evidence(request, entrance, session.identity)), Refused)


def _tile_url(snapshot: Snapshot, app: CompiledApp) -> str:
    """The link of an application's tile: its domain, or the first place without a star.

    That of an application elsewhere is its own `app_launcher_url`.
    """
    if app.app.launcher_visible and app.app.saas is not None:
        return app.app.saas.launcher_url
    if not app.app.launcher_visible or app.app.type not in _SHOWN:
        return ""
    host, slash, path = app.app.domain.partition("/")
    places = [(host, slash + path), *((one.host, one.path) for one in app.app.destinations)]
    for place, pattern in places:
        if canonical_host(place) == place and "*" not in place:
            return app_origin(snapshot.team, place) + (pattern.partition("*")[0] or "/")
    return ""
