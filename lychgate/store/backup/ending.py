"""What a restore ends: whatever was handed out, because nobody knows what was revoked since."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, delete, or_, select, update

from lychgate.store import tables
from lychgate.store.base import Kind, Source
from lychgate.store.keyrows import make_first
from lychgate.store.objects import lock_revision, next_revision
from lychgate.store.sealing import MasterKey


class Kept(StrEnum):
    """What may be kept by somebody who knows that none of it was revoked since the backup."""

    LOGINS = "logins"
    SERVICE_TOKENS = "service-tokens"
    API_TOKENS = "api-tokens"


@dataclass(frozen=True, slots=True)
class Ended:
    """How many of each were good in the backup and are so no more."""

    sessions: int = 0
    grants: int = 0
    service_tokens: int = 0
    api_tokens: int = 0


def end_what_was_handed_out(
    connection: Connection, master: MasterKey, kept: Collection[Kept], now: datetime
) -> Ended:
    """End all that is not kept, inside a transaction."""
    lock_revision(connection)
    revision = next_revision(connection)
    sessions = grants = service_tokens = api_tokens = 0
    if Kept.LOGINS not in kept:
        sessions, grants = _end_logins(connection, now)
        # Every token of ours is signed or sealed by one of these: with other keys all are dead,
        # at the gate and at origins, also those that were made after the backup.
        connection.execute(delete(tables.keys))
        make_first(connection, master, now, revision)
    if Kept.SERVICE_TOKENS not in kept:
        service_tokens = _end_service_tokens(connection, revision, now)
    if Kept.API_TOKENS not in kept:
        tokens = tables.api_tokens
        ended = update(tokens).where(tokens.c.revoked_at.is_(None)).values(revoked_at=now)
        api_tokens = connection.execute(ended).rowcount
    return Ended(sessions, grants, service_tokens, api_tokens)


def _end_logins(connection: Connection, now: datetime) -> tuple[int, int]:
    sessions, grants = tables.sessions, tables.oauth_grants
    for table in (
        tables.oauth_codes,
        tables.oauth_devices,
        tables.oauth_consents,
        tables.pins,
        tables.transfers,
    ):
        connection.execute(delete(table))
    _end_approvals(connection, now)
    ended = update(sessions).where(sessions.c.ended_at.is_(None), sessions.c.expires_at > now)
    revoked = update(grants).where(grants.c.revoked_at.is_(None), grants.c.expires_at > now)
    return (
        connection.execute(ended.values(ended_at=now)).rowcount,
        connection.execute(revoked.values(revoked_at=now)).rowcount,
    )


def _end_approvals(connection: Connection, now: datetime) -> None:
    """Neither a temporary access nor the request for one outlives the logins."""
    approvals = tables.approvals.c
    in_force = or_(approvals.granted_until > now, approvals.granted_until.is_(None))
    over = update(tables.approvals).where(in_force).values(granted_until=now, expires_at=now)
    connection.execute(over)


def _end_service_tokens(connection: Connection, revision: int, now: datetime) -> int:
    objects, ended = tables.objects, 0
    tokens = select(objects).where(objects.c.kind == Kind.SERVICE_TOKEN)
    for row in connection.execute(tokens).all():
        ended += end_service_token(connection, row, revision, now)
    return ended


def end_service_token(connection: Connection, row: Row[Any], revision: int, now: datetime) -> bool:
    """Let a service token, an object's row, let nobody in; False when it does not anyway."""
    objects = tables.objects
    after = _without_use(row.body, Source(row.source))
    if after == row.body:
        return False
    this = objects.c.kind == Kind.SERVICE_TOKEN, objects.c.id == row.id
    values = {"body": after, "updated_at": now, "revision": revision}
    connection.execute(update(objects).where(*this).values(values))
    return True


def _without_use(body: Mapping[str, Any], source: Source) -> dict[str, Any]:
    """A token that lets nobody in until somebody says so.

    What the configuration file says comes back with the file; the secret is not in it.
    """
    gone = {"previous_client_secret_hash", "previous_client_secret_expires_at"}
    if source is Source.FILE:
        gone.add("client_secret_hash")
        return {name: value for name, value in body.items() if name not in gone}
    return {name: value for name, value in body.items() if name not in gone} | {"enabled": False}
