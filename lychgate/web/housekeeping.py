"""Does every few minutes what nobody asks for: forgets what expired, looks after service tokens."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from lychgate import service_tokens
from lychgate.admin.keys import last_rotation, rotation_interval
from lychgate.errors import LychgateError
from lychgate.store.base import Actor, Catalogue, Clock, Edit, Kind, Object, Store
from lychgate.web.metrics import Metrics

ACTOR = Actor("inactivity clean-up", "system")
_FIRST, _EVERY = 5.0, 300.0
_TURN = timedelta(seconds=240)
"""How long after one node has done the chores they are another's."""
_WARNED = timedelta(days=2)
"""How long is remembered that somebody was warned on a day."""
log = logging.getLogger("lychgate.web")


@dataclass(frozen=True, slots=True)
class House:
    """The chores of one installation; each may fail without the others."""

    store: Store
    clock: Clock
    metrics: Metrics
    audit_retention: timedelta

    def tidy(self) -> None:
        """Show what this node shows, and do every chore once; one node at a time does them."""
        self._try(self.show_ending)
        if self._try(self._take_turn):
            for chore in (self.forget, self.clean_up, self.warn, self.rotate):
                self._try(chore)

    def _take_turn(self, now: datetime) -> bool:
        return self.store.take_turn(_TURN, now)

    def forget(self, now: datetime) -> None:
        """Drop what expired, and audit rows that are old enough."""
        self.store.prune(now)
        self.store.audit.prune(now - self.audit_retention)

    def clean_up(self, now: datetime) -> None:
        """Disable or delete service tokens that nobody uses, if the organization wants that."""
        used = {str(token): at for token, at in self.store.token_uses.last().items()}

        def plan(catalogue: Catalogue | Store) -> Sequence[Edit]:
            organizations = catalogue.objects(Kind.ORGANIZATION)
            setting = service_tokens.inactivity(organizations[0].body) if organizations else None
            if setting is None:
                return ()
            rules = (*catalogue.objects(Kind.POLICY), *catalogue.objects(Kind.GROUP))
            named = service_tokens.named_in(one.body for one in rules)
            tokens = catalogue.objects(Kind.SERVICE_TOKEN)
            return service_tokens.clean_up(setting, tokens, used, named, now)

        # Looked at without the lock first: nearly always there is nothing to do.
        if plan(self.store):
            self.store.change(ACTOR, plan)

    def show_ending(self, now: datetime) -> None:
        """Show in a metric which service tokens are in their last week."""
        ends = {str(one.body["name"]): ends for one, ends in self._ending(now)}
        self.metrics.tokens_ending(ends)

    def warn(self, now: datetime) -> None:
        """Say once a day which service tokens are in their last week."""
        for token, ends in self._ending(now):
            today = f"{token.id} {now:%F}"
            if self.store.one_time.consume("service_token_ends", today, now + _WARNED):
                event = {
                    "service_token": token.id,
                    "name": token.body["name"],
                    "expires_at": ends.isoformat(timespec="seconds"),
                }
                log.warning("service_token_expires_soon", extra={"event": event})

    def _ending(self, now: datetime) -> list[tuple[Object, datetime]]:
        found = service_tokens.ending_soon(self.store.objects(Kind.SERVICE_TOKEN), now)
        return [(one, service_tokens.expires_at(one.body)) for one in found]

    def rotate(self, now: datetime) -> None:
        """Replace the signing key when its time is over, if somebody has set one."""
        interval = rotation_interval(self.store)
        if interval is not None and last_rotation(self.store.keys.keyring()) + interval <= now:
            self.store.keys.rotate(now, unless_since=now - interval)

    def _try(self, chore: Callable[[datetime], bool | None]) -> bool:
        try:
            return bool(chore(self.clock()))
        except LychgateError as error:
            log.warning("the store could not be tidied: %s", error.message)
            return False


@contextmanager
def keep_house(house: House) -> Iterator[None]:
    """Do the chores in the background as long as the block runs."""
    stop = threading.Event()

    def run() -> None:
        pause = _FIRST
        while not stop.wait(pause):
            house.tidy()
            pause = _EVERY

    thread = threading.Thread(target=run, name="housekeeping", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=5)
