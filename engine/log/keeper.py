"""The thread beside the writer: it saves snapshots and the second copy of heads and cursors."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..clock import Clock
from ..errors import LogError
from ..limits import SECOND_NS, SIDE_COPY_NS, SNAPSHOTS_KEPT
from .errors import LogClosed, Trouble
from .retention import Floors
from .snapshots import SnapshotFile, SnapshotInfo
from .ticket import Outcome, Ticket


@dataclass(slots=True)
class _Job:
    position: int
    entry_hash: bytes
    data: bytes
    ticket: Ticket = field(default_factory=Ticket)


class SnapshotKeeper:
    """Owns `snapshots.db`. One snapshot is written while at most one waits: the newest."""

    def __init__(
        self,
        file: SnapshotFile,
        log_id: str,
        clock: Clock,
        tell: Callable[[Trouble], None],
    ) -> None:
        self._file, self._log_id, self._clock, self._tell = file, log_id, clock, tell
        self._lock = threading.Lock()  # one user of the file at a time
        self._changed = threading.Condition()
        self._job: _Job | None = None
        self._heads: dict[str, tuple[int, str]] = {}
        self._cursors: dict[str, int] = {}
        self._copy_due = clock.monotonic()
        self._closing = False
        self._trusted: list[SnapshotInfo] = []
        self._bytes = file.size()
        self.saved = 0
        self.errors = 0
        self._thread = threading.Thread(target=self._run, name="lifeline-snapshots", daemon=True)
        self._thread.start()

    # --- any thread --------------------------------------------------------------------------

    def save(self, position: int, entry_hash: bytes, data: bytes) -> Ticket:
        """Queues a snapshot; one that still waits gives way to it. Raises LogClosed."""
        job = _Job(position, entry_hash, data)
        with self._changed:
            if self._closing:
                raise LogClosed("the log is closed and takes no snapshot")
            waiting, self._job = self._job, job
            self._changed.notify_all()
        if waiting is not None:
            self._resolve(waiting, LogError("a newer snapshot took its place before it was begun"))
        return job.ticket

    def note(self, heads: Mapping[str, tuple[int, str]], cursors: Mapping[str, int]) -> None:
        """Heads and cursors that are durable in the log, to be copied soon."""
        with self._changed:
            self._heads.update(heads)
            self._cursors.update(cursors)
            self._changed.notify_all()

    def trust(self, agrees: Callable[[SnapshotInfo], str]) -> list[SnapshotInfo]:
        """Sorts out the snapshots that do not agree with the log (`agrees` says why, or "")."""
        trusted: list[SnapshotInfo] = []
        with self._lock:
            found = self._file.complete()
        for info in found:
            why = agrees(info)
            if why:
                self._tell(
                    Trouble(
                        "snapshot_refused", f"the snapshot at {info.position} is refused: {why}"
                    )
                )
            else:
                trusted.append(info)
        self._trusted = trusted
        return trusted

    def load(self) -> tuple[int, bytes] | None:
        """The newest trusted snapshot whose bytes are intact: (position, bytes)."""
        for info in list(self._trusted):
            with self._lock:
                data = self._file.load(info)
            if data is not None:
                return info.position, data
            self._trusted = [other for other in self._trusted if other.id != info.id]
            text = f"the snapshot at {info.position} is damaged; the one before it is taken"
            self._tell(Trouble("snapshot_refused", text))
        return None

    def positions(self) -> list[int]:
        """Positions of the trusted snapshots, the newest first."""
        return [info.position for info in self._trusted]

    def heads(self) -> dict[str, tuple[int, str]]:
        """The second copy of the heads, with what is still to be copied."""
        with self._lock:
            stored = self._file.heads()
        with self._changed:
            return stored | self._heads

    def floors(self) -> Floors:
        """What trimming must leave for the snapshots, and the bytes that they take."""
        positions = self.positions()
        return Floors(min(positions, default=0), max(positions, default=0), self._bytes)

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Finishes the snapshot under way and the copies, and closes the file."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        self._file.close()

    # --- the keeper's thread -----------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._has_work, self._until_copy())
                job, self._job = self._job, None
                if self._closing and job is None:
                    break
            if job is not None:
                self._save(job)
            self._copy()
        self._copy(at_once=True)

    def _has_work(self) -> bool:
        return self._closing or self._job is not None

    def _until_copy(self) -> float | None:
        if not (self._heads or self._cursors):
            return SIDE_COPY_NS / SECOND_NS
        return max(0.0, (self._copy_due - self._clock.monotonic()) / SECOND_NS)

    def _save(self, job: _Job) -> None:
        try:
            with self._lock:
                info = self._file.save(
                    self._log_id, job.position, job.entry_hash, job.data, self._copy_held
                )
                self._bytes = self._file.size()
        except (sqlite3.Error, OSError) as error:
            self.errors += 1
            refusal = LogError(
                f"the snapshot at {job.position} cannot be written: {error}; the engine goes on "
                "with the one before it; check the disk's free space"
            )
            self._tell(Trouble("snapshot_error", str(refusal)))
            self._resolve(job, refusal)
            return
        self.saved += 1
        self._trusted = [info, *self._trusted][:SNAPSHOTS_KEPT]
        self._resolve(job, range(job.position, job.position + 1))

    def _resolve(self, job: _Job, outcome: Outcome) -> None:
        for error in job.ticket.resolve(outcome):
            self._tell(Trouble("callback_error", f"a listener to a snapshot failed: {error!r}"))

    def _copy(self, *, at_once: bool = False) -> None:
        with self._lock:
            self._copy_held(at_once=at_once)

    def _copy_held(self, *, at_once: bool = False) -> None:
        """Copies what is due; the caller holds the file."""
        with self._changed:
            due = at_once or self._clock.monotonic() >= self._copy_due
            if not due or not (self._heads or self._cursors):
                return
            heads, cursors = dict(self._heads), dict(self._cursors)
        try:
            self._file.note(heads, cursors)
        except (sqlite3.Error, OSError) as error:
            self.errors += 1
            self._tell(Trouble("side_copy_error", f"the second copy of alert heads: {error}"))
            self._copy_due = self._clock.monotonic() + SIDE_COPY_NS
            return
        with self._changed:
            self._copy_due = self._clock.monotonic() + SIDE_COPY_NS
            for site, head in heads.items():
                if self._heads.get(site) == head:
                    del self._heads[site]
            for name, value in cursors.items():
                if self._cursors.get(name) == value:
                    del self._cursors[name]
