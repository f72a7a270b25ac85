"""Runs the real `oidc-provider` from npm, plain or laid out as a stock authentik."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from joserfc import jwk

from tests.support.oidc_pages import log_in
from tests.support.oidc_running import CALLBACK, ODD_SECRET, Running, running

HOME = Path(__file__).parent / "oidc-provider"
PEOPLE = ("alice", "bob", "mallory", "nomail")


@contextmanager
def oidc_provider(
    layout: str = "plain",
    algorithm: str = "RS256",
    *,
    email_verified: bool = True,
    pkce_required: bool = False,
    callback: str = CALLBACK,
) -> Iterator[Running]:
    """Start one, and stop it afterwards; `layout` is `plain` or `authentik`."""
    settings = {
        "layout": layout,
        "algorithm": algorithm,
        "email_verified": email_verified,
        "pkce_required": pkce_required,
        # It form-decodes Basic credentials as RFC 6749 2.3.1 has it; canaille does not.
        "client_secret": ODD_SECRET,
        "keys": [_key("RS256"), *([_key(algorithm)] if algorithm != "RS256" else [])],
    }
    with running(["node", "server.mjs"], _installed(), settings, _enter, callback) as provider:
        yield provider


def _enter(url: str, callback: str, person: str) -> dict[str, str]:
    return log_in(url, callback, {"login": person, "password": "anything"})


def _installed() -> Path:
    # Installed once for each pinned version, outside of the project.
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "lychgate-tests"
    files = [HOME / "package.json", HOME / "server.mjs"]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    home = cache / f"oidc-provider-{digest[:12]}"
    home.mkdir(parents=True, exist_ok=True)
    with open(home / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            for file in files:
                shutil.copy(file, home)
            _install(home)
            (home / "complete").touch()
    return home


def _install(home: Path) -> None:
    command = ["npm", "install", "--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError(f"npm could not install oidc-provider:\n{done.stderr}")


def _key(algorithm: str) -> dict[str, Any]:
    kinds: dict[str, tuple[str, str | int]] = {
        "RS": ("RSA", 2048),
        "PS": ("RSA", 2048),
        "ES256": ("EC", "P-256"),
        "ES384": ("EC", "P-384"),
        "ES512": ("EC", "P-521"),
        "Ed": ("OKP", "Ed25519"),
    }
    kind, size = next(value for name, value in kinds.items() if algorithm.startswith(name))
    key = jwk.JWKRegistry.generate_key(kind, size)
    members = dict(key.as_dict(private=True))
    return {**members, "kid": f"key-{algorithm}", "use": "sig", "alg": algorithm}
