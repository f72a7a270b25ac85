"""What keeps the background from holding up requests: the collector, and how things are freed."""

import gc
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from lychgate.pauses import _Watch, collector_at_rest, contents, unhurried


@pytest.fixture(autouse=True)
def _thawed() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


def busy(seconds: float) -> None:
    began = time.thread_time()
    while time.thread_time() - began < seconds:
        pass


def test_the_collector_rests_and_goes_on_whatever_happens() -> None:
    with pytest.raises(ZeroDivisionError), collector_at_rest():
        assert not gc.isenabled()
        raise ZeroDivisionError
    assert gc.isenabled()


def test_only_what_took_long_to_make_is_set_apart() -> None:
    with collector_at_rest():
        pass
    assert gc.get_freeze_count() == 0
    with collector_at_rest():
        busy(0.06)
    assert gc.get_freeze_count() > 0


def test_what_outlived_a_long_collection_is_set_apart() -> None:
    watch = _Watch()
    watch("start", {"generation": 2})
    watch("stop", {"generation": 2})
    watch("start", {"generation": 0})
    busy(0.01)
    watch("stop", {"generation": 0})
    assert gc.get_freeze_count() == 0
    watch("start", {"generation": 2})
    busy(0.01)
    watch("stop", {"generation": 2})
    assert gc.get_freeze_count() > 0


def test_work_of_many_steps_leaves_the_core_between_them() -> None:
    taken: list[float] = []

    def step(seconds: float) -> None:
        busy(seconds)
        taken.append(seconds)

    long, short = [0.002 + n / 1e6 for n in range(10)], [0.0] * 100
    assert left_the_core(unhurried(step), long) >= len(long)
    assert left_the_core(unhurried(step), short) == 0
    assert taken == long + short


def left_the_core(step: Callable[[float], None], each: list[float]) -> int:
    """How often this thread gave the core away by itself in these steps."""
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
    for seconds in each:
        step(seconds)
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw - before


@dataclass(frozen=True)
class Tables:
    """A value with tables."""

    one: dict[str, object] = field(default_factory=dict)
    two: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Held:
    """A value with a value with tables."""

    name: str
    tables: Tables


def test_what_tables_hold_is_told_unless_the_table_is_shared() -> None:
    shared: dict[str, object] = {"a": 1}
    old = Held("old", Tables({"b": 2, "c": 3}, shared))
    new = Held("new", Tables({"b": 2}, shared))
    assert contents(old, new) == [2, 3]
    assert contents(None, new) == []
    assert contents(old, None) == [2, 3, 1]
