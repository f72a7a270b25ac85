"""What a restore takes over from the store that it replaces: what was ended there stays ended."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select, update

from lychgate.core.model import Revocation
from lychgate.store import tables
from lychgate.store.backup.ending import Kept, end_service_token
from lychgate.store.base import Kind
from lychgate.store.objects import counter, revocation


def carry_endings(
    old: Connection, proven: Connection, kept: Collection[Kept], now: datetime
) -> None:
    """End in the backup what the store ended since, also where its like was to be kept."""
    revision = counter(proven, "revision")
    for row in old.execute(select(tables.revocations)).all():
        _merge(proven, revocation(row), revision)
    _carry(old, proven, tables.api_tokens, "id", "revoked_at")
    _carry(old, proven, tables.sessions, "nonce", "ended_at")
    _carry(old, proven, tables.oauth_grants, "id", "revoked_at")
    _carry_used_refresh_tokens(old, proven)
    _carry_service_tokens(old, proven, revision, now)
    if Kept.LOGINS in kept and _is_the_same_installation(old, proven):
        _carry_keys(old, proven)


def _merge(proven: Connection, known: Revocation, revision: int) -> None:
    """Add a revocation to those of the backup; the later one counts."""
    table = tables.revocations
    this = table.c.kind == known.kind, table.c.key == known.key
    found = proven.execute(select(table).where(*this)).one_or_none()
    not_before, expires_at = known.not_before, known.expires_at
    if found is not None:
        not_before = max(not_before, found.not_before)
        expires_at = max(expires_at, found.expires_at)
        proven.execute(delete(table).where(*this))
    row = {"kind": known.kind.value, "key": known.key, "revision": revision}
    proven.execute(insert(table), [row | {"not_before": not_before, "expires_at": expires_at}])


def _carry(old: Connection, proven: Connection, table: Table, key: str, ended: str) -> None:
    """Mark as ended whatever of a table is marked so in the store."""
    column = table.c[ended]
    for id, at in old.execute(select(table.c[key], column).where(column.is_not(None))):
        this = table.c[key] == id, column.is_(None)
        proven.execute(update(table).where(*this).values({ended: at}))


def _carry_used_refresh_tokens(old: Connection, proven: Connection) -> None:
    """One that was used since the backup is not good again."""
    grants = tables.oauth_grants
    used = select(grants.c.id, grants.c.generation, grants.c.rotated_at)
    for id, generation, at in old.execute(used.where(grants.c.rotated_at.is_not(None))):
        behind = grants.c.id == id, grants.c.generation < generation
        values = {"generation": generation, "rotated_at": at}
        proven.execute(update(grants).where(*behind).values(values))


def _carry_service_tokens(
    old: Connection, proven: Connection, revision: int, now: datetime
) -> None:
    """End those that the store deleted or disabled, or gave another secret."""
    objects, dead = tables.objects, tables.tombstones
    query = select(objects.c.id, objects.c.body).where(objects.c.kind == Kind.SERVICE_TOKEN)
    there: Mapping[str, Mapping[str, Any]] = {row.id: row.body for row in old.execute(query)}
    deleted = set(old.scalars(select(dead.c.id).where(dead.c.kind == Kind.SERVICE_TOKEN)))
    for row in proven.execute(select(objects).where(objects.c.kind == Kind.SERVICE_TOKEN)).all():
        if row.id in deleted or (row.id in there and _is_over(row.body, there[row.id])):
            end_service_token(proven, row, revision, now)


def _is_over(backup: Mapping[str, Any], store: Mapping[str, Any]) -> bool:
    secret = "client_secret_hash"
    return not store.get("enabled", True) or backup.get(secret) != store.get(secret)


def _is_the_same_installation(old: Connection, proven: Connection) -> bool:
    """Whether the backup is of this store: what it was once sealed with is the same, bit by bit."""
    sealed = select(tables.seal_check.c.sealed)
    found = old.scalar(sealed)
    return found is not None and found == proven.scalar(sealed)


def _carry_keys(old: Connection, proven: Connection) -> None:
    """Go on with the keys of the store: those that it let go may have been stolen."""
    keys = [dict(row._mapping) for row in old.execute(select(tables.keys)).all()]
    if keys:
        proven.execute(delete(tables.keys))
        proven.execute(insert(tables.keys), keys)
