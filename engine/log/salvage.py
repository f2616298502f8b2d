"""What can be kept of a damaged log, and the new file it goes into.

The rule for entries: behind the newest snapshot that agrees with the log, everything up to the
first missing or damaged entry, and nothing after it, because state cannot be carried over a gap;
before that snapshot everything readable, because there a gap is only a gap in history. Without a
snapshot the rule holds from the log's first entry on.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from . import rows
from .checks import GENESIS, row_hash
from .pages import PageFile, Place, Row
from .rows import Anchor
from .schema import LogMeta, create, meta_of, seal

LOG_ANCHOR: Final = ""  # the anchor of the log itself, among those of the sites


class Link(NamedTuple):
    """An intact entry: where it is, and how it joins the chain."""

    position: int
    previous: bytes
    hash: bytes
    place: Place


@dataclass(slots=True)
class Found:
    """Everything intact in a damaged log, each row once."""

    meta: LogMeta | None = None
    entries: dict[int, Link] = field(default_factory=dict)
    records: dict[tuple[str, int], tuple[int, Place]] = field(default_factory=dict)
    anchors: dict[str, Anchor] = field(default_factory=dict)
    cursors: dict[str, int] = field(default_factory=dict)

    def take(self, place: Place, row_id: int, row: Row) -> None:
        """Keeps the row if its own hash says that it is one of the log's."""
        match row:
            case (None, data, digest):
                self._meta(data, digest)
            case (None, name, value, digest):
                self._cursor(name, value, digest)
            case (None, a, b, c, d):
                self._entry_or_anchor(place, row_id, (a, b, c, d))
            case (None, site, seq, position, data, digest):
                record = rows.outbox(row_id, site, seq, position, data, digest)
                if record is not None:
                    self.records.setdefault((record.site, record.seq), (record.number, place))

    def _meta(self, data: object, digest: object) -> None:
        meta = meta_of(data, digest)
        spent = 0 if self.meta is None else self.meta.entry_floor + self.meta.number_floor
        if meta is not None and (
            self.meta is None or meta.entry_floor + meta.number_floor >= spent
        ):
            self.meta = meta

    def _cursor(self, name: rows.Stored, value: rows.Stored, digest: rows.Stored) -> None:
        cursor = rows.cursor(name, value, digest)
        if cursor is not None and cursor.value >= self.cursors.get(cursor.name, 0):
            self.cursors[cursor.name] = cursor.value

    def _entry_or_anchor(self, place: Place, row_id: int, row: Row) -> None:
        appended, previous, digest, data = row
        entry = rows.entry(row_id, appended, previous, digest, data)
        if entry is not None:
            link = Link(row_id, entry.previous, entry.hash, place)
            self.entries.setdefault(row_id, link)
            return
        anchor = rows.anchor(appended, previous, digest, data)
        known = self.anchors.get(anchor.site) if anchor is not None else None
        if anchor is not None and (known is None or anchor.seq > known.seq):
            self.anchors[anchor.site] = anchor


@dataclass(frozen=True, slots=True)
class Kept:
    """The entries that stay, in order, and the ranges that are missing among them."""

    links: tuple[Link, ...]
    holes: tuple[tuple[int, int], ...]

    @property
    def end(self) -> int:
        """The last position that stays; 0 for none."""
        return self.links[-1].position if self.links else 0


def gather(file: PageFile, *, only_wal: bool = False) -> Found:
    """Reads every page once."""
    found = Found()
    for place, row_id, row in file.rows(only_wal=only_wal):
        found.take(place, row_id, row)
    return found


def restore_tail(
    connection: sqlite3.Connection, file: PageFile, position: int, digest: bytes
) -> int:
    """Puts back what the write-ahead log still holds behind the log's end; the new end.

    SQLite ignores everything behind the first bad frame, though most of it is intact.
    """
    found = gather(file, only_wal=True)
    for site, seq, head in connection.execute("SELECT site, seq, head FROM anchors"):
        found.anchors[site] = Anchor(site, seq, head)
    connection.execute("BEGIN IMMEDIATE")
    for at in sorted(found.entries):
        link = found.entries[at]
        row = file.row(link.place)
        if at > position and link.previous == digest and row is not None:
            connection.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", (at, *row[1:]))
            position, digest = at, link.hash
    connection.executemany(
        "INSERT OR IGNORE INTO outbox VALUES (?, ?, ?, ?, ?, ?)", _records(file, found)
    )
    connection.execute("COMMIT")
    return position


def choose(found: Found, snapshots: Iterable[tuple[int, bytes]]) -> Kept:
    """Applies the rule; `snapshots` are (position, entry hash), the newest first."""
    trimmed = found.anchors.get(LOG_ANCHOR, Anchor(LOG_ANCHOR, 0, GENESIS))
    links = [found.entries[p] for p in sorted(found.entries) if p > trimmed.seq]
    base = _base(links, snapshots, trimmed.head)
    if base is None:
        return Kept((), ())
    kept = links[: base + 1]
    for link in links[base + 1 :]:
        if link.previous == kept[-1].hash:
            kept.append(link)
        elif link.position > kept[-1].position:
            break
    return Kept(tuple(kept), tuple(_holes(kept, trimmed)))


def _base(links: list[Link], snapshots: Iterable[tuple[int, bytes]], start: bytes) -> int | None:
    positions = [link.position for link in links]
    for position, digest in snapshots:
        at = bisect_left(positions, position)
        if at < len(links) and links[at].position == position and links[at].hash == digest:
            return at
    return 0 if links and links[0].previous == start else None


def _holes(kept: list[Link], trimmed: Anchor) -> Iterator[tuple[int, int]]:
    position, digest = trimmed.seq, trimmed.head
    for link in kept:
        if link.previous != digest:
            yield position + 1, link.position - 1
        position, digest = link.position, link.hash


def rewrite(path: Path, file: PageFile, found: Found, kept: Kept, meta: LogMeta) -> None:
    """A new log at `path` with all that stays. Raises sqlite3.Error or OSError if it cannot."""
    connection = create(path, meta)
    connection.execute("PRAGMA synchronous = OFF")  # `seal` flushes the whole
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", _entries(file, kept))
    connection.executemany(
        "INSERT OR IGNORE INTO outbox VALUES (?, ?, ?, ?, ?, ?)", _records(file, found)
    )
    connection.executemany(
        "INSERT INTO anchors (site, seq, head, hash) VALUES (?, ?, ?, ?)",
        [(*a, row_hash("anchors", *a)) for a in found.anchors.values()],
    )
    connection.executemany(
        "INSERT INTO cursors (name, value, hash) VALUES (?, ?, ?)",
        [(*c, row_hash("cursors", *c)) for c in sorted(found.cursors.items())],
    )
    connection.execute("COMMIT")
    seal(connection, path)


def _entries(file: PageFile, kept: Kept) -> Iterator[tuple[rows.Stored, ...]]:
    for link in kept.links:
        row = file.row(link.place)
        if row is not None:
            yield link.position, *row[1:]


def _records(file: PageFile, found: Found) -> Iterator[tuple[rows.Stored, ...]]:
    for (site, seq), (number, place) in sorted(found.records.items(), key=lambda item: item[1][0]):
        anchor = found.anchors.get(site)
        row = file.row(place)
        if row is not None and (anchor is None or seq > anchor.seq):
            yield number, *row[1:]
