"""The one transaction of an administrative change: plan, compile, write, audit, new revision."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, assert_never

from sqlalchemy import Connection

from lychgate.store.auditlog import append
from lychgate.store.base import (
    Actor,
    AuditEvent,
    Delete,
    Edit,
    Kind,
    NotFound,
    Object,
    ObjectKey,
    Plan,
    Position,
    Put,
)
from lychgate.store.database import Database
from lychgate.store.deciding import for_audit, refuse_secrets, rules_changed_at
from lychgate.store.mirror import Draft, Mirror
from lychgate.store.objects import (
    after_tokens,
    lock_revision,
    next_revision,
    read_changes,
    read_holding,
    read_object,
    read_objects,
)
from lychgate.store.sealing import MasterKey
from lychgate.store.writing import Removed, Stamp, Step, Written, write

_MANY = 200
"""From how many edits on the stored objects are read by whole kinds."""


@dataclass(frozen=True, slots=True)
class Locked:
    """The catalogue inside a change: reads on the connection that holds the lock."""

    connection: Connection
    revision: int

    def objects(self, kind: Kind) -> tuple[Object, ...]:
        """All objects of a kind in order of creation."""
        return read_objects(self.connection, kind)

    def object(self, kind: Kind, id: str) -> Object | None:
        """One object, if it exists."""
        return read_object(self.connection, kind, id)

    def holding(self, kind: Kind, text: str) -> tuple[Object, ...]:
        """At least those objects of a kind in whose body that text stands, in order of creation."""
        return read_holding(self.connection, kind, text)


def change[S](
    database: Database, master: MasterKey, mirror: Mirror[S], actor: Actor, plan: Plan
) -> int:
    """Carry out a plan, all of it or nothing; the revision afterwards."""
    base = mirror.current
    with database.write() as connection:
        revision = lock_revision(connection)
        now = after_tokens(connection, mirror.clock())
        steps = _steps(connection, plan(Locked(connection, revision)), now)
        if not steps:
            return revision
        draft = mirror.draft(base)
        since = Position(0) if base is None else base.position
        way = mirror.advance(base, draft, read_changes(connection, master, since, draft.visit))
        _apply(draft, steps)
        candidate = way.finish(mirror.compile, revision + 1, now)
        stamp = Stamp(next_revision(connection), now, actor.name)
        write(connection, master, steps, stamp)
        append(connection, _audit(actor, steps, revision + 1, now))
    mirror.keep(candidate)
    return revision + 1


def _steps(connection: Connection, edits: Sequence[Edit], now: datetime) -> list[Step]:
    """The edits that change something, in order; a later one of an object replaces an earlier."""
    stored = _stored(connection, edits)
    steps: dict[ObjectKey, Step] = {}
    for edit in edits:
        key = edit.kind, edit.id
        before = stored.get(key)
        match edit:
            case Put():
                refuse_secrets(f"{edit.kind}/{edit.id}", edit.body)
                put = replace(edit, body=json.loads(json.dumps(edit.body)))
                moved = rules_changed_at(before, put.body, edit.kind, now)
                steps[key] = Written(key, before, put, moved)
            case Delete() if before is not None:
                steps[key] = Removed(key, before)
            case Delete():
                if steps.pop(key, None) is None:
                    raise NotFound(f"there is no `{edit.kind}` with the id `{edit.id}`")
            case _:
                assert_never(edit)
    return [step for step in steps.values() if _changes(step)]


def _stored(connection: Connection, edits: Sequence[Edit]) -> dict[ObjectKey, Object]:
    if len(edits) > _MANY:
        kinds = {edit.kind for edit in edits}
        found = (each for kind in kinds for each in read_objects(connection, kind))
        return {each.key: each for each in found}
    some = (read_object(connection, edit.kind, edit.id) for edit in edits)
    return {each.key: each for each in some if each is not None}


def _changes(step: Step) -> bool:
    if isinstance(step, Removed) or step.before is None or step.put.secrets is not None:
        return True
    return step.before.body != step.put.body or step.before.source != step.put.source


def _apply(draft: Draft, steps: Iterable[Step]) -> None:
    for step in steps:
        match step:
            case Written(key, _, put, rules_changed_at):
                draft.put(*key, put.body, rules_changed_at)
            case Removed(key):
                draft.delete(*key)
            case _:
                assert_never(step)


def _audit(
    actor: Actor, steps: Iterable[Step], revision: int, now: datetime
) -> Iterable[AuditEvent]:
    for step in steps:
        kind, id = step.key
        yield AuditEvent(
            at=now,
            action="put" if isinstance(step, Written) else "delete",
            actor=actor.name,
            actor_kind=actor.kind,
            request_id=actor.request_id,
            target=f"{kind}/{id}",
            revision=revision,
            details=_details(step),
        )


def _details(step: Step) -> dict[str, Any]:
    details: dict[str, Any] = {}
    if step.before is not None:
        details["before"] = for_audit(step.before.body)
    if isinstance(step, Written):
        details["after"] = for_audit(step.put.body)
        if step.put.secrets is not None:
            details["secrets_replaced"] = sorted(step.put.secrets)
    return details
