"""Clients known by a metadata document: what is fetched, believed, and remembered."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lychgate.oauth.documents import LIMIT, Documents, is_document_url
from lychgate.oauth.errors import InvalidClient
from lychgate.outbound import Call, NoAnswer, Outbound, Why
from tests.oauth.documents import DocumentServer, document_server

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[DocumentServer, Outbound]]:
    """A server with a good document."""
    with document_server(tmp_path) as (server, outbound):
        server.describe()
        yield server, outbound


type Served = tuple[DocumentServer, Outbound]


def refused(served: Served) -> str:
    """Why the served document describes no client."""
    server, outbound = served
    with pytest.raises(InvalidClient) as error:
        Documents().client(server.url, outbound, NOW)
    return error.value.message


@pytest.mark.parametrize(
    ("id", "is_one"),
    [
        ("https://client.example/client.json", True),
        ("https://client.example/", False),
        ("https://client.example", False),
        ("http://client.example/client.json", False),
        ("https://client.example/a/../b", False),
        ("https://client.example/c#part", False),
        ("https://client.example/c?x=1", False),
        ("https://user@client.example/c", False),
        ("abc", False),
    ],
)
def test_o24_which_ids_are_addresses_of_documents(id: str, is_one: bool) -> None:
    assert is_document_url(id) is is_one


def test_a_good_document_is_a_public_client(served: Served) -> None:
    server, outbound = served
    client = Documents().client(server.url, outbound, NOW)
    assert (client.id, client.name, client.secret_hash) == (server.url, "Described", None)
    assert client.redirect_uris == ("http://localhost:4711/callback",)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"client_id": "https://client.example/other.json"}, "not its own address"),
        ({"client_id": None}, "not its own address"),
        ({"client_secret": "public now"}, "holds a secret"),
        ({"client_name": None}, "client_name"),
        ({"redirect_uris": None}, "redirect_uris"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "malformed"),
        ({"token_endpoint_auth_method": "client_secret_basic"}, "nobody issued"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "must be one of"),
    ],
)
def test_o24_a_document_that_cannot_be_right(
    served: Served, changes: dict[str, Any], reason: str
) -> None:
    served[0].describe(**changes)
    assert reason in refused(served)


def test_o24_html_errors_redirects_and_heavy_documents_describe_nobody(served: Served) -> None:
    server, _ = served
    server.headers = {"content-type": "text/html"}
    assert "not JSON" in refused(served)
    server.headers = {"content-type": "application/json"}
    for status in (404, 500):
        server.status = status
        assert str(status) in refused(served)
    server.status, server.headers["location"] = 302, "https://client.example/elsewhere"
    assert "302" in refused(served)
    server.status, server.body = 200, b"[]"
    assert "not a JSON object" in refused(served)
    server.body = b"{"
    assert "not JSON" in refused(served)
    server.describe(software_id="x" * LIMIT)
    assert "cannot be fetched" in refused(served)


def test_o24_a_document_is_remembered_as_long_as_it_says(served: Served) -> None:
    server, outbound = served
    server.headers["cache-control"] = "public, max-age=600"
    documents = Documents()
    documents.client(server.url, outbound, NOW)
    server.describe(client_name="Changed")
    later = NOW + timedelta(seconds=599)
    assert documents.client(server.url, outbound, later).name == "Described"
    assert server.asked == 1
    over = NOW + timedelta(seconds=601)
    assert documents.client(server.url, outbound, over).name == "Changed"


def test_o24_a_failure_is_remembered_too_but_not_for_long(served: Served) -> None:
    server, outbound = served
    documents = Documents()
    server.status = 404
    for _ in range(3):
        with pytest.raises(InvalidClient):
            documents.client(server.url, outbound, NOW)
    assert server.asked == 1
    server.status = 200
    assert documents.client(server.url, outbound, NOW + timedelta(seconds=31)).name == "Described"


def test_o24_a_document_is_kept_a_day_at_most_and_half_a_minute_at_least(served: Served) -> None:
    server, outbound = served
    for said, kept in (("max-age=99999999", 86400), ("no-store", 30), ("max-age=0", 30)):
        documents = Documents()
        server.headers["cache-control"] = said
        documents.client(server.url, outbound, NOW)
        before = server.asked
        documents.client(server.url, outbound, NOW + timedelta(seconds=kept - 1))
        assert server.asked == before
        documents.client(server.url, outbound, NOW + timedelta(seconds=kept + 1))
        assert server.asked == before + 1


def test_what_is_remembered_is_bounded(served: Served) -> None:
    server, outbound = served
    documents = Documents(most=2)
    base = server.url
    for name in ("a", "b", "c"):
        server.describe(client_id=base + name)
        assert documents.client(base + name, outbound, NOW).id == base + name
    asked = server.asked
    documents.client(base + "c", outbound, NOW)
    assert server.asked == asked


class Slow(Outbound):
    """An outside that answers when it is told to."""

    def __init__(self) -> None:
        self.asked, self.go_on = threading.Semaphore(0), threading.Event()

    def send(self, call: Call) -> NoAnswer:
        """Wait."""
        self.asked.release()
        self.go_on.wait(10)
        return NoAnswer(Why.TIMEOUT, "slow")


def test_r04_slow_documents_do_not_take_every_thread() -> None:
    documents, outbound = Documents(at_once=2), Slow()

    def ask(name: str) -> str:
        with pytest.raises(InvalidClient) as error:
            documents.client(f"https://client.example/{name}", outbound, NOW)
        return error.value.message

    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(ask, name) for name in ("a", "b")]
        assert all(outbound.asked.acquire(timeout=5) for _ in waiting)
        assert "too many" in ask("c")
        outbound.go_on.set()
        assert all("cannot be fetched" in one.result(5) for one in waiting)
    assert "cannot be fetched" in ask("c")


@pytest.mark.parametrize("url", ["https://127.0.0.1/client.json", "https://localhost/client.json"])
def test_r01_a_client_cannot_make_us_ask_our_own_network(url: str) -> None:
    with pytest.raises(InvalidClient, match="cannot be fetched"):
        Documents().client(url, Outbound(), NOW)
