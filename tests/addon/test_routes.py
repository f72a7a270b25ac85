"""Which upstream serves a host and path."""

import pytest

from addon.routes import Place, Routes, UnusableUpstream
from lychgate.core.model import Team
from lychgate.settings import Settings, Upstream

TEAM = Team("https://team.example")


def routes(*upstreams: tuple[str, str, str]) -> Routes:
    """Routes of host, path and address."""
    listed = tuple(Upstream(host, to, path) for host, path, to in upstreams)
    return Routes.of(Settings(TEAM, upstreams=listed))


KNOWN = routes(
    ("a.example", "/", "http://10.0.0.1:1"),
    ("a.example", "/api", "http://10.0.0.2"),
    ("*.example", "/", "https://10.0.0.3"),
    ("*.deep.example", "/", "http://10.0.0.4"),
    ("deep.example", "/only/", "http://[::1]:5"),
)


@pytest.mark.parametrize(
    ("authority", "target", "expected"),
    [
        ("a.example", "/", Place("http", "10.0.0.1", 1)),
        ("A.Example.:8443", "/x?y", Place("http", "10.0.0.1", 1)),
        ("a.example", "/api", Place("http", "10.0.0.2", 80)),
        ("a.example", "/api/x", Place("http", "10.0.0.2", 80)),
        ("a.example", "/api?x", Place("http", "10.0.0.2", 80)),
        ("a.example", "/apix", Place("http", "10.0.0.1", 1)),
        ("b.example", "/", Place("https", "10.0.0.3", 443)),
        ("x.deep.example", "/", Place("http", "10.0.0.4", 80)),
        ("deep.example", "/only/x", Place("http", "::1", 5)),
        ("deep.example", "/other", Place("https", "10.0.0.3", 443)),
        ("example", "/", None),
        ("xexample", "/", None),
        ("a b", "/", None),
    ],
)
def test_the_most_specific_upstream_serves(
    authority: str, target: str, expected: Place | None
) -> None:
    assert KNOWN.find(authority, target) == expected


@pytest.mark.parametrize("address", ["ftp://a", "http://", "http://a:x", "nonsense"])
def test_an_upstream_nobody_can_connect_to_is_refused(address: str) -> None:
    with pytest.raises(UnusableUpstream):
        routes(("a.example", "/", address))
