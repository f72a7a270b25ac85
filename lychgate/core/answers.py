"""What is answered when there is no usable session: the login, a challenge, or a plain refusal.

The kind of client decides, and `Sec-Fetch-*` tells it first: a script whose session ended must
never be sent to another origin, because it could not follow.
"""

import re
from datetime import datetime
from typing import Any

from lychgate.core.bearer import presents_managed
from lychgate.core.decision import (
    Because,
    Challenge,
    Deny,
    HeaderList,
    Reason,
    Redirect,
)
from lychgate.core.identity import Service, User
from lychgate.core.model import Cors
from lychgate.core.request import Request
from lychgate.core.session import META_LIFE, TokenType, hash_app_session, seconds
from lychgate.core.snapshot import CompiledApp, Snapshot
from lychgate.core.urls import (
    ACCESS_METADATA,
    APP_SESSION_COOKIE,
    LOGIN,
    TOKEN_HEADER,
    app_origin,
    encode,
)

_APP_SESSION = re.compile(r"[A-Za-z0-9_-]{22,128}")


def login_or_challenge(
    because: Because,
    request: Request,
    host: str,
    path: str,
    app: CompiledApp,
    snapshot: Snapshot,
    now: datetime,
    cookies: list[tuple[str, str]],
) -> Redirect | Challenge:
    """The answer to somebody who could log in; the first row of the table that fits."""
    if wants_redirect(request):
        return login(because, request, host, path, app, snapshot, now, cookies)
    if app.app.oauth is not None and (presents_managed(request) or not is_navigation(request)):
        return Challenge(because, bearer_challenge(snapshot, app, host, path, request))
    if is_script(request) or (is_websocket(request) and from_browser(request)):
        return Challenge(because, (*app_headers(app), *cors_headers(app.app.cors, request)))
    return login(because, request, host, path, app, snapshot, now, cookies)


def wants_redirect(request: Request) -> bool:
    """Whether this is cloudflared, which takes a token for good on anything but a redirect."""
    return (
        TOKEN_HEADER in request.headers
        or "cloudflared_token_check" in (request.query or "")
        or (request.header("user-agent") or "").startswith("cloudflared/")
    )


def from_browser(request: Request) -> bool:
    """Whether a browser sent it: it says how it fetches, or it asks for HTML."""
    headers = request.headers
    if "sec-fetch-mode" in headers or "sec-fetch-dest" in headers:
        return True
    return "text/html" in (request.header("accept") or "") or (
        "origin" in headers and "sec-websocket-key" in headers
    )


def is_navigation(request: Request) -> bool:
    """Whether a person would see the answer as a page."""
    headers = request.headers
    if request.method not in ("GET", "HEAD") or "x-requested-with" in headers:
        return False
    mode = headers.get("sec-fetch-mode")
    if mode is not None:
        return mode == ("navigate",)
    return "text/html" in (request.header("accept") or "")


def is_script(request: Request) -> bool:
    """Whether a script waits for the answer, or a browser that cannot repeat its request."""
    headers = request.headers
    mode = headers.get("sec-fetch-mode")
    if mode is not None and mode != ("navigate",):
        return True
    content = (request.header("content-type") or "").lower()
    if "x-requested-with" in headers or content.startswith("application/grpc"):
        return True
    return request.method not in ("GET", "HEAD") and from_browser(request)


def is_websocket(request: Request) -> bool:
    """Whether this is a WebSocket handshake."""
    return (request.header("upgrade") or "").lower() == "websocket"


def login(
    because: Because,
    request: Request,
    host: str,
    path: str,
    app: CompiledApp,
    snapshot: Snapshot,
    now: datetime,
    cookies: list[tuple[str, str]],
) -> Redirect:
    """Send the client to the login page of the team domain, with the facts of its request."""
    target = path if request.query is None else f"{path}?{request.query}"
    kept = app_session(cookies)
    location = (
        f"{snapshot.team.url}{LOGIN}/{host}?kid={app.app.audience}&redirect_url={encode(target)}"
    )
    meta = meta_claims(request, host, target, app, snapshot, now)
    if kept is not None:
        meta["app_session_hash"] = hash_app_session(kept)
    resource = f"{app_origin(snapshot.team, host)}{ACCESS_METADATA}{path}"
    challenge = f'Cloudflare-Access resource_metadata="{resource}"'
    return Redirect(
        because=because,
        location=location,
        meta=meta,
        new_app_session=kept is None,
        headers=(("www-authenticate", challenge), *app_headers(app)),
    )


def app_session(cookies: list[tuple[str, str]]) -> str | None:
    """The browser's `CF_AppSession` when well formed: it is kept, not replaced by each tab."""
    values = {value for name, value in cookies if name == APP_SESSION_COOKIE}
    value = values.pop() if len(values) == 1 else ""
    return value if _APP_SESSION.fullmatch(value) else None


def meta_claims(
    request: Request,
    host: str,
    target: str,
    app: CompiledApp,
    snapshot: Snapshot,
    now: datetime,
) -> dict[str, Any]:
    """What the login page must know of the first request, to be signed."""
    issued = seconds(now)
    certificate = request.certificate
    valid = certificate is not None and certificate.valid
    return {
        "type": TokenType.META.value,
        "aud": app.app.audience,
        "iss": snapshot.team.url,
        "hostname": host,
        "redirect_url": target,
        "service_token_status": False,
        "is_warp": False,
        "is_gateway": False,
        "auth_status": "SUCCESS" if valid else "NONE",
        "mtls_auth": {
            "cert_presented": certificate is not None,
            "auth_status": "SUCCESS" if valid else "NONE" if certificate is None else "FAILED",
            "cert_serial": certificate.serial if certificate else "",
            "cert_issuer_dn": certificate.issuer_dn if certificate else "",
            "cert_issuer_ski": certificate.issuer_ski if certificate else "",
            "common_name": certificate.common_name if certificate else "",
        },
        "real_country": request.country or "",
        "ip": str(request.client_ip or ""),
        "iat": issued,
        "nbf": issued,
        "exp": issued + int(META_LIFE.total_seconds()),
    }


def refuse(because: Because, status: int, app: CompiledApp, request: Request) -> Deny | Redirect:
    """Refuse for an application; its headers name it to clients, never the grounds.

    People in a browser go to the configured page, if there is one for their case; machines never
    do.
    """
    deny = app.app.deny
    url = deny.url if isinstance(because.principal, User) else deny.non_identity_url
    if isinstance(because.principal, Service):
        url = ""
    if status == 403 and url and is_navigation(request):
        return Redirect(because, url, headers=app_headers(app))
    code = "unauthorized" if status == 401 else "forbidden"
    headers = [*app_headers(app), *cors_headers(app.app.cors, request)]
    if status == 403:
        headers.append(("cf-access-error", _ERRORS.get(because.reason, code)))
    return Deny(because, status, tuple(headers))


_ERRORS = {
    Reason.TOKEN_EXPIRED: "token_expired",
    Reason.TOKEN_REVOKED: "token_revoked",
    Reason.SERVICE_TOKEN_INVALID: "service_token_invalid",
}


def app_headers(app: CompiledApp) -> HeaderList:
    """The headers by which clients name the application in refusals."""
    return (("cf-access-aud", app.app.audience), ("cf-access-domain", app.app.domain))


def bearer_challenge(
    snapshot: Snapshot, app: CompiledApp, host: str, path: str, request: Request
) -> HeaderList:
    """The OAuth challenge (RFC 6750 3, RFC 9728 5.1); `error` only when a token was sent."""
    resource = f"{app_origin(snapshot.team, host)}{ACCESS_METADATA}{path}"
    challenge = f'Bearer realm="OAuth", resource_metadata="{resource}"'
    if "authorization" in request.headers:
        challenge += ', error="invalid_token", error_description="the token is not valid here"'
    exposed = [("access-control-expose-headers", "WWW-Authenticate")]
    cors = cors_headers(app.app.cors, request)
    return (
        ("www-authenticate", challenge),
        *app_headers(app),
        *cors,
        *(exposed if cors else ()),
    )


def cors_headers(cors: Cors | None, request: Request) -> HeaderList:
    """What lets a script of an allowed origin read our own answer."""
    origin = request.header("origin")
    if cors is None or origin is None or not allows_origin(cors, origin):
        return ()
    headers = [("access-control-allow-origin", origin), ("vary", "Origin")]
    if cors.credentials:
        headers.append(("access-control-allow-credentials", "true"))
    return tuple(headers)


def allows_origin(cors: Cors, origin: str) -> bool:
    """Whether the asking origin is one of those configured; always compared whole."""
    return cors.all_origins or origin.lower() in {one.lower().rstrip("/") for one in cors.origins}


def is_preflight(request: Request) -> bool:
    """Whether a browser asks if a cross-origin request may be made (Fetch 4.8)."""
    return (
        request.method == "OPTIONS"
        and request.header("origin") is not None
        and request.header("access-control-request-method") is not None
    )


def allows_preflight(cors: Cors, request: Request) -> bool:
    """Whether the asking origin may use the asked method."""
    origin = request.header("origin") or ""
    method = request.header("access-control-request-method") or ""
    return allows_origin(cors, origin) and (cors.all_methods or method in cors.methods)


def preflight_headers(cors: Cors, request: Request) -> HeaderList:
    """What a preflight is granted: the asked origin, method and headers, as far as allowed."""
    vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
    headers = [
        ("vary", vary),
        ("access-control-allow-origin", request.header("origin") or ""),
        ("access-control-allow-methods", request.header("access-control-request-method") or ""),
    ]
    asked = request.header("access-control-request-headers")
    if asked is not None:
        allowed = {name.lower() for name in cors.headers}
        names = [name.strip() for name in asked.split(",")]
        granted = [name for name in names if cors.all_headers or name.lower() in allowed]
        if granted:
            headers.append(("access-control-allow-headers", ", ".join(granted)))
    if cors.credentials:
        headers.append(("access-control-allow-credentials", "true"))
    if cors.max_age is not None:
        headers.append(("access-control-max-age", str(cors.max_age)))
    return tuple(headers)
