"""The demo as a program: what it tells others, and how it starts and stops."""

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.support.demo import Demo, running_demo


def test_information_file(demo: Demo, tmp_path: Path) -> None:
    info = demo.info
    assert set(info["apps"]) >= {"whoami", "api", "admin", "public", "mcp"}
    assert info["team"].startswith("http://127.0.0.1:")
    assert set(info["users"]) == {"allowed", "admin", "refused"}
    for name in ("mail_dir", "state_dir", "config"):
        assert Path(info[name]).exists()
    file = Path(info["state_dir"]).parent / "info.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_public_passes_and_forged_headers_do_not(demo: Demo) -> None:
    forged = {"cf-access-authenticated-user-email": "root@x", "accept": "application/json"}
    answer = httpx.get(demo.app("public"), headers=forged)
    assert answer.status_code == 200
    assert answer.json()["app"] == "public"
    assert not [name for name in answer.json()["headers"] if name.startswith("cf-access")]


def test_fifty_parallel_requests(demo: Demo) -> None:
    def ask(number: int) -> int:
        return httpx.get(
            f"{demo.app('whoami')}{number}", headers={"accept": "text/html"}
        ).status_code

    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(ask, range(50))) == {302}


def test_stops_everything_within_five_seconds(tmp_path: Path) -> None:
    with running_demo(tmp_path, "envoy") as demo:
        children = _children(demo.process.pid)
        assert len(children) >= 4
        started = time.monotonic()
        demo.process.send_signal(signal.SIGINT)
        demo.process.wait(10)
        assert time.monotonic() - started < 5
        assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]


@pytest.mark.parametrize("proxy", ["envoy", "mitmproxy"])
def test_a_port_in_use_is_one_clear_line(proxy: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "lychgate", "demo", "--proxy", proxy, "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 1
    assert f"port {port} is in use" in done.stderr
    assert "Traceback" not in done.stderr
