"""Uses of service tokens are noted in memory and written now and then."""

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from lychgate.core.decision import Because, Reason
from lychgate.core.events import AccessEvent
from lychgate.core.identity import ANONYMOUS, Principal, Service
from lychgate.core.model import TokenId
from lychgate.store.base import StoreUnavailable
from lychgate.uses import LastUses

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ONE = Service("a.access", "one", TokenId("t1"), "a.access")
LATER = NOW + timedelta(seconds=5)


class Kept:
    """A store that counts what it is asked, and can be gone."""

    def __init__(self) -> None:
        self.notes: list[dict[TokenId, datetime]] = []
        self.gone = threading.Event()

    def note(self, seen: Mapping[TokenId, datetime]) -> None:
        """Keep a copy."""
        if self.gone.is_set():
            raise StoreUnavailable("gone")
        self.notes.append(dict(seen))

    def last(self) -> Mapping[TokenId, datetime]:
        """Nothing here asks."""
        return {}


def event(reason: Reason, principal: Principal = ONE, at: datetime = NOW) -> AccessEvent:
    because = Because(reason, None, None, principal)
    return AccessEvent(at, "r", "allow", because, "GET", "h", "/", "", "", 200)


def test_many_uses_are_one_write() -> None:
    kept = Kept()
    uses = LastUses(kept)
    for _ in range(1000):
        uses.observe(event(Reason.SERVICE_AUTH))
    uses.observe(event(Reason.SERVICE_AUTH, at=LATER))
    uses.close()
    assert kept.notes == [{"t1": LATER}]


def test_only_what_got_in_is_a_use() -> None:
    kept = Kept()
    uses = LastUses(kept)
    uses.observe(event(Reason.SERVICE_TOKEN_INVALID))
    uses.observe(event(Reason.SERVICE_TOKEN_NOT_ALLOWED))
    uses.observe(event(Reason.BYPASSED, ANONYMOUS))
    uses.observe(event(Reason.SERVICE_AUTH, Service("", "", common_name="cert")))
    uses.close()
    assert kept.notes == []


def test_a_store_that_comes_back_gets_what_was_noted_meanwhile() -> None:
    kept = Kept()
    kept.gone.set()
    uses = LastUses(kept, every=0.01)
    uses.observe(event(Reason.SERVICE_AUTH))
    time.sleep(0.1)
    kept.gone.clear()
    uses.close()
    assert kept.notes == [{"t1": NOW}]
