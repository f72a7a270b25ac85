"""Temporary authentication and purpose justification."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from lychgate.core.model import AppId, ApprovalGroup, PolicyId
from lychgate.store.approving import MOST_OPEN
from lychgate.store.base import ApprovalRequest, NotAllowed, NotFound, StoreFull
from tests.store.contract.test_people import a_session
from tests.store.parts import START, Opened

APP = AppId("a1")
BOSSES = ApprovalGroup(1, ("boss@example.com", "Chief@Example.com"))
PEERS = ApprovalGroup(2, ("p1@example.com", "p2@example.com", "p3@example.com"))
HOUR = timedelta(hours=1)


def ask(id: str, app: AppId = APP, *groups: ApprovalGroup) -> ApprovalRequest:
    return ApprovalRequest(
        id,
        "subject-1",
        "Alice@example.com",
        app,
        PolicyId("p1"),
        "to repair it",
        groups or (BOSSES,),
        START + HOUR,
    )


def test_one_approver_of_the_group_grants(store: Opened) -> None:
    made = store.approvals.request(ask("r1"), START)
    assert (made.email, made.purpose, made.granted_until) == (
        "alice@example.com",
        "to repair it",
        None,
    )
    assert store.approvals.get("r1") == made
    assert store.approvals.granted("subject-1", APP, START) is None
    granted = store.approvals.approve("r1", "CHIEF@example.com", 2 * HOUR, START)
    assert granted.granted_until == START + 2 * HOUR
    assert [vote.approver for vote in granted.votes] == ["chief@example.com"]
    assert store.approvals.granted("subject-1", APP, START + HOUR) == granted
    assert store.approvals.granted("subject-1", APP, START + 2 * HOUR) is None
    assert store.approvals.granted("subject-2", APP, START) is None
    assert store.approvals.granted("subject-1", AppId("a2"), START) is None


def test_every_group_needs_its_own_number(store: Opened) -> None:
    store.approvals.request(ask("r1", APP, BOSSES, PEERS), START)
    for approver in ("p1@example.com", "p1@example.com", "boss@example.com"):
        assert store.approvals.approve("r1", approver, 3 * HOUR, START).granted_until is None
    granted = store.approvals.approve("r1", "p3@example.com", HOUR, START)
    assert granted.granted_until == START + HOUR


def test_a_grant_lasts_a_day_at_most(store: Opened) -> None:
    store.approvals.request(ask("r1"), START)
    granted = store.approvals.approve("r1", "boss@example.com", 100 * HOUR, START)
    assert granted.granted_until == START + 24 * HOUR


def test_nobody_approves_their_own_request(store: Opened) -> None:
    group = ApprovalGroup(1, ("alice@example.com", "boss@example.com"))
    store.approvals.request(ask("r1", APP, group), START)
    with pytest.raises(NotAllowed):
        store.approvals.approve("r1", "ALICE@example.com", HOUR, START)
    assert store.approvals.pending_for("alice@example.com", START) == ()


def test_people_outside_the_groups_do_not_count(store: Opened) -> None:
    store.approvals.request(ask("r1"), START)
    with pytest.raises(NotAllowed):
        store.approvals.approve("r1", "p1@example.com", HOUR, START)


def test_a_request_that_lapsed_or_was_granted_takes_no_votes(store: Opened) -> None:
    store.approvals.request(ask("r1"), START)
    with pytest.raises(NotFound):
        store.approvals.approve("r1", "boss@example.com", HOUR, START + HOUR)
    store.approvals.approve("r1", "boss@example.com", HOUR, START)
    with pytest.raises(NotFound):
        store.approvals.approve("r1", "chief@example.com", HOUR, START)
    with pytest.raises(NotFound):
        store.approvals.approve("r2", "boss@example.com", HOUR, START)


def test_approvers_see_what_waits_for_them(store: Opened) -> None:
    store.approvals.request(ask("r1", APP, BOSSES, PEERS), START)
    store.approvals.request(ask("r2", AppId("a2")), START + timedelta(seconds=1))
    assert [one.id for one in store.approvals.pending_for("Boss@example.com", START)] == [
        "r1",
        "r2",
    ]
    store.approvals.approve("r1", "boss@example.com", HOUR, START)
    assert [one.id for one in store.approvals.pending_for("boss@example.com", START)] == ["r2"]
    assert store.approvals.pending_for("boss@example.com", START + 2 * HOUR) == ()


def test_asking_again_is_the_same_request(store: Opened) -> None:
    first = store.approvals.request(ask("r1"), START)
    assert store.approvals.request(ask("r2"), START) == first
    with ThreadPoolExecutor(10) as pool:
        asked = pool.map(
            lambda n: store.approvals.request(ask(f"x{n}", AppId("a3")), START).id, range(10)
        )
        assert len(set(asked)) == 1


def test_open_requests_of_a_person_are_capped(store: Opened) -> None:
    for number in range(MOST_OPEN):
        store.approvals.request(ask(f"r{number}", AppId(f"a{number}")), START)
    with pytest.raises(StoreFull):
        store.approvals.request(ask("one more", AppId("b")), START)


def test_votes_at_the_same_time_all_count(store: Opened) -> None:
    group = ApprovalGroup(8, tuple(f"p{n}@example.com" for n in range(8)))
    store.approvals.request(ask("r1", APP, group), START)
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(lambda email: store.approvals.approve("r1", email, HOUR, START), group.emails)
        )
    assert store.approvals.granted("subject-1", APP, START) is not None


def test_a_purpose_is_asked_once_for_a_login_and_application(store: Opened) -> None:
    store.sessions.create(a_session("n1"))
    assert not store.purposes.given("n1", APP)
    store.purposes.record("n1", APP, "because")
    store.purposes.record("n1", APP, "because \0 again" * 1000)
    assert store.purposes.given("n1", APP)
    assert not store.purposes.given("n1", AppId("a2"))
    assert not store.purposes.given("n2", APP)
    store.prune(START)
    assert store.purposes.given("n1", APP)


def test_a_purpose_goes_with_its_session(store: Opened) -> None:
    store.sessions.create(a_session("n1"))
    store.purposes.record("n1", APP, "because")
    store.prune(START + timedelta(days=9))
    assert not store.purposes.given("n1", APP)
