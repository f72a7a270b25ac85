"""The texts of OAuth tokens: access tokens sealed, refresh tokens derived, neither ever stored.

A refresh token is a keyed hash over the grant and its generation, so that a repeated request gets
the same next token although nothing but the generation is kept.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lychgate.core.keys import Keyring, SealingKey, seal
from lychgate.core.session import MANAGED_PURPOSE, OAUTH_PREFIX, SAAS_PURPOSE, TokenType
from lychgate.store.oauthbase import Grant, GrantKind

_REFRESH = re.compile(
    r"(?P<key>[0-9a-f]{8})\.(?P<grant>[A-Za-z0-9_-]{1,64})\.(?P<generation>[1-9][0-9]{0,9})"
    r"\.(?P<proof>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class _Form:
    prefix: str
    purpose: str
    type: TokenType


_FORMS = {
    GrantKind.MANAGED: _Form(OAUTH_PREFIX, MANAGED_PURPOSE, TokenType.OAUTH),
    GrantKind.SAAS: _Form("", SAAS_PURPOSE, TokenType.SAAS),
}


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """What a genuine refresh token says."""

    grant: str
    generation: int


def access_text(
    grant: Grant, claims: Mapping[str, Any], keyring: Keyring, nonce: bytes
) -> tuple[str, Mapping[str, Any]]:
    """An access token of the grant with the claims of an application token; text and claims."""
    form = _FORMS[grant.kind]
    whole = {**claims, "type": form.type.value, "grant_id": grant.id, "client_id": grant.client}
    return form.prefix + seal(keyring.sealing_key(), form.purpose, whole, nonce), whole


def refresh_text(grant: Grant, keyring: Keyring) -> str:
    """The refresh token of a grant's present generation."""
    key = keyring.sealing_key()
    proof = _proof(key, grant.kind, grant.id, grant.generation)
    return f"{_FORMS[grant.kind].prefix}{key.id}.{grant.id}.{grant.generation}.{proof}"


def read_refresh(text: str, kind: GrantKind, keyring: Keyring) -> RefreshToken | None:
    """The refresh token of that kind this text is; None when we did not make it."""
    prefix = _FORMS[kind].prefix
    match = _REFRESH.fullmatch(text.removeprefix(prefix)) if text.startswith(prefix) else None
    key = next((one for one in keyring.sealing if match and one.id == match["key"]), None)
    if match is None or key is None:
        return None
    token = RefreshToken(match["grant"], int(match["generation"]))
    proof = _proof(key, kind, token.grant, token.generation)
    return token if hmac.compare_digest(proof, match["proof"]) else None


def _proof(key: SealingKey, kind: GrantKind, grant: str, generation: int) -> str:
    own = hmac.digest(key.secret, b"lychgate oauth refresh token", "sha256")
    return hmac.new(own, f"{kind}.{grant}.{generation}".encode(), hashlib.sha256).hexdigest()


def digest(text: str) -> bytes:
    """What is kept of a code or secret."""
    return hashlib.sha256(text.encode(errors="backslashreplace")).digest()
