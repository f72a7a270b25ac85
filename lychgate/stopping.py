"""How a process is told to stop: by something that a signal handler may use at any moment."""

from queue import Empty, SimpleQueue


class Stop:
    """An event that signal handlers may set, waited for by one thread.

    A handler runs between any two steps of the main thread, also while that thread or an earlier
    handler holds the lock of a `threading.Event`: setting one there can wait for itself for ever.
    `SimpleQueue.put` is made for this (Python's library reference, `queue`).
    """

    def __init__(self) -> None:
        self._told: SimpleQueue[None] = SimpleQueue()
        self._set = False

    def set(self) -> None:
        """Say so; again and again if need be."""
        self._set = True
        self._told.put(None)

    def clear(self) -> None:
        """Forget that it was said."""
        self._set = False

    def is_set(self) -> bool:
        """Whether it was said."""
        return self._set

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it is said, or so many seconds at most; whether it was said."""
        while not self._set:
            try:
                self._told.get(timeout=seconds)
            except Empty:
                break
        return self._set
