"""The gRPC server of one worker: health, reflection, limits, and who may listen."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from envoy.service.auth.v3.external_auth_pb2_grpc import AuthorizationStub
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from extauthz.asking import Judge
from extauthz.listening import CannotListen
from extauthz.probe import is_serving
from extauthz.worker import SERVICE, Worker
from lychgate.core.request import Request
from lychgate.gate import Outcome
from tests.extauthz.judge import ByPath
from tests.extauthz.test_translate import a_check
from tests.support.envoy import free_port


@contextmanager
def running(endpoint: str, ready: threading.Event, judge: Judge | None = None) -> Iterator[Worker]:
    """A worker in this process."""
    worker = Worker(endpoint, judge or ByPath(), ready.is_set)
    worker.start()
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join()


@pytest.fixture
def ready() -> threading.Event:
    """Set: the gate is ready."""
    event = threading.Event()
    event.set()
    return event


@pytest.fixture
def endpoint(tmp_path: Path) -> str:
    """A socket of its own."""
    return f"unix:{tmp_path / 'decision.sock'}"


def within(seconds: float, endpoint: str, serving: bool) -> bool:
    """Whether the health state becomes so in time."""
    deadline = time.monotonic() + seconds
    while is_serving(endpoint, SERVICE) is not serving:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_health_follows_the_gate(endpoint: str, ready: threading.Event) -> None:
    ready.clear()
    with running(endpoint, ready):
        assert not is_serving(endpoint, SERVICE)
        ready.set()
        assert within(1, endpoint, True)
        assert is_serving(endpoint, "")
        ready.clear()
        assert within(1, endpoint, False)


def test_a_stopping_worker_says_so_and_still_answers(endpoint: str, ready: threading.Event) -> None:
    with running(endpoint, ready) as worker, grpc.insecure_channel(endpoint) as channel:
        stub = AuthorizationStub(channel)
        stub.Check(a_check(), timeout=5)
        worker.stop()
        assert within(1, endpoint, False)
        assert stub.Check(a_check(), timeout=5).status.code == 0
    assert not is_serving(endpoint, SERVICE)


def test_reflection_names_the_service(endpoint: str, ready: threading.Event) -> None:
    with running(endpoint, ready), grpc.insecure_channel(endpoint) as channel:
        assert SERVICE in ProtoReflectionDescriptorDatabase(channel).get_services()


def test_d05_a_huge_check_is_refused(endpoint: str, ready: threading.Event) -> None:
    check = a_check()
    header = check.attributes.request.http.header_map.headers.add()
    header.key, header.raw_value = "x-big", b"x" * 5_000_000
    judge = ByPath()
    with running(endpoint, ready, judge), grpc.insecure_channel(endpoint) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            AuthorizationStub(channel).Check(check, timeout=5)
        assert AuthorizationStub(channel).Check(a_check(), timeout=5).status.code == 0
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert len(judge.seen) == 1


def test_watchers_of_the_health_state_who_leave_stop_no_check(
    endpoint: str, ready: threading.Event
) -> None:
    own = [("grpc.use_local_subchannel_pool", 1)]
    with running(endpoint, ready), grpc.insecure_channel(endpoint, options=own) as channel:
        watch = HealthStub(channel).Watch
        watchers = [watch(HealthCheckRequest(service=SERVICE)) for _ in range(300)]
        time.sleep(0.3)
        for watcher in watchers:
            watcher.cancel()
            time.sleep(0.002)
        assert AuthorizationStub(channel).Check(a_check(), timeout=5).status.code == 0
        assert is_serving(endpoint, SERVICE)


def test_reflection_that_is_held_open_leaves_health_and_checks_alone(
    endpoint: str, ready: threading.Event
) -> None:
    over = threading.Event()

    def nothing() -> Iterator[ServerReflectionRequest]:
        over.wait(60)
        yield from ()

    with running(endpoint, ready), grpc.insecure_channel(endpoint) as channel:
        reflect = ServerReflectionStub(channel).ServerReflectionInfo
        held = [reflect(nothing()) for _ in range(50)]
        time.sleep(0.2)
        try:
            assert is_serving(endpoint, SERVICE)
            assert AuthorizationStub(channel).Check(a_check(), timeout=5).status.code == 0
        finally:
            over.set()
            for stream in held:
                stream.cancel()


def test_d05_a_compressed_check_is_refused(endpoint: str, ready: threading.Event) -> None:
    judge = ByPath()
    with running(endpoint, ready, judge), grpc.insecure_channel(endpoint) as channel:
        stub = AuthorizationStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            stub.Check(a_check(), timeout=5, compression=grpc.Compression.Gzip)
        assert stub.Check(a_check(), timeout=5).status.code == 0
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert len(judge.seen) == 1


def test_two_servers_never_share_a_port(ready: threading.Event) -> None:
    endpoint = f"127.0.0.1:{free_port()}"
    with running(endpoint, ready), pytest.raises(CannotListen):
        Worker(endpoint, ByPath(), ready.is_set).start()


def test_a_socket_left_over_is_taken_again(endpoint: str, ready: threading.Event) -> None:
    with socket.socket(socket.AF_UNIX) as crashed:
        crashed.bind(endpoint.removeprefix("unix:"))
    with running(endpoint, ready):
        assert within(1, endpoint, True)


def test_d05_the_limit_holds_after_refusals(endpoint: str, ready: threading.Event) -> None:
    """While the gate is stuck, more calls than may wait are refused; afterwards it goes on."""
    judge = Stuck()
    own = [("grpc.use_local_subchannel_pool", 1)]  # a connection for each channel
    with running(endpoint, ready, judge), ExitStack() as stack:
        channels = [grpc.insecure_channel(endpoint, options=own) for _ in range(4)]
        stubs = [AuthorizationStub(stack.enter_context(channel)) for channel in channels]
        for _ in range(2):
            judge.free.clear()
            calls = [stub.Check.future(a_check(), timeout=20) for stub in stubs for _ in range(900)]
            deadline = time.monotonic() + 10
            while not any(call.done() for call in calls) and time.monotonic() < deadline:
                time.sleep(0.05)
            refused = sum(call.done() for call in calls)
            judge.free.set()
            codes = Counter(call.code() for call in calls)
            assert refused > 0
            assert codes[grpc.StatusCode.OK] > 0
        assert stubs[0].Check(a_check(), timeout=5).status.code == 0


@dataclass(slots=True)
class Stuck:
    """A gate that answers nothing until it is freed."""

    free: threading.Event = field(default_factory=threading.Event)

    def check(self, request: Request, /) -> Outcome:
        """Wait, then decide."""
        self.free.wait(20)
        return ByPath().check(request)
