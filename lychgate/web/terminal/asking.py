"""Takes somebody who may enter to the page that asks whether their command line may."""

from lychgate.core.urls import CLI
from lychgate.web.browser import browser_hash, team_browser
from lychgate.web.html import onward
from lychgate.web.reply import Reply
from lychgate.web.request import WebRequest
from lychgate.web.sealed import Entrance, Use, close
from lychgate.web.services import Services


def to_terminal(request: WebRequest, services: Services, entrance: Entrance) -> Reply:
    """Go on to the question, in this browser."""
    cookie = team_browser(request)
    sealed = close(services, Use.TERMINAL, entrance.pack(), browser_hash(cookie.value))
    url = f"{services.settings.team.url}{CLI}?entrance={sealed}"
    return onward(request, services, url, cookie)
