"""The ways that a request can take to an origin, from no check at all to a full decision."""

from collections.abc import Callable, Mapping

from bench.site import Site, Way
from extauthz.layout import Check
from lychgate.processes import python

type Start = Callable[[Site], Way]
"""Starts what a way needs on a site."""


def _alone(site: Site) -> Way:
    return Way(*site.bare_proxy("alone"))


def _zero_hop(site: Site) -> Way:
    """Nobody answers where this Envoy would ask: a request that it cannot prove fails."""
    server = site.prove()
    way = Way(*site.proxy("zero_hop-envoy", Check.GRPC, site.socket("nobody"), site.socket("xds")))
    site.wait_until_proved()
    return way.asking(server)


def _decided(site: Site, check: Check) -> Way:
    server = site.decide(check)
    way = Way(*site.proxy(f"{check.value}-envoy", check, site.socket(check.value)))
    return way.asking(server)


def _grpc(site: Site) -> Way:
    return _decided(site, Check.GRPC)


def _http(site: Site) -> Way:
    return _decided(site, Check.HTTP)


def _nothing_grpc(site: Site, name: str = "nothing_grpc", *how: str) -> Way:
    server = site.serve(name, python("bench.nothing", site.socket(name), *how))
    return Way(*site.proxy(f"{name}-envoy", Check.GRPC, site.socket(name))).asking(server)


def _nothing_at_once(site: Site) -> Way:
    return _nothing_grpc(site, "nothing_grpc_at_once", "--at-once")


def _nothing_http(site: Site) -> Way:
    name = "nothing_http"
    path = site.socket(name).removeprefix("unix:")
    server = site.serve(name, python("bench.nothing_http", path))
    return Way(*site.proxy(f"{name}-envoy", Check.HTTP, site.socket(name))).asking(server)


def _nothing_envoy(site: Site) -> Way:
    name = "nothing_envoy"
    server = site.nothing(name)
    return Way(*site.proxy(f"{name}-envoy", Check.HTTP, site.socket(name))).asking(server)


GATES: Mapping[str, Start] = {"zero_hop": _zero_hop, "http": _http, "grpc": _grpc}
"""Those on which it is this gate that lets a request pass."""
NOTHINGS: Mapping[str, Start] = {
    "nothing_envoy": _nothing_envoy,
    "nothing_http": _nothing_http,
    "nothing_grpc": _nothing_grpc,
    "nothing_grpc_at_once": _nothing_at_once,
}
"""Those on which a server is asked that says yes to everything."""
WAYS: Mapping[str, Start] = {"alone": _alone, **GATES, **NOTHINGS}
TITLES: Mapping[str, str] = {
    "alone": "Envoy alone",
    "zero_hop": "zero-hop",
    "http": "HTTP check",
    "grpc": "gRPC `Check`",
    "nothing_envoy": "a check that says yes: Envoy, over HTTP",
    "nothing_http": "a check that says yes: granian, over HTTP",
    "nothing_grpc": "a check that says yes: Python, over gRPC",
    "nothing_grpc_at_once": "the same, answered in the thread that reads",
}
