"""Starts the processes of an installation, watches them, and stops every one of them."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from lychgate.errors import LychgateError

log = logging.getLogger("lychgate.processes")

STOP_SECONDS = 4.0
"""How long a process may take to stop before it is killed."""
_PAUSE = 0.05
_RESTART_PAUSE = 1.0


class ProcessFailed(LychgateError):
    """A process did not start, or ended by itself."""

    code = "process_failed"


@dataclass(slots=True)
class Child:
    """One process: what runs, where its output goes, and since when."""

    name: str
    command: Sequence[str]
    output: Path | None
    process: subprocess.Popen[bytes]
    restart: bool
    started: float = field(default_factory=time.monotonic)


class Processes:
    """The children of this process. Leaving the context stops them all."""

    def __init__(self) -> None:
        self._children: list[Child] = []
        self._stopping = False

    def start(
        self,
        name: str,
        command: Sequence[str],
        output: Path | None = None,
        restart: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> int:
        """Start a process and return its id; its output goes to a file, or where ours goes."""
        process = _spawn(command, output, environment)
        self._children.append(Child(name, command, output, process, restart))
        return process.pid

    def wait_for(self, name: str, ready: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait until a process is ready; raises ProcessFailed when it ends or takes too long."""
        deadline = time.monotonic() + seconds
        while not ready():
            child = next(child for child in self._children if child.name == name)
            if child.process.poll() is not None:
                raise ProcessFailed(_ended(child), _last_lines(child))
            if time.monotonic() > deadline:
                raise ProcessFailed(
                    f"{name} is not ready after {seconds:.0f} s", _last_lines(child)
                )
            time.sleep(_PAUSE)

    def watch(self) -> None:
        """Look at every child once: start again what may be, raise for what may not."""
        for child in self._children:
            if child.process.poll() is None or self._stopping:
                continue
            if not child.restart:
                raise ProcessFailed(_ended(child), _last_lines(child))
            log.error(_ended(child) + ", starting it again")
            if time.monotonic() - child.started < _RESTART_PAUSE:
                time.sleep(_RESTART_PAUSE)
            child.process = _spawn(child.command, child.output, None)
            child.started = time.monotonic()

    def stop(self) -> None:
        """Ask every child to stop, the last one first; kill those that do not."""
        self._stopping = True
        for child in reversed(self._children):
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for child in self._children:
            with child.process as process:  # waits at its end, and closes the pipe
                try:
                    process.wait(max(0.0, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    process.kill()
        self._children.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _spawn(
    command: Sequence[str], output: Path | None, environment: Mapping[str, str] | None
) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C reaches this process alone, which stops the others in order.
    # The pipe closes when this process ends, however it ends: see `end_with_parent`.
    whole = None if environment is None else {**os.environ, **environment}
    if output is None:
        return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, env=whole)
    with output.open("ab") as file:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=whole,
        )


def _ended(child: Child) -> str:
    return f"{child.name} ended with status {child.process.poll()}"


def _last_lines(child: Child) -> str:
    if child.output is None or not child.output.exists():
        return ""
    lines = child.output.read_text(errors="replace").splitlines()
    return "\n".join(lines[-8:])


WITH_PARENT = "--with-parent"
"""Tells a program that its standard input is the pipe of whoever started it."""


def end_with_parent() -> None:
    """Stop this process as SIGTERM does once its parent is gone, even killed without a word."""

    def watch() -> None:
        # The raw descriptor: a buffered reader would hold its lock when the interpreter ends.
        while os.read(sys.stdin.fileno(), 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True, name="parent").start()


def python(module: str, *arguments: str) -> Sequence[str]:
    """The command that runs a module with the Python of this process."""
    return (sys.executable, "-m", module, *arguments)


def accepts(address: str) -> bool:
    """Whether something accepts connections at `HOST:PORT` or `unix:/path`."""
    if address.startswith("unix:"):
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(address.removeprefix("unix:")) == 0
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.settimeout(1)
        return probe.connect_ex((host.strip("[]"), int(port))) == 0


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
