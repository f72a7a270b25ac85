"""Asks a decision server one check after the other and notes how long each took.

`python -m bench.prober ENDPOINT HOST COOKIE` runs until its input ends, then prints a JSON list of
[start, seconds] with times of the monotonic clock, which every process of a machine shares.
"""

import gc
import json
import sys
import threading
import time
from collections.abc import Callable, Sequence

import grpc
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse
from envoy.service.auth.v3.external_auth_pb2_grpc import AuthorizationStub

_EVERY = 0.002
"""Seconds between two checks: a light load, so that none waits for another."""
_METADATA = (("x-lychgate-client-ip", "192.0.2.7"),)


def check_request(host: str, cookie: str) -> CheckRequest:
    """What Envoy asks about a browser's request."""
    request = CheckRequest()
    lines = {
        ":method": "GET",
        ":path": "/reports/2026/november?page=2",
        ":authority": host,
        ":scheme": "https",
        "x-request-id": "b2f0c9f2-7d5f-4b54-9a3c-1a4c8a5f0e11",
        "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0 Safari/537",
        "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
        "sec-fetch-mode": "navigate",
        "cookie": cookie,
    }
    for name, value in lines.items():
        header = request.attributes.request.http.header_map.headers.add()
        header.key, header.raw_value = name, value.encode("latin-1")
    return request


def is_allowed(response: CheckResponse) -> bool:
    """Whether the request would go on."""
    return bool(response.status.code == 0 and response.HasField("ok_response"))


def probe(ask: Callable[[], object], stop: threading.Event) -> Sequence[tuple[float, float]]:
    """Ask again and again until told to stop; when each began and how long it took."""
    gc.disable()
    took: list[tuple[float, float]] = []
    while not stop.is_set():
        started = time.monotonic()
        ask()
        took.append((started, time.monotonic() - started))
        time.sleep(_EVERY)
    return took


def _await_end(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


def main() -> None:
    """Probe until the input ends."""
    endpoint, host, cookie = sys.argv[1:]
    stop = threading.Event()
    threading.Thread(target=_await_end, args=(stop,), daemon=True).start()
    request = check_request(host, cookie)
    with grpc.insecure_channel(endpoint) as channel:
        stub = AuthorizationStub(channel)
        if not is_allowed(stub.Check(request, metadata=_METADATA)):
            raise SystemExit("the sample request was not allowed")
        took = probe(lambda: stub.Check(request, metadata=_METADATA), stop)
    json.dump(took, sys.stdout)


if __name__ == "__main__":
    main()
