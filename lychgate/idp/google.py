"""Login with Google, for anybody with an account or for one Workspace domain."""

from collections.abc import Mapping
from dataclasses import replace

from lychgate.core.model import IdentityProvider
from lychgate.idp import client, grant, oidc
from lychgate.idp.base import Attempt, Failure, LoginFailed
from lychgate.idp.failures import failed, shown

ENDPOINTS = client.Endpoints(
    authorization="https://accounts.google.com/o/oauth2/v2/auth",
    token="https://oauth2.googleapis.com/token",
    keys="https://www.googleapis.com/oauth2/v3/certs",
    user_info="https://openidconnect.googleapis.com/v1/userinfo",
    issuer="https://accounts.google.com",
)
DEFAULTS = replace(
    client.blank(("openid", "email", "profile")), pkce=True, verified_email_only=True
)


def google(idp: IdentityProvider, secret: str | None) -> oidc.Oidc:
    """Any Google account."""
    return Google(client.parse(idp, secret, ENDPOINTS, DEFAULTS))


def google_apps(idp: IdentityProvider, secret: str | None) -> oidc.Oidc:
    """Accounts of one Google Workspace domain."""
    return Workspace(
        client.parse(idp, secret, ENDPOINTS, DEFAULTS),
        domain=client.required(idp.config, "apps_domain").lower(),
        prompt=client.text(idp.config, "prompt"),
        use_hint=client.flag(idp.config, "use_login_hint") is not False,
    )


class Google(oidc.Oidc):
    """Google; its issuer is also written without the scheme."""

    def _issuers(self, this: oidc.Round) -> tuple[str, ...]:
        issuer = this.endpoints.issuer
        return (issuer, "accounts.google.com") if issuer == ENDPOINTS.issuer else (issuer,)


class Workspace(Google):
    """Google, and only accounts that a Workspace domain owns."""

    def __init__(self, settings: client.Client, domain: str, prompt: str, use_hint: bool) -> None:
        super().__init__(settings)
        self._domain = domain
        self._prompt = prompt
        self._use_hint = use_hint

    def parameters(self, attempt: Attempt) -> Mapping[str, str]:
        """Ask Google to show accounts of the domain; what comes back is judged all the same."""
        hint = attempt.login_hint if self._use_hint else ""
        return {"hd": self._domain, "prompt": self._prompt, "login_hint": hint}

    def complete(
        self, this: oidc.Round, claims: oidc.Claims, tokens: grant.Tokens
    ) -> oidc.Claims | LoginFailed:
        """Refuse accounts of other domains: `hd` in the request is a wish that anybody can edit."""
        said = claims.get("hd")
        if not isinstance(said, str) or said.lower() != self._domain:
            detail = f"hosted domain `{shown(said)}`, expected `{self._domain}`"
            return failed(self.client.name, Failure.NOT_A_MEMBER, detail)
        return super().complete(this, claims, tokens)
