"""The wire shapes of identity providers, one for each type this project can log in with."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from lychgate.api.base import Endpoint, Flag, Json, Name, Text, Wire

Texts = Annotated[list[Name], Field(max_length=100)]
SUPPORTED = (
    "oidc",
    "onetimepin",
    "github",
    "google",
    "google-apps",
    "azureAD",
    "okta",
    "saml",
)


def _domain(text: str) -> str:
    if not all(char.isalnum() or char in ".-:" for char in text):
        raise ValueError("must be a host name")
    return text


def _canonical(kind: Any) -> Any:
    if not isinstance(kind, str):
        return kind
    return next((known for known in SUPPORTED if known.lower() == kind.lower()), kind)


HostName = Annotated[Name, AfterValidator(_domain)]


class OauthConfig(Wire):
    """What every OAuth provider has; the URLs of a preset may be replaced by one's own."""

    client_id: Name
    client_secret: Text | None = None
    claims: Texts = Field(default_factory=list)
    email_claim_name: Name | None = None
    scopes: Texts = Field(default_factory=list)
    pkce_enabled: Flag | None = None
    require_email_verified: Flag | None = None
    token_endpoint_auth_method: (
        Annotated[str, Field(pattern="^client_secret_(basic|post)$")] | None
    ) = None
    auth_url: Endpoint | None = None
    token_url: Endpoint | None = None
    certs_url: Endpoint | None = None
    userinfo_url: Endpoint | None = None
    discovery_url: Endpoint | None = None
    issuer: Text | None = None
    api_url: Endpoint | None = None
    redirect_url: Json = None
    conditional_access_enabled: Flag | None = None


class OidcConfig(OauthConfig):
    """Any OpenID provider: three URLs by hand, or its discovery document."""

    @model_validator(mode="after")
    def _urls(self) -> Self:
        needed = ("auth_url", "token_url", "certs_url")
        missing = [member for member in needed if getattr(self, member) is None]
        if missing and self.discovery_url is None:
            verb = "is a required field" if len(missing) == 1 else "are required fields"
            raise ValueError(f"{', '.join(missing)} {verb}")
        return self


class GoogleAppsConfig(OauthConfig):
    """Google Workspace."""

    apps_domain: HostName
    prompt: Annotated[str, Field(pattern="^(none|consent|select_account)$")] | None = None
    use_login_hint: Flag | None = None


class OktaConfig(OauthConfig):
    """Okta; `okta_account` is the organization's URL or host."""

    okta_account: Name
    authorization_server_id: Name | None = None


class EntraConfig(OauthConfig):
    """Microsoft Entra."""

    directory_id: Name
    support_groups: Flag | None = None
    prompt: Annotated[str, Field(pattern="^(login|select_account|none)$")] | None = None


class PinConfig(Wire):
    """One-time PIN has nothing to set."""

    redirect_url: Json = None


class HeaderAttribute(Wire):
    """An attribute handed to the origin in a header."""

    attribute_name: Name
    header_name: Name


class SamlConfig(Wire):
    """SAML: stored; nobody can log in with it."""

    issuer_url: Text | None = None
    sso_target_url: Text | None = None
    idp_public_certs: Annotated[list[Text], Field(max_length=20)] = Field(default_factory=list)
    attributes: Texts = Field(default_factory=list)
    email_attribute_name: Text | None = None
    header_attributes: Annotated[list[HeaderAttribute], Field(max_length=100)] = Field(
        default_factory=list
    )
    sign_request: Flag | None = None
    force_authn: Flag | None = None
    enable_encryption: Flag | None = None
    max_sso_url_length: Annotated[int, Field(ge=0, le=2**31)] | None = None


class ProviderBody(Wire):
    """An identity provider of any type."""

    name: Text = ""
    type: Annotated[Name, BeforeValidator(_canonical)]
    scim_config: Json = None
    saml_certificate_set_id: Text | None = None


class NamedProviderBody(ProviderBody):
    """A provider whose name the visitor chooses it by."""

    name: Name


class OidcBody(NamedProviderBody):
    """Generic OpenID Connect."""

    type: Annotated[Literal["oidc"], BeforeValidator(_canonical)]
    config: OidcConfig


class SocialBody(NamedProviderBody):
    """GitHub or Google."""

    type: Annotated[Literal["github", "google"], BeforeValidator(_canonical)]
    config: OauthConfig


class GoogleAppsBody(NamedProviderBody):
    """Google Workspace."""

    type: Annotated[Literal["google-apps"], BeforeValidator(_canonical)]
    config: GoogleAppsConfig


class OktaBody(NamedProviderBody):
    """Okta."""

    type: Annotated[Literal["okta"], BeforeValidator(_canonical)]
    config: OktaConfig


class EntraBody(NamedProviderBody):
    """Microsoft Entra."""

    type: Annotated[Literal["azureAD"], BeforeValidator(_canonical)]
    config: EntraConfig


class SamlBody(NamedProviderBody):
    """SAML."""

    type: Annotated[Literal["saml"], BeforeValidator(_canonical)]
    config: SamlConfig


class PinBody(ProviderBody):
    """One-time PIN."""

    type: Annotated[Literal["onetimepin"], BeforeValidator(_canonical)]
    config: PinConfig = PinConfig()

    @model_validator(mode="after")
    def _no_scim(self) -> Self:
        if self.scim_config is not None:
            raise ValueError("scim_config cannot be set on onetimepin")
        return self


class UnsupportedBody(ProviderBody):
    """A type nobody can log in with."""

    config: Json = None

    @model_validator(mode="after")
    def _refuse(self) -> Self:
        known = ", ".join(SUPPORTED)
        raise ValueError(f"unsupported type `{self.type[:40]}`, supported are {known}")


BY_TYPE: dict[str, type[ProviderBody]] = {
    "oidc": OidcBody,
    "onetimepin": PinBody,
    "github": SocialBody,
    "google": SocialBody,
    "google-apps": GoogleAppsBody,
    "azuread": EntraBody,
    "okta": OktaBody,
    "saml": SamlBody,
}
"""The shape of each type, in lower case."""


def provider_model(kind: Any) -> type[ProviderBody]:
    """The shape of a provider of this wire `type`."""
    found = BY_TYPE.get(kind.lower()) if isinstance(kind, str) else None
    if found is not None:
        return found
    return UnsupportedBody if isinstance(kind, str) else ProviderBody


def takes_secret(body: ProviderBody) -> bool:
    """Whether such a provider needs a client secret (one with PKCE may be a public client)."""
    config = getattr(body, "config", None)
    return isinstance(config, OauthConfig) and not config.pkce_enabled


def parse_provider(body: Mapping[str, Any]) -> ProviderBody:
    """The provider of a body that was validated before."""
    return provider_model(body.get("type")).model_validate(body)


_ADDRESSES = frozenset({"issuer", "okta_account", "authorization_server_id", "directory_id"})


def goes_elsewhere(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether the secret of one body would be sent to another place by the other."""
    old, new = before.get("config") or {}, after.get("config") or {}
    names = {name for name in {*old, *new} if name.endswith("_url") or name in _ADDRESSES}
    return any(old.get(name) != new.get(name) for name in names - {"redirect_url"})
