"""What an endpoint is, and which one a request is for."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from lychgate.web.reply import Reply
from lychgate.web.request import WebRequest, Where
from lychgate.web.services import Services

type Handler = Callable[[WebRequest, Services], Reply]
type Ready = Callable[[str, Services], bool]
"""Whether there is something to answer for the argument of a path."""

TEAM = frozenset({Where.TEAM})
APP = frozenset({Where.APP})
ALIAS = frozenset({Where.ALIAS})
TRANSFER = frozenset({Where.TRANSFER})
BOTH = TEAM | APP


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One line of the route table. A path with `{…}` takes one segment there."""

    where: frozenset[Where]
    method: str
    path: str
    handler: Handler
    slow: bool = False
    """Whether it may wait for an identity provider or another outside service."""
    program: bool = False
    """Whether programs call it: what goes wrong is then an OAuth error document."""
    ready: Ready | None = None
    """When to answer: a request that comes before is held for a while."""

    @property
    def fixed(self) -> tuple[str, str] | None:
        """The parts before and after the argument of a path that takes one."""
        before, brace, rest = self.path.partition("{")
        return (before, rest.partition("}")[2]) if brace else None


@dataclass(frozen=True, slots=True)
class Found:
    """The endpoint of a request and the argument in its path."""

    endpoint: Endpoint
    argument: str = ""


@dataclass(frozen=True, slots=True)
class OtherMethods:
    """The path exists, but only for these methods."""

    allowed: tuple[str, ...]


class Table:
    """The route table. HEAD is answered like GET; the bridge leaves the body out."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self.endpoints = tuple(endpoints)

    def is_for_programs(self, path: str) -> bool:
        """Whether a path is one that programs call."""
        fits = _fit(path)
        return any(one.program and fits(one) is not None for one in self.endpoints)

    def find(self, where: Where, method: str, path: str) -> Found | OtherMethods | None:
        """The endpoint for a path on a kind of host."""
        asked = "GET" if method == "HEAD" else method
        fitting = [found for found in map(_fit(path), self.endpoints) if found is not None]
        here = [found for found in fitting if where in found.endpoint.where]
        for found in here:
            if found.endpoint.method == asked:
                return found
        if not here:
            return None
        methods = {found.endpoint.method for found in here}
        return OtherMethods(tuple(sorted(methods | ({"HEAD"} if "GET" in methods else set()))))


def _fit(path: str) -> Callable[[Endpoint], Found | None]:
    def fit(endpoint: Endpoint) -> Found | None:
        if endpoint.fixed is None:
            return Found(endpoint) if path == endpoint.path else None
        before, after = endpoint.fixed
        if not (path.startswith(before) and path.endswith(after)):
            return None
        argument = path[len(before) : len(path) - len(after)]
        if not argument or "/" in argument:
            return None
        return Found(endpoint, unquote(argument, errors="replace"))

    return fit
