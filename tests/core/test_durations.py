"""Durations in Go's notation."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lychgate.core.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("300ms", timedelta(milliseconds=300)),
        ("2h45m", timedelta(hours=2, minutes=45)),
        ("1.5h", timedelta(minutes=90)),
        ("24h", timedelta(days=1)),
        ("0", timedelta()),
        ("0s", timedelta()),
        ("1500us", timedelta(microseconds=1500)),
        ("1500µs", timedelta(microseconds=1500)),
        ("999ns", timedelta()),
        ("-5m", timedelta(minutes=-5)),
        (".5s", timedelta(milliseconds=500)),
    ],
)
def test_durations(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "1", "24", "1d", "h", "1 h", "1H", "24h ", "١h", "1e3s", "nan", "forever", "9" * 13 + "h"],
)
def test_what_is_no_duration(text: str) -> None:
    assert parse_duration(text) is None


def test_too_long_for_any_clock() -> None:
    assert parse_duration("999999999999h") is None


@given(st.integers(0, 10**9))
def test_written_durations_read_the_same(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration


@given(st.text(max_size=40))
def test_any_text_is_answered(text: str) -> None:
    parsed = parse_duration(text)
    assert parsed is None or isinstance(parsed, timedelta)
