"""How secrets are encrypted at rest, and where the master key comes from.

AES-256-GCM; the place a secret is kept at is bound in, so that a row copied elsewhere in the
database does not open.
"""

import base64
import binascii
import hmac
import logging
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lychgate.store.base import BadMasterKey

VARIABLE = "LYCHGATE_MASTER_KEY"
SEAL_CHECK = "seal_check"
"""The place of the text that proves a master key to be the one of a store."""
_VERSION = b"\x01"
_NONCE = 12
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MasterKey:
    """The key over all secrets at rest."""

    secret: bytes = field(repr=False)

    def seal(self, place: str, plain: bytes) -> bytes:
        """Encrypt for one place."""
        nonce = secrets.token_bytes(_NONCE)
        return _VERSION + nonce + AESGCM(self.secret).encrypt(nonce, plain, place.encode())

    def unseal(self, place: str, sealed: bytes) -> bytes:
        """The text sealed for that place."""
        nonce, text = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        try:
            if sealed[:1] != _VERSION:
                raise InvalidTag
            return AESGCM(self.secret).decrypt(nonce, text, place.encode())
        except (InvalidTag, ValueError) as error:
            raise BadMasterKey(
                "the master key does not open the secrets of this store",
                f"use the key the store was made with: its file, or {VARIABLE}",
            ) from error

    def code(self, purpose: str) -> hmac.HMAC:
        """Begins a code over something, under a key of its own for each purpose."""
        key = hmac.digest(self.secret, f"lychgate {purpose}".encode(), "sha256")
        return hmac.new(key, digestmod="sha256")


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Where to look for the master key: the environment first, then the file."""

    environment: Mapping[str, str] = field(repr=False)
    file: Path | None

    def existing(self) -> MasterKey | None:
        """The key that is there; `BadMasterKey` when it cannot be read as one."""
        text = self.environment.get(VARIABLE)
        if text is not None:
            return _parse(text, f"the environment variable {VARIABLE}")
        return None if self.file is None or not self.file.exists() else _read(self.file)

    def existing_or_new(self) -> MasterKey:
        """The key that is there, or one made now: for a store without any secret yet."""
        found = self.existing()
        if found is not None:
            return found
        if self.file is None:
            raise self.missing()
        return _make(self.file)

    def keep(self, key: MasterKey) -> None:
        """Write a key to the file, which must not be there yet."""
        if self.file is None:
            raise self.missing()
        _make(self.file, key)

    def missing(self) -> BadMasterKey:
        """The error for a key that must exist and does not."""
        place = "" if self.file is None else f", and there is no file `{self.file}`"
        return BadMasterKey(
            f"there is no master key: {VARIABLE} is not set{place}",
            f"set {VARIABLE} or `master_key_file` to the key the store was made with; "
            "`openssl rand -base64 32` makes one for a new store",
        )


def _parse(text: str, where: str) -> MasterKey:
    text = text.strip()
    try:
        if len(text) == 64:
            return MasterKey(bytes.fromhex(text))
        padded = text + "=" * (-len(text) % 4)
        key = base64.b64decode(padded.replace("-", "+").replace("_", "/"), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != 32:
        raise BadMasterKey(
            f"{where} does not hold a key: 32 bytes as base64 or as 64 hex digits",
            "`openssl rand -base64 32` makes one for a new store",
        )
    return MasterKey(key)


def _read(file: Path) -> MasterKey:
    try:
        text = file.read_text("ascii", errors="replace")
        open_to_others = file.stat().st_mode & 0o077
    except OSError as error:
        raise BadMasterKey(
            f"the master key file `{file}` cannot be read: {error.strerror}"
        ) from error
    if open_to_others:
        _log.warning("others may read the master key file %s; give it mode 0600", file)
    return _parse(text, f"the master key file `{file}`")


def _make(file: Path, key: MasterKey | None = None) -> MasterKey:
    """Write a key, or a new one, beside and link it into place: of several makers one wins."""
    secret = secrets.token_bytes(32) if key is None else key.secret
    draft = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(base64.b64encode(secret) + b"\n")
                stream.flush()
                os.fsync(stream.fileno())
            os.link(draft, file)
            _log.warning("made a new master key, keep a copy of it: %s", file)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    except OSError as error:
        raise BadMasterKey(
            f"the master key file `{file}` cannot be made: {error.strerror}"
        ) from error
    return _read(file)
