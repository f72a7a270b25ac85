"""The wire shapes of applications, one for each type that is supported."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from lychgate.api.base import (
    Colour,
    Flag,
    HeaderName,
    Json,
    Lower,
    Name,
    Reference,
    SecureLink,
    SessionDuration,
    Text,
    WebLink,
    Wire,
)
from lychgate.api.cors import CorsBody
from lychgate.api.destinations import DestinationBody, Pattern, parse_uri
from lychgate.api.mfa import MfaBody
from lychgate.api.oauth import OAuthBody
from lychgate.api.policies import AppPolicyBody
from lychgate.api.saas import SaasBody
from lychgate.core.model import SameSite

References = Annotated[list[Reference], Field(max_length=1000)]
_ORIGINS_OWN = frozenset({"host", "cookie", "content-length", "transfer-encoding", "connection"})


def _credential_header(text: str) -> str:
    if text.lower() in _ORIGINS_OWN or text.lower().startswith("cf-access-"):
        raise ValueError(f"`{text}` cannot carry a service token")
    return text


def _type(value: Any) -> Any:
    match value:
        case str() if value.lower() not in SUPPORTED:
            raise ValueError(f"unsupported type `{value[:40]}`")
        case str():
            return value.lower()
        case _:
            return value


class ApplicationBody(Wire):
    """What applications of every type have."""

    type: Annotated[str, BeforeValidator(_type)]
    name: Name
    aud: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    session_duration: SessionDuration | None = None
    allowed_idps: References = Field(default_factory=list)
    auto_redirect_to_identity: Flag = False
    app_launcher_visible: Flag = True
    logo_url: SecureLink | None = None
    policies: Annotated[list[AppPolicyBody], Field(max_length=1000)] = Field(default_factory=list)
    tags: Annotated[list[Name], Field(max_length=100)] = Field(default_factory=list)
    custom_pages: References = Field(default_factory=list)
    scim_config: Json = None
    mfa_config: MfaBody | None = None
    zero_hop: Flag = True

    @model_validator(mode="after")
    def _unique_precedence(self) -> Self:
        numbers = precedences(self.policies)
        if len(set(numbers)) != len(numbers):
            raise ValueError("policy precedences must be unique")
        return self


class ReachableBody(ApplicationBody):
    """An application that a proxy stands in front of."""

    domain: Pattern | None = None
    destinations: Annotated[list[DestinationBody], Field(max_length=1000)] = Field(
        default_factory=list
    )
    self_hosted_domains: Annotated[list[Pattern], Field(max_length=1000)] = Field(
        default_factory=list
    )
    oauth_configuration: OAuthBody | None = None
    cors_headers: CorsBody | None = None
    enable_binding_cookie: Flag = False
    options_preflight_bypass: Flag = False
    service_auth_401_redirect: Flag = False
    skip_interstitial: Flag = False
    allow_iframe: Flag = False
    path_cookie_attribute: Flag = False
    http_only_cookie_attribute: Flag = True
    eager_redirect_cookie_setting: Flag | None = None
    same_site_cookie_attribute: Annotated[SameSite, Lower] | None = None
    read_service_tokens_from_header: (
        Annotated[HeaderName, AfterValidator(_credential_header)] | None
    ) = None
    custom_deny_message: Text | None = None
    custom_deny_url: WebLink | None = None
    custom_non_identity_deny_url: WebLink | None = None
    allow_authenticate_via_warp: Flag | None = None
    use_clientless_isolation_app_launcher_url: Flag | None = None
    allow_encoded_slash: Flag = False
    cookie_for_origin: Flag = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.options_preflight_bypass and self.cors_headers is not None:
            raise ValueError("options_preflight_bypass cannot be set together with cors_headers")
        if self.domain is not None and self.destinations:
            wanted = parse_uri(self.domain)
            found = [body.destination() for body in self.destinations]
            if not any(one and (one.host, one.path) == (wanted.host, wanted.path) for one in found):
                raise ValueError("domain not included in destinations")
        return self

    def places(self) -> list[DestinationBody]:
        """The destinations, also those given in an older way."""
        if self.destinations:
            return self.destinations
        hidden = self.domain is not None and self.domain not in self.self_hosted_domains
        uris = [*([self.domain] if hidden and self.domain else []), *self.self_hosted_domains]
        return [DestinationBody(uri=uri) for uri in dict.fromkeys(uris)]


class SelfHostedApplicationBody(ReachableBody):
    """A web application behind the proxy."""

    type: Annotated[Literal["self_hosted"], BeforeValidator(_type)]

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        listed = self.destinations or self.domain or self.self_hosted_domains
        public = not self.destinations or any(one.type == "public" for one in self.destinations)
        if not listed or not public:
            raise ValueError("domain is a required field")
        return self


class McpApplicationBody(ReachableBody):
    """An MCP server, reached through a portal."""

    type: Annotated[Literal["mcp"], BeforeValidator(_type)]

    @model_validator(mode="after")
    def _through_portal(self) -> Self:
        if not any(place.type == "via_mcp_server_portal" for place in self.destinations):
            raise ValueError("destinations is a required field")
        return self


class McpPortalApplicationBody(ReachableBody):
    """A portal of MCP servers on a host of its own."""

    type: Annotated[Literal["mcp_portal"], BeforeValidator(_type)]

    domain: Pattern

    def places(self) -> list[DestinationBody]:
        """The portal's host, and whatever else is listed."""
        return self.destinations or [DestinationBody(uri=self.domain)]


class SaasApplicationBody(ApplicationBody):
    """An application elsewhere, which sends its people to us."""

    type: Annotated[Literal["saas"], BeforeValidator(_type)]

    saas_app: SaasBody


class BookmarkApplicationBody(ApplicationBody):
    """A link on the launcher."""

    type: Annotated[Literal["bookmark"], BeforeValidator(_type)]

    domain: Name

    @model_validator(mode="after")
    def _link(self) -> Self:
        scheme, mark, _ = self.domain.partition("://")
        if mark and scheme.lower() not in {"http", "https"}:
            raise ValueError("domain must be a host or an http or https URL")
        if not mark:
            parse_uri(self.domain)
        return self


class FooterLink(Wire):
    """A link at the foot of the launcher."""

    name: Name
    url: WebLink


class LandingPage(Wire):
    """How the launcher greets."""

    title: Text = "Welcome!"
    message: Text | None = None
    image_url: SecureLink | None = None
    button_color: Colour | None = None
    button_text_color: Colour | None = None


class LauncherApplicationBody(ApplicationBody):
    """The page with all of a person's applications."""

    type: Annotated[Literal["app_launcher"], BeforeValidator(_type)]

    name: Name = "App Launcher"
    domain: Text | None = None
    app_launcher_logo_url: SecureLink | None = None
    bg_color: Colour | None = None
    header_bg_color: Colour | None = None
    footer_links: Annotated[list[FooterLink], Field(max_length=100)] = Field(default_factory=list)
    landing_page_design: LandingPage | None = None
    skip_app_launcher_login_page: Flag = False
    custom_deny_url: WebLink | None = None
    custom_non_identity_deny_url: WebLink | None = None
    custom_deny_message: Text | None = None


class WarpApplicationBody(ApplicationBody):
    """Device enrolment: stored, decides nothing."""

    type: Annotated[Literal["warp"], BeforeValidator(_type)]

    name: Name = "Warp Login App"
    domain: Text | None = None
    custom_deny_url: WebLink | None = None
    custom_non_identity_deny_url: WebLink | None = None
    custom_deny_message: Text | None = None


BY_TYPE: dict[str, type[ApplicationBody]] = {
    "self_hosted": SelfHostedApplicationBody,
    "saas": SaasApplicationBody,
    "app_launcher": LauncherApplicationBody,
    "bookmark": BookmarkApplicationBody,
    "mcp": McpApplicationBody,
    "mcp_portal": McpPortalApplicationBody,
    "warp": WarpApplicationBody,
}
"""The shape of each type."""
SUPPORTED = frozenset(BY_TYPE)


def application_model(kind: Any) -> type[ApplicationBody]:
    """The shape of an application of this wire `type`; the common one where it is wrong."""
    return BY_TYPE.get(kind.lower() if isinstance(kind, str) else "", ApplicationBody)


def precedences(policies: list[AppPolicyBody]) -> list[int]:
    """The precedence of each entry: as given, else the one before it plus one."""
    numbers: list[int] = []
    for policy in policies:
        previous = numbers[-1] if numbers else 0
        numbers.append(previous + 1 if policy.precedence is None else policy.precedence)
    return numbers
