"""The audit log."""

from datetime import timedelta

from lychgate.store.base import AuditEvent, AuditFilter
from tests.store.parts import START, Opened


def event(seconds: int, action: str = "login", **members: object) -> AuditEvent:
    return AuditEvent(at=START + timedelta(seconds=seconds), action=action, **members)  # type: ignore[arg-type]  # the tests name real members


def test_a_line_reads_back_as_it_was_written(store: Opened) -> None:
    line = event(
        0,
        actor="a",
        actor_kind="cli",
        email="alice@example.com",
        subject="s",
        app="a1",
        policy="p1",
        allowed=True,
        reason="allowed",
        request_id="r1",
        session="n1",
        ip="192.0.2.1",
        country="DE",
        target="policy/p1",
        revision=3,
        details={"purpose": "x\0y", "n": [1, None]},
    )
    store.audit.write([line])
    (found,) = store.audit.query(AuditFilter())
    assert found.id > 0
    assert {**_members(found), "id": 0} == _members(line)


def _members(event: AuditEvent) -> dict[str, object]:
    return {name: getattr(event, name) for name in event.__slots__}


def test_lines_are_found_by_what_is_asked(store: Opened) -> None:
    store.audit.write(
        [
            event(0, email="alice@example.com", app="a1", allowed=True),
            event(1, "logout", email="bob@example.com", app="a1"),
            event(2, email="alice@example.com", app="a2", allowed=False, request_id="r2"),
        ]
    )
    store.audit.write([])

    def seconds(**asked: object) -> list[int]:
        found = store.audit.query(AuditFilter(**asked))  # type: ignore[arg-type]  # as above
        return [int((one.at - START).total_seconds()) for one in found]

    assert seconds() == [2, 1, 0]
    assert seconds(limit=1) == [2]
    assert seconds(email="alice@example.com") == [2, 0]
    assert seconds(app="a1", email="alice@example.com") == [0]
    assert seconds(actions=("logout", "put")) == [1]
    assert seconds(allowed=False) == [2]
    assert seconds(request_id="r2") == [2]
    assert seconds(since=START + timedelta(seconds=1)) == [2, 1]
    assert seconds(until=START + timedelta(seconds=1)) == [1, 0]
    assert seconds(oldest_first=True, limit=2) == [0, 1]


def test_a_walk_comes_to_every_line(store: Opened) -> None:
    store.audit.write([event(number) for number in range(1005)])
    for oldest_first in (False, True):
        walked = store.audit.walk(AuditFilter(oldest_first=oldest_first, limit=1))
        seconds = [int((one.at - START).total_seconds()) for one in walked]
        assert seconds == sorted(range(1005), reverse=not oldest_first)


def test_old_lines_are_forgotten_on_request(store: Opened) -> None:
    store.audit.write([event(0), event(10), event(20)])
    assert store.audit.prune(START + timedelta(seconds=10)) == 1
    assert len(store.audit.query(AuditFilter())) == 2
