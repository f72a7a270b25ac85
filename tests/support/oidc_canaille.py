"""Runs the real canaille, an OpenID provider from PyPI, with two people and our client."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.oidc_pages import log_in
from tests.support.oidc_running import CALLBACK, Running, running

SERVER = Path(__file__).parent / "oidc_canaille_server.py"
PASSWORDS = {"alice": "alice's password", "bob": "bob's password"}


@contextmanager
def canaille(callback: str = CALLBACK) -> Iterator[Running]:
    """Start one, and stop it afterwards."""
    command = [sys.executable, str(SERVER)]
    with running(command, SERVER.parent, {}, _enter, callback) as provider:
        yield provider


def _enter(url: str, callback: str, person: str) -> dict[str, str]:
    return log_in(url, callback, {"login": person, "password": PASSWORDS[person]})
