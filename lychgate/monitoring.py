"""What a process tells monitoring over HTTP: alive, ready, and everything it counted."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    GCCollector,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from lychgate import __version__
from lychgate.errors import LychgateError
from lychgate.logs import DROPPED
from lychgate.tracing.base import SPANS


class CannotServeMetrics(LychgateError):
    """The address for monitoring is taken or not an address."""

    code = "cannot_serve_metrics"


def new_registry() -> CollectorRegistry:
    """The one registry of a process; memory, CPU and open files of the process are in it."""
    # When each series began: as many series again, and nobody asks.
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the library left it out
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    registry.register(DROPPED)
    registry.register(SPANS)
    build = Info("lychgate_build", "The version that runs", registry=registry)
    build.info({"version": __version__})
    return registry


@contextmanager
def serve_metrics(
    listen: str, index: int, ready: Callable[[], bool], registry: CollectorRegistry
) -> Iterator[None]:
    """Serve `/healthz`, `/readyz` and `/metrics` on a port of the worker's own, counted on.

    Empty: nowhere.
    """
    if not listen:
        yield
        return
    host, _, port = listen.rpartition(":")
    try:
        server = ThreadingHTTPServer((host, int(port) + index), _handler(ready, registry))
    except (OSError, ValueError, OverflowError) as error:
        raise CannotServeMetrics(f"cannot listen on `{listen}`") from error
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True, name="metrics").start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _handler(
    ready: Callable[[], bool], registry: CollectorRegistry
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            """Answer one of the three paths."""
            match self.path:
                case "/healthz":
                    self._send(200, b"alive\n", "text/plain")
                case "/readyz" if ready():
                    self._send(200, b"ready\n", "text/plain")
                case "/readyz":
                    self._send(503, b"not ready\n", "text/plain")
                case "/metrics":
                    self._send(200, generate_latest(registry), CONTENT_TYPE_LATEST)
                case _:
                    self._send(404, b"", "text/plain")

        def _send(self, status: int, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: monitoring asks every few seconds."""

    return Handler
