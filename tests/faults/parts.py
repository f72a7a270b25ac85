"""What the tests of this folder share: people who keep asking, and what they may get meanwhile."""

import re

from lychgate.core.urls import AUTH_COOKIE
from tests.support.both import Both
from tests.support.browsing import Visitor
from tests.support.catalogue import ALICE, Catalogue
from tests.support.front import Pairs, Reply, exchange, request_bytes

GRACE = 6
"""Seconds that decisions go on without the store, in the installation of this folder."""
BROWSER: Pairs = (
    ("Accept", "text/html,application/xhtml+xml"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Dest", "document"),
)


def statuses(both: Both, token: str = "", target: str = "/") -> set[int]:
    """What the proxies answer to somebody with a session, or to nobody."""
    cookie = (("Cookie", f"{AUTH_COOKIE}={token}"),) if token else ()
    return {one.reply.status for one in both.ask(target, headers=cookie)}


def as_alice(both: Both) -> set[int]:
    """What the proxies answer to Alice at an application that admits her."""
    return statuses(both, both.catalogue.token(ALICE, "ROOT"))


def logs_in(catalogue: Catalogue, front: str, email: str) -> bool:
    """Whether somebody can log in by mail through a proxy."""
    person = Visitor(catalogue, catalogue.fronts[front])
    return person.log_in("https://a.example/", email).reply.status == 200


def metric(address: str, name: str) -> float:
    """The sum of a metric as a process tells it."""
    host, _, port = address.rpartition(":")
    text = exchange((host, int(port)), request_bytes("GET", "/metrics", address)).body.decode()
    found = re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)
    assert found, text
    return sum(map(float, found))


def is_readable(reply: Reply, *expected: int) -> bool:
    """Whether a person understands the page of an outage, and can name the request."""
    text = reply.body.decode("utf-8", "replace")
    assert reply.status in expected, reply
    assert (reply.header("content-type") or "").startswith("text/html"), reply
    assert re.search(r"equest id(?:<[^>]*>|\s)*[0-9a-f-]{8,}", text), text
    assert reply.header("retry-after"), reply.headers
    assert reply.header("cache-control") == "no-store", reply.headers
    assert "127.0.0.1" not in text and "Errno" not in text and "Traceback" not in text, text
    return True
