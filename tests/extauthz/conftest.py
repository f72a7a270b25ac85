"""One real Envoy for the tests of this folder, in front of a decision server with simple rules."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from extauthz.http.server import HttpWorker
from extauthz.layout import Check, Layout
from extauthz.worker import Worker
from lychgate.settings import Upstream
from tests.extauthz.judge import ByPath
from tests.support.catalogue import wait_for
from tests.support.envoy import Envoy, free_port, running_envoy
from tests.support.front import Log, Origin, Seen, echo, http_answer, request_bytes

HOST, TEAM = "a.example", "team.example"
COOKIES = (
    "CF_Authorization=evil; Path=/",
    "CF_AppSession=evil",
    " CF_Session =evil",
    "=CF_Binding=evil",
    "CF_AuthorizationX=fine; Expires=Wed, 21 Oct 2037 07:28:00 GMT",
    "plain=1; HttpOnly",
)
"""What the origin answers with at `/cookies`, the companion everywhere below it."""


@dataclass(frozen=True, slots=True)
class Stand:
    """Envoy with its judge; the origins are called `origin`, `api` and `companion`."""

    front: Envoy
    judge: ByPath
    socket: Path

    def clear(self) -> None:
        """Forget what was asked and received."""
        self.front.clear_log()
        self.judge.seen.clear()


def cookies_or_echo(seen: Seen) -> bytes:
    """The origins' answer: cookies where the path asks for them."""
    if seen.target.endswith("/cookies"):
        return http_answer("200 OK", tuple(("Set-Cookie", cookie) for cookie in COOKIES))
    return echo(seen)


def always() -> bool:
    """Ready from the first moment on."""
    return True


@pytest.fixture(scope="session", params=list(Check))
def standing(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Stand]:
    """Started once for each way to ask; use `stand`, which is empty at the start of each test."""
    folder = tmp_path_factory.mktemp("envoy")
    log, judge, socket = Log(), ByPath(), folder / "decision.sock"
    endpoint = f"unix:{socket}"
    worker: Worker | HttpWorker = Worker(endpoint, judge, always)
    if request.param is Check.HTTP:
        worker = HttpWorker(endpoint, judge, judge, always, ())
    worker.start()
    thread = threading.Thread(target=worker.run)
    thread.start()
    with (
        Origin("origin", log, cookies_or_echo) as origin,
        Origin("api", log) as api,
        Origin("companion", log, cookies_or_echo) as companion,
    ):
        layout = Layout(
            listen=f"127.0.0.1:{free_port()}",
            team=(TEAM,),
            decision=(f"unix:{socket}",),
            companions=(companion.address,),
            check=request.param,
            upstreams=(
                Upstream(HOST, f"http://{origin.address}"),
                Upstream(HOST, f"http://{api.address}", "/api"),
            ),
        )
        with running_envoy(layout, folder, log) as front:
            yield Stand(front, judge, socket)
            worker.stop()
    thread.join()


@pytest.fixture
def stand(standing: Stand) -> Stand:
    """The running Envoy, with empty logs, and with a judge that is awake again."""
    wait_for(lambda: standing.front.send_raw(request_bytes("GET", "/", HOST)).status == 200)
    standing.clear()
    return standing
