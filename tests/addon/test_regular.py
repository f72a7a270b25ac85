"""mitmproxy as an explicit proxy: what is judged is where the connection really goes."""

import socket
import ssl
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.front import Reply, read_reply, request_bytes
from tests.support.mitm import Mitm, scripted


def test_a_request_goes_where_its_target_says_in_origin_form(regular: Mitm) -> None:
    address = regular.origin.address
    reply = regular.send_raw(request_bytes("GET", f"http://{address}/ok?x", address))
    (seen,) = regular.origin_log()
    assert reply.status == 200
    assert (seen.target, seen.all("host")) == ("/ok?x", (address,))
    assert seen.all("cf-access-jwt-assertion") == ("for-nobody",)
    assert [asked["host"] for asked in regular.asked()] == [address]


@pytest.mark.parametrize("host", ["a.example", "127.0.0.1", "127.0.0.1:1", "127.0.0.1:x", ""])
def test_p14_another_host_than_the_destination_is_refused(regular: Mitm, host: str) -> None:
    target = f"http://{regular.origin.address}/ok"
    assert regular.send_raw(request_bytes("GET", target, host)).status == 400
    assert regular.origin_log() == ()


def test_a_refused_request_connects_to_nothing(regular: Mitm) -> None:
    address = regular.origin.address
    assert regular.send_raw(request_bytes("GET", f"http://{address}/deny", address)).status == 403
    assert regular.origin_log() == ()


def test_the_companion_is_reached_through_the_same_proxy(regular: Mitm) -> None:
    target = "http://team.example/cdn-cgi/access/login"
    assert regular.send_raw(request_bytes("GET", target, "team.example")).status == 200
    (seen,) = regular.origin_log()
    assert (seen.origin, seen.all("host")) == ("companion", ("team.example",))
    assert seen.all("x-lychgate-client-ip") == ("127.0.0.1",)


def test_the_companion_is_reached_through_an_intercepted_connection(regular: Mitm) -> None:
    reply = _through_connect(regular, "team.example:443", "team.example", "/cdn-cgi/access/login")
    assert reply.status == 200
    (seen,) = regular.origin_log()
    assert (seen.origin, seen.all("host")) == ("companion", ("team.example",))
    assert [asked["scheme"] for asked in regular.asked()] == ["https"]


def test_f09_inside_a_connect_each_request_is_judged(regular: Mitm) -> None:
    assert _through_connect(regular, "a.example:443", "a.example", "/deny").status == 403
    assert _through_connect(regular, "a.example:443", "a.example", "/raise").status == 503
    assert _through_connect(regular, "a.example:443", "b.example", "/ok").status == 400
    assert regular.origin_log() == ()


def test_f09_plain_http_inside_a_connect_is_judged(regular: Mitm) -> None:
    address = regular.origin.address
    with _connect(regular, address) as connection:
        connection.sendall(request_bytes("GET", "/deny", address))
        assert read_reply(connection).status == 403
    with _connect(regular, address) as connection:
        connection.sendall(request_bytes("GET", "/ok", address))
        assert read_reply(connection).status == 200
    assert len(regular.origin_log()) == 1


def test_f09_a_connect_carries_nothing_but_http(regular: Mitm) -> None:
    """Bytes of another protocol open no connection, whatever mitmproxy takes them for."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(0.5)
        with _connect(regular, f"127.0.0.1:{listener.getsockname()[1]}") as connection:
            connection.sendall(b"\x00\x1d\x12\x34\x01\x00\x00\x01 anything\n")
            with pytest.raises(TimeoutError):
                listener.accept()


def test_f09_dns_over_a_connect_opens_no_connection(regular: Mitm) -> None:
    query = bytes.fromhex("001d123401000001000000000000076578616d706c6503636f6d0000010001")
    with _connect(regular, "127.0.0.1:53") as connection:
        connection.sendall(query)
        with suppress(ConnectionError):
            connection.recv(100)
    assert "server connect 127.0.0.1:53" not in regular.stderr.read_text()
    assert "killed before connect" in regular.stderr.read_text()


def _connect(regular: Mitm, authority: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", regular.port), timeout=5)
    connection.sendall(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
    assert b" 200 " in connection.recv(1000)
    return connection


def _through_connect(regular: Mitm, authority: str, host: str, path: str) -> Reply:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        _connect(regular, authority) as raw,
        context.wrap_socket(raw, server_hostname=authority.partition(":")[0]) as connection,
    ):
        connection.sendall(request_bytes("GET", path, host))
        return read_reply(connection)


def test_through_a_parent_proxy_the_request_still_goes_where_it_was_judged_to_go(
    regular: Mitm, tmp_path: Path
) -> None:
    parent = f"mode=upstream:http://127.0.0.1:{regular.port}"
    with scripted(tmp_path, "regular", (parent,)) as front:
        address = regular.origin.address
        reply = front.send_raw(request_bytes("GET", f"http://{address}/ok", address))
        assert reply.status == 200
        assert [seen.target for seen in regular.origin_log()] == ["/ok"]
        assert front.send_raw(request_bytes("GET", "http://x/", "x:81")).status == 400
        companion = request_bytes("GET", "http://team.example/cdn-cgi/access/x", "team.example")
        assert front.send_raw(companion).status == 200
        assert [seen.origin for seen in front.origin_log()] == ["companion"]
    assert len(regular.asked()) == 1
