"""Terms and tokens of SaaS applications, and the document by which their clients find us."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from authlib.oidc.core.util import create_half_hash

from lychgate.core.model import Application, SaasClient, SaasGrant, Team
from lychgate.core.session import seconds
from lychgate.core.tokens import sign
from lychgate.core.urls import OIDC
from lychgate.oauth.grants import CODE_LIFE, Issued, Terms
from lychgate.oauth.saas_claims import person_claims
from lychgate.oauth.saas_request import OFFLINE

_ALGORITHM = "RS256"


def issuer(team: Team, client: SaasClient) -> str:
    """The issuer identifier: one for each application."""
    return f"{team.url}{OIDC}{client.client_id}"


def terms(app: Application) -> Terms | None:
    """How long what the application is granted lasts; None when it is no SaaS application."""
    client = app.saas
    if client is None:
        return None
    refreshes = SaasGrant.REFRESH in client.grants
    access = client.access_token_lifetime
    life = client.refresh_lifetime if refreshes else access + CODE_LIFE
    return Terms(access, life, refreshes)


def front_terms(app: Application) -> Terms | None:
    """The same for what the authorization endpoint returns by itself: never to be refreshed."""
    if app.saas is None:
        return None
    access = app.saas.access_token_lifetime
    return Terms(access, access + CODE_LIFE, refreshes=False)


def id_token(issued: Issued, nonce: str, access_token: str = "", code: str = "") -> str:
    """An ID token (OpenID Connect Core 2) with the person's claims.

    It has no `type`, and its audience is a client id: it opens no application of ours. The hashes
    tie it to the access token and code it comes with (3.3.2.11).
    """
    client = issued.app.app.saas
    if client is None:
        raise ValueError("an ID token is for a SaaS application")
    identity = issued.session.identity
    claims = person_claims(client, identity, issued.grant.scope.split())
    claims |= {
        "iss": issuer(issued.snapshot.team, client),
        "aud": client.client_id,
        "iat": seconds(issued.now),
        "exp": issued.claims["exp"],
        "auth_time": seconds(identity.auth_time),
    }
    if identity.amr:
        claims["amr"] = list(identity.amr)
    if nonce:
        claims["nonce"] = nonce
    if access_token:
        claims["at_hash"] = _half_hash(access_token)
    if code:
        claims["c_hash"] = _half_hash(code)
    return sign(claims, issued.snapshot.keyring.current(issued.now))


def _half_hash(text: str) -> str:
    hashed: bytes = create_half_hash(text, _ALGORITHM)
    return hashed.decode()


def token_answer(issued: Issued, nonce: str) -> dict[str, Any]:
    """The body of a token answer (RFC 6749 5.1, OpenID Connect Core 3.1.3.3)."""
    scope = issued.grant.scope
    answer = {
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": issued.expires_in,
        "id_token": id_token(issued, nonce, issued.access_token),
        "scope": scope,
    }
    if issued.refresh_token:
        answer |= {"refresh_token": issued.refresh_token, "scope": f"{scope} {OFFLINE}"}
    return answer


def is_secret(client: SaasClient, secret: str) -> bool:
    """Whether this is the client's secret."""
    digest = hashlib.sha256(secret.encode("utf-8", "replace")).digest()
    return client.secret_hash is not None and hmac.compare_digest(digest, client.secret_hash)


def discovery(team: Team, client: SaasClient) -> Mapping[str, Any]:
    """The metadata of an application's OpenID provider (OpenID Connect Discovery 3)."""
    base = issuer(team, client)
    scopes = [one for one in ("openid", "email", "profile", "groups") if one in client.scopes]
    refreshes = SaasGrant.REFRESH in client.grants
    kinds = _response_types(client)
    methods = ["client_secret_basic", "client_secret_post"]
    return {
        "issuer": base,
        "authorization_endpoint": f"{base}/authorization",
        "token_endpoint": f"{base}/token",
        "userinfo_endpoint": f"{base}/userinfo",
        "jwks_uri": f"{base}/jwks",
        "scopes_supported": [*scopes, *([OFFLINE] if refreshes else [])],
        "response_types_supported": kinds,
        "response_modes_supported": ["query", "fragment"],
        "grant_types_supported": _grant_types(client, kinds),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [_ALGORITHM],
        "token_endpoint_auth_methods_supported": [*methods, *(["none"] if client.public else [])],
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": _claims(client),
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True,
    }


def _response_types(client: SaasClient) -> list[str]:
    kinds = []
    if client.grants & {SaasGrant.CODE, SaasGrant.CODE_WITH_PKCE}:
        kinds.append("code")
    fronts = [["id_token"]] if client.front_id_token else []
    fronts += [["token"]] if client.front_access_token else []
    fronts += [["id_token", "token"]] if len(fronts) == 2 else []
    if SaasGrant.HYBRID in client.grants:
        kinds += [" ".join(["code", *front]) for front in fronts]
    if SaasGrant.IMPLICIT in client.grants:
        kinds += [" ".join(front) for front in fronts]
    return kinds


def _grant_types(client: SaasClient, kinds: list[str]) -> list[str]:
    found = ["authorization_code"] if any("code" in kind for kind in kinds) else []
    if SaasGrant.IMPLICIT in client.grants:
        found.append("implicit")
    return [*found, *(["refresh_token"] if SaasGrant.REFRESH in client.grants else [])]


def _claims(client: SaasClient) -> list[str]:
    standard = ["sub", "iss", "aud", "exp", "iat", "auth_time", "amr"]
    by_scope = {"email": ["email"], "profile": ["name", "custom"], "groups": ["groups"]}
    scoped = [claim for scope in sorted(client.scopes) for claim in by_scope.get(scope, [])]
    return list(dict.fromkeys([*standard, *scoped, *(one.name for one in client.custom_claims)]))
