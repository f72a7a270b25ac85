"""What administrators edit: applications, policies, groups, lists, identity providers, tokens.

A value of this module has been parsed: durations are `timedelta`, times are aware `datetime`,
identifiers are their own types. Rules alone stay as on the wire (`Rule`) until
`core.selectors` parses them while a snapshot is compiled.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NewType

AppId = NewType("AppId", str)
"""An application's `id`, equal to its `uid`."""
PolicyId = NewType("PolicyId", str)
GroupId = NewType("GroupId", str)
ListId = NewType("ListId", str)
IdpId = NewType("IdpId", str)
TokenId = NewType("TokenId", str)
"""A service token's `id` (what the selector names), not its client id."""
CertificateId = NewType("CertificateId", str)
Audience = NewType("Audience", str)
"""The AUD tag of an application: 64 lower-case hex digits."""

EPOCH = datetime.fromtimestamp(0, UTC)
DAY = timedelta(days=1)


class Action(StrEnum):
    """What a policy does to those it matches; the values are the wire's `decision`."""

    ALLOW = "allow"
    DENY = "deny"
    BYPASS = "bypass"
    SERVICE_AUTH = "non_identity"


class AppType(StrEnum):
    """The kinds of application; only those with destinations can be reached through a proxy."""

    SELF_HOSTED = "self_hosted"
    SAAS = "saas"
    APP_LAUNCHER = "app_launcher"
    BOOKMARK = "bookmark"
    MCP = "mcp"
    MCP_PORTAL = "mcp_portal"
    WARP = "warp"


class SameSite(StrEnum):
    """The SameSite attribute of an application's cookie."""

    NONE = "none"
    LAX = "lax"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of include, require or exclude, as on the wire: `{kind: value}`."""

    kind: str
    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ApprovalGroup:
    """People of whom `needed` must approve a temporary session."""

    needed: int
    emails: tuple[str, ...] = ()
    list_id: ListId | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """An ordered unit of access: an action plus include (any), require (all), exclude (none)."""

    id: PolicyId
    name: str
    action: Action
    include: tuple[Rule, ...]
    require: tuple[Rule, ...] = ()
    exclude: tuple[Rule, ...] = ()
    session_duration: timedelta | None = None
    """Life of the application tokens of those it admits; None: the application's."""
    purpose_required: bool = False
    purpose_prompt: str = ""
    approval_required: bool = False
    approval_groups: tuple[ApprovalGroup, ...] = ()
    reusable: bool = False
    rules_changed_at: datetime = EPOCH
    """When anything that decides was last changed (not the name)."""


@dataclass(frozen=True, slots=True)
class Group:
    """A reusable set of rules; its formula is a policy's."""

    id: GroupId
    name: str
    include: tuple[Rule, ...]
    require: tuple[Rule, ...] = ()
    exclude: tuple[Rule, ...] = ()
    rules_changed_at: datetime = EPOCH


class ListType(StrEnum):
    """What a list holds."""

    EMAIL = "EMAIL"
    IP = "IP"


@dataclass(frozen=True, slots=True)
class ItemList:
    """A stored list of addresses that `email_list` and `ip_list` rules name."""

    id: ListId
    name: str
    type: ListType
    items: tuple[str, ...]
    rules_changed_at: datetime = EPOCH


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """A configured source of people. Its secret stays in the store."""

    id: IdpId
    name: str
    type: str
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ServiceToken:
    """The credential of a machine; secrets are kept as SHA-256 digests only."""

    id: TokenId
    name: str
    client_id: str
    secret_hash: bytes
    expires_at: datetime
    enabled: bool = True
    previous_secret_hash: bytes | None = None
    previous_expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ClientAuthority:
    """A chain of authorities (PEM) whose client certificates count at some hosts."""

    id: CertificateId
    name: str
    pem: str
    hostnames: tuple[str, ...]
    crl: str = ""
    """Revocation lists as PEM; empty: revocation is not asked about."""


@dataclass(frozen=True, slots=True)
class Destination:
    """One pattern an application is reached at: host and path, each with stars.

    `public` are path patterns below it that need no login at all (wire: `overrides`).
    """

    host: str
    path: str = "/"
    public: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cors:
    """How preflight requests are answered on the application's behalf (wire: `cors_headers`)."""

    all_origins: bool = False
    all_methods: bool = False
    all_headers: bool = False
    credentials: bool = False
    origins: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    max_age: int | None = None
    """Seconds; None: the header is not sent."""


@dataclass(frozen=True, slots=True)
class CookieSettings:
    """The attributes of an application's cookie."""

    same_site: SameSite = SameSite.LAX
    http_only: bool = True
    binding: bool = False
    path: bool = False
    eager: bool = False


@dataclass(frozen=True, slots=True)
class DenySettings:
    """What people see who are refused."""

    message: str = ""
    url: str = ""
    non_identity_url: str = ""
    identity_page: str = ""
    """The HTML of the custom page for those refused after login; empty: ours."""
    forbidden_page: str = ""
    """The HTML of the custom page for those refused before login; empty: ours."""


@dataclass(frozen=True, slots=True)
class ManagedOAuth:
    """Managed OAuth of one application (wire: `oauth_configuration`)."""

    registration: bool = True
    any_localhost: bool = True
    any_loopback: bool = True
    allowed_uris: tuple[str, ...] = ()
    access_token_lifetime: timedelta = timedelta(minutes=15)
    grant_duration: timedelta | None = None
    """None: the application's session duration."""
    device_flow: bool = False


class SaasGrant(StrEnum):
    """What a SaaS application may get tokens with (wire: `grant_types`)."""

    CODE = "authorization_code"
    CODE_WITH_PKCE = "authorization_code_with_pkce"
    REFRESH = "refresh_tokens"
    HYBRID = "hybrid"
    IMPLICIT = "implicit"


@dataclass(frozen=True, slots=True)
class CustomClaim:
    """A claim of the identity provider that a SaaS application gets under a name of its own."""

    name: str
    source: str
    """What the identity providers call it."""
    source_by_idp: Mapping[IdpId, str] = field(default_factory=dict)
    """What single ones call it instead."""
    scope: str = ""
    """The scope that brings it; empty: any login."""
    required: bool = False
    """Whether nobody without it may log in."""


@dataclass(frozen=True, slots=True)
class SaasClient:
    """How a SaaS application logs people in through us, by OpenID Connect (wire: `saas_app`)."""

    client_id: str
    redirect_uris: tuple[str, ...]
    secret_hash: bytes | None = field(default=None, repr=False)
    """SHA-256 of the client secret; None: it has none yet."""
    grants: frozenset[SaasGrant] = frozenset({SaasGrant.CODE})
    scopes: frozenset[str] = frozenset({"openid"})
    public: bool = False
    """Whether it may redeem a code by PKCE alone (wire: `allow_pkce_without_client_secret`)."""
    access_token_lifetime: timedelta = timedelta(minutes=5)
    refresh_lifetime: timedelta | None = None
    """None: the session duration of the policy that admits."""
    custom_claims: tuple[CustomClaim, ...] = ()
    group_filter: str = ""
    """A regular expression; only groups in which it is found are told. Empty: all."""
    front_id_token: bool = False
    front_access_token: bool = False
    """Whether the authorization endpoint itself may return these (hybrid and implicit)."""
    launcher_url: str = ""


@dataclass(frozen=True, slots=True)
class Application:
    """A protected host and path, its ordered policies and its settings."""

    id: AppId
    audience: Audience
    name: str
    type: AppType
    destinations: tuple[Destination, ...] = ()
    policies: tuple[PolicyId, ...] = ()
    domain: str = ""
    session_duration: timedelta = DAY
    allowed_idps: tuple[IdpId, ...] = ()
    """Empty: every identity provider."""
    auto_redirect_to_identity: bool = False
    cookie: CookieSettings = CookieSettings()
    cors: Cors | None = None
    options_preflight_bypass: bool = False
    service_auth_401: bool = False
    service_token_header: str | None = None
    """Lower-case name of the header that holds both halves of a service token as JSON."""
    skip_interstitial: bool = False
    deny: DenySettings = DenySettings()
    oauth: ManagedOAuth | None = None
    saas: SaasClient | None = None
    allow_encoded_slash: bool = False
    cookie_for_origin: bool = False
    """Whether callers without the cookie get it added on the way to the origin."""
    zero_hop: bool = True
    """Whether a proxy may prove sessions alone (see `core.zerohop`)."""
    logo_url: str = ""
    launcher_visible: bool = True
    custom_pages: tuple[str, ...] = ()
    """Ids of pages of its own; the first of a type counts."""
    rules_changed_at: datetime = EPOCH
    """When the list of its policies, or a setting that decides, was last changed."""


@dataclass(frozen=True, slots=True)
class LoginDesign:
    """Colours, texts and logo of the login page."""

    background_color: str = ""
    text_color: str = ""
    header_text: str = ""
    footer_text: str = ""
    logo_path: str = ""


@dataclass(frozen=True, slots=True)
class Organization:
    """The settings that hold for every application."""

    name: str = "Lychgate"
    account_id: str = "0" * 32
    session_duration: timedelta = DAY
    """Life of the team session."""
    auto_redirect_to_identity: bool = False
    login_design: LoginDesign = LoginDesign()
    deny_unmatched_requests: bool = True
    exempted_hosts: tuple[str, ...] = ()
    """Zone names: hosts in them pass when no application matches."""
    strict_service_tokens: bool = True
    identity_denied_page: str = ""
    forbidden_page: str = ""
    zero_hop: bool = True
    """Whether a proxy may prove sessions alone, at any application."""


@dataclass(frozen=True, slots=True)
class Team:
    """Where the installation is reached; every URL we write is built from this.

    `url` is an origin (scheme, host and port if not the default) without a trailing slash.
    """

    url: str
    public_scheme: str = "https"
    public_port: int | None = None
    """Port of application hosts in URLs we write; None: the scheme's default."""
    alias: str = ""
    """Another host name of the team domain, the one that `cloudflared` is told; empty: none."""
    transfer_host: str = ""
    """The host where `cloudflared` collects its tokens; empty: it cannot log in."""


@dataclass(frozen=True, slots=True)
class CustomPage:
    """A page of one's own in place of one of ours; `type` is `identity_denied`, `forbidden`, …"""

    type: str
    html: str


@dataclass(frozen=True, slots=True)
class Records:
    """Everything administrators edited, by id; what a snapshot is compiled from."""

    organization: Organization = Organization()
    applications: Mapping[AppId, Application] = field(default_factory=dict)
    policies: Mapping[PolicyId, Policy] = field(default_factory=dict)
    groups: Mapping[GroupId, Group] = field(default_factory=dict)
    lists: Mapping[ListId, ItemList] = field(default_factory=dict)
    identity_providers: Mapping[IdpId, IdentityProvider] = field(default_factory=dict)
    service_tokens: Mapping[TokenId, ServiceToken] = field(default_factory=dict)
    certificates: Mapping[CertificateId, ClientAuthority] = field(default_factory=dict)
    custom_pages: Mapping[str, CustomPage] = field(default_factory=dict)


class RevocationKind(StrEnum):
    """What a revocation ends: all tokens of a person or application, one login, one grant."""

    USER = "user"
    APP = "app"
    SESSION = "session"
    GRANT = "grant"


@dataclass(frozen=True, slots=True)
class Revocation:
    """Tokens of `key` issued before `not_before` or in its second are dead.

    `key` is the subject, the application id, the session nonce or the grant id. `expires_at` is
    when nothing that old can still be valid and the row may be dropped.
    """

    kind: RevocationKind
    key: str
    not_before: datetime
    expires_at: datetime
