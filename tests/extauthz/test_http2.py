"""HTTP/2 through the shipped configuration: each stream is judged alone, and by its authority."""

import socket
from collections.abc import Sequence

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, ResponseReceived, StreamEnded, StreamReset

from lychgate.core.urls import ASSERTION
from tests.extauthz.conftest import HOST, Stand

type Fields = Sequence[tuple[str, str]]


def fields(path: str, *more: tuple[str, str], method: str = "GET", host: str = HOST) -> Fields:
    """The header fields of a request."""
    pseudo = ((":method", method), (":scheme", "http"), (":authority", host), (":path", path))
    return (*pseudo, *more)


def statuses(stand: Stand, *requests: Fields) -> list[int]:
    """Send all requests on one connection at once; their statuses, 0 for a reset stream."""
    loose = H2Configuration(
        header_encoding="utf-8", validate_outbound_headers=False, normalize_outbound_headers=False
    )
    client = H2Connection(loose)
    client.initiate_connection()
    open_streams: dict[int, int | None] = {}
    for request in requests:
        stream = client.get_next_available_stream_id()
        client.send_headers(stream, list(request), end_stream=True)
        open_streams[stream] = None
    with socket.create_connection(stand.front.address, timeout=5) as connection:
        connection.sendall(client.data_to_send())
        while None in open_streams.values() and (data := connection.recv(65536)):
            for event in client.receive_data(data):
                match event:
                    case ResponseReceived(stream_id=int(stream), headers=headers):
                        open_streams[stream] = int(next(iter(headers or ()))[1])
                    case StreamReset(stream_id=stream) | StreamEnded(stream_id=stream):
                        open_streams[stream] = open_streams[stream] or 0
                    case ConnectionTerminated():
                        return [status or 0 for status in open_streams.values()]
                    case _:
                        pass
            connection.sendall(client.data_to_send())
    return [status or 0 for status in open_streams.values()]


def test_f08_streams_are_judged_alone(stand: Stand) -> None:
    bob, nobody = ("cookie", "bob"), ("cookie", "anonymous")
    asked = [fields("/", bob), fields("/", nobody)] * 5
    assert statuses(stand, *asked) == [200, 302] * 5
    assert [seen.all(ASSERTION) for seen in stand.front.origin_log()] == [("for bob",)] * 5


def test_c02_crumbs_of_a_cookie_arrive_as_one_header(stand: Stand) -> None:
    assert statuses(stand, fields("/", ("cookie", "a=1"), ("cookie", "b=2"))) == [200]
    assert [request.headers["cookie"] for request in stand.judge.seen] == [("a=1; b=2",)]


def test_f09_extended_connect_is_refused(stand: Stand) -> None:
    socket_over_h2 = fields("/socket", (":protocol", "websocket"), method="CONNECT")
    (status,) = statuses(stand, socket_over_h2)
    assert status == 0 or 400 <= status < 500
    assert stand.front.origin_log() == ()


def test_p14_the_authority_counts_and_the_origin_gets_it(stand: Stand) -> None:
    (status,) = statuses(stand, fields("/", ("host", "b.example")))
    assert status in (0, 200, 400)
    assert all(seen.all("host") == (HOST,) for seen in stand.front.origin_log())
    assert all(request.host == HOST for request in stand.judge.seen)


def test_h03_underscores_are_refused(stand: Stand) -> None:
    (status,) = statuses(stand, fields("/", ("cf_access_jwt_assertion", "forged")))
    assert status in (0, 400)
    assert stand.front.origin_log() == ()


def test_h04_connection_fields_do_not_pass(stand: Stand) -> None:
    (status,) = statuses(stand, fields("/", ("connection", ASSERTION)))
    assert status in (0, 200, 400)
    assert all(seen.all(ASSERTION) == ("for alice",) for seen in stand.front.origin_log())
