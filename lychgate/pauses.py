"""Keeps what a process does in the background from holding up the requests it answers meanwhile.

Threads of Python take turns, and two things make the others wait: a thread that computes keeps its
turn for 5 ms, and the garbage collector, which walks every object there is, lets nobody else run.
A large configuration is a million objects. So turns are made shorter, objects that are many and
stay are set apart (they are freed when nobody refers to them any more, but never walked again), and
what was replaced is freed piece by piece. Where threads share a core, the system adds its own turns
of some milliseconds; so work of many steps leaves the core between them.
"""

import gc
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any

_TURN = 0.0005
"""Seconds that a thread may keep its turn when another wants one."""
_MUCH = 0.05
"""Seconds of computing after which what was made is too much to be walked."""
_LONG = 0.002
"""Seconds that a collection may take before what it left alive is set apart."""

_STRETCH = 0.001
"""Seconds of computing after which work of many steps leaves the core."""
_REST = 0.00005
"""Seconds that it then stays away at least; whoever waits has the core before."""


def keep_pauses_short() -> None:
    """For a process that has read its configuration and begins to answer."""
    sys.setswitchinterval(_TURN)
    gc.freeze()
    gc.callbacks.append(_Watch())


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """No collection while this thread reads and compiles; what took long to make is set apart."""
    began = time.thread_time()
    gc.disable()
    try:
        yield
    finally:
        if time.thread_time() - began > _MUCH:
            gc.freeze()
        gc.enable()


def unhurried[T](step: Callable[[T], None]) -> Callable[[T], None]:
    """The same step, for work of very many that nobody waits for: others run between them."""
    rested = time.perf_counter()

    def taken(one: T) -> None:
        nonlocal rested
        step(one)
        if time.perf_counter() - rested > _STRETCH:
            time.sleep(_REST)
            rested = time.perf_counter()

    return taken


def contents(held: object, kept: object) -> list[object]:
    """What the tables of one value hold that the other does not share.

    Both are dataclasses of dataclasses and tables. Popped one by one, the list frees what nobody
    else refers to in as many pieces; freed with its table, all of it would be one long turn.
    """
    shared = {id(table) for table in _tables(kept)}
    return [one for table in _tables(held) if id(table) not in shared for one in table.values()]


def _tables(value: object) -> Iterator[Mapping[object, object]]:
    if isinstance(value, Mapping):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from _tables(getattr(value, field.name))


class _Watch:
    """Told by the collector when a collection begins and ends."""

    def __init__(self) -> None:
        self._began = 0.0

    def __call__(self, phase: str, info: dict[str, Any]) -> None:
        now = time.perf_counter()
        if phase == "start":
            self._began = now
        elif info["generation"] == 2 and now - self._began > _LONG:
            gc.freeze()
