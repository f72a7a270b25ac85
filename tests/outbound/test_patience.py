"""A server that keeps timing out is asked by one caller at a time, until it answers again."""

from lychgate.outbound.patience import PAUSE, Patience, Place

IDP: Place = ("administrator", "https", "idp.example", 443)
OTHER: Place = ("outsider", "https", "idp.example", 443)


class Moment:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """The time in seconds."""
        return self.now


def hanging(moment: Moment) -> Patience:
    patience = Patience(moment)
    for _ in range(3):
        assert patience.admits(IDP)
        patience.note(IDP, timed_out=True)
    return patience


def test_after_three_in_a_row_nobody_asks_for_a_moment() -> None:
    assert not hanging(Moment()).admits(IDP)


def test_then_one_tries_and_the_others_wait_for_that() -> None:
    moment = Moment()
    patience = hanging(moment)
    moment.now += PAUSE
    assert [patience.admits(IDP) for _ in range(3)] == [True, False, False]
    patience.note(IDP, timed_out=True)
    assert not patience.admits(IDP)


def test_one_answer_of_any_kind_ends_it() -> None:
    moment = Moment()
    patience = hanging(moment)
    moment.now += PAUSE
    assert patience.admits(IDP)
    patience.note(IDP, timed_out=False)
    assert patience.admits(IDP) and patience.admits(IDP)


def test_failures_that_are_not_in_a_row_do_not_add_up() -> None:
    patience = Patience(Moment())
    for _ in range(5):
        patience.note(IDP, timed_out=True)
        patience.note(IDP, timed_out=True)
        patience.note(IDP, timed_out=False)
    assert patience.admits(IDP)


def test_what_outsiders_ask_for_never_counts_for_administrators() -> None:
    patience = Patience(Moment())
    for _ in range(10):
        patience.note(OTHER, timed_out=True)
    assert patience.admits(IDP) and not patience.admits(OTHER)


def test_d02_strangers_cannot_make_it_remember_more_and_more() -> None:
    patience = Patience(Moment())
    for number in range(5000):
        patience.note(("outsider", "https", f"h{number}.example", 443), timed_out=True)
    assert len(patience._hanging) <= 1000
