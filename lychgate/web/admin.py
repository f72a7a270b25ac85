"""The listener of the admin API: reads a call whole, answers it in a thread, writes JSON."""

import asyncio
import json
import math
import uuid
from collections.abc import Mapping

from anyio import CapacityLimiter, to_thread
from limits import RateLimitItemPerMinute
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lychgate.admin.answers import Answer
from lychgate.admin.api import Api, Incoming, Limit
from lychgate.admin.calls import Office
from lychgate.admin.docs import PAGE, page
from lychgate.admin.refusals import Refused, malformed_json, too_large, too_many
from lychgate.web.limits import count_here
from lychgate.web.services import Services

BODY_LIMIT = 8 * 1024 * 1024
BODY_SECONDS = 30.0
_THREADS = 16
_FAILURES = RateLimitItemPerMinute(120)
_HEADERS = (
    ("content-type", "application/json"),
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
)


def admin(services: Services) -> "AdminBridge":
    """The ASGI application over what the companion process has opened."""
    office = Office(
        store=services.store,
        feed=services.feed,
        clock=services.clock,
        random=services.random,
        settings=services.settings,
    )
    calls = RateLimitItemPerMinute(services.settings.admin.calls_per_minute)
    return AdminBridge(Api(office, limit(_FAILURES), limit(calls), services.metrics.called))


def limit(item: RateLimitItemPerMinute) -> Limit:
    """Counts calls of each caller in this process."""
    counted = count_here()

    def count(caller: str) -> None:
        wait = counted(item, caller)
        if wait is not None:
            raise too_many(max(1, math.ceil(wait)))

    return count


class AdminBridge:
    """The ASGI application in front of the API."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._threads = CapacityLimiter(_THREADS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; nothing else exists."""
        if scope["type"] == "http":
            response = await self._respond(Request(scope, receive))
            await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        if request.method in ("GET", "HEAD") and request.url.path in ("/", PAGE):
            shown = page()
            return Response(shown.body, shown.status, dict(shown.headers))
        request_id = str(uuid.uuid4())
        try:
            body = await _read_body(request)
        except Refused as refused:
            return _rendered(request, self._api.refuse(refused), request_id)
        incoming = _incoming(request, body, request_id)
        answer = await to_thread.run_sync(self._api.answer, incoming, limiter=self._threads)
        return _rendered(request, answer, request_id)


def _rendered(request: Request, answer: Answer, request_id: str) -> Response:
    body = b"" if request.method == "HEAD" else json.dumps(answer.body).encode()
    response = Response(body, answer.status)
    for name, value in (*_HEADERS, *answer.headers, ("x-request-id", request_id)):
        response.headers[name] = value
    return response


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_LIMIT:
                    raise too_large()
    except (TimeoutError, ClientDisconnect):
        raise malformed_json() from None
    return bytes(body)


def _incoming(request: Request, body: bytes, request_id: str) -> Incoming:
    raw = request.scope.get("raw_path") or request.scope["path"].encode()
    return Incoming(
        method=request.method,
        path=raw.partition(b"?")[0].decode("latin-1"),
        query=request.scope.get("query_string", b"").decode("latin-1"),
        headers=_headers(request),
        body=body,
        peer=request.client.host if request.client else "",
        request_id=request_id,
    )


def _headers(request: Request) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, value in request.scope["headers"]:
        key = name.decode("latin-1").lower()
        found[key] = (*found.get(key, ()), value.decode("latin-1"))
    return found
