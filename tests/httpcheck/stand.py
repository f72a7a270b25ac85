"""Each proxy in front of a check whose gate is scripted, to see what passes when it breaks."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from extauthz.http.endpoint import is_serving
from extauthz.http.server import HttpWorker
from lychgate.core.request import Request
from lychgate.core.urls import ASSERTION, METADATA
from lychgate.gate import Forward, Outcome
from tests.extauthz.conftest import HOST, TEAM, cookies_or_echo
from tests.extauthz.judge import ByPath
from tests.support.catalogue import wait_for
from tests.support.envoy import free_port
from tests.support.front import (
    Log,
    Origin,
    Pairs,
    Reply,
    Seen,
    exchange,
    http_answer,
    request_bytes,
)
from tests.support.http_fronts import Places, caddy, haproxy, nginx, running

PROXIES: Mapping[str, Callable[[Places, Path], Sequence[str]]] = {
    "nginx": nginx,
    "caddy": caddy,
    "haproxy": haproxy,
}


class OneCookie(ByPath):
    """The rules of `ByPath`, with what proxies that copy a list can pass on.

    `/slow` takes longer than a proxy waits, `/break` has a header that would end its line.
    """

    def check(self, request: Request, /) -> Outcome:
        """The outcome for one request."""
        outcome = super().check(request)
        if request.path == "/slow":
            time.sleep(2.8)
        if not isinstance(outcome, Forward):
            return outcome
        if request.path == "/break":
            return replace(outcome, set_headers=((ASSERTION, "x\r\nX-Admin: 1"),))
        return replace(
            outcome,
            response_cookies=outcome.response_cookies[:1],
            response_headers=((METADATA, "ours"),),
        )


@dataclass(frozen=True, slots=True)
class Stand:
    """A running proxy; the origins are called `origin` and `companion`."""

    name: str
    port: int
    log: Log
    judge: OneCookie

    def ask(self, target: str, headers: Pairs = (), method: str = "GET", host: str = HOST) -> Reply:
        """One request on a connection of its own."""
        return exchange(("127.0.0.1", self.port), request_bytes(method, target, host, headers))


def answers(seen: Seen) -> bytes:
    """What the origins say."""
    match seen.target:
        case "/metadata":
            return http_answer("200 OK", (("Cf-Access-Metadata", "theirs"),))
        case "/accel":
            return http_answer("200 OK", (("X-Accel-Redirect", "/cdn-cgi/access/inside"),))
        case _:
            return cookies_or_echo(seen)


@contextmanager
def standing(
    name: str, folder: Path, other: str = "", spoilt: Mapping[str, str] | None = None
) -> Iterator[Stand]:
    """A proxy in front of a check, or of some `other` address where the check should be.

    `spoilt` replaces words in every file of its configuration.
    """
    log, judge, check = Log(), OneCookie(), other or f"127.0.0.1:{free_port()}"
    with (
        Origin("origin", log, answers) as origin,
        Origin("companion", log, answers) as companion,
        nullcontext() if other else _checking(check, judge),
    ):
        listen = f"127.0.0.1:{free_port()}"
        places = Places(listen, check, companion.address, origin.address, (HOST,), TEAM)
        command = PROXIES[name](places, folder)
        _spoil(folder / name, spoilt or {})
        with running(command, folder, listen):
            yield Stand(name, int(listen.rpartition(":")[2]), log, judge)


def _spoil(folder: Path, words: Mapping[str, str]) -> None:
    for file in folder.iterdir():
        text = file.read_text()
        for known, other in words.items():
            text = text.replace(known, other)
        file.write_text(text)


@contextmanager
def _checking(endpoint: str, judge: OneCookie) -> Iterator[None]:
    worker = HttpWorker(endpoint, judge, judge, lambda: True, ("127.0.0.1",))
    worker.start()
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        wait_for(lambda: is_serving(endpoint))
        yield
    finally:
        worker.stop()
        thread.join()
