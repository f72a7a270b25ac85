"""One decision server process: gRPC with health and reflection, and a stop that loses no check."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
from envoy.service.auth.v3 import external_auth_pb2
from envoy.service.auth.v3.external_auth_pb2_grpc import add_AuthorizationServicer_to_server
from grpc_health.v1.health import OVERALL_HEALTH, SERVICE_NAME
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from grpc_reflection.v1alpha import reflection

from extauthz.asking import Judge
from extauthz.health import Health
from extauthz.listening import AS_IT_IS, listen
from extauthz.service import AuthorizationService
from lychgate.stopping import Stop

_LOGGER = logging.getLogger(__name__)
SERVICE = external_auth_pb2.DESCRIPTOR.services_by_name["Authorization"].full_name
_NAMES = (OVERALL_HEALTH, SERVICE)
_BESIDE = 4
"""Threads for reflection; checks and health are answered without any."""
_CONCURRENT = 2048
"""Calls whose message has not come: twice what Envoy's circuit breaker lets through."""
_OPTIONS = (
    AS_IT_IS,
    ("grpc.max_receive_message_length", 256 * 1024),
    ("grpc.max_concurrent_streams", 1024),
    # A second server on the port must fail to start, not take half of the checks.
    ("grpc.so_reuseport", 0),
)
_DRAIN = 1.5
"""Seconds between saying NOT_SERVING and refusing checks: three rounds of Envoy's health check."""
_GRACE = 5.0


class Worker:
    """A decision server on one endpoint (`HOST:PORT` or `unix:/path`)."""

    def __init__(self, endpoint: str, judge: Judge, ready: Callable[[], bool]) -> None:
        self._endpoint, self._ready = endpoint, ready
        self._stopping = Stop()
        self._server = grpc.server(
            ThreadPoolExecutor(_BESIDE, "beside"),
            options=_OPTIONS,
            maximum_concurrent_rpcs=_CONCURRENT,
        )
        add_AuthorizationServicer_to_server(AuthorizationService(judge), self._server)
        add_HealthServicer_to_server(Health(_NAMES, self._serves), self._server)
        names = (SERVICE, SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)

    def start(self) -> None:
        """Listen; the health check says NOT_SERVING until the gate is ready."""
        listen(self._server, self._endpoint)
        self._server.start()
        _LOGGER.info("decisions are served", extra={"event": {"endpoint": self._endpoint}})

    def run(self) -> None:
        """Serve until `stop` is called, then finish every check that Envoy still sends."""
        self._stopping.wait()
        time.sleep(_DRAIN)
        self._server.stop(_GRACE).wait()

    def stop(self) -> None:
        """Ask `run` to end; may be called from a signal handler, and more than once."""
        self._stopping.set()

    def _serves(self) -> bool:
        return self._ready() and not self._stopping.is_set()
