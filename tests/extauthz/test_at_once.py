"""Calls that are answered where they are read: whatever a client does, the next one is answered."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest

from extauthz.at_once import at_once

METHOD = "/a.Service/Say"
MOST = 20


class Panic(BaseException):
    """What a library in Rust raises when it panics: no `Exception`."""


@dataclass(slots=True)
class Said:
    """What a method was asked, and by which threads; some words have it do other things."""

    words: list[bytes] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)

    @at_once
    def say(self, word: bytes, context: grpc.ServicerContext) -> bytes:
        """The word again."""
        self.words.append(word)
        self.threads.add(threading.get_ident())
        if word == b"fail":
            raise ValueError("a mistake of ours")
        if word == b"panic":
            raise Panic
        if word == b"slow":
            time.sleep(0.5)
        if word == b"refuse":
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now")
        return word


def read(message: bytes) -> bytes:
    """A message that is none."""
    if message == b"unreadable":
        raise ValueError(message)
    return message


@pytest.fixture
def said() -> Said:
    """Nothing yet."""
    return Said()


@pytest.fixture
def channel(tmp_path: Path, said: Said) -> Iterator[grpc.Channel]:
    """A connection to a server of that method, which takes twenty calls at a time."""
    endpoint = f"unix:{tmp_path / 'said.sock'}"
    server = grpc.server(ThreadPoolExecutor(1), maximum_concurrent_rpcs=MOST)
    handler = grpc.unary_unary_rpc_method_handler(said.say, request_deserializer=read)
    handlers = grpc.method_handlers_generic_handler("a.Service", {"Say": handler})
    server.add_generic_rpc_handlers((handlers,))
    server.add_insecure_port(endpoint)
    server.start()
    with grpc.insecure_channel(endpoint) as found:
        yield found
    server.stop(0).wait()


def say(channel: grpc.Channel, word: bytes, timeout: float = 10) -> bytes:
    """What is answered."""
    answer: bytes = channel.unary_unary(METHOD, None, None)(word, timeout=timeout)
    return answer


@contextmanager
def refused(code: grpc.StatusCode) -> Iterator[None]:
    """The block's call ends with that code."""
    with pytest.raises(grpc.RpcError) as error:
        yield
    assert error.value.code() is code


def test_all_calls_are_answered_by_one_thread(channel: grpc.Channel, said: Said) -> None:
    words = [b"%d" % number for number in range(500)]
    with ThreadPoolExecutor(8) as clients:
        assert list(clients.map(lambda word: say(channel, word), words)) == words
    assert sorted(said.words) == sorted(words)
    assert len(said.threads) == 1


@pytest.mark.parametrize(
    ("word", "code"),
    [
        (b"fail", grpc.StatusCode.UNKNOWN),
        (b"refuse", grpc.StatusCode.FAILED_PRECONDITION),
        (b"unreadable", grpc.StatusCode.INTERNAL),
    ],
)
def test_a_call_that_fails_ends_so_and_the_next_is_answered(
    channel: grpc.Channel, word: bytes, code: grpc.StatusCode, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2 * MOST):
        with refused(code):
            say(channel, word)
    assert say(channel, b"next") == b"next"
    assert "a call could not be answered" not in caplog.text


def test_a_panic_ends_its_own_call_and_not_the_thread_that_reads(
    channel: grpc.Channel, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2 * MOST):
        with refused(grpc.StatusCode.INTERNAL):
            say(channel, b"panic")
    assert say(channel, b"next") == b"next"
    assert "a call could not be answered" in caplog.text


def test_a_call_without_a_message_is_refused(channel: grpc.Channel, said: Said) -> None:
    for _ in range(2 * MOST):
        with refused(grpc.StatusCode.UNIMPLEMENTED):
            channel.stream_unary(METHOD, None, None)(iter(()), timeout=10)
    assert say(channel, b"next") == b"next"
    assert said.words == [b"next"]


def test_calls_whose_message_never_comes_are_bounded_and_end(
    channel: grpc.Channel, said: Said
) -> None:
    never = threading.Event()

    def nothing() -> Iterator[bytes]:
        never.wait(60)
        yield from ()

    method = channel.stream_unary(METHOD, None, None)
    try:
        waiting = [method.future(nothing()) for _ in range(MOST)]
        settled(lambda: code_of(channel) is grpc.StatusCode.RESOURCE_EXHAUSTED)
        for call in waiting:
            call.cancel()  # type: ignore[no-untyped-call]  # the stubs forgot it
        settled(lambda: code_of(channel) is grpc.StatusCode.OK)
        assert set(said.words) == {b"next"}
    finally:
        never.set()


def test_who_went_away_meanwhile_gets_no_decision(channel: grpc.Channel, said: Said) -> None:
    slow = channel.unary_unary(METHOD, None, None).future(b"slow", timeout=10)
    settled(lambda: bool(said.words))
    with refused(grpc.StatusCode.DEADLINE_EXCEEDED):
        say(channel, b"too late", timeout=0.1)
    assert slow.result() == b"slow"
    assert say(channel, b"next") == b"next"
    assert said.words == [b"slow", b"next"]


def code_of(channel: grpc.Channel) -> grpc.StatusCode:
    """How the next call ends."""
    call = channel.unary_unary(METHOD, None, None).future(b"next", timeout=5)
    code: grpc.StatusCode = call.code()
    return code


def settled(condition: Callable[[], bool]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
