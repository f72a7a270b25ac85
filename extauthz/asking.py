"""What every decision server shares: whom it asks, and what it cannot translate."""

from functools import lru_cache
from typing import Protocol
from urllib.parse import unquote

from lychgate.core.certificates import read_certificate
from lychgate.core.request import ClientCertificate, Request
from lychgate.errors import LychgateError
from lychgate.gate import Outcome

_CONTROL = bytes({*range(32), 127} - {ord("\t")})


class Untranslatable(LychgateError):
    """A request or an outcome that has no form on the other side; it is refused."""

    code = "untranslatable"


class Judge(Protocol):
    """What decides: the gate."""

    def check(self, request: Request, /) -> Outcome:
        """The outcome for one request."""
        ...


def must_fit(name: str, value: str) -> None:
    """Raises Untranslatable for a value that would end its line, or worse."""
    # Three times as fast as a regular expression, and two values are a kilobyte long.
    written = value.encode("latin-1", "replace")
    if len(written.translate(None, _CONTROL)) < len(written):
        raise Untranslatable(f"the value of `{name}` holds a control character")


@lru_cache(maxsize=256)
def presented(encoded: str) -> ClientCertificate | None:
    """The client certificate that a proxy states, percent-encoded; None: unreadable."""
    return read_certificate(unquote(encoded))


def hint_of(error: Untranslatable) -> dict[str, str]:
    """What a log line adds for the operator."""
    return {"hint": error.hint} if error.hint else {}
