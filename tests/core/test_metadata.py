"""The well-known documents: which application they speak of, and what real clients demand."""

import json
from typing import Any

import pytest

from lychgate.core.decision import Reason, Respond
from lychgate.core.model import ManagedOAuth, Team
from lychgate.core.snapshot import Snapshot
from tests.core.s1 import ask
from tests.support.builders import a_snapshot, an_app

APP = an_app("app", oauth=ManagedOAuth())
MANAGED = a_snapshot(APP)
ACCESS = "/.well-known/cloudflare-access-protected-resource"
RESOURCE = "/.well-known/oauth-protected-resource"
SERVER = "/.well-known/oauth-authorization-server"


def got(path: str, snapshot: Snapshot = MANAGED, host: str = "app.example", **more: Any) -> Any:
    decision = ask(f"https://{host}{path}", snapshot=snapshot, **more)
    return decision if isinstance(decision, Respond) else None


def document(path: str, snapshot: Snapshot = MANAGED, host: str = "app.example") -> dict[str, Any]:
    answer = got(path, snapshot, host)
    assert answer is not None
    assert answer.status == 200
    assert answer.because.reason is Reason.METADATA
    assert dict(answer.headers)["content-type"] == "application/json"
    assert dict(answer.headers)["access-control-allow-origin"] == "*"
    found: dict[str, Any] = json.loads(answer.body)
    assert None not in found.values()
    return found


@pytest.mark.parametrize(
    ("suffix", "resource"),
    [
        ("", "https://app.example"),
        ("/", "https://app.example/"),
        ("/mcp", "https://app.example/mcp"),
        ("/mcp/", "https://app.example/mcp/"),
    ],
)
def test_the_resource_is_spelled_as_it_was_asked_for(suffix: str, resource: str) -> None:
    for path in (ACCESS, RESOURCE):
        found = document(path + suffix)
        assert found["resource"] == resource
        assert found["authorization_servers"] == ["https://team.example"]
        assert found["team_domain"] == "team.example"
        assert found["protected"] is True
        assert found["resource_name"] == "app"


@pytest.mark.parametrize("suffix", ["", "/mcp"])
def test_the_server_document_is_what_clients_check(suffix: str) -> None:
    found = document(SERVER + suffix)
    assert found["issuer"] == "https://team.example"
    assert found["response_types_supported"] == ["code"]
    assert found["code_challenge_methods_supported"] == ["S256"]
    for name in ("authorization", "token", "registration", "revocation"):
        assert found[f"{name}_endpoint"].startswith("https://team.example/cdn-cgi/access/oauth/")


def test_without_managed_oauth_only_the_access_form_is_ours() -> None:
    plain = a_snapshot(an_app("app"))
    assert document(ACCESS, plain)["resource"] == "https://app.example"
    for path in (RESOURCE, SERVER, RESOURCE + "/x", SERVER + "/x", "/.well-known/other"):
        assert got(path, plain) is None


def test_a_document_speaks_of_the_application_behind_it() -> None:
    mixed = a_snapshot(
        an_app("mcp", "app.example/mcp", oauth=ManagedOAuth()), an_app("web", "app.example/web")
    )
    assert document(RESOURCE + "/mcp/x", mixed)["resource_name"] == "mcp"
    assert got(RESOURCE + "/web", mixed) is None
    assert document(RESOURCE, mixed)["resource_name"] == ""
    assert document(ACCESS + "/web", mixed)["resource_name"] == "web"
    assert document(ACCESS + "/nobody", mixed)["resource_name"] == ""
    assert "registration_endpoint" in document(SERVER, mixed)


def test_O23_discovery_speaks_of_configured_hosts_only() -> None:
    assert got(ACCESS, host="evil.example") is None
    assert got(RESOURCE, host="evil.example") is None
    hostile = {"x-forwarded-host": "evil.example", "x-forwarded-proto": "http"}
    assert "evil" not in got(ACCESS, headers=hostile).body
    local = a_snapshot(APP, team=Team("http://127.0.0.1:80", "http", 8080))
    assert document(ACCESS, local)["resource"] == "http://app.example:8080"


def test_preflights_of_documents_are_answered_and_other_methods_are_not() -> None:
    answer = got(RESOURCE, method="OPTIONS")
    assert (answer.status, answer.body) == (204, "")
    assert got(RESOURCE, method="HEAD").status == 200
    assert got(RESOURCE, method="POST") is None


@pytest.mark.parametrize("path", [RESOURCE + "ful", "/.well-known/oauth", "/.well-known/"])
def test_neighbours_of_the_documents_are_judged_like_any_path(path: str) -> None:
    assert got(path) is None
