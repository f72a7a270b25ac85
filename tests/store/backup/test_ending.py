"""Nothing that was revoked comes back to life with a backup that was made before."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lychgate.core.keys import Keyring
from lychgate.store.backup.ending import Ended, Kept
from lychgate.store.base import Kind
from tests.store.backup.conftest import Another
from tests.store.backup.saving import DAY, put_back, save
from tests.store.contract.test_approvals import APP, ask
from tests.store.contract.test_oauth import GRANT
from tests.store.parts import START, FixedClock, Opened, Place

RESTORED = START + DAY / 2


@pytest.fixture(params=["sqlite", "postgresql"])
def lost(request: pytest.FixtureRequest, another: Another) -> Place:
    """An empty database: the one that was backed up is gone, with all it learned since."""
    return another(str(request.param))


def keyring(place: Place) -> Keyring:
    with closing(place.open(FixedClock())) as store:
        return store.keys.keyring()


def tokens(store: Opened) -> dict[str, dict[str, Any]]:
    return {one.id: dict(one.body) for one in store.objects(Kind.SERVICE_TOKEN)}


def ids(keys: Keyring) -> set[str]:
    return {key.kid for key in keys.signing} | {key.id for key in keys.sealing}


def test_logins_grants_and_tokens_end_with_a_restore(lost: Place, backup: Path) -> None:
    done = put_back(backup, lost)
    assert done.ended == Ended(sessions=1, grants=1, service_tokens=2, api_tokens=1)
    with closing(lost.open(FixedClock(RESTORED))) as store:
        assert store.sessions.not_ended("n1") is None
        grant = store.oauth.grants.get("g1")
        assert grant is not None and grant.revoked_at == RESTORED
        assert [one.revoked_at for one in store.api_tokens.list()] == [RESTORED]
        plain = {"enabled": True, "client_id": "t2.access", "name": "t2"}
        by_api = {"name": "t1", "enabled": False, "client_id": "t1.access"}
        assert tokens(store) == {"t1": by_api | {"client_secret_hash": "a" * 64}, "t2": plain}
        assert len(store.revocations.live(RESTORED)) == 1, "those of the backup still count"


def test_no_key_of_before_signs_or_verifies_any_more(lost: Place, backup: Path) -> None:
    # Tokens of ours live in browsers, programs and at origins: their keys must be others.
    put_back(backup, lost, Kept.LOGINS)
    before = keyring(lost)
    assert len(before.signing) == 2
    put_back(backup, lost, replace=True)
    after = keyring(lost)
    assert len(after.signing) == len(after.sealing) == 1
    assert not ids(before) & ids(after)


def test_what_was_on_its_way_does_not_arrive(lost: Place, backup: Path) -> None:
    put_back(backup, lost)
    with closing(lost.open(FixedClock())) as store:
        assert store.oauth.codes.get(b"g1") is None
        assert store.oauth.devices.by_device_code(b"device") is None
        assert not store.transfers.waits("receiver", START)
        assert store.oauth.grants.get("g1") is not None


@pytest.mark.parametrize("keep", [(), (Kept.LOGINS,)], ids=["ended", "kept"])
def test_temporary_access_ends_with_the_logins(
    keep: tuple[Kept, ...], lost: Place, another: Another, tmp_path: Path
) -> None:
    place, until = another("sqlite"), RESTORED - START + DAY / 4
    with closing(place.open(FixedClock())) as store:
        store.approvals.request(ask("r1"), START)
        assert store.approvals.approve("r1", "chief@example.com", until, START).granted_until
    save(place, tmp_path / "b")
    put_back(tmp_path / "b", lost, *keep)
    with closing(lost.open(FixedClock(RESTORED))) as store:
        found = store.approvals.granted("subject-1", APP, RESTORED)
        assert (found is not None) == bool(keep)


@pytest.mark.parametrize("keep", list(Kept))
def test_each_is_kept_by_itself(keep: Kept, lost: Place, backup: Path) -> None:
    done = put_back(backup, lost, keep)
    ended = Ended(1, 1, 2, 1)
    with closing(lost.open(FixedClock(RESTORED))) as store:
        if keep is Kept.LOGINS:
            assert done.ended == Ended(0, 0, ended.service_tokens, ended.api_tokens)
            assert store.sessions.get("n1") is not None
            assert store.oauth.grants.get("g1") == GRANT
        elif keep is Kept.SERVICE_TOKENS:
            assert done.ended == Ended(ended.sessions, ended.grants, 0, ended.api_tokens)
            assert all("client_secret_hash" in body for body in tokens(store).values())
        else:
            assert done.ended == Ended(ended.sessions, ended.grants, ended.service_tokens, 0)
            assert store.api_tokens.list()[0].revoked_at is None
