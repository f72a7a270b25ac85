"""The wire shape of `saas_app`: an application that logs its people in through us."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from lychgate.api.base import Flag, Lower, Name, Text, WebLink, Wire, duration
from lychgate.api.groupfilter import read_filter
from lychgate.api.oauth import RedirectUri
from lychgate.api.service_tokens import with_hash
from lychgate.core.durations import parse_duration
from lychgate.core.model import CustomClaim as Claim
from lychgate.core.model import IdpId, SaasClient, SaasGrant

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
    if text.endswith("d") and days.isdecimal() and days.isascii() and 0 < len(days) <= 4:
        return text
    parsed = parse_duration(text)
    if parsed is None:
        raise ValueError(f"`{text[:40]}` is not a lifetime such as `30m`, `12h` or `90d`")
    if parsed < timedelta(minutes=1):
        raise ValueError(f"`{text[:40]}` is less than a minute")
    return text


_OWN_CLAIMS = frozenset(
    {"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "auth_time", "nonce", "acr", "amr", "azp"}
    | {"at_hash", "c_hash", "s_hash", "sid", "type"}
)
"""Claims that only we make."""


def _claim_name(text: str) -> str:
    if text in _OWN_CLAIMS:
        raise ValueError(f"`{text}` is a claim that only the gate makes")
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

    name: Annotated[Name, AfterValidator(_claim_name)]
    source: ClaimSource
    scope: Annotated[Scope, Lower] | None = None
    required: Flag = False

    def claim(self) -> Claim:
        """The core's value."""
        by_idp = {IdpId(idp): name for idp, name in self.source.name_by_idp.items()}
        return Claim(self.name, self.source.name, by_idp, self.scope or "", self.required)


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
    group_filter_regex: (
        Annotated[Text, Field(max_length=1000), AfterValidator(read_filter)] | None
    ) = None
    app_launcher_url: WebLink | None = None
    hybrid_and_implicit_options: HybridOptions | None = None
    client_id: Annotated[str, Field(pattern="^[A-Za-z0-9._-]{1,128}$")] | None = None
    client_secret: Annotated[Text, Field(min_length=16, max_length=256)] | None = None
    client_secret_hash: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    public_key: Text | None = None

    @model_validator(mode="after")
    def _no_star(self) -> Self:
        if any("*" in uri for uri in self.redirect_uris):
            raise ValueError("redirect_uris must not hold a star")
        return self

    def client(self, id: str) -> SaasClient:
        """The core's value for the application of that id."""
        front, refresh = self.hybrid_and_implicit_options, self.refresh_token_options
        hashed = self.client_secret_hash
        return SaasClient(
            client_id=self.client_id or saas_client_id(id),
            redirect_uris=tuple(self.redirect_uris),
            secret_hash=bytes.fromhex(hashed) if hashed else None,
            grants=frozenset(map(SaasGrant, self.grant_types)),
            scopes=frozenset(self.scopes),
            public=self.allow_pkce_without_client_secret,
            access_token_lifetime=duration(self.access_token_lifetime),
            refresh_lifetime=_days_or_duration(refresh.lifetime) if refresh else None,
            custom_claims=tuple(one.claim() for one in self.custom_claims),
            group_filter=self.group_filter_regex or "",
            front_id_token=bool(front and front.return_id_token_from_authorization_endpoint),
            front_access_token=bool(
                front and front.return_access_token_from_authorization_endpoint
            ),
            launcher_url=self.app_launcher_url or "",
        )


def _days_or_duration(text: str) -> timedelta:
    days = text.removesuffix("d")
    return timedelta(days=int(days)) if days != text else duration(text)


def saas_client_id(id: str) -> str:
    """The client id of a SaaS application that was not given one: fixed by its id."""
    return hashlib.sha256(f"lychgate saas client {id}".encode()).hexdigest()


def to_keep(id: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """A `saas_app` as the store keeps it: with a client id, and of the secret only its hash."""
    return with_hash({"client_id": saas_client_id(id), **body})
