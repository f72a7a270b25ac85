"""One worker of the HTTP check: granian on one endpoint, and a stop that loses no question."""

import asyncio
import logging
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from extauthz.asking import Judge
from extauthz.http.app import Check
from extauthz.http.endpoint import claim
from extauthz.listening import CannotListen
from lychgate.descriptors import connections_each
from lychgate.stopping import Stop

_LOGGER = logging.getLogger(__name__)
_CONNECTIONS = 2048
_HEADER_MILLISECONDS = 10_000
_GROUP = 0o660
"""Proxies often run as another user of the same group; nobody else may ask."""
_LOOK = 0.1
_DRAIN = 1.5
"""Seconds between saying that it is not ready and refusing questions."""


class HttpWorker:
    """A check on one endpoint (`HOST:PORT` or `unix:/path`)."""

    def __init__(
        self,
        endpoint: str,
        judge: Judge,
        again: Judge,
        ready: Callable[[], bool],
        peers: tuple[str, ...],
    ) -> None:
        self._endpoint, self._ready, self._stopping = endpoint, ready, Stop()
        networks = tuple(ip_network(peer, strict=False) for peer in peers)
        listed = None if endpoint.startswith("unix:") else networks
        self._server = _server(Check(judge, again, self._is_ready, listed), endpoint)

    def start(self) -> None:
        """Make sure that the endpoint is free: two servers would share the questions."""
        try:
            claim(self._endpoint)
        except (OSError, ValueError) as error:
            raise CannotListen(
                f"cannot listen on `{self._endpoint}`", "is another server using it?"
            ) from error

    def run(self) -> None:
        """Serve until `stop` is called, then finish what was asked."""
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        serving = asyncio.create_task(self._server.serve())
        _LOGGER.info("decisions are served", extra={"event": {"endpoint": self._endpoint}})
        while not (self._stopping.is_set() or serving.done()):
            await asyncio.sleep(_LOOK)
        if not serving.done():
            await asyncio.sleep(_DRAIN)
            self._server.stop()  # type: ignore[no-untyped-call]  # granian has no types here
        await serving

    def stop(self) -> None:
        """Ask `run` to end; may be called from a signal handler, and more than once."""
        self._stopping.set()

    def _is_ready(self) -> bool:
        return self._ready() and not self._stopping.is_set()


def _server(app: Check, endpoint: str) -> Server:
    host, _, port = endpoint.rpartition(":")
    unix = host == "unix"
    server = Server(
        app,
        address="" if unix else host.strip("[]"),
        port=0 if unix else int(port),
        uds=Path(port) if unix else None,
        interface=Interfaces.ASGINL,
        websockets=False,
        log_enabled=False,
        backlog=1024,
        backpressure=min(_CONNECTIONS, connections_each(1)),
        http1_settings=HTTP1Settings(header_read_timeout=_HEADER_MILLISECONDS),
    )
    server.uds_permissions = _GROUP
    return server
