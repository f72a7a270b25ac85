"""Many threads want the same answer: one asks, and all of them get it."""

import threading
import time

from lychgate.idp.shared import Shared
from tests.support.together import run_together


def test_d07_those_who_come_meanwhile_share_the_answer() -> None:
    shared: Shared[int] = Shared()
    asked: list[float] = []
    got: list[int] = []
    begun = threading.Barrier(20)

    def question() -> int:
        asked.append(time.monotonic())
        time.sleep(0.3)
        return len(asked)

    def want() -> None:
        begun.wait()
        got.append(shared.ask("keys", question))

    run_together([want] * 20)
    assert len(asked) == 1 and got == [1] * 20
    assert shared.ask("keys", question) == 2, "who comes later asks anew"


def test_an_answer_about_something_else_is_not_shared() -> None:
    shared: Shared[str] = Shared()
    got: dict[str, str] = {}

    def question(about: str) -> str:
        time.sleep(0.2)
        return f"about {about}"

    def want(about: str) -> None:
        got[about] = shared.ask(about, lambda: question(about))

    run_together([lambda: want("a"), lambda: want("b")])
    assert got == {"a": "about a", "b": "about b"}


def test_a_question_that_raises_leaves_the_next_one_free() -> None:
    shared: Shared[int] = Shared()

    def question() -> int:
        raise ValueError

    for _ in range(2):
        try:
            shared.ask("x", question)
        except ValueError:
            continue
    assert shared.ask("x", lambda: 1) == 1 and not shared.busy
