"""The demo's origin applications: `python -m lychgate.demo.origins --port N`.

They have no login of their own. Each shows what it received from the gate: as JSON to programs,
as a page to browsers. One process serves them all; which one is meant is in the host
(`NAME.localhost`), else in the first part of the path.
"""

import argparse
import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from urllib.parse import parse_qs

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from lychgate.core.model import LoginDesign
from lychgate.core.urls import ASSERTION, TOKEN_HEADER
from lychgate.demo.calling import Called, call
from lychgate.demo.mcp_server import mcp_server
from lychgate.demo.received import Received, join_headers
from lychgate.pages.page import Look
from lychgate.pages.render import dressed


@dataclass(frozen=True, slots=True)
class Origin:
    """One demo application: what it is called, what it is for, and its colour."""

    name: str
    title: str
    about: str
    colour: str = ""


_FOLDER = str(files("lychgate.demo") / "pages")

WHOAMI = Origin("whoami", "whoami", "It shows you what the gate tells an application about you.")
ORIGINS = (
    WHOAMI,
    Origin("api", "API", "A second application: one login opens both.", "#1f5fa8"),
    Origin("admin", "Admin", "Only the group of administrators gets this far.", "#9a2f62"),
    Origin("public", "Public", "A policy lets everybody pass here without a login.", "#8a5a00"),
    Origin("mcp", "MCP", "A server for AI assistants, with three small tools.", "#5b3fb0"),
)
_BY_NAME = {origin.name: origin for origin in ORIGINS}


@dataclass(frozen=True, slots=True)
class OriginPage:
    """What the page of an origin shows."""

    origin: Origin
    received: Received
    links: tuple[tuple[str, str], ...]
    """Title and URL of each demo application."""
    address: str
    """This application, as a client would be given it."""
    api: str = ""
    """The API this application can call for its visitor; empty: it calls none."""
    called: Called | None = None

    @property
    def call_link(self) -> str:
        """The address that makes it call."""
        return f"{self.address}?call=api"


def origin_of(host: str, path: str) -> Origin:
    """The application meant by `NAME.localhost`, else by the first part of the path."""
    name = host.partition(":")[0].removesuffix(".localhost")
    return _BY_NAME.get(name) or _BY_NAME.get(path.split("/")[1] if "/" in path else "") or WHOAMI


class Origins:
    """The ASGI application that answers for every origin; `mcp` speaks the protocol itself."""

    def __init__(self, mcp: ASGIApp, api: str) -> None:
        self._mcp = mcp
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        origin = origin_of(request.headers.get("host", ""), scope["path"])
        if origin.name == "mcp" and not _wants_to_look(request):
            await self._mcp(scope, receive, send)
            return
        async for _ in request.stream():
            pass  # read to its end, so that the connection can be used again
        received = _received(origin, request)
        called = await self._called(received) if origin is WHOAMI else None
        api = self._api if origin is WHOAMI else ""
        await _answer(origin, request, received, api, called)(scope, receive, send)

    async def _called(self, received: Received) -> Called | None:
        """What the API says to a call on behalf of the visitor, if one is asked for.

        The assertion proves to the API for whom this application calls, so it goes along.
        """
        query = parse_qs(received.path.partition("?")[2])
        assertion = received.headers.get(ASSERTION)
        if not self._api or assertion is None or query.get("call") != ["api"]:
            return None
        return await asyncio.to_thread(call, self._api, {TOKEN_HEADER: assertion})


def create_app(api: str = "") -> Starlette:
    """A new application; it can be started once. `api` is what whoami calls for its visitors."""
    server = mcp_server()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with server.session_manager.run():
            yield

    origins = Origins(server.session_manager.asgi_app, api)
    return Starlette(routes=[Route("/{path:path}", origins)], lifespan=lifespan)


def _wants_to_look(request: Request) -> bool:
    """Whether this is somebody who looks at the MCP server, not a client that speaks to it."""
    accept = request.headers.get("accept", "")
    return request.method in ("GET", "HEAD") and "text/event-stream" not in accept


def _answer(
    origin: Origin, request: Request, received: Received, api: str, called: Called | None
) -> Response:
    if "text/html" not in request.headers.get("accept", ""):
        told = {"api": called.document()} if called else {}
        document = json.dumps({**received.document(), **told}, indent=2) + "\n"
        return Response(
            document, media_type="application/json", headers={"cache-control": "no-store"}
        )
    look = Look("Lychgate demo", LoginDesign(text_color=origin.colour))
    links, address = _links(received.host), _address(origin, received.host)
    page = OriginPage(origin, received, links, address, api, called)
    answer = dressed("origin.html", page, look, folder=_FOLDER)
    return Response(answer.body, answer.status, dict(answer.headers))


def _received(origin: Origin, request: Request) -> Received:
    path = request.scope["raw_path"].decode("latin-1")
    query = request.scope["query_string"].decode("latin-1")
    headers = join_headers(request.scope["headers"])
    target = f"{path}?{query}" if query else path
    return Received(origin.name, request.method, headers.get("host", ""), target, headers)


def _links(host: str) -> tuple[tuple[str, str], ...]:
    return tuple((origin.title, _address(origin, host)) for origin in ORIGINS)


def _address(origin: Origin, host: str) -> str:
    """Where an origin is found, in the manner of the host that was asked for."""
    name, colon, port = host.partition(":")
    if name.endswith(".localhost"):
        path = "mcp" if origin.name == "mcp" else ""
        return f"http://{origin.name}.localhost{colon}{port}/{path}"
    return f"http://{host}/" + ("" if origin is WHOAMI else origin.name)


def main() -> None:
    """Listen on loopback; port 0 takes a free one. The line printed says which."""
    parser = argparse.ArgumentParser(description="The demo's origin applications.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--api", default="", help="the API that whoami calls for its visitors")
    given = parser.parse_args()
    with socket.create_server(("127.0.0.1", given.port), backlog=512) as listener:
        sys.stdout.write(f"demo origins listen on 127.0.0.1:{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        config = uvicorn.Config(
            create_app(given.api),
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
        with suppress(KeyboardInterrupt):  # uvicorn raises it again after a clean stop
            uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main()
