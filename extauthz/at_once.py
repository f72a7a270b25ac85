"""Answers a call in the thread that gRPC reads calls in, as soon as the call's message is there.

By itself, grpcio hands each call to a pool, whose thread asks for the message and waits for it: the
two change turns four times a call, and each time a proxy on the same core gets in between. That
takes longer than the decision. For a method that never waits it is better answered where it is
read. grpcio has a hook for it, a method's `experimental_thread_pool`: there we ask for the message,
and answer when gRPC says that it came. All else, from deadlines to the end of a call, stays
gRPC's own work.

The steps are private to grpcio (`grpc/_server.py`), so its minor version is pinned.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from grpc import _server as steps
from grpc._server import cygrpc  # type: ignore[attr-defined]

_LOGGER = logging.getLogger(__name__)


def at_once[M: Callable[..., Any]](method: M) -> M:
    """Answer a unary method where its calls are read: it must never wait for anything."""
    method.experimental_thread_pool = _ReadingThread()  # type: ignore[attr-defined]
    return method


class _ReadingThread(ThreadPoolExecutor):
    """No pool at all; grpc looks for this class, and calls `submit` alone."""

    def __init__(self) -> None:
        pass

    def submit(self, run: Callable[..., Any], /, *args: Any, **_: Any) -> Any:
        """Ask for the message of a call; it is answered later on, in this thread."""
        respond, event, state, method, _wait_for_message, reads, writes = args

        def answer(message: object) -> None:
            run(respond, event, state, method, lambda: message, reads, writes)

        call = _Call(event.call, state, reads, answer)
        call.ask_for_message()
        return call


class _Call:
    """A call that waits for its message; to grpc, what tells when it is answered."""

    __slots__ = ("_answer", "_call", "_receive", "_state", "_when_over")

    def __init__(self, call: Any, state: Any, reads: Any, answer: Callable[[object], None]) -> None:
        self._call, self._state, self._answer = call, state, answer
        self._receive = steps._receive_message(state, call, reads)

    def ask_for_message(self) -> None:
        """To be told once it is there, or nobody sends it any more."""
        with self._state.condition:
            asked = (cygrpc.ReceiveMessageOperation(0),)
            self._call.start_server_batch(asked, self._received)
            self._state.due.add(steps._RECEIVE_MESSAGE_TOKEN)

    def add_done_callback(self, when_over: Callable[["_Call"], object]) -> None:
        """grpc does this before it reads on, and counts the calls that are not over."""
        self._when_over = when_over

    def _received(self, event: Any) -> Any:
        # What is raised here would end the thread that reads.
        told = self._receive(event)
        try:
            # Who is gone, or sent what cannot be read, gets no decision.
            if steps._is_rpc_state_active(self._state):
                self._respond()
        except BaseException:
            # Even what is no `Exception`, as when a library in Rust panics.
            _LOGGER.exception("a call could not be answered")
            self._end(cygrpc.StatusCode.internal, b"the call could not be answered")
        finally:
            self._when_over(self)
        return told

    def _respond(self) -> None:
        if self._state.request is not None:
            self._answer(self._state.request)
        else:
            self._end(cygrpc.StatusCode.unimplemented, b"a call has one message")

    def _end(self, code: Any, why: bytes) -> None:
        with self._state.condition:
            if steps._is_rpc_state_active(self._state):
                steps._abort(self._state, self._call, code, why)
