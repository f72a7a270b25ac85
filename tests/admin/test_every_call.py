"""The rows of the security catalogue that hold for every call of the admin API, each in turn."""

import re
import secrets
from collections.abc import Iterator
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from lychgate.admin.api import Api, Incoming
from lychgate.admin.routes import ROUTES, Route
from lychgate.admin.scopes import SCOPES, Level, scope
from lychgate.clock import clock
from lychgate.config.naming import ACCOUNT
from lychgate.store.base import AuditFilter
from tests.admin.bodies import Body, Made
from tests.admin.everything import FULL, Full, make_one_of_each
from tests.admin.running import Running

OTHER = "1" * 32
STRANGE = "5b2f6f0e-0000-4000-8000-000000000000"
"""An id that only another installation could have."""
NAMES = [route.handler.name for route in ROUTES]
FORGED: Body = {
    "id": STRANGE,
    "uid": STRANGE,
    "aud": "0" * 64,
    "account_id": OTHER,
    "created_at": "2000-01-01T00:00:00Z",
    "updated_at": "2000-01-01T00:00:00Z",
    "created_by": "mallory",
    "modified_by": "mallory",
    "role": "admin",
    "source": "file",
    "reusable": False,
    "owned": True,
    "read_only": True,
    "app_count": 99,
    "client_id": "forged.access",
    "client_secret": "forged-secret",
    "client_secret_hash": "0" * 64,
    "previous_client_secret_hash": "0" * 64,
    "expires_at": "2099-01-01T00:00:00Z",
    "fingerprint": "forged",
    "status": "ready",
    "tools": ["forged"],
    "count": 99,
}
"""Members that only the gate writes, or that mean something inside of it."""
COMPUTED = ("id", "uid", "aud", "created_at", "client_id", "read_only", "reusable", "app_count")


def path_of(route: Route, owner: str = f"accounts/{ACCOUNT}") -> str:
    """The path of a call, with strange ids in its places."""
    return f"/{owner}{re.sub(r'{[a-z]+}', STRANGE, route.path)}"


@pytest.mark.parametrize("route", ROUTES, ids=NAMES)
def test_a01_every_call_asks_who_it_is_before_it_reads(server: Running, route: Route) -> None:
    # Asked here and not over HTTP, where so many strangers would soon be told to wait.
    office: Any = SimpleNamespace(clock=clock, store=server.store)
    api = Api(office, lambda _caller: None, lambda _caller: None, lambda *_counted: None)
    cases: list[tuple[dict[str, tuple[str, ...]], int, int]] = [
        ({}, 400, 9106),
        ({"cookie": (f"CF_Authorization={server.token}",)}, 400, 9106),
        ({"authorization": ("Bearer garbage",)}, 401, 10000),
    ]
    path = "/client/v4" + path_of(route)
    for headers, status, code in cases:
        call = Incoming(route.method, path, f"token={server.token}", headers, b"{no", "::1", "r")
        answer = api.answer(call)
        assert (answer.status, answer.body["errors"][0]["code"]) == (status, code)


@pytest.mark.parametrize("route", ROUTES, ids=NAMES)
def test_a03_no_call_leaves_its_account(server: Running, route: Route) -> None:
    with server.http() as http:
        for owner in (f"accounts/{OTHER}", "accounts/..", "zones/nope", f"zones/{'g' * 32}"):
            answer = http.request(route.method, path_of(route, owner), json={})
            assert answer.status_code in (403, 404), (owner, answer.text)
            assert answer.json()["result"] is None
        if "{" in route.path:
            answer = http.request(route.method, path_of(route), json=_any_body(route))
            assert answer.status_code == 404, answer.text


def _any_body(route: Route) -> Body:
    """A body that is good enough to come to the question whether the object exists."""
    rules = {"decision": "allow", "include": [{"everyone": {}}]}
    return {"name": "x", "append": [], "settings": [], **rules} if route.method != "GET" else {}


NAMING: dict[str, tuple[str, Body]] = {
    "a group": ("/access/groups", {"include": [{"group": {"id": STRANGE}}]}),
    "a service token": ("/access/groups", {"include": [{"service_token": {"token_id": STRANGE}}]}),
    "a login method": ("/access/groups", {"include": [{"login_method": {"id": STRANGE}}]}),
    "a list": ("/access/groups", {"include": [{"email_list": {"id": STRANGE}}]}),
    "an application": (
        "/access/policies",
        {"decision": "non_identity", "include": [{"linked_app_token": {"app_uid": STRANGE}}]},
    ),
    "a provider of a claim": (
        "/access/groups",
        {
            "include": [
                {"oidc": {"claim_name": "a", "claim_value": "b", "identity_provider_id": STRANGE}}
            ]
        },
    ),
    "a policy": ("/access/apps", {"policies": [{"id": STRANGE}]}),
    "an identity provider": ("/access/apps", {"allowed_idps": [STRANGE]}),
    "a tag": ("/access/apps", {"tags": [STRANGE]}),
    "a custom page": ("/access/apps", {"custom_pages": [STRANGE]}),
    "an MCP server": (
        "/access/ai-controls/mcp/portals",
        {"id": "strange", "hostname": "p.example.com", "servers": [{"server_id": STRANGE}]},
    ),
}


@pytest.mark.parametrize(("path", "body"), NAMING.values(), ids=NAMING)
def test_a03_nothing_of_another_account_can_be_named(
    server: Running, path: str, body: Body
) -> None:
    domain = f"{secrets.token_hex(4)}.example.com"
    sent = {"name": "names", "type": "self_hosted", "domain": domain, **body}
    with server.http() as http:
        answer = http.post(server.account(path), json=sent)
    assert answer.status_code == 400
    assert STRANGE in answer.json()["errors"][0]["message"], "it is refused by name"


@pytest.fixture(scope="module")
def made(server: Running) -> Made:
    """One of everything that can be named."""
    return make_one_of_each(server)


@pytest.mark.parametrize("full", FULL.values(), ids=FULL)
def test_a04_what_the_gate_computes_cannot_be_sent(
    full: Full, server: Running, cf: Any, account: str, made: Made
) -> None:
    api, sent = full.api(cf), full.bodies[0](made)
    forged = {name: value for name, value in FORGED.items() if name not in sent}
    if full.kind == "mcp_server":
        forged.pop("client_secret", None)
    sent_id = full.id if full.id in sent else ""
    clean = api.create(account_id=account, extra_body=forged, **sent)
    id = getattr(clean, full.id)
    if sent_id:
        assert id == sent[sent_id]
    before = _computed(getattr(api, full.get)(id, account_id=account))
    changing = {name: v for name, v in sent.items() if name not in full.in_place}
    api.update(id, account_id=account, extra_body=forged, **changing)
    read = getattr(api, full.get)(id, account_id=account)
    assert _computed(read) == before
    text = read.to_json(warnings=False)
    assert not [value for value in ("mallory", "forged", STRANGE, "2000-01-01") if value in text]
    if "associated_hostnames" in sent:
        api.update(id, account_id=account, associated_hostnames=[])
    api.delete(id, account_id=account)


def _computed(value: Any) -> Body:
    shown = value.to_dict(mode="json", warnings=False)
    return {name: shown.get(name) for name in COMPUTED}


def _texts(server: Running) -> Iterator[str]:
    """Everything the API says, and whatever it leaves behind."""
    with server.http() as http:
        for route in ROUTES:
            if route.method == "GET" and "{" not in route.path:
                answer = http.get(path_of(route), params={"per_page": 1000})
                yield answer.text
                listed = answer.json()["result"] or []
                for one in listed if isinstance(listed, list) else ():
                    id = one.get("id") or one.get("uid")
                    if id and "logs" not in route.path:
                        yield http.get(f"{path_of(route)}/{id}").text
    yield from (repr(row) for row in server.store.audit.walk(AuditFilter()))
    yield server.output.read_text()
    health = re.search(r"health:\n  listen: (\S+)", server.config.read_text())
    assert health is not None
    yield httpx.get(f"http://{health[1]}/metrics").text


def test_a05_no_secret_is_in_any_answer_log_audit_row_or_metric(server: Running) -> None:
    word = secrets.token_hex(12)
    config = {
        "client_id": "x",
        "client_secret": f"idp-{word}",
        "auth_url": "https://idp.example.com/a",
        "token_url": "https://idp.example.com/t",
        "certs_url": "https://idp.example.com/c",
    }
    mcp = {"id": word, "name": word, "hostname": "https://mcp.example.com", "auth_type": "bearer"}
    scim = {
        "idp_uid": "x",
        "remote_uri": "https://scim.example.com",
        "authentication": {"scheme": "httpbasic", "user": "u", "password": f"scim-{word}"},
    }
    saas = {"auth_type": "oidc", "redirect_uris": ["https://saas.example.com/cb"]}
    with server.http() as http:

        def post(path: str, body: Body) -> Body:
            answer = http.post(server.account(path), json=body)
            assert answer.status_code in (200, 201), answer.text
            result: Body = answer.json()["result"]
            return result

        post("/access/identity_providers", {"name": word, "type": "oidc", "config": config})
        post("/access/ai-controls/mcp/servers", {**mcp, "auth_credentials": f"mcp-{word}"})
        app = {"type": "self_hosted", "name": word, "domain": f"{word}.example.com"}
        post("/access/apps", {**app, "scim_config": scim})
        client = post("/access/apps", {"type": "saas", "name": word, "saas_app": saas})
        token = post("/access/service_tokens", {"name": word})
        rotated = post(f"/access/service_tokens/{token['id']}/rotate", {})
        wrong = {"name": word, "type": "oidc", "config": {**config, "scopes": f"bad-{word}"}}
        refused = http.post(server.account("/access/identity_providers"), json=wrong).text
    hidden = [f"idp-{word}", f"mcp-{word}", f"scim-{word}", server.token, "PRIVATE KEY"]
    hidden += [client["saas_app"]["client_secret"], token["client_secret"]]
    hidden.append(rotated["client_secret"])
    hidden += [sha256(secret.encode()).hexdigest() for secret in hidden]
    said = [refused, *_texts(server)]
    assert len(said) > 30
    assert not [secret[:5] for secret in hidden for text in said if secret in text]


@pytest.mark.parametrize("route", ROUTES, ids=NAMES)
def test_a08_every_call_needs_its_own_permission(server: Running, route: Route) -> None:
    own = {scope(route.area, level) for level in Level}
    others = tuple(one for one in SCOPES if one not in own)
    stranger, _ = server.new_token(*others)
    tokens = [(stranger, "every other permission")]
    if route.level is not Level.READ:
        reader, _ = server.new_token(scope(route.area, Level.READ))
        tokens.append((reader, "reading"))
    for token, held in tokens:
        with server.http(token) as http:
            answer = http.request(route.method, path_of(route), json={})
        assert answer.status_code == 403, held
        assert answer.json()["errors"][0]["code"] == 10000
