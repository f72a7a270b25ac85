"""Terraform's plans apply and stay applied: no answer makes it want to change anything again."""

import secrets
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.admin.running import TEAM, Running
from tests.admin.terraform import Kind, Managed, Plan

EVERYONE: list[Any] = [{"everyone": {}}]
APPLICATION = Kind(
    "/access/apps",
    optional=(
        *("custom_deny_message", "custom_deny_url", "custom_non_identity_deny_url", "logo_url"),
        *("same_site_cookie_attribute", "read_service_tokens_from_header", "cors_headers"),
        *("allow_authenticate_via_warp", "mfa_config", "scim_config", "saas_app", "custom_pages"),
        *("landing_page_design", "footer_links", "bg_color", "header_bg_color"),
        *("app_launcher_logo_url", "oauth_configuration", "skip_app_launcher_login_page"),
        *("service_auth_401_redirect", "enable_binding_cookie", "options_preflight_bypass"),
        *("auto_redirect_to_identity", "skip_interstitial", "allow_iframe", "allowed_idps"),
        *("path_cookie_attribute", "http_only_cookie_attribute", "app_launcher_visible", "tags"),
    ),
    false_is_null=(
        *("service_auth_401_redirect", "enable_binding_cookie", "options_preflight_bypass"),
        *("auto_redirect_to_identity", "skip_interstitial", "allow_iframe"),
        "path_cookie_attribute",
    ),
    empty_is_null=("allowed_idps", "policies", "tags"),
    sets=("tags",),
    defaults={"session_duration": "24h", "policies": []},
)
REACHABLE = {"http_only_cookie_attribute": True}
LISTED = {"app_launcher_visible": True}
POLICY = Kind(
    "/access/policies",
    optional=(
        *("approval_groups", "mfa_config", "connection_rules", "purpose_justification_prompt"),
        *("approval_required", "isolation_required", "purpose_justification_required"),
    ),
    false_is_null=("approval_required", "isolation_required", "purpose_justification_required"),
    empty_is_null=("approval_groups", "exclude", "require"),
    sets=("include", "exclude", "require"),
    defaults={"session_duration": "24h"},
)
GROUP = Kind("/access/groups", ("is_default",), empty_is_null=("exclude", "require"))
PROVIDER = Kind("/access/identity_providers", ("scim_config",))
TOKEN = Kind(
    "/access/service_tokens",
    defaults={"duration": "8760h", "client_secret_version": 1},
    unread=("client_secret_version", "previous_client_secret_expires_at"),
)
ORGANIZATION = Kind(
    "/access/organizations",
    optional=(
        *("session_duration", "user_seat_expiration_inactive_time", "custom_pages", "mfa_config"),
        *("warp_auth_session_duration", "deny_unmatched_requests", "login_design"),
        *("deny_unmatched_requests_exempted_zone_names", "mfa_ssh_piv_key_requirements"),
        "ui_read_only_toggle_reason",
    ),
    false_is_null=(
        *("allow_authenticate_via_warp", "auto_redirect_to_identity", "is_ui_read_only"),
        "deny_unmatched_requests",
    ),
    empty_is_null=("login_design", "ui_read_only_toggle_reason"),
    defaults={
        "allow_authenticate_via_warp": False,
        "auto_redirect_to_identity": False,
        "is_ui_read_only": False,
    },
    singleton=True,
)
SERVER = Kind(
    "/access/ai-controls/mcp/servers",
    optional=("description", "updated_tools", "updated_prompts"),
    unread=("auth_credentials", "client_secret"),
)
PORTAL = Kind(
    "/access/ai-controls/mcp/portals",
    optional=("description",),
    sets=("servers",),
    defaults={"allow_code_mode": True, "secure_web_gateway": False},
)


@pytest.fixture
def http(server: Running) -> Iterator[httpx.Client]:
    """A plain client."""
    with server.http() as client:
        yield client


def host() -> str:
    """A name nobody else uses."""
    return f"{secrets.token_hex(4)}.example.com"


def lives(server: Running, http: httpx.Client, kind: Kind, first: Plan, second: Plan) -> None:
    """Create, refresh, apply again, change, change back, delete: never a drift."""
    one, other = kind.plan(first), kind.plan(second)
    managed = Managed(server, kind, http).create(one)
    managed.refresh(one)
    managed.update(one, one)
    managed.update(one, other)
    managed.update(other, one)
    managed.delete()


def test_a_plain_application(server: Running, http: httpx.Client) -> None:
    plain = {"type": "self_hosted", "name": "plain", "domain": host(), **REACHABLE, **LISTED}
    full = {
        **plain,
        "session_duration": "1h30m0s",
        "app_launcher_visible": False,
        "http_only_cookie_attribute": False,
        "same_site_cookie_attribute": "strict",
        "custom_deny_message": "No",
        "custom_deny_url": "https://example.com/denied",
        "custom_non_identity_deny_url": "https://example.com/machine",
        "logo_url": "https://example.com/logo.png",
        "skip_interstitial": True,
        "enable_binding_cookie": True,
        "allow_authenticate_via_warp": False,
        "cors_headers": {"allowed_methods": ["GET"], "allow_all_origins": True, "max_age": 10},
        "mfa_config": {"allowed_authenticators": ["totp"], "session_duration": "1h"},
        "oauth_configuration": {"dynamic_client_registration": {"allow_any_on_loopback": True}},
    }
    lives(server, http, APPLICATION, plain, full)


def test_destinations_are_no_set(server: Running, http: httpx.Client) -> None:
    first, second = host(), host()
    places = [{"type": "public", "uri": f"{uri}/x"} for uri in (second, first)]
    domain = {"domain": f"{first}/x", **REACHABLE, **LISTED}
    one: Plan = {"type": "self_hosted", "name": "places", "destinations": places, **domain}
    two = {**one, "destinations": places[::-1]}
    lives(server, http, APPLICATION, one, two)
    old = {"type": "self_hosted", "name": "domains", "domain": first, **REACHABLE, **LISTED}
    lives(server, http, APPLICATION, {**old, "self_hosted_domains": [second, first]}, old)


def test_policies_come_back_in_their_order(server: Running, http: httpx.Client) -> None:
    policy = Managed(server, POLICY, http)
    ids = [policy.create(POLICY.plan(_policy(name))).id for name in ("a", "b")]
    app = {"type": "self_hosted", "name": "linked", "domain": host(), **REACHABLE, **LISTED}
    links = [{"id": id, "precedence": n} for n, id in enumerate(ids, start=1)]
    plan = APPLICATION.plan(app)
    url = server.account(APPLICATION.path)
    made = http.post(url, json={**plan, "policies": links}).json()["result"]
    assert [_link(one) for one in made["policies"]] == links
    swapped = [{"id": id, "precedence": n} for n, id in enumerate(ids[::-1], start=1)]
    changed = http.put(f"{url}/{made['id']}", json={**plan, "policies": swapped}).json()["result"]
    assert [_link(one) for one in changed["policies"]] == swapped
    kept = http.put(f"{url}/{made['id']}", json={**plan, "policies": None}).json()["result"]
    assert [_link(one) for one in kept["policies"]] == swapped
    none = http.put(f"{url}/{made['id']}", json={**plan, "policies": []}).json()["result"]
    assert none["policies"] == []


def _policy(name: str) -> dict[str, Any]:
    return {"name": name, "decision": "allow", "include": EVERYONE}


def _link(policy: dict[str, Any]) -> dict[str, Any]:
    return {"id": policy["id"], "precedence": policy["precedence"]}


def test_a_saas_application(server: Running, http: httpx.Client) -> None:
    saas = {
        "auth_type": "oidc",
        "redirect_uris": ["https://saas.example.com/callback"],
        "access_token_lifetime": "5m",
        "allow_pkce_without_client_secret": False,
    }
    plan = APPLICATION.plan({"type": "saas", "name": "saas", **LISTED})
    url = server.account(APPLICATION.path)
    made = http.post(url, json={**plan, "saas_app": saas}).json()["result"]
    given = made["saas_app"]
    same = {**saas, "client_id": given["client_id"], "client_secret": given["client_secret"]}
    again = http.put(f"{url}/{made['id']}", json={**plan, "saas_app": same}).json()["result"]
    known = {*saas, "client_id", "client_secret", "public_key"}
    for shown in (given, again["saas_app"]):
        assert set(shown) <= known and {name: shown[name] for name in saas} == saas
    assert again["saas_app"]["client_id"] == given["client_id"]
    assert APPLICATION.drift({**plan, "saas_app": again["saas_app"]}, again) == []
    assert http.delete(f"{url}/{made['id']}").status_code == 200


@pytest.mark.parametrize(
    ("written", "more"),
    [
        (
            {"type": "bookmark", "name": "bookmark", "domain": "https://example.com/", **LISTED},
            {"logo_url": "https://example.com/logo.png"},
        ),
        (
            {"type": "app_launcher", "skip_app_launcher_login_page": False},
            {
                "bg_color": "#123456",
                "header_bg_color": "white",
                "app_launcher_logo_url": "https://example.com/logo.png",
                "footer_links": [{"name": "help", "url": "https://example.com/help"}],
                "landing_page_design": {"title": "Welcome!", "message": "Hello"},
            },
        ),
        ({"type": "warp", "name": "Warp Login App"}, {"session_duration": "12h"}),
    ],
    ids=["bookmark", "app_launcher", "warp"],
)
def test_applications_without_a_host(
    server: Running, http: httpx.Client, written: Plan, more: Plan
) -> None:
    lives(server, http, APPLICATION, written, {**written, **more})


def test_mcp_applications(server: Running, http: httpx.Client) -> None:
    id = secrets.token_hex(4)
    body = {"id": id, "name": id, "hostname": f"https://{id}.example.com/mcp"}
    upstream = Managed(server, SERVER, http).create({**body, "auth_type": "unauthenticated"})
    place = {"type": "via_mcp_server_portal", "mcp_server_id": id}
    mcp: Plan = {"type": "mcp", "name": "mcp", "destinations": [place], **REACHABLE}
    lives(server, http, APPLICATION, mcp, {**mcp, "oauth_configuration": {"enabled": True}})
    portal = {"type": "mcp_portal", "name": "portal", "domain": host(), **REACHABLE}
    lives(server, http, APPLICATION, portal, {**portal, "oauth_configuration": {}})
    upstream.delete()


def test_policies(server: Running, http: httpx.Client) -> None:
    rules = [{"email": {"email": "Alice@Example.COM"}}, {"ip": {"ip": "2001:DB8::/32"}}]
    twice = [*rules, *rules, {"geo": {"country_code": "PT"}}]
    one = {"name": "one", "decision": "allow", "include": rules}
    two = {
        "name": "two",
        "decision": "allow",
        "include": twice,
        "exclude": EVERYONE,
        "session_duration": "0h30m",
        "purpose_justification_required": True,
        "purpose_justification_prompt": "Why?",
        "approval_required": True,
        "approval_groups": [{"approvals_needed": 1, "email_addresses": ["boss@example.com"]}],
        "mfa_config": {"mfa_disabled": True},
    }
    lives(server, http, POLICY, one, two)


def test_groups_are_ordered_lists(server: Running, http: httpx.Client) -> None:
    rules = [{"email": {"email": f"{name}@example.com"}} for name in ("z", "a", "m")]
    one = {"name": "group", "include": rules, "require": EVERYONE}
    lives(server, http, GROUP, one, {"name": "group", "include": rules[::-1], "is_default": False})


def test_identity_providers(server: Running, http: httpx.Client) -> None:
    scim = {"enabled": False, "identity_update_behavior": "no_action"}
    scim_config = {**scim, "seat_deprovision": False, "user_deprovision": False}
    config = {
        "client_id": "lychgate",
        "client_secret": "do not tell",
        "auth_url": "https://idp.example.com/authorize",
        "token_url": "https://idp.example.com/token",
        "certs_url": "https://idp.example.com/jwks",
    }
    plan = {"name": "oidc", "type": "oidc", "config": config}
    url = server.account(PROVIDER.path)
    made = http.post(url, json=plan).json()["result"]
    # The provider keeps the secret it planned when the answer has none.
    shown = {name: value for name, value in config.items() if name != "client_secret"}
    read = http.get(f"{url}/{made['id']}").json()["result"]
    assert made["config"] == read["config"] == shown
    assert PROVIDER.drift({**plan, "config": shown}, read) == []
    again = http.put(f"{url}/{made['id']}", json={**plan, "scim_config": scim_config})
    assert again.json()["result"]["scim_config"] == scim_config
    cleared = http.put(f"{url}/{made['id']}", json={**plan, "scim_config": None}).json()["result"]
    assert PROVIDER.drift({**plan, "config": shown}, cleared) == []
    assert http.delete(f"{url}/{made['id']}").status_code == 200


def test_service_tokens(server: Running, http: httpx.Client) -> None:
    url = server.account(TOKEN.path)
    managed = Managed(server, TOKEN, http).create(TOKEN.plan({"name": "token"}))
    before = http.get(f"{url}/{managed.id}").json()["result"]
    assert before["expires_at"]
    # Somebody rotates by hand; the plan still says the version it made.
    assert http.post(f"{url}/{managed.id}/rotate").status_code == 200
    managed.update(TOKEN.plan({"name": "token"}), TOKEN.plan({"name": "renamed"}))
    after = http.get(f"{url}/{managed.id}").json()["result"]
    assert after["expires_at"] == before["expires_at"]
    raised = TOKEN.plan({"name": "renamed", "client_secret_version": 2})
    answer = http.put(f"{url}/{managed.id}", json=raised).json()["result"]
    assert answer["client_secret"]
    assert "client_secret" not in http.put(f"{url}/{managed.id}", json=raised).json()["result"]
    managed.update(raised, {**raised, "duration": "forever"})
    assert http.get(f"{url}/{managed.id}").json()["result"]["expires_at"]
    managed.delete()


def test_the_organization(server: Running, http: httpx.Client) -> None:
    small = ORGANIZATION.plan({"name": "Example", "auth_domain": TEAM})
    full = ORGANIZATION.plan(
        {
            "name": "Example",
            "auth_domain": TEAM,
            "session_duration": "12h",
            "login_design": {"header_text": "Hi", "background_color": "#112233"},
            "deny_unmatched_requests": True,
            "deny_unmatched_requests_exempted_zone_names": ["b.example.com", "a.example.com"],
            "is_ui_read_only": True,
            "ui_read_only_toggle_reason": "managed elsewhere",
            "user_seat_expiration_inactive_time": "730h",
            "warp_auth_session_duration": "24h",
            "mfa_config": {"allowed_authenticators": ["security_key"], "session_duration": "24h"},
        }
    )
    http.put(server.account(ORGANIZATION.path), json={**dict.fromkeys(full), **small})
    managed = Managed(server, ORGANIZATION, http).create(small)
    managed.refresh(small)
    managed.update(small, full)
    managed.update(full, full)
    managed.update(full, small)


def test_mcp_servers_and_portals(server: Running, http: httpx.Client) -> None:
    id = secrets.token_hex(4)
    body = {"id": id, "name": id, "hostname": f"https://{id}.example.com/mcp", "auth_type": "oauth"}
    lives(server, http, SERVER, body, {**body, "description": "tools"})
    managed = Managed(server, SERVER, http).create(body)
    entry = {"server_id": id, "default_disabled": False, "on_behalf": True}
    plan = PORTAL.plan({"id": f"{id}-p", "name": "portal", "hostname": host(), "servers": [entry]})
    portal = http.post(server.account(PORTAL.path), json=plan).json()["result"]
    (shown,) = portal["servers"]
    assert {name: shown[name] for name in entry} == entry
    assert "updated_tools" not in shown and "updated_prompts" not in shown
    without = {name: value for name, value in plan.items() if name != "servers"}
    assert PORTAL.drift(without, portal) == []
    url = server.account(f"{PORTAL.path}/{id}-p")
    again = http.put(url, json=plan).json()["result"]
    assert {**again, "modified_at": ""} == {**portal, "modified_at": ""}
    assert http.delete(url).status_code == 200
    managed.delete()


def test_keys_keep_their_interval(server: Running, http: httpx.Client) -> None:
    url = server.account("/access/keys")
    http.put(url, json={"key_rotation_interval_days": 77})
    assert http.post(f"{url}/rotate").json()["result"]["key_rotation_interval_days"] == 77
    assert http.get(url).json()["result"]["key_rotation_interval_days"] == 77


def test_a_plan_may_be_written_in_any_case(server: Running, http: httpx.Client) -> None:
    word = host()
    place = {"type": "PUBLIC", "uri": word}
    app = {"type": "Self_Hosted", "name": word, "destinations": [place]}
    places = {"destinations": [place | {"type": "public"}]}
    github = {"client_id": "x", "client_secret": "do not tell"}
    cases: list[tuple[Kind, dict[str, Any], dict[str, Any]]] = [
        (APPLICATION, app, {"type": "self_hosted", **places}),
        (POLICY, {**_policy("case"), "decision": "Allow"}, {"decision": "allow"}),
        (PROVIDER, {"name": "g", "type": "GitHub", "config": github}, {"type": "github"}),
    ]
    for kind, body, expected in cases:
        made = http.post(server.account(kind.path), json=body).json()["result"]
        assert {name: made[name] for name in expected} == expected
        assert http.delete(server.account(f"{kind.path}/{made['id']}")).status_code == 200
