"""Turns a page into an answer in the organisation's look, and moves a visitor on after a form."""

from lychgate.core.decision import SetCookie
from lychgate.pages import AnyPage, GoOnPage, Look, html_answer
from lychgate.web.reply import Reply, page_reply, redirect, see_other
from lychgate.web.request import WebRequest
from lychgate.web.services import Services


def html(services: Services, page: AnyPage, *cookies: SetCookie) -> Reply:
    """The page as the organisation dresses it, or plain while nothing is known of that."""
    snapshot = services.feed.current()
    look = Look.of(snapshot.organization) if snapshot else None
    return page_reply(html_answer(page, look), *cookies)


def onward(request: WebRequest, services: Services, url: str, *cookies: SetCookie) -> Reply:
    """Send the visitor to a URL of ours.

    A browser refuses to follow a form to another origin (`form-action 'self'`), so there it gets
    a page that goes on by itself; programs get the plain redirect.
    """
    if request.method != "POST":
        return redirect(url, *cookies)
    if url.startswith("/") or not request.header("sec-fetch-mode"):
        return see_other(url, *cookies)
    return html(services, GoOnPage(url), *cookies)
