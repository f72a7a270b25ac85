"""Login with Microsoft Entra: one tenant, people by object id, groups by id, overage resolved.

In Entra the claim `email` is whatever an administrator of some tenant typed. What counts is the
object id inside the tenant, and the user principal name, whose domain the tenant had to prove.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lychgate.core.model import IdentityProvider
from lychgate.idp import answers, client, grant, oidc
from lychgate.idp.base import Attempt, Failure, LoginFailed
from lychgate.idp.failures import failed, shown

AUTHORITY = "https://login.microsoftonline.com"
GRAPH = "https://graph.microsoft.com"
MOST_PAGES = 20
"""Pages of groups read for one person, of 999 each."""

DEFAULTS = replace(
    client.blank(("openid", "email", "profile", "User.Read")), pkce=True, email_claim="upn"
)
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ME = "/v1.0/me?$select=id,displayName,userPrincipalName"
_GROUPS = "/v1.0/me/transitiveMemberOf/microsoft.graph.group?$select=id&$top=999"


def entra(idp: IdentityProvider, secret: str | None) -> oidc.Oidc:
    """People of one Entra tenant."""
    tenant = client.required(idp.config, "directory_id").lower()
    if not _GUID.fullmatch(tenant):
        raise client.Unconfigured("`directory_id` is the tenant's id, 32 hex digits with dashes")
    groups = client.flag(idp.config, "support_groups") is True
    scopes = (*DEFAULTS.scopes, "GroupMember.Read.All") if groups else DEFAULTS.scopes
    defaults = replace(DEFAULTS, scopes=scopes)
    settings = client.parse(idp, secret, _endpoints(tenant), defaults)
    return Entra(settings, tenant, groups, client.text(idp.config, "prompt"))


def _endpoints(tenant: str) -> client.Endpoints:
    root = f"{AUTHORITY}/{tenant}"
    return client.Endpoints(
        authorization=f"{root}/oauth2/v2.0/authorize",
        token=f"{root}/oauth2/v2.0/token",
        keys=f"{root}/discovery/v2.0/keys",
        issuer=f"{root}/v2.0",
        api=GRAPH,
    )


class Entra(oidc.Oidc):
    """Entra, with Microsoft Graph in the place of userinfo."""

    def __init__(self, settings: client.Client, tenant: str, groups: bool, prompt: str) -> None:
        super().__init__(settings)
        self._tenant = tenant
        self._groups = groups
        self._prompt = prompt

    def parameters(self, attempt: Attempt) -> Mapping[str, str]:
        """The configured prompt, and the hint."""
        return {"prompt": self._prompt, "login_hint": attempt.login_hint}

    def subject(self, claims: oidc.Claims) -> str:
        """Tenant and object id: `sub` differs from one client of the tenant to the next."""
        return f"{self._tenant}/{claims['oid']}"

    def complete(
        self, this: oidc.Round, claims: oidc.Claims, tokens: grant.Tokens
    ) -> oidc.Claims | LoginFailed:
        """Check the tenant; add principal name and groups from Graph where the token lacks them."""
        tenant, person = claims.get("tid"), claims.get("oid")
        if not isinstance(tenant, str) or tenant.lower() != self._tenant:
            detail = f"tenant `{shown(tenant)}`, expected `{self._tenant}`"
            return failed(self.client.name, Failure.NOT_A_MEMBER, detail)
        if not isinstance(person, str) or not person:
            return failed(self.client.name, Failure.INVALID_TOKEN, "id token: no object id")
        named = self._with_name(this, claims, tokens)
        if isinstance(named, LoginFailed) or not self._groups:
            return named
        return self._with_groups(this, named, tokens)

    def _with_name(
        self, this: oidc.Round, claims: oidc.Claims, tokens: grant.Tokens
    ) -> oidc.Claims | LoginFailed:
        if claims.get(self.client.email_claim) or self.client.email_claim != DEFAULTS.email_claim:
            return claims
        url = self.client.endpoints.api + _ME
        reply = answers.get(this.http, url, tokens.access_token)
        person = answers.read(reply, self.client.name, Failure.USER_INFO)
        if isinstance(person, LoginFailed):
            return person
        if person.get("id") != claims["oid"]:
            return failed(self.client.name, Failure.USER_INFO, "graph speaks of somebody else")
        added = {"upn": person.get("userPrincipalName"), "name": person.get("displayName")}
        return {**added, **claims}

    def _with_groups(
        self, this: oidc.Round, claims: oidc.Claims, tokens: grant.Tokens
    ) -> oidc.Claims | LoginFailed:
        # With more than 200 groups the token holds a pointer (`_claim_names`) to an interface
        # that is no longer there; Graph is asked instead, and also when the token has none.
        if isinstance(claims.get("groups"), list):
            return claims
        found: list[str] = []
        url = self.client.endpoints.api + _GROUPS
        for _page in range(MOST_PAGES):
            reply = answers.get(this.http, url, tokens.access_token)
            page = answers.read(reply, self.client.name, Failure.USER_INFO)
            if isinstance(page, LoginFailed):
                return page
            found += _ids(page.get("value"))
            url = page.get("@odata.nextLink") or ""
            if not url:
                return {**claims, "groups": found}
            if not isinstance(url, str) or not self._is_graph(url):
                break
        detail = "graph pages the groups to elsewhere, or without end"
        return failed(self.client.name, Failure.USER_INFO, detail)

    def _is_graph(self, url: str) -> bool:
        return client.origin(url) == client.origin(self.client.endpoints.api)


def _ids(value: Any) -> list[str]:
    items = value if isinstance(value, list) else []
    found = [item.get("id") for item in items if isinstance(item, dict)]
    return [item for item in found if isinstance(item, str)]
