"""What the filters are to go by now: made anew when the snapshot or the keys change, never for one.

Everybody who listens is woken then. A change goes out as news first; the third filter, which is
large, follows a moment later and takes in whatever came meanwhile.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from extauthz.xds.conversation import State
from extauthz.xds.edition import Base, edition
from extauthz.xds.filters import keys
from lychgate.clock import clock, steady
from lychgate.core.keys import jwks
from lychgate.core.snapshot import Snapshot
from lychgate.core.tokens import header_text
from lychgate.settings import ZeroHop

log = logging.getLogger(__name__)
_LOOK = timedelta(seconds=0.1)
"""How often the publisher looks for what no change of the store announces: a key's last day."""
_REST = 0.25
"""Seconds of quiet after a change, before the third filter is made anew."""
_NEWS = 500
"""So many people and sessions the second filter may name before the third takes them in."""
_SHARE = 10
"""The third filter is made in at most this share of the time: one part in so many."""


class Feed(Protocol):
    """Where snapshots come from (`lychgate.store.feed`)."""

    def current(self) -> Snapshot | None:
        """The newest one."""
        ...

    def age(self) -> timedelta | None:
        """How long ago the store was known to say the same."""
        ...

    def wait_for(self, revision: int, timeout: timedelta = ...) -> bool:
        """Wait for a revision."""
        ...


class Publisher:
    """Follows the feed in a thread of its own; `state` is what is so now."""

    def __init__(self, feed: Feed, settings: ZeroHop) -> None:
        self._feed, self._settings = feed, settings
        self._kids: tuple[str, ...] = ()
        self._headers: tuple[str, ...] = ()
        self._state: State | None = None
        self._changed_at: float | None = None
        self._rests_until = 0.0
        self._listeners: set[Callable[[], None]] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def start(self) -> None:
        """Look once, then follow."""
        self._look()
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join()

    @contextmanager
    def listening(self, wake: Callable[[], None]) -> Iterator[None]:
        """Call `wake` after every change, from another thread."""
        self._listeners.add(wake)
        try:
            yield
        finally:
            self._listeners.discard(wake)

    def state(self) -> State | None:
        """What is so; None before the store was read, and when it cannot be told."""
        return self._state

    def reasons(self) -> Counter[str]:
        """How many applications qualify (`yes`), and how many do not, by reason."""
        pieces = self._state.now.pieces if self._state else {}
        return Counter(piece.unfit or "yes" for piece in pieces.values())

    def _run(self) -> None:
        while not self._stopping.is_set():
            known = self._state
            revision = 0 if known is None else known.now.snapshot.revision
            self._feed.wait_for(revision + 1, _LOOK)
            try:
                self._look()
            except Exception:
                # What Envoy has ends within the bound: nothing confirms it while this goes on.
                self._state = None
                log.exception("the filters for Envoy could not be made")
                self._stopping.wait(_LOOK.total_seconds())

    def _look(self) -> None:
        # The time first, so that a process that is stopped here takes nothing for newer than it is;
        # then the age: what is then the newest snapshot is at least as new as that.
        began = steady()
        age, snapshot = self._feed.age(), self._feed.current()
        if age is None or snapshot is None:
            return
        known, heard_at = self._state, began - age.total_seconds()
        state = self._made(snapshot, heard_at, known)
        self._state = state
        changed = known is None or known.now is not state.now or known.keys is not state.keys
        if changed:
            self._wake()
        if self._is_due(state, time.monotonic()):
            self._renew_base(state)
            self._wake()

    def _wake(self) -> None:
        for wake in list(self._listeners):
            wake()

    def _made(self, snapshot: Snapshot, heard_at: float, known: State | None) -> State:
        now = clock()
        usable = snapshot.keyring.usable(now)
        kids = tuple(key.kid for key in usable)
        if known is not None and known.now.snapshot is snapshot and kids == self._kids:
            return replace(known, heard_at=heard_at)
        if known is None or kids != self._kids:
            self._kids, self._headers = kids, tuple(map(header_text, usable))
            public = jwks(snapshot.keyring, now)
            first = keys(public, snapshot.team, self._settings.tokens)
        else:
            first = known.keys
        current = edition(snapshot, self._headers, None if known is None else known.now)
        return State(first, Base.of(current) if known is None else known.base, current, heard_at)

    def _renew_base(self, state: State) -> None:
        began = time.monotonic()
        self._state = replace(state, base=Base.of(state.now))
        self._changed_at = None
        self._rests_until = began + (time.monotonic() - began) * _SHARE

    def _is_due(self, state: State, now: float) -> bool:
        base, current = state.base.edition, state.now
        much = current.seconds.since(base.seconds).count > _NEWS
        if current.pieces is base.pieces and not much:
            return False
        self._changed_at = self._changed_at or now
        return now >= max(self._changed_at + _REST, self._rests_until)
