"""People and their logins."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from lychgate.core.identity import Identity
from lychgate.core.model import IdpId, RevocationKind
from lychgate.store.base import Conflict, InvalidAddress, Session
from tests.store.parts import START, FixedClock, Opened

IDENTITY = Identity(
    subject="subject-1",
    email="alice@example.com",
    name="Alice \0 \u00c4",
    idp_id=IdpId("idp-1"),
    idp_type="oidc",
    idp_subject="ext|1",
    auth_time=START + timedelta(microseconds=7),
    groups=("admins", "staff"),
    amr=("pwd", "otp"),
    claims={"department": ["x", 1, None, {"y": True}]},
)


def a_session(nonce: str, created_at: datetime = START, **changes: object) -> Session:
    session = Session(
        nonce=nonce,
        subject=IDENTITY.subject,
        email=IDENTITY.email,
        identity=IDENTITY,
        ip="192.0.2.1",
        country="DE",
        created_at=created_at,
        expires_at=created_at + timedelta(hours=24),
        identity_json={"email": IDENTITY.email, "idp": {"id": "idp-1"}},
    )
    return replace(session, **changes)  # type: ignore[arg-type]  # the tests name real members


def test_a_session_reads_back_as_it_was_made(store: Opened) -> None:
    session = a_session("n1")
    store.sessions.create(session)
    assert store.sessions.get("n1") == session
    assert store.sessions.get("n2") is None


def test_a_nonce_is_never_used_twice(store: Opened) -> None:
    store.sessions.create(a_session("n1"))
    with pytest.raises(Conflict):
        store.sessions.create(a_session("n1"))


def test_a_session_ends_by_itself(store: Opened, clock: FixedClock) -> None:
    store.sessions.create(a_session("n1"))
    clock.pass_(hours=24)
    assert store.sessions.get("n1") is None
    assert store.sessions.by_email(IDENTITY.email) == ()


def test_sessions_of_an_address_newest_first(store: Opened) -> None:
    store.sessions.create(a_session("old"))
    store.sessions.create(a_session("new", START + timedelta(seconds=1)))
    store.sessions.create(a_session("other", email="bob@example.com"))
    assert [one.nonce for one in store.sessions.by_email(" Alice@Example.com ")] == ["new", "old"]
    assert store.sessions.live(2)[0].nonce == "new"


def test_the_newest_login_is_remembered_when_it_is_over(store: Opened, clock: FixedClock) -> None:
    store.sessions.create(a_session("old"))
    store.sessions.create(a_session("new", START + timedelta(seconds=1)))
    clock.pass_(days=2)
    found = store.sessions.newest(IDENTITY.subject)
    assert found is not None and found.nonce == "new"
    assert store.sessions.newest("nobody") is None


def test_use_is_noted_once_a_minute(store: Opened) -> None:
    store.sessions.create(a_session("n1"))
    for seconds in (0, 30, 90):
        store.sessions.touch("n1", START + timedelta(seconds=seconds))
    found = store.sessions.get("n1")
    assert found is not None and found.last_seen_at == START + timedelta(seconds=90)
    store.sessions.touch("n1", START + timedelta(seconds=100))
    found = store.sessions.get("n1")
    assert found is not None and found.last_seen_at == START + timedelta(seconds=90)


def test_one_person_for_each_canonical_address(store: Opened) -> None:
    first = store.users.find_or_create("Alice@Example.com", "Alice", START)
    again = store.users.find_or_create(" alice@example.com", "", START + timedelta(days=1))
    assert first == again
    assert first.email == "alice@example.com"
    assert store.users.get(first.id) == store.users.by_email("ALICE@example.com") == first


def test_a_new_name_replaces_the_old(store: Opened) -> None:
    first = store.users.find_or_create("alice@example.com", "Alice", START)
    later = START + timedelta(days=1)
    again = store.users.find_or_create("alice@example.com", "Alice B.", later)
    assert (again.id, again.name, again.updated_at) == (first.id, "Alice B.", later)


@pytest.mark.parametrize(
    "address", ["", "alice", "a@b@c.example", "a b@example.com", "ä@x.example"]
)
def test_nonsense_is_nobodys_address(store: Opened, address: str) -> None:
    with pytest.raises(InvalidAddress):
        store.users.find_or_create(address, "", START)


def test_logins_are_noted(store: Opened) -> None:
    user = store.users.find_or_create("alice@example.com", "", START)
    store.users.record_login(user.id, "idp-1", START + timedelta(hours=1))
    found = store.users.get(user.id)
    assert found is not None
    assert (found.last_idp, found.last_login_at) == ("idp-1", START + timedelta(hours=1))


def test_people_are_found_by_part_of_address_or_name(store: Opened) -> None:
    for name in ("bob", "alice", "carol_x"):
        store.users.find_or_create(f"{name}@example.com", name.title(), START)
    emails = [one.email for one in store.users.list()]
    assert emails == ["alice@example.com", "bob@example.com", "carol_x@example.com"]
    assert [one.name for one in store.users.list("BOB")] == ["Bob"]
    assert [one.name for one in store.users.list("_")] == ["Carol_X"]
    assert store.users.list("%") == ()
    assert [one.name for one in store.users.list(limit=1, offset=1)] == ["Bob"]


def test_a_person_who_was_deleted_comes_back_as_somebody_else(store: Opened) -> None:
    user = store.users.find_or_create("alice@example.com", "", START)
    store.sessions.create(a_session("n1", subject=user.id))
    before = store.revision()
    assert store.users.delete(user.id, START)
    assert not store.users.delete(user.id, START)
    assert store.users.get(user.id) is None
    assert store.sessions.get("n1") is None
    (revoked,) = store.changes(before).revocations
    assert (revoked.kind, revoked.key) == (RevocationKind.USER, user.id)
    assert store.users.find_or_create("alice@example.com", "", START).id != user.id
