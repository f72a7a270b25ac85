"""Runs the real `oidc-provider` from npm, plain or laid out as a stock authentik."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from joserfc import jwk

from tests.support.npm import installed
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
    port: int = 0,
    groups: Mapping[str, Sequence[str]] | None = None,
    generation: int = 0,
) -> Iterator[Running]:
    """Start one, and stop it afterwards; `layout` is `plain` or `authentik`.

    `groups` says, by person, what differs from the groups people have; each `generation` signs with
    a key of its own.
    """
    settings = {
        "layout": layout,
        "algorithm": algorithm,
        "email_verified": email_verified,
        "pkce_required": pkce_required,
        "port": port,
        "groups": dict(groups or {}),
        # It form-decodes Basic credentials as RFC 6749 2.3.1 has it; canaille does not.
        "client_secret": ODD_SECRET,
        "keys": [
            _key("RS256", generation),
            *([_key(algorithm, generation)] if algorithm != "RS256" else []),
        ],
    }
    with running(["node", "server.mjs"], installed(HOME), settings, _enter, callback) as provider:
        yield provider


def _enter(url: str, callback: str, person: str) -> dict[str, str]:
    return log_in(url, callback, {"login": person, "password": "anything"})


@cache
def _key(algorithm: str, generation: int) -> dict[str, Any]:
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
    return {**members, "kid": f"key-{algorithm}-{generation}", "use": "sig", "alg": algorithm}
