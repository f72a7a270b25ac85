"""Runs the real curl with a token, which never stands on a command line or in a file."""

import os
from collections.abc import Callable, Sequence

from lychgate.client.errors import BadUrl, ClientError, NotProtected
from lychgate.client.wire import read_url


def place_of_url(arguments: Sequence[str]) -> int:
    """Which argument is the address: the first that is one in full, else the first plain word."""
    for index, text in enumerate(arguments):
        if text.startswith(("http://", "https://")):
            return index
    for index, text in enumerate(arguments):
        if text and not text.startswith("-"):
            return index
    raise BadUrl("there is no address among the arguments", "lychgate access curl URL …")


def run(arguments: Sequence[str], token_for: Callable[[str], str]) -> None:
    """Become curl: its exit status is ours. Without a gate in front of the address, only that."""
    place = place_of_url(arguments)
    url = read_url(arguments[place])
    words = [*arguments[:place], url, *arguments[place + 1 :]]
    try:
        header = _header(token_for(url))
    except NotProtected:
        header = ()
    try:
        os.execvp("curl", ["curl", *header, *words])
    except FileNotFoundError:
        raise ClientError("there is no curl on this machine", "install curl") from None


def _header(token: str) -> tuple[str, ...]:
    """The argument that has curl read the header from a pipe: others can read command lines."""
    reading, writing = os.pipe()
    with open(writing, "w", encoding="ascii") as pipe:
        pipe.write(f"Authorization: Bearer {token}\n")
    os.set_inheritable(reading, True)
    return ("-H", f"@/dev/fd/{reading}")
