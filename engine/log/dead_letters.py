"""Messages that could not be read, and topics and sensors that nobody knows: bounded, counted."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from ..limits import (
    DEAD_LETTER_BYTES,
    DEAD_LETTERS_KEPT,
    UNKNOWN_KEY_CHARACTERS,
    UNKNOWN_KEYS_KEPT,
)

UnknownKind = Literal["topic", "sensor"]
# Where everything beyond UNKNOWN_KEYS_KEPT keys is counted together.
OTHERS: Final = ""


class DeadLetter(NamedTuple):
    """A message that could not be read; `payload` is cut to DEAD_LETTER_BYTES, `size` is not."""

    time: int
    topic: str
    reason: str
    size: int
    payload: bytes


class Unknown(NamedTuple):
    """A topic or sensor that no configuration names: how often it was heard, and when last."""

    kind: str
    key: str
    n: int
    last: int


def store(connection: sqlite3.Connection, letters: Sequence[tuple[str, bytes, str, int]]) -> int:
    """Stores (topic, payload, reason, time) and lets the oldest go; returns how many came."""
    connection.executemany(
        "INSERT INTO dead_letters (time, topic, reason, size, payload) VALUES (?, ?, ?, ?, ?)",
        [(t, topic, r, len(p), bytes(p[:DEAD_LETTER_BYTES])) for topic, p, r, t in letters],
    )
    connection.executemany(
        "INSERT INTO dead_letter_counts VALUES (?, 1) ON CONFLICT (reason) DO UPDATE SET n = n + 1",
        [(reason,) for _, _, reason, _ in letters],
    )
    connection.execute(
        "DELETE FROM dead_letters WHERE id <= (SELECT MAX(id) FROM dead_letters) - ?",
        (DEAD_LETTERS_KEPT,),
    )
    return len(letters)


def count_unknown(
    connection: sqlite3.Connection, kind: UnknownKind, key: str, n: int, now: int
) -> int:
    """Counts `n` more of an unknown topic or sensor; returns `n`."""
    key = key[:UNKNOWN_KEY_CHARACTERS] or "?"
    if not _listed(connection, kind, key) and (
        _listed(connection, kind, OTHERS) or _count(connection, kind) >= UNKNOWN_KEYS_KEPT
    ):
        key = OTHERS
    connection.execute(
        "INSERT INTO unknown VALUES (?, ?, ?, ?) ON CONFLICT (kind, key)"
        " DO UPDATE SET n = n + excluded.n, last = excluded.last",
        (kind, key, n, now),
    )
    return n


def _listed(connection: sqlite3.Connection, kind: str, key: str) -> bool:
    query = "SELECT 1 FROM unknown WHERE kind = ? AND key = ?"
    return connection.execute(query, (kind, key)).fetchone() is not None


def _count(connection: sqlite3.Connection, kind: str) -> int:
    query = "SELECT COUNT(*) FROM unknown WHERE kind = ?"
    return int(connection.execute(query, (kind,)).fetchone()[0])


def read(connection: sqlite3.Connection, limit: int) -> list[DeadLetter]:
    """The last dead letters, the newest first."""
    query = "SELECT time, topic, reason, size, payload FROM dead_letters ORDER BY id DESC LIMIT ?"
    return [DeadLetter(*row) for row in connection.execute(query, (limit,))]


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """How many dead letters ever came, by reason."""
    return dict(connection.execute("SELECT reason, n FROM dead_letter_counts ORDER BY reason"))


def unknown(connection: sqlite3.Connection, kind: UnknownKind, limit: int) -> list[Unknown]:
    """Unknown topics or sensors, the most frequent first; key "" counts those not listed."""
    query = "SELECT kind, key, n, last FROM unknown WHERE kind = ? ORDER BY n DESC, key LIMIT ?"
    return [Unknown(*row) for row in connection.execute(query, (kind, limit))]
