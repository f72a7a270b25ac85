"""What OAuth keeps: each code used once, each refresh token followed by one, grants that end."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from lychgate.core.identity import Identity
from lychgate.core.model import AppId, IdpId, RevocationKind
from lychgate.store.base import Session, StoreFull
from lychgate.store.oauthbase import (
    Client,
    Code,
    Consent,
    DeviceRequest,
    DeviceState,
    Grant,
    GrantKind,
    Polled,
)
from lychgate.store.oauthclients import SqlClients
from tests.store.parts import START, FixedClock, Opened

APP = AppId("app-1")
DAY = timedelta(days=1)
GRACE = timedelta(seconds=10)
MINUTE = timedelta(minutes=1)
GRANT = Grant(
    id="g1",
    kind=GrantKind.MANAGED,
    client="c1",
    app=APP,
    subject="s1",
    email="alice@example.com",
    session="n1",
    resource="https://tools.example.com",
    scope="",
    created_at=START,
    expires_at=START + DAY,
    details={"nonce": "x"},
)
CODE = Code(GRANT, "http://localhost/cb", "challenge", START + MINUTE)
CLIENT = Client("c1", None, {"redirect_uris": ["http://localhost/cb"]}, START, START + DAY)


def granted(store: Opened, grant: Grant = GRANT) -> Grant:
    """A grant as a redeemed code leaves it."""
    digest = grant.id.encode()
    store.oauth.codes.issue(
        digest, replace(CODE, grant=grant, expires_at=grant.created_at + MINUTE)
    )
    assert store.oauth.codes.redeem(digest, grant, grant.created_at)
    return grant


def logged_in(store: Opened, nonce: str = "n1") -> None:
    """The login that the grants go back to."""
    identity = Identity("s1", "alice@example.com", "", IdpId("i"), "oidc", "x", START)
    session = Session(
        nonce, "s1", "alice@example.com", identity, "", "", START, START + timedelta(hours=1)
    )
    store.sessions.create(session)


def revoked_grants(store: Opened) -> set[str]:
    """The grants that every gate knows to be over."""
    found = store.changes(0).revocations
    return {one.key for one in found if one.kind is RevocationKind.GRANT}


def test_a_code_is_used_once_and_leaves_its_grant(store: Opened) -> None:
    store.oauth.codes.issue(b"d", CODE)
    assert store.oauth.codes.get(b"d") == CODE
    assert store.oauth.codes.redeem(b"d", GRANT, START)
    assert not store.oauth.codes.redeem(b"d", GRANT, START)
    used = store.oauth.codes.get(b"d")
    assert used is not None and used.used_at == START
    assert store.oauth.grants.get("g1") == GRANT
    assert store.oauth.codes.get(b"other") is None


def test_a_code_past_its_time_leaves_nothing(store: Opened) -> None:
    store.oauth.codes.issue(b"d", CODE)
    assert not store.oauth.codes.redeem(b"d", GRANT, START + MINUTE)
    assert store.oauth.grants.get("g1") is None


def test_o09_of_many_redemptions_exactly_one_wins(store: Opened) -> None:
    store.oauth.codes.issue(b"d", CODE)
    with ThreadPoolExecutor(25) as pool:
        won = list(pool.map(lambda _: store.oauth.codes.redeem(b"d", GRANT, START), range(50)))
    assert won.count(True) == 1


def test_o11_a_rotation_moves_on_once_and_repeats_within_the_grace(store: Opened) -> None:
    granted(store)
    grants = store.oauth.grants
    second = grants.rotate("g1", 1, START, GRACE)
    assert second is not None and (second.generation, second.rotated_at) == (2, START)
    assert grants.rotate("g1", 1, START + GRACE, GRACE) == second
    assert grants.rotate("g1", 1, START + GRACE + timedelta(seconds=1), GRACE) is None
    third = grants.rotate("g1", 2, START + MINUTE, GRACE)
    assert third is not None and third.generation == 3
    assert grants.rotate("g1", 1, START + MINUTE, GRACE) is None
    assert grants.rotate("g1", 4, START + MINUTE, GRACE) is None
    assert grants.rotate("unknown", 1, START, GRACE) is None


def test_o11_many_rotations_at_once_make_one_generation(store: Opened) -> None:
    granted(store)
    with ThreadPoolExecutor(25) as pool:
        rotated = list(
            pool.map(lambda _: store.oauth.grants.rotate("g1", 1, START, GRACE), range(50))
        )
    assert {one.generation if one else 0 for one in rotated} == {2}


def test_a_grant_that_is_over_is_not_rotated(store: Opened) -> None:
    granted(store)
    assert store.oauth.grants.rotate("g1", 1, START + DAY, GRACE) is None


def test_a_revoked_grant_ends_everywhere(store: Opened) -> None:
    granted(store)
    before = store.revision()
    assert store.oauth.grants.revoke("g1", START)
    assert not store.oauth.grants.revoke("g1", START)
    assert not store.oauth.grants.revoke("unknown", START)
    assert store.revision() == before + 1
    assert revoked_grants(store) == {"g1"}
    assert store.oauth.grants.rotate("g1", 1, START, GRACE) is None
    found = store.oauth.grants.get("g1")
    assert found is not None and found.revoked_at == START


def test_o12_revoking_a_person_a_login_or_an_application_ends_grants(store: Opened) -> None:
    user = store.users.find_or_create("alice@example.com", "", START)
    mine = granted(store, replace(GRANT, id="a", subject=user.id))
    login = granted(store, replace(GRANT, id="b", session="n2"))
    app = granted(store, replace(GRANT, id="c", app=AppId("app-2")))
    other = granted(store, replace(GRANT, id="d"))
    store.revocations.revoke_user("alice@example.com", START)
    store.revocations.revoke_session("n2", START)
    store.revocations.revoke_app(AppId("app-2"), START)
    for grant in (mine, login, app):
        assert store.oauth.grants.rotate(grant.id, 1, START, GRACE) is None
    assert store.oauth.grants.rotate(other.id, 1, START, GRACE) is not None
    assert [one.id for one in store.oauth.grants.list(START)] == ["d"]


def test_grants_are_listed_by_person_and_client(store: Opened) -> None:
    granted(store)
    granted(store, replace(GRANT, id="g2", client="c2", created_at=START + MINUTE))
    granted(store, replace(GRANT, id="g3", email="bob@example.com"))
    listed = store.oauth.grants.list
    assert {one.id for one in listed(START)} == {"g1", "g2", "g3"}
    assert [one.id for one in listed(START, email="alice@example.com")] == ["g2", "g1"]
    assert [one.id for one in listed(START, client="c2")] == ["g2"]
    assert listed(START + 2 * DAY) == ()


def test_a_client_is_kept_until_it_is_over(store: Opened) -> None:
    clients = store.oauth.clients
    clients.register(CLIENT)
    clients.register(replace(CLIENT, id="c2", secret_hash=b"h" * 32))
    assert clients.get("c1", START) == CLIENT
    second = clients.get("c2", START)
    assert second is not None and second.secret_hash == b"h" * 32
    assert clients.get("c1", START + DAY) is None
    clients.used("c1", START, START + 90 * DAY)
    later = clients.get("c1", START + 80 * DAY)
    assert later is not None and later.last_used_at == START
    assert [one.id for one in clients.list(START + 80 * DAY)] == ["c1"]


def test_d03_clients_that_were_never_used_are_capped(store: Opened) -> None:
    base = store.oauth.clients
    small = SqlClients(base.database, base.bell, most=2)
    small.register(replace(CLIENT, id="1"))
    small.register(replace(CLIENT, id="2"))
    with pytest.raises(StoreFull):
        small.register(replace(CLIENT, id="3"))
    small.used("1", START, START + 90 * DAY)
    small.register(replace(CLIENT, id="3"))


def test_a_removed_client_takes_its_grants_along(store: Opened) -> None:
    store.oauth.clients.register(CLIENT)
    granted(store)
    granted(store, replace(GRANT, id="g2", client="c2"))
    consent = Consent("s1", "c1", APP, "localhost")
    store.oauth.consents.record(consent, START, START + DAY)
    assert store.oauth.clients.remove("c1", START)
    assert not store.oauth.clients.remove("c1", START)
    assert revoked_grants(store) == {"g1"}
    assert not store.oauth.consents.given(consent, START)


def test_o17_a_consent_covers_exactly_what_was_allowed(store: Opened) -> None:
    consent = Consent("s1", "c1", APP, "localhost")
    consents = store.oauth.consents
    assert not consents.given(consent, START)
    consents.record(consent, START, START + MINUTE)
    consents.record(consent, START, START + DAY)
    assert consents.given(consent, START + timedelta(hours=1))
    for other in (
        replace(consent, subject="s2"),
        replace(consent, client="c2"),
        replace(consent, app=AppId("app-2")),
        replace(consent, redirect_host="ok.example"),
    ):
        assert not consents.given(other, START)
    assert not consents.given(consent, START + DAY)


WAITING = DeviceRequest("c1", APP, "https://tools.example.com", "", START, START + MINUTE, 5)


def test_a_device_request_is_answered_and_redeemed_once(store: Opened) -> None:
    devices = store.oauth.devices
    assert devices.begin(b"d", b"u", WAITING)
    assert not devices.begin(b"d2", b"u", WAITING)
    assert devices.by_user_code(b"u", START) == WAITING
    assert not devices.redeem(b"d", GRANT, START)
    assert devices.answer(b"u", GRANT, START)
    assert not devices.answer(b"u", None, START)
    assert devices.by_user_code(b"u", START) is None
    found = devices.by_device_code(b"d")
    assert found is not None and (found.state, found.grant) == (DeviceState.ALLOWED, GRANT)
    with ThreadPoolExecutor(10) as pool:
        won = list(pool.map(lambda _: devices.redeem(b"d", GRANT, START), range(20)))
    assert won.count(True) == 1
    assert store.oauth.grants.get("g1") == GRANT


def test_a_device_request_can_be_refused_and_lapses(store: Opened) -> None:
    devices = store.oauth.devices
    devices.begin(b"d", b"u", WAITING)
    assert devices.by_user_code(b"u", START + MINUTE) is None
    assert not devices.answer(b"u", GRANT, START + MINUTE)
    assert devices.answer(b"u", None, START)
    found = devices.by_device_code(b"d")
    assert found is not None and found.state is DeviceState.REFUSED
    assert not devices.redeem(b"d", GRANT, START)


def test_polls_too_soon_are_told_apart(store: Opened) -> None:
    devices = store.oauth.devices
    devices.begin(b"d", b"u", WAITING)
    second = timedelta(seconds=1)
    assert devices.poll(b"d", START) is Polled.ANSWERED
    assert devices.poll(b"d", START + 4 * second) is Polled.TOO_SOON
    assert devices.poll(b"d", START + 13 * second) is Polled.TOO_SOON
    assert devices.poll(b"d", START + 29 * second) is Polled.ANSWERED


def test_housekeeping_keeps_the_login_of_a_grant_that_lives(
    store: Opened, clock: FixedClock
) -> None:
    logged_in(store)
    granted(store, replace(GRANT, expires_at=START + 30 * DAY))
    store.oauth.clients.register(CLIENT)
    store.oauth.codes.issue(b"d", CODE)
    store.oauth.devices.begin(b"d", b"u", WAITING)
    clock.pass_(days=20)
    store.prune(clock.now)
    assert store.sessions.get("n1") is None
    assert store.sessions.not_ended("n1") is not None
    assert store.oauth.codes.get(b"d") is None
    assert store.oauth.devices.by_device_code(b"d") is None
    assert store.oauth.clients.list(START) == ()
    clock.pass_(days=12)
    store.prune(clock.now)
    assert store.oauth.grants.get("g1") is None
    store.prune(clock.now)
    assert store.sessions.not_ended("n1") is None


def test_a_login_that_was_ended_is_not_found(store: Opened) -> None:
    logged_in(store)
    store.revocations.revoke_session("n1", START)
    assert store.sessions.not_ended("n1") is None
