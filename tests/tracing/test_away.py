"""A collector that is gone, or takes and never answers, slows nothing down."""

import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from extauthz.layout import layout_of
from tests.support.envoy import end, free_port, running_envoy, wait_until
from tests.support.front import Log, Origin, request_bytes
from tests.tracing.test_joined import traced


@contextmanager
def silent() -> Iterator[str]:
    """A server that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    kept.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    for one in kept:
        one.close()


@contextmanager
def gone() -> Iterator[str]:
    """An address where nobody listens."""
    yield f"http://127.0.0.1:{free_port()}"


@pytest.mark.parametrize("away", [silent, gone])
def test_checks_go_on_as_fast_and_the_end_comes_as_soon(away: object, tmp_path: Path) -> None:
    with away() as endpoint, Origin("origin", Log()) as origin:  # type: ignore[operator]  # both are managers
        installation = traced(tmp_path, endpoint, f"http://{origin.address}")
        layout = layout_of(installation.settings, f"127.0.0.1:{free_port()}")
        question = request_bytes("GET", "/public/x", "localhost")
        with running_envoy(layout, tmp_path, Log()) as front, installation.deciding() as server:
            wait_until(lambda: front.send_raw(question).status == 200, server, 30)
            times = []
            for _ in range(300):
                started = time.monotonic()
                assert front.send_raw(question).status == 200
                times.append(time.monotonic() - started)
            assert statistics.quantiles(times, n=20)[-1] < 0.25
            started = time.monotonic()
            end(server)
            assert time.monotonic() - started < 8
        said = (tmp_path / "extauthz.log").read_text()
        assert said.count("traces are lost") <= 1 and "Traceback" not in said
        assert "opentelemetry" not in said


WITHOUT = """
import sys
import lychgate.runtime, lychgate.web.app, extauthz.service
found = sorted(name for name in sys.modules if name.startswith("opentelemetry"))
assert not found, found
"""
NOT_THERE = """
import sys
sys.modules["opentelemetry"] = None
from lychgate import tracing
from lychgate.settings import Tracing
tracing.set_up(Tracing(), "test")
try:
    tracing.set_up(Tracing("http://127.0.0.1:4318/v1/traces"), "test")
except tracing.TracingNotInstalled as error:
    print(error.message, error.hint)
"""


def test_nothing_of_it_is_loaded_unless_it_is_wanted() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT], check=True, timeout=60)


def test_without_its_packages_it_says_what_to_install() -> None:
    done = subprocess.run(
        [sys.executable, "-c", NOT_THERE], check=True, timeout=60, capture_output=True, text=True
    )
    assert "`tracing.endpoint` is set" in done.stdout and "lychgate[otel]" in done.stdout
