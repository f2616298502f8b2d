"""The rows that carry their own hash: how each is made, and how it is told from damage."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import msgspec

from ..errors import InvariantError
from .checks import HASH_BYTES, entry_hash, row_hash

Stored: TypeAlias = bytes | str | int | float | None


# Cursors of alert outputs count outbox numbers, those of series outputs and of a forwarder log
# positions; an offset says how far another log was taken in, and holds nothing back.
ALERT: Final = "alert:"
SERIES: Final = "series:"
FORWARD: Final = "forward:"
OFFSET: Final = "offset:"


class EntryRow(NamedTuple):
    """One entry as stored; `previous` is the hash of the entry before it."""

    position: int
    appended: int
    previous: bytes
    hash: bytes
    data: bytes


class OutboxRow(NamedTuple):
    """One alert record: its number in the outbox, its key, the position it came from, its bytes."""

    number: int
    site: str
    seq: int
    position: int
    data: bytes


class StandingRow(NamedTuple):
    """One alarm that is not normal, as the core described it."""

    site: str
    alarm: str
    data: bytes


class Anchor(NamedTuple):
    """What trimming leaves of a site: its last trimmed seq and chain hash.

    The site "" stands for the log itself: position and entry hash.
    """

    site: str
    seq: int
    head: bytes


class Cursor(NamedTuple):
    """How far an output has come."""

    name: str
    value: int


class Chained(msgspec.Struct):
    """The one field of an encoded record that the log reads."""

    hash: str


def chain_head(data: bytes) -> str:
    """The chain hash of an encoded alert record, hex. Raises InvariantError for other bytes."""
    try:
        head = msgspec.json.decode(data, type=Chained).hash
        bytes.fromhex(head)
    except (msgspec.MsgspecError, ValueError) as error:
        raise InvariantError(f"bytes for the outbox are not an alert record: {error}") from error
    return head


def entry(
    position: Stored, appended: Stored, previous: Stored, digest: Stored, data: Stored
) -> EntryRow | None:
    """The entry, or None where its hash does not fit."""
    if not (isinstance(position, int) and isinstance(appended, int) and position > 0):
        return None
    if not (isinstance(previous, bytes) and isinstance(digest, bytes) and isinstance(data, bytes)):
        return None
    if len(previous) != HASH_BYTES or entry_hash(previous, position, appended, data) != digest:
        return None
    return EntryRow(position, appended, previous, digest, data)


def outbox_hash(row: OutboxRow) -> bytes:
    """The hash stored beside an outbox row."""
    return row_hash("outbox", *row)


def outbox(
    number: Stored, site: Stored, seq: Stored, position: Stored, data: Stored, digest: Stored
) -> OutboxRow | None:
    """The record, or None where its hash does not fit."""
    if not (isinstance(site, str) and isinstance(data, bytes) and isinstance(number, int)):
        return None
    if not (isinstance(seq, int) and isinstance(position, int)):
        return None
    row = OutboxRow(number, site, seq, position, data)
    return row if outbox_hash(row) == digest else None


def standing(site: Stored, alarm: Stored, data: Stored, digest: Stored) -> StandingRow | None:
    """The standing alarm, or None where its hash does not fit."""
    if not (isinstance(site, str) and isinstance(alarm, str) and isinstance(data, bytes)):
        return None
    row = StandingRow(site, alarm, data)
    return row if row_hash("standing", *row) == digest else None


def anchor(site: Stored, seq: Stored, head: Stored, digest: Stored) -> Anchor | None:
    """The anchor, or None where its hash does not fit."""
    if not (isinstance(site, str) and isinstance(seq, int) and isinstance(head, bytes)):
        return None
    row = Anchor(site, seq, head)
    return row if row_hash("anchors", *row) == digest else None


def cursor(name: Stored, value: Stored, digest: Stored) -> Cursor | None:
    """The cursor, or None where its hash does not fit."""
    if not (isinstance(name, str) and isinstance(value, int)):
        return None
    row = Cursor(name, value)
    return row if row_hash("cursors", *row) == digest else None
