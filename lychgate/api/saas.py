"""The wire shape of `saas_app`: an application that logs its people in through us."""

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from lychgate.api.base import Flag, Lower, Name, Text, WebLink, Wire
from lychgate.api.oauth import RedirectUri
from lychgate.core.durations import parse_duration

Grant = Literal[
    "authorization_code",
    "authorization_code_with_pkce",
    "refresh_tokens",
    "hybrid",
    "implicit",
]
Scope = Literal["openid", "email", "profile", "groups"]


def _lifetime(text: str) -> str:
    parsed = parse_duration(text)
    if parsed is None or not timedelta(minutes=1) <= parsed <= timedelta(hours=24):
        raise ValueError("must be from `1m` to `24h`")
    return text


def _refresh_lifetime(text: str) -> str:
    days = text.removesuffix("d")
    if text.endswith("d") and days.isdigit() and len(days) <= 4:
        return text
    if parse_duration(text) is None:
        raise ValueError(f"`{text[:40]}` is not a lifetime such as `30m`, `12h` or `90d`")
    return text


class RefreshOptions(Wire):
    """How long refresh tokens live."""

    lifetime: Annotated[str, AfterValidator(_refresh_lifetime)]


class ClaimSource(Wire):
    """Where a custom claim comes from."""

    name: Name
    name_by_idp: dict[str, Name] = Field(default_factory=dict)


class CustomClaim(Wire):
    """A claim of the identity provider that is handed on."""

    name: Name
    source: ClaimSource
    scope: Annotated[Scope, Lower] | None = None
    required: Flag = False


class HybridOptions(Wire):
    """What the authorization endpoint itself returns."""

    return_access_token_from_authorization_endpoint: Flag = False
    return_id_token_from_authorization_endpoint: Flag = False


def _kind(value: Any) -> Any:
    if value != "oidc":
        raise ValueError("auth_type must be `oidc`, SAML applications are not supported")
    return value


class SaasBody(Wire):
    """An OpenID Connect client of ours."""

    auth_type: Annotated[Literal["oidc"], BeforeValidator(_kind)]
    redirect_uris: Annotated[list[RedirectUri], Field(min_length=1, max_length=100)]
    grant_types: list[Grant] = Field(default=["authorization_code"])
    scopes: list[Scope] = Field(default=["openid", "email", "profile"])
    access_token_lifetime: Annotated[str, AfterValidator(_lifetime)] = "5m"
    refresh_token_options: RefreshOptions | None = None
    allow_pkce_without_client_secret: Flag = False
    custom_claims: Annotated[list[CustomClaim], Field(max_length=100)] = Field(default_factory=list)
    group_filter_regex: Annotated[Text, Field(max_length=1000)] | None = None
    app_launcher_url: WebLink | None = None
    hybrid_and_implicit_options: HybridOptions | None = None
    client_id: Name | None = None
    public_key: Text | None = None

    @model_validator(mode="after")
    def _no_star(self) -> Self:
        if any("*" in uri for uri in self.redirect_uris):
            raise ValueError("redirect_uris must not hold a star")
        return self
