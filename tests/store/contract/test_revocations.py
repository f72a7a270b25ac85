"""Revocations: which tokens they end, how they are heard of, when they are forgotten."""

from datetime import timedelta

import pytest

from lychgate.core.model import AppId, RevocationKind
from lychgate.core.revocations import Revocations
from lychgate.store.base import NotFound
from tests.store.contract.test_people import a_session
from tests.store.parts import START, FixedClock, Opened


def test_each_kind_of_revocation_is_news(store: Opened) -> None:
    user = store.users.find_or_create("alice@example.com", "", START)
    since = store.revision()
    store.revocations.revoke_user("Alice@example.com", START)
    store.revocations.revoke_session("n1", START)
    store.revocations.revoke_app(AppId("a1"), START)
    revision = store.revocations.revoke_grant("g1", START)
    changes = store.changes(since)
    assert revision == store.revision() == since + 4 == changes.revision
    assert {(one.kind, one.key) for one in changes.revocations} == {
        (RevocationKind.USER, user.id),
        (RevocationKind.SESSION, "n1"),
        (RevocationKind.APP, "a1"),
        (RevocationKind.GRANT, "g1"),
    }
    assert changes.objects == () and changes.keyring is None
    assert set(store.revocations.live(START)) == set(changes.revocations)


def test_c08_the_whole_second_of_a_revocation_is_covered(store: Opened) -> None:
    store.revocations.revoke_session("n1", START)
    (revoked,) = store.revocations.live(START)
    assert revoked.not_before == START
    ended = Revocations().adding([revoked], START).sessions["n1"]
    assert ended[0] == int(START.timestamp()) < START.timestamp()


def test_a_person_is_named_by_subject_or_address(store: Opened) -> None:
    user = store.users.find_or_create("alice@example.com", "", START)
    store.revocations.revoke_user(user.id, START)
    assert [one.key for one in store.revocations.live(START)] == [user.id]
    with pytest.raises(NotFound):
        store.revocations.revoke_user("nobody@example.com", START)


def test_a_revoked_person_has_no_session_left(store: Opened) -> None:
    user = store.users.find_or_create("alice@example.com", "", START)
    store.sessions.create(a_session("n1", subject=user.id))
    store.sessions.create(a_session("n2", subject=user.id))
    store.sessions.create(a_session("n3", subject="somebody else"))
    store.revocations.revoke_session("n2", START)
    assert store.sessions.get("n2") is None and store.sessions.get("n1") is not None
    store.revocations.revoke_user(user.id, START)
    assert store.sessions.get("n1") is None and store.sessions.get("n3") is not None


def test_a_later_revocation_never_shortens_an_earlier_one(store: Opened) -> None:
    store.revocations.revoke_session("n1", START, timedelta(days=10))
    store.revocations.revoke_session("n1", START - timedelta(hours=1), timedelta(days=1))
    (revoked,) = store.revocations.live(START)
    assert revoked.not_before == START
    assert revoked.expires_at == START + timedelta(days=10)
    store.revocations.revoke_session("n1", START + timedelta(hours=1), timedelta(days=20))
    (revoked,) = store.revocations.live(START)
    assert revoked.not_before == START + timedelta(hours=1)
    assert revoked.expires_at == START + timedelta(hours=1, days=20)


def test_a_revocation_is_forgotten_when_nothing_so_old_is_valid(
    store: Opened, clock: FixedClock
) -> None:
    store.revocations.revoke_session("n1", START, timedelta(hours=1))
    store.revocations.revoke_session("n2", START, timedelta(days=1))
    now = clock.pass_(hours=2)
    assert [one.key for one in store.revocations.live(now)] == ["n2"]
    store.prune(now)
    assert [one.key for one in store.changes(0).revocations] == ["n2"]
