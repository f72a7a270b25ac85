"""A command line that waits is held for a while, and not at everybody's cost."""

import base64
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from nacl.public import PrivateKey
from starlette.testclient import TestClient

from lychgate.store.base import Transfer
from lychgate.web.answering import Desk
from lychgate.web.app import ROUTES
from lychgate.web.bridge import HELD_OF_ONE, Bridge
from lychgate.web.routing import Table
from tests.web.configs import BASE
from tests.web.installation import Installation

HOST = "login.cloudflareaccess.org"
CONFIG = f"transfer_host: {HOST}\nteam_alias: acme.cloudflareaccess.com\n{BASE}"


@pytest.fixture
def cloudflared(tmp_path: Path) -> Iterator[Installation]:
    """An installation with the two names."""
    with Installation(tmp_path, CONFIG) as opened:
        yield opened


def new_key() -> str:
    """The public key of a fresh run."""
    public = bytes(PrivateKey.generate().public_key)
    return base64.urlsafe_b64encode(public).decode()


def client(installation: Installation, patience: float) -> TestClient:
    """The transfer host, holding requests so long."""
    bridge = Bridge(Desk(Table(ROUTES), installation.services), patience)
    return TestClient(bridge, base_url=f"https://{HOST}", client=("127.0.0.1", 40000))


def left(installation: Installation) -> Transfer:
    """What a browser leaves."""
    return Transfer("sender", "c2VhbGVk", installation.clock() + timedelta(minutes=10))


def test_a_wait_ends_with_not_yet(cloudflared: Installation) -> None:
    started = time.monotonic()
    answer = client(cloudflared, 0.6).get(f"/transfer/{new_key()}")
    assert answer.status_code == 404
    assert time.monotonic() - started >= 0.6


def test_what_is_left_meanwhile_is_handed_out(cloudflared: Installation) -> None:
    key = new_key()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(client(cloudflared, 20).get, f"/transfer/{key}")
        time.sleep(0.2)
        cloudflared.store.transfers.put(key, left(cloudflared))
        answer = waiting.result(15)
    assert (answer.status_code, answer.text) == (200, "c2VhbGVk")
    assert answer.headers["service-public-key"] == "sender"
    assert answer.headers["cache-control"] == "no-store"


def test_what_nobody_collects_in_time_is_gone(cloudflared: Installation) -> None:
    key = new_key()
    cloudflared.store.transfers.put(key, left(cloudflared))
    cloudflared.clock.advance(601)
    assert client(cloudflared, 0).get(f"/transfer/{key}").status_code == 404


def test_the_padding_may_come_encoded_or_not_at_all(cloudflared: Installation) -> None:
    for spelled in ("{}", "{}%3D", "{}="):
        key = new_key()
        cloudflared.store.transfers.put(key, left(cloudflared))
        asked = spelled.format(key.rstrip("="))
        assert client(cloudflared, 0).get(f"/transfer/{asked}").status_code == 200


def test_a_head_request_takes_nothing_away(cloudflared: Installation) -> None:
    key = new_key()
    cloudflared.store.transfers.put(key, left(cloudflared))
    assert client(cloudflared, 0).head(f"/transfer/{key}").status_code == 404
    assert client(cloudflared, 0).get(f"/transfer/{key}").status_code == 200


def test_one_client_holds_so_many_and_no_more(cloudflared: Installation) -> None:
    patience = 3.0
    with client(cloudflared, patience) as shared, ThreadPoolExecutor(HELD_OF_ONE + 4) as threads:
        paths = [f"/transfer/{new_key()}" for _ in range(HELD_OF_ONE + 4)]

        def timed(path: str) -> float:
            started = time.monotonic()
            assert shared.get(path).status_code == 404
            return time.monotonic() - started

        took = sorted(threads.map(timed, paths))
    assert sum(one >= patience for one in took) == HELD_OF_ONE
    assert took[3] < patience


def test_without_a_transfer_host_nothing_is_begun(installation: Installation) -> None:
    browser = installation.browser()
    page = browser.get(f"https://wiki.example.com/cdn-cgi/access/cli?token={new_key()}")
    assert page.status_code == 404
    assert "lychgate access" in page.text
