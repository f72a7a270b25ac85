"""What can be said of the endpoint of a worker from outside: is it free, does it serve."""

import socket
from errno import EADDRINUSE
from pathlib import Path

from extauthz.http.app import READY
from lychgate.processes import accepts

_TIMEOUT = 1.0
_QUESTION = b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def is_serving(endpoint: str) -> bool:
    """Whether the worker on an endpoint says that it serves, as proxies' health checks ask."""
    host, _, port = endpoint.rpartition(":")
    try:
        with socket.socket(_family(host)) as connection:
            connection.settimeout(_TIMEOUT)
            connection.connect(port if host == "unix" else (host.strip("[]"), int(port)))
            connection.sendall(_QUESTION % READY)
            return connection.recv(64).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


def claim(endpoint: str) -> None:
    """Make sure that nobody listens there; raises OSError. A deserted socket file is removed."""
    host, _, port = endpoint.rpartition(":")
    if host == "unix":
        _claim_file(endpoint, Path(port))
        return
    with socket.socket(_family(host)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host.strip("[]"), int(port)))


def _claim_file(endpoint: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_socket():
        if accepts(endpoint):
            raise OSError(EADDRINUSE, "in use")
        path.unlink()


def _family(host: str) -> socket.AddressFamily:
    if host == "unix":
        return socket.AF_UNIX
    return socket.AF_INET6 if ":" in host else socket.AF_INET
