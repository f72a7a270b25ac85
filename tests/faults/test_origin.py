"""The application behind the gate is down: its visitors are told, nobody else notices."""

import time

from tests.faults.parts import BROWSER, as_alice, is_readable
from tests.support.both import Both
from tests.support.front import request_bytes


def test_an_origin_that_is_down_is_named_to_nobody(both: Both) -> None:
    for front in both.catalogue.fronts.values():
        began = time.monotonic()
        reply = front.send_raw(request_bytes("GET", "/x?token=1", "gone.example", BROWSER))
        assert time.monotonic() - began < 2
        assert is_readable(reply, 502, 503)
        program = front.send_raw(request_bytes("GET", "/x", "gone.example"))
        assert program.status in (502, 503) and b'"request_id"' in program.body
        assert program.header("retry-after") == "5"
        assert b"127.0.0.1" not in reply.body + program.body
    assert as_alice(both) == {200}
