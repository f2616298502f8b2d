"""Reading the log: from within the engine, and from other processes while it runs."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..errors import LogError
from . import dead_letters, rows
from .dead_letters import DeadLetter, KeptLetter, Unknown, UnknownKind
from .errors import LogClosed
from .rows import Anchor, OutboxRow, StandingRow
from .salvage import LOG_ANCHOR
from .schema import BUSY_S, LOG_FILE, LogMeta, read_meta

READ_BYTES: Final = 16 * 1024 * 1024  # of one `read`: a second's work of the core at full rate
_RECORDS: Final = "SELECT number, site, seq, position, data, hash FROM outbox"


class Loss(NamedTuple):
    """A range of positions that is gone without having been read by `detail` (an output)."""

    time: int
    kind: str
    first: int
    last: int
    detail: str


class LogReader:
    """Read-only access, many threads at once, each call one consistent view.

    Every entry and record is checked against its own hash; one that is not what was written
    raises LogError and is reported to `damaged`, so that the next start verifies the whole log.
    """

    def __init__(self, path: Path, damaged: Callable[[str], None] | None = None) -> None:
        self._path = path
        self._damaged = damaged
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._closed = False

    @classmethod
    def open(cls, directory: Path) -> LogReader:
        """The log in `directory`, whether or not an engine runs. Raises LogError if there is none."""
        path = directory / LOG_FILE
        if not path.exists():
            raise LogError(
                f"{directory} holds no log: name the storage directory of a plant that has run"
            )
        return cls(path)

    @property
    def path(self) -> Path:
        """The log's file."""
        return self._path

    def close(self) -> None:
        """Closes all connections that nobody is using."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    # --- entries -----------------------------------------------------------------------------

    def read(self, after: int, limit: int, max_bytes: int = READ_BYTES) -> list[tuple[int, bytes]]:
        """Entries behind `after` in order: at most `limit`, and `max_bytes` unless one is larger."""
        found: list[tuple[int, bytes]] = []
        size = 0
        with self._connection() as connection:
            cursor = connection.execute(
                "SELECT position, appended, previous, hash, data FROM entries WHERE position > ?"
                " ORDER BY position LIMIT ?",
                (after, limit),
            )
            for row in cursor:
                entry = rows.entry(*row)
                if entry is None:
                    if found:
                        break  # what is good is given first; the next call raises
                    raise self._damage(f"log entry {row[0]}")
                size += len(entry.data)
                if found and size > max_bytes:
                    break
                found.append((entry.position, entry.data))
            cursor.close()
        return found

    def before(self, appended: int) -> int:
        """The last position of which every entry up to it was appended before this wall time (ns),
        as far as the times of the log ascend; 0 where there is none. Reads some 30 entries' times.
        """
        low, high = self.first(), self.end() + 1
        if low == 0:
            return 0
        query = (
            "SELECT position, appended FROM entries WHERE position >= ? ORDER BY position LIMIT 1"
        )
        with self._connection() as connection:
            while low < high:
                middle = (low + high) // 2
                row = connection.execute(query, (middle,)).fetchone()
                if row is None or row[1] >= appended:
                    high = middle
                else:
                    low = row[0] + 1
        return low - 1

    def end(self) -> int:
        """Position of the last entry; 0 for an empty log."""
        return int(self._one("SELECT MAX(position) FROM entries") or 0)

    def first(self) -> int:
        """Position of the first entry that is still there; 0 for an empty log."""
        return int(self._one("SELECT MIN(position) FROM entries") or 0)

    def began(self) -> int:
        """Since when (wall time, ns) it tells everything: when the first entry that is kept was
        appended; of a log without entries, when it was made."""
        appended = self._one("SELECT appended FROM entries ORDER BY position LIMIT 1")
        return self.meta().created if appended is None else int(appended)

    def hash_at(self, position: int) -> bytes:
        """The chained hash of an entry: it stands for the whole log up to there.

        Raises LogError where there is no such entry (never written, lost or trimmed).
        """
        found = self._hash(position)
        if found is None:
            raise LogError(f"the log has no entry at position {position}")
        return found

    def meta(self) -> LogMeta:
        """What the log says about itself."""
        with self._connection() as connection:
            return read_meta(connection)

    # --- outbox, standing alarms, cursors ----------------------------------------------------

    def records(self, after: int, limit: int) -> list[OutboxRow]:
        """Alert records behind an outbox number, in the order in which they became durable."""
        return self._records(f"{_RECORDS} WHERE number > ? ORDER BY number LIMIT ?", after, limit)

    def records_with(self, mark: bytes, after: int, upto: int, limit: int) -> list[OutboxRow]:
        """Of the alert records behind the number `after` up to `upto`, in order, the first whose
        bytes contain `mark`. The others are looked at by SQLite alone, some 2 µs each."""
        query = f"{_RECORDS} WHERE number > ? AND number <= ? AND instr(data, ?) ORDER BY number LIMIT ?"
        return self._records(query, after, upto, mark, limit)

    def records_of(self, site: str, after_seq: int, limit: int) -> list[OutboxRow]:
        """Alert records of one site behind `after_seq`, in order of seq."""
        query = f"{_RECORDS} WHERE site = ? AND seq > ? ORDER BY seq LIMIT ?"
        return self._records(query, site, after_seq, limit)

    def outbox_end(self) -> int:
        """The highest number in the outbox; 0 when it is empty."""
        return int(self._one("SELECT MAX(number) FROM outbox") or 0)

    def last_records(self, limit: int) -> list[OutboxRow]:
        """The last alert records of all sites, in order."""
        found = self._records(f"{_RECORDS} ORDER BY number DESC LIMIT ?", limit)
        return found[::-1]

    def heads(self) -> dict[str, tuple[int, str]]:
        """Per site the last seq and chain hash (hex) in the outbox or of what was trimmed from it."""
        with self._connection() as connection:
            anchored = connection.execute("SELECT site, seq, head FROM anchors").fetchall()
            found = connection.execute("SELECT site, MAX(seq), data FROM outbox GROUP BY site")
            last = {site: (seq, rows.chain_head(data)) for site, seq, data in found}
        anchors = {a[0]: (a[1], a[2].hex()) for a in anchored if a[0] != LOG_ANCHOR}
        return anchors | last

    def standing(self) -> list[StandingRow]:
        """All alarms that are not normal, by site and alarm."""
        with self._connection() as connection:
            found = connection.execute(
                "SELECT site, alarm, data, hash FROM standing ORDER BY site, alarm"
            ).fetchall()
        good = [row for row in (rows.standing(*row) for row in found) if row is not None]
        if len(good) < len(found):
            raise self._damage("the table of standing alarms")
        return good

    def standing_of(self, site: str, alarm: str) -> bytes | None:
        """What stands of one alarm, None where it is normal."""
        query = "SELECT site, alarm, data, hash FROM standing WHERE site = ? AND alarm = ?"
        with self._connection() as connection:
            found = connection.execute(query, (site, alarm)).fetchone()
        if found is None:
            return None
        row = rows.standing(*found)
        if row is None:
            raise self._damage("the table of standing alarms")
        return row.data

    def cursor(self, name: str) -> int:
        """How far an output has come; 0 where it never said."""
        return int(self._one("SELECT value FROM cursors WHERE name = ?", name) or 0)

    def cursors(self) -> dict[str, int]:
        """All cursors by name."""
        with self._connection() as connection:
            return dict(connection.execute("SELECT name, value FROM cursors ORDER BY name"))

    def trimmed(self) -> Anchor | None:
        """Position and hash of the last trimmed entry, None where nothing was trimmed."""
        with self._connection() as connection:
            row = connection.execute(
                "SELECT site, seq, head FROM anchors WHERE site = ?", (LOG_ANCHOR,)
            ).fetchone()
        return Anchor(*row) if row else None

    # --- what could not be read, and what is gone ----------------------------------------------

    def dead_letters(self, limit: int) -> list[DeadLetter]:
        """The last messages that could not be read, the newest first."""
        with self._connection() as connection:
            return dead_letters.read(connection, limit)

    def kept_letters(self, after: int, limit: int) -> list[KeptLetter]:
        """Dead letters whose number is beyond `after`, the oldest first."""
        with self._connection() as connection:
            return dead_letters.kept(connection, after, limit)

    def letters_of(self, ids: Sequence[int]) -> list[KeptLetter]:
        """Those of these dead letters that are there, in the order of `ids`."""
        with self._connection() as connection:
            return dead_letters.of_ids(connection, ids)

    def dead_letter_counts(self) -> dict[str, int]:
        """How many messages could not be read, ever, by reason."""
        with self._connection() as connection:
            return dead_letters.counts(connection)

    def unknown(self, kind: UnknownKind, limit: int) -> list[Unknown]:
        """Topics or sensors that no configuration names, the most frequent first."""
        with self._connection() as connection:
            return dead_letters.unknown(connection, kind, limit)

    def losses(self) -> list[Loss]:
        """Ranges that series outputs never read, the oldest first."""
        query = "SELECT time, kind, first, last, detail FROM losses ORDER BY id"
        with self._connection() as connection:
            return [Loss(*row) for row in connection.execute(query)]

    # --- connections -------------------------------------------------------------------------

    def _records(self, query: str, *arguments: str | int | bytes) -> list[OutboxRow]:
        with self._connection() as connection:
            found = connection.execute(query, arguments).fetchall()
        good: list[OutboxRow] = []
        for row in found:
            record = rows.outbox(*row)
            if record is None:
                if good:
                    break
                raise self._damage(f"outbox record {row[0]}")
            good.append(record)
        return good

    def _hash(self, position: int) -> bytes | None:
        found = self._one("SELECT hash FROM entries WHERE position = ?", position)
        return None if found is None else bytes(found)

    def _one(self, query: str, *arguments: str | int) -> Any:
        with self._connection() as connection:
            row = connection.execute(query, arguments).fetchone()
        return None if row is None else row[0]

    def _damage(self, what: str) -> LogError:
        if self._damaged is not None:
            self._damaged(what)
        return LogError(
            f"{what} is not what was written; restart the engine: it verifies the whole log, "
            "keeps what is good and says what is lost"
        )

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own for each concurrent call. Raises LogError for SQLite's errors."""
        with self._lock:
            if self._closed:
                raise LogClosed("the log is closed")
            connection = self._idle.pop() if self._idle else None
        try:
            connection = connection or _connect(self._path)
            yield connection
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            if isinstance(error, sqlite3.DatabaseError) and "malformed" in str(error):
                raise self._damage(f"a part of {self._path.name}") from error
            raise LogError(f"{self._path} cannot be read: {error}") from error
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        self._give_back(connection)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    """A connection that cannot write, to a file that another process may be writing."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        timeout=BUSY_S,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("PRAGMA cell_size_check = ON")
    return connection
