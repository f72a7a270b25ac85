"""What a SaaS application is told of a person: the claims of ID token and userinfo, by scope."""

from collections.abc import Iterable, Mapping
from typing import Any

from lychgate.api.groupfilter import filtered
from lychgate.core.identity import Identity
from lychgate.core.model import CustomClaim, SaasClient
from lychgate.oauth.errors import AccessDenied

MOST_GROUPS = 1000


class MissingClaim(AccessDenied):
    """The application requires a claim that the identity provider did not give."""


def person_claims(client: SaasClient, identity: Identity, scope: Iterable[str]) -> dict[str, Any]:
    """The claims about a person; raises MissingClaim when a required one is not there."""
    scopes = frozenset(scope)
    claims: dict[str, Any] = {}
    for custom in client.custom_claims:
        value = _value(custom, client, identity)
        if custom.required and not _is_there(value):
            raise MissingClaim(f"the identity provider did not give the claim `{custom.name}`")
        if _is_there(value) and (not custom.scope or custom.scope in scopes):
            claims[custom.name] = value
    return {**_standard(client, identity, scopes), **claims, "sub": identity.subject}


def _standard(client: SaasClient, identity: Identity, scopes: frozenset[str]) -> Mapping[str, Any]:
    claims: dict[str, Any] = {}
    if "email" in scopes:
        claims["email"] = identity.email
    if "profile" in scopes:
        if identity.name:
            claims["name"] = identity.name
        if identity.claims:
            claims["custom"] = dict(identity.claims)
    if "groups" in scopes:
        claims["groups"] = _groups(client, identity)
    return claims


def _groups(client: SaasClient, identity: Identity) -> list[str]:
    return list(filtered(identity.groups or (), client.group_filter))[:MOST_GROUPS]


def _value(custom: CustomClaim, client: SaasClient, identity: Identity) -> Any:
    source = custom.source_by_idp.get(identity.idp_id, custom.source)
    if source in identity.claims:
        return identity.claims[source]
    match source:
        case "email":
            return identity.email
        case "name":
            return identity.name
        case "groups":
            return _groups(client, identity)
        case _:
            return None


def _is_there(value: Any) -> bool:
    return value is not None and value not in ("", [])
