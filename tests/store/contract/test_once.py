"""What counts once: consumed values and one-time PINs."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from lychgate.store.base import InvalidAddress, PinStatus, StoreFull
from lychgate.store.onetime import SqlOneTime, SqlPins
from tests.store.parts import START, FixedClock, Opened

SOON = START + timedelta(minutes=10)
RIGHT, WRONG = b"right", b"wrong"


def test_a_value_is_consumed_once(store: Opened) -> None:
    assert store.one_time.consume("nonce", "x", SOON)
    assert not store.one_time.consume("nonce", "x", SOON)
    assert not store.one_time.consume("nonce", "x", SOON + timedelta(days=1))
    assert store.one_time.consume("state", "x", SOON)
    assert store.one_time.consume("nonce", "y \0 \ud800", SOON)


def test_an_expired_value_is_nobodys(store: Opened, clock: FixedClock) -> None:
    assert not store.one_time.consume("nonce", "x", START)
    assert store.one_time.consume("nonce", "x", SOON)
    clock.pass_(minutes=20)
    store.prune(clock.now)
    assert not store.one_time.consume("nonce", "x", SOON)


def test_of_many_at_once_exactly_one_wins(store: Opened) -> None:
    with ThreadPoolExecutor(25) as pool:
        won = list(pool.map(lambda _: store.one_time.consume("nonce", "x", SOON), range(50)))
    assert won.count(True) == 1


def test_consumed_values_are_capped(store: Opened, clock: FixedClock) -> None:
    small = SqlOneTime(store.one_time.database, clock, most=2)
    assert small.consume("nonce", "1", SOON) and small.consume("nonce", "2", SOON)
    with pytest.raises(StoreFull):
        small.consume("nonce", "3", SOON)
    store.prune(START + timedelta(minutes=16))
    assert small.consume("nonce", "4", SOON)


def test_a_right_code_opens_once(store: Opened) -> None:
    assert store.pins.issue("t1", "alice@example.com", RIGHT, SOON, START)
    result = store.pins.attempt("t1", RIGHT, START)
    assert (result.status, result.email) == (PinStatus.OK, "alice@example.com")
    again = store.pins.attempt("t1", RIGHT, START)
    assert (again.status, again.email) == (PinStatus.USED, "")


def test_l12_five_wrong_tries_kill_a_code(store: Opened) -> None:
    store.pins.issue("t1", "alice@example.com", RIGHT, SOON, START)
    tries = [store.pins.attempt("t1", WRONG, START).status for _ in range(6)]
    assert tries == [PinStatus.WRONG] * 4 + [PinStatus.DEAD] * 2
    assert store.pins.attempt("t1", RIGHT, START).status is PinStatus.DEAD


def test_l12_parallel_guesses_get_no_sixth_try(store: Opened) -> None:
    store.pins.issue("t1", "alice@example.com", RIGHT, SOON, START)

    def guess(number: int) -> PinStatus:
        return store.pins.attempt("t1", b"guess %d" % number, START).status

    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(guess, range(40)))
    assert results.count(PinStatus.WRONG) == 4
    assert store.pins.attempt("t1", RIGHT, START).status is PinStatus.DEAD


def test_a_right_code_in_parallel_has_one_winner(store: Opened) -> None:
    store.pins.issue("t1", "alice@example.com", RIGHT, SOON, START)
    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(lambda _: store.pins.attempt("t1", RIGHT, START), range(20)))
    assert [one.status for one in results].count(PinStatus.OK) == 1


def test_l12_aliases_of_an_address_share_one_count(store: Opened) -> None:
    for number, alias in enumerate(("a@example.com", "A@Example.com", " a@example.com ")):
        assert store.pins.issue(f"t{number}", alias, RIGHT, SOON, START, 3)
    assert not store.pins.issue("t4", "a@EXAMPLE.com", RIGHT, SOON, START, 3)
    assert store.pins.attempt("t4", RIGHT, START).status is PinStatus.NONE
    assert store.pins.issue("t5", "b@example.com", RIGHT, SOON, START, 3)
    later = START + timedelta(hours=1)
    assert store.pins.issue("t6", "a@example.com", RIGHT, later + timedelta(minutes=1), later, 3)


def test_l12_the_count_holds_for_parallel_requests(store: Opened) -> None:
    def ask(number: int) -> bool:
        return store.pins.issue(f"t{number}", "a@example.com", RIGHT, SOON, START, 10)

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(ask, range(30))).count(True) == 10


def test_l12_a_new_code_in_a_transaction_replaces_the_old(store: Opened) -> None:
    store.pins.issue("t1", "a@example.com", b"first", SOON, START)
    store.pins.issue("t1", "a@example.com", b"second", SOON, START)
    assert store.pins.attempt("t1", b"first", START).status is PinStatus.WRONG
    assert store.pins.attempt("t1", b"second", START).status is PinStatus.OK


def test_l13_a_code_is_good_for_its_time(store: Opened) -> None:
    store.pins.issue("t1", "a@example.com", RIGHT, SOON, START)
    assert store.pins.attempt("t1", RIGHT, SOON).status is PinStatus.EXPIRED


def test_l13_a_code_is_good_in_its_own_transaction_only(store: Opened) -> None:
    store.pins.issue("t1", "a@example.com", RIGHT, SOON, START)
    store.pins.issue("t2", "b@example.com", b"other", SOON, START)
    assert store.pins.attempt("t2", RIGHT, START).status is PinStatus.WRONG
    assert store.pins.attempt("t3", RIGHT, START).status is PinStatus.NONE
    assert store.pins.attempt("t1", RIGHT, START).email == "a@example.com"


def test_an_address_that_is_none_gets_no_code(store: Opened) -> None:
    with pytest.raises(InvalidAddress):
        store.pins.issue("t1", "a@b@example.com", RIGHT, SOON, START)


def test_codes_are_capped_and_expire(store: Opened) -> None:
    small = SqlPins(store.pins.database, most=2)
    small.issue("t1", "a@example.com", RIGHT, SOON, START)
    small.issue("t2", "b@example.com", RIGHT, SOON, START)
    with pytest.raises(StoreFull):
        small.issue("t3", "c@example.com", RIGHT, SOON, START)
    store.prune(START + timedelta(minutes=30))
    with pytest.raises(StoreFull):
        small.issue("t3", "c@example.com", RIGHT, SOON, START)
    store.prune(START + timedelta(minutes=61))
    assert small.issue("t3", "c@example.com", RIGHT, SOON, START)
