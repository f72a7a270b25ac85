"""Rows F02, F03 and F06 to F11 through both proxies with the real decision behind them.

What each adapter does when its gate fails, hangs or answers halfway (F01, F04, F05, F12, F13) is
tried in `tests/addon` and `tests/extauthz`, where the gate can be made to.
"""

import socket

import pytest

from lychgate.core.urls import ASSERTION
from tests.support.both import Both, claims_of
from tests.support.catalogue import ALICE, BOB, Proxy
from tests.support.front import Pairs, read_reply, request_bytes

WEBSOCKET: Pairs = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Version", "13"),
)


def line(data: bytes) -> bytes:
    """A request with a line of its own among the headers."""
    return b"GET / HTTP/1.1\r\nHost: a.example\r\n" + data + b"\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"GET /\xfc HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: \xff\r\nConnection: close\r\n\r\n",
        line(b"Cookie: a=\x00b"),
        line(b"Cookie: =x"),
        line(b"Cookie: =CF_Authorization=x"),
        line(b"Cookie: \xff\xfe=\x80"),
        line(b"Cookie: ;;;=;=;"),
        line(b"Cf-Access-Token: \xff"),
        line(b"Authorization: Bearer \xff"),
        line(b"Cf-Access-Jwt-Assertion: \xff"),
    ],
)
def test_F02_bytes_that_make_parsers_raise(both: Both, data: bytes) -> None:
    both.send(data).bad_or_login("ROOT")


@pytest.mark.parametrize("size", [5_000, 5_000_000])
@pytest.mark.parametrize("extra", [(), (("Expect", "100-continue"),)], ids=["plain", "expect"])
def test_F03_a_body_waits_for_the_verdict(both: Both, size: int, extra: Pairs) -> None:
    for one in both.ask("/admin", method="POST", body=b"x" * size, headers=extra):
        # With 5 MB still on its way a proxy may close once it has said no.
        assert one.refused() and one.reply.status in (302, 0), one.reply
        assert size > 5_000 or one.reply.status == 302


def test_F03_a_chunked_body_waits_for_the_verdict(both: Both) -> None:
    head = b"POST /admin HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n"
    both.send(head + b"1388\r\n" + b"x" * 5000 + b"\r\n0\r\n\r\n").login("ADM")


def test_F06_one_assertion_whatever_the_client_sends(both: Both) -> None:
    forged = ((ASSERTION, "forged"), (ASSERTION.title(), both.catalogue.token(BOB, "ADM")))
    both.ask_as(ALICE, "ROOT", headers=forged).ok(ALICE, "ROOT")


@pytest.mark.parametrize(
    "target",
    [
        "/cdn-cgi/access/../../admin",
        "/cdn-cgi/access/%2e%2e/%2e%2e/admin",
        "/cdn-cgi/access/x;/../../../admin",
        "/cdn-cgi/access/x/../../../admin",
        "/cdn-cgi/access/..;/..;/admin",
        "//cdn-cgi/access/../../admin",
    ],
)
def test_F07_the_unchecked_route_leads_nowhere_else(both: Both, target: str) -> None:
    both.ask(target).bad_or_login("ADM")
    both.ask_as(ALICE, "ROOT", target).bad_or_login("ADM")


@pytest.mark.parametrize("target", ["/cdn-cgi/accessory", "/cdn-cgi/access", "/cdn-cgi/Access/x"])
def test_F07_what_only_looks_like_our_path_is_judged(both: Both, target: str) -> None:
    both.ask(target).login("ROOT")


def test_F08_no_verdict_or_identity_outlives_its_request(both: Both) -> None:
    alice = (both.session(ALICE, "ROOT"), ("Connection", "keep-alive"))
    bob = (both.session(BOB, "ADM"), ("Connection", "keep-alive"))
    requests = [
        request_bytes("GET", "/1", "a.example", alice),
        request_bytes("GET", "/2", "a.example", (("Connection", "keep-alive"),)),
        request_bytes("GET", "/admin", "a.example", bob),
        request_bytes("GET", "/admin", "a.example", alice),
        request_bytes("GET", "/public/x", "a.example"),
    ]
    for front in both.fronts.values():
        front.clear_log()
        host, _, port = front.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            statuses = []
            for data in requests:
                connection.sendall(data)
                statuses.append(read_reply(connection).status)
        assert statuses == [200, 302, 200, 302, 200]
        told = [seen.all(ASSERTION) for seen in front.origin_log()]
        emails = [[claims_of(one)["email"] for one in values] for values in told]
        assert emails == [[ALICE], [BOB], []]


def test_F08_pipelined_requests_are_judged_one_by_one(both: Both) -> None:
    keep = (("Connection", "keep-alive"),)
    denied = request_bytes("GET", "/denied", "a.example", keep)
    allowed = request_bytes("GET", "/allowed", "a.example", (both.session(ALICE, "ROOT"),))
    for front in both.fronts.values():
        front.clear_log()
        assert everything(front, denied + allowed).startswith(b"HTTP/1.1 302 ")
        assert {seen.target for seen in front.origin_log()} <= {"/allowed"}


def everything(front: Proxy, data: bytes) -> bytes:
    """Whatever comes back before the proxy closes the connection."""
    host, _, port = front.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_F09_a_websocket_without_a_session_is_the_login(both: Both) -> None:
    both.ask("/socket", headers=WEBSOCKET).login("ROOT")


def test_F09_h2c_is_an_ordinary_request(both: Both) -> None:
    upgrade: Pairs = (
        ("Connection", "Upgrade, HTTP2-Settings"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA"),
    )
    for one in both.ask(headers=upgrade):
        assert one.refused() and one.reply.status in (302, 403), one.reply
    for one in both.ask("/public/x", headers=upgrade):
        assert one.reply.status in (200, 403), one.reply
        assert not any(seen.all("upgrade") for seen in one.seen)


def test_F09_connect_is_refused(both: Both) -> None:
    for one in both.send(b"CONNECT b.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n"):
        assert one.refused() and (one.reply.status == 0 or 400 <= one.reply.status < 500)


HIDDEN = b"GET /admin/hidden HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Content-Length: 4\r\nContent-Length: 5",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding : chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        b"Content-Length: +5",
        b"Content-Length: 0x5",
        b"X : 1",
        b" folded: 1",
    ],
)
def test_F10_framing_that_reads_in_two_ways(both: Both, framing: bytes) -> None:
    head = b"POST /public/x HTTP/1.1\r\nHost: a.example\r\n" + framing + b"\r\n\r\n"
    for one in both.send(head + b"0\r\n\r\n" + HIDDEN):
        assert not any("/admin" in seen.target for seen in one.seen), one.seen
        assert one.reply.status != 200 or not one.seen or one.seen[0].body in (b"", b"0\r\n\r\n")


@pytest.mark.parametrize("size", [b"0x5", b"+5", b"5 ", b"-5", b"5;x=\n"])
def test_F10_odd_chunk_sizes_hide_nothing(both: Both, size: bytes) -> None:
    head = b"POST /public/x HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n"
    for one in both.send(head + size + b"\r\nabcde\r\n0\r\n\r\n" + HIDDEN):
        assert not any("/admin" in seen.target for seen in one.seen), one.seen


def test_F10_bare_line_feeds_hide_nothing(both: Both) -> None:
    data = b"GET /public/x HTTP/1.1\nHost: a.example\nX: 1\n\n"
    for one in both.send(data + HIDDEN, timeout=3):
        assert not any("/admin" in seen.target for seen in one.seen), one.seen


def test_F11_trace_is_refused(both: Both) -> None:
    both.ask_as(ALICE, "ROOT", method="TRACE").denied(405)


@pytest.mark.parametrize("method", ["get", "Foo", "G@T", "A" * 40])
def test_F11_methods_that_are_none_are_bad(both: Both, method: str) -> None:
    both.ask("/public/x", method=method).bad()


def test_F11_an_unknown_method_is_bad_or_judged(both: Both) -> None:
    both.ask("/", method="FOO").bad_or_login("ROOT")
    for one in both.ask_as(ALICE, "ROOT", method="FOO"):
        assert one.is_bad() or [seen.method for seen in one.seen] == ["FOO"], one


def test_F11_a_method_override_is_the_origins_business(both: Both) -> None:
    override: Pairs = (("X-HTTP-Method-Override", "OPTIONS"), ("X-Method-Override", "TRACE"))
    both.ask(headers=override).login("ROOT")
    for seen in both.ask_as(ALICE, "ROOT", headers=override).ok(ALICE, "ROOT"):
        assert seen.method == "GET"
