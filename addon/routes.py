"""Where an allowed request goes: the upstream of its host and path, or the companion app."""

from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from lychgate.core.urls import canonical_host
from lychgate.errors import LychgateError
from lychgate.settings import Settings, Upstream


class UnusableUpstream(LychgateError):
    """An `upstreams` entry that names no place to connect to."""

    code = "unusable_upstream"


@dataclass(frozen=True, slots=True)
class Place:
    """An address to connect to, and how."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Route:
    """One configured upstream, ready to be compared."""

    host: str
    path: str
    place: Place

    def fits(self, host: str, path: str) -> bool:
        """Whether the route covers this host and whole segments of this path."""
        if self.host.startswith("*."):
            if not host.endswith(self.host[1:]):
                return False
        elif host != self.host:
            return False
        return path == self.path or path.startswith(self.path.removesuffix("/") + "/")

    @property
    def precedence(self) -> tuple[bool, int, int]:
        """Larger is more specific: a full host name, then a longer one, then a longer path."""
        return (not self.host.startswith("*."), len(self.host), len(self.path))


@dataclass(frozen=True, slots=True)
class Routes:
    """The upstreams of an installation, the most specific first, and its companion app."""

    companion: Place
    upstreams: tuple[Route, ...] = ()

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Read the routes from the settings; raises `UnusableUpstream`."""
        routes = sorted(map(_route, settings.upstreams), key=lambda r: r.precedence, reverse=True)
        return cls(_place(f"http://{settings.companion.listen}"), tuple(routes))

    def find(self, authority: str, target: str) -> Place | None:
        """The upstream of an authority and a normalised target; None when none is configured."""
        host = canonical_host(authority) or ""
        path = target.partition("?")[0]
        return next((route.place for route in self.upstreams if route.fits(host, path)), None)


def _route(upstream: Upstream) -> Route:
    return Route(upstream.host.lower().removesuffix("."), upstream.path, _place(upstream.to))


def _place(url: str) -> Place:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        raise UnusableUpstream(
            f"`{url}` is not an address to connect to", "write `http://HOST:PORT`"
        ) from None
    if not parts.hostname:
        raise UnusableUpstream(f"`{url}` names no host", "write `http://HOST:PORT`")
    return Place(parts.scheme, parts.hostname, port)
