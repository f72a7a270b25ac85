"""The shipped Envoy configuration keeps its promises, tried with the real Envoy."""

import json
import socket
import stat
import time

import pytest

from lychgate.core.urls import ASSERTION, OWNED_HEADERS
from tests.extauthz.conftest import HOST, TEAM, Stand
from tests.support.front import Pairs, Reply, exchange, read_reply, request_bytes

WEBSOCKET: Pairs = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Version", "13"),
)


def ask(
    stand: Stand, target: str, headers: Pairs = (), method: str = "GET", host: str = HOST
) -> Reply:
    """One request on a connection of its own."""
    return stand.front.send_raw(request_bytes(method, target, host, headers))


def reached(stand: Stand) -> list[tuple[str, str]]:
    """Who got which target."""
    return [(seen.origin, seen.target) for seen in stand.front.origin_log()]


def test_allowed_request_reaches_the_origin_with_one_assertion(stand: Stand) -> None:
    """F06, H01: every forged copy of a header we own is gone, ours is there once."""
    forged = tuple((name.title(), "forged") for name in sorted(OWNED_HEADERS)) * 2
    reply = ask(stand, "/", (*forged, ("X-Other", "kept")))
    (seen,) = stand.front.origin_log()
    assert reply.status == 200
    assert seen.all(ASSERTION) == ("for alice",)
    assert [name for name, _ in seen.headers if name in OWNED_HEADERS] == [ASSERTION]
    assert seen.all("x-other") == ("kept",)


def test_cookies_of_an_allowed_answer_reach_the_client(stand: Stand) -> None:
    assert ask(stand, "/").all("set-cookie") == ("CF_Authorization=ours; Path=/", "second=2")


def test_refusal_reaches_the_client_complete_and_no_origin(stand: Stand) -> None:
    reply = ask(stand, "/login")
    assert (reply.status, reply.body) == (302, b"go there")
    assert reply.all("set-cookie") == ("CF_AppSession=new; Path=/", "other=1")
    assert reply.header("location") == "https://team.example/cdn-cgi/access/login"
    assert reached(stand) == []


@pytest.mark.parametrize("headers", [(), WEBSOCKET], ids=["plain", "websocket"])
def test_f01_a_raising_core_is_unavailable(stand: Stand, headers: Pairs) -> None:
    assert ask(stand, "/raise", ((ASSERTION, "forged"), *headers)).status == 503
    assert reached(stand) == []


def test_f05_a_slow_core_is_unavailable(stand: Stand) -> None:
    start = time.monotonic()
    reply = ask(stand, "/sleep")
    assert reply.status == 503 and reply.header("retry-after") == "5"
    assert 1.8 < time.monotonic() - start < 2.8
    assert reached(stand) == []


def test_f05_a_busy_core_is_waited_for_and_asked_once(stand: Stand) -> None:
    assert ask(stand, "/pause").status == 200
    assert [request.path for request in stand.judge.seen] == ["/pause"]


def test_a_document_of_the_gate_is_an_answer_and_lets_nothing_pass(stand: Stand) -> None:
    reply = ask(stand, "/document")
    assert (reply.status, reply.body) == (200, b"{}")
    assert reply.header("content-type") == "application/json"
    assert reached(stand) == []


def test_a_refusal_says_nothing_of_how_it_came_about(stand: Stand) -> None:
    names = {name.lower() for name, _ in ask(stand, "/login").headers}
    assert not [name for name in names if name.startswith(("x-envoy", "x-lychgate"))]
    assert "server" not in names


@pytest.mark.parametrize(
    "target",
    [
        "/cdn-cgi/access/../../admin",
        "/cdn-cgi/access/%2e%2e/%2e%2e/admin",
        "/cdn-cgi/access/x;/../../../admin",
        "/cdn-cgi/access/..;/..;/admin",
        "/cdn-cgi/access/..\\..\\admin",
        "//cdn-cgi/access/../../admin",
        "/cdn-cgi/./access/../../%61dmin",
    ],
)
def test_f07_no_spelling_reaches_an_origin_by_our_unchecked_route(
    stand: Stand, target: str
) -> None:
    reply = ask(stand, target)
    assert reply.status in (302, 400)
    assert reached(stand) == []
    assert reply.status == 400 or [request.path for request in stand.judge.seen] == ["/admin"]


@pytest.mark.parametrize("target", ["/cdn-cgi/accessory", "/cdn-cgi/access", "/cdn-cgi/access%2f"])
def test_f07_what_only_looks_like_our_path_is_judged(stand: Stand, target: str) -> None:
    reply = ask(stand, target)
    assert reply.status == 400 or [request.path for request in stand.judge.seen] == [target]


@pytest.mark.parametrize(
    ("host", "target"),
    [
        (HOST, "/cdn-cgi/access/get-identity"),
        (HOST, "/cdn-cgi/%61ccess/get-identity"),
        (TEAM, "/cdn-cgi/access/callback?code=1"),
        (TEAM, "/"),
    ],
)
def test_own_paths_go_to_the_companion_with_measured_headers(
    stand: Stand, host: str, target: str
) -> None:
    forged = tuple((name, "6.6.6.6") for name in sorted(OWNED_HEADERS)) * 2
    reply = ask(stand, target, forged, host=host)
    (seen,) = stand.front.origin_log()
    owned = [(name, value) for name, value in seen.headers if name in OWNED_HEADERS]
    assert (reply.status, seen.origin, stand.judge.seen) == (200, "companion", [])
    assert owned == [("x-lychgate-client-ip", "127.0.0.1")]


def test_companion_sets_our_cookies_and_takes_no_websocket(stand: Stand) -> None:
    assert len(ask(stand, "/cdn-cgi/access/cookies").all("set-cookie")) == 6
    stand.clear()
    assert ask(stand, "/cdn-cgi/access/x", WEBSOCKET).status == 403
    assert reached(stand) == []


def test_h08_origin_cannot_set_our_cookies(stand: Stand) -> None:
    assert ask(stand, "/cookies").all("set-cookie") == (
        "CF_AuthorizationX=fine; Expires=Wed, 21 Oct 2037 07:28:00 GMT",
        "plain=1; HttpOnly",
        "CF_Authorization=ours; Path=/",
        "second=2",
    )


def test_f08_each_request_of_a_connection_is_judged_alone(stand: Stand) -> None:
    def one(cookie: str, last: bool = False) -> bytes:
        wish = "close" if last else "keep-alive"
        return request_bytes("GET", "/", HOST, (("Cookie", cookie), ("Connection", wish)))

    with socket.create_connection(stand.front.address, timeout=5) as connection:
        connection.sendall(one("bob"))
        assert read_reply(connection).status == 200
        connection.sendall(one("anonymous"))
        assert read_reply(connection).status == 302
        connection.sendall(one("carol", last=True))
        assert read_reply(connection).status == 200
    identities = [seen.all(ASSERTION) for seen in stand.front.origin_log()]
    assert identities == [("for bob",), ("for carol",)]


def test_f08_pipelined_requests_are_judged_alone(stand: Stand) -> None:
    keep = (("Connection", "keep-alive"),)
    data = request_bytes("GET", "/login", HOST, keep) + request_bytes("GET", "/ok", HOST)
    with socket.create_connection(stand.front.address, timeout=5) as connection:
        connection.sendall(data)
        answers = b""
        while more := connection.recv(65536):
            answers += more
    assert answers.startswith(b"HTTP/1.1 302 ")
    assert answers.count(b"HTTP/1.1 ") == 2
    assert reached(stand) == [("origin", "/ok")]


def test_f09_websocket_is_checked_and_then_passes_both_ways(stand: Stand) -> None:
    assert ask(stand, "/login", WEBSOCKET).status == 302
    assert reached(stand) == []
    with socket.create_connection(stand.front.address, timeout=5) as connection:
        connection.sendall(request_bytes("GET", "/socket", HOST, WEBSOCKET))
        assert read_reply(connection).status == 101
        connection.sendall(b"\x81\x02hi")
        assert connection.recv(10) == b"\x81\x02hi"
    (seen,) = stand.front.origin_log()
    assert seen.all(ASSERTION) == ("for alice",)


def test_f09_h2c_upgrade_is_an_ordinary_request(stand: Stand) -> None:
    upgrade = (
        ("Connection", "Upgrade, HTTP2-Settings"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAMAAABkAAQCAAAAAAIAAAAA"),
    )
    assert ask(stand, "/login", upgrade).status == 302
    assert ask(stand, "/", upgrade).status == 200
    (seen,) = stand.front.origin_log()
    assert seen.all("upgrade") == ()


def test_f09_connect_is_refused(stand: Stand) -> None:
    reply = stand.front.send_raw(b"CONNECT b.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n")
    assert 400 <= reply.status < 500
    assert reached(stand) == []


HIDDEN = "GET /hidden HTTP/1.1\r\nHost: a.example\r\n\r\n"
POST = "POST / HTTP/1.1\r\nHost: a.example\r\n"


@pytest.mark.parametrize(
    "data",
    [
        f"{POST}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}",
        f"{POST}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd{HIDDEN}",
        f"{POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{HIDDEN}",
        f"{POST}X : 1\r\n\r\n{HIDDEN}",
        f"{POST}Transfer-Encoding: chunked\r\n\r\n0x5\r\nabcde\r\n0\r\n\r\n{HIDDEN}",
        f"{POST}Transfer-Encoding: chunked\r\n\r\n+5\r\nabcde\r\n0\r\n\r\n{HIDDEN}",
    ],
    ids=["te+cl", "two lengths", "unknown te", "space", "hex chunk", "plus chunk"],
)
def test_f10_no_request_is_smuggled(stand: Stand, data: str) -> None:
    reply = stand.front.send_raw(data.encode(), timeout=3)
    assert reply.status in (0, 400, 501, 502, 503)
    assert ("origin", "/hidden") not in reached(stand)


def test_f10_bare_line_feeds_hide_nothing(stand: Stand) -> None:
    head = f"POST / HTTP/1.1\nHost: a.example\nContent-Length: {len(HIDDEN)}\nConnection: close\n\n"
    stand.front.send_raw(f"{head}{HIDDEN}".encode())
    assert [(seen.target, seen.body) for seen in stand.front.origin_log()] == [
        ("/", HIDDEN.encode())
    ]


@pytest.mark.parametrize(("method", "status"), [("TRACE", 405), ("get", 400), ("FOO", 400)])
def test_f11_odd_methods(stand: Stand, method: str, status: int) -> None:
    assert ask(stand, "/", (("Cookie", "CF_Authorization=x"),), method=method).status == status
    assert reached(stand) == []


def test_f11_a_method_override_changes_nothing_for_us(stand: Stand) -> None:
    ask(stand, "/", (("X-HTTP-Method-Override", "DELETE"),))
    assert [request.method for request in stand.judge.seen] == ["GET"]


def test_f13_the_socket_of_the_decision_server_is_closed_to_others(stand: Stand) -> None:
    mode = stand.socket.stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert mode & 0o007 == 0


@pytest.mark.parametrize("name", ["Cf_Access_Jwt_Assertion", "cf-access_authenticated-user-email"])
def test_h03_headers_with_underscores_are_refused(stand: Stand, name: str) -> None:
    assert ask(stand, "/", ((name, "forged"),)).status == 400
    assert reached(stand) == []


@pytest.mark.parametrize("wish", ["close, Cf-Access-Jwt-Assertion", "cf-access-jwt-assertion"])
def test_h04_connection_cannot_remove_the_assertion(stand: Stand, wish: str) -> None:
    ask(stand, "/", (("Connection", wish), ("Cf-Access-Jwt-Assertion", "forged")))
    (seen,) = stand.front.origin_log()
    assert seen.all(ASSERTION) == ("for alice",)
    assert not any(ASSERTION in value.lower() for value in seen.all("connection"))


def test_h06_forwarded_addresses_are_not_believed(stand: Stand) -> None:
    spoof = ("X-Forwarded-For", "X-Lychgate-Client-Ip", "X-Real-Ip", "X-Envoy-External-Address")
    ask(stand, "/", tuple((name, "10.9.0.1") for name in spoof))
    assert [str(request.client_ip) for request in stand.judge.seen] == ["127.0.0.1"]


def test_h07_a_certificate_header_is_not_believed(stand: Stand) -> None:
    ask(stand, "/", (("X-Forwarded-Client-Cert", 'Hash=1;Subject="CN=svc"'),))
    (request,) = stand.judge.seen
    assert request.certificate is None
    assert "x-forwarded-client-cert" not in request.headers


def test_repeated_headers_and_foreign_bytes_arrive_as_sent(stand: Stand) -> None:
    lines = (("Cookie", "a=1; b=\xff"), ("Cookie", "c=3"), ("X-Two", "1"), ("X-Two", "2,3"))
    ask(stand, "/?q=%zz", lines)
    (request,) = stand.judge.seen
    assert request.headers["cookie"] == ("a=1; b=\xff", "c=3")
    assert request.headers["x-two"] == ("1", "2,3")
    assert (request.path, request.query) == ("/", "q=%zz")


@pytest.mark.parametrize(
    ("sent", "judged"),
    [
        ("/%61dmi%6e2", "/admin2"),
        ("/x/../y", "/y"),
        ("/x/%2E./y", "/y"),
        ("/x/..;/y", "/y"),
        ("/x\\..\\y", "/y"),
        ("//x///y/", "/x/y/"),
        ("/a;p=1/b", "/a;p=1/b"),
    ],
)
def test_g2_what_is_judged_is_what_is_forwarded(stand: Stand, sent: str, judged: str) -> None:
    assert ask(stand, sent).status == 200
    assert [request.path for request in stand.judge.seen] == [judged]
    assert reached(stand) == [("origin", judged)]


def test_g2_the_path_of_the_outcome_is_forwarded_and_the_route_stays(stand: Stand) -> None:
    ask(stand, "/api/caf%e9?x=%e9")
    assert reached(stand) == [("api", "/api/caf%E9?x=%E9")]


@pytest.mark.parametrize("target", ["/a%2fb", "/a%5Cb", "/a%00", "/a#b", "*", "/\xfc"])
def test_ambiguous_targets_are_refused(stand: Stand, target: str) -> None:
    assert ask(stand, target).status == 400
    assert stand.judge.seen == []


def test_prefixes_of_origins_end_at_a_segment(stand: Stand) -> None:
    for target in ("/api", "/api/x", "/apis", "/"):
        ask(stand, target)
    assert [origin for origin, _ in reached(stand)] == ["api", "api", "origin", "origin"]


@pytest.mark.parametrize("host", ["A.Example", "a.example.", "a.example:8443", "A.EXAMPLE.:443"])
def test_p12_spellings_of_a_host_find_its_route(stand: Stand, host: str) -> None:
    assert ask(stand, "/", host=host).status == 200
    assert reached(stand) == [("origin", "/")]


@pytest.mark.parametrize(
    "host", ["b.example", "x@a.example", "a.example, b.example", "", "xa.example"]
)
def test_other_hosts_are_judged_and_reach_nothing(stand: Stand, host: str) -> None:
    assert ask(stand, "/login", host=host).status in (302, 400)
    assert ask(stand, "/", host=host).status in (400, 404)
    assert ask(stand, "/cdn-cgi/access/x", host=host).status in (400, 404)
    assert reached(stand) == []


def test_p14_the_absolute_form_counts(stand: Stand) -> None:
    assert ask(stand, "http://b.example/", host=HOST).status == 404
    assert [request.host for request in stand.judge.seen] == ["b.example"]
    assert ask(stand, f"http://{HOST}/x", host="b.example").status == 200
    (seen,) = stand.front.origin_log()
    assert (seen.target, seen.all("host")) == ("/x", (HOST,))


def test_request_id_is_envoys_and_the_same_everywhere(stand: Stand) -> None:
    ask(stand, "/", (("X-Request-Id", "mine"),))
    (request,), (seen,) = stand.judge.seen, stand.front.origin_log()
    assert request.id not in ("", "mine")
    assert seen.all("x-request-id") == (request.id,)


def test_event_streams_are_not_buffered(stand: Stand) -> None:
    start = time.monotonic()
    with socket.create_connection(stand.front.address, timeout=5) as connection:
        connection.sendall(request_bytes("GET", "/events", HOST))
        received = b""
        while b"data: 0" not in received:
            received += connection.recv(4096)
    assert time.monotonic() - start < 1


def test_f03_a_refused_upload_reaches_no_origin(stand: Stand) -> None:
    body = b"x" * 5_000_000
    reply = stand.front.send_raw(request_bytes("POST", "/admin", HOST, (), body))
    assert reply.status in (0, 302)
    assert reached(stand) == []


def test_d01_big_heads(stand: Stand) -> None:
    assert ask(stand, "/", (("X-Big", "x" * 50_000),)).status == 200
    assert ask(stand, "/", (("X-Big", "x" * 70_000),)).status == 431
    assert ask(stand, "/", tuple((f"x-{n}", "1") for n in range(120))).status == 431


def test_f13_a_plain_request_to_the_decision_server_learns_nothing(stand: Stand) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(stand.socket))
        connection.sendall(request_bytes("GET", "/", HOST))
        try:
            answer = connection.recv(4096)
        except ConnectionError:
            answer = b""
    # The one that speaks gRPC says nothing at all.
    assert answer.startswith(b"HTTP/1.1 404 ") or not answer.startswith(b"HTTP/1")


def test_echo_tells_what_the_origin_saw(stand: Stand) -> None:
    """The stand itself: its log and its answer agree."""
    content = json.loads(ask(stand, "/x").body)
    assert content["target"] == "/x"
    assert exchange(stand.front.address, request_bytes("GET", "/x", HOST)).status == 200
