"""Commands from other processes (`lifeline ack` while the engine runs), and the answers to them.

A command stays in the inbox until it is answered, so an engine that dies in between finds it
again; its id makes the repeat harmless.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from ..clock import Clock, SystemClock
from ..command import Command, Reply
from ..errors import LogError
from ..limits import INBOX_COMMANDS, INBOX_REPLIES, SECOND_NS
from .recovery import set_aside
from .schema import connect

INBOX_FILE: Final = "inbox.db"
_POLL_S: Final = 0.05
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS commands (n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
    data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS replies (n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
    data BLOB NOT NULL);
"""


class Inbox:
    """One side of the inbox; the engine polls and replies, others submit and wait.

    Raises LogError where the file cannot be used or is full.
    """

    def __init__(self, directory: Path, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._seen = 0
        self._version = -1
        path = directory / INBOX_FILE
        try:
            directory.mkdir(parents=True, exist_ok=True)
            try:
                self._connection = _open(path)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                set_aside(directory, path, self._clock)
                self._connection = _open(path)
        except (sqlite3.Error, OSError) as error:
            raise LogError(f"{path} cannot be opened: {error}") from error

    def submit(self, command: Command) -> None:
        """Leaves a command for the engine, durably. The same id again changes nothing."""
        with self._use() as connection:
            connection.execute("BEGIN IMMEDIATE")
            (waiting,) = connection.execute("SELECT COUNT(*) FROM commands").fetchone()
            if waiting < INBOX_COMMANDS:
                connection.execute(
                    "INSERT OR IGNORE INTO commands (id, data) VALUES (?, ?)",
                    (command.id, msgspec.json.encode(command)),
                )
            connection.execute("COMMIT")
        if waiting >= INBOX_COMMANDS:
            raise LogError(
                f"{waiting} commands wait already: is the engine running? (`lifeline doctor`)"
            )

    def wait_reply(self, command_id: str, timeout_s: float) -> Reply | None:
        """The answer to a command, or None when time is up."""
        deadline = self._clock.monotonic() + int(timeout_s * SECOND_NS)
        pause = threading.Event()
        while True:
            with self._use() as connection:
                row = connection.execute(
                    "SELECT data FROM replies WHERE id = ?", (command_id,)
                ).fetchone()
            if row is not None:
                return msgspec.json.decode(row[0], type=Reply)
            if self._clock.monotonic() >= deadline:
                return None
            pause.wait(_POLL_S)

    def poll(self) -> list[Command]:
        """Commands that this object has not returned yet; cheap while nothing came.

        One that cannot be read is answered `refused`.
        """
        with self._use() as connection:
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            if version == self._version:
                return []
            self._version = version
            found = connection.execute(
                "SELECT n, id, data FROM commands WHERE n > ? ORDER BY n", (self._seen,)
            ).fetchall()
        commands: list[Command] = []
        for n, command_id, data in found:
            self._seen = n
            try:
                commands.append(msgspec.json.decode(data, type=Command))
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                self.reply(Reply(command_id, "refused", f"the command cannot be read: {error}"))
        return commands

    def reply(self, reply: Reply) -> None:
        """Answers a command and takes it out of the inbox, in one commit."""
        with self._use() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM commands WHERE id = ?", (reply.id,))
            connection.execute(
                "INSERT OR REPLACE INTO replies (id, data) VALUES (?, ?)",
                (reply.id, msgspec.json.encode(reply)),
            )
            connection.execute(
                "DELETE FROM replies WHERE n <= (SELECT MAX(n) FROM replies) - ?", (INBOX_REPLIES,)
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


def _open(path: Path) -> sqlite3.Connection:
    connection = connect(path)
    try:
        connection.executescript(_TABLES)
    except sqlite3.Error:
        connection.close()
        raise
    return connection
