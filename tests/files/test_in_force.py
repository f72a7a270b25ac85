"""What is applied counts in processes that run already."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.admin.running import Running, running
from tests.files.conftest import Said
from tests.files.test_apply import EVERYONE, OWN, SMALL, STAFF

PLACE = {"type": "self_hosted", "domain": "inline.example.com"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A companion process that follows its store."""
    with running(tmp_path_factory.mktemp("in-force"), {"tags": [{"name": "of the file"}]}) as one:
        yield one


def test_it_is_in_force_within_a_second(
    server: Running, tmp_path: Path, run: Callable[..., Said]
) -> None:
    def apply(resources: dict[str, Any]) -> None:
        file = tmp_path / "resources.yaml"
        file.write_text(yaml.safe_dump({"resources": resources}))
        assert run("apply", str(file), "--config", str(server.config)).status == 0

    def uses_in_force(name: str) -> int:
        # How many applications use a policy is told from the snapshot that decides.
        listed = http.get(server.account("/access/policies")).json()["result"]
        return int(next(one["app_count"] for one in listed if one["name"] == name))

    with server.http() as http:
        apply({"policies": [STAFF]})
        assert uses_in_force("staff") == 0
        apply(SMALL)
        began = time.monotonic()
        while uses_in_force("staff") == 0:
            assert time.monotonic() - began < 5
        assert time.monotonic() - began < 1


EVERYWHERE: dict[str, list[dict[str, Any]]] = {
    "/access/tags": [{"name": "team"}],
    "/access/identity_providers": [
        {"name": "", "type": "onetimepin", "config": {}},
        {"name": "ADFS", "type": "saml", "config": {"issuer_url": "https://i.example"}},
    ],
    "/gateway/lists": [{"name": "mail", "type": "EMAIL", "items": [{"value": "a@example.com"}]}],
    "/access/groups": [{"name": "twice", "include": EVERYONE, "is_default": False}] * 2,
    "/access/service_tokens": [{"name": "robot"}, {"name": "for ever", "duration": "forever"}],
    "/access/custom_pages": [{"name": "No", "type": "forbidden", "custom_html": "<p>\n no </p>"}],
    "/access/policies": [{**STAFF, "name": "reusable", "session_duration": "24h"}],
    "/access/apps": [
        {"name": "inline", **PLACE, "policies": [{**STAFF, "precedence": 7}, {**OWN, "name": "1"}]},
        {"name": "bare", "type": "self_hosted", "domain": "bare.example.com", "tags": ["team"]},
        {"type": "app_launcher"},
        {"name": "link", "type": "bookmark", "domain": "wiki.example.com"},
        {
            "name": "far",
            "type": "saas",
            "saas_app": {"auth_type": "oidc", "redirect_uris": ["https://far.example/cb"]},
        },
    ],
    "/access/ai-controls/mcp/servers": [
        {"id": "tools", "name": "T", "hostname": "https://t.example", "auth_type": "oauth"}
    ],
}


def test_what_the_api_made_is_no_difference_once_exported(
    server: Running, tmp_path: Path, run: Callable[..., Said]
) -> None:
    with server.http() as http:
        for path, sent in EVERYWHERE.items():
            for body in sent:
                answer = http.post(server.account(path), json=body)
                assert answer.status_code in (200, 201), answer.text
        keys = server.account("/access/keys")
        assert http.put(keys, json={"key_rotation_interval_days": 30}).status_code == 200
        organization = server.account("/access/organizations")
        assert http.put(organization, json={"session_duration": "12h"}).status_code == 200
    file, config = tmp_path / "exported.yaml", ("--config", str(server.config))
    assert run("export", str(file), *config).status == 0
    said = run("apply", str(file), "--prune", "--dry-run", *config)
    assert (said.status, said.out) == (0, "no difference\n"), said.err
