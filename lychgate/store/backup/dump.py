"""Writes a backup: everything in the store as it is at one moment, while others go on writing."""

import os
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, MetaData, Table, func, select

from lychgate import __version__
from lychgate.placing import place
from lychgate.store import tables
from lychgate.store.backup.archive import Contents, Header, Writer, key_id
from lychgate.store.base import StoreError
from lychgate.store.database import Database
from lychgate.store.migrations import must_know, version_of
from lychgate.store.objects import counter
from lychgate.store.sealing import SEAL_CHECK, KeyPlace, MasterKey

_BATCH = 1000
_NOTHING = "the store was never used"
VERSIONS = "alembic_version"
"""The table that says at which revision the others are; the header carries that."""

type Progress = Callable[[int, int], None]
"""Told of how many rows how many are done."""


class CannotWriteBackup(StoreError):
    """The file of a backup cannot be made where it was asked for."""

    code = "cannot_write_backup"


class NothingToBackUp(StoreError):
    """The database holds no installation."""

    code = "nothing_to_back_up"


def back_up(
    database: Database,
    keys: KeyPlace,
    file: Path,
    now: datetime,
    progress: Progress,
    *,
    with_master_key: bool = False,
) -> Header:
    """Write everything to a new file of mode 0600, which appears when it is complete."""
    with database.read() as connection:
        schema = _schema(connection)
        master = _master(connection, keys)
        found = reflected(connection)
        header = Header(
            made_at=now,
            version=__version__,
            schema=schema,
            revision=counter(connection, "revision"),
            key_id=key_id(master),
            tables={name: _contents(connection, table) for name, table in found.items()},
            master_key=master if with_master_key else None,
        )
        report = partial(progress, header.rows)

        def write(stream: IO[bytes]) -> None:
            _copy(connection, found, Writer(stream, master, header), report)

        _write_whole(file, write)
    return header


def reflected(connection: Connection) -> Mapping[str, Table]:
    """Our tables as they are in the database, with plain types: values pass unchanged."""
    metadata = MetaData()
    metadata.reflect(connection)
    return {table.name: table for table in metadata.sorted_tables if table.name != VERSIONS}


def _schema(connection: Connection) -> str:
    schema = version_of(connection)
    if schema is None:
        raise NothingToBackUp(_NOTHING)
    must_know(connection, schema)
    return schema


def _master(connection: Connection, keys: KeyPlace) -> MasterKey:
    """The master key, proven to be the one the store is sealed with."""
    sealed = connection.scalar(select(tables.seal_check.c.sealed))
    if sealed is None:
        raise NothingToBackUp(_NOTHING)
    master = keys.existing()
    if master is None:
        raise keys.missing()
    master.unseal(SEAL_CHECK, sealed)
    return master


def _contents(connection: Connection, table: Table) -> Contents:
    rows = connection.execute(select(func.count()).select_from(table)).scalar_one()
    return Contents(tuple(column.name for column in table.columns), int(rows))


def _copy(
    connection: Connection,
    found: Mapping[str, Table],
    writer: Writer,
    report: Callable[[int], None],
) -> None:
    done = 0
    for name, table in found.items():
        writer.table(name)
        query = select(table).execution_options(yield_per=_BATCH)
        with connection.execute(query) as rows:
            for row in rows:
                writer.row(tuple(row))
                done += 1
                if done % _BATCH == 0:
                    report(done)
    writer.close()


def _write_whole(file: Path, write: Callable[[IO[bytes]], None]) -> None:
    """Write beside, sync, then name it: there is a whole file of that name, or none."""
    if file.exists():
        raise _there(file)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(6)}.part")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                write(stream)
                stream.flush()
                os.fsync(stream.fileno())
            place(draft, file)
        finally:
            draft.unlink(missing_ok=True)
    except FileExistsError:
        raise _there(file) from None
    except OSError as error:
        raise CannotWriteBackup(f"`{file}` cannot be written: {error.strerror}") from None


def _there(file: Path) -> CannotWriteBackup:
    return CannotWriteBackup(f"`{file}` is there already", "choose another name")
