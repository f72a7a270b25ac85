"""The facts of a request."""

from ipaddress import ip_address

import pytest

from lychgate.core.request import address, split_target
from tests.support.builders import a_request


def test_a_header_counts_only_once() -> None:
    request = a_request(headers={"a": "1", "b": ("1", "2"), "c": ()})
    assert (request.header("a"), request.header("b")) == ("1", None)
    assert (request.header("c"), request.header("d")) == (None, None)


@pytest.mark.parametrize(
    ("target", "parts"),
    [("/a", ("/a", None)), ("/a?", ("/a", "")), ("/a?b?c", ("/a", "b?c")), ("", ("", None))],
)
def test_a_target_is_split_at_the_first_question_mark(
    target: str, parts: tuple[str, str | None]
) -> None:
    assert split_target(target) == parts


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("127.1", None),
        ("0177.0.0.1", None),
        ("10.0.0.1:80", None),
        ("", None),
        ("\u2460.0.0.1", None),
    ],
)
def test_an_address_is_unmapped_or_none(text: str, parsed: str | None) -> None:
    assert address(text) == (None if parsed is None else ip_address(parsed))
