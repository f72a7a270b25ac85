"""Starts the decision server: `python -m extauthz --config lychgate.yaml`."""

import argparse
import signal
import sys
from pathlib import Path

from extauthz.probe import is_serving
from extauthz.supervisor import Supervisor, when_orphaned, worker_command
from extauthz.worker import SERVICE, Worker
from lychgate.config import load
from lychgate.errors import LychgateError
from lychgate.logs import set_up
from lychgate.monitoring import serve_metrics
from lychgate.runtime import open_runtime
from lychgate.settings import Settings


def main() -> None:
    """One worker runs in this process, several in processes of their own."""
    options = _arguments()
    try:
        settings = load(options.config).settings
        set_up(settings.log)
        _run(settings, options)
    except LychgateError as error:
        hint = f" ({error.hint})" if error.hint else ""
        raise SystemExit(f"error: {error.message}{hint}") from None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m extauthz", description="Decide requests for Envoy (ext_authz over gRPC)."
    )
    parser.add_argument("--config", type=Path, default=Path("lychgate.yaml"))
    parser.add_argument(
        "--metrics", help="HOST:PORT of /healthz, /readyz and /metrics; off if absent"
    )
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def _run(settings: Settings, options: argparse.Namespace) -> None:
    endpoints = settings.extauthz.endpoints
    if options.worker is None and len(endpoints) > 1:
        command = worker_command("extauthz", sys.argv[1:])
        Supervisor(
            command, lambda index: is_serving(endpoints[index], SERVICE), len(endpoints)
        ).run()
    else:
        _work(settings, options.worker, options.metrics or settings.extauthz.metrics)


def _work(settings: Settings, index: int | None, metrics: str) -> None:
    with open_runtime(settings) as runtime:
        worker = Worker(settings.extauthz.endpoints[index or 0], runtime.gate, runtime.ready)
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda _number, _frame: worker.stop())
        if index is not None:
            when_orphaned(worker.stop)
        with serve_metrics(metrics, index or 0, runtime.ready, runtime.registry):
            worker.start()
            worker.run()


if __name__ == "__main__":
    main()
