"""Rows D01 to D07 on the whole installation: much of everything, and others are still served."""

import socket
import statistics
import time
from functools import partial
from typing import Any

import pytest
import yaml
from sqlalchemy import create_engine, inspect, text

from lychgate.config import load
from lychgate.config.edits import apply
from lychgate.core.request import Request, address
from lychgate.core.urls import AUTH_COOKIE
from lychgate.gate import Forward
from lychgate.runtime import connect, open_runtime
from tests.support.both import Both
from tests.support.browsing import Visitor
from tests.support.catalogue import ALICE, Catalogue
from tests.support.front import Pairs, request_bytes
from tests.support.scale import SCALE, scaled
from tests.support.together import run_together


@pytest.mark.parametrize(
    "headers",
    [
        (("Cookie", "x=" + "y" * 50_000),),
        (("Cookie", "; ".join(f"c{number}=v" for number in range(1000))),),
        (("Cookie", "; ".join("CF_Authorization=a.b.c" for _ in range(1000))),),
        tuple((f"X-{number}", "v") for number in range(80)),
        (("Cf-Access-Token", "a." * 2 + "x" * 50_000),),
    ],
    ids=["one cookie", "many cookies", "many tokens", "many headers", "one token"],
)
def test_D01_a_big_head_is_judged_quickly(both: Both, headers: Pairs) -> None:
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        both.ask("/", headers=headers).login("ROOT")
        taken.append(time.perf_counter() - started)
    # Two proxies and their connections are in it; the decision alone has 20 ms.
    assert statistics.median(taken) < 0.25, taken


@pytest.mark.parametrize(
    "data",
    [
        request_bytes("GET", "/", "a.example", (("Cookie", "x=" + "y" * 70_000),)),
        request_bytes("GET", "/", "a.example", tuple((f"X-{n}", "v") for n in range(150))),
        request_bytes("GET", "/" + "x" * 70_000, "a.example"),
    ],
    ids=["cookie", "headers", "path"],
)
def test_D01_a_head_beyond_the_limits_is_refused(both: Both, data: bytes) -> None:
    both.send(data).bad()


def rows(catalogue: Catalogue) -> int:
    """How many rows the whole database has."""
    engine = create_engine(catalogue.settings.store)
    with engine.connect() as connection:
        tables = inspect(connection).get_table_names()
        counts = [connection.scalar(text(f"SELECT count(*) FROM {one}")) for one in tables]
    engine.dispose()
    return sum(int(count or 0) for count in counts)


@pytest.mark.timeout(3600)  # at full size
def test_D02_logins_that_nobody_finishes_leave_nothing(catalogue: Catalogue) -> None:
    person = Visitor(catalogue, catalogue.fronts["envoy"])
    person.open("https://a.example/")
    before = rows(catalogue)

    def begin(times: int) -> None:
        for _ in range(times):
            page = Visitor(catalogue, catalogue.fronts["envoy"]).open("https://a.example/")
            assert page.reply.status == 200

    run_together([partial(begin, scaled(20_000, 40) // 8)] * 8)
    assert rows(catalogue) == before
    page = Visitor(catalogue, catalogue.fronts["envoy"]).log_in(
        "https://a.example/", "d02@staff.example"
    )
    assert page.reply.status == 200


def test_D04_slow_clients_are_closed_and_cost_nobody_anything(catalogue: Catalogue) -> None:
    """The companion's own listener: half a head, then silence."""
    host, _, port = catalogue.settings.companion.listen.partition(":")
    slow = [socket.create_connection((host, int(port))) for _ in range(scaled(500, 200))]
    for one in slow:
        one.sendall(b"GET /cdn-cgi/access/certs HTTP/1.1\r\nHost: team.exa")
    taken = []
    data = request_bytes("GET", "/cdn-cgi/access/certs", "team.example")
    for _ in range(20):
        started = time.perf_counter()
        assert catalogue.fronts["envoy"].send_raw(data).status == 200
        taken.append(time.perf_counter() - started)
    assert max(taken) < 2
    started = time.monotonic()
    for one in slow:
        one.settimeout(max(0.1, 20 - (time.monotonic() - started)))
        closed = one.recv(1000)
        assert closed == b"" or closed.startswith(b"HTTP/1.1 4"), closed
        one.close()


def big(catalogue: Catalogue) -> dict[str, Any]:
    """A file with many applications, rules and items."""
    apps, lists = scaled(1000, 50), scaled(5000, 250)
    emails = [{"value": f"person{number}@many.example"} for number in range(lists)]
    content: dict[str, Any] = yaml.safe_load(catalogue.file.read_text())
    resources = content["resources"]
    resources["lists"] = [{"name": "many", "type": "EMAIL", "items": emails}]
    rules = [{"email": {"email": f"p{number}@few.example"}} for number in range(9)]
    rules.append({"email_list": {"id": "many"}})
    for number in range(apps):
        policy = {"name": f"p{number}", "decision": "allow", "include": rules}
        destination = {"type": "public", "uri": f"app{number}.many.example"}
        resources["applications"].append(
            {
                "name": f"app{number}",
                "type": "self_hosted",
                "destinations": [destination],
                "policies": [policy],
            }
        )
    return content


@pytest.mark.timeout(600)  # at full size
def test_D06_a_big_configuration_decides_as_fast(
    catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("big")
    file = folder / "lychgate.yaml"
    file.write_text(yaml.safe_dump(big(catalogue) | {"store": f"sqlite:///{folder / 'big.db'}"}))
    loaded = load(file, {})
    store = connect(loaded.settings)
    apply(loaded, store)
    store.close()
    with open_runtime(loaded.settings) as runtime:
        taken = []
        for number in range(200):
            host = f"app{number % 50}.many.example"
            headers = {"host": (host,), "cookie": (f"{AUTH_COOKIE}=a.b.c",)}
            ip = address("192.0.2.1")
            request = Request("1", "GET", "https", host, "/", None, headers, ip)
            started = time.perf_counter()
            outcome = runtime.gate.check(request)
            taken.append(time.perf_counter() - started)
            assert not isinstance(outcome, Forward)
    assert sorted(taken)[-3] < 0.010


def test_D07_a_herd_after_a_restart_is_served_within_seconds(fragile: Catalogue) -> None:
    front = fragile.fronts["envoy"]
    people = [f"d07.{number}@staff.example" for number in range(scaled(500, 25))]
    tokens = [fragile.token(email, "ROOT") for email in people]
    same = fragile.token(ALICE, "ROOT")
    fragile.processes["extauthz"].kill()
    fragile.processes["extauthz"].wait()
    dead = front.send_raw(request_bytes("GET", "/", "a.example"))
    assert dead.status == 503
    fragile.start("extauthz")
    started = time.monotonic()
    served: list[float] = []

    def come_back(token: str) -> None:
        data = request_bytes("GET", "/", "a.example", (("Cookie", f"{AUTH_COOKIE}={token}"),))
        while (status := front.send_raw(data, 20).status) != 200:
            assert status == 503 and time.monotonic() - started < 20
            time.sleep(0.05)
        served.append(time.monotonic() - started)

    run_together([partial(come_back, token) for token in (*tokens, *[same] * len(tokens))])
    assert len(served) == 2 * len(tokens)
    assert max(served) < 5 if SCALE < 1 else max(served) < 15
