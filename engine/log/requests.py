"""What other processes ask of the engine beside commands, and what has come of it.

Dead letters are in the log's own file, which the engine alone writes, so whoever wants them tried
again, or has some to add, asks. A request stays in the inbox's file until it is done: one that was
made while no engine ran is done at the next start, and one that an engine died over is begun
again, which is harmless (see `Settlement`). Unlike a command a request is no entry of the log, since
it changes no alarm.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from ..errors import LogError
from .dead_letters import NewLetter
from .inbox import INBOX_FILE
from .schema import connect

#: Requests that wait: so many backfills' worth of poison lines, at most some 100 MB of them.
REQUESTS_KEPT: Final = 256
#: Outcomes that wait for whoever asked.
OUTCOMES_KEPT: Final = 100
#: Letters that an outcome names one by one; a person reads no more of them.
NAMED: Final = 20
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS requests (n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
    data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS outcomes (n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
    data BLOB NOT NULL);
"""


class Retry(msgspec.Struct, frozen=True, tag="retry"):
    """Try these dead letters again."""

    id: str
    letters: tuple[int, ...]


class Bury(msgspec.Struct, frozen=True, tag="bury"):
    """Keep these lines, which a server refused, among the dead letters."""

    id: str
    letters: tuple[NewLetter, ...]


Request: TypeAlias = Retry | Bury


class Outcome(msgspec.Struct, omit_defaults=True):
    """What has come of a request so far.

    done       nothing more comes
    total      letters that were asked for
    taken      letters that are durable elsewhere and left the table
    samples    samples that payloads among them became
    parts      of those taken, payloads of which a part was refused again: the part is a letter anew
    refused    letters that were refused again, by the new reason
    left       letters that were not tried, by why: their server does not answer, they are cut, …
    gone       letters that were not there any more
    named      (id, reason, words) of the first that were refused again or left
    """

    id: str
    done: bool = False
    total: int = 0
    taken: int = 0
    samples: int = 0
    parts: int = 0
    refused: dict[str, int] = {}
    left: dict[str, int] = {}
    gone: int = 0
    named: list[tuple[int, str, str]] = []

    @property
    def tried(self) -> int:
        """Letters that were looked at."""
        return self.taken + sum(self.refused.values()) + sum(self.left.values()) + self.gone

    def refuse(self, letter: int, reason: str, words: str) -> None:
        """The letter was refused again."""
        self.refused[reason] = self.refused.get(reason, 0) + 1
        self._name(letter, reason, words)

    def leave(self, letter: int, reason: str, words: str) -> None:
        """The letter was not tried."""
        self.left[reason] = self.left.get(reason, 0) + 1
        self._name(letter, reason, words)

    def _name(self, letter: int, reason: str, words: str) -> None:
        if len(self.named) < NAMED:
            self.named.append((letter, reason, words))


class Requests:
    """One side; the engine polls and tells, others submit and look. Raises LogError where the file
    cannot be used or is full."""

    def __init__(self, directory: Path) -> None:
        self._lock = threading.Lock()
        self._seen = 0
        self._version = -1
        path = directory / INBOX_FILE
        try:
            self._connection = connect(path)
            self._connection.executescript(_TABLES)
        except sqlite3.Error as error:
            raise LogError(f"{path} cannot be opened: {error}") from error

    def submit(self, request: Request) -> None:
        """Leaves a request for the engine, durably. The same id again changes nothing."""
        with self._use() as connection:
            connection.execute("BEGIN IMMEDIATE")
            (waiting,) = connection.execute("SELECT COUNT(*) FROM requests").fetchone()
            if waiting < REQUESTS_KEPT:
                connection.execute(
                    "INSERT OR IGNORE INTO requests (id, data) VALUES (?, ?)",
                    (request.id, msgspec.json.encode(request)),
                )
            connection.execute("COMMIT")
        if waiting >= REQUESTS_KEPT:
            raise LogError(
                f"{waiting} requests wait already: is the engine running? (`lifeline doctor`)"
            )

    def outcome(self, request_id: str) -> Outcome | None:
        """What has come of a request so far; None where nothing has."""
        with self._use() as connection:
            row = connection.execute(
                "SELECT data FROM outcomes WHERE id = ?", (request_id,)
            ).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=Outcome)

    def poll(self) -> list[Request]:
        """Requests that this object has not returned yet; cheap while nothing came. One that cannot
        be read is given up."""
        with self._use() as connection:
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            if version == self._version:
                return []
            self._version = version
            found = connection.execute(
                "SELECT n, id, data FROM requests WHERE n > ? ORDER BY n", (self._seen,)
            ).fetchall()
        requests: list[Request] = []
        for n, request_id, data in found:
            self._seen = n
            try:
                requests.append(msgspec.json.decode(data, type=Request))
            except (msgspec.MsgspecError, UnicodeDecodeError):
                self.tell(Outcome(request_id, done=True, left={"unreadable_request": 1}))
        return requests

    def tell(self, outcome: Outcome) -> None:
        """Says how far a request is; one that is done leaves, in the same commit."""
        with self._use() as connection:
            connection.execute("BEGIN IMMEDIATE")
            if outcome.done:
                connection.execute("DELETE FROM requests WHERE id = ?", (outcome.id,))
            connection.execute(
                "INSERT OR REPLACE INTO outcomes (id, data) VALUES (?, ?)",
                (outcome.id, msgspec.json.encode(outcome)),
            )
            connection.execute(
                "DELETE FROM outcomes WHERE n NOT IN"
                " (SELECT n FROM outcomes ORDER BY n DESC LIMIT ?)",
                (OUTCOMES_KEPT,),
            )
            connection.execute("COMMIT")

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _use(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise LogError(f"the inbox cannot be used: {error}") from error
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
