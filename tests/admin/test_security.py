"""The rows of the security catalogue about the admin API."""

import re
import secrets
from datetime import timedelta
from typing import Any

import httpx
import pytest

from lychgate.admin.scopes import Area, Level, scope
from lychgate.clock import clock
from lychgate.store.base import AuditFilter, Kind
from tests.admin.running import Running

APPS, TOKENS = "/access/apps", "/access/service_tokens"
OTHER = "1" * 32
EVERYONE: list[Any] = [{"everyone": {}}]


def test_a01_without_a_good_credential_nothing_is_read(server: Running) -> None:
    expired, _ = server.new_token(expires_at=clock() - timedelta(seconds=1))
    revoked, id = server.new_token()
    assert server.store.api_tokens.revoke(id, clock())
    cases: list[tuple[dict[str, str], int, int]] = [
        ({}, 400, 9106),
        ({"cookie": f"CF_Authorization={server.token}"}, 400, 9106),
        ({"authorization": "Bearer garbage"}, 401, 10000),
        ({"authorization": f"Bearer {expired}"}, 401, 10000),
        ({"authorization": f"Bearer {revoked}"}, 401, 10000),
        ({"authorization": server.token}, 400, 6003),
        ({"authorization": f"Basic {server.token}"}, 400, 6003),
    ]
    for headers, status, code in cases:
        query = f"?token={server.token}"
        answer = httpx.post(server.account(APPS) + query, headers=headers, content=b"{not json")
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code)
        assert answer.json()["success"] is False


def test_a02_a_browser_is_no_deputy(server: Running) -> None:
    headers = {
        "origin": "https://evil.example",
        "content-type": "text/plain",
        "cookie": f"CF_Authorization={server.token}; token={server.token}",
    }
    answer = httpx.post(server.account(APPS), headers=headers, content=b"{}")
    assert answer.status_code == 400
    assert not {name for name in answer.headers if name.startswith("access-control")}


def test_a03_another_account_is_refused_everywhere(server: Running) -> None:
    with server.http() as http:
        for method in ("GET", "POST", "PUT", "DELETE"):
            for path in (APPS, f"{APPS}/x", TOKENS, "/access/keys", "/access/users/x"):
                answer = http.request(method, f"{server.base_url}/accounts/{OTHER}{path}")
                assert answer.status_code in (403, 404), (method, path)
        body = {"name": "g", "include": [{"group": {"id": "of somebody else"}}]}
        assert http.post(server.account("/access/groups"), json=body).status_code == 400


def test_a04_computed_members_cannot_be_sent(server: Running) -> None:
    forged = {
        "id": "mine",
        "uid": "mine",
        "aud": "0" * 64,
        "account_id": OTHER,
        "created_at": "2000-01-01T00:00:00Z",
        "role": "admin",
        "client_id": "mine.access",
        "client_secret": "mine",
        "client_secret_hash": "0" * 64,
    }
    word = secrets.token_hex(4)
    app = {"type": "self_hosted", "name": word, "domain": f"{word}.example.com"}
    with server.http() as http:
        for path, body in ((APPS, app), (TOKENS, {"name": word})):
            made = http.post(server.account(path), json={**forged, **body}).json()["result"]
            url = server.account(f"{path}/{made['id']}")
            before = http.get(url).json()["result"]
            assert http.put(url, json={**forged, **body}).status_code == 200
            after = http.get(url).json()["result"]
            assert _fixed(before) == _fixed(after)
            assert not set(forged.values()) & {v for v in after.values() if isinstance(v, str)}


def _fixed(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: shown.get(name) for name in ("id", "uid", "aud", "created_at", "client_id")}


def test_a05_no_secret_is_told_again(server: Running) -> None:
    secret = f"secret-{secrets.token_hex(8)}"
    config = {
        "client_id": "x",
        "client_secret": secret,
        "auth_url": "https://idp.example.com/a",
        "token_url": "https://idp.example.com/t",
        "certs_url": "https://idp.example.com/c",
    }
    provider = {"name": "secretive", "type": "oidc", "config": config}
    said: list[str] = []
    with server.http() as http:
        providers = server.account("/access/identity_providers")
        made = http.post(providers, json=provider)
        id = made.json()["result"]["id"]
        kept = {name: value for name, value in config.items() if name != "client_secret"}
        bad = {**config, "auth_url": secret + " is no url"}
        said += [
            made.text,
            http.get(providers).text,
            http.get(f"{providers}/{id}").text,
            http.put(f"{providers}/{id}", json={**provider, "config": kept}).text,
            http.put(f"{providers}/{id}", json={**provider, "type": "okta"}).text,
        ]
        refused = http.post(providers, json={**provider, "config": bad})
        assert refused.status_code == 400
        elsewhere = {**provider, "config": {**kept, "token_url": "https://evil.example/t"}}
        refused = http.put(f"{providers}/{id}", json=elsewhere)
        assert refused.status_code == 400, "the stored secret would be sent to another server"
    stored = server.store.secrets(Kind.IDP, id)
    assert stored == {"client_secret": secret}
    rows = server.store.audit.query(AuditFilter(limit=1000))
    said += [repr(row) for row in rows] + [server.output.read_text()]
    assert not [text for text in said if secret in text]
    pem = re.compile("PRIVATE KEY")
    assert not [text for text in said if pem.search(text)]


@pytest.mark.parametrize(
    "query",
    [
        "page=-1",
        "page=0",
        "page=x",
        "per_page=1000000000",
        "per_page=0",
        "page=1&page=2",
        "per_page=%C3%28",
        "page=%D9%A1",
    ],
)
def test_a06_a_page_that_cannot_be_is_refused(server: Running, query: str) -> None:
    with server.http() as http:
        assert http.get(f"{server.account(APPS)}?{query}").status_code == 400


@pytest.mark.parametrize(
    "id", ["'", "%27%20OR%201=1", "%2e%2e", "%2e%2e%2fkeys", "%00", "A" * 5000]
)
def test_a06_a_hostile_id_is_an_unknown_one(server: Running, id: str) -> None:
    with server.http() as http:
        assert http.get(server.account(f"{APPS}/{id}")).status_code in (400, 404)


HOSTILE = {
    "two stars in a label": {"domain": "a*b*c.example.com"},
    "two stars in a segment": {"domain": "x.example.com/a*b*c"},
    "regex characters": {"domain": "(a+)+$.example.com"},
    "a rule without members": {"policies": [{"name": "x", "decision": "allow", "include": [{}]}]},
    "10,000 rules": {
        "policies": [{"name": "x", "decision": "allow", "include": [{"everyone": {}}] * 10_000}]
    },
    "a number for a name": {"name": 7},
    "a list for a body": None,
}


@pytest.mark.parametrize("more", HOSTILE.values(), ids=HOSTILE)
def test_a07_a_hostile_object_is_refused(server: Running, more: dict[str, Any] | None) -> None:
    app = {"type": "self_hosted", "name": "hostile", "domain": "hostile.example.com"}
    body: Any = [app] if more is None else {**app, **more}
    with server.http() as http:
        answer = http.post(server.account(APPS), json=body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == 12130


def test_a07_a_cycle_of_groups_is_refused(server: Running) -> None:
    with server.http() as http:
        groups = server.account("/access/groups")
        first = http.post(groups, json={"name": "a", "include": EVERYONE}).json()["result"]["id"]
        body = {"name": "b", "include": [{"group": {"id": first}}]}
        second = http.post(groups, json=body).json()["result"]["id"]
        cycle = {"name": "a", "include": [{"group": {"id": second}}]}
        assert http.put(f"{groups}/{first}", json=cycle).status_code == 400
        assert http.get(f"{groups}/{first}").json()["result"]["include"] == EVERYONE


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b'{"name": NaN}', 400),
        (b'{"name": 1e999}', 400),
        (b'{"name": "a", "name": "b"}', 400),
        (b"[" * 100_000, 400),
        (b'{"name": "\xff"}', 400),
        (b'{"a":' * 100 + b"1" + b"}" * 100, 400),
        (b'{"name": "' + b"a" * 10_000_000 + b'"}', 413),
    ],
    ids=["NaN", "infinity", "duplicate key", "deep", "not UTF-8", "nested", "10 MB"],
)
def test_a07_a_hostile_text_is_refused(server: Running, content: bytes, status: int) -> None:
    with server.http() as http:
        answer = http.post(server.account("/access/groups"), content=content)
    assert answer.status_code == status
    assert answer.json()["success"] is False


def test_a08_a_token_does_what_its_permissions_say(server: Running) -> None:
    reader, _ = server.new_token(scope(Area.APPS, Level.READ))
    writer, _ = server.new_token(scope(Area.APPS, Level.WRITE))
    revoker, _ = server.new_token(scope(Area.APPS, Level.REVOKE))
    cases = [
        (reader, "GET", APPS, 200),
        (reader, "POST", APPS, 403),
        (reader, "DELETE", f"{APPS}/x", 403),
        (reader, "GET", TOKENS, 403),
        (writer, "GET", APPS, 200),
        (writer, "GET", "/access/keys", 403),
        (writer, "POST", "/access/keys/rotate", 403),
        (writer, "POST", "/access/organizations/revoke_user", 403),
        (revoker, "GET", APPS, 403),
        (revoker, "POST", f"{APPS}/x/revoke_tokens", 404),
        (revoker, "PUT", f"{APPS}/x/settings", 403),
    ]
    for token, method, path, status in cases:
        with server.http(token) as http:
            answer = http.request(method, server.account(path))
            assert answer.status_code == status, (method, path)


def test_a_key_belongs_to_its_address(server: Running) -> None:
    key, _ = server.new_token(email="Root@example.com")
    for email, status in (("root@example.com", 200), ("other@example.com", 401)):
        headers = {"x-auth-email": email, "x-auth-key": key}
        assert httpx.get(server.account(APPS), headers=headers).status_code == status


def test_who_changed_what_is_written_down(server: Running) -> None:
    secret, _ = server.new_token(email="carol@example.com")
    with server.http(secret) as http:
        groups = server.account("/access/groups")
        made = http.post(groups, json={"name": "first", "include": EVERYONE}).json()["result"]
        http.put(f"{groups}/{made['id']}", json={"name": "second", "include": EVERYONE})
    rows = server.store.audit.query(AuditFilter(target=f"group/{made['id']}"))
    assert [row.actor for row in rows] == ["carol@example.com"] * 2
    assert rows[0].details["before"]["name"] == "first"
    assert rows[0].details["after"]["name"] == "second"
    used = [one for one in server.store.api_tokens.list() if one.email == "carol@example.com"]
    assert used[0].last_used_at is not None


def test_an_edit_of_what_was_changed_meanwhile_is_refused(server: Running) -> None:
    with server.http() as http:
        groups = server.account("/access/groups")
        made = http.post(groups, json={"name": "a", "include": EVERYONE})
        url, tag = f"{groups}/{made.json()['result']['id']}", made.headers["etag"]
        body = {"name": "b", "include": EVERYONE}
        assert http.put(url, json=body, headers={"if-match": tag}).status_code == 200
        assert http.put(url, json=body, headers={"if-match": tag}).status_code == 412
