"""Notes which service tokens are used, in memory, and writes it down once a minute at most."""

import logging
import threading
from datetime import datetime

from lychgate.core.decision import Reason
from lychgate.core.events import AccessEvent
from lychgate.core.identity import Service
from lychgate.core.model import TokenId
from lychgate.errors import LychgateError
from lychgate.store.base import TokenUses

EVERY = 60.0
"""Seconds between two writes."""
log = logging.getLogger("lychgate.uses")


class LastUses:
    """What this process knows of uses and the store does not yet."""

    def __init__(self, store: TokenUses, every: float = EVERY) -> None:
        self._store = store
        self._every = every
        self._seen: dict[TokenId, datetime] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="last-uses", daemon=True)
        self._thread.start()

    def observe(self, event: AccessEvent) -> None:
        """Take note of a decision; returns at once."""
        principal = event.because.principal
        if event.because.reason is not Reason.SERVICE_AUTH or not isinstance(principal, Service):
            return
        if principal.token_id is not None:
            with self._lock:
                self._seen[principal.token_id] = event.at

    def close(self) -> None:
        """Write what is left, then stop."""
        self._stopping.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopping.wait(self._every):
            self._write()
        self._write()

    def _write(self) -> None:
        with self._lock:
            seen, self._seen = self._seen, {}
        try:
            if seen:
                self._store.note(seen)
        except LychgateError as error:
            log.warning("the last use of service tokens could not be written: %s", error.message)
            with self._lock:
                self._seen = {**seen, **self._seen}
