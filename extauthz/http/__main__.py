"""Starts the HTTP check: `python -m extauthz.http --config lychgate.yaml`."""

from extauthz.http.endpoint import is_serving
from extauthz.http.server import HttpWorker
from extauthz.process import Kind, main
from lychgate.runtime import Runtime


def _worker(endpoint: str, runtime: Runtime) -> HttpWorker:
    peers = runtime.settings.http_check.trusted_peers
    gate = runtime.gate
    return HttpWorker(endpoint, gate, gate.unobserved(), runtime.ready, peers)


HTTP = Kind(
    module="extauthz.http",
    description="Decide requests for proxies that ask over HTTP.",
    endpoints=lambda settings: settings.http_check.endpoints,
    metrics=lambda settings: settings.http_check.metrics,
    serves=is_serving,
    server=_worker,
    patient=True,
)

if __name__ == "__main__":
    main(HTTP)
