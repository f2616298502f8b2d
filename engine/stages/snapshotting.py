"""When a snapshot is cut, and that nothing it counts can be lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

from ..clock import Clock
from ..core import Core
from ..errors import LogError
from ..limits import (
    SNAPSHOT_INTERVAL_NS,
    SNAPSHOT_LEAST_ENTRIES,
    SNAPSHOT_MOST_ENTRIES,
)
from ..log import LogStore, Ticket


class Snapshotted(Protocol):
    """A core, of sites or of areas, as snapshots see it."""

    @property
    def position(self) -> int:
        """Where it stands."""
        ...

    def snapshot(self) -> bytes:
        """Everything that it is."""
        ...

    @classmethod
    def restore(cls, data: bytes) -> Self:
        """The core of a snapshot. Raises LogError where the bytes are not one."""
        ...

    def site_heads(self) -> dict[str, tuple[int, bytes]]:
        """(seq, chain hash) of everything that has records."""
        ...


AnyCore = TypeVar("AnyCore", bound=Snapshotted)


@dataclass(frozen=True, slots=True)
class SnapshotPace:
    """A snapshot is due after `interval_ns` and `least_entries`, or after `most_entries`."""

    interval_ns: int = SNAPSHOT_INTERVAL_NS
    least_entries: int = SNAPSHOT_LEAST_ENTRIES
    most_entries: int = SNAPSHOT_MOST_ENTRIES


class Snapshotter:
    """Cuts snapshots of one core in the stepping thread; the log writes them in its own.

    position   of the snapshot that the core was restored from; 0: none

    `cut_time` is when the last one was cut, ns UTC; before the first, when this was made.
    """

    def __init__(self, store: LogStore, clock: Clock, pace: SnapshotPace, position: int) -> None:
        self._store = store
        self._clock = clock
        self._pace = pace
        self._position = position
        self._cut_at = clock.monotonic()
        self._not_before = self._cut_at
        self._open: Ticket | None = None
        self.cut_time = clock.wall()
        self.taken = 0
        self.bytes = 0
        self.last_ns = 0
        self.longest_ns = 0

    @property
    def position(self) -> int:
        """Where the last snapshot was cut."""
        return self._position

    def due(self, position: int) -> bool:
        """Whether a snapshot of a core at `position` is wanted. Never while one is written, so
        that at most one copy of the state is held."""
        if self._open is not None and self._open.outcome is None:
            return False
        if self._clock.monotonic() < self._not_before:
            return False
        entries = position - self._position
        if entries >= self._pace.most_entries:
            return True
        waited = self._clock.monotonic() - self._cut_at
        return entries >= self._pace.least_entries and waited >= self._pace.interval_ns

    def postpone(self) -> None:
        """The log did not take it: not again before the next interval is over."""
        self._not_before = self._clock.monotonic() + self._pace.interval_ns

    def cut(self, core: Snapshotted) -> Ticket | None:
        """Copies the core's state and queues it; None where there is nothing new.

        The caller has seen to it that all records up to `core.position` are durable; if they are
        not, the log raises InvariantError. Raises LogError where the log is closed.
        """
        if core.position == self._position:
            return None
        began = self._clock.monotonic()
        data = core.snapshot()
        self._open = self._store.save_snapshot(
            core.position, self._store.hash_at(core.position), data
        )
        self._cut_at = self._clock.monotonic()
        self._position = core.position
        self.bytes = len(data)
        self.last_ns = self._cut_at - began
        self.longest_ns = max(self.longest_ns, self.last_ns)
        self.cut_time = self._clock.wall()
        self.taken += 1
        return self._open


def _counts_lost_records(core: Snapshotted, store: LogStore) -> bool:
    """Whether damage took alert records that the snapshot counts though their entries are there.

    Then only stepping the log again from its beginning brings them back; where that is trimmed,
    the snapshot is the best that is left.
    """
    if store.recovery is None or store.trimmed() is not None:
        return False
    kept = store.heads()
    return any(seq > kept.get(site, (0, ""))[0] for site, (seq, _) in core.site_heads().items())


def restored(store: LogStore) -> tuple[Core, int]:
    """The core of the sites' log; see `restored_as`."""
    return restored_as(store, Core)


def restored_as(store: LogStore, kind: type[AnyCore]) -> tuple[AnyCore, int]:
    """The core of the newest snapshot that agrees with the log, and its position; else an empty
    core and 0.

    Raises LogError where the snapshot is not for this version, or where there is none and the
    beginning of the log is gone.
    """
    found = store.load_snapshot()
    if found is not None:
        position, data = found
        core = kind.restore(data)
        if core.position != position:
            raise LogError(
                f"the snapshot at {position} says that it is of {core.position}: it is not used; "
                "keep the storage directory and report this"
            )
        if not _counts_lost_records(core, store):
            return core, position
        return kind(), 0
    trimmed = store.trimmed()
    if trimmed is not None:
        raise LogError(
            f"the log begins behind entry {trimmed.seq} and no snapshot can be used: start with an "
            "empty storage directory, and keep this one for replay"
        )
    return kind(), 0
