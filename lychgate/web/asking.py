"""The questions between login and application: why somebody needs to enter, and who approves."""

from lychgate.core.admit import NeedsApproval, NeedsPurpose
from lychgate.core.snapshot import CompiledApp
from lychgate.core.urls import PREFIX
from lychgate.pages import Form, PurposePage
from lychgate.store.base import Session
from lychgate.web.browser import browser_hash, team_browser
from lychgate.web.html import html
from lychgate.web.reply import Reply
from lychgate.web.request import WebRequest
from lychgate.web.sealed import Entrance, Use, close
from lychgate.web.services import Services

PURPOSE = PREFIX + "purpose"


def ask_purpose(
    request: WebRequest,
    services: Services,
    app: CompiledApp,
    entrance: Entrance,
    session: Session,
    needs: NeedsPurpose | NeedsApproval,
    message: str = "",
) -> Reply:
    """The form that asks why; with an approval needed, the answer goes to the approvers."""
    cookie = team_browser(request)
    sealed = close(services, Use.ENTRANCE, entrance.pack(), browser_hash(cookie.value))
    page = PurposePage(
        form=Form(PURPOSE, (("entrance", sealed),)),
        application=app.app.name,
        email=session.email,
        prompt=needs.prompt,
        message=message,
        needs_approval=isinstance(needs, NeedsApproval),
    )
    return html(services, page, cookie)
