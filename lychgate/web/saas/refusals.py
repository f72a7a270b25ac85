"""One line in the log for each thing that a SaaS application is refused."""

import logging

from lychgate.oauth.errors import OAuthError
from lychgate.web.request import WebRequest

log = logging.getLogger("lychgate.web")


def note_refusal(request: WebRequest, error: OAuthError) -> None:
    """Which client was refused what, and why."""
    event = {"request_id": request.id, "code": error.code, "client": request.argument}
    log.info("%s", error.message, extra={"event": event})
