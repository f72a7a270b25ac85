"""What a proxy does in a way of its own is safe too, and stands in its guide."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lychgate.core.urls import (
    ASSERTION,
    CLIENT_ID,
    CLIENT_SECRET,
    OWNED_HEADERS,
    TOKEN_HEADER,
    USER_EMAIL,
)
from tests.httpcheck.conftest import Through
from tests.httpcheck.differing import DIFFERS
from tests.parity.cases import ALICE
from tests.support.both import forged
from tests.support.browsing import Visitor
from tests.support.catalogue import FREE, wait_for
from tests.support.front import Pairs, request_bytes

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
BY_LIST = ["nginx", "caddy"]
CREDENTIALS = {TOKEN_HEADER, CLIENT_ID, CLIENT_SECRET}


def through(names: list[str]) -> pytest.MarkDecorator:
    """Some of the proxies."""
    return pytest.mark.parametrize("both", names, indirect=True)


def _reasons() -> Iterator[tuple[str, str]]:
    for front, listed in DIFFERS.items():
        yield from ((front, reason) for reason in dict.fromkeys(listed.values()))


@pytest.mark.parametrize(("front", "reason"), list(_reasons()))
def test_every_difference_stands_in_the_guide(front: str, reason: str) -> None:
    text = (GUIDES / f"{front}.md").read_text()
    assert reason in re.sub(r"\s+", " ", text)


@through(BY_LIST)
def test_H01_H02_the_headers_that_are_ours_are_replaced(both: Through) -> None:
    sent = forged(names=sorted(OWNED_HEADERS - CREDENTIALS))
    both.ask_as(ALICE, "ROOT", headers=sent).ok(ALICE, "ROOT")
    both.ask("/public/x", headers=sent).passed()
    both.ask("/x", FREE, sent).passed()
    both.ask("/public/x", headers=forged()).passed()


@through(BY_LIST)
@pytest.mark.parametrize("name", ["Cf-Access-Groups", "CF-ACCESS-X", "cf-access-"])
def test_H02_another_of_the_family_stops_the_request(both: Through, name: str) -> None:
    for target in ("/public/x", "/"):
        answers = both.ask_as(ALICE, "ROOT", target, headers=((name, "forged"),))
        answers.bad()
        assert [one.reply.status for one in answers] == [400]


@through(["envoy-http", "haproxy"])
@pytest.mark.parametrize("name", ["X-Lychgate-Verdict", "x-lychgate-", "X-LYCHGATE-NEW"])
def test_H02_headers_between_ourselves_arrive_nowhere(both: Through, name: str) -> None:
    for target in ("/public/x", "/"):
        (one,) = both.ask_as(ALICE, "ROOT", target, headers=((name, "forged"),))
        assert one.reply.status == 200
        assert "forged" not in str(one.seen[0].headers)


@through(["nginx"])
@pytest.mark.parametrize("name", ["Cf_Access_Jwt_Assertion", "X_LYCHGATE_CLIENT_IP", "Cf.Access"])
def test_H03_what_nginx_leaves_out_arrives_nowhere(both: Through, name: str) -> None:
    for seen in both.ask("/public/x", headers=((name, "forged"),)).passed():
        assert "forged" not in str(seen.headers)


@through(["caddy"])
@pytest.mark.parametrize(
    ("target", "spelled"),
    [("/a/./b/../c?x=%7e", "/a/c?x=%7e"), ("/%78//y", "/x/y"), ("//b.example/x", "/b.example/x")],
)
def test_another_spelling_is_asked_for_at_the_same_place(
    both: Through, target: str, spelled: str
) -> None:
    (one,) = both.ask_as(ALICE, "ROOT", target)
    assert one.refused() and one.reply.status == 308
    assert one.reply.header("location") == spelled
    (seen,) = both.ask_as(ALICE, "ROOT", spelled).ok(ALICE, "ROOT")
    assert seen.target == spelled


@through(["haproxy"])
def test_P13_the_same_host_twice_is_that_host(both: Through) -> None:
    lines = b"GET / HTTP/1.1\r\nHost: a.example\r\nHost: a.example\r\nConnection: close\r\n\r\n"
    both.send(lines).login("ROOT")


@pytest.mark.parametrize("target", ["*", "*?x=/y"])
def test_P13_a_question_about_no_path_leads_nowhere(both: Through, target: str) -> None:
    (one,) = both.ask(target, method="OPTIONS")
    assert one.refused() and one.reply.status < 500, one  # Caddy answers it by itself


@through(["nginx", "caddy"])
def test_hosts_that_nobody_named_lead_nowhere(both: Through) -> None:
    for host in ("nowhere.example", "a.example.evil", "127.0.0.1"):
        (one,) = both.ask_as(ALICE, "ROOT", host=host)
        assert one.is_denied(404), one


WEBSOCKET: Pairs = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Version", "13"),
)


def test_an_allowed_websocket_is_opened(both: Through) -> None:
    (one,) = both.ask_as(ALICE, "ROOT", "/socket", headers=WEBSOCKET)
    assert one.reply.status == 101
    assert len(one.seen[0].all(ASSERTION)) == 1


def test_an_event_stream_arrives_as_it_is_sent(both: Through) -> None:
    data = request_bytes("GET", "/events", "a.example", (both.session(ALICE, "ROOT"),))
    host, _, port = both.fronts[both.name].url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(data)
        received = b""
        while b"data: 0" not in received:
            received += connection.recv(65536)
        assert b"data: 9" not in received


@pytest.mark.parametrize("target", ["/", "/public/x"])
def test_cloudflareds_question_is_answered_beside_the_origins_answer(
    both: Through, target: str
) -> None:
    (one,) = both.ask_as(ALICE, "ROOT", target, headers=(("Cf-Access-Metadata-Request", "true"),))
    assert one.reply.status == 200
    (signed,) = one.reply.all("cf-access-metadata")
    assert signed.count(".") == 2
    assert not one.seen[0].all("cf-access-metadata-request")


def test_the_request_id_is_the_proxys_and_the_same_everywhere(both: Through) -> None:
    (one,) = both.ask_as(ALICE, "ROOT", headers=(("X-Request-Id", "the visitor's"),))
    (id,) = one.seen[0].all("x-request-id")
    assert id != "the visitor's"
    wait_for(lambda: id in both.catalogue.output())
    (one,) = both.ask("/", "w.example", (("X-Request-Id", "the visitor's"),))
    assert b"the visitor's" not in one.reply.body


def test_a_refusal_is_logged_once(both: Through) -> None:
    (one,) = both.ask("/once", "w.example", (("Accept", "text/html"),))
    shown = re.search(rb"\b[0-9a-f]{8}-?[0-9a-f-]{23,27}\b", one.reply.body)
    assert one.reply.status == 403 and shown is not None
    id = shown[0].decode()
    wait_for(lambda: id in both.catalogue.output())
    both.ask("/later", "w.example")
    assert both.catalogue.output().count(id) == 1


def test_a_person_logs_in_and_is_named_to_the_origin(both: Through) -> None:
    front = both.fronts[both.name]
    person = Visitor(both.catalogue, front)
    email = f"{both.name}@staff.example"
    page = person.log_in("https://a.example/x?y=1", email)
    assert page.reply.status == 200
    assert front.origin_log()[-1].all(USER_EMAIL) == (email,)
    assert front.origin_log()[-1].target == "/x?y=1"
