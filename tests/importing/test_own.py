"""Importing from a running installation, which speaks the real shapes, makes the same one again."""

import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lychgate.clock import clock
from lychgate.config.judging import to_records
from lychgate.config.naming import ACCOUNT
from lychgate.core.keys import Keyring
from lychgate.core.model import Records
from lychgate.core.revocations import Revocations
from lychgate.core.snapshot import Setting, compile_snapshot
from lychgate.explain import explain, question
from lychgate.files.stock import Stock, as_file_object
from lychgate.service_tokens import create
from lychgate.store.base import Kind, Store
from tests.admin.running import Running, running
from tests.admin.test_from_the_file import EVERYONE, OIDC, RESOURCES
from tests.files.conftest import Install, Said
from tests.files.worlds import SETTINGS

TOKEN = create("robot", None, secrets.token_bytes, clock())
MORE: dict[str, Any] = {
    **RESOURCES,
    "organization": {"session_duration": "12h", "login_design": {"header_text": "Hello"}},
    "identity_providers": [
        {"name": "idp", "type": "oidc", "config": OIDC},
        {"name": "Code", "type": "onetimepin", "config": {}},
    ],
    "lists": [
        {"name": "list", "type": "EMAIL", "items": [{"value": "bob@example.com"}]},
        {"name": "net", "type": "IP", "items": [{"value": "203.0.113.0/24"}]},
    ],
    "service_tokens": [{"name": "robot", "client_secret": TOKEN.secret}],
    "mcp_portals": [
        {
            "id": "portal",
            "name": "Portal",
            "hostname": "portal.example.com",
            "servers": [{"server_id": "tools", "on_behalf": False}],
        }
    ],
    "policies": [
        {"name": "policy", "decision": "allow", "include": [{"email_list": {"id": "list"}}]},
        {
            "name": "machines",
            "decision": "non_identity",
            "include": [
                {"service_token": {"token_id": "robot"}},
                {"linked_app_token": {"app_uid": "app"}},
            ],
        },
    ],
    "applications": [
        *RESOURCES["applications"],
        {
            "name": "more",
            "type": "self_hosted",
            "domain": "more.example.com/docs",
            "session_duration": "30m",
            "allowed_idps": ["idp"],
            "same_site_cookie_attribute": "strict",
            "oauth_configuration": {"enabled": True},
            "policies": ["machines", "policy"],
        },
        {
            "name": "far",
            "type": "saas",
            "saas_app": {"auth_type": "oidc", "redirect_uris": ["https://far.example/cb"]},
            "policies": ["policy"],
        },
        {"name": "link", "type": "bookmark", "domain": "https://wiki.example.com/"},
    ],
    "groups": [{"name": f"g{n:02}", "include": EVERYONE} for n in range(30)],
}
QUESTIONS = (
    {"url": "https://app.example.com/"},
    {"url": "https://app.example.com/", "identity": {"email": "bob@example.com", "idp": "idp"}},
    {"url": "https://more.example.com/docs/x", "identity": {"email": "bob@example.com"}},
    {"url": "https://more.example.com/docs", "identity": {"email": "eve@example.com"}},
    {"url": "https://more.example.com/docs", "service_token": "robot"},
    {"url": "https://more.example.com/docs", "linked_app": "app"},
    {"url": "https://more.example.com/elsewhere"},
    {"url": "https://none.example.com/"},
)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """An installation whose file holds nothing, so that everything is the API's."""
    with running(tmp_path_factory.mktemp("origin"), {"tags": []}) as started:
        yield started


def records(store: Store) -> Records:
    """Everything the core would decide by."""
    objects = [as_file_object(one) for one in Stock.of_store(store).objects.values()]
    return to_records(objects, None)


def answers(known: Records) -> list[Any]:
    """What the gate says to the questions."""
    setting = Setting(SETTINGS.team, country_known=False)
    snapshot = compile_snapshot(known, setting, Keyring((), ()), Revocations(), 0, clock())
    return [explain(question(one, snapshot, lambda _ip: None), snapshot) for one in QUESTIONS]


def test_it_is_the_same_at_the_gate_and_in_the_export(
    origin: Running,
    install: Install,
    run: Callable[..., Said],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resources = tmp_path / "resources.yaml"
    resources.write_text(yaml.safe_dump({"resources": MORE}))
    applied = run("apply", str(resources), "--config", str(origin.config))
    assert applied.status == 0, applied.err
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", origin.token)
    file = tmp_path / "imported.yaml"
    words = ("import", "cloudflare", "--account", ACCOUNT, "--base-url", origin.base_url)
    said = run(*words, "--output", str(file))
    assert said.status == 0, said.err
    assert "30 groups" in said.out and "SERVICE_TOKEN_ROBOT" in said.out
    assert TOKEN.secret not in said.out + file.read_text()
    there = install()
    monkeypatch.setenv("SERVICE_TOKEN_ROBOT", TOKEN.secret)
    applied = there.lychgate("apply", str(file))
    assert applied.status == 0, applied.err
    assert there.lychgate("apply", str(file)).out == "no difference\n"
    old, new = records(origin.store), records(there.store)
    assert new.applications == old.applications and new.policies == old.policies
    assert new.groups == old.groups and new.lists == old.lists
    assert new.identity_providers == old.identity_providers
    tokens = [
        {id: (one.name, one.client_id, one.secret_hash) for id, one in of.service_tokens.items()}
        for of in (old, new)
    ]
    assert tokens[0] == tokens[1]
    assert answers(new) == answers(old)
    for kind in (Kind.TAG, Kind.CUSTOM_PAGE, Kind.MCP_SERVER, Kind.MCP_PORTAL, Kind.SETTINGS):
        assert {one.id for one in there.store.objects(kind)} == {
            one.id for one in origin.store.objects(kind)
        }


def test_a_file_that_exists_is_not_replaced(
    origin: Running, run: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", origin.token)
    file = tmp_path / "there.yaml"
    file.write_text("mine")
    words = ("import", "cloudflare", "--account", ACCOUNT, "--base-url", origin.base_url)
    said = run(*words, "-o", str(file))
    assert said.status == 1 and "is there already" in said.err and file.read_text() == "mine"


def test_what_a_token_may_not_read_is_named_at_once(
    origin: Running, run: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, _ = origin.new_token("Access: Apps and Policies Read")
    monkeypatch.setenv("MINE", token)
    words = ["import", "cloudflare", "--account", ACCOUNT, "--base-url", origin.base_url]
    words += ["--token-env", "MINE", "-o", str(tmp_path / "x.yaml")]
    said = run(*words)
    assert said.status == 1 and "Access: Service Tokens Read (service_tokens)" in said.err
    assert "Zero Trust Read (lists)" in said.err and "tags" not in said.err
    sections = re.findall(r"\((\w+)\)", said.err)
    skipped = [word for section in sections for word in ("--skip", section)]
    assert run(*words, *skipped).status == 0
    monkeypatch.setenv("MINE", "wrong")
    said = run(*words, "-o", str(tmp_path / "y.yaml"))
    assert said.status == 1 and "the token is not accepted: Authentication error" in said.err
    monkeypatch.delenv("MINE")
    assert "`MINE` is not set" in run(*words, "-o", str(tmp_path / "y.yaml")).err
