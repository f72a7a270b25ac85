"""Several processes on one store: first start, parallel changes, news, and sudden death."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from lychgate.store.base import AuditFilter, Kind
from lychgate.store.feed import Feed
from tests.store.parts import Place, policy, put, real_clock

ROOT = Path(__file__).parents[3]


@contextmanager
def worker(place: Place, action: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Another process on the same store, which begins when it is sent a line."""
    environment = {**os.environ, **place.environment, "WAIT_FOR_LINE": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.store.worker", action, place.url, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def workers(place: Place, action: str, many: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Several of them, released together."""
    if many == 0:
        yield []
        return
    with worker(place, action) as first, workers(place, action, many - 1) as others:
        yield [first, *others]


def together(place: Place, action: str, many: int) -> list[object]:
    """What each of several processes says when they all begin at once."""
    with workers(place, action, many) as processes:
        answers = []
        for process in processes:
            _pipe(process.stdin).write("go\n")
            _pipe(process.stdin).flush()
        for process in processes:
            out, _ = process.communicate(timeout=60)
            assert process.returncode == 0
            answers.append(json.loads(out))
        return answers


def _pipe[T](pipe: T | None) -> T:
    assert pipe is not None
    return pipe


def test_first_start_of_several_processes_makes_one_set_of_keys(place: Place) -> None:
    answers = together(place, "keys", 4)
    assert all(answer == answers[0] for answer in answers)
    assert isinstance(answers[0], list) and len(answers[0]) == 2


def test_first_start_of_several_processes_makes_one_master_key(tmp_path: Path) -> None:
    place = Place(f"sqlite:///{tmp_path}/lychgate.db", {})
    answers = together(place, "keys", 4)
    assert all(answer == answers[0] for answer in answers)
    assert sorted(one.name for one in tmp_path.glob("*.key*")) == ["lychgate.key"]


def test_each_value_has_one_winner_among_processes(place: Place) -> None:
    place.open(real_clock).close()
    won = [number for answer in together(place, "consume", 3) for number in _numbers(answer)]
    assert sorted(won) == list(range(100))


def _numbers(answer: object) -> list[int]:
    assert isinstance(answer, list)
    return answer


def test_no_change_of_another_process_is_lost(place: Place) -> None:
    store = place.open(real_clock)
    start = store.revision()
    together(place, "count", 3)
    found = store.object(Kind.POLICY, "counter")
    assert found is not None and found.body["include"] == [59]
    assert store.revision() == start + 60
    assert len(store.audit.query(AuditFilter(target="policy/counter"))) == 60
    store.close()


@pytest.mark.parametrize("action", ["revoke", "edit"])
def test_a_change_elsewhere_is_here_within_a_second(place: Place, action: str) -> None:
    store = place.open(real_clock)
    put(store, policy("p1"))
    with Feed(store, store.mirror, real_clock) as feed, worker(place, action) as process:
        _pipe(process.stdin).write("go\n")
        _pipe(process.stdin).flush()
        revision = json.loads(_pipe(process.stdout).readline())
        told = time.monotonic()
        assert feed.wait_for(revision, timedelta(seconds=5))
        assert time.monotonic() - told < 1
        snapshot = feed.current()
        assert snapshot is not None
        if action == "revoke":
            assert [one.key for one in snapshot.state.revocations] == ["n1"]
            assert snapshot.changed == frozenset()
        else:
            assert snapshot.names == {"p1": "from elsewhere"}
    store.close()


def test_x06_killed_in_the_middle_of_a_change(place: Place) -> None:
    """Old or new, never half: 50 objects always carry the number of one round."""
    for delay in (0.0, 0.004, 0.011, 0.023):
        with worker(place, "churn") as process:
            _pipe(process.stdin).write("go\n")
            _pipe(process.stdin).flush()
            said = json.loads(_pipe(process.stdout).readline())
            time.sleep(delay)
            process.kill()
            process.wait(10)
        store = place.open(real_clock)
        found = store.objects(Kind.POLICY)
        names = {one.body["name"] for one in found}
        revisions = {one.revision for one in found}
        assert len(found) == 50 and len(names) == len(revisions) == 1
        assert int(names.pop().removeprefix("round ")) >= said
        assert revisions == {store.revision()}
        newest = store.audit.query(AuditFilter(limit=1))[0]
        assert newest.revision == store.revision()
        put(store, *(policy(f"p{index}", f"after {delay}") for index in range(50)))
        store.close()
