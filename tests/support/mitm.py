"""Real mitmproxy processes in front of real origins."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.front import Log, Origin, Reply, Seen, echo, exchange, http_answer

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """A port that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Mitm:
    """A running mitmproxy with its origins; a `Front`."""

    url: str
    port: int
    log: Log
    origin: Origin
    companion: Origin
    notes: Path
    stderr: Path

    def send_raw(self, data: bytes, timeout: float = 10.0) -> Reply:
        """Send bytes on a fresh connection and read the first answer."""
        return exchange(("127.0.0.1", self.port), data, timeout)

    def origin_log(self) -> tuple[Seen, ...]:
        """Every request that any origin received, oldest first."""
        return self.log.read()

    def clear_log(self) -> None:
        """Forget what the origins received, and what the gate was asked."""
        self.log.clear()
        self.notes.write_text("")

    def asked(self) -> list[dict[str, Any]]:
        """What the scripted gate was asked, oldest first."""
        return [json.loads(line) for line in self.notes.read_text().splitlines()]


def answer(seen: Seen) -> bytes:
    """What the origin says: an echo, and at `/cookies` one line for each value of `X-Set`."""
    if seen.target != "/cookies":
        return echo(seen)
    return http_answer("200 OK", tuple(("Set-Cookie", value) for value in seen.all("x-set")))


@contextmanager
def running(
    command: Sequence[str], port: int, stderr: Path, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that listens on a port for as long as the block runs."""
    with stderr.open("wb") as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=errors, stderr=errors, env={**os.environ, **(env or {})}
        )
        try:
            wait_until_listening(process, port, stderr)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_listening(process: subprocess.Popen[bytes], port: int, stderr: Path) -> None:
    """Return once the process accepts connections; fail with its output when it ends first."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on {port}: {stderr.read_text()}")


@contextmanager
def scripted(folder: Path, mode: str = "reverse", options: Sequence[str] = ()) -> Iterator[Mitm]:
    """The adapter with a scripted gate, in front of one origin and a stand-in companion."""
    log, port = Log(), free_port()
    notes, stderr = folder / "notes.jsonl", folder / "stderr.txt"
    notes.touch()
    with Origin("app", log, answer) as origin, Origin("companion", log) as companion:
        spec = {
            "port": port,
            "mode": mode,
            "companion": companion.address,
            "upstreams": [
                {"host": "a.example", "to": f"http://{origin.address}"},
                {"host": "down.example", "to": f"http://127.0.0.1:{free_port()}"},
            ],
            "notes": str(notes),
            "confdir": str(folder / "conf"),
            "options": list(options),
        }
        command = (sys.executable, "-m", "tests.support.scripted_mitm", json.dumps(spec))
        with running(command, port, stderr):
            yield Mitm(f"http://127.0.0.1:{port}", port, log, origin, companion, notes, stderr)
