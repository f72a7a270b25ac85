"""Which fields of a head are refused, kept, dropped and replaced."""

import pytest

from addon import head
from addon.head import Fields, RefusedHead, UnwritableHeader

PLAIN: Fields = ((b"Host", b"a.example"), (b"Cookie", b"a=b"))


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (((b"A", b"x"),) * 101, 431),
        (((b"A", b"x" * 65_536),), 431),
        (((b"A_B", b"x"),), 400),
        (((b"A", b"x\x00"),), 400),
        (((b"A", b"x\r\n y"),), 400),
        (((b"A", b"x\x7f"),), 400),
    ],
)
def test_what_no_head_may_hold(fields: Fields, status: int) -> None:
    with pytest.raises(RefusedHead) as caught:
        head.check(fields, b"/")
    assert caught.value.status == status


def test_a_long_target_counts() -> None:
    with pytest.raises(RefusedHead):
        head.check(PLAIN, b"/" + b"x" * 65_536)


def test_tabs_and_bytes_above_ascii_are_fine() -> None:
    head.check(((b"A", b"x\ty\xff"),), b"/")


def test_to_set_replaces_every_copy_in_any_case() -> None:
    fields = ((b"X-A", b"1"), (b"x-a", b"2"), (b"B", b"3"))
    assert head.edit(fields, (("x-a", "new"),), ()) == ((b"B", b"3"), (b"x-a", b"new"))


def test_to_remove_removes_every_copy_in_any_case() -> None:
    fields = ((b"X-A", b"1"), (b"x-a", b"2"), (b"B", b"3"))
    assert head.edit(fields, (), ("x-a",)) == ((b"B", b"3"),)


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "a\x00"])
def test_f12_a_value_that_would_end_its_field_is_not_written(value: str) -> None:
    with pytest.raises(UnwritableHeader):
        head.encode((("x-a", value),))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((b"Connection", b"close, X-A"), ((b"Connection", b"close"),)),
        ((b"Connection", b"X-A"), ()),
        ((b"connection", b"Keep-Alive"), ((b"Connection", b"keep-alive"),)),
        ((b"Connection", b"Upgrade"), ()),
    ],
)
def test_h04_of_connection_stays_what_the_proxy_acts_on(
    before: tuple[bytes, bytes], after: Fields
) -> None:
    fields = (*PLAIN, before, (b"X-A", b"1"))
    kept = head.end_to_end(fields)
    named = b"X-A" in before[1]
    assert kept == (*PLAIN, *(() if named else ((b"X-A", b"1"),)), *after)


def test_f09_only_a_websocket_is_upgraded() -> None:
    asked = (b"Connection", b"Upgrade")
    assert head.end_to_end((asked, (b"Upgrade", b"WebSocket"))) == (
        (b"Upgrade", b"websocket"),
        (b"Connection", b"Upgrade"),
    )
    assert head.end_to_end((asked, (b"Upgrade", b"h2c"))) == ()
    assert head.end_to_end((asked, (b"Upgrade", b"websocket, h2c"))) == ()
    assert head.end_to_end(((b"Upgrade", b"websocket"),)) == ()
