"""The health listener: is the process alive, can it do its work, and what has it counted."""

from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route


def health(ready: Callable[[], bool], registry: CollectorRegistry) -> Starlette:
    """The ASGI application of the health listener."""

    async def healthz(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_request: Request) -> Response:
        if await run_in_threadpool(ready):
            return PlainTextResponse("ready\n")
        return PlainTextResponse("not ready\n", 503)

    async def counted(_request: Request) -> Response:
        text = await run_in_threadpool(generate_latest, registry)
        return Response(text, headers={"content-type": CONTENT_TYPE_LATEST})

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", counted),
        ]
    )
