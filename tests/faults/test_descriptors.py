"""File descriptors run out: what has a connection goes on, nobody else enters, no core is burnt."""

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import psutil
import pytest
import yaml

from extauthz.probe import is_serving
from extauthz.worker import SERVICE
from lychgate.core.urls import CERTS
from tests.faults.test_serve import OBJECTS, kill
from tests.support.catalogue import wait_for
from tests.support.envoy import free_port
from tests.support.standing import Standing, standing

DESCRIPTORS = 400
"""The hard limit; of these, 48 connections for each listener of the companion app."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """An installation whose servers have few descriptors."""
    settings = {"listen": [f"127.0.0.1:{free_port()}"]}
    folder = tmp_path_factory.mktemp("few")
    with standing(folder, OBJECTS, free_port(), extauthz=settings) as running:
        serve = psutil.Process(running.serve.pid)
        serve.rlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS // 2, DESCRIPTORS))
        kill(process(running, "lychgate.web").pid)
        wait_for(lambda: status(running, CERTS) == 200, 60)
        yield running


def process(site: Standing, module: str) -> psutil.Process:
    """The one that runs a module."""
    children = psutil.Process(site.serve.pid).children()
    return next(one for one in children if module in one.cmdline())


def status(site: Standing, path: str) -> int:
    """What Envoy answers at the team domain."""
    return httpx.get(site.team + path, timeout=10).status_code


@contextmanager
def idle(address: str, count: int) -> Iterator[None]:
    """Connections on which nobody says anything."""
    host, _, port = address.rpartition(":")
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(socket.create_connection((host, int(port)), 5))
        yield


def busy(one: psutil.Process, seconds: float) -> float:
    """The share of a core that a process takes in a while."""
    before = sum(one.cpu_times()[:2])
    time.sleep(seconds)
    return (sum(one.cpu_times()[:2]) - before) / seconds


def test_D04_idle_connections_leave_the_companion_app_its_descriptors(site: Standing) -> None:
    """Those that are too many wait in the system's queue: the store and the log stay open."""
    companion = process(site, "lychgate.web")
    address = yaml.safe_load(site.file.read_text())["companion"]["listen"]
    with idle(address, DESCRIPTORS):
        assert busy(companion, 3) < 0.5
        assert companion.num_fds() < DESCRIPTORS - 100
        assert httpx.get(site.app()).status_code == 302
        assert status(site, CERTS) in (200, 503)
        with pytest.raises(httpx.TimeoutException):
            httpx.get(f"http://{address}{CERTS}", timeout=2)
    assert "too many open files" not in site.output().lower()
    wait_for(lambda: status(site, CERTS) == 200, 20)


def test_F05_a_decision_server_without_descriptors_takes_nobody_new(site: Standing) -> None:
    decides = process(site, "extauthz")
    address = yaml.safe_load(site.file.read_text())["extauthz"]["listen"][0]
    before = decides.rlimit(resource.RLIMIT_NOFILE)
    decides.rlimit(resource.RLIMIT_NOFILE, (decides.num_fds() + 8, before[1]))
    site.log.clear()
    try:
        with idle(address, 60):
            wait_for(lambda: "escriptor limit reached" in site.output(), 20)
            assert not is_serving(address, SERVICE)
            assert busy(decides, 3) < 0.5
            assert {httpx.get(site.app(), timeout=10).status_code for _ in range(5)} <= {302, 503}
            assert site.log.read() == ()
        wait_for(lambda: is_serving(address, SERVICE), 20)
    finally:
        decides.rlimit(resource.RLIMIT_NOFILE, before)
    wait_for(lambda: httpx.get(site.app()).status_code == 302, 20)
