"""Whether a form was sent by one of our own pages in the same browser.

The sealed value in each form is bound to the browser's cookie, so another site cannot know a good
one; `Sec-Fetch-Site` refuses the rest early. `Origin` is never asked for: with `no-referrer`
Chromium sends `null`.
"""

from lychgate.web.errors import ForbiddenOrigin
from lychgate.web.request import WebRequest

_OWN = frozenset({"", "same-origin", "none"})


def refuse_other_sites(request: WebRequest) -> None:
    """Refuse a form that the browser says came from elsewhere."""
    if request.header("sec-fetch-site") not in _OWN:
        raise ForbiddenOrigin("this form was sent from another site")


def refuse_hidden_requests(request: WebRequest) -> None:
    """Refuse what another site's page fetches unseen, such as an image that logs people out."""
    mode = request.header("sec-fetch-mode")
    if request.header("sec-fetch-site") == "cross-site" and mode not in ("", "navigate"):
        raise ForbiddenOrigin("this address is for people, not for other sites")
