"""Answers for programs: JSON with `no-store`, readable from any origin, errors as the RFCs say."""

from collections.abc import Mapping
from typing import Any

from lychgate.core.decision import HeaderList
from lychgate.oauth.errors import InvalidClient, OAuthError
from lychgate.web.reply import Reply, json_reply
from lychgate.web.request import WebRequest
from lychgate.web.services import Services

CORS: HeaderList = (("access-control-allow-origin", "*"),)
"""Never together with credentials: these endpoints look at no cookie."""
_PREFLIGHT: HeaderList = (
    *CORS,
    ("access-control-allow-methods", "GET, POST, OPTIONS"),
    ("access-control-allow-headers", "*, authorization"),
    ("access-control-max-age", "600"),
)
_PRIVATE: HeaderList = (("cache-control", "no-store"), ("pragma", "no-cache"), *CORS)


def document(status: int, body: Mapping[str, Any], *headers: tuple[str, str]) -> Reply:
    """A JSON answer that nobody may keep."""
    return json_reply(status, body, (*_PRIVATE, *headers))


def error_document(error: OAuthError, by_header: bool) -> Reply:
    """The error (RFC 6749 5.2); `by_header`: the client used the Authorization header."""
    body = {"error": error.code, "error_description": error.message}
    if isinstance(error, InvalidClient) and by_header:
        return document(error.status, body, ("www-authenticate", 'Basic realm="OAuth"'))
    return document(error.status, body)


def refusal_document(status: int, message: str) -> Reply:
    """What ended a request before its endpoint saw it, as an OAuth client reads it."""
    if status == 429:
        return document(429, {"error": "too_many_requests", "error_description": message})
    if status >= 500:
        error = "temporarily_unavailable" if status == 503 else "server_error"
        return document(status, {"error": error, "error_description": message or "try again"})
    text = message or "the request cannot be read"
    return document(400, {"error": "invalid_request", "error_description": text})


def preflight(request: WebRequest, services: Services) -> Reply:
    """OPTIONS: scripts of any origin may call (Fetch 4.8)."""
    return Reply(204, _PREFLIGHT)
