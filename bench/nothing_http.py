"""An HTTP check that allows everything at once: `python -m bench.nothing_http /path/of.socket`."""

import sys
from pathlib import Path
from typing import Any

from granian import Granian
from granian.constants import Interfaces


async def app(scope: Any, proto: Any) -> None:
    """The shortest answer that allows (RSGI, the fastest interface granian has)."""
    proto.response_empty(200, [])


if __name__ == "__main__":
    Granian(
        "bench.nothing_http:app",
        uds=Path(sys.argv[1]),
        interface=Interfaces.RSGI,
        workers=1,
        websockets=False,
        log_enabled=False,
    ).serve()
