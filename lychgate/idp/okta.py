"""Login with Okta: its own authorization server, or a custom one."""

from dataclasses import replace
from urllib.parse import quote

from lychgate.core.model import IdentityProvider
from lychgate.idp import client, oidc

DEFAULTS = replace(
    client.blank(("openid", "email", "profile", "groups")), pkce=True, verified_email_only=True
)


def okta(idp: IdentityProvider, secret: str | None) -> oidc.Oidc:
    """People of one Okta organisation."""
    account = client.required(idp.config, "okta_account").rstrip("/")
    base = account if "://" in account else f"https://{account}"
    if not client.origin(base):
        raise client.Unconfigured("`okta_account` is not the url of an okta organisation")
    server = client.text(idp.config, "authorization_server_id")
    issuer = f"{base}/oauth2/{quote(server, safe='')}" if server else base
    endpoints = _endpoints(issuer, issuer if server else f"{base}/oauth2")
    return oidc.Oidc(client.parse(idp, secret, endpoints, DEFAULTS))


def _endpoints(issuer: str, root: str) -> client.Endpoints:
    return client.Endpoints(
        authorization=f"{root}/v1/authorize",
        token=f"{root}/v1/token",
        keys=f"{root}/v1/keys",
        user_info=f"{root}/v1/userinfo",
        issuer=issuer,
    )
