"""Who is using a database just now, so that it is not closed under anybody."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from lychgate.store.base import StoreUnavailable

_PATIENCE = 0.5
"""Seconds that whoever is in there has to come to an end."""
_LONGEST = 3.0
"""Seconds after which the others are left behind: they close the door."""
_LOOK = 0.05


class Users:
    """Counts who is in there. `gone` is called once nobody is, and nobody can come any more."""

    def __init__(self, gone: Callable[[], None]) -> None:
        self._gone = gone
        self._moved = threading.Condition()
        self._number = 0
        self._closed = False

    @contextmanager
    def one(self) -> Iterator[None]:
        """Be in there for the length of the block; StoreUnavailable when it is closed."""
        with self._moved:
            if self._closed:
                raise StoreUnavailable("the store is closed")
            self._number += 1
        try:
            yield
        finally:
            with self._moved:
                self._number -= 1
                last = self._closed and not self._number
                self._moved.notify_all()
            if last:
                self._gone()

    def end(self, hurry: Callable[[], None]) -> None:
        """Let nobody in any more; `hurry` those who do not leave by themselves, and wait."""
        with self._moved:
            self._closed, started = True, monotonic()
            while self._number and (waited := monotonic() - started) < _LONGEST:
                if waited > _PATIENCE:
                    hurry()
                self._moved.wait(_LOOK)
            empty = not self._number
        if empty:
            self._gone()
