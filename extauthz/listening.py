"""Where a gRPC server listens, and what goes wrong when it is to."""

import os
from pathlib import Path
from typing import Protocol

from lychgate.errors import LychgateError

AS_IT_IS = ("grpc.compression_enabled_algorithms_bitset", 1)
"""No compressed messages: Envoy sends none, and a small one could become a very large one."""


class CannotListen(LychgateError):
    """The endpoint is taken, or not one this process may use."""

    code = "cannot_listen"


class Server(Protocol):
    """A gRPC server."""

    def add_insecure_port(self, address: str) -> int:
        """Listen there; raises RuntimeError."""
        ...


def listen(server: Server, endpoint: str) -> None:
    """Listen on `HOST:PORT` or `unix:/path`; raises CannotListen."""
    # Envoy often runs as another user of the same group; nobody else may ask.
    before = os.umask(0o007)
    try:
        if endpoint.startswith("unix:"):
            Path(endpoint.removeprefix("unix:")).parent.mkdir(parents=True, exist_ok=True)
        server.add_insecure_port(endpoint)
    except (RuntimeError, OSError) as error:
        raise CannotListen(
            f"cannot listen on `{endpoint}`", "is another server using it?"
        ) from error
    finally:
        os.umask(before)
