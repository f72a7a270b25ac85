"""`lychgate explain`: one request from options, many from a file, and lines nobody can read."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Lychgate

CONFIG = """
team: {url: "https://team.example.net"}
resources:
  identity_providers:
    - {name: PIN, type: onetimepin, config: {}}
    - name: Work
      type: oidc
      config: {client_id: x, client_secret: y, auth_url: "https://i.example/a",
               token_url: "https://i.example/t", certs_url: "https://i.example/c"}
  service_tokens: [{name: robot}]
  policies:
    - name: admins
      decision: allow
      include:
        - oidc: {claim_name: groups, claim_value: admins, identity_provider_id: Work}
    - {name: staff, decision: allow, include: [{email_domain: {domain: example.com}}],
       exclude: [{ip: {ip: 10.0.0.0/8}}]}
    - {name: robots, decision: non_identity, include: [{service_token: {token_id: robot}}]}
    - {name: linked, decision: non_identity, include: [{linked_app_token: {app_uid: app}}]}
    - {name: certified, decision: non_identity, include: [{certificate: {}}]}
    - {name: open, decision: bypass, include: [{everyone: {}}]}
  applications:
    - {name: app, type: self_hosted, domain: app.example.com, policies: [staff]}
    - {name: admin, type: self_hosted, domain: app.example.com/admin, policies: [admins]}
    - {name: api, type: self_hosted, domain: api.example.com, policies: [robots, linked, certified]}
    - {name: public, type: self_hosted, domain: public.example.com, policies: [open]}
"""
APP, ADMIN = "https://app.example.com/", "https://app.example.com/admin"
API, PUBLIC = "https://api.example.com/", "https://public.example.com/"
FROM = {"ip": "192.0.2.1"}
ALICE = {"email": "alice@example.com"}
ADMINISTRATOR = ALICE | {"idp": "Work", "groups": ["admins"]}

GOOD: list[tuple[dict[str, Any], tuple[str | None, str, str | None]]] = [
    ({"url": APP}, ("app", "login", None)),
    ({"url": APP, "ip": "10.1.2.3"}, ("app", "deny", None)),
    ({"url": APP, "ip": None}, ("app", "deny", None)),  # nobody knows whether it is excluded
    ({"url": APP, "identity": ALICE}, ("app", "allow", "staff")),
    ({"url": APP, "identity": ALICE, "ip": "10.1.2.3"}, ("app", "deny", None)),
    ({"url": APP, "identity": ALICE | {"email": "eve@e.example"}}, ("app", "deny", None)),
    ({"url": APP, "identity": ALICE | {"email": "a@b@example.com"}}, ("app", "deny", None)),
    ({"url": ADMIN, "identity": ALICE}, ("admin", "deny", None)),
    ({"url": ADMIN, "identity": ADMINISTRATOR}, ("admin", "allow", "admins")),
    ({"url": ADMIN, "identity": ADMINISTRATOR | {"idp": "PIN"}}, ("admin", "deny", None)),
    ({"url": API, "service_token": "robot"}, ("api", "service_auth", "robots")),
    ({"url": APP, "service_token": "robot"}, ("app", "deny", None)),
    ({"url": API, "linked_app": "app", "identity": ALICE}, ("api", "service_auth", "linked")),
    (
        {"url": API, "certificate": {"common_name": "x", "valid": True}},
        ("api", "service_auth", "certified"),
    ),
    ({"url": API, "certificate": {"common_name": "x", "valid": False}}, ("api", "deny", None)),
    ({"url": PUBLIC, "method": "POST", "headers": {"X-A": "b"}}, ("public", "bypass", "open")),
    ({"url": "https://elsewhere.example.com/"}, (None, "unmatched", None)),
    ({"url": "https://app.example.com/%2e%2e%2fx"}, (None, "bad_request", None)),
    ({"url": "https://app.example.com:99999/"}, (None, "bad_request", None)),
]
BAD = [
    b"not json",
    b"[]",
    b"5",
    b"null",
    b"{}",
    b'{"url": 5}',
    b'{"url": "nonsense"}',
    b'{"url": "ftp://app.example.com/"}',
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"url": "https://app.example.com/", "foo": 1}',
    b'{"url": "https://app.example.com/", "method": 7}',
    b'{"url": "https://app.example.com/", "ip": "1.2.3"}',
    b'{"url": "https://app.example.com/", "country": "Portugal"}',
    b'{"url": "https://app.example.com/", "country": ""}',
    b'{"url": "https://app.example.com/", "headers": []}',
    b'{"url": "https://app.example.com/", "headers": {"a": 1}}',
    b'{"url": "https://app.example.com/", "certificate": "x"}',
    b'{"url": "https://app.example.com/", "certificate": {"common_name": "x", "vaild": true}}',
    b'{"url": "https://app.example.com/", "identity": []}',
    b'{"url": "https://app.example.com/", "identity": {}}',
    b'{"url": "https://app.example.com/", "identity": {"email": "a@b.example", "group": []}}',
    b'{"url": "https://app.example.com/", "identity": {"email": "a@b.example", "groups": "x"}}',
    b'{"url": "https://app.example.com/", "identity": {"email": "a@b.example", "idp": "X"}}',
    b'{"url": "https://app.example.com/", "identity": {"email": "a@b.example", "idp": 5}}',
    b'{"url": "https://app.example.com/", "identity": {"email": "a@b.example", "amr": NaN}}',
    b'{"url": "https://app.example.com/", "service_token": "nobody"}',
    b'{"url": "https://app.example.com/", "linked_app": "nobody"}',
]


@pytest.fixture(autouse=True)
def configuration(folder: Path) -> None:
    (folder / "lychgate.yaml").write_text(CONFIG)


def judged(lychgate: Lychgate, folder: Path, content: bytes) -> tuple[int, list[dict[str, Any]]]:
    (folder / "requests.jsonl").write_bytes(content)
    said = lychgate("explain", "--requests", "requests.jsonl")
    return said.status, [json.loads(line) for line in said.out.splitlines()]


def test_many_good_lines(lychgate: Lychgate, folder: Path) -> None:
    content = "\n".join(json.dumps(FROM | line) for line, _ in GOOD).encode()
    status, answers = judged(lychgate, folder, content)
    assert status == 0
    found = [(one["application"], one["decision"], one["policy"]) for one in answers]
    assert found == [expected for _, expected in GOOD]
    assert all(
        set(one) == {"application", "decision", "policy", "reason", "trace"} for one in answers
    )


@pytest.mark.parametrize("bad", BAD)
def test_a_line_nobody_can_read_does_not_stop_the_rest(
    lychgate: Lychgate, folder: Path, bad: bytes
) -> None:
    good = json.dumps(FROM | {"url": APP, "identity": ALICE}).encode()
    status, answers = judged(lychgate, folder, b"\n".join([good, bad, b"", good, b""]))
    assert status == 2
    first, error, last = answers
    assert first["decision"] == last["decision"] == "allow"
    assert set(error) == {"error"} and error["error"]


def test_a_file_of_requests_that_is_not_there(lychgate: Lychgate, folder: Path) -> None:
    for name in ("none.jsonl", "."):
        said = lychgate("explain", "--requests", name)
        assert said.status == 1
        assert len(said.errors) == 1 and "cannot be read" in said.err
    assert judged(lychgate, folder, b"") == (0, [])


def test_an_invalid_configuration_is_status_1(lychgate: Lychgate, folder: Path) -> None:
    (folder / "requests.jsonl").write_text('{"url": "https://app.example.com/"}')
    (folder / "lychgate.yaml").write_text(CONFIG.replace("token_id: robot", "token_id: robto"))
    said = lychgate("explain", "--requests", "requests.jsonl")
    assert (said.status, said.out) == (1, "")
    assert "robto" in said.err


def test_every_option(lychgate: Lychgate) -> None:
    words = ("--as", "alice@example.com", "--idp", "Work", "--group", "x", "--group", "admins")
    more = ("--ip", "192.0.2.1", "--country", "pt", "--method", "POST")
    said = lychgate("explain", ADMIN, *words, *more)
    assert (said.status, said.err) == (0, "")
    assert "allow at admin, by policy admins" in said.out
    assert "admins" in said.out
    as_json = json.loads(lychgate("explain", API, "--service-token", "robot", "--json").out)
    assert as_json["policy"] == "robots"
    linked = lychgate("explain", API, "--linked-app", "app", "--as", "alice@example.com", "--json")
    assert json.loads(linked.out)["policy"] == "linked"


def test_what_envoy_may_prove_alone_is_listed(lychgate: Lychgate) -> None:
    said = lychgate("explain", "--zero-hop", "--json")
    found = [tuple(json.loads(line).values()) for line in said.out.splitlines()]
    assert found == [
        ("admin", True, None),
        ("api", False, "no_login"),
        ("app", False, "each_request"),
        ("public", False, "no_login"),
    ]
    table = lychgate("explain", "--zero-hop").out
    assert "each_request" in table and "admin" in table


def test_who_proves_the_requests_of_an_application(lychgate: Lychgate, folder: Path) -> None:
    assert "zero-hop" not in lychgate("explain", ADMIN).out, "where there is no such path"
    listen = "zero_hop: {listen: 'unix:/run/lychgate/xds.sock'}"
    (folder / "lychgate.yaml").write_text(CONFIG + listen)
    last = lychgate("explain", ADMIN).out.splitlines()[-1]
    assert last == "zero-hop: Envoy proves those with a session by itself"
    last = lychgate("explain", APP, "--ip", "192.0.2.1").out.splitlines()[-1]
    assert last == "zero-hop: the server is asked about every request (each_request)"
    assert "zero-hop" not in lychgate("explain", "https://elsewhere.example.com/").out


@pytest.mark.parametrize(
    "words",
    [
        (),
        (APP, "--requests", "x"),
        (APP, "--zero-hop"),
        ("nonsense",),
        ("",),
        (APP, "--ip", "nonsense"),
        (APP, "--country", "Portugal"),
        (APP, "--idp", "Work"),
        (APP, "--group", "admins"),
        (APP, "--as", "a@b.example", "--idp", "Nobody"),
        (APP, "--service-token", "nobody"),
        (APP, "--linked-app", "nobody"),
    ],
    ids=" ".join,
)
def test_a_question_that_makes_no_sense(lychgate: Lychgate, words: tuple[str, ...]) -> None:
    said = lychgate("explain", *words)
    assert (said.status, said.out) == (1, "")
    assert said.errors[0].startswith("error ")
    assert len(said.errors) <= 2
