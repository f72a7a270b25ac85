"""Which Envoy configuration an installation needs: `envoy/envoy.yaml`, its regions filled in.

Everything that hardens Envoy stands in that file, outside the regions. The regions hold what
differs between installations: addresses, hosts, origins, certificates.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from itertools import groupby
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from extauthz.collector import cluster, tracing
from lychgate.core.model import Team
from lychgate.core.urls import CERTS, canonical_host, companion_hosts, team_host
from lychgate.errors import LychgateError
from lychgate.settings import Settings, Upstream

_REGION = re.compile(r"^( *)# region ([a-z-]+)\n(.*?)^ *# endregion\n", re.MULTILINE | re.DOTALL)
_PORTS = {"http": 80, "https": 443}
_PACKAGED = Path(__file__).parent
_IN_SOURCE_TREE = Path(__file__).parent.parent / "envoy"


class InvalidLayout(LychgateError):
    """An address, host or origin that cannot stand in an Envoy configuration."""

    code = "invalid_layout"


class Check(StrEnum):
    """How Envoy asks for decisions."""

    GRPC = "grpc"
    HTTP = "http"


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files of the listener's TLS; `client_ca` validates client certificates."""

    chain: Path
    key: Path
    client_ca: Path | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything is. Addresses are `HOST:PORT` or `unix:/path`."""

    listen: str
    team: tuple[str, ...]
    decision: tuple[str, ...]
    companions: tuple[str, ...]
    upstreams: tuple[Upstream, ...]
    certificates: Certificates | None = None
    upstream_ca: Path = Path("/etc/ssl/certs/ca-certificates.crt")
    """Authorities that origins with https are checked against."""
    trusted_hops: int = 0
    admin: str | None = None
    check: Check = Check.GRPC
    collector: str | None = None
    """Where traces go (OTLP over gRPC); none: Envoy makes none."""
    sample: float = 0.01
    """The share of requests that are traced, 0 to 1."""
    xds: str = ""
    """Where Envoy gets its proofs from; empty: it asks about every request."""


def layout_of(settings: Settings, listen: str, check: Check = Check.GRPC) -> Layout:
    """The layout of an installation, plain HTTP on `listen`."""
    if check is Check.HTTP and not settings.http_check.endpoints:
        raise InvalidLayout(
            "the installation has no HTTP check",
            "set `http_check.listen`, or leave out `--check http`",
        )
    asked = {Check.GRPC: settings.extauthz.endpoints, Check.HTTP: settings.http_check.endpoints}
    return Layout(
        listen=listen,
        team=_companion_hosts(settings.team),
        check=check,
        decision=asked[check],
        companions=(settings.companion.listen,),
        upstreams=settings.upstreams,
        sample=settings.tracing.sample,
        xds=settings.zero_hop.listen,
    )


def _companion_hosts(team: Team) -> tuple[str, ...]:
    """The team domain first, then the other hosts that are the companion's alone."""
    first = team_host(team)
    return (first, *sorted(companion_hosts(team) - {first}))


def render(layout: Layout) -> str:
    """The complete configuration, comments included."""
    regions = {
        "listener": _listener(layout),
        "tls": _tls(layout.certificates),
        "trusted-hops": f"xff_num_trusted_hops: {layout.trusted_hops}\n",
        "team": _yaml({"domains": [_domain(host) for host in layout.team]}),
        "applications": _applications(layout.upstreams),
        "decision": _yaml(_endpoints("lychgate_decision", layout.decision)),
        "companion-health": _yaml(_health_check(layout.team[0])),
        "companion": _yaml(_endpoints("lychgate_companion", layout.companions)),
        "origins": _origins(layout),
        "admin": _admin(layout.admin),
    }
    if layout.collector is not None:
        endpoints = _endpoints("collector", (layout.collector,))
        regions |= {
            "tracing": _yaml(tracing(layout.sample)),
            "collector": _yaml(cluster(endpoints)),
        }
    if layout.check is Check.HTTP:
        regions |= _regions_of("http-check.yaml")
    if not layout.xds:
        return _fill(template(), regions)
    proof = _regions_of("zero-hop.yaml")
    regions |= proof | {"xds": _xds(layout.xds)}
    return _skippable(_fill(template(), regions), proof["skip"])


def _regions_of(name: str) -> dict[str, str]:
    return {region: text for _, region, text in _REGION.findall(template(name))}


def _xds(listen: str) -> str:
    options: dict[str, object] = {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        # A connection that only seems to be there must not go on for long.
        "explicit_http_config": {
            "http2_protocol_options": {"connection_keepalive": {"interval": "2s", "timeout": "1s"}}
        },
    }
    name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    cluster = {
        "name": "lychgate_xds",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {name: options},
        **_endpoints("lychgate_xds", (listen,)),
    }
    return _yaml([cluster])


_CHECK = re.compile(
    r"^( *)- (name: envoy\.filters\.http\.ext_authz\n)((?:\1  .*\n)+)", re.MULTILINE
)


def _skippable(text: str, head: str) -> str:
    """The configuration with its check inside the filter whose beginning is `head`."""
    *_, last = head.splitlines()
    inside = len(last) - len(last.lstrip())

    def wrapped(match: re.Match[str]) -> str:
        indent, name, body = match.groups()
        outer = "".join(f"{indent}{line}\n" for line in head.splitlines())
        inner = "".join(f"{' ' * inside}{line}\n" for line in body.splitlines())
        return f"{outer}{indent}{' ' * inside}  {name}{inner}"

    return _CHECK.sub(wrapped, text)


def template(name: str = "envoy.yaml") -> str:
    """The text of a file of `envoy/`."""
    packaged = _PACKAGED / name
    path = packaged if packaged.exists() else _IN_SOURCE_TREE / name
    return path.read_text(encoding="utf-8")


def _fill(text: str, regions: Mapping[str, str]) -> str:
    def filled(match: re.Match[str]) -> str:
        indent, name, as_it_is = match.groups()
        if name not in regions:
            return as_it_is
        lines = (f"{indent}{line}" if line else "" for line in regions[name].splitlines())
        return "".join(f"{line}\n" for line in lines)

    return _REGION.sub(filled, text)


def _yaml(value: object) -> str:
    return yaml.safe_dump(value, sort_keys=False, width=110)


def _listener(layout: Layout) -> str:
    return _yaml({"address": _address(layout.listen)})


def _admin(listen: str | None) -> str:
    return "" if listen is None else _yaml({"admin": {"address": _address(listen)}})


def _address(text: str) -> dict[str, object]:
    if text.startswith("unix:"):
        return {"pipe": {"path": text.removeprefix("unix:")}}
    host, _, port = text.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and int(port) < 65536):
        raise InvalidLayout(f"`{text}` is not an address", "write HOST:PORT or unix:/path")
    return {"socket_address": {"address": host.strip("[]"), "port_value": int(port)}}


def _endpoints(cluster: str, addresses: tuple[str, ...]) -> dict[str, object]:
    parsed = [_address(text) for text in addresses]
    return {
        "type": "STATIC" if all(map(_is_fixed, addresses)) else "STRICT_DNS",
        "load_assignment": {
            "cluster_name": cluster,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": one}} for one in parsed]}],
        },
    }


def _health_check(team: str) -> dict[str, object]:
    """A page that is answered from memory: whether the companion works, not what it depends on."""
    return {"http_health_check": {"path": CERTS, "host": _domain(team)}}


def _is_fixed(text: str) -> bool:
    if text.startswith("unix:"):
        return True
    try:
        ip_address(text.rpartition(":")[0].strip("[]"))
    except ValueError:
        return False
    return True


def _domain(host: str) -> str:
    plain = host.removeprefix("*.")
    known = canonical_host(plain)
    if known is None or known != plain.lower():
        raise InvalidLayout(f"`{host}` is not a host name", "write it without scheme and port")
    return host.lower()


def _applications(upstreams: tuple[Upstream, ...]) -> str:
    by_host = sorted(upstreams, key=lambda up: (_domain(up.host), -len(up.path)))
    blocks = [
        _virtual_host(host, list(group))
        for host, group in groupby(by_host, lambda up: _domain(up.host))
    ]
    return "".join(blocks)


def _virtual_host(host: str, upstreams: list[Upstream]) -> str:
    head = f"- name: {_quoted(host)}\n  domains: [{_quoted(host)}]\n  routes:\n  - *own_paths\n"
    routes = _yaml([_route(upstream) for upstream in upstreams])
    return head + "".join(f"  {line}\n" for line in routes.splitlines())


def _quoted(text: str) -> str:
    return f'"{text}"'


def _route(upstream: Upstream) -> dict[str, object]:
    path = "/" + upstream.path.strip("/")
    if not re.fullmatch(r"/[A-Za-z0-9._~!$&'()+,;=:@/-]*", path):
        raise InvalidLayout(f"`{upstream.path}` is not a path prefix")
    return {
        # A separated prefix: `/api` is `/api` and `/api/...`, never `/apis`.
        "match": {"prefix": "/"} if path == "/" else {"path_separated_prefix": path},
        "route": {
            "cluster": upstream.to,
            "timeout": "0s",
            "idle_timeout": "900s",
            "retry_policy": {"retry_on": "connect-failure,refused-stream,reset-before-request"},
        },
    }


def _origins(layout: Layout) -> str:
    names = dict.fromkeys(upstream.to for upstream in layout.upstreams)
    return _yaml([_origin(to, layout.upstream_ca) for to in names]) if names else ""


def _origin(to: str, upstream_ca: Path) -> dict[str, object]:
    url = urlsplit(to)
    if url.scheme not in _PORTS or not url.hostname or url.path not in ("", "/"):
        raise InvalidLayout(
            f"`{to}` is not an origin", "write http://HOST:PORT or https://HOST:PORT"
        )
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    limits = {"max_connections": 10000, "max_pending_requests": 10000, "max_requests": 10000}
    cluster: dict[str, object] = {
        "name": to,
        "connect_timeout": "5s",
        "per_connection_buffer_limit_bytes": 32768,
        "circuit_breakers": {"thresholds": [limits]},
        **_endpoints(to, (f"{host}:{url.port or _PORTS[url.scheme]}",)),
    }
    if url.scheme == "https":
        cluster["transport_socket"] = _upstream_tls(url.hostname, upstream_ca)
    return cluster


def _upstream_tls(host: str, ca: Path) -> dict[str, object]:
    is_name = not _is_fixed(f"{host}:443")
    exact = {"san_type": "DNS" if is_name else "IP_ADDRESS", "matcher": {"exact": host}}
    validation = {
        "trusted_ca": {"filename": str(ca)},
        "match_typed_subject_alt_names": [exact],
    }
    return _tls_socket(
        "UpstreamTlsContext",
        {"common_tls_context": {"validation_context": validation}}
        | ({"sni": host} if is_name else {}),
    )


def _tls_socket(kind: str, context: dict[str, object]) -> dict[str, object]:
    url = f"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.{kind}"
    return {"name": "envoy.transport_sockets.tls", "typed_config": {"@type": url, **context}}


def _tls(certificates: Certificates | None) -> str:
    if certificates is None:
        return "- name: edge\n"
    pair = {
        "certificate_chain": {"filename": str(certificates.chain)},
        "private_key": {"filename": str(certificates.key)},
    }
    common: dict[str, object] = {
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
        "tls_certificates": [pair],
        "alpn_protocols": ["h2", "http/1.1"],
    }
    if certificates.client_ca is not None:
        # VERIFY_TRUST_CHAIN: a certificate that does not validate ends the connection, so the
        # decision server only ever hears of valid ones.
        common["validation_context"] = {
            "trusted_ca": {"filename": str(certificates.client_ca)},
            "trust_chain_verification": "VERIFY_TRUST_CHAIN",
        }
    context = {"common_tls_context": common, "require_client_certificate": False}
    return _yaml(
        [{"name": "edge", "transport_socket": _tls_socket("DownstreamTlsContext", context)}]
    )
