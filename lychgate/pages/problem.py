"""What an API client gets in place of a page: a small JSON body (in the manner of RFC 9457)."""

import json

from lychgate.pages.render import Page


def problem(status: int, code: str, message: str, request_id: str, audience: str = "") -> str:
    """The JSON body; `code` is stable, `message` is for people. Safe to embed in HTML."""
    members = {
        "status": status,
        "code": code,
        "message": message,
        "request_id": request_id,
    }
    if audience:
        members["aud"] = audience
    # ASCII only, and no `<`: inert even where something takes the body for HTML.
    return json.dumps(members).replace("<", "\\u003c").replace(">", "\\u003e")


def problem_answer(
    status: int, code: str, message: str, request_id: str, audience: str = ""
) -> Page:
    """The same body with its headers."""
    headers = (
        ("content-type", "application/json"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
    )
    return Page(status, headers, problem(status, code, message, request_id, audience).encode())
