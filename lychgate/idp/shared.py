"""Lets one thread ask a provider, and gives its answer to those who wanted the same meanwhile."""

import threading
from collections.abc import Callable


class Shared[T]:
    """A question that costs time; who comes while it is being asked waits for that answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers = 0
        self._last: tuple[str, T] | None = None

    @property
    def busy(self) -> bool:
        """Whether somebody is asking."""
        return self._lock.locked()

    def ask(self, about: str, question: Callable[[], T]) -> T:
        """The answer about something: of another thread that just got it, or one's own."""
        before = self._answers
        with self._lock:
            if self._answers != before and self._last is not None and self._last[0] == about:
                return self._last[1]
            answer = question()
            self._last, self._answers = (about, answer), self._answers + 1
            return answer
