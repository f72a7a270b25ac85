"""The one asynchronous place: an ASGI request becomes a `WebRequest`, a handler runs in a thread.

The body is read here, bounded in size and time, before any handler starts. Whatever a handler
raises becomes an error page with the request id; a visitor never sees a traceback.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from anyio import CapacityLimiter, move_on_after, to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lychgate.core.session import set_cookie_header
from lychgate.store.base import StoreUnavailable
from lychgate.web.answering import Desk, Incoming
from lychgate.web.reply import Reply

BODY_LIMIT = 64 * 1024
BODY_SECONDS = 30.0
QUICK_THREADS = 24
SLOW_THREADS = 24
"""Threads for endpoints that wait for an identity provider, so that they never hold up the rest."""
WAIT_SECONDS = 10.0
"""How long a request waits for a thread; longer, and nobody would be there to read the answer."""
PATIENCE_SECONDS = 40.0
"""How long a request is held that came before there was something to answer."""
LOOK_SECONDS = 0.5
HELD_MOST = 400
HELD_OF_ONE = 20
"""Requests held at a time, and those of one client; more are answered at once."""

log = logging.getLogger("lychgate.web")


@dataclass(frozen=True, slots=True)
class _Unreadable:
    status: int


class Bridge:
    """The ASGI application in front of the synchronous handlers."""

    def __init__(
        self, desk: Desk, patience: float = PATIENCE_SECONDS, wait: float = WAIT_SECONDS
    ) -> None:
        self._desk = desk
        self._patience = patience
        self._wait = wait
        self._held: Counter[str] = Counter()
        self._quick = CapacityLimiter(QUICK_THREADS)
        self._slow = CapacityLimiter(SLOW_THREADS)
        self._all = CapacityLimiter(QUICK_THREADS + SLOW_THREADS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; the lifespan protocol is acknowledged, nothing else exists."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            response = await self._respond(Request(scope, receive))
            await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        body = await _read_body(request)
        incoming = _incoming(request, b"" if isinstance(body, _Unreadable) else body)
        if isinstance(body, _Unreadable):
            reply = await to_thread.run_sync(self._desk.refuse, incoming, body.status)
        elif not await self._there(request, incoming):
            return Response(status_code=404)  # nobody reads it any more
        else:
            threads = self._slow if self._desk.is_slow(incoming) else self._quick
            reply = await self._answer(incoming, threads)
        return self._rendered(request, reply)

    async def _answer(self, incoming: Incoming, threads: CapacityLimiter) -> Reply:
        borrower = object()
        with move_on_after(self._wait) as waiting:
            await threads.acquire_on_behalf_of(borrower)
        if waiting.cancelled_caught:
            return self._desk.too_busy(incoming)
        try:
            return await to_thread.run_sync(self._desk.answer, incoming, limiter=self._all)
        finally:
            threads.release_on_behalf_of(borrower)

    async def _there(self, request: Request, incoming: Incoming) -> bool:
        """Hold a request until there is something to answer; False when its client has gone."""
        ready, source = self._desk.ready(incoming), self._desk.source(incoming)
        if ready is None or self._held.total() >= HELD_MOST or self._held[source] >= HELD_OF_ONE:
            return True
        self._held[source] += 1
        try:
            return await self._watch(ready, request)
        except StoreUnavailable:
            return True  # the answer says so
        finally:
            self._held[source] -= 1
            self._held += Counter()  # forgets those who hold none

    async def _watch(self, ready: Callable[[], bool], request: Request) -> bool:
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._patience
        while not await to_thread.run_sync(ready, limiter=self._quick):
            if await request.is_disconnected():
                return False
            if loop.time() >= ends:
                break
            await asyncio.sleep(LOOK_SECONDS)
        return True

    def _rendered(self, request: Request, reply: Reply) -> Response:
        response = Response(b"" if request.method == "HEAD" else reply.body, reply.status)
        del response.headers["content-length"]
        for name, value in _with_defaults(reply):
            response.raw_headers.append((name.encode("latin-1"), value.encode("latin-1")))
        now, plain = self._desk.services.clock(), self._desk.plain_http
        for cookie in reply.cookies:
            header = set_cookie_header(cookie, plain, now)
            response.raw_headers.append((b"set-cookie", header.encode("latin-1")))
        length = str(len(reply.body)).encode()
        response.raw_headers.append((b"content-length", length))
        return response


def _with_defaults(reply: Reply) -> list[tuple[str, str]]:
    given = {name for name, _ in reply.headers}
    return [*reply.headers, *((name, value) for name, value in _DEFAULTS if name not in given)]


_DEFAULTS = (
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
)


async def _read_body(request: Request) -> bytes | _Unreadable:
    declared = request.headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdigit()):
        return _Unreadable(400)
    if len(declared) > 8 or int(declared) > BODY_LIMIT:
        return _Unreadable(413)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_LIMIT:
                    return _Unreadable(413)
    except TimeoutError:
        return _Unreadable(408)
    except ClientDisconnect:
        return _Unreadable(400)
    return bytes(body)


def _incoming(request: Request, body: bytes) -> Incoming:
    raw_path = request.scope.get("raw_path") or request.scope["path"].encode()
    query = request.scope.get("query_string", b"")
    return Incoming(
        method=request.method,
        path=raw_path.partition(b"?")[0].decode("latin-1"),
        query=query.decode("latin-1"),
        headers=_headers(request),
        peer=request.client.host if request.client else "",
        body=body,
    )


def _headers(request: Request) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, value in request.scope["headers"]:
        key = name.decode("latin-1").lower()
        found[key] = (*found.get(key, ()), value.decode("latin-1"))
    return found


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
