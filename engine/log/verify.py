"""Whether a log is what was written, found out without changing it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..limits import OPEN_CHECK_BYTES
from . import rows
from .checks import GENESIS, row_hash
from .rows import Anchor, EntryRow
from .salvage import LOG_ANCHOR
from .schema import LogMeta, is_complete, log_files, read_meta

_HASHED = (
    ("anchors", "SELECT site, seq, head, hash FROM anchors"),
    ("cursors", "SELECT name, value, hash FROM cursors"),
    ("standing", "SELECT site, alarm, data, hash FROM standing"),
)


@dataclass(frozen=True, slots=True)
class Extent:
    """Where a log begins and ends.

    position, hash   the last entry; the last trimmed one, or 0 and zeros, where there is none
    first            position of the first entry; 0 where there is none
    number           highest outbox number given out
    """

    position: int
    hash: bytes
    first: int
    number: int

    @classmethod
    def of(cls, connection: sqlite3.Connection, meta: LogMeta) -> Extent:
        """Reads it from the tables."""
        last = connection.execute(
            "SELECT position, hash FROM entries ORDER BY position DESC LIMIT 1"
        ).fetchone()
        first = connection.execute("SELECT MIN(position) FROM entries").fetchone()[0]
        number = connection.execute("SELECT MAX(number) FROM outbox").fetchone()[0]
        position, digest = last or trimmed(connection)[1:]
        return cls(position, digest, first or 0, max(number or 0, meta.number_floor))


def trimmed(connection: sqlite3.Connection) -> Anchor:
    """The last entry that trimming removed; position 0 where it removed none."""
    row = connection.execute(
        "SELECT site, seq, head FROM anchors WHERE site = ?", (LOG_ANCHOR,)
    ).fetchone()
    return Anchor(*row) if row else Anchor(LOG_ANCHOR, 0, GENESIS)


def damage(path: Path, *, whole: bool = False) -> str | None:
    """What is wrong with the log at `path`, or None. Changes nothing, raises nothing for damage.

    A file up to OPEN_CHECK_BYTES is verified whole, a larger one behind that many bytes before
    its end, unless `whole` is set. Not for a log that this process has open: reading the file
    beside SQLite gives up SQLite's locks.
    """
    if not path.exists():
        return "its file is missing"
    if not is_complete(path):
        return "the first page of its file is damaged"
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            return _damage_in(connection, whole or _size(path) <= OPEN_CHECK_BYTES)
        finally:
            connection.close()
    except (sqlite3.Error, OverflowError, TypeError) as error:
        return f"its file cannot be read: {error}"


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in log_files(path)[:2] if file.exists())


def _damage_in(connection: sqlite3.Connection, whole: bool) -> str | None:
    meta = read_meta(connection)
    if whole:
        answer = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if answer != "ok":
            return f"SQLite finds: {answer}"
    for table, query in _HASHED:
        for *fields, digest in connection.execute(query):
            if row_hash(table, *fields) != digest:
                return f"a row of {table} is not what was written"
    bad = next(_bad_records(connection, whole), None)
    return bad or _broken_chain(connection, meta, whole)


def _bad_records(connection: sqlite3.Connection, whole: bool) -> Iterator[str]:
    query = "SELECT number, site, seq, position, data, hash FROM outbox ORDER BY number DESC"
    for row in connection.execute(query if whole else f"{query} LIMIT 100000"):
        if rows.outbox(*row) is None:
            yield f"outbox record {row[0]} is not what was written"


def _broken_chain(connection: sqlite3.Connection, meta: LogMeta, whole: bool) -> str | None:
    start = 0 if whole else _tail_start(connection)
    before: EntryRow | Anchor | None = trimmed(connection) if start == 0 else None
    query = "SELECT position, appended, previous, hash, data FROM entries WHERE position >= ?"
    for row in connection.execute(f"{query} ORDER BY position", (start,)):
        entry = rows.entry(*row)
        if entry is None:
            return f"entry {row[0]} is not what was written"
        if before is not None and not follows(entry, before, meta):
            return f"entry {entry.position} does not follow the one before it"
        before = entry
    return None


def follows(entry: EntryRow, before: EntryRow | Anchor, meta: LogMeta) -> bool:
    """Whether the chain goes on here, or a hole that was told already lies between."""
    position, head = (
        (before.seq, before.head) if isinstance(before, Anchor) else (before.position, before.hash)
    )
    return entry.previous == head or (position + 1, entry.position - 1) in meta.holes


def _tail_start(connection: sqlite3.Connection) -> int:
    left, start = OPEN_CHECK_BYTES, 0
    query = "SELECT position, length(data) FROM entries ORDER BY position DESC"
    for position, size in connection.execute(query):
        start, left = position, left - size
        if left <= 0:
            break
    return start
