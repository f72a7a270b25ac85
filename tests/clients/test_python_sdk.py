"""The MCP Python SDK's own OAuth client, unmodified, in front of the demo's MCP server."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.auth import OAuthClientProvider, OAuthFlowError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)

from tests.support.changes import Changes
from tests.support.consent import answer_in, somebody
from tests.support.demo import Demo

REDIRECT = "http://127.0.0.1:33418/callback"
LIFE = timedelta(seconds=3)


@dataclass(slots=True)
class Kept:
    """What the SDK is given to keep, and how often it was given tokens."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None
    given: list[OAuthToken] = field(default_factory=list)

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens
        self.given.append(tokens)

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


@dataclass(slots=True)
class Desk:
    """A program built on the SDK, and what its person does when the browser opens."""

    url: str
    visit: Callable[[str], str]
    method: str = "none"
    kept: Kept = field(default_factory=Kept)
    opened: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        wanted = OAuthClientMetadata.model_validate(
            {
                "client_name": "Desk",
                "redirect_uris": [REDIRECT],
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "token_endpoint_auth_method": self.method,
            }
        )
        auth = OAuthClientProvider(self.url, wanted, self.kept, self._open, self._answer)
        async with (
            httpx2.AsyncClient(auth=auth, timeout=30) as http,
            Client(streamable_http_client(self.url, http_client=http)) as client,
        ):
            yield client

    async def _open(self, url: str) -> None:
        self.opened.append(url)

    async def _answer(self) -> AuthorizationCodeResult:
        callback = await anyio.to_thread.run_sync(self.visit, self.opened[-1])
        answer = answer_in(callback)
        if "error" in answer:
            raise OAuthFlowError(answer["error"])
        return AuthorizationCodeResult(
            code=answer["code"], state=answer["state"], iss=answer["iss"]
        )


async def ask(client: Client) -> str:
    """Who the MCP server says is calling."""
    result = await client.call_tool("whoami", {})
    return "".join(getattr(part, "text", "") for part in result.content)


def root(error: BaseException) -> BaseException:
    """The one failure inside of the groups that task groups make."""
    while isinstance(error, BaseExceptionGroup):
        assert len(error.exceptions) == 1, error
        error = error.exceptions[0]
    return error


@pytest.mark.parametrize("method", ["none", "client_secret_basic"])
def test_logs_in_calls_a_tool_and_refreshes(demo: Demo, changes: Changes, method: str) -> None:
    changes.access_lasts(LIFE)

    async def work(desk: Desk) -> None:
        async with desk.client() as client:
            assert await ask(client) == "python@example.com"
            (first,) = desk.kept.given
            assert first.expires_in == LIFE.total_seconds()
            await anyio.sleep(LIFE.total_seconds() + 1)
            assert await ask(client) == "python@example.com"
            *_, second = desk.kept.given
            assert second.access_token != first.access_token
            assert second.refresh_token != first.refresh_token
            assert len(desk.opened) == 1
        client_id = desk.kept.client.client_id if desk.kept.client else ""
        async with desk.client() as client:
            assert await ask(client) == "python@example.com"
            assert desk.kept.client and desk.kept.client.client_id == client_id

    with somebody(demo, "python@example.com") as person:
        anyio.run(work, Desk(demo.app("mcp"), person.allow, method))


class NobodyThere(Exception):
    """The browser was opened, and nobody logged in."""


def test_fails_cleanly_after_the_person_is_revoked(demo: Demo, changes: Changes) -> None:
    email = "leaver@example.com"

    async def work(desk: Desk) -> None:
        async with desk.client() as client:
            assert await ask(client) == email
            changes.revoke_user(email)
            await anyio.sleep(1)
            await ask(client)

    with somebody(demo, email) as person:
        program = Desk(demo.app("mcp"), person.allow)

        def visit(url: str) -> str:
            if len(program.opened) == 1:
                return person.allow(url)
            assert person.must_log_in(url)
            raise NobodyThere

        program.visit = visit
        with pytest.raises(ExceptionGroup) as caught:
            anyio.run(work, program)
    assert isinstance(root(caught.value), NobodyThere)


def test_a_person_who_is_not_admitted_any_more(demo: Demo, changes: Changes) -> None:
    email = "mover@example.com"

    async def work(desk: Desk) -> None:
        async with desk.client() as client:
            assert await ask(client) == email
            changes.refuse(email)
            await anyio.sleep(1)
            await ask(client)

    with somebody(demo, email) as person:
        program = Desk(demo.app("mcp"), person.allow)
        program.visit = lambda url: (
            person.allow(url) if len(program.opened) == 1 else person.give_up(url)
        )
        with pytest.raises(ExceptionGroup) as caught:
            anyio.run(work, program)
    error = root(caught.value)
    assert isinstance(error, OAuthFlowError) and str(error) == "access_denied"
