"""How long a call takes: the median of several rounds, so that one disturbance does not count."""

import gc
import time
from collections.abc import Callable
from statistics import median

ROUNDS = 15


def microseconds(call: Callable[[], object], calls: int = 2000, rounds: int = ROUNDS) -> float:
    """The median time of one call in microseconds."""
    call()
    gc.collect()
    return median(_round(call, calls) for _ in range(rounds))


def ratio(one: Callable[[], object], other: Callable[[], object], calls: int = 2000) -> float:
    """How much longer the first takes: the median of the rounds' ratios, taken in turn."""
    one()
    other()
    gc.collect()
    return median(_round(one, calls) / _round(other, calls) for _ in range(ROUNDS))


def _round(call: Callable[[], object], calls: int) -> float:
    started = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - started) / calls * 1e6
