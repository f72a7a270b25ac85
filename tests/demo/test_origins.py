"""The demo's origins show what they received, and the MCP server speaks to a real client."""

import asyncio
import base64
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import TextContent

from lychgate.demo.origins import ORIGINS, origin_of
from lychgate.demo.received import claims_of, join_headers
from tests.pages.reading import Reader
from tests.support.front import Pairs, Reply, exchange, request_bytes


def an_assertion(**claims: object) -> str:
    """An unsigned token: an origin of the demo looks at the claims only."""
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.c2ln"


ADA = ("Cf-Access-Jwt-Assertion", an_assertion(email="ada@example.com", iat=1760000000))


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A running process of origins."""
    command = [sys.executable, "-m", "lychgate.demo.origins", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline().rpartition(":")[2])
        process.terminate()
        assert process.wait(5) in (0, -15)


def send(
    port: int, target: str, *headers: tuple[str, str], host: str = "", method: str = "GET"
) -> Reply:
    data = request_bytes(method, target, host or f"localhost:{port}", headers)
    return exchange(("127.0.0.1", port), data)


def document(port: int, target: str, *headers: tuple[str, str], host: str = "") -> dict[str, Any]:
    reply = send(port, target, ("Accept", "application/json"), *headers, host=host)
    assert reply.header("content-type") == "application/json"
    parsed: dict[str, Any] = json.loads(reply.body)
    return parsed


def test_ctrl_c_ends_it_without_a_word() -> None:
    command = [sys.executable, "-m", "lychgate.demo.origins", "--port", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        port = int(process.stdout.readline().rpartition(":")[2])
        assert send(port, "/").status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 0
        assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("host", "path", "name"),
    [
        ("localhost:8080", "/", "whoami"),
        ("localhost:8080", "/anything", "whoami"),
        ("localhost:8080", "/api", "api"),
        ("localhost:8080", "/api/v1", "api"),
        ("localhost:8080", "/apiary", "whoami"),
        ("localhost:8080", "/admin/x", "admin"),
        ("admin.localhost:8080", "/api", "admin"),
        ("public.localhost", "/", "public"),
        ("nobody.localhost", "/mcp", "mcp"),
        ("", "", "whoami"),
    ],
)
def test_the_host_names_the_application_else_the_path(host: str, path: str, name: str) -> None:
    assert origin_of(host, path).name == name


def test_a_program_gets_what_was_received(port: int) -> None:
    pairs: Pairs = (("X-One", "a"), ("X-One", "b"), ("Cookie", "a=1"), ("Cookie", "b=2"), ADA)
    found = document(port, "/api/%7Ex?y=1&y=2", *pairs)
    assert set(found) == {"app", "method", "host", "path", "headers", "email"}
    assert (found["app"], found["method"]) == ("api", "GET")
    assert (found["host"], found["path"]) == (f"localhost:{port}", "/api/%7Ex?y=1&y=2")
    assert found["headers"]["x-one"] == "a, b" and found["headers"]["cookie"] == "a=1; b=2"
    assert found["email"] == "ada@example.com"


@pytest.mark.parametrize("name", [origin.name for origin in ORIGINS])
def test_every_origin_answers_programs_and_browsers(port: int, name: str) -> None:
    assert document(port, "/", host=f"{name}.localhost:{port}")["app"] == name
    assert document(port, f"/{name}")["app"] == name
    reply = send(port, "/", ("Accept", "text/html,*/*"), ADA, host=f"{name}.localhost:{port}")
    assert reply.status == 200 and "default-src 'none'" in str(
        reply.header("content-security-policy")
    )
    reader = Reader(reply.body.decode())
    assert "ada@example.com" in reader.one("h1").text and "x-one" not in reader.visible
    assert len(reader.all("nav")) == 1 and "cf-access-jwt-assertion" in reader.visible


def test_without_an_assertion_nobody_is_named(port: int) -> None:
    forged = ("Cf-Access-Authenticated-User-Email", "eve@example.com")
    assert document(port, "/public", forged)["email"] is None
    reply = send(port, "/public", ("Accept", "text/html"))
    assert "whoever you are" in Reader(reply.body.decode()).one("h1").text


def test_w02_what_an_origin_shows_is_inert(port: int) -> None:
    text = '"><script>alert(1)</script>'
    token = an_assertion(**{"email": text, text: [text]})
    headers: Pairs = (("Accept", "text/html"), ("X-Bad", text), (ADA[0], token))
    reply = send(port, f"/{text}", *headers, host=f'x"><script>.localhost:{port}')
    reader = Reader(reply.body.decode())
    assert not reader.all("script") and text in reader.visible


def test_other_methods_answer_too(port: int) -> None:
    reply = send(port, "/api", ("Accept", "application/json"), method="DELETE")
    assert json.loads(reply.body)["method"] == "DELETE"
    assert send(port, "/api", method="HEAD").status == 200


@pytest.mark.parametrize(
    "token", ["", "a.b", "a.b.c.d", "a.!!.c", "e30.W10.x", "e30.////.x", "é.é.é"]
)
def test_what_is_no_token_has_no_claims(token: str) -> None:
    assert claims_of(token) == {}


def test_headers_are_joined_as_http_does() -> None:
    pairs = [(b"Cookie", b"a=1"), (b"X", b"1"), (b"cookie", b"b=2"), (b"x", b"\xe9")]
    assert join_headers(pairs) == {"cookie": "a=1; b=2", "x": "1, é"}


@pytest.mark.parametrize("host", ["localhost", "mcp.localhost", "127.0.0.1"])
def test_an_mcp_client_uses_the_tools(port: int, host: str) -> None:
    answers = asyncio.run(_use_tools(port, host))
    assert answers == ["ada@example.com", "5.0", "hello"]


def test_the_mcp_server_refuses_foreign_hosts(port: int) -> None:
    foreign = send(port, "/mcp", ("Accept", "text/event-stream"), host="evil.example")
    assert foreign.status == 421


async def _use_tools(port: int, host: str) -> list[str]:
    headers = dict([ADA, ("Host", f"{host}:{port}")])
    calls: list[tuple[str, dict[str, Any]]] = [
        ("whoami", {}),
        ("add", {"a": 2, "b": 3}),
        ("echo", {"text": "hello"}),
    ]
    async with (
        httpx2.AsyncClient(headers=headers) as http,
        streamable_http_client(f"http://127.0.0.1:{port}/mcp", http_client=http) as streams,
        ClientSession(streams[0], streams[1]) as session,
    ):
        await session.initialize()
        results = [await session.call_tool(name, arguments) for name, arguments in calls]
    blocks = [result.content[0] for result in results]
    return [block.text for block in blocks if isinstance(block, TextContent)]
