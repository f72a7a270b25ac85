"""Expressions for group names are checked when saved, and none can hang the server."""

import time

import pytest

from lychgate.api.groupfilter import filtered, read_filter


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ("eng-a", "ops", "Eng")),
        ("^eng", ("eng-a",)),
        ("(?i)^eng", ("eng-a", "Eng")),
        ("p", ("ops",)),
        ("^(eng-a|ops)$", ("eng-a", "ops")),
        ("^nothing$", ()),
    ],
)
def test_only_groups_in_which_it_is_found_are_kept(text: str, kept: tuple[str, ...]) -> None:
    assert filtered(("eng-a", "ops", "Eng"), read_filter(text)) == kept


@pytest.mark.parametrize("text", ["(", "(?=a)", r"(a)\1", "(a{1000}){1000}", "[z-a]", "a**"])
def test_what_re2_cannot_do_is_refused_when_saved(text: str) -> None:
    with pytest.raises(ValueError, match="not a regular expression of RE2"):
        read_filter(text)


def test_no_expression_takes_more_than_linear_time() -> None:
    started = time.perf_counter()
    assert filtered(["a" * 20_000 + "b"], "^(a+)+$") == ()
    assert filtered(["a" * 20_000], "^(a|aa)+$") == ("a" * 20_000,)
    assert filtered(["x" * 20_000], "(x+x+)+y") == ()
    assert time.perf_counter() - started < 1
