"""Every resource of the contract with every member that may be said of it."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.admin.bodies import (
    EVERYONE,
    OIDC,
    PROVIDERS,
    Body,
    Made,
    common,
    host,
    launcher,
    mcp_portal,
    policy,
    provider,
    reachable,
    rules,
    saas,
    self_hosted,
    warp,
)
from tests.admin.running import Running
from tests.support.authorities import issue


@dataclass(frozen=True)
class Full:
    """One resource with everything the contract lets one say, in one body or several."""

    kind: str
    api: Callable[[Any], Any]
    bodies: tuple[Callable[[Made], Body], ...]
    get: str = "get"
    id: str = "id"
    in_place: tuple[str, ...] = ()
    """Members that an update does not take again."""
    lists_less: tuple[str, ...] = ()
    """Members that only the object itself shows, not its list."""
    without: frozenset[str] = frozenset()
    """Members that mean nothing for it."""


def apps(cf: Any) -> Any:
    """Applications of the official client."""
    return cf.zero_trust.access.applications


TOOL = {"name": "tool", "alias": "t", "description": "d", "enabled": False}
PEM = issue("drift", ca=True).pem
FULL = {
    "self_hosted": Full("application", apps, (self_hosted,)),
    "mcp": Full(
        "application",
        apps,
        (
            lambda made: {
                "type": "mcp",
                "destinations": [{"type": "via_mcp_server_portal", "mcp_server_id": made.server}],
                **reachable(made),
            },
        ),
        without=frozenset({"domain", "self_hosted_domains"}),
    ),
    "mcp_portal": Full("application", apps, (mcp_portal,)),
    "saas": Full("application", apps, (saas,)),
    "bookmark": Full(
        "application",
        apps,
        (lambda made: {**common(made), "type": "bookmark", "domain": "https://b.example/x?y=1"},),
    ),
    "app_launcher": Full("application", apps, (launcher,)),
    "warp": Full("application", apps, (warp,)),
    "policy": Full(
        "policy",
        lambda cf: cf.zero_trust.access.policies,
        (
            policy,
            lambda made: {
                "name": "machines",
                "decision": "non_identity",
                "include": [{"linked_app_token": {"app_uid": made.app}}],
            },
        ),
    ),
    "group": Full(
        "group",
        lambda cf: cf.zero_trust.access.groups,
        (
            lambda made: {
                "name": "full",
                "include": rules(made),
                "exclude": rules(made)[::-1][:3],
                "require": EVERYONE,
                "is_default": True,
            },
        ),
    ),
    "list": Full(
        "list",
        lambda cf: cf.zero_trust.gateway.lists,
        (
            lambda _made: {
                "name": "full",
                "type": "IP",
                "description": "d",
                "items": [{"value": "203.0.113.0/24", "description": "x"}, {"value": "10.0.0.1"}],
            },
        ),
        in_place=("type", "items"),
    ),
    "service_token": Full(
        "service_token",
        lambda cf: cf.zero_trust.access.service_tokens,
        (
            lambda _made: {
                "name": "full",
                "duration": "8760h0m",
                "enabled": False,
                "client_secret_version": 3,
            },
            lambda _made: {"name": "full", "duration": "forever"},
        ),
    ),
    **{
        f"provider {type}": Full(
            "identity_provider", lambda cf: cf.zero_trust.identity_providers, (provider(type),)
        )
        for type in PROVIDERS
    },
    "certificate": Full(
        "certificate",
        lambda cf: cf.zero_trust.access.certificates,
        (
            lambda _made: {
                "name": "full",
                "certificate": PEM,
                "associated_hostnames": ["z.example.com", "a.example.com"],
            },
        ),
        in_place=("certificate",),
    ),
    "tag": Full(
        "tag", lambda cf: cf.zero_trust.access.tags, (lambda _made: {"name": host()},), id="name"
    ),
    "custom_page": Full(
        "custom_page",
        lambda cf: cf.zero_trust.access.custom_pages,
        (
            lambda _made: {
                "name": "full",
                "type": "forbidden",
                "custom_html": "<p>no</p>",
                "contract_version": 1,
            },
        ),
        id="uid",
        lists_less=("custom_html",),
    ),
    "mcp_server": Full(
        "mcp_server",
        lambda cf: cf.zero_trust.access.ai_controls.mcp.servers,
        (
            lambda _made: {
                "id": secrets.token_hex(4),
                "name": "full",
                "hostname": "https://mcp.example.com/mcp",
                "auth_type": "bearer",
                "auth_credentials": "do not tell",
                "client_secret": "do not tell",
                "description": "d",
                "is_shared_oauth_callback_enabled": True,
                "secure_web_gateway": False,
                "updated_tools": [TOOL],
                "updated_prompts": [{"name": "prompt"}],
            },
        ),
        get="read",
        in_place=("id", "hostname", "auth_type"),
    ),
    "mcp_portal object": Full(
        "mcp_portal",
        lambda cf: cf.zero_trust.access.ai_controls.mcp.portals,
        (
            lambda _made: {
                "id": secrets.token_hex(4),
                "name": "full",
                "hostname": host(),
                "description": "d",
                "code_mode": "default_on",
                "allow_code_mode": True,
                "secure_web_gateway": False,
                "servers": [],
            },
        ),
        get="read",
        in_place=("id",),
    ),
}


def make_one_of_each(server: Running) -> Made:
    """One of everything that can be named, made over HTTP."""
    with server.http() as http:

        def make(path: str, body: Body, id: str = "id") -> str:
            answer = http.post(server.account(path), json=body)
            assert answer.status_code == 201, answer.text
            return str(answer.json()["result"][id])

        word = secrets.token_hex(4)
        simple = {"name": word, "include": EVERYONE}
        page = {"name": word, "type": "forbidden", "custom_html": "<p>no</p>"}
        upstream = {"id": word, "name": word, "hostname": "https://mcp.example.com"}
        return Made(
            idp=make(
                "/access/identity_providers", {"name": word, "type": "oidc", "config": {**OIDC}}
            ),
            group=make("/access/groups", simple),
            token=make("/access/service_tokens", {"name": word}),
            page=make("/access/custom_pages", page),
            tag=make("/access/tags", {"name": word}, "name"),
            list=make("/gateway/lists", {"name": word, "type": "EMAIL"}),
            ips=make("/gateway/lists", {"name": word, "type": "IP"}),
            app=make("/access/apps", {"type": "self_hosted", "name": word, "domain": host()}),
            server=make(
                "/access/ai-controls/mcp/servers", {**upstream, "auth_type": "unauthenticated"}
            ),
            policy=make("/access/policies", {**simple, "decision": "allow"}),
        )
