"""Signs and verifies our JSON Web Tokens (RFC 7519): RS256 with our own keys and nothing else.

`verify` looks at form, header and signature; what the claims mean is judged in `core.session`,
because time, audience and revocation change while a signature does not.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import jwt

from lychgate.core.keys import Keyring, SigningKey

MAX_LENGTH = 8192
"""Longest token that is looked at, in characters; the largest cookie is half of that."""
ALGORITHM = "RS256"
_HEADER_MEMBERS = frozenset({"alg", "kid", "typ"})


class Rejected(StrEnum):
    """Why a token is not one of ours, or not good here."""

    MALFORMED = "malformed"
    ALGORITHM = "algorithm"
    UNKNOWN_KEY = "unknown_key"
    SIGNATURE = "signature"
    CLAIMS = "claims"
    TYPE = "type"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    EXPIRED = "expired"
    NOT_YET = "not_yet"
    REVOKED = "revoked"
    OUTDATED = "outdated"
    BINDING = "binding"


def sign(claims: Mapping[str, Any], key: SigningKey) -> str:
    """A compact JWS over the claims, `typ` JWT."""
    return jwt.encode(dict(claims), key.private, ALGORITHM, headers={"kid": key.kid})


def header_text(key: SigningKey) -> str:
    """How every token begins that a key signs: its header, up to the first dot."""
    return sign({}, key).partition(".")[0]


@dataclass(frozen=True, slots=True)
class Signed:
    """Claims whose signature is ours, and the key that made it."""

    kid: str
    claims: Mapping[str, Any]


def verify(token: str, keyring: Keyring, now: datetime) -> Signed | Rejected:
    """The claims of a token whose header and signature are ours."""
    if len(token) > MAX_LENGTH or token.count(".") != 2 or not token.isascii() or "=" in token:
        return Rejected.MALFORMED
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        return Rejected.MALFORMED
    if header.get("alg") != ALGORITHM:
        return Rejected.ALGORITHM
    if not _HEADER_MEMBERS.issuperset(header):
        return Rejected.MALFORMED
    kid = header.get("kid")
    key = keyring.by_kid(kid, now) if isinstance(kid, str) else None
    if key is None:
        return Rejected.UNKNOWN_KEY
    try:
        decoded: dict[str, Any] = jwt.decode(
            token, key.private.public_key(), [ALGORITHM], options=_SIGNATURE_ONLY
        )
    except (jwt.InvalidSignatureError, jwt.InvalidKeyError):
        return Rejected.SIGNATURE
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        return Rejected.MALFORMED
    return Signed(key.kid, decoded)


def trusted(token: str, kid: str) -> Signed:
    """The claims of a token whose signature by that key was verified before; nothing is checked."""
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return Signed(kid, claims)


_SIGNATURE_ONLY: Any = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}
