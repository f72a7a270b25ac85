"""Writes the steps of a change: objects, tombstones and sealed secrets, many rows at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, bindparam, delete, insert, select, update

from lychgate.store import tables
from lychgate.store.base import Kind, Object, ObjectKey, Put
from lychgate.store.deciding import owned_by_another
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


@dataclass(frozen=True, slots=True)
class Stamp:
    """What is the same for every step of a change."""

    revision: int
    at: datetime
    by: str


def write(connection: Connection, master: MasterKey, steps: Sequence[Step], stamp: Stamp) -> None:
    """Write every step under one revision."""
    written = [step for step in steps if isinstance(step, Written)]
    _insert(connection, [step for step in written if step.before is None], stamp)
    _update(connection, [step for step in written if step.before is not None], stamp)
    _remove(connection, [step for step in steps if isinstance(step, Removed)], stamp)
    for step in written:
        if step.put.secrets is not None:
            _seal(connection, master, step.key, step.put.secrets)


def _insert(connection: Connection, steps: list[Written], stamp: Stamp) -> None:
    if not steps:
        return
    first = next_seq(connection, len(steps))
    rows = [
        _values(step, stamp)
        | _columns(step.key)
        | {"created_at": stamp.at, "created_by": stamp.by, "seq": seq}
        for seq, step in enumerate(steps, start=first)
    ]
    connection.execute(insert(tables.objects), rows)
    dead = tables.tombstones
    connection.execute(delete(dead).where(*_this(dead)), [_names(step.key) for step in steps])


def _update(connection: Connection, steps: list[Written], stamp: Stamp) -> None:
    if steps:
        objects = tables.objects
        rows = [_values(step, stamp) | _names(step.key) for step in steps]
        connection.execute(update(objects).where(*_this(objects)), rows)


def _remove(connection: Connection, steps: list[Removed], stamp: Stamp) -> None:
    if not steps:
        return
    for table in (tables.objects, tables.secrets):
        connection.execute(delete(table).where(*_this(table)), [_names(each.key) for each in steps])
    grave = {"revision": stamp.revision, "deleted_at": stamp.at}
    connection.execute(insert(tables.tombstones), [_columns(each.key) | grave for each in steps])


def _values(step: Written, stamp: Stamp) -> dict[str, Any]:
    return {
        "body": step.put.body,
        "updated_at": stamp.at,
        "updated_by": stamp.by,
        "rules_changed_at": step.rules_changed_at,
        "revision": stamp.revision,
        "source": step.put.source.value,
        "owned": owned_by_another(step.key[0], step.put.body),
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
