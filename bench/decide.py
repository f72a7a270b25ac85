"""What one decision costs, without any proxy."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from prometheus_client import CollectorRegistry

from bench.samples import NOW, browser_request, session, snapshot
from bench.timing import microseconds, ratio
from lychgate.core.decide import decide
from lychgate.core.decision import Allow
from lychgate.core.events import AccessEvent
from lychgate.core.session import Token, Verify, open_token
from lychgate.core.snapshot import Snapshot
from lychgate.counts import DecisionCounts
from lychgate.gate import Gate, View


def measure() -> Mapping[str, float]:
    """Warm (the token was seen before), cold (its signature is checked), and by size."""
    small, large = snapshot(10, 10), snapshot(10_000, 10_000)
    warm = _decision(small, 3)
    bare, counted = _check(small, 3), _check(small, 3, DecisionCounts(CollectorRegistry()).observe)
    return {
        "decide_warm_us": microseconds(warm),
        "decide_cold_us": microseconds(_cold(small, 3), calls=300),
        "decide_10k_over_10": ratio(_decision(large, 7_000), warm),
        "gate_check_us": microseconds(bare),
        "gate_counted_over_bare": ratio(counted, bare),
    }


def _decision(configuration: Snapshot, index: int) -> Callable[[], object]:
    request = browser_request(index, session(configuration, index))
    verify = _remembering(configuration)
    _must_allow(decide(request, configuration, verify, NOW))
    return lambda: decide(request, configuration, verify, NOW)


def _cold(configuration: Snapshot, index: int) -> Callable[[], object]:
    request = browser_request(index, session(configuration, index))

    def verify(text: str) -> object:
        return open_token(text, configuration.keyring, NOW)

    return lambda: decide(request, configuration, verify, NOW)  # type: ignore[arg-type]


def _remembering(configuration: Snapshot) -> Verify:
    known: dict[str, Token] = {}

    def verify(text: str) -> object:
        token = known.get(text)
        if token is None:
            opened = open_token(text, configuration.keyring, NOW)
            if not isinstance(opened, Token):
                raise SystemExit(f"the sample token is not good: {opened}")
            token = known[text] = opened
        return token

    return verify  # type: ignore[return-value]


def _check(
    configuration: Snapshot, index: int, observe: Callable[[AccessEvent], None] = lambda event: None
) -> Callable[[], object]:
    request = browser_request(index, session(configuration, index))
    gate = Gate(
        view=lambda: View(configuration, timedelta(0)),
        clock=lambda: NOW,
        observe=observe,
        grace=timedelta(minutes=1),
    )
    return lambda: gate.check(request)


def _must_allow(decision: object) -> None:
    if not isinstance(decision, Allow):
        raise SystemExit(f"the sample request was not allowed: {decision}")
