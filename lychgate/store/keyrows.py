"""Keeps the installation's keys: made once, rotated, retired, forgotten."""

from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import Connection, Row, delete, insert, select, update

from lychgate.core.keys import (
    OVERLAP,
    PUBLISH_AHEAD,
    Keyring,
    SealingKey,
    SigningKey,
    new_sealing_key,
    new_signing_key,
)
from lychgate.store import tables
from lychgate.store.base import BadMasterKey
from lychgate.store.sealing import MasterKey

_SIGNING, _SEALING = "signing", "sealing"


def read_keyring(connection: Connection, master: MasterKey) -> Keyring:
    """All keys, oldest first."""
    keys = tables.keys
    rows = connection.execute(
        select(keys).order_by(keys.c.active_from, keys.c.created_at, keys.c.id)
    ).all()
    return Keyring(
        signing=tuple(_signing(row, master) for row in rows if row.use == _SIGNING),
        sealing=tuple(_sealing(row, master) for row in rows if row.use == _SEALING),
    )


def have_keys(connection: Connection) -> bool:
    """Whether the first keys were made."""
    return connection.execute(select(tables.keys.c.id).limit(1)).first() is not None


def make_first(connection: Connection, master: MasterKey, now: datetime, revision: int) -> None:
    """Make one key of each use; the caller holds the revision's lock."""
    sealing = new_sealing_key()
    _keep_signing(connection, master, new_signing_key(now), revision)
    connection.execute(
        insert(tables.keys).values(
            id=sealing.id,
            use=_SEALING,
            sealed=master.seal(_place(_SEALING, sealing.id), sealing.secret),
            certificate_pem="",
            created_at=now,
            active_from=now,
            revision=revision,
        )
    )


def newest_signing(connection: Connection) -> datetime:
    """When the newest signing key was made."""
    keys = tables.keys
    query = select(keys.c.created_at).where(keys.c.use == _SIGNING)
    made: list[datetime] = list(connection.scalars(query))
    return max(made)


def add_signing(connection: Connection, master: MasterKey, now: datetime, revision: int) -> None:
    """Add a signing key that others can fetch before it signs."""
    _keep_signing(connection, master, new_signing_key(now, now + PUBLISH_AHEAD), revision)


def retire(connection: Connection, now: datetime, bump: Callable[[], int]) -> int:
    """Retire keys whose successor signs, drop those past the overlap; how many moved.

    A key retires only once its successor is active: before that it is still the one that signs.
    """
    keys = tables.keys
    rows = connection.execute(
        select(keys.c.id, keys.c.active_from, keys.c.retired_at)
        .where(keys.c.use == _SIGNING)
        .order_by(keys.c.active_from, keys.c.created_at, keys.c.id)
    ).all()
    active = [row for row in rows if row.active_from <= now]
    replaced = [
        (row.id, follower.active_from)
        for row, follower in pairwise(active)
        if row.retired_at is None
    ]
    gone = [
        row.id for row in rows if row.retired_at is not None and now >= row.retired_at + OVERLAP
    ]
    if not replaced and not gone:
        return 0
    revision = bump()
    for id, since in replaced:
        values = {"retired_at": since, "revision": revision}
        connection.execute(update(keys).where(keys.c.id == id).values(values))
    connection.execute(delete(keys).where(keys.c.id.in_(gone)))
    if gone:
        # The rows that stay carry the news of those that left.
        connection.execute(update(keys).where(keys.c.use == _SEALING).values(revision=revision))
    return len(replaced) + len(gone)


def _keep_signing(
    connection: Connection, master: MasterKey, key: SigningKey, revision: int
) -> None:
    plain = key.private.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    connection.execute(
        insert(tables.keys).values(
            id=key.kid,
            use=_SIGNING,
            sealed=master.seal(_place(_SIGNING, key.kid), plain),
            certificate_pem=key.certificate_pem,
            created_at=key.created_at,
            active_from=key.active_from,
            revision=revision,
        )
    )


def _signing(row: Row[Any], master: MasterKey) -> SigningKey:
    plain = master.unseal(_place(_SIGNING, row.id), row.sealed)
    # What opened under the master key is what we sealed: its arithmetic needs no second check.
    private = serialization.load_der_private_key(plain, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(private, rsa.RSAPrivateKey):
        raise BadMasterKey("a signing key of the store is not an RSA key")
    return SigningKey(
        kid=row.id,
        private=private,
        certificate_pem=row.certificate_pem,
        created_at=row.created_at,
        active_from=row.active_from,
        retired_at=row.retired_at,
    )


def _sealing(row: Row[Any], master: MasterKey) -> SealingKey:
    return SealingKey(row.id, master.unseal(_place(_SEALING, row.id), row.sealed))


def _place(use: str, id: str) -> str:
    return f"keys/{use}/{id}"
