"""Says whether a decision server serves, when it is asked: gRPC's health protocol without `Watch`.

The servicer of grpcio tells watchers by itself, and holds a lock until each has been told. One that
does not read stops it; and when another one leaves, the thread that reads all calls waits for the
lock, while that lock waits for the thread: no check is answered any more.
"""

from collections.abc import Callable, Collection

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthServicer

from extauthz.at_once import at_once


class Health(HealthServicer):  # type: ignore[misc]  # generated, untyped
    """The state of some services, which are one; answered in the thread that answers checks."""

    def __init__(self, services: Collection[str], serves: Callable[[], bool]) -> None:
        self._services, self._serves = services, serves

    @at_once
    def Check(
        self, request: HealthCheckRequest, context: grpc.ServicerContext
    ) -> HealthCheckResponse:
        """Whether it serves now."""
        if request.service not in self._services:
            context.abort(grpc.StatusCode.NOT_FOUND, "no service of that name")
        state = HealthCheckResponse.SERVING if self._serves() else HealthCheckResponse.NOT_SERVING
        return HealthCheckResponse(status=state)

    def Watch(self, request: HealthCheckRequest, context: grpc.ServicerContext) -> None:
        """To be told of changes; nobody is."""
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "ask `Check` again and again")
