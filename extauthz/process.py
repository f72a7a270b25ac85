"""Runs the workers of a decision server, whichever protocol its proxies speak."""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from extauthz.supervisor import Supervisor, worker_command
from lychgate import tracing
from lychgate.config import load
from lychgate.errors import LychgateError
from lychgate.logs import set_up
from lychgate.monitoring import serve_metrics
from lychgate.processes import WITH_PARENT, end_with_parent
from lychgate.runtime import Runtime, open_runtime
from lychgate.settings import Settings


class Server(Protocol):
    """One worker that answers proxies."""

    def start(self) -> None:
        """Listen."""
        ...

    def run(self) -> None:
        """Serve until told to stop, and finish what was asked."""
        ...

    def stop(self) -> None:
        """End `run`; may be called from a signal handler, and more than once."""
        ...


@dataclass(frozen=True, slots=True)
class Kind:
    """A decision server for one protocol."""

    module: str
    description: str
    endpoints: Callable[[Settings], tuple[str, ...]]
    """One for each worker."""
    metrics: Callable[[Settings], str]
    serves: Callable[[str], bool]
    """Whether the worker on an endpoint says that it serves."""
    server: Callable[[str, Runtime], Server]
    """The worker for an endpoint."""
    patient: bool = False
    """Whether it gains by waiting for the proxy on its core; it then waits for others too."""


def main(kind: Kind) -> None:
    """One worker runs in this process, several in processes of their own."""
    options = _arguments(kind)
    if kind.patient:
        _never_interrupt()
    if options.with_parent or options.worker is not None:
        end_with_parent()
    try:
        settings = load(options.config).settings
        set_up(settings.log)
        tracing.set_up(settings.tracing, f"lychgate {kind.module}")
        _run(kind, settings, options)
    except LychgateError as error:
        hint = f" ({error.hint})" if error.hint else ""
        raise SystemExit(f"error: {error.message}{hint}") from None


def _arguments(kind: Kind) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python -m {kind.module}", description=kind.description)
    parser.add_argument("--config", type=Path, default=Path("lychgate.yaml"))
    parser.add_argument(
        "--metrics", help="HOST:PORT of /healthz, /readyz and /metrics; off if absent"
    )
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    parser.add_argument(WITH_PARENT, action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _run(kind: Kind, settings: Settings, options: argparse.Namespace) -> None:
    endpoints = kind.endpoints(settings)
    if options.worker is None and len(endpoints) > 1:
        command = worker_command(kind.module, sys.argv[1:])
        Supervisor(command, lambda index: kind.serves(endpoints[index]), len(endpoints)).run()
    else:
        metrics = options.metrics or kind.metrics(settings)
        _work(kind, settings, options.worker, metrics)


def _work(kind: Kind, settings: Settings, index: int | None, metrics: str) -> None:
    with open_runtime(settings) as runtime:
        server = kind.server(kind.endpoints(settings)[index or 0], runtime)
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda _number, _frame: server.stop())
        with serve_metrics(metrics, index or 0, runtime.ready, runtime.registry):
            server.start()
            server.run()


def _never_interrupt() -> None:
    """Wait for the proxy that shares the core instead of interrupting it with each question.

    Taking turns more rarely, both find their caches warm. Where there is a core for each, it
    changes nothing (sched(7), SCHED_BATCH).
    """
    if sys.platform == "linux":
        with suppress(OSError):
            # Threads and workers that are started from here on inherit it.
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
