"""Two nodes under load: restarted one after the other, their database too, and one cut off."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from extauthz.layout import Check
from tests.support.catalogue import wait_for
from tests.support.fleet import Fleet, running_fleet
from tests.support.front import request_bytes
from tests.support.lateness import of_edits, of_revocations, worst
from tests.support.postgres import PostgresServer
from tests.support.scale import SCALE, scaled

IN_FLIGHT = 20
GRACE = 4
"""Seconds that decisions go on without the database."""


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A database server that may be restarted."""
    server = PostgresServer()
    server.start()
    yield server
    server.close()


@contextmanager
def load(fleet: Fleet) -> Iterator[Counter[tuple[str, int]]]:
    """So many people who do not stop asking, some of whom may not enter; what they are answered."""
    answers: Counter[tuple[str, int]] = Counter()
    over = threading.Event()
    people = [f"load.{number}@staff.example" for number in range(IN_FLIGHT - 2)]
    asked = [("staff", fleet.request(email)) for email in people]
    asked += [("stranger", request_bytes("GET", "/", fleet.host))]
    asked += [("outsider", fleet.request("mallory@elsewhere.example", "/mcp"))]

    def ask(who: str, data: bytes) -> None:
        while not over.is_set():
            answers[who, fleet.fronts["all"].send_raw(data, 30).status] += 1

    threads = [threading.Thread(target=ask, args=one) for one in asked]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        over.set()
        for thread in threads:
            thread.join()


@pytest.mark.timeout(600)
def test_X01_nodes_and_database_are_restarted_under_load_and_nobody_notices(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    """Full size: 20 requests in flight for a minute."""
    seconds = 60 if SCALE >= 1 else 15
    with running_fleet(tmp_path, postgres) as fleet, load(fleet) as answers:
        started = time.monotonic()
        for node in fleet.nodes:
            time.sleep(1)
            node.stop(node.decision)
            node.start(node.decision)
            time.sleep(1)
        postgres.stop()
        time.sleep(2)
        postgres.start()
        time.sleep(max(2.0, seconds - (time.monotonic() - started)))
    assert answers.pop(("staff", 200)) > 50
    assert set(answers) <= {("stranger", 302), ("outsider", 302), ("outsider", 401)}, answers


def test_X01_a_node_that_is_cut_off_stops_after_the_grace(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    with running_fleet(tmp_path, postgres, wired=True, store_outage_grace=f"{GRACE}s") as fleet:
        email, (_, second) = "x01@staff.example", fleet.nodes
        data, other = fleet.request(email), fleet.request("x01.other@staff.example")
        assert fleet.statuses(data) == [200, 200] and second.wire is not None
        second.wire.cut()
        cut = time.monotonic()
        fleet.nodes[0].call("POST", "organizations/revoke_user", fleet.token, {"email": email})
        wait_for(lambda: fleet.fronts["node1"].send_raw(data).status == 302, 1)
        wait_for(lambda: fleet.statuses(data) == [302, 503], GRACE + 4)
        assert time.monotonic() - cut < GRACE + 2
        assert fleet.statuses(other) == [200, 503]
        # Envoy before both leaves out the one that is cut off.
        wait_for(lambda: served(fleet, other) == {200}, 5)
        second.wire.mend()
        wait_for(lambda: fleet.statuses(data) == [302, 302], 10)
        assert fleet.statuses(other) == [200, 200]


def served(fleet: Fleet, data: bytes) -> set[int]:
    """What the Envoy before both answers to ten requests."""
    return {fleet.fronts["all"].send_raw(data).status for _ in range(10)}


@pytest.mark.timeout(900)  # at full size
@pytest.mark.parametrize("check", list(Check))
def test_X05_revocations_and_edits_are_in_force_everywhere_within_a_second(
    postgres: PostgresServer, tmp_path: Path, check: Check
) -> None:
    with running_fleet(tmp_path, postgres, check) as fleet:
        trials = scaled(200, 10)
        assert worst(of_revocations(fleet, trials)) < 1
        assert worst(of_edits(fleet, trials)) < 1
