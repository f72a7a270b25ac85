"""How long running checks wait while a change of a large installation is put in force."""

import json
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from statistics import median

from sqlalchemy import update

from bench.large import ACTOR, application, shared_list, shared_policy
from bench.load import Visit
from bench.machine import load_core, pinned
from bench.progress import note
from lychgate.clock import clock
from lychgate.core.snapshot import Snapshot
from lychgate.processes import python
from lychgate.runtime import connect
from lychgate.settings import Settings
from lychgate.store import tables
from lychgate.store.base import Kind, Put
from lychgate.store.database import Database
from lychgate.store.objects import next_revision
from lychgate.store.sql import SqlStore

_TOKEN = "00000000-0000-4000-8000-ffffffffffff"
_ADDRESSES = 1000
_WARM = 1.0


@dataclass(frozen=True, slots=True)
class Change:
    """Something that administrators do, and the seconds after which it is surely in force."""

    name: str
    make: Callable[[], object]
    settles: float


@dataclass(frozen=True, slots=True)
class Patience:
    """How often each change is made, and how long it is waited for, as a share of the usual."""

    repeats: int = 5
    share: float = 1.0


def measure(
    settings: Settings, endpoint: str, visit: Visit, patience: Patience
) -> Mapping[str, float]:
    """For each change the longest check beyond the usual, in ms: the median of the repeats.

    `endpoint` is a decision server of the installation; `pause_quiet_ms` is what is seen when
    nothing is changed.
    """
    repeats, share = patience.repeats, patience.share
    store = connect(settings)
    try:
        store.mirror.refresh(store)
        planned = [replace(one, settles=one.settles * share) for one in _changes(store, settings)]
        marks: list[tuple[Change, float]] = []
        with _probing(endpoint, visit) as probe:
            for number in range(repeats):
                note(f"changes, {number + 1} of {repeats}")
                marks.extend((change, _made(change)) for change in planned)
            took = json.loads(probe.communicate()[0])
    finally:
        store.close()
    return _figures(took, marks)


def _changes(store: SqlStore[Snapshot], settings: Settings) -> Sequence[Change]:
    def put(make: Callable[[str], Put]) -> Callable[[], object]:
        return lambda: store.change(ACTOR, lambda _: [make(secrets.token_hex(8))])

    def token(name: str) -> Put:
        return Put(Kind.SERVICE_TOKEN, _TOKEN, {"name": name, "client_secret_hash": "0" * 64})

    def listed(name: str) -> Put:
        return shared_list([f"{name}-{n}@list.example.com" for n in range(_ADDRESSES)])

    def revoke() -> object:
        return store.revocations.revoke_session(secrets.token_hex(8), clock(), timedelta(days=1))

    return (
        Change("quiet", lambda: None, 1.0),
        Change("revocation", revoke, 1.0),
        Change("application", put(lambda name: application(7, name)), 1.0),
        Change("service_token", put(token), 1.0),
        Change("shared_policy", put(shared_policy), 2.0),
        Change("shared_list", put(listed), 2.0),
        Change("everything_anew", lambda: _read_all_anew(settings), 8.0),
    )


def _made(change: Change) -> float:
    change.make()
    made = time.monotonic()
    time.sleep(change.settles)
    return made


def _read_all_anew(settings: Settings) -> None:
    """Make every process read the whole store again, as after a backup was brought back."""
    database, counters = Database(settings.store), tables.counters
    try:
        with database.write() as connection:
            floor = update(counters).where(counters.c.name == "floor")
            connection.execute(floor.values(value=next_revision(connection)))
    finally:
        database.close()


@contextmanager
def _probing(endpoint: str, visit: Visit) -> Iterator[subprocess.Popen[str]]:
    command = pinned(load_core(), python("bench.prober", endpoint, visit.host, visit.cookie))
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as probe:
        time.sleep(_WARM)
        yield probe


def _figures(
    took: Sequence[tuple[float, float]], marks: Sequence[tuple[Change, float]]
) -> Mapping[str, float]:
    usual = median(seconds for _, seconds in took)
    longest: dict[str, list[float]] = {}
    for change, made in marks:
        within = [s for began, s in took if made - 0.001 < began < made + change.settles]
        beyond = max(within, default=usual) - usual
        longest.setdefault(change.name, []).append(beyond * 1000)
    figures = {f"pause_{name}_ms": median(each) for name, each in longest.items()}
    return {**figures, "pause_longest_ms": max(figures.values())}
