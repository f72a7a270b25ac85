"""Seals an answer to the public key of a command line: Curve25519, XSalsa20-Poly1305 (NaCl box)."""

import base64

from nacl.exceptions import CryptoError
from nacl.public import Box, PrivateKey, PublicKey

KEY_BYTES = 32


def read_key(text: str) -> str | None:
    """A public key in its one spelling, url-safe base64 with padding; None for anything else."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    if len(raw) != KEY_BYTES:
        return None
    try:
        # Some 32 bytes are no point that a secret could be agreed on with.
        Box(PrivateKey(b"\x01" * KEY_BYTES), PublicKey(raw))
    except (CryptoError, RuntimeError):
        return None
    return base64.urlsafe_b64encode(raw).decode()


def seal_to(key: str, plain: bytes, secret: bytes, nonce: bytes) -> tuple[str, str]:
    """The sender's public key and the sealed text; `secret` is 32 random bytes, `nonce` 24."""
    sender = PrivateKey(secret)
    sealed = Box(sender, PublicKey(base64.urlsafe_b64decode(key))).encrypt(plain, nonce)
    public = base64.urlsafe_b64encode(bytes(sender.public_key)).decode()
    return public, base64.b64encode(sealed).decode()
