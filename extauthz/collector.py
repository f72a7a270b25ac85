"""What Envoy needs to make traces and send them to a collector (OTLP over gRPC)."""

from typing import Any

_HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_NAME = "collector"


def tracing(sample: float) -> dict[str, Any]:
    """The part of the connection manager; `sample` is the share of requests, 0 to 1."""
    return {
        "tracing": {
            "random_sampling": {"value": round(sample * 100, 4)},
            # Else a client's header would decide what is traced.
            "client_sampling": {"value": 0},
            "spawn_upstream_span": True,
            "provider": {
                "name": "envoy.tracers.opentelemetry",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
                    "grpc_service": {"envoy_grpc": {"cluster_name": _NAME}, "timeout": "1s"},
                    "service_name": "envoy",
                },
            },
        }
    }


def cluster(endpoints: dict[str, object]) -> list[dict[str, Any]]:
    """The cluster of the collector, at these endpoints."""
    http2: dict[str, Any] = {"explicit_http_config": {"http2_protocol_options": {}}}
    options = {_HTTP: {"@type": f"type.googleapis.com/{_HTTP}", **http2}}
    return [
        {
            "name": _NAME,
            "connect_timeout": "1s",
            "typed_extension_protocol_options": options,
            **endpoints,
        }
    ]
