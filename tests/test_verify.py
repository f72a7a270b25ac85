"""An origin believes the gate's assertions and nothing else, and fetches keys sparingly."""

import asyncio
import base64
import hashlib
import hmac
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest

from lychgate.core.keys import Keyring, SigningKey, jwks, new_signing_key
from lychgate.core.session import service_claims
from lychgate.core.tokens import sign
from lychgate.verify import (
    CERTS,
    KEY,
    KEYS_AGE,
    LEEWAY,
    REFETCH_PAUSE,
    AsgiVerifier,
    Assertion,
    ExpiredAssertion,
    InvalidAssertion,
    KeysUnavailable,
    MissingAssertion,
    NotVerified,
    Verifier,
    WsgiVerifier,
    fetch,
)
from tests.support.builders import (
    NOW,
    TEAM,
    a_team_token,
    a_token,
    a_user,
    an_app,
    claims_for,
    signing_key,
)

APP = an_app()


class Team:
    """A team's key endpoint that can be rotated, broken, and counted."""

    def __init__(self, *keys: SigningKey) -> None:
        self.keys = keys or (signing_key(),)
        self.urls: list[str] = []
        self.now = NOW.timestamp()
        self.body: bytes | None = None
        self.down = False

    def get(self, url: str) -> bytes:
        self.urls.append(url)
        if self.down:
            raise OSError("connection refused")
        if self.body is not None:
            return self.body
        return json.dumps({"keys": jwks(Keyring(self.keys, ()), NOW)}).encode()

    def verifier(self, audience: str | list[str] = APP.audience, **more: Any) -> Verifier:
        return Verifier(TEAM.url, audience, get=self.get, clock=lambda: self.now, **more)


@pytest.fixture
def team() -> Team:
    return Team()


def test_a_person_is_verified(team: Team) -> None:
    user = a_user(groups=("eng",))
    found = team.verifier().verify(a_token(APP, user))
    assert (found.subject, found.email, found.common_name) == (user.subject, user.email, "")
    assert found.is_person and found.audience == APP.audience
    assert found.claims["groups"] == ["eng"]
    assert team.urls == [TEAM.url + CERTS]


def test_a_machine_is_verified(team: Team) -> None:
    claims = service_claims(TEAM, APP, "st1.access", NOW, timedelta(hours=1))
    found = team.verifier().verify(sign(claims, signing_key()))
    assert (found.subject, found.email, found.common_name) == ("", "", "st1.access")
    assert not found.is_person


def test_several_applications_can_be_accepted(team: Team) -> None:
    other = an_app("other")
    verifier = team.verifier([APP.audience, other.audience])
    assert verifier.verify(a_token(other)).audience == other.audience


def unsigned() -> str:
    return jwt.encode(claims_for(APP), "", "none", headers={"kid": signing_key().kid})


def keyed_with_public_material() -> str:
    public = signing_key().certificate_pem
    head = {"alg": "HS256", "kid": signing_key().kid}
    body = claims_for(APP)

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    text = f"{part(head)}.{part(body)}"
    mac = hmac.new(public.encode(), text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def other_algorithm() -> str:
    key = signing_key()
    return jwt.encode(claims_for(APP), key.private, "PS256", headers={"kid": key.kid})


def tampered() -> str:
    head, body, signature = a_token(APP).split(".")
    return f"{head}.{body[:-4]}AAAA.{signature}"


REFUSED: list[tuple[str, Callable[[], str], type[NotVerified], str]] = [
    ("empty", lambda: "", MissingAssertion, "no assertion"),
    ("no token", lambda: "abc", InvalidAssertion, "not a token"),
    ("four parts", lambda: a_token(APP) + ".x", InvalidAssertion, "not a token"),
    ("huge", lambda: "a." + "b" * 9000 + ".c", InvalidAssertion, "not a token"),
    ("bytes", lambda: "é.é.é", InvalidAssertion, "not a token"),
    ("nested", lambda: "W1tb.x.y", InvalidAssertion, "not a token"),
    ("unsigned", unsigned, InvalidAssertion, "not signed as"),
    ("hmac", keyed_with_public_material, InvalidAssertion, "not signed as"),
    ("other algorithm", other_algorithm, InvalidAssertion, "not signed as"),
    ("tampered", tampered, InvalidAssertion, "signature"),
    ("team session", a_team_token, InvalidAssertion, "not an assertion"),
    ("id token", lambda: a_token(APP, type=None), InvalidAssertion, "not an assertion"),
    ("other application", lambda: a_token(an_app("x")), InvalidAssertion, "another application"),
    ("other team", lambda: a_token(APP, iss="https://x.example"), InvalidAssertion, "another team"),
    ("slash", lambda: a_token(APP, iss=TEAM.url + "/"), InvalidAssertion, "another team"),
    ("no exp", lambda: a_token(APP, exp=None), InvalidAssertion, "how long"),
    ("odd exp", lambda: a_token(APP, exp=True), InvalidAssertion, "how long"),
    ("text exp", lambda: a_token(APP, exp="9999999999"), InvalidAssertion, "how long"),
]


@pytest.mark.parametrize(
    ("make", "kind", "words"), [one[1:] for one in REFUSED], ids=[one[0] for one in REFUSED]
)
def test_what_is_refused_and_in_which_words(
    team: Team, make: Callable[[], str], kind: type[NotVerified], words: str
) -> None:
    with pytest.raises(NotVerified) as refused:
        team.verifier().verify(make())
    assert type(refused.value) is kind and words in refused.value.message
    text = make()
    assert len(text) < 8 or text not in str(refused.value)


def test_time_has_a_leeway_on_both_ends(team: Team) -> None:
    token = a_token(APP, issued=NOW, life=timedelta(minutes=5))
    verifier = team.verifier()
    for seconds, good in [
        (-LEEWAY - 1, False),
        (-LEEWAY, True),
        (300 + LEEWAY - 1, True),
        (300 + LEEWAY, False),
    ]:
        team.now = NOW.timestamp() + seconds
        if good:
            assert verifier.verify(token).expires_at == NOW.timestamp() + 300
            continue
        with pytest.raises(ExpiredAssertion):
            verifier.verify(token)


def test_keys_are_kept_and_a_rotation_shows_at_once(team: Team) -> None:
    verifier = team.verifier()
    for _ in range(5):
        verifier.verify(a_token(APP))
    assert len(team.urls) == 1
    fresh = new_signing_key(NOW)
    team.keys = (signing_key(), fresh)
    team.now += REFETCH_PAUSE
    assert verifier.verify(a_token(APP, key=fresh)).email
    assert verifier.verify(a_token(APP)).email
    assert len(team.urls) == 2


def test_j13_made_up_key_ids_fetch_no_more_than_every_thirty_seconds(team: Team) -> None:
    verifier = team.verifier()
    verifier.verify(a_token(APP))
    foreign = sign_as("made-up")
    for _ in range(100):
        with pytest.raises(InvalidAssertion, match="a key the team does not have"):
            verifier.verify(foreign)
    assert len(team.urls) == 1
    team.now += REFETCH_PAUSE
    for _ in range(100):
        with pytest.raises(InvalidAssertion):
            verifier.verify(foreign)
    assert len(team.urls) == 2
    assert verifier.verify(a_token(APP)).email


def sign_as(kid: str) -> str:
    key = signing_key()
    return jwt.encode(claims_for(APP), key.private, "RS256", headers={"kid": kid})


def test_a_key_that_is_gone_is_forgotten_within_its_age(team: Team) -> None:
    verifier = team.verifier()
    token = a_token(APP, life=timedelta(days=1))
    verifier.verify(token)
    team.keys = (new_signing_key(NOW),)
    team.now += KEYS_AGE + 1
    with pytest.raises(InvalidAssertion, match="does not have"):
        verifier.verify(token)


def test_a_failed_read_keeps_what_was_known(team: Team) -> None:
    verifier = team.verifier()
    token = a_token(APP, life=timedelta(days=1))
    verifier.verify(token)
    team.down = True
    team.now += KEYS_AGE + 1
    assert verifier.verify(token).email
    assert len(team.urls) == 2


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"keys": 1}', b'{"keys": []}', b"[" * 100_000, b"\xff"]
)
def test_without_any_key_nothing_is_verified(team: Team, body: bytes) -> None:
    team.body = body
    verifier = team.verifier()
    for _ in range(20):
        with pytest.raises(KeysUnavailable) as failed:
            verifier.verify(a_token(APP))
        assert failed.value.status == 503
    assert len(team.urls) == 1
    team.body = None
    team.now += 1
    assert verifier.verify(a_token(APP)).email


def test_keys_of_other_kinds_are_passed_over(team: Team) -> None:
    good = json.loads(team.get(""))["keys"]
    odd = [
        1,
        {},
        {"kid": 5, "kty": "RSA"},
        {"kid": "ec", "kty": "EC", "crv": "P-256"},
        {"kid": "enc", "kty": "RSA", "alg": "RSA-OAEP"},
        {"kid": "broken", "kty": "RSA", "n": "!", "e": "AQAB"},
        {"kid": signing_key().kid, "kty": "oct", "k": "AAAA"},
    ]
    team.body = json.dumps({"keys": [*odd, *good]}).encode()
    assert team.verifier().verify(a_token(APP)).email


def test_many_threads_read_the_keys_once(team: Team) -> None:
    verifier, token = team.verifier(), a_token(APP)
    found: list[Assertion] = []
    threads = [
        threading.Thread(target=lambda: found.append(verifier.verify(token))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 20 and len(team.urls) == 1


@pytest.mark.parametrize(
    "url",
    ["http://team.example", "team.example", "https://team.example/x", "https://u@team.example", ""],
)
def test_the_team_is_an_https_origin(url: str) -> None:
    with pytest.raises(ValueError, match="team's URL"):
        Verifier(url, APP.audience)


@pytest.mark.parametrize("audience", ["", [], ["a", ""]])
def test_an_audience_must_be_named(audience: str | list[str]) -> None:
    with pytest.raises(ValueError, match="AUD tag"):
        Verifier(TEAM.url, audience)


def test_it_needs_nothing_heavy() -> None:
    code = "import lychgate.verify, sys; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    ours = {name for name in loaded if name.split(".")[0] == "lychgate"}
    assert ours == {"lychgate", "lychgate.errors", "lychgate.verify"}
    heavy = {"sqlalchemy", "starlette", "httpx", "pydantic", "authlib", "jinja2", "granian"}
    assert not loaded & heavy


# the fetch


@contextmanager
def server(status: int, body: bytes, *headers: tuple[str, str]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_the_fetch_gets_a_document() -> None:
    with server(200, b"{}") as url:
        assert fetch(url + CERTS) == b"{}"


@pytest.mark.parametrize(
    ("status", "body"), [(302, b""), (404, b""), (500, b"x"), (200, b"x" * ((1 << 20) + 1))]
)
def test_the_fetch_takes_nothing_but_a_small_200(status: int, body: bytes) -> None:
    elsewhere = ("location", "https://evil.example/")
    with server(status, body, elsewhere) as url, pytest.raises(OSError, match="answer"):
        fetch(url + CERTS)


def test_a_team_that_is_down_is_said_so() -> None:
    verifier = Verifier("http://127.0.0.1:1", APP.audience)
    with pytest.raises(KeysUnavailable):
        verifier.verify(a_token(APP))


# the middleware


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    """Says who it was told."""
    assertion = scope.get(KEY)
    body = (assertion.email if assertion else "nobody").encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def ask(
    middleware: AsgiVerifier, *tokens: str, path: str = "/", type: str = "http"
) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"cf-access-jwt-assertion", token.encode()) for token in tokens]
    asyncio.run(middleware({"type": type, "path": path, "headers": headers}, None, send))
    return sent


def test_asgi_lets_the_verified_through(team: Team) -> None:
    middleware = AsgiVerifier(asgi_app, team.verifier())
    start, body = ask(middleware, a_token(APP))
    assert (start["status"], body["body"]) == (200, b"alice@staff.example")


@pytest.mark.parametrize(
    ("tokens", "status", "code"),
    [
        ([], 403, "assertion_missing"),
        (["x"], 403, "assertion_invalid"),
        (["x", "y"], 403, "assertion_invalid"),
        ([a_token(an_app("other"))], 403, "assertion_invalid"),
    ],
)
def test_asgi_refuses_the_rest(team: Team, tokens: list[str], status: int, code: str) -> None:
    start, body = ask(AsgiVerifier(asgi_app, team.verifier()), *tokens)
    assert start["status"] == status and json.loads(body["body"])["error"] == code
    assert (b"cache-control", b"no-store") in start["headers"]


def test_asgi_says_when_it_cannot_tell(team: Team) -> None:
    team.down = True
    start, _ = ask(AsgiVerifier(asgi_app, team.verifier()), a_token(APP))
    assert start["status"] == 503


def test_asgi_refuses_a_websocket_before_it_opens(team: Team) -> None:
    (closed,) = ask(AsgiVerifier(asgi_app, team.verifier()), type="websocket")
    assert (closed["type"], closed["code"]) == ("websocket.close", 1008)


def test_open_paths_pass_and_are_told_of_nobody(team: Team) -> None:
    middleware = AsgiVerifier(asgi_app, team.verifier(), open_paths=["/healthz"])
    assert ask(middleware, path="/healthz")[1]["body"] == b"nobody"
    assert ask(middleware, path="/healthz/x")[0]["status"] == 403


def wsgi_app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Says who it was told."""
    start_response("200 OK", [])
    return [environ[KEY].email.encode()]


def test_wsgi_does_the_same(team: Team) -> None:
    middleware = WsgiVerifier(wsgi_app, team.verifier())
    said: list[str] = []

    def start_response(status: str, headers: list[tuple[str, str]]) -> None:
        said.append(status)

    environ = {"PATH_INFO": "/", "HTTP_CF_ACCESS_JWT_ASSERTION": a_token(APP)}
    assert b"".join(middleware(environ, start_response)) == b"alice@staff.example"
    two = {**environ, "HTTP_CF_ACCESS_JWT_ASSERTION": f"{a_token(APP)},{a_token(APP)}"}
    assert b"assertion_invalid" in b"".join(middleware(two, start_response))
    assert b"assertion_missing" in b"".join(middleware({"PATH_INFO": "/"}, start_response))
    team.down, team.now = True, team.now + KEYS_AGE
    fresh = WsgiVerifier(wsgi_app, team.verifier())
    assert b"keys_unavailable" in b"".join(fresh(environ, start_response))
    assert said == ["200 OK", "403 Forbidden", "403 Forbidden", "503 Service Unavailable"]
