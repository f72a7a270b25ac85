"""Questions as proxies put them, to a check in this process or over a socket."""

import asyncio
from collections.abc import Mapping, MutableSequence
from typing import Any

from extauthz.http.app import Check, Scope
from extauthz.http.question import OWN
from extauthz.http.reply import Reply
from lychgate.core.decision import Because, Reason
from lychgate.core.request import Request

BECAUSE = Because(Reason.ALLOWED)
STATED = {
    OWN.method: "GET",
    OWN.scheme: "https",
    OWN.host: "a.example",
    OWN.target: "/a?b=c",
    OWN.client_ip: "192.0.2.7",
}
"""What every question states."""


def fields(*pairs: tuple[str, str], without: str = "") -> list[tuple[bytes, bytes]]:
    """The headers of a question, as bytes."""
    stated = [pair for pair in STATED.items() if pair[0] != without]
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in (*stated, *pairs)]


def a_request(**headers: str) -> Request:
    """The request that a question speaks of; `_` in a name stands for `-`."""
    values = {name.replace("_", "-"): (value,) for name, value in headers.items()}
    return Request("id", "GET", "https", "a.example", "/a", "b=c", values, None)


def put(
    check: Check, path: str, *pairs: tuple[str, str], peer: str = "127.0.0.1", without: str = ""
) -> Reply:
    """The reply to a question."""
    scope: Scope = {
        "type": "http",
        "raw_path": path.encode(),
        "client": (peer, "4711"),
        "headers": fields(*pairs, without=without),
    }
    sent: MutableSequence[Mapping[str, Any]] = []

    async def receive() -> Mapping[str, Any]:
        raise AssertionError("a question has no body")

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    asyncio.run(check(scope, receive, send))
    start, body = sent
    headers = tuple(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]
    )
    return Reply(start["status"], headers, body["body"])
