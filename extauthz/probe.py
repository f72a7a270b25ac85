"""Whether a decision server says that it serves: the question Envoy's health check asks."""

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

_TIMEOUT = 1.0


def is_serving(endpoint: str, service: str) -> bool:
    """Ask the server on an endpoint (`HOST:PORT` or `unix:/path`) about one of its services."""
    with grpc.insecure_channel(endpoint) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=_TIMEOUT)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
