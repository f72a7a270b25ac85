"""Puts a backup in the place of a store: proven first, in one transaction, nothing revoked revived.

The backup is loaded into a scratch database, brought to the present tables and opened there as a
store is when a process starts. Only when all of that works is the store itself touched, and then
by copying: so a backup of SQLite goes into PostgreSQL and the other way round, and whatever goes
wrong or is killed on the way leaves the store as it was.
"""

import tempfile
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import batched, groupby
from operator import itemgetter
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Table, delete, insert, select

from lychgate.store import tables
from lychgate.store.backup.archive import BadBackup, Header, Reader, key_id
from lychgate.store.backup.dump import Progress, reflected
from lychgate.store.backup.ending import Ended, Kept, end_what_was_handed_out
from lychgate.store.backup.takeover import take_over
from lychgate.store.base import BadMasterKey, Clock, Conflict, Kind, StoreError
from lychgate.store.database import Database
from lychgate.store.migrations import migrate, upgrade, version_of
from lychgate.store.sealing import VARIABLE, KeyPlace, MasterKey
from lychgate.store.writing import read_secrets

_BATCH = 1000


class StoreNotEmpty(StoreError):
    """The store that a backup is to go into holds an installation."""

    code = "store_not_empty"


class Proof(Protocol):
    """Opens a store as a process does when it starts; raises what keeps it from starting."""

    def __call__(self, url: str, environment: Mapping[str, str], /) -> None: ...


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and what it ended."""

    header: Header
    ended: Ended
    carried: int
    """Rows of the audit log that was there which are not in the backup: they are kept."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a backup goes."""

    database: Database
    place: KeyPlace
    replace: bool
    """Whether an installation that is there may go."""


def restore(
    file: Path,
    target: Target,
    kept: Collection[Kept],
    prove: Proof,
    clock: Clock,
    progress: Progress,
) -> Restored:
    """Replace what is in the target; it must be empty, or `replace` set."""
    try:
        stream = file.open("rb")
    except OSError as error:
        raise BadBackup(f"`{file}` cannot be read: {error.strerror}") from None
    with stream, tempfile.TemporaryDirectory(prefix="lychgate-restore-") as folder:
        reader = Reader(stream, str(file))
        with target.database.read() as connection:
            _refuse_filled(target, connection)
        master = _master_key(reader.header, target.place)
        scratch = Database(f"sqlite:///{folder}/scratch.db")
        with closing(scratch):
            _load(reader, master, scratch, progress)
            _open_secrets(scratch, master)
            prove(str(scratch.url), {VARIABLE: master.secret.hex()})
            now = clock()
            with scratch.write() as connection:
                ended = end_what_was_handed_out(connection, master, kept, now)
            if target.place.existing() is None:
                target.place.keep(master)
            migrate(target.database)
            # Proving takes a while: a process may have started on the empty store meanwhile.
            admit = partial(_refuse_filled, target)
            carried = take_over(target.database, scratch, reader.header, kept, now, admit)
    return Restored(reader.header, ended, carried)


def _refuse_filled(target: Target, connection: Connection) -> None:
    if target.replace or version_of(connection) is None:
        return
    for name, table in reflected(connection).items():
        if name != tables.counters.name and connection.execute(select(table).limit(1)).first():
            raise StoreNotEmpty(
                "the store holds an installation already",
                "`--replace` puts the backup in its place; make a backup of it first",
            )


def _master_key(header: Header, place: KeyPlace) -> MasterKey:
    """The key the backup was made under: the installation's, else the one in the file."""
    found = place.existing() or header.master_key
    if found is None or (place.existing() is None and place.file is None):
        raise place.missing()
    if key_id(found) != header.key_id:
        raise BadMasterKey(
            "this backup was made under another master key than the one that is set",
            f"set {VARIABLE} or `master_key_file` to the key that was kept with it",
        )
    return found


def _load(reader: Reader, master: MasterKey, scratch: Database, progress: Progress) -> None:
    """Read the whole file into an empty database, and bring that to the present tables."""
    header, done = reader.header, 0
    try:
        with scratch.write() as connection:
            upgrade(connection, None, header.schema)
            found = reflected(connection)
            _must_fit(header, found)
            for table in found.values():
                connection.execute(delete(table))
            for name, rows in groupby(reader.rows(master), key=itemgetter(0)):
                columns = header.tables[name].columns
                for some in batched(rows, _BATCH, strict=False):
                    values = [dict(zip(columns, row, strict=True)) for _, row in some]
                    connection.execute(insert(found[name]), values)
                    done += len(some)
                    progress(header.rows, done)
    except Conflict:
        raise reader.damaged() from None
    migrate(scratch)


def _open_secrets(scratch: Database, master: MasterKey) -> None:
    """Raise when a secret does not open under the master key."""
    kept = tables.secrets
    with scratch.read() as connection:
        for kind, id in connection.execute(select(kept.c.kind, kept.c.id).distinct()).all():
            read_secrets(connection, master, Kind(kind), id)


def _must_fit(header: Header, found: Mapping[str, Table]) -> None:
    there = {name: {column.name for column in table.columns} for name, table in found.items()}
    given = {name: set(one.columns) for name, one in header.tables.items()}
    if there != given:
        raise BadBackup("the backup's tables are not those of the version it names")
