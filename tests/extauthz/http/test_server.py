"""One worker of the check on its endpoint: who may listen, and how it stops."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from extauthz.http.endpoint import is_serving
from extauthz.http.server import HttpWorker
from extauthz.listening import CannotListen
from tests.extauthz.judge import ByPath
from tests.support.catalogue import wait_for
from tests.support.envoy import free_port
from tests.support.front import exchange, request_bytes


def a_worker(endpoint: str, judge: ByPath | None = None) -> HttpWorker:
    """A worker that is ready from the first moment on."""
    judge = judge or ByPath()
    return HttpWorker(endpoint, judge, judge, lambda: True, ("127.0.0.1",))


@contextmanager
def running(endpoint: str, judge: ByPath | None = None) -> Iterator[HttpWorker]:
    """A worker in this process."""
    worker = a_worker(endpoint, judge)
    worker.start()
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        wait_for(lambda: is_serving(endpoint))
        yield worker
    finally:
        worker.stop()
        thread.join()


def test_a_taken_port_is_refused() -> None:
    endpoint = f"127.0.0.1:{free_port()}"
    with running(endpoint), pytest.raises(CannotListen) as error:
        a_worker(endpoint).start()
    assert endpoint in error.value.message and error.value.hint


def test_a_taken_socket_is_refused_and_a_deserted_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "new" / "check.sock"
    endpoint = f"unix:{path}"
    with running(endpoint), pytest.raises(CannotListen):
        a_worker(endpoint).start()
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as deserted:
        deserted.bind(str(path))
    with running(endpoint):
        assert is_serving(endpoint)


def test_f13_the_socket_is_open_to_owner_and_group_only(tmp_path: Path) -> None:
    path = tmp_path / "check.sock"
    with running(f"unix:{path}"):
        assert path.stat().st_mode & 0o777 == 0o660


def test_a_stopping_worker_says_so_and_answers_on_for_a_while() -> None:
    port = free_port()
    endpoint = f"127.0.0.1:{port}"
    question = request_bytes("GET", "/check/nothing", "a.example")
    with running(endpoint) as worker:
        worker.stop()
        wait_for(lambda: not is_serving(endpoint), 1)
        assert exchange(("127.0.0.1", port), question).status == 404
        time.sleep(0.5)
        assert exchange(("127.0.0.1", port), question).status == 404


def test_nobody_is_serving_where_nobody_listens(tmp_path: Path) -> None:
    assert not is_serving(f"127.0.0.1:{free_port()}")
    assert not is_serving(f"unix:{tmp_path / 'none.sock'}")


@pytest.mark.parametrize("head", [b"GET /", b"G" * 500_000, b"X: y\r\n" * 200])
def test_d01_odd_and_big_heads_end_without_an_answer_that_lets_pass(head: bytes) -> None:
    port = free_port()
    judge = ByPath()
    with running(f"127.0.0.1:{port}", judge):
        reply = exchange(("127.0.0.1", port), head + b"\r\n\r\n", timeout=3)
        assert reply.status in (0, 400, 404, 431)
    assert judge.seen == []
