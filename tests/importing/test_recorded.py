"""Answers in the shapes of the real service, with what cannot be held here."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from lychgate.importing.account import Account
from lychgate.importing.calls import Api, Budget, ImportFailed
from lychgate.importing.document import Imported, write
from lychgate.importing.translating import translate
from lychgate.outbound import Outbound
from lychgate.store.base import Kind
from tests.files.conftest import Install, Said

ACCOUNT = "9f" * 16
TIMES = {"created_at": "2025-01-01T00:00:00Z", "updated_at": "2025-06-01T00:00:00Z"}
POSTURE = {"device_posture": {"integration_uid": "x"}}
EVERYONE: list[Any] = [{"everyone": {}}]


def policy(id: str, decision: str, include: Any = EVERYONE, **more: Any) -> dict[str, Any]:
    """A policy as it is answered, members that were never set being null."""
    unset = {"session_duration": None, "mfa_config": None, "connection_rules": None}
    body = {"id": id, "uid": id, "name": id, "decision": decision, "include": include}
    return {**unset, "exclude": [], "require": [], **body, **TIMES, "reusable": False, **more}


def application(id: str, **more: Any) -> dict[str, Any]:
    """An application as it is answered."""
    host = f"{id}.example.com"
    return {
        "id": id,
        "uid": id,
        "aud": id.encode().hex().ljust(64, "0"),
        "name": id,
        "type": "self_hosted",
        "domain": host,
        "domain_type": "public",
        "self_hosted_domains": [host],
        "destinations": [{"type": "public", "uri": host}],
        "allowed_idps": [],
        "tags": [],
        "policies": [],
        "session_duration": "24h",
        "app_launcher_visible": True,
        "http_only_cookie_attribute": False,
        "scim_config": None,
        "logo_url": "",
        **TIMES,
        **more,
    }


REUSABLE = policy("shared", "allow", reusable=True, app_count=2)
ANSWERS: dict[str, Any] = {
    "access/organizations": {
        "auth_domain": "acme.cloudflareaccess.com",
        "name": "acme",
        "deny_unmatched_requests": False,
        "is_ui_read_only": None,
        "login_design": {"header_text": "Hi", "logo_path": None},
        "a_member_of_tomorrow": "x",
        **TIMES,
    },
    "access/keys": {"key_rotation_interval_days": 90, "days_until_next_rotation": 3},
    "access/identity_providers": [
        {
            "id": "pin",
            "name": "",
            "type": "onetimepin",
            "config": {"redirect_url": "https://x.y/z"},
        },
        {
            "id": "entra",
            "name": "Entra",
            "type": "azureAD",
            "config": {"client_id": "c", "directory_id": "d", "client_secret": "**********"},
            "scim_config": {"enabled": False, "secret": "", "seat_deprovision": False},
        },
        {"id": "fb", "name": "Face", "type": "facebook", "config": {"client_id": "c"}},
        {
            "id": "saml",
            "name": "ADFS",
            "type": "saml",
            "config": {"issuer_url": "https://i.example"},
        },
    ],
    "access/groups": [
        {
            "id": "posture",
            "name": "posture",
            "include": [{"device_posture": {"integration_uid": "x"}}],
        },
        {"id": "face", "name": "face", "include": [{"login_method": {"id": "fb"}}]},
        {"id": "outer", "name": "outer", "include": [{"group": {"id": "face"}}], **TIMES},
    ],
    "access/policies": [
        REUSABLE,
        policy("locked", "deny", [{"group": {"id": "outer"}}], reusable=True),
        policy("future", "allow", [{"everyone": {}}, {"quantum": {"x": 1}}], reusable=True),
        policy("not-face", "allow", exclude=[{"login_method": {"id": "fb"}}], reusable=True),
        policy("isolated", "allow", isolation_required=True, reusable=True),
    ],
    "access/apps": [
        application(
            "wiki",
            tags=["team"],
            policies=[
                {**policy("own", "bypass"), "precedence": 2},
                {**REUSABLE, "precedence": 1},
                {**policy("not-face", "allow", reusable=True), "precedence": 3},
            ],
            landing_page_design={"title": "Hello"},
        ),
        application("vm", type="ssh", policies=[{**REUSABLE, "precedence": 1}]),
        application("face-only", allowed_idps=["fb"]),
        application("half", allowed_idps=["fb", "entra"]),
        application(
            "hybrid",
            destinations=[
                {"type": "public", "uri": "hybrid.example.com"},
                {"type": "private", "cidr": "10.0.0.0/8"},
            ],
        ),
        application("lost", policies=[{"id": "gone", "precedence": 1}]),
        {
            "id": "infra",
            "type": "infrastructure",
            "name": "infra",
            "target_criteria": [{"port": 22}],
        },
        {
            "id": "sso",
            "type": "saas",
            "name": "SSO",
            "saas_app": {"auth_type": "saml", "sp_entity_id": "x"},
        },
        {
            "id": "oidc",
            "type": "saas",
            "name": "OIDC",
            "saas_app": {
                "auth_type": "oidc",
                "client_id": "known-client",
                "redirect_uris": ["https://far.example/cb"],
                "scopes": ["openid"],
                "public_key": "PEM",
            },
        },
        {
            "id": "warp",
            "type": "warp",
            "name": "Warp Login App",
            "domain": "acme.x/warp",
            "policies": [],
        },
    ],
    "access/tags": [{"name": "team", "app_count": 1, **TIMES}],
    "access/service_tokens": [
        {
            "id": "token",
            "name": "CI / deploy",
            "client_id": "0123456789abcdef0123456789abcdef.access",
            "duration": "8760h",
            "expires_at": "2030-01-01T00:00:00Z",
            "last_seen_at": None,
            **TIMES,
        }
    ],
    "gateway/lists": [
        {"id": "mail", "name": "mail", "type": "EMAIL", "count": 1, "description": None, **TIMES},
        {"id": "serial", "name": "serials", "type": "SERIAL", "count": 1, **TIMES},
    ],
    "gateway/lists/mail/items": [{"value": "a@example.com", "description": None, **TIMES}],
    "gateway/lists/serial/items": [{"value": "123"}],
    "access/custom_pages": [{"uid": "page", "name": "No", "type": "forbidden", "app_count": 0}],
    "access/custom_pages/page": {
        "uid": "page",
        "name": "No",
        "type": "forbidden",
        "custom_html": "<p>no</p>",
    },
    "access/certificates": [
        {"id": "ca", "name": "CA", "fingerprint": "x", "associated_hostnames": ["wiki.example.com"]}
    ],
    "access/certificates/settings": [],
    "access/ai-controls/mcp/servers": None,
    "access/ai-controls/mcp/portals": None,
}
ZONE = {"access/apps": [application("zoned"), application("wiki")]}


class Service(ThreadingHTTPServer):
    """Answers as the service does, a page of two objects at a time."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = {f"accounts/{ACCOUNT}/{path}": one for path, one in ANSWERS.items()}
        self.answers |= {f"zones/{'ab' * 16}/{path}": one for path, one in ZONE.items()}
        self.first: list[tuple[int, dict[str, str]]] = []
        """Statuses and headers of the first answers, before all goes well."""
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        """What comes before `/accounts`."""
        return f"http://127.0.0.1:{self.server_address[1]}/client/v4"


class _Handler(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        path = parts.path.removeprefix("/client/v4/")
        self.server.asked.append(path)
        if self.server.first:
            status, headers = self.server.first.pop(0)
            return self._send(status, {"errors": [{"code": 1, "message": "slow"}]}, headers)
        found = self.server.answers.get(path)
        if found is None:
            return self._send(404, {"errors": [{"code": 7003, "message": "no route"}]})
        if isinstance(found, list):
            page = int(parse_qs(parts.query).get("page", ["1"])[0])
            paged = not path.endswith(("gateway/lists", "settings"))
            found = found[2 * page - 2 : 2 * page] if paged else found
        self._send(200, {"result": found, "success": True, "errors": [], "messages": []})

    def _send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "content-length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@contextmanager
def serving() -> Iterator[Service]:
    """The service, on a free port of loopback."""
    with Service() as service:
        thread = threading.Thread(target=service.serve_forever, daemon=True)
        thread.start()
        try:
            yield service
        finally:
            service.shutdown()
            thread.join()


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as started:
        yield started


def test_what_can_be_here_is_and_what_cannot_is_said(
    service: Service,
    install: Install,
    run: Callable[..., Said],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "t")
    file = tmp_path / "cf.yaml"
    words = ["import", "cloudflare", "--account", ACCOUNT, "--base-url", service.url]
    said = run(*words, "--zone", "ab" * 16, "-o", str(file))
    assert said.status == 0, said.err
    text = file.read_text()
    for part in (
        "applications: `infra`: there is nothing like the type `infrastructure` here",
        "applications: `SSO`: there is nothing like the type `saas` here",
        "identity_providers: `Face`: unsupported type `facebook`",
        "lists: `serials`",
        "the group `face` is left out",
        "the group `outer` is left out",
        "the Block policy `locked` now blocks everybody",
        "there is no selector `quantum` here",
        "the policy `not-face` is left out",
        "policies: `isolated`: isolation_required is not supported",
        "deny_unmatched_requests",
        "nobody can log in with `ADFS` (SAML)",
        "rules of kind `device_posture` are kept and never count",
        "SERVICE_TOKEN_CI_DEPLOY: client_secret of service token `CI / deploy`",
        "IDENTITY_PROVIDER_ENTRA",
        "APPLICATION_OIDC",
        "certificates: `CA` cannot be read",
        "nobody enters `lost`",
        "issuer and key address change",
    ):
        assert part in said.out and part in text, part
    assert "not here: a_member_of_tomorrow" in text and "not here: landing_page_design" in text
    there = install()
    applied = there.lychgate("apply", str(file))
    assert applied.status == 0, applied.err
    assert there.lychgate("apply", str(file), "--prune", "--yes").out == "no difference\n"
    apps = {one.id: one.body for one in there.store.objects(Kind.APPLICATION)}
    assert set(apps) == {
        *("wiki", "vm", "face-only", "half", "hybrid", "lost", "oidc", "warp", "zoned")
    }
    assert apps["wiki"]["aud"] == application("wiki")["aud"]
    assert apps["wiki"]["policies"] == [
        {"id": "own", "precedence": 2},
        {"id": "shared", "precedence": 1},
    ]
    assert "http_only_cookie_attribute" not in apps["wiki"]
    for closed in ("vm", "face-only", "lost"):
        assert apps[closed]["type"] == "self_hosted" and not apps[closed]["policies"]
    assert apps["half"]["allowed_idps"] == ["entra"]
    assert apps["hybrid"]["destinations"] == [{"type": "public", "uri": "hybrid.example.com"}]
    assert apps["oidc"]["saas_app"]["client_id"] == "known-client"
    token = there.one(Kind.SERVICE_TOKEN, "CI / deploy").body
    assert token["client_id"].startswith("0123") and token["expires_at"] == "2030-01-01T00:00:00Z"
    assert there.one(Kind.POLICY, "locked").body["include"] == EVERYONE
    assert there.one(Kind.POLICY, "future").body["include"] == EVERYONE


def api(service: Service, waited: list[float]) -> Api:
    """The account's API; waiting is only noted."""
    return Api(service.url, "t", Outbound(), waited.append)


def test_it_waits_when_told_to(service: Service) -> None:
    waited: list[float] = []
    service.first = [(429, {"retry-after": "7"}), (500, {}), (503, {"retry-after": "9999"})]
    path = f"accounts/{ACCOUNT}/access/tags"
    assert [one["name"] for one in api(service, waited).pages(path)] == ["team"]  # type: ignore[union-attr]
    assert waited == [7.0, 1.0, 60.0]
    service.first = [(503, {})] * 5
    with pytest.raises(ImportFailed, match="answered 503: slow"):
        api(service, waited).one(path)


@pytest.mark.parametrize("answer", [{"result": [{"id": "x"}]}, {"result": {}}, {}, [], "text"])
def test_strange_answers_end_in_words(service: Service, answer: Any) -> None:
    class Same(_Handler):
        def do_GET(self) -> None:
            self._send(200, answer)

    service.RequestHandlerClass = Same
    try:
        assert api(service, []).pages("accounts/x/access/tags") == [{"id": "x"}]
    except ImportFailed as error:
        assert "access/tags" in error.message


def test_a_server_without_an_end_is_given_up(service: Service) -> None:
    class Endless(_Handler):
        number = 0

        def do_GET(self) -> None:
            Endless.number += 1
            self._send(200, {"result": [{"id": f"{Endless.number}", "name": "x" * 1000}]})

    service.RequestHandlerClass = Endless
    small = replace(api(service, []), budget=Budget(20_000))
    with pytest.raises(ImportFailed, match="larger"):
        small.pages("accounts/x/access/apps")
    assert Endless.number < 25


def test_a_server_that_is_not_there_is_an_error_in_words(tmp_path: Path) -> None:
    far = Api("http://127.0.0.1:9/client/v4", "t", Outbound(), lambda _seconds: None)
    with pytest.raises(ImportFailed, match="cannot be reached"):
        far.one("accounts/x/access/apps")
    plain = Api("http://192.0.2.1/client/v4", "t", Outbound(), lambda _seconds: None)
    with pytest.raises(ImportFailed, match="asked over http"):
        plain.one("accounts/x/access/apps")


def translated(**sections: Any) -> Imported:
    """The file of an account that holds so much."""
    return write(translate(Account(sections)), "a test")


def test_nothing_is_nothing() -> None:
    found = translated()
    assert yaml.safe_load(found.text) == {"resources": {}}


def test_texts_from_there_stay_inside_their_comments() -> None:
    evil = "x\nresources: {policies: []}\r\u2028\x85# y"
    found = translated(
        applications=[application("a", type=evil, name=evil), {"type": "ssh", "name": evil}],
        certificates=[{"id": evil, "name": evil}],
    )
    loaded = yaml.safe_load(found.text)["resources"]
    assert set(loaded) == {"applications"} and loaded["applications"][0]["policies"] == []


def test_a_server_cannot_name_variables_of_whoever_applies_the_file() -> None:
    taken = "${ENV:LYCHGATE_MASTER_KEY}"
    server = {"id": "s", "name": "s", "hostname": "https://s.example", "auth_type": "oauth"}
    provider = {"id": "p", "name": "p", "type": "github", "config": {"client_id": "x"}}
    found = translated(
        mcp_servers=[{**server, "auth_credentials": taken, "client_secret": taken}],
        identity_providers=[{**provider, "config": {"client_id": "x", "client_secret": taken}}],
        service_tokens=[{"id": "t", "name": "t", "client_secret": taken}],
    )
    assert "mcp_servers" in found.counts and taken not in found.text


@pytest.mark.parametrize(
    "sections",
    [
        {"applications": [application("a", destinations=5)]},
        {"applications": [application("a", policies=5)]},
        {"applications": [application("a", allowed_idps=[{}])]},
        {"identity_providers": [{"id": "p", "name": "p", "type": "oidc", "config": [1]}]},
    ],
    ids=["destinations", "policies", "allowed idps", "a provider's config"],
)
def test_answers_of_another_form_end_in_words(sections: dict[str, Any]) -> None:
    with pytest.raises(ImportFailed, match="another form"):
        translated(**sections)


@pytest.mark.parametrize("part", ["include", "require", "exclude"])
@pytest.mark.parametrize("decision", ["allow", "deny", "bypass", "non_identity"])
def test_a_rule_that_cannot_be_written_lets_nobody_in(decision: str, part: str) -> None:
    rules = {"include": EVERYONE, part: [{"quantum": {"x": 1}}]}
    found = translated(policies=[policy("p", decision, reusable=True, **rules)])
    left = yaml.safe_load(found.text)["resources"].get("policies", [])
    if decision == "deny":
        (kept,) = left
        assert kept["include"] == EVERYONE and not kept.get("require") and not kept.get("exclude")
    else:
        assert left == []


def test_a_block_of_which_a_part_cannot_be_written_blocks_everybody() -> None:
    include = [{"email": {"email": "eve@example.com"}}, {"quantum": {"x": 1}}]
    found = translated(policies=[policy("p", "deny", include, reusable=True)])
    (kept,) = yaml.safe_load(found.text)["resources"]["policies"]
    assert kept["include"] == EVERYONE
