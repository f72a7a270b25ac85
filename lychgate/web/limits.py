"""How often one visitor may ask for what costs us something, counted per address."""

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from lychgate.core.request import Address
from lychgate.settings import Limits
from lychgate.web.errors import TooMany

_CODES_PER_MINUTE = 30


class Limiter:
    """Counts in this process; the count per mail address is the store's, for all nodes."""

    def __init__(self, limits: Limits) -> None:
        self._window = MovingWindowRateLimiter(MemoryStorage())
        self._pins = RateLimitItemPerHour(limits.pins_per_hour)
        codes = max(_CODES_PER_MINUTE, limits.pins_per_hour)
        self._codes = RateLimitItemPerMinute(codes)

    def pin_asked(self, source: Address | None) -> None:
        """Count one request for a code; raises TooMany over the limit."""
        self._count(self._pins, "pin", source)

    def code_tried(self, source: Address | None) -> None:
        """Count one code entered; raises TooMany over the limit."""
        self._count(self._codes, "code", source)

    def _count(self, item: RateLimitItem, what: str, source: Address | None) -> None:
        if not self._window.hit(item, what, _network(source)):
            raise TooMany("there were many attempts from your address; please wait a while")


def _network(source: Address | None) -> str:
    # One subscriber holds a whole IPv6 /64.
    if source is None:
        return "unknown"
    return str(source) if source.version == 4 else source.exploded[:19]
