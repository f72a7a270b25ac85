"""What visitors and origins notice when a process is killed, or the store is gone."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.support.catalogue import (
    ALICE,
    BOB,
    FRONTS,
    Catalogue,
    running_catalogue,
    wait_for,
)
from tests.support.envoy import free_port
from tests.support.front import Reply, request_bytes
from tests.support.oidc_objects import application, policy
from tests.support.standing import standing

GRACE = 6
"""Seconds that decisions go on without the store."""
PEOPLE = (ALICE, BOB.replace("admins", "staff"), "carol@staff.example")
PIN = {"name": "PIN", "type": "onetimepin", "config": {}}


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """An installation behind both proxies, whose parts may be broken."""
    folder = tmp_path_factory.mktemp("fragile")
    (folder / "store").mkdir()
    settings: dict[str, Any] = {
        "store": f"sqlite:///{folder / 'store' / 'lychgate.db'}",
        "store_outage_grace": f"{GRACE}s",
    }
    with running_catalogue(folder, **settings) as catalogue:
        yield catalogue


@dataclass
class Load:
    """What people with sessions got while they kept asking: by target, what was answered."""

    catalogue: Catalogue
    front: str
    answers: dict[str, Reply] = field(default_factory=dict)

    def statuses(self, since: int = 0) -> list[int]:
        """The statuses so far, oldest first."""
        return [reply.status for reply in list(self.answers.values())[since:]]

    def follow(self, number: int, stop: threading.Event) -> None:
        """One person asks again and again, each time for something else."""
        token = self.catalogue.token(PEOPLE[number % len(PEOPLE)], "ROOT")
        cookie = (("Cookie", f"CF_Authorization={token}"),)
        for round in count():
            if stop.is_set():
                return
            target = f"/{number}/{round}"
            data = request_bytes("GET", target, "a.example", cookie)
            self.answers[target] = self.catalogue.fronts[self.front].send_raw(data)


@contextmanager
def under_load(catalogue: Catalogue, front: str) -> Iterator[Load]:
    """Six people who do not stop asking."""
    catalogue.log.clear()
    load, stop = Load(catalogue, front), threading.Event()
    threads = [threading.Thread(target=load.follow, args=(one, stop)) for one in range(6)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def kill(pid: int) -> None:
    """A process and everything it started, without a word of warning."""
    family = [*psutil.Process(pid).children(recursive=True), psutil.Process(pid)]
    for one in family:
        one.send_signal(signal.SIGKILL)
    psutil.wait_procs(family, 10)


def test_the_decision_server_is_killed_under_load(fragile: Catalogue) -> None:
    with under_load(fragile, "envoy") as load:
        wait_for(lambda: load.statuses().count(200) > 50)
        kill(fragile.processes["extauthz"].pid)
        killed = len(load.answers)
        wait_for(lambda: load.statuses(killed).count(503) > 50, 20)
        fragile.start("extauthz")
        wait_for(lambda: set(load.statuses()[-30:]) == {200}, 30)
    assert set(load.statuses()) == {200, 503}, "no session lost: nobody is sent to the login"
    reached = {seen.target for seen in fragile.log.read()}
    allowed = {target for target, reply in load.answers.items() if reply.status == 200}
    assert reached == allowed, "the origin got nothing that was not allowed"
    refused = next(reply for reply in load.answers.values() if reply.status == 503)
    assert not refused.header("set-cookie")
    assert not refused.header("location")


def test_the_companion_is_killed(fragile: Catalogue) -> None:
    fragile.processes["lychgate.web"].kill()
    fragile.processes["lychgate.web"].wait()
    try:
        for name in FRONTS:
            assert ask(fragile, name, "/", ALICE).status == 200
            login = request_bytes("GET", "/cdn-cgi/access/login/a.example", "team.example")
            reply = fragile.fronts[name].send_raw(login)
            assert reply.status in (502, 503), (name, reply)
            assert reply.body, "an empty page says nothing to anybody"
            assert b"Traceback" not in reply.body
            assert ask(fragile, name, "/", None).status == 302
    finally:
        fragile.start("lychgate.web")
    certs = request_bytes("GET", "/cdn-cgi/access/certs", "team.example")
    wait_for(lambda: {front.send_raw(certs).status for front in fragile.fronts.values()} == {200})


def ask(catalogue: Catalogue, front: str, target: str, person: str | None) -> Reply:
    """A request with somebody's session, or without one."""
    token = catalogue.token(person, "ROOT") if person else ""
    cookie = (("Cookie", f"CF_Authorization={token}"),) if token else ()
    return catalogue.fronts[front].send_raw(request_bytes("GET", target, "a.example", cookie))


def test_the_folder_of_the_store_is_gone(fragile: Catalogue) -> None:
    folder, away = fragile.folder / "store", fragile.folder / "away"
    token = fragile.token(ALICE, "ROOT")
    cookie = (("Cookie", f"CF_Authorization={token}"),)
    data = request_bytes("GET", "/", "a.example", cookie)

    def statuses() -> set[int]:
        return {fragile.fronts[name].send_raw(data).status for name in FRONTS}

    assert statuses() == {200}
    folder.rename(away)
    try:
        assert statuses() == {200}
        for name in FRONTS:
            reply = fragile.fronts[name].send_raw(_login(fragile))
            assert reply.status == 503, reply
            assert b"Not available right now" in reply.body
        wait_for(lambda: statuses() == {503}, GRACE + 6)
        fragile.log.clear()
        assert statuses() == {503}
        assert fragile.log.read() == ()
        assert not folder.exists()
    finally:
        away.rename(folder)
    wait_for(lambda: statuses() == {200}, 10)


def _login(catalogue: Catalogue) -> bytes:
    """The step of a login that follows the redirect to the team."""
    location = ask(catalogue, "envoy", "/", None).header("location") or ""
    return request_bytes("GET", location.removeprefix("https://team.example"), "team.example")


def test_serve_starts_again_what_was_killed(tmp_path: Path) -> None:
    objects = {
        "identity_providers": [PIN],
        "policies": [policy("staff", {"email_domain": {"domain": "example.com"}})],
        "applications": [application("whoami", "localhost", "staff")],
    }
    port = free_port()
    with standing(tmp_path, objects, port) as site:
        children = psutil.Process(site.serve.pid).children()
        assert len(children) == 2
        for child in children:
            kill(child.pid)
        wait_for(lambda: site.output().count("starting it again") == 2, 20)
        wait_for(lambda: httpx.get(site.app()).status_code == 302, 30)
        certs = f"{site.team}/cdn-cgi/access/certs"
        wait_for(lambda: httpx.get(certs).status_code == 200, 30)
        assert site.serve.poll() is None
    left = [child.pid for child in children if child.is_running()]
    assert left == []
