"""Clients and origins cannot tell which proxy stands between them."""

import re
import socket

import pytest

from tests.parity.cases import ALICE, CASES, COOKIE, WEBSOCKET, Case, Then
from tests.support.both import Answers, Both
from tests.support.catalogue import Catalogue, Proxy
from tests.support.front import Pairs, request_bytes

_ADDRESSES = {"alice": ALICE, "bob": "bob@admins.example"}


def with_tokens(catalogue: Catalogue, headers: Pairs) -> Pairs:
    """The headers of a case, its sessions filled in."""

    def token(found: re.Match[str]) -> str:
        return catalogue.token(_ADDRESSES[found[1]], found[2])

    return tuple((name, re.sub(r"<(\w+)@(\w+)>", token, value)) for name, value in headers)


def asked(both: Both, case: Case) -> Answers:
    """Send a case through both proxies."""
    headers = with_tokens(both.catalogue, case.headers)
    return both.ask(case.target, case.host, headers, case.method, case.body)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_both_proxies_do_the_same(both: Both, case: Case) -> None:
    answers = asked(both, case)
    match case.then:
        case Then.OK:
            for seen in answers.ok(case.who, case.app):
                expected = case.arrives or case.target
                assert (seen.method, seen.target) == (case.method, expected)
                assert seen.body == case.body
        case Then.PASSED:
            answers.passed()
        case Then.LOGIN:
            answers.login(case.app)
        case Then.DENIED:
            answers.denied(case.status)
        case Then.OWN:
            answers.denied(case.status)


def kept_headers(both: Both, headers: Pairs) -> list[tuple[str, ...]]:
    """What the origins got of the headers named, through each proxy."""
    sent = (*with_tokens(both.catalogue, COOKIE), *headers)
    names = {name for name, _ in headers}
    return [
        tuple(value for name in sorted(names) for value in seen.all(name))
        for seen in both.ask(headers=sent).ok(ALICE, "ROOT")
    ]


def test_foreign_headers_arrive_byte_for_byte(both: Both) -> None:
    sent = (("X-Bytes", "\xe9\xff\x80 \t x"), ("X-Quote", '"a\\"b", c'), ("X-Semi", "a;b=c"))
    for values in kept_headers(both, sent):
        assert values == tuple(value for _, value in sent)


def test_cookies_of_others_arrive_in_their_order_and_spelling(both: Both) -> None:
    token = both.catalogue.token(ALICE, "ROOT")
    line = f'z=1; a="x y"; CF_Authorization={token}; a=2; cf_other=3; ="odd'
    for seen in both.ask(headers=(("Cookie", line),)).ok(ALICE, "ROOT"):
        assert seen.all("cookie") == (line,)


def test_an_allowed_websocket_is_opened(both: Both) -> None:
    answers = both.ask("/socket", headers=(*session(both), *WEBSOCKET))
    assert {one.reply.status for one in answers} == {101}
    answers.same()


def test_grpc_clients_are_told_in_their_own_words_where_the_proxy_knows_them(both: Both) -> None:
    """The one difference there is: Envoy turns its own answers into a gRPC status."""
    for one in both.ask(headers=(("Content-Type", "application/grpc"),)):
        if one.front == "mitmproxy":
            assert one.reply.status == 401
        else:
            assert (one.reply.status, one.reply.header("grpc-status")) == (200, "16")
        assert one.refused()


@pytest.mark.parametrize("name", ["envoy", "mitmproxy"])
def test_an_event_stream_arrives_as_it_is_sent(both: Both, name: str) -> None:
    front = both.catalogue.fronts[name]
    with opened(front, request_bytes("GET", "/events", "a.example", session(both))) as one:
        received = b""
        while b"data: 0" not in received:
            received += one.recv(65536)
        assert b"data: 9" not in received


def session(both: Both) -> Pairs:
    """Alice's session at the root application."""
    return with_tokens(both.catalogue, COOKIE)


def opened(front: Proxy, data: bytes) -> socket.socket:
    """A connection on which a request was sent."""
    host, _, port = front.url.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)), timeout=10)
    connection.sendall(data)
    return connection
