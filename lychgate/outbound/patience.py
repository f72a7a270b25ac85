"""Which servers are worth asking: one that keeps timing out is asked by one caller at a time.

Otherwise a server that hangs would hold every thread for the whole time limit of a call, and with
them the logins that do not need it.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

_IN_A_ROW = 3
"""Calls that timed out after which a server counts as hanging."""
PAUSE = 3.0
"""Seconds between two calls to a server that hangs."""
_MOST = 1000

type Place = tuple[str, str, str, int]
"""Who chose the URL, and its scheme, host and port: what outsiders ask never counts for others."""


@dataclass(slots=True)
class _Hanging:
    times: int = 0
    next_call: float = 0.0


class Patience:
    """The servers that timed out lately; shared between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._hanging: dict[Place, _Hanging] = {}

    def admits(self, place: Place) -> bool:
        """Whether to make a call now; of a hanging server's callers one may try at a time."""
        with self._lock:
            found = self._hanging.get(place)
            if found is None or found.times < _IN_A_ROW:
                return True
            if self._clock() < found.next_call:
                return False
            found.next_call = self._clock() + PAUSE
            return True

    def note(self, place: Place, *, timed_out: bool) -> None:
        """Remember how a call ended."""
        with self._lock:
            if not timed_out:
                self._hanging.pop(place, None)
                return
            if len(self._hanging) >= _MOST:
                self._hanging.clear()
            found = self._hanging.setdefault(place, _Hanging())
            found.times += 1
            found.next_call = self._clock() + PAUSE
