"""Lets the store forget, every few minutes, what has expired."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from lychgate.errors import LychgateError
from lychgate.store.base import Clock, Store

_EVERY = 300.0
log = logging.getLogger("lychgate.web")


@contextmanager
def keep_house(store: Store, clock: Clock) -> Iterator[None]:
    """Prune the store in the background as long as the block runs."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(_EVERY):
            try:
                store.prune(clock())
            except LychgateError as error:
                log.warning("the store could not be tidied: %s", error.message)

    thread = threading.Thread(target=run, name="housekeeping", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=5)
