"""How often one visitor may ask for what costs us something, counted per address."""

import math
import time
from collections.abc import Callable
from datetime import timedelta

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from lychgate.core.request import Address
from lychgate.settings import Limits
from lychgate.store.base import Clock, Visits
from lychgate.web.errors import TooMany

_CODES_PER_MINUTE = 30
_DOCUMENTS = RateLimitItemPerMinute(120)
_USER_CODES = RateLimitItemPerMinute(10)
_CALLBACKS = RateLimitItemPerMinute(1200)
"""Answers of providers from one network: many people share one, but each costs a row."""

type Count = Callable[[RateLimitItem, str], float | None]
"""Counts one more for a name: None, or over the limit how many seconds to wait."""


def count_here() -> Count:
    """Counts in this process."""
    window = MovingWindowRateLimiter(MemoryStorage())

    def count(item: RateLimitItem, who: str) -> float | None:
        if window.hit(item, who):
            return None
        return window.get_window_stats(item, who).reset_time - time.time()

    return count


def count_everywhere(visits: Visits, clock: Clock) -> Count:
    """Counts in the store, for all nodes together."""

    def count(item: RateLimitItem, who: str) -> float | None:
        span = timedelta(seconds=item.get_expiry())
        wait = visits.count(item.key_for(who), item.amount, span, clock())
        return None if wait is None else wait.total_seconds()

    return count


class Limiter:
    """The limits of an installation. The count per mail address is another, see `store.pins`."""

    def __init__(self, limits: Limits, count: Count) -> None:
        self._counted = count
        self._pins = RateLimitItemPerHour(limits.pins_per_hour)
        codes = max(_CODES_PER_MINUTE, limits.pins_per_hour)
        self._codes = RateLimitItemPerMinute(codes)
        self._registrations = RateLimitItemPerHour(limits.registrations_per_hour)

    def pin_asked(self, source: Address | None) -> None:
        """Count one request for a code; raises TooMany over the limit."""
        self._count(self._pins, "pin", source)

    def came_back(self, source: Address | None) -> None:
        """Count one answer of an identity provider, good or bad."""
        self._count(_CALLBACKS, "callback", source)

    def code_tried(self, source: Address | None) -> None:
        """Count one code entered; raises TooMany over the limit."""
        self._count(self._codes, "code", source)

    def registered(self, source: Address | None) -> None:
        """Count one OAuth client that registers itself; raises TooMany over the limit."""
        self._count(self._registrations, "registration", source)

    def document_asked(self, source: Address | None) -> None:
        """Count one client known by a document that may have to be fetched."""
        self._count(_DOCUMENTS, "document", source)

    def device_asked(self, source: Address | None) -> None:
        """Count one device request."""
        self._count(self._registrations, "device", source)

    def user_code_tried(self, source: Address | None) -> None:
        """Count one user code entered: there are few enough of them to guess at."""
        self._count(_USER_CODES, "user code", source)

    def _count(self, item: RateLimitItem, what: str, source: Address | None) -> None:
        wait = self._counted(item, f"{what}/{_network(source)}")
        if wait is not None:
            text = "there were many attempts from your address; please wait a while"
            raise TooMany(text, max(1, math.ceil(wait)))


def _network(source: Address | None) -> str:
    # One subscriber holds a whole IPv6 /64.
    if source is None:
        return "unknown"
    return str(source) if source.version == 4 else source.exploded[:19]
