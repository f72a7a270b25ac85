"""Which tokens a revocation ends, for how long, and that none is forgotten too soon."""

from datetime import datetime, timedelta

import pytest

from lychgate.core.model import AppId, Revocation, RevocationKind
from lychgate.core.revocations import Revocations
from lychgate.core.session import Token, read
from lychgate.core.tokens import Signed
from tests.support.builders import NOW, an_app, claims_for

APP = an_app("app")
DAY = timedelta(days=1)


def a_token(issued: datetime = NOW) -> Token:
    claims = claims_for(APP, issued=issued, sub="alice", session="nonce")
    token = read(Signed("kid", claims | {"grant_id": "grant"}))
    assert isinstance(token, Token)
    return token


def ended(
    kind: RevocationKind, key: str, at: datetime = NOW, until: datetime = NOW + DAY
) -> Revocation:
    return Revocation(kind, key, at, until)


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        (RevocationKind.USER, "alice"),
        (RevocationKind.APP, "app"),
        (RevocationKind.SESSION, "nonce"),
        (RevocationKind.GRANT, "grant"),
    ],
)
def test_a_revocation_ends_what_is_as_old_as_itself(kind: RevocationKind, key: str) -> None:
    known = Revocations().adding([ended(kind, key)], NOW)
    assert known.count == 1
    for late, dead in ((-1, True), (0, True), (1, False)):
        token = a_token(NOW + timedelta(seconds=late))
        assert known.cover(token, AppId("app")) is dead
    other = Revocations().adding([ended(kind, "other")], NOW)
    assert not other.cover(a_token(), AppId("app"))


def test_an_application_matters_only_where_there_is_one() -> None:
    known = Revocations().adding([ended(RevocationKind.APP, "app")], NOW)
    assert not known.cover(a_token(), None)
    assert known.ended(AppId("app"), int(NOW.timestamp()))
    assert not known.ended(AppId("app"), int(NOW.timestamp()) + 1)


def test_a_revocation_goes_when_nothing_that_old_can_live() -> None:
    known = Revocations().adding([ended(RevocationKind.USER, "alice")], NOW)
    assert known.adding([], NOW + DAY - timedelta(seconds=1)).count == 1
    assert known.adding([], NOW + DAY) == Revocations().adding([], NOW)


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_revocations_the_later_start_and_the_later_end_stand(order: int) -> None:
    older = ended(RevocationKind.USER, "alice", NOW - timedelta(hours=1), NOW + 30 * DAY)
    newer = ended(RevocationKind.USER, "alice", NOW, NOW + DAY)
    known = Revocations().adding([older, newer][::order], NOW)
    assert known.cover(a_token(), None)
    assert known.adding([], NOW + 2 * DAY).cover(a_token(NOW - timedelta(hours=2)), None)


def test_the_newest_second_that_a_new_token_must_lie_after() -> None:
    known = Revocations().adding(
        [
            ended(RevocationKind.USER, "alice", NOW - timedelta(seconds=5)),
            ended(RevocationKind.APP, "app", NOW),
        ],
        NOW,
    )
    now = int(NOW.timestamp())
    assert known.newest("alice", "nonce", AppId("app")) == now
    assert known.newest("alice", "nonce", None) == now - 5
    assert known.newest("bob", "other", None) == -1
