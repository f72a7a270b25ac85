"""What goes over one connection: several requests, event streams, WebSockets, HTTP/2."""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager

import h2.config
import h2.connection
import h2.events
import pytest

from tests.addon.test_requests import HOST, UPGRADE
from tests.support.front import Reply, exchange, read_reply, request_bytes
from tests.support.mitm import Mitm


def kept_alive(method: str, path: str, who: str, body: bytes = b"") -> bytes:
    """A request that leaves the connection open, as somebody or nobody."""
    headers = (("Connection", "keep-alive"), *((("X-Who", who),) if who else ()))
    return request_bytes(method, path, HOST, headers, body)


def test_f08_each_request_of_a_connection_is_judged_alone(mitm: Mitm) -> None:
    with socket.create_connection(("127.0.0.1", mitm.port), timeout=5) as connection:
        replies: list[Reply] = []
        for path, who in (("/ok", "alice"), ("/ok", ""), ("/deny", "alice"), ("/ok", "bob")):
            connection.sendall(kept_alive("GET", path, who))
            replies.append(read_reply(connection))
    assert [reply.status for reply in replies] == [200, 200, 403, 200]
    assert [seen.all("cf-access-jwt-assertion") for seen in mitm.origin_log()] == [
        ("for-alice",),
        ("for-nobody",),
        ("for-bob",),
    ]
    assert replies[1].all("set-cookie") == ("CF_Authorization=nobody; Path=/",)


def test_f08_pipelined_requests_are_judged_alone(mitm: Mitm) -> None:
    both = kept_alive("POST", "/deny", "alice", b"x" * 10) + kept_alive("GET", "/ok", "bob")
    with socket.create_connection(("127.0.0.1", mitm.port), timeout=5) as connection:
        connection.sendall(both)
        assert read_reply(connection).status == 403
        assert read_reply(connection).status == 200
    (seen,) = mitm.origin_log()
    assert (seen.method, seen.all("cf-access-jwt-assertion")) == ("GET", ("for-bob",))


def test_f08_after_a_failure_the_connection_goes_on_closed(mitm: Mitm) -> None:
    with socket.create_connection(("127.0.0.1", mitm.port), timeout=5) as connection:
        for path, status in (("/ok", 200), ("/raise", 503), ("/unknown", 503), ("/ok", 200)):
            connection.sendall(kept_alive("GET", path, "alice"))
            assert read_reply(connection).status == status
    assert len(mitm.origin_log()) == 2


def test_f09_an_allowed_websocket_carries_bytes_both_ways(mitm: Mitm) -> None:
    frame = bytes.fromhex("818537fa213d7f9f4d5158")  # RFC 6455 5.7: a masked "Hello"
    with socket.create_connection(("127.0.0.1", mitm.port), timeout=5) as connection:
        connection.sendall(request_bytes("GET", "/ok", HOST, UPGRADE))
        assert read_reply(connection).status == 101
        connection.sendall(frame)
        assert connection.recv(100)
    (seen,) = mitm.origin_log()
    assert seen.all("cf-access-jwt-assertion") == ("for-nobody",)
    assert [value.lower() for value in seen.all("connection")] == ["upgrade"]


def test_f09_a_refused_websocket_reaches_nobody(mitm: Mitm) -> None:
    assert mitm.send_raw(request_bytes("GET", "/deny", HOST, UPGRADE)).status == 403
    assert mitm.origin_log() == ()


def test_an_event_stream_passes_event_by_event(mitm: Mitm) -> None:
    with socket.create_connection(("127.0.0.1", mitm.port), timeout=5) as connection:
        started = time.monotonic()
        connection.sendall(request_bytes("GET", "/events", HOST))
        received = b""
        while b"data: 1" not in received:
            received += connection.recv(65536)
    assert b"data: 9" not in received
    assert time.monotonic() - started < 1.5


def test_an_upload_streams_before_it_is_complete(mitm: Mitm) -> None:
    head = request_bytes("POST", "/ok", HOST, (("Content-Length", "10"),))
    with socket.create_connection(("127.0.0.1", mitm.port), timeout=5) as connection:
        connection.sendall(head + b"12345")
        time.sleep(0.3)
        assert "Streaming request" in mitm.stderr.read_text()
        connection.sendall(b"67890")
        assert read_reply(connection).status == 200


@pytest.mark.parametrize(
    ("line", "passes"),
    [
        ("CF_Authorization=x; Path=/", False),
        ("CF_AppSession=x", False),
        ("CF_Session=x", False),
        ("CF_Binding=x; Secure", False),
        (" CF_Authorization =x", False),
        ("=CF_Authorization=x", False),
        ("CF_Authorization", False),
        ("session=CF_Authorization", True),
        ("xCF_Authorization=x", True),
    ],
)
def test_h08_an_origin_cannot_set_our_cookies(mitm: Mitm, line: str, passes: bool) -> None:
    headers = (("X-Set", "other=1"), ("X-Set", line))
    reply = mitm.send_raw(request_bytes("GET", "/cookies", HOST, headers))
    ours = "CF_Authorization=nobody; Path=/"
    middle = [line.strip()] if passes else []
    assert list(reply.all("set-cookie")) == ["other=1", *middle, ours]


def test_the_companion_sets_our_cookies(mitm: Mitm) -> None:
    path = "/cdn-cgi/access/authorized"
    assert mitm.send_raw(request_bytes("GET", path, HOST)).status == 200
    assert [seen.origin for seen in mitm.origin_log()] == ["companion"]


def test_an_upstream_that_is_down_is_a_502_and_a_refusal_is_still_a_refusal(mitm: Mitm) -> None:
    assert mitm.send_raw(request_bytes("GET", "/ok", "down.example")).status == 502
    assert mitm.send_raw(request_bytes("GET", "/deny", "down.example")).status == 403


def test_f08_http2_streams_are_judged_alone(mitm: Mitm) -> None:
    with _tls(mitm) as connection:
        statuses = _ask(connection, [("/ok", "alice"), ("/ok", ""), ("/deny", "alice")])
    assert statuses == ["200", "200", "403"]
    assertions = {seen.all("cf-access-jwt-assertion") for seen in mitm.origin_log()}
    assert assertions == {("for-alice",), ("for-nobody",)}
    assert {seen.all("host") for seen in mitm.origin_log()} == {("a.example",)}
    assert {asked["scheme"] for asked in mitm.asked()} == {"https"}


def test_p14_http2_with_another_host_line_is_refused(mitm: Mitm) -> None:
    with _tls(mitm) as connection:
        statuses = _ask(connection, [("/ok", "alice")], (("host", "b.example"),))
    assert statuses in ([], ["400"])  # mitmproxy's own parser closes the connection
    assert mitm.origin_log() == ()


@contextmanager
def _tls(mitm: Mitm) -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", mitm.port), timeout=5) as raw,
        context.wrap_socket(raw, server_hostname="a.example") as connection,
    ):
        yield connection


def _ask(
    connection: ssl.SSLSocket,
    requests: list[tuple[str, str]],
    extra: tuple[tuple[str, str], ...] = (),
) -> list[str]:
    client = h2.connection.H2Connection(h2.config.H2Configuration(validate_outbound_headers=False))
    client.initiate_connection()
    for path, who in requests:
        head = [
            (":method", "GET"),
            (":scheme", "https"),
            (":authority", "a.example"),
            (":path", path),
        ]
        named = [("x-who", who)] if who else []
        stream = client.get_next_available_stream_id()
        client.send_headers(stream, [*head, *named, *extra], end_stream=True)
    connection.sendall(client.data_to_send())
    statuses: dict[int, str] = {}
    while len(statuses) < len(requests) and (data := _receive(connection)):
        for event in client.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                found = dict(event.headers)
                statuses[event.stream_id] = found[b":status"].decode()
        connection.sendall(client.data_to_send())
    return [statuses[key] for key in sorted(statuses)]


def _receive(connection: ssl.SSLSocket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionError:
        return b""


def test_f09_what_is_not_http_is_no_way_around(mitm: Mitm) -> None:
    """Bytes that are not HTTP reach nobody: there is no raw forwarding."""
    reply = exchange(("127.0.0.1", mitm.port), b"\x00\x01SSH-2.0-x\r\n\r\n", timeout=5)
    assert reply.status in (0, 400)
    assert mitm.origin_log() == ()
