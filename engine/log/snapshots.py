"""`snapshots.db`: snapshots in chunks, and the second copy of alert heads and cursors.

It is a file of its own so that a snapshot of 100 MB never stands between an append and its commit,
and so that damage to one file leaves the other. A snapshot becomes one by the last of its
transactions; what was cut off before that is cleared away at the next save.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from ..limits import SNAPSHOT_CHUNK_BYTES, SNAPSHOTS_KEPT
from . import failpoints
from .checks import row_hash
from .schema import connect

SNAPSHOT_FILE: Final = "snapshots.db"
_CHUNK_SHIFT: Final = 20  # chunk ids are snapshot id << 20 | running number

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS snapshots (id INTEGER PRIMARY KEY, log_id TEXT NOT NULL,
    position INTEGER NOT NULL, entry_hash BLOB NOT NULL, chunks INTEGER NOT NULL,
    checksum BLOB NOT NULL, hash BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS chunks (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS heads (site TEXT PRIMARY KEY, seq INTEGER NOT NULL, head TEXT NOT NULL,
    hash BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS cursors (name TEXT PRIMARY KEY, value INTEGER NOT NULL,
    hash BLOB NOT NULL);
"""


class SnapshotInfo(NamedTuple):
    """What a snapshot says about itself."""

    id: int
    log_id: str
    position: int
    entry_hash: bytes
    chunks: int
    checksum: bytes


class SnapshotFile:
    """The database, used by one thread at a time. Methods raise sqlite3.Error where it fails."""

    def __init__(self, path: Path) -> None:
        self._connection = connect(path)
        try:
            self._connection.executescript(_TABLES)
            self.complete()
            self.heads()
            self.cursors()
        except sqlite3.Error:
            self._connection.close()
            raise

    def complete(self) -> list[SnapshotInfo]:
        """All complete snapshots, the newest first; rows that fail their hash are left out."""
        found = self._connection.execute("SELECT * FROM snapshots ORDER BY id DESC").fetchall()
        return [
            SnapshotInfo(*row[:-1])
            for row in found
            if _plain(row[:-1]) and row_hash("snapshots", *row[:-1]) == row[-1]
        ]

    def save(
        self,
        log_id: str,
        position: int,
        entry_hash: bytes,
        data: bytes,
        between: Callable[[], None],
    ) -> SnapshotInfo:
        """Writes a snapshot chunk by chunk and keeps the last few; `between` runs after each."""
        last = self._connection.execute(
            "SELECT MAX(COALESCE((SELECT MAX(id) FROM snapshots), 0),"
            " COALESCE((SELECT MAX(id) FROM chunks), 0) >> ?)",
            (_CHUNK_SHIFT,),
        ).fetchone()[0]
        number = last + 1
        self._clear()
        view = memoryview(data)
        starts = range(0, len(data), SNAPSHOT_CHUNK_BYTES)
        for n, start in enumerate(starts):
            self._chunk(number, n, view[start : start + SNAPSHOT_CHUNK_BYTES])
            between()
        checksum = hashlib.blake2b(data, digest_size=16).digest()
        info = SnapshotInfo(number, log_id, position, entry_hash, len(starts), checksum)
        self._name(info)
        self._clear()
        # Out of the write-ahead log, where one bad byte hides everything that follows it.
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return info

    def _chunk(self, number: int, n: int, data: memoryview) -> None:
        if failpoints.ARMED:
            failpoints.hit("snapshot.before_chunk")
        self._connection.execute(
            "INSERT INTO chunks VALUES (?, ?)", (number << _CHUNK_SHIFT | n, data)
        )
        if failpoints.ARMED:
            failpoints.hit("snapshot.after_chunk")

    def _name(self, info: SnapshotInfo) -> None:
        if failpoints.ARMED:
            failpoints.hit("snapshot.before_commit")
        self._connection.execute(
            "INSERT INTO snapshots VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*info, row_hash("snapshots", *info)),
        )
        if failpoints.ARMED:
            failpoints.hit("snapshot.after_commit")

    def _clear(self) -> None:
        """Removes snapshots beyond the last few, and chunks that belong to none."""
        kept = [info.id for info in self.complete()[:SNAPSHOTS_KEPT]]
        marks = ",".join("?" * len(kept))
        self._connection.execute(f"DELETE FROM snapshots WHERE id NOT IN ({marks})", kept)  # noqa: S608
        owners = self._connection.execute(
            "SELECT DISTINCT id >> ? FROM chunks", (_CHUNK_SHIFT,)
        ).fetchall()
        for (owner,) in owners:
            if owner not in kept:
                self._connection.execute(
                    "DELETE FROM chunks WHERE id BETWEEN ? AND ?",
                    (owner << _CHUNK_SHIFT, (owner + 1 << _CHUNK_SHIFT) - 1),
                )

    def load(self, info: SnapshotInfo) -> bytes | None:
        """The snapshot's bytes, or None where they are not what was written."""
        first = info.id << _CHUNK_SHIFT
        try:
            found = self._connection.execute(
                "SELECT data FROM chunks WHERE id BETWEEN ? AND ? ORDER BY id",
                (first, first + info.chunks - 1),
            ).fetchall()
        except sqlite3.DatabaseError:
            return None
        if any(not isinstance(part, bytes) for (part,) in found):
            return None
        data = b"".join(part for (part,) in found)
        same = hashlib.blake2b(data, digest_size=16).digest() == info.checksum
        return data if same else None

    def note(self, heads: Mapping[str, tuple[int, str]], cursors: Mapping[str, int]) -> None:
        """Stores the second copy of alert heads (seq, chain hash) and cursors, never going back."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany(
                "INSERT INTO heads VALUES (?, ?, ?, ?) ON CONFLICT (site) DO UPDATE SET"
                " seq = excluded.seq, head = excluded.head, hash = excluded.hash"
                " WHERE excluded.seq >= seq",
                [(s, n, h, row_hash("heads", s, n, h)) for s, (n, h) in heads.items()],
            )
            self._connection.executemany(
                "INSERT OR REPLACE INTO cursors VALUES (?, ?, ?)",
                [(name, v, row_hash("cursors", name, v)) for name, v in cursors.items()],
            )
            if failpoints.ARMED:
                failpoints.hit("side.before_commit")
            self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        if failpoints.ARMED:
            failpoints.hit("side.after_commit")

    def heads(self) -> dict[str, tuple[int, str]]:
        """Per site the highest (seq, chain hash) that the second copy knows."""
        found = self._connection.execute("SELECT site, seq, head, hash FROM heads").fetchall()
        return {
            row[0]: (row[1], row[2])
            for row in found
            if _plain(row[:-1]) and row_hash("heads", *row[:-1]) == row[-1]
        }

    def cursors(self) -> dict[str, int]:
        """The second copy of the cursors."""
        found = self._connection.execute("SELECT name, value, hash FROM cursors").fetchall()
        return {
            row[0]: row[1]
            for row in found
            if _plain(row[:-1]) and row_hash("cursors", *row[:-1]) == row[-1]
        }

    def size(self) -> int:
        """Bytes of the database."""
        pages = self._connection.execute("PRAGMA page_count").fetchone()[0]
        return int(pages * self._connection.execute("PRAGMA page_size").fetchone()[0])

    def close(self) -> None:
        """Closes the database."""
        self._connection.close()


def _plain(row: tuple[object, ...]) -> bool:
    return all(isinstance(x, bytes | str | int) for x in row)
