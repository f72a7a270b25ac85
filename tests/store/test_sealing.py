"""The master key: made once, kept private, recognised when it is the wrong one."""

import base64
import logging
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from lychgate.store.base import BadMasterKey
from lychgate.store.sealing import VARIABLE, KeyPlace, MasterKey
from tests.store.parts import MASTER_KEY, FixedClock, Place, policy, put
from tests.support.postgres import PostgresServer

SECRET = "a-very-secret-value"


def test_what_was_sealed_opens_at_its_place_only() -> None:
    key = MasterKey(b"k" * 32)
    sealed = key.seal("here", b"text")
    assert key.unseal("here", sealed) == b"text"
    assert key.seal("here", b"text") != sealed
    for place, text in (
        ("there", sealed),
        ("here", sealed[:-1]),
        ("here", b""),
        ("here", b"\x02" + sealed[1:]),
        ("here", sealed[:-1] + bytes([sealed[-1] ^ 1])),
    ):
        with pytest.raises(BadMasterKey):
            key.unseal(place, text)
    with pytest.raises(BadMasterKey):
        MasterKey(b"x" * 32).unseal("here", sealed)


def test_a_key_does_not_show_itself() -> None:
    assert "kkk" not in repr(MasterKey(b"k" * 32))
    assert MASTER_KEY not in repr(KeyPlace({VARIABLE: MASTER_KEY}, None))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(MASTER_KEY, id="hex"),
        pytest.param(base64.b64encode(b"\x5a" * 32).decode() + "\n", id="base64"),
        pytest.param(base64.urlsafe_b64encode(b"\x5a" * 32).decode().rstrip("="), id="url-safe"),
    ],
)
def test_the_environment_goes_first(tmp_path: Path, text: str) -> None:
    file = tmp_path / "key"
    file.write_text("nonsense")
    assert KeyPlace({VARIABLE: text}, file).existing() == MasterKey(b"\x5a" * 32)


@pytest.mark.parametrize("text", ["", "short", "z" * 64, "ä" * 44, "a" * 45])
def test_a_malformed_key_is_named_and_not_shown(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadMasterKey) as refused:
        KeyPlace({VARIABLE: text}, None).existing_or_new()
    assert VARIABLE in str(refused.value)
    assert not text or text not in str(refused.value)
    file = tmp_path / "key"
    file.write_text(text)
    with pytest.raises(BadMasterKey, match="does not hold a key"):
        KeyPlace({}, file).existing()


def test_the_first_start_makes_a_private_file_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = Place(f"sqlite:///{tmp_path}/lychgate.db", {})
    place.open(FixedClock()).close()
    file = tmp_path / "lychgate.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "lychgate.db").stat().st_mode) == 0o600
    assert f"made a new master key, keep a copy of it: {file}" in caplog.text
    assert file.read_text().strip() not in caplog.text
    caplog.clear()
    place.open(FixedClock()).close()
    assert caplog.text == ""


def test_a_key_file_that_others_may_read_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = Place(f"sqlite:///{tmp_path}/lychgate.db", {})
    place.open(FixedClock()).close()
    (tmp_path / "lychgate.key").chmod(0o644)
    place.open(FixedClock()).close()
    assert [one.levelno for one in caplog.records] == [logging.WARNING] * 2


def test_the_wrong_key_is_refused_at_start(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/lychgate.db"
    Place(url, {VARIABLE: MASTER_KEY}).open(FixedClock()).close()
    with pytest.raises(BadMasterKey, match="does not open") as refused:
        Place(url, {VARIABLE: "00" * 32}).open(FixedClock())
    assert VARIABLE in refused.value.hint


def test_a_lost_key_is_not_replaced_by_a_new_one(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/lychgate.db"
    Place(url, {}).open(FixedClock()).close()
    (tmp_path / "lychgate.key").unlink()
    with pytest.raises(BadMasterKey, match="there is no master key"):
        Place(url, {}).open(FixedClock())
    assert not (tmp_path / "lychgate.key").exists()


def test_postgresql_needs_a_key_to_be_given(postgres: PostgresServer, tmp_path: Path) -> None:
    place = Place(postgres.database(), {})
    with pytest.raises(BadMasterKey, match="there is no master key"):
        place.open(FixedClock())
    place.open(FixedClock(), tmp_path / "given.key").close()
    assert (tmp_path / "given.key").exists()


def test_no_secret_lies_in_the_file_of_the_database(tmp_path: Path) -> None:
    store = Place(f"sqlite:///{tmp_path}/lychgate.db", {}).open(FixedClock())
    put(store, replace(policy("p1"), secrets={"client_secret": SECRET}))
    sealing = store.keys.keyring().sealing_key().secret
    store.close()
    written = b"".join(one.read_bytes() for one in tmp_path.glob("lychgate.db*"))
    assert b"client_secret" in written
    for secret in (SECRET.encode(), sealing, b"PRIVATE KEY"):
        assert secret not in written
