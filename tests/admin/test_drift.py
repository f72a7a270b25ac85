"""What is read back is what was sent, member by member; what was never sent stays away."""

import secrets
from typing import Any

import pytest
from limits import RateLimitItemPerMinute

from lychgate.admin.refusals import Refused
from lychgate.web.admin import limit
from tests.admin.running import Running

EVERYONE: list[Any] = [{"everyone": {}}]
NEVER_SET = (
    *("custom_deny_url", "logo_url", "same_site_cookie_attribute", "custom_pages", "cors_headers"),
    *("allow_authenticate_via_warp", "mfa_config", "scim_config", "oauth_configuration"),
)
APPLICATIONS: dict[str, dict[str, Any]] = {
    "everything": {
        "type": "self_hosted",
        "session_duration": "1h30m",
        "app_launcher_visible": False,
        "auto_redirect_to_identity": True,
        "enable_binding_cookie": True,
        "http_only_cookie_attribute": True,
        "path_cookie_attribute": True,
        "skip_interstitial": True,
        "service_auth_401_redirect": True,
        "same_site_cookie_attribute": "lax",
        "custom_deny_message": "No.",
        "custom_deny_url": "https://example.com/no",
        "logo_url": "https://example.com/logo.png",
        "read_service_tokens_from_header": "Authorization",
        "cors_headers": {"allow_all_methods": True, "allowed_origins": ["https://a.example"]},
    },
    "oauth with nothing": {"type": "self_hosted", "oauth_configuration": {}},
    "oauth with a grant": {
        "type": "self_hosted",
        "oauth_configuration": {
            "enabled": True,
            "dynamic_client_registration": {"allowed_uris": ["https://a.example/*"]},
            "grant": {"session_duration": "720h"},
        },
    },
    "public paths": {
        "type": "self_hosted",
        "overrides": [{"path_pattern": "/open/*", "behavior": "public"}],
    },
}


@pytest.mark.parametrize("body", APPLICATIONS.values(), ids=APPLICATIONS)
def test_an_application_does_not_drift(server: Running, body: dict[str, Any]) -> None:
    host = f"{secrets.token_hex(4)}.example.com"
    place: dict[str, Any] = {"type": "public", "uri": f"{host}/a"}
    if "overrides" in body:
        place["overrides"] = body["overrides"]
    sent = {name: value for name, value in body.items() if name != "overrides"}
    sent |= {"name": host, "destinations": [place, {"type": "public", "uri": host}]}
    with server.http() as http:
        made = http.post(server.account("/access/apps"), json=sent).json()["result"]
        url = server.account(f"/access/apps/{made['id']}")
        again = http.put(url, json=sent).json()["result"]
        read = http.get(url).json()["result"]
        for shown in (made, again, read):
            assert {name: shown[name] for name in sent} == sent
            assert not [name for name in NEVER_SET if name in shown and name not in sent]
        bare = {name: sent[name] for name in ("type", "name", "destinations")}
        cleared = http.put(url, json={**bare, "logo_url": None}).json()["result"]
        assert not [name for name in NEVER_SET if name in cleared]
        assert cleared["aud"] == made["aud"]
        http.delete(url)


def test_rules_keep_their_order_and_spelling(server: Running) -> None:
    rules = [
        {"ip": {"ip": "2001:DB8::/32"}},
        {"email": {"email": "Alice@Example.com"}},
        {"email": {"email": "Alice@Example.com"}},
        {"everyone": {}},
        {"geo": {"country_code": "PT"}},
    ]
    sent = {"name": "order", "include": EVERYONE, "require": rules, "exclude": []}
    with server.http() as http:
        made = http.post(server.account("/access/groups"), json=sent).json()["result"]
        read = http.get(server.account(f"/access/groups/{made['id']}")).json()["result"]
    assert {name: read[name] for name in sent} == sent


def test_policies_accept_any_case_and_keep_the_lower_one(server: Running) -> None:
    sent = {"name": "case", "decision": "Allow", "include": EVERYONE}
    with server.http() as http:
        made = http.post(server.account("/access/policies"), json=sent).json()["result"]
    assert made["decision"] == "allow"


def test_a_zone_shows_the_same_objects(server: Running) -> None:
    with server.http() as http:
        zone = f"{server.base_url}/zones/{'a' * 32}"
        apps = http.get(f"{zone}/access/apps").json()["result"]
        assert apps and apps[0] == http.get(server.account("/access/apps")).json()["result"][0]
        assert http.get(f"{zone}/access/keys").status_code == 404
        assert http.get(f"{zone}/access/policies").json()["errors"][0]["code"] == 7003


def test_a_caller_over_the_limit_waits() -> None:
    count = limit(RateLimitItemPerMinute(2))
    count("one")
    count("one")
    count("another")
    with pytest.raises(Refused) as refused:
        count("one")
    assert refused.value.status == 429 and dict(refused.value.headers)["retry-after"].isdigit()
