"""How often one network may ask for what costs a row or a mail."""

import pytest

from lychgate.core.request import address
from lychgate.settings import Limits
from lychgate.web.errors import TooMany
from lychgate.web.limits import Limiter, count_here


def test_D02_answers_of_providers_are_counted_for_each_network() -> None:
    limiter = Limiter(Limits(), count_here())
    for _ in range(1200):
        limiter.came_back(address("192.0.2.1"))
    with pytest.raises(TooMany):
        limiter.came_back(address("192.0.2.1"))
    limiter.came_back(address("192.0.2.2"))


def test_D08_one_subscriber_of_ipv6_is_one_network() -> None:
    limiter = Limiter(Limits(pins_per_hour=1), count_here())
    limiter.pin_asked(address("2001:db8::1"))
    with pytest.raises(TooMany):
        limiter.pin_asked(address("2001:db8::2"))
    limiter.pin_asked(address("2001:db8:0:1::1"))
