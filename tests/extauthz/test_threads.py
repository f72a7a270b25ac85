"""The pool that answers checks: every call is made, and every listener hears of its end once."""

import logging
import threading
from collections.abc import Iterator

import pytest

from extauthz.threads import Threads, Work


@pytest.fixture(scope="module")
def pool() -> Iterator[Threads]:
    yield Threads(4, "test")


def test_calls_are_made_by_its_threads_and_their_end_is_told_once(pool: Threads) -> None:
    made: list[tuple[int, str]] = []
    told: list[Work] = []
    over = threading.Semaphore(0)

    def tell(work: Work) -> None:
        told.append(work)
        over.release()

    for number in range(500):
        call = lambda n=number: made.append((n, threading.current_thread().name))  # noqa: E731
        pool.submit(call).add_done_callback(tell)
    assert all(over.acquire(timeout=10) for _ in range(500))
    assert sorted(n for n, _ in made) == list(range(500))
    assert {name for _, name in made} <= {f"test_{n}" for n in range(4)}
    assert len(told) == len(set(map(id, told))) == 500


def test_a_listener_that_comes_late_is_told_at_once() -> None:
    work = Work(lambda: None, (), {})
    work.do()
    told: list[Work] = []
    work.add_done_callback(told.append)
    assert told == [work]


def test_a_call_that_fails_is_over_too_and_its_thread_goes_on(
    pool: Threads, caplog: pytest.LogCaptureFixture
) -> None:
    over = threading.Event()
    with caplog.at_level(logging.ERROR, "extauthz.threads"):
        for _ in range(8):
            pool.submit(lambda: 1 / 0)
        pool.submit(over.set)
        assert over.wait(10)
    assert "a call failed" in caplog.text
