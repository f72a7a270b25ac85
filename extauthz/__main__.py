"""Starts the decision server: `python -m extauthz --config lychgate.yaml`."""

from extauthz.probe import is_serving
from extauthz.process import Kind, main
from extauthz.worker import SERVICE, Worker

GRPC = Kind(
    module="extauthz",
    description="Decide requests for Envoy (ext_authz over gRPC).",
    endpoints=lambda settings: settings.extauthz.endpoints,
    metrics=lambda settings: settings.extauthz.metrics,
    serves=lambda endpoint: is_serving(endpoint, SERVICE),
    server=lambda endpoint, runtime: Worker(endpoint, runtime.gate, runtime.ready),
)

if __name__ == "__main__":
    main(GRPC)
