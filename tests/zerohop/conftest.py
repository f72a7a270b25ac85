"""The two Envoys of the shared installation, of which one proves by itself what it can."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from tests.support.both import Answers, Both
from tests.support.catalogue import ZERO_HOP, Catalogue


@dataclass(frozen=True, slots=True)
class Two:
    """Both Envoys. What the second proves is held against what `Check` says to the first."""

    both: Both

    def proved(self, ask: Callable[[Both], Answers]) -> bool:
        """Whether the second asked nobody; in any case both answers must be the same."""
        front = self.both.catalogue.fronts[ZERO_HOP]
        before = front.checks()
        answers = ask(self.both)
        answers.same()
        proved = front.checks() == before
        return proved and any(one.seen for one in answers)


@pytest.fixture
def two(catalogue: Catalogue) -> Two:
    """Both Envoys."""
    fronts = {name: catalogue.fronts[name] for name in ("envoy", ZERO_HOP)}
    return Two(Both(replace(catalogue, fronts=fronts)))
