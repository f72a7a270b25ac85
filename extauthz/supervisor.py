"""Keeps the worker processes of the decision server running, one for each endpoint."""

import logging
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType

from lychgate.stopping import Stop

_LOGGER = logging.getLogger(__name__)
_EVERY = 0.1
_RESTART_AFTER = 0.5
_KILL_AFTER = 20.0
_SLOWEST_START = 60.0
_NOTICED = 1.0
"""Seconds from serving again to being asked again: several rounds of Envoy's health check."""

type Command = Callable[[int], Sequence[str]]
"""The command line of the worker with an index."""
type Serves = Callable[[int], bool]
"""Whether the worker with an index says that it serves."""


class Supervisor:
    """Starts `count` workers; SIGTERM stops all, SIGHUP renews them one after the other."""

    def __init__(self, command: Command, serves: Serves, count: int) -> None:
        self._command, self._serves, self._count = command, serves, count
        self._workers: dict[int, subprocess.Popen[bytes]] = {}
        self._stopping, self._renewing = Stop(), Stop()

    def run(self) -> None:
        """Returns when every worker has stopped."""
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._stop)
        signal.signal(signal.SIGHUP, self._renew)
        for index in range(self._count):
            self._start(index)
        while not self._stopping.wait(_EVERY):
            self._restart_dead()
            if self._renewing.is_set():
                self._renewing.clear()
                self._renew_each()
        for worker in self._workers.values():
            worker.terminate()
        for worker in self._workers.values():
            _wait(worker)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping.set()

    def _renew(self, _number: int, _frame: FrameType | None) -> None:
        self._renewing.set()

    def _start(self, index: int) -> None:
        # The worker stops when this pipe closes, so it never outlives its supervisor.
        self._workers[index] = subprocess.Popen(self._command(index), stdin=subprocess.PIPE)

    def _restart_dead(self) -> None:
        for index, worker in self._workers.items():
            if worker.poll() is not None:
                _LOGGER.error("a worker ended", extra={"event": {"status": worker.returncode}})
                self._stopping.wait(_RESTART_AFTER)
                self._start(index)

    def _renew_each(self) -> None:
        for index, worker in list(self._workers.items()):
            worker.terminate()
            _wait(worker)
            self._start(index)
            self._wait_until_serving(index)
            if self._stopping.wait(_NOTICED):
                return

    def _wait_until_serving(self, index: int) -> None:
        deadline = time.monotonic() + _SLOWEST_START
        while not self._serves(index) and time.monotonic() < deadline:
            if self._stopping.wait(_EVERY):
                return


def _wait(worker: subprocess.Popen[bytes]) -> None:
    try:
        worker.wait(_KILL_AFTER)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()


def worker_command(module: str, arguments: Sequence[str]) -> Command:
    """Command lines of workers: the same module and arguments, and the worker's index."""
    return lambda index: [sys.executable, "-m", module, *arguments, "--worker", str(index)]
