"""What a handler answers: a status, headers, cookies and a text, complete before it is sent."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lychgate.core.decision import HeaderList, SetCookie
from lychgate.pages import Page

NO_STORE: HeaderList = (("cache-control", "no-store"),)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the companion app."""

    status: int
    headers: HeaderList = ()
    cookies: tuple[SetCookie, ...] = ()
    body: bytes = b""

    def adding(self, *cookies: SetCookie) -> "Reply":
        """This answer with more cookies."""
        return replace(self, cookies=(*self.cookies, *cookies))

    def with_headers(self, *headers: tuple[str, str]) -> "Reply":
        """This answer with more headers."""
        return replace(self, headers=(*self.headers, *headers))

    def with_status(self, status: int) -> "Reply":
        """This answer with another status."""
        return replace(self, status=status)


def redirect(location: str, *cookies: SetCookie) -> Reply:
    """Send the visitor elsewhere after a GET."""
    return Reply(302, (("location", location), *NO_STORE), cookies)


def see_other(location: str, *cookies: SetCookie) -> Reply:
    """Send the visitor elsewhere after a POST, as a GET."""
    return Reply(303, (("location", location), *NO_STORE), cookies)


def json_reply(status: int, document: Mapping[str, Any], headers: HeaderList = NO_STORE) -> Reply:
    """A JSON document."""
    kind = ("content-type", "application/json")
    return Reply(status, (kind, *headers), body=json.dumps(document).encode())


def page_reply(page: Page, *cookies: SetCookie) -> Reply:
    """A rendered page."""
    return Reply(page.status, page.headers, cookies, page.body)
