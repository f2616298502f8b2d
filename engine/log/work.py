"""What the writer does inside one commit, one class a kind of work."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from msgspec.structs import replace

from ..entry import EntryKind, stamp
from . import dead_letters, rows
from .checks import entry_hash, row_hash
from .errors import DiskLimit, Nondeterminism
from .rows import Anchor, OutboxRow, StandingRow
from .schema import LogMeta, write_meta
from .ticket import Ticket

_KIND_AT = 2  # offset of the kind in an encoded entry


@dataclass(slots=True)
class Transaction:
    """One commit under way: where the log will end if it succeeds, and what others must hear."""

    connection: sqlite3.Connection
    now: int
    position: int
    hash: bytes
    number: int
    meta: LogMeta
    anchors: dict[str, Anchor]
    refused: str = ""
    first: int = 0
    heads: dict[str, tuple[int, str]] = field(default_factory=dict)
    cursors: dict[str, int] = field(default_factory=dict)
    outbox_repeated: int = 0


class Work(Protocol):
    """One piece of work. `apply` raises LifelineError, having changed nothing, to be refused."""

    ticket: Ticket
    size: int

    @property
    def point(self) -> str:
        """The name that its failpoints begin with."""
        ...

    def apply(self, transaction: Transaction) -> range:
        """Does it within the transaction; the range goes to the ticket."""
        ...


@dataclass(slots=True)
class Append:
    """Encoded entries, to be stamped, chained and stored in this order."""

    entries: Sequence[bytes]
    size: int
    ticket: Ticket = field(default_factory=Ticket)
    point: str = "append"

    def apply(self, transaction: Transaction) -> range:
        if transaction.refused:
            raise DiskLimit(transaction.refused)
        first = max(transaction.position, transaction.meta.entry_floor) + 1
        transaction.connection.executemany(
            "INSERT INTO entries VALUES (?, ?, ?, ?, ?)", self._rows(transaction, first)
        )
        if any(data[_KIND_AT] == EntryKind.RECOVERED for data in self.entries):
            transaction.meta = replace(transaction.meta, lost=None)
            write_meta(transaction.connection, transaction.meta)
        transaction.first = transaction.first or first
        return range(first, first + len(self.entries))

    def _rows(self, transaction: Transaction, first: int) -> Iterator[tuple[rows.Stored, ...]]:
        for position, data in enumerate(self.entries, first):
            stamped = stamp(data, transaction.now)
            previous = transaction.hash
            digest = entry_hash(previous, position, transaction.now, stamped)
            transaction.position, transaction.hash = position, digest
            yield position, transaction.now, previous, digest, stamped


@dataclass(slots=True)
class AppendSettling(Append):
    """Entries that dead letters have become, and the letters' end, in one commit."""

    letters: dead_letters.Settlement = field(default_factory=dead_letters.Settlement)

    def apply(self, transaction: Transaction) -> range:
        dead_letters.require(transaction.connection, self.letters.gone)
        positions = Append.apply(self, transaction)
        dead_letters.settle(transaction.connection, self.letters)
        return positions


@dataclass(slots=True)
class Records:
    """Alert records of one position, and what they changed in the standing table."""

    position: int
    records: Sequence[tuple[str, int, bytes, str]]
    standing: Sequence[tuple[str, str, bytes | None]]
    size: int
    ticket: Ticket = field(default_factory=Ticket)
    point: str = "outbox"

    def apply(self, transaction: Transaction) -> range:
        number, repeated = transaction.number, transaction.outbox_repeated
        heads: dict[str, tuple[int, str]] = {}
        transaction.connection.execute("SAVEPOINT records")
        try:
            for site, seq, data, head in self.records:
                if self._store(transaction, site, seq, data, head):
                    heads[site] = (seq, head)
        except Nondeterminism:
            transaction.connection.execute("ROLLBACK TO records")
            transaction.number, transaction.outbox_repeated = number, repeated
            raise
        finally:
            transaction.connection.execute("RELEASE records")
        set_standing(transaction.connection, self.standing)
        transaction.heads |= heads
        return range(self.position, self.position + 1)

    def _store(self, transaction: Transaction, site: str, seq: int, data: bytes, head: str) -> bool:
        anchor = transaction.anchors.get(site)
        if anchor is not None and seq <= anchor.seq:
            if seq == anchor.seq and anchor.head.hex() != head:
                raise _differs(site, seq, self.position)
            transaction.outbox_repeated += 1
            return False
        row = OutboxRow(transaction.number + 1, site, seq, self.position, data)
        done = transaction.connection.execute(
            "INSERT OR IGNORE INTO outbox VALUES (?, ?, ?, ?, ?, ?)", (*row, rows.outbox_hash(row))
        )
        if done.rowcount == 1:
            transaction.number += 1
            return True
        stored = transaction.connection.execute(
            "SELECT data FROM outbox WHERE site = ? AND seq = ?", (site, seq)
        ).fetchone()
        if stored != (data,):
            raise _differs(site, seq, self.position)
        transaction.outbox_repeated += 1
        return False


def _differs(site: str, seq: int, position: int) -> Nondeterminism:
    return Nondeterminism(
        f"record {seq} of site {site}, stepped again from log position {position}, differs from "
        "the one in the outbox: the engine must stop; keep the storage directory and report this"
    )


def set_standing(
    connection: sqlite3.Connection, changes: Sequence[tuple[str, str, bytes | None]]
) -> None:
    """Sets (bytes) or removes (None) alarms in the standing table."""
    for site, alarm, data in changes:
        connection.execute("DELETE FROM standing WHERE site = ? AND alarm = ?", (site, alarm))
        if data is not None:
            row = StandingRow(site, alarm, data)
            connection.execute(
                "INSERT INTO standing (site, alarm, data, hash) VALUES (?, ?, ?, ?)",
                (*row, row_hash("standing", *row)),
            )


@dataclass(slots=True)
class ReplaceStanding:
    """The whole standing table anew, as the core gives it after a restore."""

    rows: Sequence[tuple[str, str, bytes]]
    size: int
    ticket: Ticket = field(default_factory=Ticket)
    point: str = "outbox"

    def apply(self, transaction: Transaction) -> range:
        transaction.connection.execute("DELETE FROM standing")
        set_standing(transaction.connection, self.rows)
        return range(len(self.rows), len(self.rows) + 1)


@dataclass(slots=True)
class SetCursor:
    """How far an output has come; None removes the cursor."""

    name: str
    value: int | None
    size: int = 64
    ticket: Ticket = field(default_factory=Ticket)
    point: str = "cursor"

    def apply(self, transaction: Transaction) -> range:
        if self.value is None:
            transaction.connection.execute("DELETE FROM cursors WHERE name = ?", (self.name,))
            return range(1)
        transaction.connection.execute(
            "INSERT INTO cursors (name, value, hash) VALUES (?, ?, ?) ON CONFLICT (name)"
            " DO UPDATE SET value = excluded.value, hash = excluded.hash",
            (self.name, self.value, row_hash("cursors", self.name, self.value)),
        )
        transaction.cursors[self.name] = self.value
        return range(self.value, self.value + 1)


@dataclass(slots=True)
class Call:
    """Anything else that one function does in the same commit."""

    function: Callable[[sqlite3.Connection], int]
    size: int
    point: str
    ticket: Ticket = field(default_factory=Ticket)

    def apply(self, transaction: Transaction) -> range:
        number = self.function(transaction.connection)
        return range(number, number + 1)
