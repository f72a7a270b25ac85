"""The file of a backup: what is in it, how it is written, how it is told from anything else.

Gzip over lines of JSON: a header; for each table its name, then a line for each row; a last line
with the number of rows and a code over everything before it, made with the master key. A file that
was cut off, changed, or made under another key therefore does not open. Secrets in it are as in
the database: sealed under the master key.
"""

import base64
import binascii
import gzip
import hmac
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any

from lychgate.store.base import StoreError
from lychgate.store.sealing import MasterKey

FORMAT = 1
_NAME = "lychgate_backup"
_MOST_LINE = 64 * 1024 * 1024
_PURPOSE = "backup"
_PAST_INTEGERS = 2**63
"""The first number that no column holds."""

type Row = Sequence[Any]
"""The values of one row as the database driver gives them: text, numbers, bytes, None."""


class BadBackup(StoreError):
    """The file is no backup, not a whole one, or one that this installation cannot read."""

    code = "bad_backup"


@dataclass(frozen=True, slots=True)
class Contents:
    """What of one table is in the file."""

    columns: tuple[str, ...]
    rows: int


@dataclass(frozen=True, slots=True)
class Header:
    """What a backup says of itself."""

    made_at: datetime
    version: str
    """Of the program that made it."""
    schema: str
    """The revision of the tables."""
    revision: int
    """The store's revision."""
    key_id: str
    """Names the master key without telling it."""
    tables: Mapping[str, Contents]
    master_key: MasterKey | None = field(default=None, repr=False)
    """The master key itself, if that was asked for."""

    @property
    def rows(self) -> int:
        """How many rows there are in all."""
        return sum(one.rows for one in self.tables.values())


def key_id(master: MasterKey) -> str:
    """The name of a master key."""
    return master.code("backup key id").hexdigest()[:16]


class Writer:
    """Writes a backup to a stream."""

    def __init__(self, stream: IO[bytes], master: MasterKey, header: Header) -> None:
        self._code = master.code(_PURPOSE)
        self._rows = 0
        self._zip = gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=6, mtime=0)
        self._line(_header_members(header))

    def table(self, name: str) -> None:
        """The rows from here on are of this table."""
        self._line(name)

    def row(self, values: Row) -> None:
        """Add a row."""
        self._rows += 1
        self._line([_packed(value) for value in values])

    def close(self) -> None:
        """Write the end; without it the file is none."""
        code = self._code.hexdigest()
        self._line({"rows": self._rows, "code": code})
        self._zip.close()

    def _line(self, value: object) -> None:
        line = json.dumps(value, separators=(",", ":")).encode() + b"\n"
        self._code.update(line)
        self._zip.write(line)


class Reader:
    """Reads a backup; `BadBackup` as soon as something is wrong with it."""

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._name = name
        self._zip = gzip.GzipFile(fileobj=stream, mode="rb")
        self._begun = False
        self._first = self._read()
        self.header = self._header(self._first)
        self._begun = True

    def rows(self, master: MasterKey) -> Iterator[tuple[str, Row]]:
        """Each row with its table. Nothing may be believed before this has come to its end."""
        code = master.code(_PURPOSE)
        code.update(self._first)
        table, found = "", dict.fromkeys(self.header.tables, 0)
        while not isinstance(value := self._parsed(line := self._read()), dict):
            code.update(line)
            if isinstance(value, str) and value in found:
                table = value
            elif isinstance(value, list) and table:
                found[table] += 1
                yield table, self._row(table, value)
            else:
                raise self.damaged()
        self._check_end(value, code, found)

    def _check_end(self, end: dict[str, Any], code: hmac.HMAC, found: dict[str, int]) -> None:
        wanted = {name: one.rows for name, one in self.header.tables.items()}
        given = end.get("code")
        same = isinstance(given, str) and given.isascii()
        if not (same and hmac.compare_digest(str(given), code.hexdigest()) and found == wanted):
            raise self.damaged()
        if self._read(at_the_end=True):
            raise self.damaged()

    def _row(self, table: str, values: list[Any]) -> Row:
        if len(values) != len(self.header.tables[table].columns):
            raise self.damaged()
        try:
            return [_unpacked(value) for value in values]
        except (binascii.Error, KeyError, TypeError, ValueError):
            raise self.damaged() from None

    def _read(self, *, at_the_end: bool = False) -> bytes:
        try:
            line = self._zip.readline(_MOST_LINE)
        except (gzip.BadGzipFile, zlib.error):
            raise (self.damaged() if self._begun else self._foreign()) from None
        except EOFError:
            raise self._cut_off() from None
        if not line.endswith(b"\n") and not at_the_end:
            raise self._cut_off() if self._begun else self._foreign()
        return line

    def _parsed(self, line: bytes) -> Any:
        try:
            return json.loads(line)
        except (ValueError, RecursionError):
            raise (self.damaged() if self._begun else self._foreign()) from None

    def _header(self, line: bytes) -> Header:
        members = self._parsed(line)
        if not isinstance(members, dict) or _NAME not in members:
            raise self._foreign()
        if members[_NAME] != FORMAT:
            raise BadBackup(
                f"`{self._name}` has a form that this version does not know",
                "restore it with the version that made it, or a newer one",
            )
        try:
            return _header_of(members)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            raise self.damaged() from None

    def _foreign(self) -> BadBackup:
        return BadBackup(f"`{self._name}` is not a backup of this program")

    def _cut_off(self) -> BadBackup:
        return BadBackup(f"`{self._name}` is not a whole backup: its end is missing")

    def damaged(self) -> BadBackup:
        """The error for a file that does not hold what it says."""
        return BadBackup(f"`{self._name}` is damaged, or was changed after it was made")


def _header_members(header: Header) -> dict[str, Any]:
    key = header.master_key
    return {
        _NAME: FORMAT,
        "made_at": header.made_at.isoformat(),
        "version": header.version,
        "schema": header.schema,
        "revision": header.revision,
        "key_id": header.key_id,
        "master_key": None if key is None else base64.b64encode(key.secret).decode(),
        "tables": {
            name: {"columns": one.columns, "rows": one.rows} for name, one in header.tables.items()
        },
    }


def _header_of(members: dict[str, Any]) -> Header:
    key = members["master_key"]
    return Header(
        made_at=datetime.fromisoformat(members["made_at"]),
        version=str(members["version"]),
        schema=str(members["schema"]),
        revision=int(members["revision"]),
        key_id=str(members["key_id"]),
        master_key=None if key is None else MasterKey(base64.b64decode(key, validate=True)),
        tables={
            str(name): Contents(tuple(map(str, one["columns"])), int(one["rows"]))
            for name, one in members["tables"].items()
        },
    )


def _packed(value: Any) -> Any:
    return {"b": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _unpacked(value: Any) -> Any:
    if isinstance(value, dict):
        return base64.b64decode(value["b"], validate=True)
    if isinstance(value, list):
        raise TypeError
    if isinstance(value, int) and not -_PAST_INTEGERS <= value < _PAST_INTEGERS:
        raise ValueError
    if isinstance(value, str):
        value.encode()  # half of a surrogate pair is no text
    return value
