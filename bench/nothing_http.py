"""An HTTP check that allows everything at once: `python -m bench.nothing_http unix:/path`."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

from granian.constants import Interfaces
from granian.server.embed import Server


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """Say yes."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def main() -> None:
    """Serve until told to stop."""
    path = Path(sys.argv[1].removeprefix("unix:"))
    server = Server(
        nothing, uds=path, interface=Interfaces.ASGINL, websockets=False, log_enabled=False
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stop)  # type: ignore[no-untyped-call, unused-ignore]
    await server.serve()


if __name__ == "__main__":
    asyncio.run(main())
