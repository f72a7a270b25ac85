"""Proof Key for Code Exchange (RFC 7636), S256 only."""

import hmac
import re

from authlib.oauth2.rfc7636 import create_s256_code_challenge

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


def is_challenge(text: str) -> bool:
    """Whether this can be the SHA-256 of a verifier, as base64url without padding (4.2)."""
    return _CHALLENGE.fullmatch(text) is not None


def proves(verifier: str, challenge: str) -> bool:
    """Whether the verifier is the challenge's (4.6).

    Without a challenge only the absence of a verifier is right: what comes with one was begun
    with one, by somebody else.
    """
    if not challenge:
        return not verifier
    if not _VERIFIER.fullmatch(verifier):
        return False
    return hmac.compare_digest(create_s256_code_challenge(verifier), challenge)
