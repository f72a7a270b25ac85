"""The answers the gate gives itself: a page for people, a small problem body for programs."""

from dataclasses import dataclass

from lychgate.core.answers import is_navigation
from lychgate.core.decision import Because, Challenge, Deny, HeaderList, Reason
from lychgate.core.identity import Service, User
from lychgate.core.request import Request
from lychgate.core.snapshot import CompiledApp, Snapshot
from lychgate.core.urls import LOGOUT, encode
from lychgate.pages import (
    AnyPage,
    DeniedPage,
    ErrorPage,
    ForbiddenPage,
    Look,
    Page,
    UnauthorizedPage,
    custom_answer,
    html_answer,
    problem_answer,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to send instead of forwarding. `headers` may hold several `set-cookie`."""

    because: Because
    status: int
    headers: HeaderList
    body: bytes


_MESSAGES = {
    400: "the request could not be understood",
    401: "authentication is required",
    403: "you are not allowed to open this",
    405: "this method is not allowed",
    503: "the gate cannot decide right now, please try again in a moment",
}
_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    405: "method_not_allowed",
    503: "unavailable",
}


def page_answer(decision: Deny | Challenge, request: Request, snapshot: Snapshot | None) -> Answer:
    """What a refused client gets; never a word about the grounds, only the request id."""
    status = 401 if isinstance(decision, Challenge) else decision.status
    because = decision.because
    app = snapshot.apps.get(because.app) if snapshot and because.app else None
    headers = decision.headers
    if status == 405:
        headers = (*headers, ("allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"))
    if status == 503:
        headers = (*headers, ("retry-after", "5"))
    page = _page(status, because, request, app, snapshot)
    return Answer(because, status, _merged(headers, page.headers), page.body)


def outage_answer(status: int, request_id: str, *, person: bool) -> Answer:
    """What a proxy says when something behind it does not answer; nothing of the inside."""
    if person:
        page = html_answer(ErrorPage(status, request_id, _OUTAGE, title="Not available right now"))
    else:
        message = "something this needs does not answer, please try again in a moment"
        page = problem_answer(status, _CODES[503], message, request_id)
    headers = _merged((("retry-after", "5"),), page.headers)
    return Answer(Because(Reason.ERROR), status, headers, page.body)


_OUTAGE = (
    "Something this page needs does not answer. Your login is not lost. Try again in a minute."
)


def _merged(ours: HeaderList, pages: HeaderList) -> HeaderList:
    names = {name for name, _ in ours}
    return (*ours, *(pair for pair in pages if pair[0] not in names))


def _page(
    status: int,
    because: Because,
    request: Request,
    app: CompiledApp | None,
    snapshot: Snapshot | None,
) -> Page:
    if not is_navigation(request) and "text/html" not in (request.header("accept") or ""):
        audience = app.app.audience if app else ""
        return problem_answer(
            status, _CODES[status], _MESSAGES[status], request.id, audience=audience
        )
    look = Look.of(snapshot.organization) if snapshot else None
    if status == 403 and snapshot is not None:
        custom = _custom_page(because, app, snapshot)
        if custom:
            return custom_answer(custom)
    return html_answer(_html(status, because, request, app, snapshot), look)


def _custom_page(because: Because, app: CompiledApp | None, snapshot: Snapshot) -> str:
    organization = snapshot.organization
    if isinstance(because.principal, User):
        own = app.app.deny.identity_page if app else ""
        default = own or organization.identity_denied_page
        return snapshot.custom_page("identity_denied", app.app if app else None, default)
    own = app.app.deny.forbidden_page if app else ""
    default = own or organization.forbidden_page
    return snapshot.custom_page("forbidden", app.app if app else None, default)


def _html(
    status: int,
    because: Because,
    request: Request,
    app: CompiledApp | None,
    snapshot: Snapshot | None,
) -> AnyPage:
    name = app.app.name if app else ""
    message = app.app.deny.message if app else ""
    if status == 401:
        return UnauthorizedPage(name, request.id)
    if status != 403:
        return ErrorPage(status, request.id)
    match because.principal:
        case User(email=email):
            back = encode(request.path)
            switch = f"{snapshot.team.url}{LOGOUT}?returnTo={back}" if snapshot else ""
            return DeniedPage(name, request.id, email=email, message=message, switch_url=switch)
        case Service():
            return DeniedPage(name, request.id, message=message)
        case _:
            return ForbiddenPage(request.id, application=name, message=message)
