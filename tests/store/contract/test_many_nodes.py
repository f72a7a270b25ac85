"""What several nodes share beside the objects: counts, issuers, results, turns, and the order of
tokens and changes."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from lychgate.core.model import IdpId
from lychgate.store.base import Catalogue, ClockAhead, Edit, Kind, StoreFull
from lychgate.store.objects import SKEW, book
from lychgate.store.visits import SqlVisits
from tests.store.parts import ADMIN, START, FixedClock, Opened, Place, policy, put, real_clock

HOUR = timedelta(hours=1)
IDP = IdpId("idp-1")


@pytest.fixture
def other(place: Place, store: Opened, clock: FixedClock) -> Opened:
    """The store of another node."""
    return place.open(clock)


def test_L12_D08_visits_are_counted_over_all_nodes(store: Opened, other: Opened) -> None:
    nodes = [store, other] * 5
    assert [node.visits.count("pin/192.0.2.1", 10, HOUR, START) for node in nodes] == [None] * 10
    for node in (store, other):
        wait = node.visits.count("pin/192.0.2.1", 10, HOUR, START)
        assert wait is not None and timedelta() < wait <= HOUR
        assert node.visits.count("code/192.0.2.1", 10, HOUR, START) is None
    other.close()


def test_a_window_slides(store: Opened) -> None:
    start = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def counted(minutes: int) -> bool:
        return store.visits.count("x", 10, HOUR, start + timedelta(minutes=minutes)) is None

    assert all(counted(59) for _ in range(10)) and not counted(59)
    assert not counted(60), "a new hour alone is no clean slate"
    assert [counted(90) for _ in range(6)] == [True] * 5 + [False]
    assert all(counted(240) for _ in range(10))


def test_D02_counts_are_bounded_and_forgotten(store: Opened, place: Place) -> None:
    few = SqlVisits(store._database, most=2)
    assert few.count("a", 10, HOUR, START) is None and few.count("b", 10, HOUR, START) is None
    with pytest.raises(StoreFull):
        few.count("c", 10, HOUR, START)
    assert few.count("a", 10, HOUR, START) is None
    store.prune(START + 3 * HOUR)
    assert few.count("c", 10, HOUR, START) is None


def test_the_first_issuer_of_the_same_settings_stays(store: Opened, other: Opened) -> None:
    assert other.issuers.of(IDP, "settings") == ""
    store.issuers.note(IDP, "settings", "https://first.example")
    other.issuers.note(IDP, "settings", "https://second.example")
    assert other.issuers.of(IDP, "settings") == "https://first.example"
    assert store.issuers.of(IDP, "others") == ""
    other.issuers.note(IDP, "others", "https://second.example")
    assert store.issuers.of(IDP, "others") == "https://second.example"
    assert store.prune(START) == 1, "there is no such provider"
    other.close()


def test_a_result_is_found_by_any_node_for_an_hour(store: Opened, other: Opened) -> None:
    store.results.keep("one", [{"email": "a"}], START)
    assert other.results.find("one", START) == [{"email": "a"}]
    assert other.results.find("one", START + HOUR) is None
    for number in range(105):
        store.results.keep(str(number), number, START + timedelta(seconds=1 + number))
    assert other.results.find("one", START) is None
    assert other.results.find("104", START) == 104
    other.close()


def test_chores_are_the_turn_of_one_node(store: Opened, other: Opened) -> None:
    minute = timedelta(minutes=1)
    assert store.take_turn(minute, START)
    assert not other.take_turn(minute, START + timedelta(seconds=59))
    assert other.take_turn(minute, START + minute)
    assert store.take_turn(minute, START - HOUR), "a clock that went wrong stops nobody for long"
    other.close()


def test_a_key_is_replaced_once_by_nodes_that_find_it_old(store: Opened, other: Opened) -> None:
    due = START + timedelta(days=40)
    for node in (store, other):
        node.keys.rotate(due, unless_since=START)
    assert len(store.keys.keyring().signing) == 2
    other.close()


@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_C08_a_change_counts_as_later_than_tokens_of_a_node_whose_clock_is_ahead(
    store: Opened, other: Opened, clock: FixedClock, ahead: int
) -> None:
    put(store, policy("p1", "one"))
    second = clock.now + timedelta(seconds=ahead)
    assert other.book(second) == store.revision()
    put(store, policy("p1", "two", include=["x"]))
    found = store.object(Kind.POLICY, "p1")
    assert found is not None
    assert int(found.rules_changed_at.timestamp()) >= int(second.timestamp())
    store.revocations.revoke_session("n1", clock.now)
    (ended,) = store.revocations.live(clock.now)
    assert int(ended.not_before.timestamp()) >= int(second.timestamp())
    other.close()


def test_a_clock_that_was_far_ahead_once_bends_nothing_later(
    store: Opened, clock: FixedClock
) -> None:
    clock.now = real_clock()
    with store._database.write() as connection:
        book(connection, int((clock.now + HOUR).timestamp()))
    store.revocations.revoke_session("n1", clock.now)
    assert store.revocations.live(clock.now)[0].not_before == clock.now
    assert store.book(clock.now) == store.revision()
    store.book(clock.now + timedelta(seconds=1))
    store.revocations.revoke_session("n1", clock.now)
    assert store.revocations.live(clock.now)[0].not_before > clock.now


def test_X03_C08_a_node_that_is_behind_revokes_every_token_there_is(place: Place) -> None:
    """By the clock of the database's server; a file has the clock of the one machine it is on."""
    behind = HOUR if "postgresql" in place.url else timedelta(seconds=2)
    store, late = place.open(real_clock), place.open(lambda: real_clock() - behind)
    put(store, policy("p1", "one"))
    issued = real_clock().replace(microsecond=0)
    store.book(issued)
    late.book(real_clock() - behind)
    late.revocations.revoke_session("n1", real_clock() - behind)
    put(late, policy("p1", "two", include=["x"]))
    (ended,), changed = store.revocations.live(issued), store.object(Kind.POLICY, "p1")
    assert ended.not_before >= issued
    assert changed is not None and changed.rules_changed_at >= issued
    late.close()
    store.close()


def test_X03_the_chores_of_a_node_far_ahead_forget_nothing_that_matters(place: Place) -> None:
    store, now = place.open(real_clock), real_clock()
    ahead = timedelta(days=500) if "postgresql" in place.url else timedelta(minutes=4)
    assert store.one_time.consume("code", "x", now + HOUR / 60)
    store.revocations.revoke_session("n1", now)
    store.prune(now + ahead)
    assert [one.key for one in store.revocations.live(now)] == ["n1"]
    assert not store.one_time.consume("code", "x", now + HOUR / 60)
    store.close()


def test_X03_a_node_far_ahead_of_the_database_books_nothing(place: Place) -> None:
    store = place.open(real_clock)
    if "postgresql" in place.url:
        with pytest.raises(ClockAhead, match=r"is [56] s ahead"):
            store.book(real_clock() + 2 * SKEW)
    assert store.book(real_clock() + SKEW / 3) == store.revision()
    store.close()


def test_C08_a_token_waits_for_a_change_that_is_being_made(
    store: Opened, other: Opened, clock: FixedClock
) -> None:
    """Judged by the old rules it would carry a later time than the change, and outlive it."""
    put(store, policy("p1", "one"))
    inside, go_on = threading.Event(), threading.Event()

    def slow(_: Catalogue) -> Sequence[Edit]:
        inside.set()
        assert go_on.wait(10)
        return [policy("p1", "two", include=["x"])]

    change = threading.Thread(target=store.change, args=(ADMIN, slow))
    change.start()
    assert inside.wait(10)
    booked: list[int] = []
    token = threading.Thread(
        target=lambda: booked.append(other.book(clock.now + timedelta(seconds=1)))
    )
    token.start()
    token.join(0.5)
    assert token.is_alive() and not booked
    go_on.set()
    change.join(10)
    token.join(10)
    assert booked == [store.revision()]
    other.close()
