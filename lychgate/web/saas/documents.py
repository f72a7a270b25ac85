"""How a SaaS application is told what went wrong: as JSON, with one line in the log."""

import logging
from collections.abc import Callable
from functools import wraps

from lychgate.oauth.errors import OAuthError
from lychgate.web.errors import BadRequest
from lychgate.web.oauth.documents import error_document
from lychgate.web.reply import Reply
from lychgate.web.request import WebRequest
from lychgate.web.routing import Handler
from lychgate.web.services import Services

log = logging.getLogger("lychgate.web")


def answering_programs(handler: Callable[[WebRequest, Services], Reply]) -> Handler:
    """The handler, with the errors of OAuth as documents instead of pages."""

    @wraps(handler)
    def handled(request: WebRequest, services: Services) -> Reply:
        try:
            return handler(request, services)
        except OAuthError as error:
            refused = error
        except BadRequest as error:
            refused = Unreadable(error.message)
        note_refusal(request, refused)
        return error_document(refused, "authorization" in request.headers)

    return handled


class Unreadable(OAuthError):
    """A form that cannot be read."""

    code = "invalid_request"


def note_refusal(request: WebRequest, error: OAuthError) -> None:
    """One line: which client was refused what, and why."""
    event = {"request_id": request.id, "code": error.code, "client": request.argument}
    log.info("%s", error.message, extra={"event": event})
