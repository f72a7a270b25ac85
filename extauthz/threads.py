"""The threads that answer checks: a pool that does no more than a gRPC server needs of one.

That of the standard library makes a future with a lock and a condition for every call, which a
server never waits for: six microseconds of a check instead of one.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Executor
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any

_LOGGER = logging.getLogger(__name__)


class Threads(Executor):
    """So many threads that work off what is submitted, in order, until the process ends."""

    def __init__(self, count: int, name: str) -> None:
        self._waiting: SimpleQueue[Work] = SimpleQueue()
        for number in range(count):
            Thread(target=self._run, name=f"{name}_{number}", daemon=True).start()

    def submit(self, fn: Callable[..., object], /, *args: Any, **kwargs: Any) -> Any:
        """Have a call made by the next thread that is free."""
        work = Work(fn, args, kwargs)
        self._waiting.put(work)
        return work

    def _run(self) -> None:
        while True:
            # Not kept in a name: what a call holds must be free while the thread waits.
            self._waiting.get().do()


class Work:
    """A submitted call. It can tell one listener that it is over, and nothing more."""

    __slots__ = ("_args", "_fn", "_half", "_kwargs", "_listener")

    def __init__(
        self, fn: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self._fn, self._args, self._kwargs = fn, args, kwargs
        # Who comes second, the end of the call or the listener, finds it taken and tells.
        self._half = Lock()

    def do(self) -> None:
        """Make the call; its result is nobody's."""
        try:
            self._fn(*self._args, **self._kwargs)
        except Exception:
            _LOGGER.exception("a call failed")
        finally:
            if not self._half.acquire(blocking=False):
                self._listener(self)

    def add_done_callback(self, listener: Callable[["Work"], object]) -> None:
        """Tell somebody once it is over, which may be now."""
        self._listener = listener
        if not self._half.acquire(blocking=False):
            listener(self)
