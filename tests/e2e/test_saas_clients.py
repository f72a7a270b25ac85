"""OpenID Connect clients that others wrote log people in through us, behind each proxy."""

import json
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.support.catalogue import wait_for
from tests.support.demo import Demo
from tests.support.npm import installed
from tests.support.walker import Walker

HOME = Path(__file__).parents[1] / "support" / "saas-clients"
CALLBACK = "http://localhost:1/callback"
ALICE = "alice@example.com"


@pytest.fixture(scope="module")
def applications(demo: Demo) -> dict[str, dict[str, str]]:
    """A SaaS application with a secret and one without, added to the running demo's file."""
    secret = secrets.token_urlsafe(32)
    file = Path(demo.info["config"])
    content = yaml.safe_load(file.read_text())
    known = {one["name"] for one in content["resources"]["applications"]}
    kinds: dict[str, dict[str, Any]] = {
        "with-secret": {"client_secret": secret},
        "without": {"allow_pkce_without_client_secret": True},
    }
    for name, more in kinds.items():
        assert name not in known
        settings: dict[str, Any] = {
            "auth_type": "oidc",
            "client_id": name,
            "redirect_uris": [CALLBACK],
            "grant_types": ["authorization_code_with_pkce", "refresh_tokens"],
            "scopes": ["openid", "email", "profile", "groups"],
            "refresh_token_options": {"lifetime": "1h"},
        }
        body = {"name": name, "type": "saas", "saas_app": settings | more, "policies": ["staff"]}
        content["resources"]["applications"].append(body)
    file.write_text(yaml.safe_dump(content))
    base = f"{demo.team}/cdn-cgi/access/sso/oidc/"
    metadata = "/.well-known/openid-configuration"
    wait_for(lambda: httpx.get(base + "without" + metadata).status_code == 200, 20)
    common = {"redirect_uri": CALLBACK}
    return {
        "secret": {
            **common,
            "issuer": base + "with-secret",
            "client_id": "with-secret",
            "client_secret": secret,
        },
        "public": {**common, "issuer": base + "without", "client_id": "without"},
    }


@contextmanager
def person(demo: Demo) -> Iterator[Walker]:
    """Somebody with a browser of their own."""
    walker = Walker(demo)
    with closing(walker.http):
        yield walker


def logged_in(demo: Demo, url: str) -> str:
    """Log in from an authorization URL: the address the browser is sent back to."""
    with person(demo) as walker:
        answer = walker.log_in(url, ALICE, stop=CALLBACK)
    return str(answer.headers["location"])


def run(demo: Demo, script: str, settings: dict[str, str]) -> dict[str, Any]:
    """A client's whole login; the browser's part is done here."""
    command = ["node", script, json.dumps(settings)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=installed(HOME), stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        line = process.stdout.readline()
        assert line, process.stderr.read()
        process.stdin.write(logged_in(demo, json.loads(line)["authorize"]) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        assert line, process.stderr.read()
    found: dict[str, Any] = json.loads(line)
    return found


@pytest.mark.parametrize("kind", ["secret", "public"])
@pytest.mark.parametrize("library", ["openid-client", "oauth4webapi"])
def test_a_client_of_node_completes_the_whole_of_it(
    demo: Demo, applications: dict[str, dict[str, str]], library: str, kind: str
) -> None:
    settings = applications[kind]
    found = run(demo, f"{library}.mjs", settings)
    claims = found["claims"]
    assert (claims["iss"], claims["aud"]) == (settings["issuer"], settings["client_id"])
    assert claims["email"] == found["userinfo"]["email"] == found["again"]["email"] == ALICE
    assert claims["sub"] == found["refreshed"]["sub"] == found["userinfo"]["sub"]
    assert found["rotated"] and found["replay"] == "invalid_grant"
    assert found.get("wrong_verifier", "invalid_grant") == "invalid_grant"
    # The replayed code ended everything that came of it.
    ended = {"authorization": f"Bearer {found['access_token']}"}
    assert httpx.get(settings["issuer"] + "/userinfo", headers=ended).status_code == 401


@pytest.mark.parametrize("kind", ["secret", "public"])
def test_authlibs_client_completes_the_whole_of_it(
    demo: Demo, applications: dict[str, dict[str, str]], kind: str
) -> None:
    settings = applications[kind]
    metadata = httpx.get(settings["issuer"] + "/.well-known/openid-configuration").json()
    verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    with OAuth2Client(
        settings["client_id"],
        settings.get("client_secret"),
        scope="openid email profile",
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
        token_endpoint_auth_method="client_secret_basic" if kind == "secret" else "none",
        token_endpoint=metadata["token_endpoint"],
    ) as client:
        url, state = client.create_authorization_url(
            metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce
        )
        token = client.fetch_token(
            metadata["token_endpoint"],
            authorization_response=logged_in(demo, url),
            code_verifier=verifier,
            state=state,
        )
        keys = KeySet.import_key_set(httpx.get(metadata["jwks_uri"]).json())
        claims = jwt.decode(token["id_token"], keys, algorithms=["RS256"]).claims
        registry = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": settings["issuer"]},
            aud={"essential": True, "value": settings["client_id"]},
            nonce={"essential": True, "value": nonce},
            exp={"essential": True},
        )
        registry.validate(claims)
        said = client.get(metadata["userinfo_endpoint"]).json()
        assert said["email"] == claims["email"] == ALICE and said["sub"] == claims["sub"]
        fresh = client.refresh_token(metadata["token_endpoint"], token["refresh_token"])
        assert fresh["access_token"] != token["access_token"]
        assert client.get(metadata["userinfo_endpoint"]).json() == said
