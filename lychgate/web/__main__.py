"""Starts the companion app: `python -m lychgate.web --config lychgate.yaml`."""

import argparse
import asyncio
import signal
from pathlib import Path

from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from lychgate import tracing
from lychgate.clock import clock
from lychgate.config import load
from lychgate.descriptors import connections_each
from lychgate.errors import LychgateError
from lychgate.logs import set_up
from lychgate.mail import open_mailer
from lychgate.processes import WITH_PARENT, end_with_parent
from lychgate.runtime import Runtime, open_runtime
from lychgate.web.admin import admin
from lychgate.web.app import companion
from lychgate.web.composition import services_of
from lychgate.web.health import health
from lychgate.web.housekeeping import House, keep_house
from lychgate.web.metrics import Metrics
from lychgate.web.postoffice import PostOffice

_HEADER_MILLISECONDS = 10_000


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(
        prog="python -m lychgate.web", description="Serve the login and every page of our own."
    )
    parser.add_argument("--config", type=Path, default=Path("lychgate.yaml"))
    parser.add_argument(WITH_PARENT, action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.with_parent:
        end_with_parent()
    try:
        settings = load(options.config).settings
        set_up(settings.log)
        tracing.set_up(settings.tracing, "lychgate companion")
        mailer = open_mailer(settings.mail)
        with open_runtime(settings) as runtime:
            metrics = Metrics(runtime.registry)
            post = PostOffice(mailer, metrics.mail)
            asyncio.run(_serve(runtime, post, metrics))
            post.close()
    except LychgateError as error:
        hint = f" ({error.hint})" if error.hint else ""
        raise SystemExit(f"error: {error.message}{hint}") from None


async def _serve(runtime: Runtime, post: PostOffice, metrics: Metrics) -> None:
    settings = runtime.settings
    store, feed, countries = runtime.store, runtime.feed, runtime.countries
    services = services_of(settings, store, feed, countries, clock, post, metrics)
    applications = (
        (companion(services), settings.companion.listen),
        (admin(services), settings.admin.listen),
        (health(runtime.ready, runtime.registry), settings.health.listen),
    )
    connections = connections_each(len(applications))
    servers = [_server(one, listen, connections) for one, listen in applications]

    def stop() -> None:
        for server in servers:
            server.stop()  # type: ignore[no-untyped-call]  # granian has no types here

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    house = House(runtime.store, clock, services.metrics, settings.audit_retention)
    with keep_house(house):
        await asyncio.gather(*(server.serve() for server in servers))


def _server(app: object, listen: str, connections: int) -> Server:
    host, _, port = listen.rpartition(":")
    return Server(
        app,
        address=host.strip("[]"),
        port=int(port),
        interface=Interfaces.ASGINL,
        websockets=False,
        log_enabled=False,
        backlog=1024,
        backpressure=connections,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADER_MILLISECONDS),
    )


if __name__ == "__main__":
    main()
