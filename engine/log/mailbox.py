"""What other processes ask of the engine through a file beside its log, and its answers.

What is asked stays until it is answered, so an engine that dies in between finds it again; its id
makes the repeat harmless.
"""

from __future__ import annotations

import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

import msgspec

from ..clock import Clock, SystemClock
from ..errors import LogError
from .recovery import set_aside
from .schema import connect

INBOX_FILE: Final = "inbox.db"
_TABLE: Final = """CREATE TABLE IF NOT EXISTS {} (n INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE, data BLOB NOT NULL);"""


class _Named(Protocol):
    @property
    def id(self) -> str: ...


Asked = TypeVar("Asked", bound=_Named)
Answer = TypeVar("Answer", bound=_Named)


class Mailbox(ABC, Generic[Asked, Answer]):
    """One side of two tables of the inbox; the engine polls and answers, others submit and look.

    Raises LogError where the file cannot be used or is full. A file that is damaged is set aside.

    asked, answers      names of the tables
    kind, reply         what is in them
    most                how many may wait
    kept                how many answers are kept
    """

    asked: ClassVar[str]
    answers: ClassVar[str]
    most: ClassVar[int]
    kept: ClassVar[int]

    def __init__(
        self, directory: Path, kind: Any, reply: type[Answer], clock: Clock | None = None
    ) -> None:
        self._clock = clock or SystemClock()
        self._kind, self._reply = kind, reply
        self._lock = threading.Lock()
        self._seen = 0
        self._version = -1
        path = directory / INBOX_FILE
        try:
            directory.mkdir(parents=True, exist_ok=True)
            try:
                self._connection = self._open(path)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                set_aside(directory, path, self._clock)
                self._connection = self._open(path)
        except (sqlite3.Error, OSError) as error:
            raise LogError(f"{path} cannot be opened: {error}") from error

    @abstractmethod
    def unreadable(self, item_id: str, error: Exception) -> Answer:
        """The answer to what cannot be read."""

    def submit(self, item: Asked) -> None:
        """Leaves it for the engine, durably. The same id again changes nothing."""
        with self._use() as connection:
            connection.execute("BEGIN IMMEDIATE")
            (waiting,) = connection.execute(f"SELECT COUNT(*) FROM {self.asked}").fetchone()
            if waiting < self.most:
                connection.execute(
                    f"INSERT OR IGNORE INTO {self.asked} (id, data) VALUES (?, ?)",
                    (item.id, msgspec.json.encode(item)),
                )
            connection.execute("COMMIT")
        if waiting >= self.most:
            raise LogError(
                f"{waiting} {self.asked} wait already: is the engine running? (`lifeline doctor`)"
            )

    def answer(self, item_id: str) -> Answer | None:
        """What has come of it so far; None where nothing has."""
        with self._use() as connection:
            row = connection.execute(
                f"SELECT data FROM {self.answers} WHERE id = ?",
                (item_id,),
            ).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=self._reply)

    def poll(self) -> list[Asked]:
        """What this object has not returned yet; cheap while nothing came. What cannot be read is
        answered."""
        with self._use() as connection:
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            if version == self._version:
                return []
            self._version = version
            found = connection.execute(
                f"SELECT n, id, data FROM {self.asked} WHERE n > ? ORDER BY n",
                (self._seen,),
            ).fetchall()
        items: list[Asked] = []
        for n, item_id, data in found:
            self._seen = n
            try:
                items.append(msgspec.json.decode(data, type=self._kind))
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                self.put(self.unreadable(item_id, error))
        return items

    def put(self, answer: Answer, done: bool = True) -> None:
        """Answers; with `done` what was asked leaves, in the same commit."""
        with self._use() as connection:
            connection.execute("BEGIN IMMEDIATE")
            if done:
                connection.execute(f"DELETE FROM {self.asked} WHERE id = ?", (answer.id,))
            connection.execute(
                f"INSERT OR REPLACE INTO {self.answers} (id, data) VALUES (?, ?)",
                (answer.id, msgspec.json.encode(answer)),
            )
            connection.execute(
                f"DELETE FROM {self.answers} WHERE n <="
                f" (SELECT n FROM {self.answers} ORDER BY n DESC LIMIT 1 OFFSET ?)",
                (self.kept,),
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

    def _open(self, path: Path) -> sqlite3.Connection:
        connection = connect(path)
        try:
            for table in (self.asked, self.answers):
                connection.execute(_TABLE.format(table))
        except sqlite3.Error:
            connection.close()
            raise
        return connection
