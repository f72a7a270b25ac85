"""The keys of an installation: which signs, which still verify, and how small secrets are sealed.

One key signs at a time; a new one is published before its first use, a retired one verifies for
seven days more. Sealing keys encrypt what we hand out and want back unread: the hand-over of a
login, OAuth access tokens.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

OVERLAP = timedelta(days=7)
"""How long a retired key still verifies."""
PUBLISH_AHEAD = timedelta(seconds=90)
"""How long a new key is published before it signs; verifiers refetch within this."""
_CERTIFICATE_LIFE = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An RSA key that signs our tokens; `kid` is 64 lower-case hex digits."""

    kid: str
    private: rsa.RSAPrivateKey = field(repr=False)
    certificate_pem: str
    created_at: datetime
    active_from: datetime
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SealingKey:
    """A 256-bit key for authenticated encryption."""

    id: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Keyring:
    """All keys, oldest first."""

    signing: tuple[SigningKey, ...]
    sealing: tuple[SealingKey, ...]

    def current(self, now: datetime) -> SigningKey:
        """The newest key that may sign; with none active yet, the oldest whose signature counts."""
        active = [key for key in self.signing if key.active_from <= now and key.retired_at is None]
        return active[-1] if active else (*self.usable(now), *self.signing)[0]

    def usable(self, now: datetime) -> tuple[SigningKey, ...]:
        """The keys whose signatures count: published, or retired for less than the overlap."""
        return tuple(key for key in self.signing if _is_usable(key, now))

    def by_kid(self, kid: str, now: datetime) -> SigningKey | None:
        """The usable key of that id."""
        for key in self.signing:
            if key.kid == kid and _is_usable(key, now):
                return key
        return None

    def knows(self, id: str, now: datetime) -> bool:
        """Whether what that key signed or sealed still counts."""
        return self.by_kid(id, now) is not None or any(id == key.id for key in self.sealing)

    def sealing_key(self) -> SealingKey:
        """The key that seals now."""
        return self.sealing[-1]


def _is_usable(key: SigningKey, now: datetime) -> bool:
    return key.retired_at is None or now < key.retired_at + OVERLAP


def jwks(keyring: Keyring, now: datetime) -> list[dict[str, str]]:
    """The keys of a JSON Web Key Set (RFC 7517), those whose signatures count, oldest first."""
    return [_jwk(key) for key in keyring.usable(now)]


def _jwk(key: SigningKey) -> dict[str, str]:
    numbers = key.private.public_key().public_numbers()
    return {
        "kid": key.kid,
        "kty": "RSA",
        "alg": "RS256",
        "use": "sig",
        "e": _number(numbers.e),
        "n": _number(numbers.n),
    }


def _number(value: int) -> str:
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def new_signing_key(now: datetime, active_from: datetime | None = None) -> SigningKey:
    """A fresh RSA-2048 key with a self-signed certificate, as `public_certs` shows it."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Lychgate token signing")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _CERTIFICATE_LIFE)
        .sign(private, hashes.SHA256())
    )
    return SigningKey(
        kid=certificate.fingerprint(hashes.SHA256()).hex(),
        private=private,
        certificate_pem=certificate.public_bytes(serialization.Encoding.PEM).decode(),
        created_at=now,
        active_from=active_from or now,
    )


def new_sealing_key() -> SealingKey:
    """A fresh sealing key."""
    secret = AESGCM.generate_key(bit_length=256)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(b"lychgate sealing key id" + secret)
    return SealingKey(id=digest.finalize().hex()[:8], secret=secret)


def seal(key: SealingKey, purpose: str, payload: Mapping[str, Any], nonce: bytes) -> str:
    """Encrypt a payload for ourselves; `nonce` is 12 fresh random bytes.

    The purpose is bound in: what was sealed for one use never opens for another.
    """
    plain = json.dumps(payload, separators=(",", ":")).encode()
    sealed = AESGCM(key.secret).encrypt(nonce, plain, purpose.encode())
    return key.id + "." + base64.urlsafe_b64encode(nonce + sealed).rstrip(b"=").decode()


def unseal(keyring: Keyring, purpose: str, text: str) -> dict[str, Any] | None:
    """The payload sealed for that purpose; None for anything else."""
    key_id, dot, body = text.partition(".")
    key = next((key for key in keyring.sealing if key.id == key_id), None)
    if key is None or not dot or len(body) > 16384 or not body.isascii() or "=" in body:
        return None
    try:
        data = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        payload = json.loads(AESGCM(key.secret).decrypt(data[:12], data[12:], purpose.encode()))
    except (ValueError, InvalidTag):
        return None
    return payload if isinstance(payload, dict) else None
