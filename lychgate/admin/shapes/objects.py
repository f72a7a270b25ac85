"""What stored objects look like in answers: what the gate adds to what was sent."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from lychgate.admin.shapes.shown import Shown
from lychgate.api.applications import BY_TYPE as APPLICATION_TYPES
from lychgate.api.certificates import CertificateBody
from lychgate.api.destinations import DestinationBody
from lychgate.api.groups import GroupBody, ListBody, ListItemBody
from lychgate.api.identity_providers import BY_TYPE as PROVIDER_TYPES
from lychgate.api.kept import CustomPageBody, TagBody
from lychgate.api.mcp import McpPortalBody, McpServerBody
from lychgate.api.organization import OrganizationBody
from lychgate.api.policies import PolicyBody
from lychgate.api.saas import SaasBody
from lychgate.api.service_tokens import ServiceTokenBody


class Deleted(BaseModel):
    """What is left of an object: its id."""

    id: str


class DeletedTag(BaseModel):
    """What is left of a tag: its name."""

    name: str


class Nothing(BaseModel):
    """An empty object."""


class Timed(BaseModel):
    """When an object was made and last changed."""

    created_at: datetime
    updated_at: datetime


class Identified(Timed):
    """An object with an id of the gate."""

    id: str


class Ruled(Identified):
    """An object with rules, all three lists of them."""

    include: list[dict[str, Any]]
    exclude: list[dict[str, Any]]
    require: list[dict[str, Any]]


class PolicyMore(Ruled):
    """A policy by itself."""

    reusable: bool
    app_count: int = Field(description="How many applications use it.")


class LinkedPolicyMore(Ruled):
    """A policy as its application shows it."""

    reusable: bool
    precedence: int


POLICY = Shown(PolicyBody, PolicyMore)
LINKED_POLICY = Shown(PolicyBody, LinkedPolicyMore, suffix="OfApplication")


class ApplicationMore(Identified):
    """What every application shows."""

    uid: str = Field(description="The same as `id`.")
    aud: str
    session_duration: str
    allowed_idps: list[str]
    auto_redirect_to_identity: bool
    tags: list[str]
    policies: list[Any] = Field(
        description="By ascending precedence, each one whole.",
        json_schema_extra={"items": {"$ref": "#/components/schemas/PolicyOfApplication"}},
    )


class ReachableMore(ApplicationMore):
    """What an application shows that a proxy stands in front of."""

    destinations: list[DestinationBody]
    self_hosted_domains: list[str]
    enable_binding_cookie: bool
    http_only_cookie_attribute: bool
    options_preflight_bypass: bool


class TiledMore(ApplicationMore):
    """What an application shows that has a tile."""

    app_launcher_visible: bool


class SelfHostedMore(ReachableMore, TiledMore):
    """What a web application shows."""

    domain: str


class SaasClient(SaasBody):
    """An OpenID Connect client of ours; its secret is shown when it is made, and never again."""

    client_id: str
    public_key: str


class SaasMore(TiledMore):
    """What an application elsewhere shows."""

    saas_app: SaasClient


_MORE: dict[str, type[BaseModel]] = {
    "self_hosted": SelfHostedMore,
    "saas": SaasMore,
    "bookmark": TiledMore,
    "mcp": ReachableMore,
    "mcp_portal": ReachableMore,
}
APPLICATIONS = tuple(
    Shown(body, _MORE.get(type, ApplicationMore)) for type, body in APPLICATION_TYPES.items()
)


class ListMore(Identified):
    """A list with its entries."""

    items: list[ListItemBody]
    count: int


class ServiceTokenMore(Identified):
    """A service token without its secret."""

    client_id: str
    duration: str
    enabled: bool
    client_secret_version: int
    expires_at: datetime
    last_seen_at: datetime | None = None


class FreshTokenMore(ServiceTokenMore):
    """A service token in the answer that made its secret."""

    client_secret: str | None = Field(
        default=None, description="Shown in the answer that makes it, and never again."
    )


_HASHES = frozenset(
    {"client_secret_hash", "previous_client_secret_hash", "previous_client_secret_expires_at"}
)
SERVICE_TOKEN = Shown(ServiceTokenBody, ServiceTokenMore, _HASHES)
FRESH_TOKEN = Shown(ServiceTokenBody, FreshTokenMore, _HASHES, "WithSecret")


class ProviderMore(BaseModel):
    """An identity provider."""

    id: str
    name: str
    read_only: bool


PROVIDERS = tuple(
    Shown(body, ProviderMore, frozenset({"client_secret"}))
    for body in dict.fromkeys(PROVIDER_TYPES.values())
)


class CertificateMore(Identified):
    """A certificate authority without its certificate."""

    associated_hostnames: list[str]
    fingerprint: str | None = None
    expires_on: datetime | None = None


class CustomPageMore(Identified):
    """A custom page; `id` is the same as `uid`."""

    uid: str


class Signed(BaseModel):
    """Who made and last changed an object, and when."""

    created_at: datetime
    created_by: str | None
    modified_at: datetime
    modified_by: str | None


class ErrorDetails(BaseModel):
    """Why an MCP server could not be asked."""

    cause: str
    is_upstream: bool
    mcp_code: int | None
    retryable: bool
    status_code: int | None


type Status = Literal["waiting", "ready", "stale", "error"]


class McpServerMore(Signed):
    """An MCP server; what it offers is not read by this version."""

    is_shared_oauth_callback_enabled: bool
    secure_web_gateway: bool
    tools: list[Any]
    prompts: list[Any]
    status: Status
    error: str
    error_details: ErrorDetails | None
    authentication_status: Literal["not_required", "required", "connected", "stale", "manual"]
    auth_config_summary: dict[str, Any] | None
    last_synced: datetime | None
    last_successful_sync: datetime | None


class Synced(BaseModel):
    """The outcome of asking an MCP server."""

    status: Status
    error: str
    error_details: ErrorDetails | None


class PortalCapability(BaseModel):
    """A tool or prompt that a portal shows otherwise."""

    name: str
    portal_alias: str | None = None
    portal_description: str | None = None
    enabled: bool | None = None


class ServerInPortal(McpServerMore):
    """A server as a portal shows it."""

    id: str
    name: str
    hostname: str
    auth_type: str
    description: str | None = None
    server_id: str = Field(description="The same as `id`.")
    default_disabled: bool
    on_behalf: bool
    updated_tools: list[PortalCapability] | None = None
    updated_prompts: list[PortalCapability] | None = None


class McpPortalMore(Signed):
    """A portal with its servers, each one whole."""

    code_mode: Literal["off", "opt_in", "default_on", "enforced"]
    allow_code_mode: bool
    secure_web_gateway: bool
    servers: list[ServerInPortal]


class OrganizationMore(Timed):
    """The organization; members that were never set are left out."""

    auth_domain: str
    auto_redirect_to_identity: bool
    is_ui_read_only: bool
    strict_service_token_auth: bool


GROUP = Shown(GroupBody, Ruled)
LIST = Shown(ListBody, ListMore, suffix="WithItems")
CERTIFICATE = Shown(CertificateBody, CertificateMore, frozenset({"certificate", "crl"}))
TAG = Shown(TagBody, Timed)
CUSTOM_PAGE = Shown(CustomPageBody, CustomPageMore, frozenset({"custom_html"}))
WHOLE_PAGE = Shown(CustomPageBody, CustomPageMore, suffix="WithHtml")
MCP_SERVER = Shown(McpServerBody, McpServerMore, frozenset({"auth_credentials", "client_secret"}))
MCP_PORTAL = Shown(McpPortalBody, McpPortalMore)
ORGANIZATION = Shown(OrganizationBody, OrganizationMore)
