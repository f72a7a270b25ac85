"""The table of routes, the page that documents it, and the process that serves it."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
from prometheus_client import CollectorRegistry, Counter
from starlette.testclient import TestClient

from lychgate.web.app import ROUTES
from lychgate.web.health import health

PAGE = Path(__file__).parents[2] / "docs/reference/http.md"


def test_every_route_has_its_line_in_the_reference_and_no_other() -> None:
    row = r"^\| ([a-z, ]+) \| (GET|POST|OPTIONS) \| `([^`]+)` \|"
    rows = re.findall(row, PAGE.read_text(), re.M)
    written = {(tuple(hosts.split(", ")), method, path) for hosts, method, path in rows}
    served = {
        (tuple(sorted(where.value for where in route.where)), route.method, route.path)
        for route in ROUTES
    }
    assert written == served


def test_health_tells_alive_from_ready() -> None:
    registry = CollectorRegistry()
    Counter("x_total", "Counted", registry=registry).inc()
    for ready, status in ((True, 200), (False, 503)):
        client = TestClient(health(lambda ready=ready: ready, registry))  # type: ignore[misc]
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == status
        assert "\nx_total 1.0\n" in client.get("/metrics").text


def free_port() -> int:
    """A port nobody uses at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_the_process_serves_and_stops_when_told(tmp_path: Path) -> None:
    web, health_port = free_port(), free_port()
    config = tmp_path / "lychgate.yaml"
    config.write_text(
        f"""
team: {{url: "http://127.0.0.1:{web}"}}
companion: {{listen: "127.0.0.1:{web}"}}
health: {{listen: "127.0.0.1:{health_port}"}}
admin: {{listen: "127.0.0.1:{free_port()}"}}
resources:
  identity_providers: [{{name: PIN, type: onetimepin, config: {{}}}}]
"""
    )
    command = [sys.executable, "-m", "lychgate.web", "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=os.environ) as process:
        try:
            _wait_for(f"http://127.0.0.1:{health_port}/readyz")
            base = f"http://127.0.0.1:{web}"
            assert len(httpx.get(f"{base}/cdn-cgi/access/certs").json()["keys"]) == 1
            cookie = httpx.get(f"{base}/").headers["set-cookie"]
            assert "SameSite=Lax" in cookie and "Secure" not in cookie
            assert httpx.head(f"{base}/").content == b""
            counted = httpx.get(f"http://127.0.0.1:{health_port}/metrics").text
            assert 'lychgate_web_answers_total{endpoint="/",status="200"} 2.0' in counted
        finally:
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=10)
        assert process.returncode == 0, errors.decode()
        assert b"Traceback" not in errors


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            httpx.get(url, timeout=1)
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")
