"""Backups while others write, and restores that are killed on the way."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from lychgate.store.backup.ending import Kept
from lychgate.store.backup.restore import StoreNotEmpty, Target, restore
from lychgate.store.base import AuditEvent, Kind
from tests.store.backup.conftest import Another
from tests.store.backup.saving import DAY, everything, keys_of, opened, put_back, save
from tests.store.parts import MASTER_KEY, START, FixedClock, policy, put

KINDS = ("sqlite", "postgresql")


@pytest.mark.parametrize("kind", KINDS)
def test_a_backup_is_of_one_moment(kind: str, another: Another, tmp_path: Path) -> None:
    place, stop = another(kind), threading.Event()
    with closing(place.open(FixedClock())) as store:
        put(store, policy("p1", "0"), policy("p2", "0"))

        def write() -> None:
            number = 0
            while not stop.is_set():
                number += 1
                put(store, policy("p1", str(number)), policy("p2", str(number)))

        writer = threading.Thread(target=write)
        writer.start()
        try:
            saved = [save(place, tmp_path / f"b{number}") for number in range(8)]
        finally:
            stop.set()
            writer.join()
        assert len({one.revision for one in saved}) > 1, "nobody wrote meanwhile"
    for number, header in enumerate(saved):
        target = another("sqlite")
        put_back(tmp_path / f"b{number}", target, *Kept)
        with closing(target.open(FixedClock())) as copy:
            policies = copy.objects(Kind.POLICY)
            assert len({one.body["name"] for one in policies}) == 1
            assert {one.revision for one in policies} == {header.revision}


@pytest.mark.parametrize("kind", KINDS)
def test_an_installation_that_begins_meanwhile_is_not_replaced(
    kind: str, another: Another, filled: Another, tmp_path: Path
) -> None:
    save(filled("sqlite"), tmp_path / "b")
    place = another(kind)

    def begin(_url: str, _environment: Mapping[str, str]) -> None:
        with closing(place.open(FixedClock())) as store:
            put(store, policy("mine"))

    with opened(place) as database:
        target = Target(database, keys_of(place), replace=False)
        with pytest.raises(StoreNotEmpty):
            restore(tmp_path / "b", target, (), begin, FixedClock(), lambda total, done: None)
    with closing(place.open(FixedClock())) as store:
        assert [one.id for one in store.objects(Kind.POLICY)] == ["mine"]


CHILD = """
import sys, time
from pathlib import Path
from sqlalchemy import event
from sqlalchemy.engine import Engine
from tests.store.backup.saving import put_back
from tests.store.parts import Place

file, url, key, last = sys.argv[1:]

@event.listens_for(Engine, "before_cursor_execute")
def hold(connection, cursor, statement, *_):
    if statement.startswith(last) and _is_target(connection):
        print("here", flush=True)
        time.sleep(60)

def _is_target(connection):
    return "lychgate-restore-" not in str(connection.engine.url)

put_back(Path(file), Place(url, {"LYCHGATE_MASTER_KEY": key}), replace=True)
"""


@pytest.mark.parametrize("last", ["DELETE FROM audit", "INSERT INTO users", "UPDATE counters"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_restore_that_is_killed_leaves_the_store_as_it_was(
    kind: str, last: str, another: Another, backup: Path, tmp_path: Path
) -> None:
    target = another(kind)
    with closing(target.open(FixedClock())) as store:
        put(store, policy("mine"))
        store.audit.write([AuditEvent(START, "login")] * 2500)
    before = everything(target)
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(backup), target.url, MASTER_KEY, last],
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"here\n"
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=30)
    assert everything(target) == before
    put_back(backup, target, replace=True)
    with closing(target.open(FixedClock(START + DAY))) as store:
        assert {one.id for one in store.objects(Kind.POLICY)} == {"p1"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_backup_that_is_killed_leaves_no_file_of_its_name(
    kind: str, another: Another, tmp_path: Path
) -> None:
    place = another(kind)
    with closing(place.open(FixedClock())) as store:
        store.audit.write([AuditEvent(START, "login")] * 2500)
    child = subprocess.Popen(
        [sys.executable, "-c", SAVING, str(tmp_path / "b"), place.url, MASTER_KEY],
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"here\n"
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=30)
    assert not (tmp_path / "b").exists()
    assert save(place, tmp_path / "b").rows > 2500


SAVING = """
import sys, time
from pathlib import Path
from lychgate.store.backup.dump import back_up
from tests.store.backup.saving import START, keys_of, opened
from tests.store.parts import Place

file, url, key = sys.argv[1:]
place = Place(url, {"LYCHGATE_MASTER_KEY": key})

def hold(total, done):
    print("here", flush=True)
    time.sleep(60)

with opened(place) as database:
    back_up(database, keys_of(place), Path(file), START, hold)
"""
