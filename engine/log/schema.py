"""The log's database file: its tables, its constant header, how it is opened.

Rows that matter carry their own hash (see `checks`), so that they can be told from damage even
where SQLite itself can no longer read the file (see `pages`). All tables are rowid tables with
the layout that `salvage` knows; a change of layout is a new FORMAT.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

import msgspec

from ..errors import LogError
from ..limits import LOG_WAL_BYTES
from .checks import row_hash

FORMAT: Final = 1
LOG_FILE: Final = "log.db"
# 8 KiB holds a few dozen small entries or a third of a 1,000-sample one: measured best for both.
PAGE_BYTES: Final = 8_192
BUSY_S: Final = 10.0
_APPLICATION_ID: Final = 0x4C49464C

TABLES: Final = """
CREATE TABLE meta (id INTEGER PRIMARY KEY, data BLOB NOT NULL, hash BLOB NOT NULL);
CREATE TABLE entries (position INTEGER PRIMARY KEY, appended INTEGER NOT NULL,
    previous BLOB NOT NULL, hash BLOB NOT NULL, data BLOB NOT NULL);
CREATE TABLE outbox (number INTEGER PRIMARY KEY, site TEXT NOT NULL, seq INTEGER NOT NULL,
    position INTEGER NOT NULL, data BLOB NOT NULL, hash BLOB NOT NULL);
CREATE UNIQUE INDEX outbox_key ON outbox (site, seq);
CREATE TABLE anchors (id INTEGER PRIMARY KEY, site TEXT NOT NULL UNIQUE, seq INTEGER NOT NULL,
    head BLOB NOT NULL, hash BLOB NOT NULL);
CREATE TABLE cursors (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, value INTEGER NOT NULL,
    hash BLOB NOT NULL);
CREATE TABLE standing (id INTEGER PRIMARY KEY, site TEXT NOT NULL, alarm TEXT NOT NULL,
    data BLOB NOT NULL, hash BLOB NOT NULL, UNIQUE (site, alarm));
CREATE TABLE dead_letters (id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL,
    topic TEXT NOT NULL, reason TEXT NOT NULL, size INTEGER NOT NULL, payload BLOB NOT NULL);
CREATE TABLE dead_letter_counts (reason TEXT PRIMARY KEY, n INTEGER NOT NULL);
CREATE TABLE unknown (kind TEXT NOT NULL, key TEXT NOT NULL, n INTEGER NOT NULL,
    last INTEGER NOT NULL, PRIMARY KEY (kind, key));
CREATE TABLE losses (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind TEXT NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, detail TEXT NOT NULL);
"""

# Offsets and bytes of page 1 that never change; one that differs is damage. Without this check a
# flipped format byte makes SQLite ignore the write-ahead log, or the file read-only, in silence.
_CONSTANT: Final = (
    (0, b"SQLite format 3\x00"),
    (16, PAGE_BYTES.to_bytes(2, "big")),
    (18, b"\x02\x02\x00\x40\x20\x20"),
    (44, (4).to_bytes(4, "big")),
    (56, (1).to_bytes(4, "big")),
    (60, FORMAT.to_bytes(4, "big")),
    (64, (1).to_bytes(4, "big")),
    (68, _APPLICATION_ID.to_bytes(4, "big")),
    (72, bytes(20)),
)


class LogMeta(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the log says about itself.

    `entry_floor` and `number_floor`: positions and outbox numbers up to here are spent.
    `holes` are lost ranges that lie before a snapshot: nothing but history is missing there.
    `lost` is told in every `Recovery` until a `recovered` entry is in the log: (from, to, reason).
    """

    format: int
    log_id: str
    created: int
    entry_floor: int = 0
    number_floor: int = 0
    holes: tuple[tuple[int, int], ...] = ()
    lost: tuple[int, int, str] | None = None


def log_files(path: Path) -> tuple[Path, Path, Path]:
    """The database and the two files that SQLite keeps beside it."""
    return path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")


def connect(path: Path) -> sqlite3.Connection:
    """A connection in write-ahead mode whose commits are on the disk when they return."""
    connection = sqlite3.connect(
        path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        (page,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_WAL_BYTES // page}").fetchall()
        connection.execute(f"PRAGMA journal_size_limit = {2 * LOG_WAL_BYTES}").fetchall()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def create(path: Path, meta: LogMeta) -> sqlite3.Connection:
    """An empty log at `path`, not in write-ahead mode yet; the caller fills it and calls `seal`."""
    for file in log_files(path):
        file.unlink(missing_ok=True)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.executescript(TABLES)
    write_meta(connection, meta)
    return connection


def seal(connection: sqlite3.Connection, path: Path) -> None:
    """Turns on write-ahead mode, which marks the file as complete, and closes it durably."""
    sync(path)
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    sync(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Flushes a file or a directory to the disk."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def is_complete(path: Path) -> bool:
    """Whether the first page says: a sealed log of this format."""
    try:
        with path.open("rb") as file:
            page = file.read(100)
    except FileNotFoundError:
        return False
    return len(page) == 100 and all(page[at : at + len(x)] == x for at, x in _CONSTANT)


def refuse_other_format(path: Path) -> None:
    """Raises LogError if the log says, under its own hash, that another version wrote it.

    The header alone is not believed: one flipped bit in it would then lock a good log up.
    """
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            found = read_meta(connection).format
        finally:
            connection.close()
    except sqlite3.Error:
        return
    if found != FORMAT:
        raise LogError(
            f"{path} has log format {found}; this engine reads format {FORMAT}: run the version "
            "of Lifeline that wrote it, or export the log with it"
        )


def write_meta(connection: sqlite3.Connection, meta: LogMeta) -> None:
    """Stores the log's word about itself, within the caller's transaction."""
    data = msgspec.json.encode(meta)
    connection.execute(
        "INSERT OR REPLACE INTO meta VALUES (1, ?, ?)", (data, row_hash("meta", data))
    )


def read_meta(connection: sqlite3.Connection) -> LogMeta:
    """The log's word about itself. Raises sqlite3.DatabaseError where it is damaged."""
    row = connection.execute("SELECT data, hash FROM meta WHERE id = 1").fetchone()
    meta = None if row is None else meta_of(*row)
    if meta is None:
        raise sqlite3.DatabaseError("the log's own description is damaged")
    return meta


def meta_of(data: object, digest: object) -> LogMeta | None:
    """The meta row, or None where its hash does not fit."""
    if not isinstance(data, bytes) or row_hash("meta", data) != digest:
        return None
    return msgspec.json.decode(data, type=LogMeta)
