"""Where a login leads: the signed facts of the first request, checked against our hosts."""

from collections.abc import Mapping
from typing import Any

from lychgate.core.answers import app_headers, meta_claims
from lychgate.core.decision import HeaderList
from lychgate.core.model import AppId
from lychgate.core.request import Request, split_target
from lychgate.core.session import Token, TokenType, hash_app_session, judge_times, read
from lychgate.core.snapshot import CompiledApp, Route, Snapshot
from lychgate.core.tokens import Rejected, sign, verify
from lychgate.core.urls import LOGIN, app_origin, canonical_host, encode, normalise, safe_return
from lychgate.web.errors import BadRequest, NotFound
from lychgate.web.request import WebRequest
from lychgate.web.sealed import Purpose, Terminal, Visit
from lychgate.web.services import Services

TERMINAL_CLAIM = "terminal"
"""The command line that a login is for, in the signed facts; its members as a list."""


def owner(snapshot: Snapshot, host: str, target: str) -> Route | None:
    """The application that a path on a host belongs to."""
    path, _ = split_target(target.partition("#")[0])
    read_path = normalise(path) or normalise(path, encoded_slash=True)
    return None if read_path is None else snapshot.route(host, read_path.bare)


def app_login_url(snapshot: Snapshot, host: str, **params: str) -> str:
    """The login of an application host: it ties the login to its browser, then goes to the team."""
    query = "&".join(f"{name}={encode(value)}" for name, value in params.items())
    return f"{app_origin(snapshot.team, host)}{LOGIN}?{query}"


def team_login_url(request: WebRequest, services: Services, app_session: str) -> str:
    """The login on the team domain for a path of this application host, with its signed facts."""
    snapshot = services.current()
    target = safe_return(request.param("redirect_url") or "/")
    route = owner(snapshot, request.host, target)
    if route is None:
        raise NotFound("no application is configured at this address")
    more = {
        "app_session_hash": hash_app_session(app_session),
        "chain": request.param("next"),
    }
    return signed_login_url(request, services, route.app, target, more)


def signed_login_url(
    request: WebRequest,
    services: Services,
    app: CompiledApp,
    target: str,
    more: Mapping[str, Any],
) -> str:
    """The login on the team domain with the facts of this request, and `more`, signed."""
    snapshot, now = services.current(), services.clock()
    meta = meta_claims(_as_core(request), request.host, target, app, snapshot, now)
    signed = sign({**meta, **more}, snapshot.keyring.current(now))
    query = f"kid={app.app.audience}&meta={signed}&redirect_url={encode(target)}"
    return f"{snapshot.team.url}{LOGIN}/{request.host}?{query}"


def _as_core(request: WebRequest) -> Request:
    return Request(
        id=request.id,
        method=request.method,
        scheme="",
        host=request.host,
        path=request.path,
        query=request.query,
        headers=request.headers,
        client_ip=request.client_ip,
        certificate=request.certificate,
        country=request.country,
    )


def visit_of_meta(request: WebRequest, services: Services, snapshot: Snapshot) -> Visit:
    """The visit that the signed facts speak of; refused when they are not ours or too old."""
    token = _meta(request.param("meta"), services, snapshot)
    if token is None:
        raise BadRequest("this login link is not valid any more; open the application again")
    claims = token.claims
    host, target = _text(claims, "hostname"), _text(claims, "redirect_url")
    app = snapshot.by_audience.get(token.audiences[0])
    if canonical_host(request.argument) != host or app is None:
        raise BadRequest("this login link was made for another application")
    if request.param("kid") not in ("", token.audiences[0]):
        raise BadRequest("this login link was made for another application")
    return Visit(
        purpose=Purpose.ENTER,
        path=safe_return(target),
        app=AppId(app.app.id),
        host=host,
        app_session=_text(claims, "app_session_hash"),
        chain=_text(claims, "chain"),
        certificate=_certificate(claims),
        terminal=_terminal(claims),
    )


def _meta(text: str, services: Services, snapshot: Snapshot) -> Token | None:
    now = services.clock()
    claims = verify(text, snapshot.keyring, now)
    if isinstance(claims, Rejected):
        return None
    token = read(claims)
    if isinstance(token, Rejected) or token.type is not TokenType.META:
        return None
    late = token.issuer != snapshot.team.url or judge_times(token, now)
    return None if late else token


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name, "")
    return value if isinstance(value, str) else ""


def _certificate(claims: Mapping[str, Any]) -> str | None:
    facts = claims.get("mtls_auth")
    if not isinstance(facts, dict) or facts.get("auth_status") != "SUCCESS":
        return None
    return str(facts.get("common_name", ""))


def _terminal(claims: Mapping[str, Any]) -> Terminal | None:
    wishes = claims.get(TERMINAL_CLAIM)
    return Terminal(*wishes) if isinstance(wishes, list) else None


def visit_headers(snapshot: Snapshot, visit: Visit) -> HeaderList:
    """The headers by which older clients learn the application's domain from the login page."""
    app = snapshot.apps.get(visit.app)
    return () if app is None else app_headers(app)
