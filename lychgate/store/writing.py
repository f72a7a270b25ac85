"""Writes the steps of a change: objects, tombstones and sealed secrets, many rows at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, bindparam, delete, insert, select, update

from lychgate.store import tables
from lychgate.store.base import Kind, Object, ObjectKey, Put
from lychgate.store.objects import next_seq
from lychgate.store.sealing import MasterKey


@dataclass(frozen=True, slots=True)
class Written:
    """An object that gets a new state; `before` is None for a new one."""

    key: ObjectKey
    before: Object | None
    put: Put
    rules_changed_at: datetime


@dataclass(frozen=True, slots=True)
class Removed:
    """An object that goes away."""

    key: ObjectKey
    before: Object


type Step = Written | Removed


def write(
    connection: Connection, master: MasterKey, steps: Sequence[Step], revision: int, now: datetime
) -> None:
    """Write every step under one revision."""
    written = [step for step in steps if isinstance(step, Written)]
    _insert(connection, [step for step in written if step.before is None], revision, now)
    _update(connection, [step for step in written if step.before is not None], revision, now)
    _remove(connection, [step for step in steps if isinstance(step, Removed)], revision, now)
    for step in written:
        if step.put.secrets is not None:
            _seal(connection, master, step.key, step.put.secrets)


def _insert(connection: Connection, steps: list[Written], revision: int, now: datetime) -> None:
    if not steps:
        return
    first = next_seq(connection, len(steps))
    rows = [
        _values(step, revision, now) | _columns(step.key) | {"created_at": now, "seq": seq}
        for seq, step in enumerate(steps, start=first)
    ]
    connection.execute(insert(tables.objects), rows)
    dead = tables.tombstones
    connection.execute(delete(dead).where(*_this(dead)), [_names(step.key) for step in steps])


def _update(connection: Connection, steps: list[Written], revision: int, now: datetime) -> None:
    if steps:
        objects = tables.objects
        rows = [_values(step, revision, now) | _names(step.key) for step in steps]
        connection.execute(update(objects).where(*_this(objects)), rows)


def _remove(connection: Connection, steps: list[Removed], revision: int, now: datetime) -> None:
    if not steps:
        return
    for table in (tables.objects, tables.secrets):
        connection.execute(delete(table).where(*_this(table)), [_names(each.key) for each in steps])
    grave = {"revision": revision, "deleted_at": now}
    connection.execute(insert(tables.tombstones), [_columns(each.key) | grave for each in steps])


def _values(step: Written, revision: int, now: datetime) -> dict[str, Any]:
    return {
        "body": step.put.body,
        "updated_at": now,
        "rules_changed_at": step.rules_changed_at,
        "revision": revision,
        "source": step.put.source.value,
    }


def _columns(key: ObjectKey) -> dict[str, Any]:
    return {"kind": key[0].value, "id": key[1]}


def _names(key: ObjectKey) -> dict[str, Any]:
    return {"this_kind": key[0].value, "this_id": key[1]}


def _this(table: Table) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return table.c.kind == bindparam("this_kind"), table.c.id == bindparam("this_id")


def _seal(
    connection: Connection, master: MasterKey, key: ObjectKey, secrets: Mapping[str, str]
) -> None:
    table = tables.secrets
    connection.execute(delete(table).where(*_this(table)), _names(key))
    for name, value in secrets.items():
        sealed = master.seal(_place(*key, name), value.encode())
        connection.execute(insert(table), _columns(key) | {"name": name, "sealed": sealed})


def read_secrets(
    connection: Connection, master: MasterKey, kind: Kind, id: str
) -> Mapping[str, str]:
    """The secrets of an object by name, unsealed."""
    table = tables.secrets
    query = select(table.c.name, table.c.sealed).where(*_this(table))
    rows = connection.execute(query, _names((kind, id)))
    return {
        row.name: master.unseal(_place(kind, id, row.name), row.sealed).decode() for row in rows
    }


def _place(kind: Kind, id: str, name: str) -> str:
    return f"secrets/{kind}/{id}/{name}"
