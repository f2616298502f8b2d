"""What lies behind a place in a log or an outbox, for the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..configuration import Configuration
from ..entry import decode
from ..errors import LogError
from ..frame import Frame
from ..outputs.ports import Cursors, Place
from ..record import decode_record
from .errors import StoreError
from .limits import BATCH_ROWS, ENTRIES_AT_ONCE, READ_BYTES, RECORDS_AT_ONCE
from .rows import alerts_table
from .store import Mark, Store


class LogSource(Cursors, Protocol):
    """The log, as far as the store's outputs ask it."""

    log_id: str

    def read(self, after: int, limit: int, max_bytes: int) -> Sequence[tuple[int, bytes]]:
        """Encoded entries beyond a position, in order, of `max_bytes` unless one is larger."""
        ...

    def first(self) -> int:
        """Position of the oldest entry that is still there."""
        ...

    def end(self) -> int:
        """Position of the newest entry."""
        ...

    def hash_at(self, position: int) -> bytes:
        """What stands for the log up to a position. Raises LogError where it is not there."""
        ...

    def records(self, after: int, limit: int) -> Sequence[tuple[int, str, int, int, bytes]]:
        """(number, site, seq, position, encoded record) beyond a number, in order."""
        ...

    def outbox_end(self) -> int:
        """The newest number of the outbox."""
        ...


class UnknownVersionError(StoreError):
    """Samples refer to a configuration that nobody has; storing them would mislabel them."""

    kind = "unknown_registry"


@dataclass(frozen=True, slots=True)
class Turn:
    """What was done in one go: up to where, whether more waits, what left the log unread."""

    position: int
    full: bool
    lost: tuple[int, int] | None = None


class StoreFeed(Protocol):
    """One way into the store."""

    def begin(self, store: Store) -> int:
        """The position behind which it goes on, by what the store itself says. Raises StoreError,
        LogError."""
        ...

    def turn(self, store: Store, after: int) -> Turn | None:
        """Stores one batch and its place; None where there is nothing. Raises StoreError,
        LogError, EntryError."""
        ...

    def end(self) -> int:
        """Where it would have stored everything."""
        ...


class SeriesFeed:
    """Samples of a log. Configurations come from the log's own entries as they pass, else from
    `configuration`, which is asked by version."""

    def __init__(
        self, name: str, log: LogSource, configuration: Callable[[bytes], Configuration | None]
    ) -> None:
        self._name = name
        self._log = log
        self._configuration = configuration
        self._known: dict[bytes, Configuration] = {}

    def begin(self, store: Store) -> int:
        """See `StoreFeed`. A log that is not the one that was written (restored from an older copy,
        begun anew) is read from its beginning."""
        mark = store.mark(self._log.log_id, self._name)
        if mark is None:
            return 0
        if self._agrees(mark):
            return mark.position
        store.forget(mark.log, mark.name)
        return 0

    def _agrees(self, mark: Mark) -> bool:
        if mark.position > self._log.end():
            return False
        if mark.position < self._log.first() or not mark.position or not mark.hash:
            return True
        return self._hash(mark.position) in ("", mark.hash)

    def _hash(self, position: int) -> str:
        try:
            return self._log.hash_at(position).hex()
        except LogError:
            return ""  # trimmed meanwhile, or a hole: nothing to compare with

    def turn(self, store: Store, after: int) -> Turn | None:
        """See `StoreFeed`."""
        entries = self._log.read(after, ENTRIES_AT_ONCE, READ_BYTES)
        if not entries:
            return None
        position, rows = after, 0
        by_version: dict[bytes, list[Frame]] = {}
        parts: list[tuple[bytes, list[Frame]]] = []
        for at, data in entries:
            entry = decode(data)
            payload = entry.payload
            if isinstance(payload, Configuration):
                self._known = {payload.version(): payload}
            elif isinstance(payload, Frame) and len(payload):
                if rows and rows + len(payload) > BATCH_ROWS:
                    break
                version = entry.header.registry
                if version not in by_version:
                    by_version = {version: []}
                    parts.append((version, by_version[version]))
                by_version[version].append(payload)
                rows += len(payload)
            position = at
        named = [(v, self._named(v), Frame.concat(frames)) for v, frames in parts]
        place = Mark(self._log.log_id, self._name, position, self._hash(position), after)
        store.write(named, place)
        full = (
            position < entries[-1][0]
            or len(entries) == ENTRIES_AT_ONCE
            or 2 * sum(len(data) for _, data in entries) > READ_BYTES
        )
        return Turn(position, full, self._lost(after, entries[0][0]))

    def _named(self, version: bytes) -> Configuration:
        found = self._known.get(version) or self._configuration(version)
        if found is None:
            raise UnknownVersionError(
                f"the log refers to configuration {version.hex()}, which is not in it any more; "
                "start the engine with the files of that time"
            )
        return found

    def _lost(self, after: int, first_read: int) -> tuple[int, int] | None:
        gone = after > 0 and first_read > after + 1 and self._log.first() == first_read
        return (after + 1, first_read - 1) if gone else None

    def end(self) -> int:
        """See `StoreFeed`."""
        return self._log.end()


class AlertFeed:
    """Records of an outbox. `places` knows the sites' names and local times."""

    def __init__(self, name: str, log: LogSource, places: Callable[[str], Place | None]) -> None:
        self._name = name
        self._log = log
        self._places = places

    def begin(self, store: Store) -> int:
        """See `StoreFeed`."""
        mark = store.mark(self._log.log_id, self._name)
        if mark is None:
            return 0
        if mark.position <= self._log.outbox_end():
            return mark.position
        store.forget(mark.log, mark.name)
        return 0

    def turn(self, store: Store, after: int) -> Turn | None:
        """See `StoreFeed`."""
        rows = self._log.records(after, RECORDS_AT_ONCE)
        if not rows:
            return None
        records = [decode_record(row[4]) for row in rows]
        place = Mark(self._log.log_id, self._name, rows[-1][0], after=after)
        store.write_alerts(alerts_table(records, self._places), place)
        return Turn(rows[-1][0], len(rows) == RECORDS_AT_ONCE)

    def end(self) -> int:
        """See `StoreFeed`."""
        return self._log.outbox_end()
