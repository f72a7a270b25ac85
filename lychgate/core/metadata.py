"""The well-known documents of an application host: RFC 9728 and RFC 8414, and the Access form.

The application of a path-inserted document is the one that owns the path behind it. And what
`cloudflared` asks for in a header of any request: which application it is for, to be signed.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lychgate.core.decision import Because, Reason, Respond
from lychgate.core.model import ManagedOAuth, Team
from lychgate.core.request import Request
from lychgate.core.session import seconds
from lychgate.core.snapshot import CompiledApp, Route, Snapshot
from lychgate.core.urls import (
    ACCESS_METADATA,
    METADATA_REQUEST,
    PREFIX,
    RESOURCE_METADATA,
    SERVER_METADATA,
    app_origin,
    auth_domain,
    canonical_host,
    normalise,
    team_host,
)

_CORS = (
    ("access-control-allow-origin", "*"),
    ("access-control-allow-methods", "GET, HEAD, OPTIONS"),
    ("access-control-allow-headers", "*"),
)
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_CACHE = ("cache-control", "public, max-age=300")


def well_known(request: Request, host: str, path: str, snapshot: Snapshot) -> Respond | None:
    """The document at this path when it is ours; None: the path is judged like any other."""
    if not path.startswith("/.well-known/") or request.method not in (
        "GET",
        "HEAD",
        "OPTIONS",
    ):
        return None
    for prefix in (ACCESS_METADATA, RESOURCE_METADATA, SERVER_METADATA):
        if path == prefix or path.startswith(prefix + "/"):
            return _document(prefix, path.removeprefix(prefix), request, host, snapshot)
    return None


def _document(
    prefix: str, suffix: str, request: Request, host: str, snapshot: Snapshot
) -> Respond | None:
    route = snapshot.route(host, suffix or "/")
    managed = route is not None and route.app.app.oauth is not None
    if prefix != ACCESS_METADATA and not managed:
        if suffix not in ("", "/") or not any_managed(host, snapshot):
            return None
    if route is None and not snapshot.routes.knows_host(host):
        return None
    app = None if route is None else route.app
    because = Because(Reason.METADATA, app.app.id if app else None)
    if request.method == "OPTIONS":
        return Respond(because, 204, _CORS)
    if prefix == SERVER_METADATA:
        rules = managed_on(host, snapshot)
        registration = any(rule.registration for rule in rules)
        device = any(rule.device_flow for rule in rules)
        body = server_document(snapshot.team, registration=registration, device=device)
    else:
        body = resource_document(snapshot.team, host, suffix, route)
    headers = (("content-type", "application/json"), _CACHE, *_CORS)
    return Respond(because, 200, headers, json.dumps(body))


def any_managed(host: str, snapshot: Snapshot) -> bool:
    """Whether any application of the host has managed OAuth on."""
    return bool(managed_on(host, snapshot))


def managed_on(host: str, snapshot: Snapshot) -> list[ManagedOAuth]:
    """The settings of the host's applications that have managed OAuth on."""
    apps = [snapshot.apps[entry.app].app for entry in snapshot.routes.on_host(host)]
    return [app.oauth for app in apps if app.oauth is not None]


def resource_document(team: Team, host: str, suffix: str, route: Route | None) -> Mapping[str, Any]:
    """RFC 9728 3.2; `resource` is spelled as the URL it was asked for implies (3.3)."""
    app: CompiledApp | None = route.app if route else None
    return {
        "resource": app_origin(team, host) + suffix,
        "protected": True,
        "authorization_servers": [team.url],
        "team_domain": team_host(team),
        "bearer_methods_supported": ["header"],
        "resource_name": app.app.name if app else "",
    }


def server_document(team: Team, *, registration: bool, device: bool) -> Mapping[str, Any]:
    """RFC 8414 3.2; without `registration_endpoint` clients know OAuth is not on offer."""
    base = f"{team.url}{PREFIX}oauth/"
    document: dict[str, Any] = {
        "issuer": team.url,
        "authorization_endpoint": base + "authorization",
        "token_endpoint": base + "token",
        "revocation_endpoint": base + "revoke",
        "jwks_uri": f"{team.url}{PREFIX}certs",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "none",
        ],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }
    if registration:
        document["registration_endpoint"] = base + "registration"
        document["client_id_metadata_document_supported"] = True
    if device:
        document["device_authorization_endpoint"] = base + "device_authorization"
        document["grant_types_supported"].append(DEVICE_GRANT)
    return document


def match_claims(request: Request, snapshot: Snapshot, now: datetime) -> Mapping[str, Any] | None:
    """Which application a request is for, when it asks; None where there is none.

    `cloudflared` takes `aud` as a text only, and wants no `exp`.
    """
    if (request.header(METADATA_REQUEST) or "").lower() != "true":
        return None
    host, target = canonical_host(request.host), normalise(request.path)
    route = snapshot.route(host, target.bare) if host and target else None
    if route is None:
        return None
    return {
        "type": "match",
        "hostname": host,
        "auth_domain": auth_domain(snapshot.team),
        "aud": route.app.app.audience,
        "app_hostname": route.entry.host.text,
        "iat": seconds(now),
    }
