"""Whatever a decision server says in place of a decision, Envoy refuses, and says so readably."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from extauthz.layout import Layout
from extauthz.worker import SERVICE
from lychgate.settings import Upstream
from tests.support.catalogue import wait_for
from tests.support.envoy import Envoy, free_port, running_envoy
from tests.support.front import Log, Origin, request_bytes

type Says = Callable[[bytes, grpc.ServicerContext], bytes]
FORGED = (("Cf-Access-Jwt-Assertion", "forged"), ("Accept", "text/html"))


def aborts(code: grpc.StatusCode) -> Says:
    def says(_: bytes, context: grpc.ServicerContext) -> bytes:
        context.abort(code, "as asked")

    return says


SAYINGS: dict[str, Says] = {
    "unavailable": aborts(grpc.StatusCode.UNAVAILABLE),
    "internal": aborts(grpc.StatusCode.INTERNAL),
    "exhausted": aborts(grpc.StatusCode.RESOURCE_EXHAUSTED),
    "unimplemented": aborts(grpc.StatusCode.UNIMPLEMENTED),
    "cancelled": aborts(grpc.StatusCode.CANCELLED),
    "garbage": lambda _, __: b"\xff" * 100,
    "cut off": lambda _, __: b"\x12\x7f",
    "much": lambda _, __: b"\x0a" + b"\xff" * 6_000_000,
}


class Babbler(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # it takes none at run time
    """A decision server that says to each check what a test wants."""

    says: Says = SAYINGS["unavailable"]

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        """The method for a call; none for what is no check."""
        if not details.method.startswith(f"/{SERVICE}/"):
            return None
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: type(self).says(request, context)
        )


@contextmanager
def babbling(endpoint: str) -> Iterator[None]:
    states, server = health.HealthServicer(), grpc.server(ThreadPoolExecutor(4))
    states.set(SERVICE, health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(states, server)
    server.add_generic_rpc_handlers((Babbler(),))
    server.add_insecure_port(endpoint)
    server.start()
    yield
    server.stop(None).wait()


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Envoy]:
    folder, log = tmp_path_factory.mktemp("babble"), Log()
    endpoint = f"unix:{folder / 'decision.sock'}"
    with Origin("origin", log) as origin, babbling(endpoint):
        layout = Layout(
            listen=f"127.0.0.1:{free_port()}",
            team=("team.example",),
            decision=(endpoint,),
            companions=("127.0.0.1:1",),
            upstreams=(Upstream("a.example", f"http://{origin.address}"),),
        )
        with running_envoy(layout, folder, log) as envoy:
            written = folder / "envoy.log"
            ask = request_bytes("GET", "/", "a.example")
            # Refused either way: asked, once it has passed its first health check.
            wait_for(lambda: bool(envoy.send_raw(ask)) and "ext_authz_error" in _read(written))
            yield envoy


def _read(file: Path) -> str:
    return file.read_text(errors="replace")


@pytest.mark.parametrize("saying", SAYINGS)
def test_f05_what_is_no_decision_is_a_refusal(front: Envoy, saying: str) -> None:
    Babbler.says = staticmethod(SAYINGS[saying])
    reply = front.send_raw(request_bytes("GET", "/x", "a.example", FORGED))
    assert reply.status == 503 and reply.header("retry-after") == "5"
    assert b"Request id" in reply.body and b"forged" not in reply.body
    assert front.origin_log() == ()
