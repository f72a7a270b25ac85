"""Which client calls, read from the header or the form."""

import base64

import pytest

from lychgate.oauth.clientauth import Credentials, credentials
from lychgate.oauth.errors import InvalidClient, InvalidRequest


def basic(pair: str) -> tuple[str, ...]:
    """The Authorization header of a pair."""
    return ("Basic " + base64.b64encode(pair.encode()).decode(),)


def test_both_halves_of_basic_are_form_encoded() -> None:
    assert credentials(basic("a%3Ab:p%40s+s%25"), "", "") == Credentials("a:b", "p@s s%")


def test_a_public_client_names_itself_in_the_form() -> None:
    assert credentials((), "me", "") == Credentials("me", None)
    assert credentials((), "me", "secret") == Credentials("me", "secret")
    assert credentials(basic("me:"), "me", "") == Credentials("me", None)


@pytest.mark.parametrize(
    ("header", "id", "secret"),
    [
        (basic("me:secret"), "", "secret"),
        (basic("me:secret"), "other", ""),
        ((*basic("me:secret"), *basic("me:secret")), "", ""),
    ],
)
def test_two_ways_at_once_are_refused(header: tuple[str, ...], id: str, secret: str) -> None:
    with pytest.raises(InvalidRequest):
        credentials(header, id, secret)


@pytest.mark.parametrize(
    "header", ["Basic", "Basic ?", "Bearer x", "Basic " + base64.b64encode(b"\xff:x").decode()]
)
def test_what_is_no_credential(header: str) -> None:
    with pytest.raises(InvalidClient):
        credentials((header,), "", "")


def test_a_secret_is_not_shown() -> None:
    assert "hunter2" not in repr(Credentials("me", "hunter2"))


def test_nobody_is_no_client() -> None:
    with pytest.raises(InvalidClient):
        credentials((), "", "")
