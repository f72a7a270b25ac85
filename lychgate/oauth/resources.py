"""Which application a `resource` (RFC 8707) means: by full origin and path."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from lychgate.core.model import AppId
from lychgate.core.snapshot import CompiledApp, Snapshot
from lychgate.core.urls import app_origin, canonical_host, normalise
from lychgate.oauth.errors import InvalidTarget

_LONGEST = 2048
_SHAPE = re.compile(r"[\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]+")
_PORTS = {"http": 80, "https": 443}


def application_of(snapshot: Snapshot, resources: Sequence[str]) -> CompiledApp:
    """The one application that every given resource means; `InvalidTarget` otherwise."""
    if not resources:
        raise InvalidTarget("resource is missing; give the URL of the application (RFC 8707)")
    found = [_application(snapshot, resource) for resource in resources]
    app = found[0]
    if app is None or any(other is None or other.app.id != app.app.id for other in found):
        raise InvalidTarget("resource is not the URL of one application with managed OAuth")
    return app


def check_granted(snapshot: Snapshot, resources: Sequence[str], granted: AppId) -> None:
    """Refuse a token request for another application than the granted one."""
    if not resources:
        return
    if len(resources) > 1 or application_of(snapshot, resources).app.id != granted:
        raise InvalidTarget("resource is not the one that was granted")


def canonical(resource: str) -> str:
    """How a resource is told back: scheme and host in lower case, a path always."""
    parts = urlsplit(resource)
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path or '/'}"


def _application(snapshot: Snapshot, resource: str) -> CompiledApp | None:
    if len(resource) > _LONGEST or not _SHAPE.fullmatch(resource) or "#" in resource:
        return None
    try:
        parts = urlsplit(resource)
        port = parts.port
    except ValueError:
        return None
    host = None if "@" in parts.netloc else canonical_host(parts.netloc)
    if host is None or not _our_origin(snapshot, parts.scheme, host, port):
        return None
    path = normalise(parts.path or "/")
    route = None if path is None else snapshot.route(host, path.bare)
    return route.app if route is not None and route.app.app.oauth is not None else None


def _our_origin(snapshot: Snapshot, scheme: str, host: str, port: int | None) -> bool:
    own = urlsplit(app_origin(snapshot.team, host))
    default = _PORTS.get(scheme)
    return scheme == own.scheme and (port or default) == (own.port or default)
