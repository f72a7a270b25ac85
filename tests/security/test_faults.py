"""Rows X01 to X08: what happens while something is broken, and that it mends by itself."""

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from extauthz.layout import layout_of
from lychgate.config import load
from lychgate.core.keys import OVERLAP, PUBLISH_AHEAD
from lychgate.core.request import Request, address
from lychgate.core.tokens import sign
from lychgate.core.urls import ASSERTION, AUTH_COOKIE
from lychgate.gate import Forward, Gate, View
from lychgate.processes import accepts
from tests.support.both import Both, claims_of
from tests.support.browsing import Visitor
from tests.support.catalogue import (
    ALICE,
    FRONTS,
    ST1_ID,
    ST1_SECRET,
    Catalogue,
    real_now,
    running_catalogue,
    wait_for,
)
from tests.support.envoy import free_port, running_envoy
from tests.support.front import Log, Pairs, request_bytes
from tests.support.postgres import PostgresServer
from tests.support.scale import scaled

GRACE = 4
"""Seconds that decisions go on without the store, in the installation on PostgreSQL."""


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A database server of our own, to be stopped."""
    server = PostgresServer()
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def on_postgres(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Catalogue]:
    """The installation on that server."""
    folder = tmp_path_factory.mktemp("on-postgres")
    key = folder / "master.key"
    key.touch(0o600)
    key.write_text("5a" * 32)
    settings: dict[str, Any] = {
        "store": postgres.database(),
        "master_key_file": str(key),
        "store_outage_grace": f"{GRACE}s",
    }
    with running_catalogue(folder, **settings) as catalogue:
        yield catalogue


def statuses(both: Both, headers: Pairs = (), target: str = "/") -> set[int]:
    """What the proxies answer."""
    return {one.reply.status for one in both.ask(target, headers=headers)}


def test_X01_without_the_database(on_postgres: Catalogue, postgres: PostgresServer) -> None:
    """Sessions and machines go on for the configured time, logins stop at once, then it is 503."""
    both = Both(on_postgres)
    session = (both.session(ALICE, "ROOT"),)
    machine = (("Cf-Access-Client-Id", ST1_ID), ("Cf-Access-Client-Secret", ST1_SECRET))
    stranger = Visitor(on_postgres, on_postgres.fronts["envoy"])
    login = stranger.step("https://a.example/").reply.header("location") or ""
    assert statuses(both, session) == {200}
    postgres.stop()
    stopped = time.monotonic()
    try:
        both.ask(headers=session).ok(ALICE, "ROOT")
        both.ask("/", "b.example", machine).ok(ST1_ID, "B")
        page = stranger.step(login)
        assert page.reply.status == 503 and not page.reply.header("location")
        wait_for(lambda: statuses(both, session) == {503}, GRACE + 5)
        assert time.monotonic() - stopped < GRACE + 4
        # Envoy's health check hears of it as well: then it refuses by itself, with its own page.
        for asked in (both.ask(headers=session), both.ask(), both.ask("/public/x")):
            assert all(one.is_denied(503) for one in asked)
    finally:
        postgres.start()
    back = time.monotonic()
    wait_for(lambda: statuses(both, session) == {200}, 12)
    assert time.monotonic() - back < 10
    assert stranger.open("https://a.example/").reply.status == 200


def test_X02_without_a_decision_server_nothing_passes(catalogue: Catalogue, tmp_path: Path) -> None:
    """Envoy is up, the gate has not started: every application answers 503."""
    content = yaml.safe_load(catalogue.file.read_text())
    content["extauthz"]["listen"] = [f"unix:{tmp_path / 'nobody.sock'}"]
    file = tmp_path / "lychgate.yaml"
    file.write_text(yaml.safe_dump(content))
    log = Log()
    layout = layout_of(load(file, {}).settings, f"127.0.0.1:{free_port()}")
    with running_envoy(layout, tmp_path, log) as envoy:
        for target in ("/", "/public/x", "/admin"):
            reply = envoy.send_raw(request_bytes("GET", target, "a.example"))
            assert reply.status == 503
    assert log.read() == ()


def test_X02_mitmproxy_does_not_start_without_its_configuration(tmp_path: Path) -> None:
    port = free_port()
    command = (sys.executable, "-m", "addon", "--config", str(tmp_path / "none.yaml"))
    done = subprocess.run(
        (*command, "--listen", f"127.0.0.1:{port}"), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert not accepts(f"127.0.0.1:{port}")


def moved_gate(catalogue: Catalogue, by: timedelta) -> Gate:
    """A gate over the running installation whose clock is wrong."""

    def view() -> View | None:
        snapshot = catalogue.feed.current()
        return None if snapshot is None else View(snapshot, timedelta())

    return Gate(view, lambda: real_now() + by, lambda _: None, timedelta(hours=1))


def admits(gate: Gate, token: str) -> bool:
    """Whether a gate takes a token for a session."""
    headers = {"cookie": (f"{AUTH_COOKIE}={token}",), "host": ("a.example",)}
    ip = address("192.0.2.1")
    request = Request("1", "GET", "https", "a.example", "/", None, headers, ip)
    return isinstance(gate.check(request), Forward)


def test_X03_a_clock_that_jumps_admits_nobody_it_should_not(catalogue: Catalogue) -> None:
    token = catalogue.token(ALICE, "ROOT")  # good for an hour
    expired = catalogue.token(ALICE, "ROOT", exp=int(time.time()) - 120)
    assert admits(moved_gate(catalogue, timedelta()), token)
    for hours in (2, 0, -2):
        gate = moved_gate(catalogue, timedelta(hours=hours))
        assert admits(gate, token) == (hours == 0)
        # Two hours back even the expired one lies in the future: nobody is let in en masse.
        assert not admits(gate, expired)
    assert not admits(moved_gate(catalogue, timedelta(seconds=-61)), token)


def test_X04_keys_rotate_under_live_sessions(both: Both) -> None:
    catalogue = both.catalogue
    email = "x04@staff.example"
    old = [catalogue.token(email, "ROOT", auth_time=number) for number in range(scaled(1000, 20))]
    before = catalogue.store.keys.keyring()
    newest = catalogue.store.keys.rotate(real_now()).signing[-1]
    assert newest.kid not in {key.kid for key in before.signing}

    def published() -> bool:
        answers = both.ask("/cdn-cgi/access/certs", "team.example")
        return all(newest.kid.encode() in one.reply.body for one in answers)

    wait_for(published, 5)
    assert newest.active_from >= real_now() + PUBLISH_AHEAD - timedelta(seconds=10)
    fresh = catalogue.token(email, "ROOT")
    assert catalogue.store.keys.keyring().current(real_now()).kid != newest.kid
    for token in (*old, fresh):
        sent = (("Cookie", f"{AUTH_COOKIE}={token}"),)
        assert statuses(both, sent) == {200}


def test_X04_a_key_retired_for_longer_than_the_overlap_signs_for_nobody(
    catalogue: Catalogue,
) -> None:
    catalogue.store.keys.rotate(real_now())
    catalogue.store.prune(real_now() + PUBLISH_AHEAD + timedelta(seconds=5))
    assert catalogue.feed.wait_for(catalogue.store.revision())
    keys = catalogue.store.keys.keyring()
    old = next(key for key in keys.signing if key.retired_at is not None)
    far = int(time.time() + 60 * 86400)
    token = sign(catalogue.claims(ALICE, "ROOT") | {"exp": far}, old)
    assert admits(moved_gate(catalogue, timedelta()), token)
    assert admits(moved_gate(catalogue, OVERLAP - timedelta(minutes=5)), token)
    assert not admits(moved_gate(catalogue, OVERLAP + timedelta(minutes=5)), token)


def test_X05_a_revocation_ends_a_busy_session_within_seconds(both: Both) -> None:
    catalogue, email = both.catalogue, "x05@staff.example"
    person = catalogue.person(email)
    data = request_bytes("GET", "/", "a.example", (both.session(email, "ROOT"),))
    last: dict[str, float] = dict.fromkeys(FRONTS, 0.0)
    refused: dict[str, int] = dict.fromkeys(FRONTS, 0)
    done = threading.Event()

    def hammer(name: str) -> None:
        while not done.is_set():
            started = time.monotonic()
            if catalogue.fronts[name].send_raw(data).status == 200:
                last[name] = started
            else:
                refused[name] += 1

    threads = [threading.Thread(target=hammer, args=(name,)) for name in FRONTS for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    catalogue.store.revocations.revoke_session(person.session, real_now())
    called = time.monotonic()
    time.sleep(4)
    done.set()
    for thread in threads:
        thread.join()
    for name in FRONTS:
        assert 0 < last[name] < called + 2, (name, last[name] - called)
        assert refused[name] > 0


@pytest.mark.timeout(1800)  # at full size
def test_X06_killed_while_a_code_is_checked(fragile: Catalogue) -> None:
    """A code counts once at most, whenever the companion app dies; nothing stays half done."""
    chance = random.Random(6)
    for number in range(scaled(60, 3)):
        email = f"x06.{number}@staff.example"
        person = Visitor(fragile, fragile.fronts["envoy"])
        page = person.ask_for_code("https://a.example/", email)
        form = person.filled(page, {"code": fragile.code(email)})
        twin = Visitor(fragile, person.front, dict(person.jar))
        answer = threading.Thread(target=person.step, args=form)
        answer.start()
        time.sleep(chance.uniform(0, 0.03))
        fragile.processes["lychgate.web"].kill()
        fragile.processes["lychgate.web"].wait()
        answer.join()
        fragile.start("lychgate.web")
        fragile.served()
        twin.step(*form)
        logins = len(fragile.store.sessions.by_email(email))
        assert logins <= 1, (number, logins)
        page = Visitor(fragile, person.front).log_in("https://a.example/", email)
        assert page.reply.status == 200


def test_X07_nothing_remembered_of_one_answer_serves_another(both: Both) -> None:
    catalogue = both.catalogue
    root, admin = catalogue.token(ALICE, "ROOT"), catalogue.token("bob@admins.example", "ADM")
    machine = (("Cf-Access-Client-Id", ST1_ID), ("Cf-Access-Client-Secret", ST1_SECRET))
    halves = {"cf-access-client-id": ST1_ID, "cf-access-client-secret": ST1_SECRET}
    single = (("Authorization", json.dumps(halves)),)
    for _ in range(3):  # what was remembered of a round must not change the next
        for line in (root, admin):
            cookie = (("Cookie", f"{AUTH_COOKIE}={line}"),)
            assert statuses(both, cookie) == ({200} if line is root else {302})
            assert statuses(both, cookie, "/admin") == ({302} if line is root else {200})
            both.ask("/", "b.example", cookie).login("B")
        both.ask("/", "b.example", machine).ok(ST1_ID, "B")
        both.ask("/", "single.example", single).ok(ST1_ID, "SINGLE")


@pytest.mark.parametrize("separator", ["|", ":", ",", ";", "'", '"', "\\x1f"])
def test_X07_claims_that_hold_separators_stay_apart(both: Both, separator: str) -> None:
    catalogue = both.catalogue
    people = [f"a@staff.example{separator}b", f"a@staff.example{separator}c"]
    for subject in people:
        token = catalogue.token(ALICE, "ROOT", note=subject)
        for one in both.ask(headers=(("Cookie", f"{AUTH_COOKIE}={token}"),)).ok(ALICE, "ROOT"):
            assert claims_of(one.all(ASSERTION)[0])["note"] == subject
