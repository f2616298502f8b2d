"""What of the log may go, and when: by age, and by the named byte limit.

Never beyond what the oldest kept snapshot needs (under the byte limit: the newest), never
beyond an alert record that an alert output has not delivered, and never beyond what a forwarder
has not passed on. Age also waits for the series outputs; the byte limit passes them and says so.
Where even that makes no room, entries are refused.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from ..limits import (
    LOSSES_KEPT,
    TRIM_BEGINS,
    TRIM_CHUNK_BYTES,
    TRIM_CHUNK_RECORDS,
    TRIM_CHUNK_ROWS,
    TRIM_ENDS,
)
from . import failpoints
from .checks import row_hash
from .errors import Trouble
from .rows import ALERT, FORWARD, SERIES, Anchor, chain_head
from .salvage import LOG_ANCHOR
from .schema import PAGE_BYTES, LogMeta, read_meta, write_meta

_VACUUM_PAGES: Final = 2 * TRIM_CHUNK_BYTES // PAGE_BYTES
_FREE_SHARE: Final = 8  # the file is made smaller while more than 1/8 of it is free


@dataclass(frozen=True, slots=True)
class Policy:
    """How long and how much is kept: ns, and bytes of log and snapshots; whether a core steps this
    log, so that nothing goes before a first snapshot."""

    age_ns: int
    max_bytes: int
    core: bool = True


@dataclass(frozen=True, slots=True)
class Floors:
    """What snapshots need: entries from these positions on (0: nothing may go)."""

    oldest_snapshot: int
    newest_snapshot: int
    other_bytes: int


@dataclass(slots=True)
class Chunk:
    """One step of trimming: what went (nothing: no more is due), and what changed with it."""

    entries: int = 0
    records: int = 0
    anchors: dict[str, Anchor] = field(default_factory=dict)
    first: int = 0
    meta: LogMeta | None = None


class Retention:
    """The trimming of one log, called by its writer between commits."""

    def __init__(self, policy: Policy, tell: Callable[[Trouble], None]) -> None:
        self._policy = policy
        self._tell = tell
        self._pressed = False
        # Bytes that may be written before the limit is looked at again.
        self.measure_every = min(TRIM_CHUNK_BYTES, policy.max_bytes // 64)
        self.refused = ""
        self.used = 0
        self.trimmed_entries = 0
        self.passed_entries = 0

    def chunk(
        self, connection: sqlite3.Connection, floors: Floors, cursors: Mapping[str, int], now: int
    ) -> Chunk:
        """Removes one bounded piece of what is due. Raises sqlite3.Error, having removed nothing."""
        self._measure(connection, floors)
        done = self._remove(connection, floors, cursors, now)
        if done.entries:
            self._measure(connection, floors)
        if self._free_pages(connection) * _FREE_SHARE > self._pages(connection):
            # One step of this statement frees one page; only a script is stepped to its end.
            connection.executescript(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")
        self._judge(done)
        return done

    def _measure(self, connection: sqlite3.Connection, floors: Floors) -> None:
        pages = self._pages(connection) - self._free_pages(connection)
        self.used = pages * PAGE_BYTES + floors.other_bytes
        share = self.used / self._policy.max_bytes
        self._pressed = share > (TRIM_ENDS if self._pressed else TRIM_BEGINS)

    def _judge(self, done: Chunk) -> None:
        """Refuses entries at the limit when nothing more can go; takes them again below it."""
        full = self.used >= self._policy.max_bytes
        if full and not self.refused and not done.entries:
            self.refused = (
                f"disk limit of {self._policy.max_bytes:,} bytes reached ({self.used:,} used) and "
                f"nothing more may be trimmed: bring {self._waited_for()} back, or raise "
                "storage.retention.size"
            )
            self._tell(Trouble("disk_limit", self.refused))
        elif self.refused and not full:
            self.refused = ""
            self._tell(Trouble("disk_limit_over", "there is room again; entries are taken"))

    def _waited_for(self) -> str:
        return "the alert outputs" if self._policy.core else "the link and the outputs"

    def _remove(
        self, connection: sqlite3.Connection, floors: Floors, cursors: Mapping[str, int], now: int
    ) -> Chunk:
        connection.execute("BEGIN IMMEDIATE")
        try:
            bound = self._bound(connection, floors, cursors, now)
            done = Chunk() if bound is None else self._delete(connection, bound, cursors, now)
            if failpoints.ARMED and done.entries:
                failpoints.hit("trim.before_commit")
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        if failpoints.ARMED and done.entries:
            failpoints.hit("trim.after_commit")
        self.trimmed_entries += done.entries
        return done

    def _bound(
        self, connection: sqlite3.Connection, floors: Floors, cursors: Mapping[str, int], now: int
    ) -> int | None:
        """The last position of the next chunk, or None."""
        snapshot = floors.newest_snapshot if self._pressed else floors.oldest_snapshot
        if not self._policy.core:
            (snapshot,) = connection.execute("SELECT MAX(position) FROM entries").fetchone()
        forward = [value for name, value in cursors.items() if name.startswith(FORWARD)]
        # The snapshot's own entry stays: by its hash the snapshot is checked against the log. So
        # does the last one of a log without snapshots, by which the log knows where it ends.
        hard = min([(snapshot or 0) - 1, *forward, *_undelivered(connection, cursors)])
        series = [value for name, value in cursors.items() if name.startswith(SERIES)]
        soft = hard if self._pressed else min([hard, *series])
        oldest = connection.execute(
            "SELECT position, appended, length(data) FROM entries WHERE position <= ?"
            " ORDER BY position LIMIT ?",
            (soft, TRIM_CHUNK_ROWS),
        ).fetchall()
        bound, size = None, 0
        for position, appended, length in oldest:
            if not self._pressed and appended > now - self._policy.age_ns:
                break
            bound, size = position, size + length
            if size >= TRIM_CHUNK_BYTES:
                break
        return bound

    def _delete(
        self, connection: sqlite3.Connection, bound: int, cursors: Mapping[str, int], now: int
    ) -> Chunk:
        (first,) = connection.execute("SELECT MIN(position) FROM entries").fetchone()
        (head,) = connection.execute(
            "SELECT hash FROM entries WHERE position = ?", (bound,)
        ).fetchone()
        done = Chunk(anchors={LOG_ANCHOR: Anchor(LOG_ANCHOR, bound, head)})
        self._pass(connection, first, bound, cursors, now)
        done.entries = connection.execute(
            "DELETE FROM entries WHERE position <= ?", (bound,)
        ).rowcount
        last = self._trim_outbox(connection, bound, done)
        meta = read_meta(connection)
        holes = tuple(hole for hole in meta.holes if hole[1] > bound)
        done.meta = replace(meta, holes=holes, number_floor=max(meta.number_floor, last))
        write_meta(connection, done.meta)
        for anchor in done.anchors.values():
            connection.execute(
                "INSERT INTO anchors (site, seq, head, hash) VALUES (?, ?, ?, ?) ON CONFLICT (site)"
                " DO UPDATE SET seq = excluded.seq, head = excluded.head, hash = excluded.hash",
                (*anchor, row_hash("anchors", *anchor)),
            )
        (done.first,) = connection.execute("SELECT MIN(position) FROM entries").fetchone()
        return done

    def _trim_outbox(self, connection: sqlite3.Connection, bound: int, done: Chunk) -> int:
        oldest = connection.execute(
            "SELECT number, position, site, seq, data FROM outbox ORDER BY number LIMIT ?",
            (TRIM_CHUNK_RECORDS,),
        )
        last = 0
        for number, position, site, seq, data in oldest.fetchall():
            if position > bound:
                break
            last = number
            done.anchors[site] = Anchor(site, seq, bytes.fromhex(chain_head(data)))
        if last:
            done.records = connection.execute(
                "DELETE FROM outbox WHERE number <= ?", (last,)
            ).rowcount
        return last

    def _pass(
        self,
        connection: sqlite3.Connection,
        first: int,
        bound: int,
        cursors: Mapping[str, int],
        now: int,
    ) -> None:
        """Writes down and tells what series outputs will never read."""
        for name, value in cursors.items():
            if not name.startswith(SERIES) or value >= bound:
                continue
            begin = max(value + 1, first)
            self.passed_entries += bound - begin + 1
            connection.execute(
                "INSERT INTO losses (time, kind, first, last, detail) VALUES (?, ?, ?, ?, ?)",
                (now, "series_passed", begin, bound, name),
            )
            forget_losses(connection)
            text = (
                f"entries {begin} to {bound} were trimmed at the disk limit before {name} read them"
            )
            self._tell(Trouble("series_passed", text))

    def _pages(self, connection: sqlite3.Connection) -> int:
        return int(connection.execute("PRAGMA page_count").fetchone()[0])

    def _free_pages(self, connection: sqlite3.Connection) -> int:
        return int(connection.execute("PRAGMA freelist_count").fetchone()[0])


def forget_losses(connection: sqlite3.Connection) -> None:
    """Keeps the last LOSSES_KEPT of them."""
    connection.execute(
        "DELETE FROM losses WHERE id <= (SELECT MAX(id) FROM losses) - ?", (LOSSES_KEPT,)
    )


def _undelivered(connection: sqlite3.Connection, cursors: Mapping[str, int]) -> Iterable[int]:
    """For each alert output the last position before its first undelivered record."""
    for name, number in cursors.items():
        if name.startswith(ALERT):
            row = connection.execute(
                "SELECT position FROM outbox WHERE number > ? ORDER BY number LIMIT 1", (number,)
            ).fetchone()
            if row is not None:
                yield row[0] - 1
