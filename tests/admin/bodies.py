"""Bodies that say everything the contract lets one say, and what they name."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

type Body = dict[str, Any]

EVERYONE: list[Any] = [{"everyone": {}}]


@dataclass(frozen=True)
class Made:
    """Objects that others name, made before them."""

    idp: str
    group: str
    token: str
    page: str
    tag: str
    list: str
    ips: str
    app: str
    server: str
    policy: str


def host() -> str:
    """A name nobody else uses."""
    return f"{secrets.token_hex(4)}.example.com"


def rules(made: Made) -> list[Body]:
    """Every rule there is, each with every member."""
    idp = {"identity_provider_id": made.idp}
    return [
        {"email": {"email": "Alice@Example.com"}},
        {"email_domain": {"domain": "Example.com"}},
        {"email_list": {"id": made.list}},
        {"ip_list": {"id": made.ips}},
        {"everyone": {}},
        {"ip": {"ip": "2001:DB8::/32"}},
        {"ip": {"ip": "203.0.113.7"}},
        {"geo": {"country_code": "PT"}},
        {"group": {"id": made.group}},
        {"service_token": {"token_id": made.token}},
        {"any_valid_service_token": {}},
        {"login_method": {"id": made.idp}},
        {"oidc": {"claim_name": "groups", "claim_value": "eng", **idp}},
        {"auth_method": {"auth_method": "mfa"}},
        {"certificate": {}},
        {"common_name": {"common_name": "svc.example.com"}},
        {
            "external_evaluation": {
                "evaluate_url": "https://ask.example.com/evaluate",
                "keys_url": "https://ask.example.com/keys",
            }
        },
        {"saml": {"attribute_name": "groups", "attribute_value": "eng", **idp}},
        {"azureAD": {"id": "group", **idp}},
        {"github-organization": {"name": "org", "team": "core", **idp}},
        {"gsuite": {"email": "g@example.com", **idp}},
        {"okta": {"name": "eng", **idp}},
        {"auth_context": {"id": "x", "ac_id": "c1", **idp}},
        {"device_posture": {"integration_uid": "x"}},
        {"user_risk_score": {"user_risk_score": ["low", "medium"]}},
        {"cloudflare_account_member": {"account_id": "x"}},
        {"cloudflare_account_member": {}},
    ]


def policy(made: Made) -> Body:
    """A policy with all its members."""
    return {
        "name": "full",
        "decision": "allow",
        "include": rules(made),
        "exclude": [{"email": {"email": "no@example.com"}}, {"email": {"email": "no@example.com"}}],
        "require": EVERYONE,
        "session_duration": "1h30m0s",
        "approval_required": True,
        "approval_groups": [
            {"approvals_needed": 2, "email_addresses": ["B@example.com", "a@example.com"]},
            {"approvals_needed": 1, "email_list_uuid": made.list},
        ],
        "purpose_justification_required": True,
        "purpose_justification_prompt": "Why?",
        "isolation_required": False,
        "mfa_config": {"allowed_authenticators": ["totp"], "session_duration": "0m"},
        "connection_rules": {"rdp": {"allowed_clipboard_local_to_remote_formats": ["text"]}},
    }


def common(made: Made) -> Body:
    """What applications of every type have."""
    return {
        "name": "full",
        "session_duration": "90m",
        "allowed_idps": [made.idp],
        "auto_redirect_to_identity": True,
        "app_launcher_visible": False,
        "logo_url": "https://example.com/logo.png",
        "tags": [made.tag],
        "custom_pages": [made.page],
        "policies": [],
        "scim_config": {
            "idp_uid": made.idp,
            "remote_uri": "https://scim.example.com",
            "authentication": {"scheme": "httpbasic", "user": "u"},
            "mappings": [{"schema": "urn:x", "enabled": True, "operations": {"create": True}}],
        },
        "mfa_config": {"mfa_disabled": True},
    }


def reachable(made: Made) -> Body:
    """What applications behind a proxy have."""
    return {
        **common(made),
        "oauth_configuration": {
            "enabled": True,
            "dynamic_client_registration": {
                "enabled": True,
                "allow_any_on_localhost": False,
                "allow_any_on_loopback": False,
                "allowed_uris": ["https://z.example/*", "https://a.example/x"],
            },
            "grant": {"access_token_lifetime": "5m30s", "session_duration": "1440h"},
        },
        "cors_headers": {
            "allow_credentials": True,
            "allowed_headers": ["X-Two", "X-One"],
            "allowed_methods": ["PUT", "GET"],
            "allowed_origins": ["https://b.example", "https://a.example"],
            "max_age": 600,
        },
        "enable_binding_cookie": True,
        "options_preflight_bypass": False,
        "service_auth_401_redirect": True,
        "skip_interstitial": True,
        "allow_iframe": True,
        "path_cookie_attribute": True,
        "http_only_cookie_attribute": True,
        "eager_redirect_cookie_setting": False,
        "same_site_cookie_attribute": "none",
        "read_service_tokens_from_header": "X-Token",
        "custom_deny_message": "No.",
        "custom_deny_url": "https://example.com/no",
        "custom_non_identity_deny_url": "https://example.com/never",
        "allow_authenticate_via_warp": False,
        "use_clientless_isolation_app_launcher_url": False,
    }


def self_hosted(made: Made) -> Body:
    """A web application."""
    first, second = host(), host()
    override = {"path_pattern": "/open/*", "behavior": "public"}
    return {
        "type": "self_hosted",
        "domain": f"{second}/a",
        "destinations": [
            {"type": "public", "uri": first},
            {"type": "public", "uri": f"{second}/a", "overrides": [override]},
            {"type": "via_mcp_server_portal", "mcp_server_id": made.server},
        ],
        "self_hosted_domains": [first, f"{second}/a"],
        **reachable(made),
    }


def mcp_portal(made: Made) -> Body:
    """A portal of MCP servers."""
    own = host()
    places = [{"type": "public", "uri": own}]
    return {
        "type": "mcp_portal",
        "domain": own,
        "destinations": places,
        "self_hosted_domains": [own],
        **reachable(made),
    }


def saas(made: Made) -> Body:
    """An application elsewhere."""
    claim = {"name": "department", "name_by_idp": {made.idp: "dept"}}
    app = {
        "auth_type": "oidc",
        "redirect_uris": ["https://b.example/callback", "https://a.example/callback"],
        "grant_types": ["refresh_tokens", "authorization_code_with_pkce", "authorization_code"],
        "scopes": ["profile", "openid", "groups", "email"],
        "access_token_lifetime": "1h0m",
        "refresh_token_options": {"lifetime": "90d"},
        "allow_pkce_without_client_secret": True,
        "custom_claims": [{"name": "d", "scope": "profile", "required": True, "source": claim}],
        "group_filter_regex": "^eng-.*",
        "app_launcher_url": "https://saas.example.com/start",
        "hybrid_and_implicit_options": {
            "return_access_token_from_authorization_endpoint": False,
            "return_id_token_from_authorization_endpoint": True,
        },
    }
    return {"type": "saas", **common(made), "saas_app": app}


def launcher(made: Made) -> Body:
    """The launcher."""
    return {
        **common(made),
        "type": "app_launcher",
        "domain": "team.example.net",
        "app_launcher_logo_url": "https://example.com/l.png",
        "bg_color": "#AABBCC",
        "header_bg_color": "Navy",
        "footer_links": [
            {"name": "b", "url": "https://b.example/"},
            {"name": "a", "url": "https://a.example"},
        ],
        "landing_page_design": {
            "title": "Hello",
            "message": "There",
            "image_url": "https://example.com/i.png",
            "button_color": "#fff",
            "button_text_color": "black",
        },
        "skip_app_launcher_login_page": True,
        "custom_deny_message": "No.",
        "custom_deny_url": "https://example.com/no",
        "custom_non_identity_deny_url": "https://example.com/never",
    }


def warp(made: Made) -> Body:
    """Device enrolment."""
    return {
        **common(made),
        "type": "warp",
        "domain": "team.example.net/warp",
        "custom_deny_url": "https://example.com/no",
        "custom_non_identity_deny_url": "https://example.com/never",
        "custom_deny_message": "No.",
    }


OIDC = {
    "client_id": "lychgate",
    "client_secret": "do not tell",
    "auth_url": "https://idp.example.com/authorize",
    "token_url": "https://idp.example.com/token",
    "certs_url": "https://idp.example.com/jwks",
    "scopes": ["profile", "openid"],
    "claims": ["dept", "boss"],
    "email_claim_name": "mail",
    "pkce_enabled": False,
}
SECRETIVE = {"client_id": "x", "client_secret": "do not tell", "claims": ["a"]}
PROVIDERS: dict[str, Body] = {
    "oidc": OIDC,
    "github": {"client_id": "x", "client_secret": "do not tell"},
    "google": {**SECRETIVE, "email_claim_name": "mail"},
    "google-apps": {
        **SECRETIVE,
        "apps_domain": "example.com",
        "prompt": "consent",
        "use_login_hint": True,
    },
    "azureAD": {
        **SECRETIVE,
        "directory_id": "d",
        "support_groups": True,
        "conditional_access_enabled": False,
        "prompt": "login",
        "email_claim_name": "mail",
    },
    "okta": {**SECRETIVE, "okta_account": "https://x.okta.com", "authorization_server_id": "s"},
    "saml": {
        "issuer_url": "https://saml.example.com",
        "sso_target_url": "https://saml.example.com/sso",
        "idp_public_certs": ["b", "a"],
        "attributes": ["groups", "mail"],
        "email_attribute_name": "mail",
        "header_attributes": [{"attribute_name": "a", "header_name": "X-A"}],
        "sign_request": False,
        "force_authn": True,
        "enable_encryption": False,
        "max_sso_url_length": 2000,
    },
}
SCIM = {
    "enabled": False,
    "identity_update_behavior": "no_action",
    "seat_deprovision": False,
    "user_deprovision": False,
}


def provider(type: str) -> Callable[[Made], Body]:
    """A provider of a type with all its members."""

    def body(_made: Made) -> Body:
        whole = {"name": type, "type": type, "config": PROVIDERS[type], "scim_config": SCIM}
        return {**whole, "saml_certificate_set_id": "x"}

    return body
