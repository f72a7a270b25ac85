"""The decision server as a process: what Envoy's clients notice of a kill, a stop, a renewal."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from subprocess import Popen

import pytest

from extauthz.layout import Check, layout_of
from tests.support.envoy import Envoy, free_port, running_envoy, wait_until
from tests.support.front import Log, Origin, request_bytes
from tests.support.installation import Installation, install

PUBLIC = {
    "name": "public",
    "type": "self_hosted",
    "domain": "localhost/public",
    "policies": [{"name": "all", "decision": "bypass", "include": [{"everyone": {}}]}],
}
STAFF = {
    "name": "staff",
    "type": "self_hosted",
    "domain": "localhost",
    "policies": [{"name": "staff", "decision": "allow", "include": [{"everyone": {}}]}],
}


@dataclass(frozen=True, slots=True)
class Place:
    """An installation behind Envoy; its decision server is not started yet."""

    front: Envoy
    installation: Installation

    def status(self, target: str = "/public/x") -> int:
        """The status of one request."""
        return self.front.send_raw(request_bytes("GET", target, "localhost")).status


@contextmanager
def a_place(folder: Path, workers: int, check: Check = Check.GRPC) -> Iterator[Place]:
    """Envoy in front of one origin."""
    log = Log()
    with Origin("origin", log) as origin:
        upstreams = [{"host": "localhost", "to": f"http://{origin.address}"}]
        installation = install(folder, [PUBLIC, STAFF], upstreams, workers, check)
        layout = replace(
            layout_of(installation.settings, f"127.0.0.1:{free_port()}", check),
            companions=(origin.address,),
        )
        with running_envoy(layout, folder, log) as front:
            yield Place(front, installation)


@dataclass(slots=True)
class Load:
    """Clients that ask again and again; counts their statuses."""

    place: Place
    statuses: Counter[int] = field(default_factory=Counter)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self, clients: int = 4) -> Iterator[None]:
        """Ask from several threads."""
        threads = [threading.Thread(target=self._ask) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _ask(self) -> None:
        while not self._stop.is_set():
            self.statuses[self.place.status()] += 1


def becomes(place: Place, status: int, seconds: float = 5.0) -> bool:
    """Whether requests get a status in time."""
    deadline = time.monotonic() + seconds
    while place.status() != status:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_a_request_goes_through_envoy_core_and_origin(tmp_path: Path) -> None:
    with a_place(tmp_path, workers=1) as place:
        assert place.status() == 503
        with place.installation.deciding():
            assert becomes(place, 200)
            reply = place.front.send_raw(request_bytes("GET", "/private?x=1", "localhost"))
            assert reply.status == 302
            assert "/cdn-cgi/access/login/localhost" in (reply.header("location") or "")
    assert {seen.target for seen in place.front.origin_log()} == {"/public/x"}


def test_killed_under_load_means_503_and_nothing_at_the_origin(tmp_path: Path) -> None:
    with a_place(tmp_path, workers=1) as place:
        load = Load(place)
        with load.running():
            with place.installation.deciding() as process:
                assert becomes(place, 200)
                process.send_signal(signal.SIGKILL)
                process.wait()
                time.sleep(0.1)  # what was allowed before the kill reaches the origin
                place.front.clear_log()
                time.sleep(1.5)
                assert place.front.origin_log() == ()
            with place.installation.deciding():
                assert becomes(place, 200)
    assert set(load.statuses) == {200, 503}


@pytest.mark.parametrize("check", Check)
def test_with_two_workers_neither_a_renewal_nor_a_kill_loses_a_check(
    tmp_path: Path, check: Check
) -> None:
    with a_place(tmp_path, 2, check) as place, place.installation.deciding() as process:
        assert becomes(place, 200)
        time.sleep(1.5)  # Envoy has seen both workers
        load = Load(place)
        with load.running():
            before = children(process)
            process.send_signal(signal.SIGHUP)
            wait_until(lambda: not before & children(process), process, 60)
            wait_until(place.installation.serves, process, 60)
            time.sleep(1.5)
            killed = min(children(process))
            os.kill(killed, signal.SIGKILL)
            wait_until(lambda: killed not in children(process), process, 60)
            wait_until(place.installation.serves, process, 60)
    assert load.statuses[200] > 100
    assert set(load.statuses) == {200}


@pytest.mark.parametrize("check", Check)
def test_a_stop_ends_every_process_without_complaint(tmp_path: Path, check: Check) -> None:
    installation = install(tmp_path, [PUBLIC], [], 2, check)
    with installation.deciding() as process:
        workers = children(process)
        process.terminate()
        assert process.wait(15) == 0
        assert gone(workers, seconds=0)
    logs = [file.read_text() for file in tmp_path.glob("extauthz*.log")]
    assert logs and not any("Traceback" in text for text in logs)


def test_workers_do_not_outlive_a_killed_supervisor(tmp_path: Path) -> None:
    installation = install(tmp_path, [PUBLIC], [], workers=2)
    with installation.deciding() as process:
        workers = children(process)
        process.kill()
        assert gone(workers, seconds=15)


@pytest.mark.skipif(sys.platform != "linux", reason="no other system has this policy")
@pytest.mark.parametrize(
    ("check", "policy"), [(Check.HTTP, "SCHED_BATCH"), (Check.GRPC, "SCHED_OTHER")]
)
def test_only_the_http_check_waits_for_the_proxy_on_its_core(
    tmp_path: Path, check: Check, policy: str
) -> None:
    with install(tmp_path, [PUBLIC], [], 1, check).deciding() as process:
        threads = [int(task.name) for task in Path(f"/proc/{process.pid}/task").iterdir()]
        assert {os.sched_getscheduler(thread) for thread in threads} == {getattr(os, policy)}


def children(process: Popen[bytes]) -> set[int]:
    """The worker processes of a supervisor."""
    found = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, check=False)
    return {int(pid) for pid in found.stdout.split()}


def gone(pids: set[int], seconds: float) -> bool:
    """Whether processes have ended in time."""
    deadline = time.monotonic() + seconds
    while any(exists(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def exists(pid: int) -> bool:
    """Whether a process is running."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
