"""Keeps the newest snapshot: polls the revision, and is woken by the store when it can be."""

import logging
import threading
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from lychgate.clock import steady
from lychgate.errors import LychgateError
from lychgate.pauses import collector_at_rest, contents
from lychgate.store.base import Clock, Store
from lychgate.store.counts import StoreCounts
from lychgate.store.mirror import Mirror

POLL = timedelta(milliseconds=200)
"""How often the revision is looked at when nothing wakes the feed."""
_REMIND = timedelta(minutes=1)
_log = logging.getLogger(__name__)


class Feed[S]:
    """A thread that follows the store; readers take `current()` without any lock.

    A store that fails never ends it: the last snapshot stays, and `contact_at` stands still at
    the last time the snapshot was known to be the store's newest state.
    """

    def __init__(
        self,
        store: Store,
        mirror: Mirror[S],
        clock: Clock,
        poll: timedelta = POLL,
        counts: StoreCounts | None = None,
    ) -> None:
        self._store = store
        self._mirror = mirror
        self._clock = clock
        self._poll = poll
        self._counts = counts or StoreCounts()
        self._contact_at: datetime | None = None
        self._contact = 0.0
        self._failing_since: datetime | None = None
        self._reminded_at: datetime | None = None
        self._followed: object = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> Self:
        """Read the store once, then follow it in the background, whether or not that worked."""
        self._refresh()
        self._thread.start()
        return self

    def current(self) -> S | None:
        """The newest snapshot; None until the store was read once."""
        mirrored = self._mirror.current
        return None if mirrored is None else mirrored.snapshot

    @property
    def contact_at(self) -> datetime | None:
        """When `current()` was last known to be the store's newest state."""
        return self._contact_at

    def age(self) -> timedelta | None:
        """How long ago that was, whatever was done to the clock since; None before the first."""
        if self._contact_at is None:
            return None
        return timedelta(seconds=steady() - self._contact)

    @property
    def follows(self) -> bool:
        """Whether the last look at the store succeeded."""
        return self._contact_at is not None and self._failing_since is None

    def wait_for(self, revision: int, timeout: timedelta = timedelta(seconds=5)) -> bool:
        """Whether that revision, or a later one, is current before the timeout."""
        return self._mirror.wait_for(revision, timeout.total_seconds())

    def stop(self) -> None:
        """End the thread; the last snapshot stays."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wait()
            self._let_go()
            self._refresh()

    def _wait(self) -> None:
        try:
            self._store.wait(self._poll)
        except Exception as error:  # noqa: BLE001 - the feed outlives whatever fails in it
            self._note(error)
            self._stopping.wait(self._poll.total_seconds())

    def _refresh(self) -> None:
        asked_at, started = self._clock(), steady()
        try:
            with collector_at_rest():
                news = self._mirror.refresh(self._store)
        except Exception as error:  # noqa: BLE001 - the feed outlives whatever fails in it
            self._note(error)
            return
        self._contact, self._contact_at = started, asked_at
        if news is not None:
            self._counts.refreshed(steady() - started, news, self._clock())
        if self._failing_since is not None:
            _log.warning("the store is back at revision %d", self._mirror.revision)
            self._failing_since = self._reminded_at = None

    def _let_go(self) -> None:
        """Free what was replaced a round ago, when no decision reads it any more."""
        replaced, self._followed = self._followed, self._mirror.current
        if replaced is not self._followed:
            pieces = contents(replaced, self._followed)
            del replaced
            while pieces:
                pieces.pop()

    def _note(self, error: Exception) -> None:
        """Say once a minute that the snapshot is not kept up."""
        now = self._clock()
        self._failing_since = self._failing_since or now
        if self._reminded_at is not None and now < self._reminded_at + _REMIND:
            return
        self._reminded_at = now
        known = isinstance(error, LychgateError)
        _log.error(
            "the store cannot be followed since %s, deciding from revision %d: %s",
            self._failing_since.isoformat(timespec="seconds"),
            self._mirror.revision,
            error if known else type(error).__name__,
            exc_info=None if known else error,
        )
