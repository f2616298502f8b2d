"""Messages that could not be read, and topics and sensors that nobody knows: bounded, counted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

from ..errors import LogError
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


class KeptLetter(NamedTuple):
    """A dead letter by the number under which it is kept."""

    id: int
    time: int
    topic: str
    reason: str
    size: int
    payload: bytes

    @property
    def cut(self) -> bool:
        """Whether only its beginning is kept."""
        return self.size > len(self.payload)


#: A dead letter on its way into the table: topic, payload, reason, time.
NewLetter: TypeAlias = tuple[str, bytes, str, int]


class LettersGone(LogError):
    """A letter that was to be settled is not in the table any more; nothing was done."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What becomes of dead letters that were tried again, in one commit.

    gone      ids of those that are durable elsewhere; each must still be there
    changed   (id, reason, payload or None for the same) of those that were refused again
    parts     what is left of letters in `gone` that were good in part. They are not counted anew
    """

    gone: Sequence[int] = ()
    changed: Sequence[tuple[int, str, bytes | None]] = ()
    parts: Sequence[NewLetter] = ()

    @property
    def size(self) -> int:
        """About how many bytes it writes."""
        changed = sum(64 + len(payload or b"") for _, _, payload in self.changed)
        return 64 * len(self.gone) + changed + sum(64 + len(p) for _, p, _, _ in self.parts)


class Unknown(NamedTuple):
    """A topic or sensor that no configuration names: how often it was heard, and when last."""

    kind: str
    key: str
    n: int
    last: int


def store(connection: sqlite3.Connection, letters: Sequence[tuple[str, bytes, str, int]]) -> int:
    """Stores (topic, payload, reason, time) and lets the oldest go; returns how many came."""
    _insert(connection, letters)
    connection.executemany(
        "INSERT INTO dead_letter_counts VALUES (?, 1) ON CONFLICT (reason) DO UPDATE SET n = n + 1",
        [(reason,) for _, _, reason, _ in letters],
    )
    return len(letters)


def _insert(connection: sqlite3.Connection, letters: Sequence[NewLetter]) -> None:
    connection.executemany(
        "INSERT INTO dead_letters (time, topic, reason, size, payload) VALUES (?, ?, ?, ?, ?)",
        [(t, topic, r, len(p), bytes(p[:DEAD_LETTER_BYTES])) for topic, p, r, t in letters],
    )
    connection.execute(
        "DELETE FROM dead_letters WHERE id <= (SELECT MAX(id) FROM dead_letters) - ?",
        (DEAD_LETTERS_KEPT,),
    )


def require(connection: sqlite3.Connection, ids: Iterable[int]) -> None:
    """Raises LettersGone unless every one of these letters is there."""
    for letter in ids:
        found = connection.execute("SELECT 1 FROM dead_letters WHERE id = ?", (letter,)).fetchone()
        if found is None:
            raise LettersGone(f"dead letter {letter} is not there any more")


def settle(connection: sqlite3.Connection, settlement: Settlement) -> int:
    """Does what the settlement says; how many letters left the table. Raises LettersGone before
    anything is done."""
    require(connection, settlement.gone)
    connection.executemany(
        "DELETE FROM dead_letters WHERE id = ?", [(letter,) for letter in settlement.gone]
    )
    for letter, reason, payload in settlement.changed:
        connection.execute("UPDATE dead_letters SET reason = ? WHERE id = ?", (reason, letter))
        if payload is not None:
            connection.execute(
                "UPDATE dead_letters SET payload = ?, size = ? WHERE id = ?",
                (payload[:DEAD_LETTER_BYTES], len(payload), letter),
            )
    if settlement.parts:
        _insert(connection, settlement.parts)
    return len(settlement.gone)


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


def kept(connection: sqlite3.Connection, after: int, limit: int) -> list[KeptLetter]:
    """Dead letters whose number is beyond `after`, the oldest first."""
    query = (
        "SELECT id, time, topic, reason, size, payload FROM dead_letters WHERE id > ?"
        " ORDER BY id LIMIT ?"
    )
    return [KeptLetter(*row) for row in connection.execute(query, (after, limit))]


def of_ids(connection: sqlite3.Connection, ids: Iterable[int]) -> list[KeptLetter]:
    """Those of these letters that are there, in the order of `ids`."""
    query = "SELECT id, time, topic, reason, size, payload FROM dead_letters WHERE id = ?"
    rows = (connection.execute(query, (letter,)).fetchone() for letter in ids)
    return [KeptLetter(*row) for row in rows if row is not None]


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """How many dead letters ever came, by reason."""
    return dict(connection.execute("SELECT reason, n FROM dead_letter_counts ORDER BY reason"))


def unknown(connection: sqlite3.Connection, kind: UnknownKind, limit: int) -> list[Unknown]:
    """Unknown topics or sensors, the most frequent first; key "" counts those not listed."""
    query = "SELECT kind, key, n, last FROM unknown WHERE kind = ? ORDER BY n DESC, key LIMIT ?"
    return [Unknown(*row) for row in connection.execute(query, (kind, limit))]
