"""What a real mitmproxy forwards, answers and refuses, one request at a time."""

import pytest

from tests.support.front import Pairs, request_bytes
from tests.support.mitm import Mitm

HOST = "a.example:8443"
FORGED = (
    ("Cf-Access-Jwt-Assertion", "evil"),
    ("CF-ACCESS-JWT-ASSERTION", "evil2"),
    ("Cf-Access-Authenticated-User-Email", "root@x"),
    ("X-Lychgate-Client-Ip", "10.9.0.1"),
    ("X-Lychgate-Client-Cert", "evil"),
)
UPGRADE = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
)


def test_an_allowed_request_arrives_with_its_host_and_one_assertion(mitm: Mitm) -> None:
    reply = mitm.send_raw(request_bytes("GET", "/ok?x=1", HOST, (("X-Who", "alice"), ("A", "b"))))
    (seen,) = mitm.origin_log()
    assert reply.status == 200
    assert (seen.method, seen.target) == ("GET", "/ok?x=1")
    assert seen.all("host") == (HOST,)
    assert seen.all("a") == ("b",)
    assert seen.all("cf-access-jwt-assertion") == ("for-alice",)
    assert reply.all("set-cookie") == ("CF_Authorization=alice; Path=/",)


def test_h01_h03_forged_headers_never_arrive(mitm: Mitm) -> None:
    mitm.send_raw(request_bytes("GET", "/ok", HOST, FORGED))
    (seen,) = mitm.origin_log()
    assert seen.all("cf-access-jwt-assertion") == ("for-nobody",)
    for name in ("cf-access-authenticated-user-email", "x-lychgate-client-ip"):
        assert seen.all(name) == ()
    assert seen.all("x-lychgate-client-cert") == ()


def test_h03_an_underscore_in_a_header_name_is_refused(mitm: Mitm) -> None:
    reply = mitm.send_raw(request_bytes("GET", "/ok", HOST, (("Cf_Access_Jwt_Assertion", "x"),)))
    assert reply.status == 400
    assert mitm.origin_log() == ()
    assert mitm.asked() == []


def test_the_companion_gets_the_client_address_and_nothing_forged(mitm: Mitm) -> None:
    mitm.send_raw(request_bytes("GET", "/cdn-cgi/access/login", HOST, FORGED))
    (seen,) = mitm.origin_log()
    assert (seen.origin, seen.all("host")) == ("companion", (HOST,))
    assert seen.all("x-lychgate-client-ip") == ("127.0.0.1",)
    assert seen.all("x-lychgate-client-cert") == ()
    assert seen.all("cf-access-jwt-assertion") == ()


def test_an_answer_keeps_every_cookie(mitm: Mitm) -> None:
    reply = mitm.send_raw(request_bytes("GET", "/deny", HOST))
    assert (reply.status, reply.body) == (403, b"refused")
    assert reply.all("set-cookie") == ("a=1", "b=2")
    assert mitm.origin_log() == ()


def test_an_answer_to_head_has_no_body(mitm: Mitm) -> None:
    data = request_bytes("HEAD", "/deny", HOST)
    raw = mitm.send_raw(data.replace(b"Connection: close\r\n", b"Connection: close\r\nA: b\r\n"))
    assert raw.status == 403
    assert raw.header("content-length") == "7"
    assert raw.raw.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "path", ["/raise", "/unknown", "/unwritable", "/split", "/split-answer", "/hang"]
)
@pytest.mark.parametrize(
    ("method", "headers", "size"),
    [("GET", (), 0), ("POST", (), 5_000), ("GET", UPGRADE, 0)],
    ids=["get", "post", "websocket"],
)
def test_f01_f05_f12_whatever_fails_ends_in_a_503(
    mitm: Mitm, path: str, method: str, headers: Pairs, size: int
) -> None:
    """The gate raises, returns nonsense, is too slow; the translation of its answer raises."""
    reply = mitm.send_raw(request_bytes(method, path, HOST, (*headers, *FORGED), b"x" * size))
    assert reply.status == 503
    assert b"Traceback" not in reply.raw
    assert mitm.origin_log() == ()


def test_f01_a_failure_in_the_answer_withholds_it(mitm: Mitm) -> None:
    reply = mitm.send_raw(request_bytes("GET", "/broken-cookie", HOST))
    assert (reply.status, reply.body) == (503, b"")
    assert len(mitm.origin_log()) == 1
    assert mitm.send_raw(request_bytes("GET", "/ok", HOST)).status == 200


def test_errors_are_logged_without_what_the_client_sent(mitm: Mitm) -> None:
    mitm.send_raw(request_bytes("GET", "/raise", HOST, (("Cookie", "CF_Authorization=sekret"),)))
    text = mitm.stderr.read_text()
    assert "refused after RuntimeError" in text
    assert "sekret" not in text


@pytest.mark.parametrize("size", [5_000, 5_000_000])
@pytest.mark.parametrize("path", ["/deny", "/raise"])
def test_f03_a_refused_upload_reaches_nobody(mitm: Mitm, path: str, size: int) -> None:
    reply = mitm.send_raw(request_bytes("POST", path, HOST, (), b"x" * size))
    assert reply.status in (403, 503)
    assert mitm.origin_log() == ()


def test_f03_a_refused_chunked_upload_reaches_nobody(mitm: Mitm) -> None:
    head = request_bytes("POST", "/deny", HOST, (("Transfer-Encoding", "chunked"),))
    body = b"".join(b"%x\r\n%s\r\n" % (5000, b"x" * 5000) for _ in range(200))
    assert mitm.send_raw(head + body + b"0\r\n\r\n").status == 403
    assert mitm.origin_log() == ()


def test_f03_a_refused_upload_that_waits_for_continue_reaches_nobody(mitm: Mitm) -> None:
    expecting = request_bytes("POST", "/deny", HOST, (("Expect", "100-continue"),), b"x" * 5000)
    assert mitm.send_raw(expecting).status == 403
    assert mitm.origin_log() == ()


@pytest.mark.parametrize("chunked", [False, True])
def test_f03_an_allowed_upload_arrives_whole(mitm: Mitm, chunked: bool) -> None:
    content = b"x" * 5_000_000
    data = request_bytes("POST", "/ok", HOST, (), content)
    if chunked:
        head = request_bytes("POST", "/ok", HOST, (("Transfer-Encoding", "chunked"),))
        data = head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content)
    assert mitm.send_raw(data).status == 200
    (seen,) = mitm.origin_log()
    assert seen.body == content


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"GET /\xfc HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n", "/\xfc"),
        (b"GET /\\x HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n", "/\\x"),
        (b"GET /a#b HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n", "/a#b"),
        (b"OPTIONS * HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n", "*"),
    ],
)
def test_f02_p04_p10_odd_targets_reach_the_gate_as_they_are(
    mitm: Mitm, data: bytes, expected: str
) -> None:
    mitm.send_raw(data)
    (asked,) = mitm.asked()
    assert asked["path"] == expected


@pytest.mark.parametrize(
    "value",
    [b"a\x00b", b"a\x01b", b"a\x7fb", b"a\r\n folded"],
    ids=["nul", "control", "delete", "folded"],
)
def test_f02_control_characters_in_a_header_are_refused(mitm: Mitm, value: bytes) -> None:
    head = b"GET /ok HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nCookie: %s\r\n\r\n"
    assert mitm.send_raw(head % value).status == 400
    assert mitm.origin_log() == ()


def test_f02_bytes_in_headers_are_latin_1_and_forwarded_as_they_are(mitm: Mitm) -> None:
    data = b"GET /ok HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nA: \xff\r\nA: =x\r\n\r\n"
    assert mitm.send_raw(data).status == 200
    (asked,), (seen,) = mitm.asked(), mitm.origin_log()
    assert asked["headers"]["a"] == ["\xff", "=x"]
    assert seen.all("a") == ("\xff", "=x")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (b"Host: a.example\r\nHost: b.example\r\n", "a.example, b.example"),
        (b"Host: a.example\r\nHost: a.example\r\n", "a.example, a.example"),
        (b"Host: b.example@a.example\r\n", "b.example@a.example"),
        (b"Host: a.example/x\r\n", "a.example/x"),
        (b"Host: a\xff.example\r\n", "a\xff.example"),
        (b"Host:\r\n", ""),
        (b"Host: a b\r\n", "a b"),
    ],
)
def test_p13_host_nonsense_is_for_the_gate_to_refuse(
    mitm: Mitm, lines: bytes, expected: str
) -> None:
    reply = mitm.send_raw(b"GET /ok HTTP/1.1\r\nConnection: close\r\n" + lines + b"\r\n")
    assert reply.status == 400
    assert [asked["host"] for asked in mitm.asked()] == [expected]
    assert mitm.origin_log() == ()


def test_p13_no_host_at_all_is_refused(mitm: Mitm) -> None:
    assert mitm.send_raw(b"GET /ok HTTP/1.0\r\n\r\n").status == 400
    assert mitm.origin_log() == ()


def test_p14_absolute_form_with_another_authority_is_refused(mitm: Mitm) -> None:
    reply = mitm.send_raw(request_bytes("GET", "http://b.example/ok", "a.example"))
    assert reply.status == 400
    assert mitm.origin_log() == ()


def test_p14_absolute_form_with_an_empty_host_is_refused(mitm: Mitm) -> None:
    assert mitm.send_raw(request_bytes("GET", "http://a.example/ok", "")).status == 400
    assert mitm.origin_log() == ()


def test_p14_absolute_form_is_forwarded_in_origin_form(mitm: Mitm) -> None:
    reply = mitm.send_raw(request_bytes("GET", "http://a.example/ok?q", "a.example"))
    (seen,) = mitm.origin_log()
    assert reply.status == 200
    assert (seen.target, seen.all("host")) == ("/ok?q", ("a.example",))


def test_p14_absolute_form_without_host_gets_one(mitm: Mitm) -> None:
    assert mitm.send_raw(b"GET http://a.example/ok HTTP/1.0\r\n\r\n").status == 200
    (seen,) = mitm.origin_log()
    assert (seen.target, seen.all("host")) == ("/ok", ("a.example",))


def test_a_host_without_an_upstream_is_not_found(mitm: Mitm) -> None:
    assert mitm.send_raw(request_bytes("GET", "/ok", "b.example")).status == 404
    assert mitm.origin_log() == ()


@pytest.mark.parametrize("named", ["Cf-Access-Jwt-Assertion", "cf-access-jwt-assertion"])
def test_h04_connection_cannot_remove_the_assertion(mitm: Mitm, named: str) -> None:
    headers = (("Connection", f"close, {named}, X-Drop"), ("X-Drop", "1"), ("X-Keep", "1"))
    mitm.send_raw(request_bytes("GET", "/ok", HOST, headers))
    (seen,) = mitm.origin_log()
    assert seen.all("cf-access-jwt-assertion") == ("for-nobody",)
    assert seen.all("connection") == ("close",)
    assert (seen.all("x-drop"), seen.all("x-keep")) == ((), ("1",))


@pytest.mark.parametrize("named", ["Content-Length", "Host", "Transfer-Encoding"])
def test_h04_connection_cannot_change_where_the_message_ends_or_goes(
    mitm: Mitm, named: str
) -> None:
    data = request_bytes("POST", "/ok", HOST, (("Connection", f"close, {named}"),), b"x" * 100)
    assert mitm.send_raw(data).status == 200
    (seen,) = mitm.origin_log()
    assert (seen.all("host"), len(seen.body)) == ((HOST,), 100)


def test_f10_two_lengths_are_refused(mitm: Mitm) -> None:
    for extra in (b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"):
        head = b"POST /ok HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n" + extra
        assert mitm.send_raw(head + b"\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\n\r\n").status == 400
    assert mitm.origin_log() == ()


def test_d01_big_heads_are_refused(mitm: Mitm) -> None:
    many = tuple((f"X-{number}", "1") for number in range(101))
    for headers in (many, (("Cookie", "x" * 66_000),)):
        assert mitm.send_raw(request_bytes("GET", "/ok", HOST, headers)).status == 431
    assert mitm.asked() == []


def test_d01_a_head_within_the_limits_passes(mitm: Mitm) -> None:
    headers = (("Cookie", "x" * 60_000), *((f"X-{number}", "1") for number in range(90)))
    assert mitm.send_raw(request_bytes("GET", "/ok", HOST, headers)).status == 200


def test_f09_h2c_is_an_ordinary_request(mitm: Mitm) -> None:
    headers = (
        ("Connection", "close, Upgrade, HTTP2-Settings"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA"),
    )
    for method, body in (("GET", b""), ("POST", b"x" * 10)):
        assert mitm.send_raw(request_bytes(method, "/ok", HOST, headers, body)).status == 200
    for seen in mitm.origin_log():
        assert (seen.all("upgrade"), seen.all("http2-settings")) == ((), ())


def test_f09_connect_is_refused(mitm: Mitm) -> None:
    reply = mitm.send_raw(b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n")
    assert 400 <= reply.status < 500
    assert mitm.origin_log() == ()


def test_the_gate_is_told_the_facts_of_the_connection(mitm: Mitm) -> None:
    mitm.send_raw(request_bytes("GET", "/ok?a=1?b", HOST, (("X-Forwarded-For", "10.9.0.1"),)))
    (asked,) = mitm.asked()
    facts = {name: asked[name] for name in ("method", "scheme", "host", "path", "query")}
    assert facts == {
        "method": "GET",
        "scheme": "http",
        "host": HOST,
        "path": "/ok",
        "query": "a=1?b",
    }
    assert (asked["client_ip"], asked["certificate"]) == ("127.0.0.1", None)
