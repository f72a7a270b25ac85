"""What the configuration file says cannot be changed over the API, whatever call tries it."""

from collections.abc import Callable, Iterator
from typing import Any

import cloudflare
import pytest

from lychgate.config.naming import ACCOUNT, id_for
from lychgate.store.base import Kind, Source
from tests.admin.running import Running, running
from tests.support.authorities import authority

EVERYONE: list[Any] = [{"everyone": {}}]
HOST = {"hostname": "a.example", "client_certificate_forwarding": True, "china_network": False}
OIDC = {
    "client_id": "lychgate",
    "auth_url": "https://idp.example.com/authorize",
    "token_url": "https://idp.example.com/token",
    "certs_url": "https://idp.example.com/jwks",
    "pkce_enabled": True,
}
RESOURCES: dict[str, Any] = {
    "organization": {"session_duration": "12h"},
    "keys": {"key_rotation_interval_days": 60},
    "certificate_settings": {"settings": [HOST]},
    "identity_providers": [{"name": "idp", "type": "oidc", "config": OIDC}],
    "lists": [{"name": "list", "type": "EMAIL"}],
    "groups": [{"name": "group", "include": EVERYONE}],
    "service_tokens": [{"name": "robot"}],
    "certificates": [{"name": "authority", "certificate": authority().pem}],
    "tags": [{"name": "tag"}],
    "custom_pages": [{"name": "page", "type": "forbidden", "custom_html": "<p>no</p>"}],
    "mcp_servers": [
        {"id": "tools", "name": "Tools", "hostname": "https://t.example", "auth_type": "bearer"}
    ],
    "mcp_portals": [{"id": "portal", "name": "Portal", "hostname": "portal.example.com"}],
    "policies": [{"name": "policy", "decision": "allow", "include": EVERYONE}],
    "applications": [
        {
            "name": "app",
            "type": "self_hosted",
            "domain": "app.example.com",
            "tags": ["tag"],
            "policies": ["policy", {"name": "own", "decision": "deny", "include": EVERYONE}],
        }
    ],
}
APP, IDP = id_for("application", "app"), id_for("identity_provider", "idp")
LIST = id_for("list", "list")
GROUP, ROBOT = id_for("group", "group"), id_for("service_token", "robot")
POLICY, OWN = id_for("policy", "policy"), id_for("policy", APP, "own", "0")
AUTHORITY, PAGE = id_for("certificate", "authority"), id_for("custom_page", "page")
A = {"account_id": ACCOUNT}
RULES = {"include": EVERYONE, "decision": "bypass", "name": "other"}
SELF_HOSTED = {"type": "self_hosted", "domain": "other.example.com", "name": "other"}

type Call = Callable[[Any], object]

CALLS: dict[str, Call] = {
    "an application": lambda a: a.applications.update(APP, **A, **SELF_HOSTED),
    "an application's end": lambda a: a.applications.delete(APP, **A),
    "its settings": lambda a: a.applications.settings.update(APP, **A, allow_iframe=True),
    "some of its settings": lambda a: a.applications.settings.edit(APP, **A, allow_iframe=True),
    "another policy of it": lambda a: a.applications.policies.create(APP, **A, **RULES),
    "a policy of it": lambda a: a.applications.policies.update(OWN, app_id=APP, **A, **RULES),
    "a policy's end": lambda a: a.applications.policies.delete(OWN, app_id=APP, **A),
    "a policy that leaves it": lambda a: a.applications.policies.delete(POLICY, app_id=APP, **A),
    "a policy": lambda a: a.policies.update(POLICY, **A, **RULES),
    "the end of a policy": lambda a: a.policies.delete(POLICY, **A),
    "a group": lambda a: a.groups.update(GROUP, **A, name="other", include=EVERYONE),
    "a group's end": lambda a: a.groups.delete(GROUP, **A),
    "a service token": lambda a: a.service_tokens.update(ROBOT, **A, enabled=False),
    "a token's end": lambda a: a.service_tokens.delete(ROBOT, **A),
    "a token's secret": lambda a: a.service_tokens.rotate(ROBOT, **A),
    "a token's life": lambda a: a.service_tokens.refresh(ROBOT, **A),
    "a token's version": lambda a: a.service_tokens.update(ROBOT, **A, client_secret_version=2),
    "an authority": lambda a: a.certificates.update(
        AUTHORITY, **A, associated_hostnames=["b.example"]
    ),
    "an authority's end": lambda a: a.certificates.delete(AUTHORITY, **A),
    "hosts": lambda a: list(a.certificates.settings.update(**A, settings=[HOST])),
    "a tag": lambda a: a.tags.update("tag", **A, name="other"),
    "a tag's end": lambda a: a.tags.delete("tag", **A),
    "a page": lambda a: a.custom_pages.update(
        PAGE, **A, name="page", type="forbidden", custom_html="<p>yes</p>"
    ),
    "a page's end": lambda a: a.custom_pages.delete(PAGE, **A),
    "the keys": lambda a: a.keys.update(**A, key_rotation_interval_days=30),
    "an MCP server": lambda a: a.ai_controls.mcp.servers.update("tools", **A, name="other"),
    "an MCP server's end": lambda a: a.ai_controls.mcp.servers.delete("tools", **A),
    "a portal": lambda a: a.ai_controls.mcp.portals.update("portal", **A, name="other"),
    "a portal's end": lambda a: a.ai_controls.mcp.portals.delete("portal", **A),
}
OUTSIDE: dict[str, Call] = {
    "the organization": lambda z: z.organizations.update(**A, session_duration="24h"),
    "a provider": lambda z: z.identity_providers.update(
        IDP, **A, name="other", type="oidc", config=OIDC
    ),
    "a provider's end": lambda z: z.identity_providers.delete(IDP, **A),
    "a list": lambda z: z.gateway.lists.update(LIST, **A, name="other"),
    "a list's end": lambda z: z.gateway.lists.delete(LIST, **A),
    "a list's entries": lambda z: z.gateway.lists.edit(
        LIST, **A, append=[{"value": "a@b.example"}]
    ),
}


@pytest.fixture(scope="module")
def filed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """An installation whose file holds an object of every kind."""
    with running(tmp_path_factory.mktemp("filed"), RESOURCES) as started:
        yield started


@pytest.fixture
def zero_trust(filed: Running) -> Iterator[Any]:
    with filed.client() as client:
        yield client.zero_trust


def objects(server: Running) -> dict[Any, Any]:
    """Everything the server stores."""
    return {one.key: one for kind in Kind for one in server.store.objects(kind)}


@pytest.mark.parametrize("call", [*CALLS.values(), *OUTSIDE.values()], ids=[*CALLS, *OUTSIDE])
def test_it_is_refused_in_words(call: Call, filed: Running, zero_trust: Any) -> None:
    before = objects(filed)
    with pytest.raises(cloudflare.ConflictError) as refused:
        call(zero_trust if call in OUTSIDE.values() else zero_trust.access)
    assert "is in the configuration file, change it there" in str(refused.value)
    assert objects(filed) == before


def test_so_is_making_its_policy_reusable(filed: Running) -> None:
    with filed.http() as http:
        url = filed.account(f"/access/apps/{APP}/policies/{OWN}/make_reusable")
        answer = http.put(url)
        assert answer.status_code == 409
        assert "change it there" in answer.json()["errors"][0]["message"]


def test_everything_of_the_file_was_tried(filed: Running) -> None:
    there = {one.kind for one in objects(filed).values() if one.source is Source.FILE}
    assert there == set(Kind)
