"""A backup holds everything, and goes into either database."""

import gzip
import stat
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from lychgate.store.backup.archive import BadBackup
from lychgate.store.backup.dump import CannotWriteBackup, NothingToBackUp, back_up
from lychgate.store.backup.ending import Kept
from lychgate.store.backup.restore import StoreNotEmpty
from lychgate.store.base import AuditEvent, AuditFilter, BadMasterKey, Kind, StoreTooNew
from lychgate.store.sealing import VARIABLE, KeyPlace
from lychgate.store.tables import metadata
from tests.store.backup.conftest import Another
from tests.store.backup.saving import (
    DAY,
    SECRET,
    Everything,
    everything,
    keys_of,
    opened,
    put_back,
    save,
    token,
)
from tests.store.parts import START, FixedClock, Place, delete, policy, put, real_clock

KINDS = ("sqlite", "postgresql")
PAIRS = [(one, other) for one in KINDS for other in KINDS]


def without_the_restore(rows: Everything) -> Everything:
    """Without what a restore itself must leave: its line in the log, and another revision."""
    kept = {name: list(table) for name, table in rows.items() if name != "counters"}
    return kept | {"audit": [row for row in kept["audit"] if "restore" not in row]}


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_everything_arrives_as_it_was(
    one: str, other: str, another: Another, filled: Another, tmp_path: Path
) -> None:
    source, target = filled(one), another(other)
    before = everything(source)
    assert set(before) == set(metadata.tables)
    assert all(before.values()), "the test knows a way to fill every table"
    header = save(source, tmp_path / "b")
    assert header.rows == sum(map(len, before.values()))
    assert everything(source) == before
    done = put_back(tmp_path / "b", target, *Kept)
    assert done.header == header and done.carried == 0
    assert without_the_restore(everything(target)) == without_the_restore(before)


@pytest.mark.parametrize("kind", KINDS)
def test_the_restored_store_goes_on_working(
    kind: str, another: Another, filled: Another, tmp_path: Path
) -> None:
    save(filled("sqlite"), tmp_path / "b")
    target = another(kind)
    put_back(tmp_path / "b", target, *Kept)
    with closing(target.open(FixedClock(START + DAY / 2))) as store:
        assert store.secrets(Kind.IDP, "i1") == {"client_secret": SECRET}
        newest = store.audit.query(AuditFilter())[0]
        assert newest.action == "restore" and newest.details["made_at"] == START.isoformat(
            timespec="seconds"
        )
        store.audit.write([AuditEvent(START, "login")])
        store.pins.issue("t2", "alice@example.com", b"\x01", START + DAY, START)
        revision = put(store, policy("p3"))
        assert store.changes(revision - 1).objects[0].id == "p3"


def test_a_backup_is_private_and_never_overwrites(filled: Another, tmp_path: Path) -> None:
    place, file = filled("sqlite"), tmp_path / "b"
    save(place, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    kept = file.read_bytes()
    with pytest.raises(CannotWriteBackup, match="is there already"):
        save(place, file)
    assert file.read_bytes() == kept
    with pytest.raises(CannotWriteBackup, match="No such file"):
        save(place, tmp_path / "nowhere" / "b")
    assert not list(tmp_path.rglob("*.part"))


def test_a_file_that_somebody_makes_meanwhile_is_not_replaced(
    filled: Another, tmp_path: Path
) -> None:
    place, file = filled("sqlite"), tmp_path / "b"
    with closing(place.open(FixedClock())) as store:
        store.audit.write([AuditEvent(START, "login", email="a@example.com")] * 1001)

    def meanwhile(total: int, done: int) -> None:
        file.write_bytes(b"theirs")

    with opened(place) as database, pytest.raises(CannotWriteBackup, match="is there already"):
        back_up(database, keys_of(place), file, START, meanwhile)
    assert file.read_bytes() == b"theirs"
    assert not list(tmp_path.rglob("*.part"))


def test_secrets_stay_sealed_and_the_master_key_stays_out(filled: Another, tmp_path: Path) -> None:

    place = filled("sqlite")
    save(place, tmp_path / "b")
    save(place, tmp_path / "with", with_master_key=True)
    plain = gzip.decompress((tmp_path / "b").read_bytes())
    assert SECRET.encode() not in plain and place.environment[VARIABLE].encode() not in plain
    assert b'"master_key":null' in plain
    assert b'"master_key":"WlpaWl' in gzip.decompress((tmp_path / "with").read_bytes())


def test_the_key_in_a_backup_becomes_the_file_of_a_new_place(
    filled: Another, tmp_path: Path
) -> None:
    save(filled("sqlite"), tmp_path / "b", with_master_key=True)
    save(filled("sqlite"), tmp_path / "without")
    target, key = Place(f"sqlite:///{tmp_path}/new.db", {}), tmp_path / "new.key"
    with pytest.raises(BadMasterKey, match="there is no master key"):
        put_back(tmp_path / "without", target, *Kept, keys=KeyPlace({}, key))
    assert not key.exists()
    put_back(tmp_path / "b", target, *Kept, keys=KeyPlace({}, key))
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    with closing(target.open(real_clock, key)) as store:
        assert store.secrets(Kind.IDP, "i1") == {"client_secret": SECRET}


@pytest.mark.parametrize("kind", KINDS)
def test_a_filled_store_is_replaced_only_when_told_to(
    kind: str, another: Another, filled: Another, tmp_path: Path
) -> None:
    save(filled("sqlite"), tmp_path / "b")
    target = another(kind)
    with closing(target.open(FixedClock())) as store:
        put(store, policy("other"))
    before = everything(target)
    with pytest.raises(StoreNotEmpty):
        put_back(tmp_path / "b", target)
    assert everything(target) == before
    put_back(tmp_path / "b", target, *Kept, replace=True)
    with closing(target.open(FixedClock())) as store:
        assert {one.id for one in store.objects(Kind.POLICY)} == {"p1"}


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_replaced_store_learned_since_is_kept(
    kind: str, filled: Another, tmp_path: Path
) -> None:
    place = filled(kind)
    save(place, tmp_path / "b")
    clock = FixedClock(START + timedelta(hours=1))
    with closing(place.open(clock)) as store:
        store.audit.write([AuditEvent(clock(), "logout", email="alice@example.com")])
        store.revocations.revoke_session("n1", clock())
        store.revocations.revoke_session("n2", clock())
    done = put_back(tmp_path / "b", place, *Kept, replace=True)
    assert done.carried == 1
    with closing(place.open(clock)) as store:
        actions = [one.action for one in store.audit.query(AuditFilter(limit=3))]
        assert actions[:2] == ["restore", "logout"]
        revoked = {one.key: one.not_before for one in store.revocations.live(clock())}
        assert revoked["n1"] == revoked["n2"] == clock()


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_ended_in_the_replaced_store_stays_ended_whatever_is_kept(
    kind: str, filled: Another, tmp_path: Path
) -> None:
    place, later = filled(kind), FixedClock(START + timedelta(hours=1))
    with closing(place.open(later)) as store:
        put(store, token("t3"), token("t4"), token("t5"))
    save(place, tmp_path / "b")
    with closing(place.open(later)) as store:
        store.api_tokens.revoke("k1", later())
        store.oauth.grants.revoke("g1", later())
        store.revocations.revoke_session("n1", later())
        put(store, delete(Kind.SERVICE_TOKEN, "t1"))
        disabled, changed = token("t5"), token("t3")
        put(store, replace(disabled, body={**disabled.body, "enabled": False}))
        put(store, replace(changed, body={**changed.body, "client_secret_hash": "c" * 64}))
        kept = {one.kid for one in store.keys.rotate(later()).signing}
    put_back(tmp_path / "b", place, *Kept, replace=True)
    with closing(place.open(later)) as store:
        assert [one.revoked_at for one in store.api_tokens.list()] == [later()]
        grant = store.oauth.grants.get("g1")
        assert grant is not None and grant.revoked_at == later()
        assert store.sessions.not_ended("n1") is None
        good = {o.id for o in store.objects(Kind.SERVICE_TOKEN) if o.body["enabled"]}
        assert good == {"t2", "t4"}
        assert {one.kid for one in store.keys.keyring().signing} == kept


@pytest.mark.parametrize("kind", KINDS)
def test_a_refresh_token_that_was_used_since_is_not_good_again(
    kind: str, filled: Another, tmp_path: Path
) -> None:
    place, later = filled(kind), FixedClock(START + timedelta(minutes=1))
    save(place, tmp_path / "b")
    with closing(place.open(later)) as store:
        before = store.oauth.grants.get("g1")
        assert before is not None
        assert store.oauth.grants.rotate("g1", before.generation, later(), timedelta(0))
    put_back(tmp_path / "b", place, *Kept, replace=True)
    with closing(place.open(later)) as store:
        after = store.oauth.grants.get("g1")
        assert after is not None and after.generation == before.generation + 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_process_that_knows_the_old_state_reads_everything_anew(
    kind: str, filled: Another, tmp_path: Path
) -> None:
    place = filled(kind)
    save(place, tmp_path / "b")
    with closing(place.open(FixedClock())) as store:
        put(store, policy("later"))
        store.mirror.refresh(store)
        known = store.revision()
        put_back(tmp_path / "b", place, *Kept, replace=True)
        assert store.changes(known).complete
        store.mirror.refresh(store)
        assert store.mirror.current is not None
        assert set(store.mirror.current.snapshot.names) == {"p1"}


def test_there_must_be_something_to_save(another: Another, tmp_path: Path) -> None:
    with pytest.raises(NothingToBackUp):
        save(another("sqlite"), tmp_path / "b")


def test_a_key_that_is_not_the_stores_saves_nothing(filled: Another, tmp_path: Path) -> None:
    place = filled("sqlite")
    with pytest.raises(BadMasterKey, match="does not open"):
        save(Place(place.url, {VARIABLE: "11" * 32}), tmp_path / "b")
    with pytest.raises(BadMasterKey, match="there is no master key"):
        save(Place(place.url, {}), tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_a_backup_of_another_key_is_refused_before_anything(
    another: Another, filled: Another, tmp_path: Path
) -> None:
    save(filled("sqlite"), tmp_path / "b")
    target = Place(another("sqlite").url, {VARIABLE: "11" * 32})
    with pytest.raises(BadMasterKey, match="another master key"):
        put_back(tmp_path / "b", target)
    with opened(target) as database, database.read() as connection:
        assert connection.dialect.get_table_names(connection) == []


def test_a_file_that_is_not_there_is_named(another: Another, tmp_path: Path) -> None:
    with pytest.raises(BadBackup, match="cannot be read: No such file"):
        put_back(tmp_path / "b", another("sqlite"))


def test_tables_of_a_later_version_are_left_alone(
    another: Another, filled: Another, tmp_path: Path
) -> None:
    save(filled("sqlite"), tmp_path / "b")
    target = filled("sqlite")
    with opened(target) as database, database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    before = everything(target)
    with pytest.raises(StoreTooNew, match="9999"):
        put_back(tmp_path / "b", target, replace=True)
    assert everything(target) == before
