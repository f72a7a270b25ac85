"""A decision server that allows everything at once: `python -m bench.nothing unix:/path`.

An ordinary one, whose threads answer; with `--at-once` it answers as the real one does.
"""

import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse
from envoy.service.auth.v3.external_auth_pb2_grpc import add_AuthorizationServicer_to_server
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from extauthz.at_once import at_once


class Nothing:
    """Says yes."""

    def Check(self, request: CheckRequest, context: object) -> CheckResponse:
        """The shortest answer that allows."""
        response = CheckResponse()
        response.ok_response.SetInParent()
        return response


class NothingAtOnce(Nothing):
    """Says yes without changing threads."""

    @at_once
    def Check(self, request: CheckRequest, context: object) -> CheckResponse:
        """The same answer."""
        return super().Check(request, context)


def main() -> None:
    """Serve until told to stop."""
    server = grpc.server(ThreadPoolExecutor(4))
    nothing = NothingAtOnce() if "--at-once" in sys.argv else Nothing()
    add_AuthorizationServicer_to_server(nothing, server)
    states = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(states, server)
    for name in ("", "envoy.service.auth.v3.Authorization"):
        states.set(name, health_pb2.HealthCheckResponse.SERVING)
    server.add_insecure_port(sys.argv[1])
    server.start()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    stop.wait()
    server.stop(1).wait()


if __name__ == "__main__":
    main()
