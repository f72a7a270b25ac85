"""A file that is no whole, unchanged backup is told so, and nothing is touched."""

import gzip
import json
import random
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from lychgate.store.backup.archive import BadBackup
from lychgate.store.backup.ending import Kept
from lychgate.store.base import StoreError, StoreTooNew
from lychgate.store.tables import metadata
from tests.store.backup.conftest import ENVIRONMENT
from tests.store.backup.saving import everything, put_back
from tests.store.parts import FixedClock, Place, policy, put

SEED = 20_26


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A store that holds something, and goes on holding it."""
    place = Place(f"sqlite:///{tmp_path_factory.mktemp('target')}/lychgate.db", ENVIRONMENT)
    with closing(place.open(FixedClock())) as store:
        put(store, policy("mine"))
    return place


def refused(data: bytes, target: Place, folder: Path, error: type[StoreError] = BadBackup) -> str:
    """What is said of a file; the store is as it was."""
    before = everything(target)
    (folder / "bad").write_bytes(data)
    with pytest.raises(error) as said:
        put_back(folder / "bad", target, *Kept, replace=True)
    assert everything(target) == before
    return said.value.message


def test_a_file_that_was_cut_off_anywhere(backup: Path, target: Place, tmp_path: Path) -> None:
    whole, dice = backup.read_bytes(), random.Random(SEED)
    for length in [0, 1, 9, 10, 11, len(whole) - 1, *dice.sample(range(len(whole)), 8)]:
        message = refused(whole[:length], target, tmp_path)
        assert "not a whole backup" in message or "not a backup" in message


def test_a_file_with_a_changed_byte_anywhere(backup: Path, target: Place, tmp_path: Path) -> None:
    whole, dice = backup.read_bytes(), random.Random(SEED)
    for place in dice.sample(range(10, len(whole)), 12):
        changed = bytearray(whole)
        changed[place] ^= 1 << dice.randrange(8)
        refused(bytes(changed), target, tmp_path)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"team: {url: https://login.example.com}\n",
        b"SQLite format 3\0" + bytes(100),
        gzip.compress(b""),
        gzip.compress(b"hello\n"),
        gzip.compress(b"[1]\n{}\n"),
        gzip.compress(b'{"some": "json"}\n'),
        gzip.compress(b"[" * 100_000 + b"\n"),
    ],
)
def test_a_file_of_something_else(data: bytes, target: Place, tmp_path: Path) -> None:
    assert "is not a backup of this program" in refused(data, target, tmp_path)


type Lines = list[bytes]


def _a_row_more(lines: Lines) -> Lines:
    at = lines.index(b'"audit"')
    return [*lines[: at + 2], lines[at + 1], *lines[at + 2 :]]


def _a_row_less(lines: Lines) -> Lines:
    at = lines.index(b'"audit"')
    return [*lines[: at + 1], *lines[at + 2 :]]


def _a_policy_of_mine(lines: Lines) -> Lines:
    return [line.replace(b"decision", b"DECISION") for line in lines]


def _another_header(lines: Lines) -> Lines:
    return [lines[0].replace(b'"revision":6', b'"revision":7'), *lines[1:]]


def _something_after_the_end(lines: Lines) -> Lines:
    return [*lines, b'["more"]']


def _no_end(lines: Lines) -> Lines:
    return lines[:-1]


def _a_list_in_a_row(lines: Lines) -> Lines:
    return [line.replace(b"null", b"[1]") if line[:1] == b"[" else line for line in lines]


def _an_unknown_table(lines: Lines) -> Lines:
    return [b'"elsewhere"' if line == b'"audit"' else line for line in lines]


@pytest.mark.parametrize(
    "change",
    [
        _a_row_more,
        _a_row_less,
        _a_policy_of_mine,
        _another_header,
        _something_after_the_end,
        _no_end,
        _a_list_in_a_row,
        _an_unknown_table,
    ],
)
def test_a05_whoever_has_not_the_master_key_changes_nothing(
    change: Callable[[Lines], Lines], backup: Path, target: Place, tmp_path: Path
) -> None:
    lines = gzip.decompress(backup.read_bytes()).splitlines()
    changed = change(lines)
    assert changed != lines
    message = refused(gzip.compress(b"\n".join(changed) + b"\n"), target, tmp_path)
    assert "damaged, or was changed" in message or "not a whole backup" in message


def _with(backup: Path, **members: object) -> bytes:
    lines = gzip.decompress(backup.read_bytes()).splitlines()
    header = json.loads(lines[0]) | members
    return gzip.compress(b"\n".join([json.dumps(header).encode(), *lines[1:]]) + b"\n")


@pytest.mark.parametrize(
    "value", [str(2**63).encode(), b'"\\ud800"', b'{"c":1}', b'{"b":1}', b'{"b":"*"}']
)
def test_a_value_that_no_column_holds(
    value: bytes, backup: Path, target: Place, tmp_path: Path
) -> None:
    lines = gzip.decompress(backup.read_bytes()).splitlines()
    changed = [line.replace(b"null", value) if line[:1] == b"[" else line for line in lines]
    assert changed != lines
    message = refused(gzip.compress(b"\n".join(changed) + b"\n"), target, tmp_path)
    assert "damaged, or was changed" in message


def test_a_header_with_a_number_that_is_none(backup: Path, target: Place, tmp_path: Path) -> None:
    data = _with(backup, revision=float("inf"))
    assert "damaged, or was changed" in refused(data, target, tmp_path)


def test_a_backup_of_a_newer_version(backup: Path, target: Place, tmp_path: Path) -> None:
    said = refused(_with(backup, lychgate_backup=2), target, tmp_path)
    assert "has a form that this version does not know" in said
    said = refused(_with(backup, schema="9999"), target, tmp_path, StoreTooNew)
    assert "`9999`, which this version does not know" in said


@pytest.mark.parametrize(
    "members",
    [
        {"made_at": "yesterday"},
        {"tables": []},
        {"tables": {"audit": {}}},
        {"revision": "x"},
        {"master_key": 7},
    ],
)
def test_a_header_without_sense(
    members: dict[str, object], backup: Path, target: Place, tmp_path: Path
) -> None:
    assert "damaged" in refused(_with(backup, **members), target, tmp_path)


def test_tables_that_do_not_fit_the_version(backup: Path, target: Place, tmp_path: Path) -> None:
    assert set(everything(target)) == set(metadata.tables)
    said = refused(_with(backup, schema="0001"), target, tmp_path)
    assert "are not those of the version it names" in said
