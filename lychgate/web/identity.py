"""Who the browser is logged in as, and logging in again to have it read anew."""

from typing import Any

from lychgate.core.session import TokenType
from lychgate.core.snapshot import Snapshot
from lychgate.core.urls import REFRESH_IDENTITY
from lychgate.idp import PIN_TYPE
from lychgate.pages import NoticePage
from lychgate.web.choice import begin, log_in
from lychgate.web.csrf import refuse_hidden_requests
from lychgate.web.html import html
from lychgate.web.people import Holder, good_tokens, live_session, team_session
from lychgate.web.reply import Reply, json_reply
from lychgate.web.request import WebRequest, Where
from lychgate.web.sealed import Purpose, Visit
from lychgate.web.services import Services

_DONE = "?success=true"


def get_identity(request: WebRequest, services: Services) -> Reply:
    """GET get-identity: the identity behind the token in the cookie."""
    snapshot = services.newest()
    holders = [
        holder
        for holder in good_tokens(request, services, snapshot)
        if _fits(request, snapshot, holder)
    ]
    people = {(one.token.subject, one.token.common_name) for one in holders}
    document = _document(services, snapshot, holders[0]) if len(people) == 1 else None
    if document is None:
        return json_reply(400, {"err": "no app token set"})
    return json_reply(200, document)


def _fits(request: WebRequest, snapshot: Snapshot, holder: Holder) -> bool:
    """Any token on the team domain; on an application host those of its own applications."""
    if request.where is Where.TEAM:
        return True
    if holder.token.type is not TokenType.APP or holder.app is None:
        return False
    here = {entry.app for entry in snapshot.routes.on_host(request.host)}
    return holder.app.app.id in here


def _document(services: Services, snapshot: Snapshot, holder: Holder) -> dict[str, Any] | None:
    token = holder.token
    if not token.subject:
        return {
            "common_name": token.common_name,
            "service_token_id": token.common_name,
            "service_token_status": True,
            "account_id": snapshot.organization.account_id,
            "iat": token.issued_at,
            "version": 2,
        }
    session = live_session(token.session, services, snapshot)
    if session is None:
        return None
    return dict(session.identity_json)


def refresh_identity(request: WebRequest, services: Services) -> Reply:
    """GET refresh-identity: log in again at the same provider, so that groups are read anew."""
    if request.param("success"):
        text = "What your identity provider says of you has been read again."
        return html(services, NoticePage("Identity refreshed", text, "/", "Your applications"))
    refuse_hidden_requests(request)
    snapshot = services.newest()
    visit = Visit(Purpose.TEAM, REFRESH_IDENTITY + _DONE)
    session = team_session(request, services, snapshot)
    idp = snapshot.idps.get(session.identity.idp_id) if session else None
    if idp is None or idp.type == PIN_TYPE:
        return log_in(request, services, visit)
    return begin(request, services, visit, idp)
