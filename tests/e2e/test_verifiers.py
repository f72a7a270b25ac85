"""Verifiers that others wrote accept what the origin gets, also across a rotation of the keys."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jwt
import pytest

from lychgate.clock import clock
from lychgate.config import load
from lychgate.core.keys import PUBLISH_AHEAD
from lychgate.runtime import connect
from tests.support.demo import Demo, logged_in, running_demo
from tests.support.npm import installed

HOME = Path(__file__).parents[1] / "support" / "verifiers"


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo of its own: these tests rotate its keys."""
    with running_demo(tmp_path_factory.mktemp("demo"), "envoy") as demo:
        yield demo


def assertion(demo: Demo) -> str:
    """What the origin gets for a person who just logged in."""
    with logged_in(demo, demo.info["users"]["allowed"]) as client:
        answer = client.get(demo.app("whoami"), headers={"accept": "application/json"})
    return str(answer.json()["headers"]["cf-access-jwt-assertion"])


def audience(token: str) -> str:
    """The audience an origin would have configured."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return str(claims["aud"][0])


def rotate(demo: Demo) -> None:
    """Rotate as `lychgate keys rotate` does, with the time of publishing ahead gone by."""
    store = connect(load(Path(demo.info["config"])).settings)
    try:
        store.keys.rotate(clock() - PUBLISH_AHEAD)
        store.prune(clock())
    finally:
        store.close()
    time.sleep(1.5)  # every process hears of it within a second; in real time it has ninety


@contextmanager
def program(name: str, demo: Demo, aud: str) -> Iterator["subprocess.Popen[str]"]:
    """A verifier that runs on, as an origin does: a token a line in, a verdict a line out."""
    command = ["node", name, demo.team, aud]
    running = subprocess.Popen(
        command, cwd=installed(HOME), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield running
    finally:
        running.communicate(timeout=20)


def verdict(running: "subprocess.Popen[str]", token: str) -> str:
    """What it says of one token."""
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write(token + "\n")
    running.stdin.flush()
    return running.stdout.readline().strip()


def test_verifiers_follow_a_rotation(standing: Demo) -> None:
    alice = standing.info["users"]["allowed"]
    old = assertion(standing)
    aud, certs = audience(old), standing.team + "/cdn-cgi/access/certs"
    # In real time a key is published longer ahead than any of these verifiers waits to look again.
    python = jwt.PyJWKClient(certs, cooldown_duration=0)  # noqa: TID251 - under test here
    options: dict[str, Any] = {"algorithms": ["RS256"], "audience": aud, "issuer": standing.team}
    with program("jose.mjs", standing, aud) as jose, program("pages.mjs", standing, aud) as pages:

        def accepted(token: str) -> None:
            key = python.get_signing_key_from_jwt(token).key
            assert jwt.decode(token, key, **options)["email"] == alice
            assert verdict(jose, token) == alice
            assert verdict(pages, token) == f"200 {alice}"

        accepted(old)
        rotate(standing)
        new = assertion(standing)
        assert jwt.get_unverified_header(new)["kid"] != jwt.get_unverified_header(old)["kid"]
        accepted(new)
        accepted(old)
        assert verdict(jose, old[:-4] + "AAAA") == "refused ERR_JWS_SIGNATURE_VERIFICATION_FAILED"
        assert verdict(pages, "none").startswith(f"302 {standing.team}/cdn-cgi/access/login/")


@pytest.mark.parametrize(
    ("origin", "entered", "refused"),
    [("fastapi_origin.py", 200, 403), ("allowedflare_origin.py", "alice@example.com", "")],
)
def test_python_packages_that_read_the_cookie(
    standing: Demo, origin: str, entered: object, refused: object
) -> None:
    token = assertion(standing)
    command = [sys.executable, str(HOME / origin), standing.team, audience(token)]
    done = subprocess.run(command, input=token, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert answers == {"with": entered, "without": refused, "forged": refused}
