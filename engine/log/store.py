"""`LogStore`: the embedded log, its outbox, its snapshots."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from ..clock import Clock, SystemClock
from ..entry import SiteHead
from ..errors import InvariantError, LogError
from ..limits import MAX_ENTRY_BYTES, RETENTION_BYTES, RETENTION_NS
from . import dead_letters
from .dead_letters import Settlement, UnknownKind
from .errors import Trouble
from .keeper import SnapshotKeeper
from .lock import DirectoryLock
from .mark import MARK_FILE, MarkFile
from .reader import LogReader
from .recovery import Known, OpenLog, Recovery, open_log, set_aside
from .retention import Policy, Retention
from .rows import ALERT, FORWARD, OFFSET, SERIES, chain_head
from .schema import LOG_FILE
from .snapshots import SNAPSHOT_FILE, SnapshotFile, SnapshotInfo
from .ticket import Ticket
from .work import Append, AppendSettling, Call, Records, ReplaceStanding, SetCursor
from .writer import Writer

# Its presence asks the next start to verify every entry, however large the log.
VERIFY_FILE: Final = "verify.request"
_HEADER_BYTES: Final = 48
_MAX_INT64: Final = 2**63 - 1


class Health(msgspec.Struct, frozen=True):
    """How the log is: what fails now, what waits, what was counted since the start.

    `failing` and `refused` are "" while commits succeed and entries are taken.
    """

    failing: str
    refused: str
    is_alive: bool
    end: int
    first: int
    queued_items: int
    queued_bytes: int
    used_bytes: int
    max_bytes: int
    snapshots: tuple[int, ...]
    counters: dict[str, int]


class LogStore(LogReader):
    """One directory that holds the truth. Open it with `open`; any thread may call anything.

    What must hold: a ticket resolves with positions only after the disk has confirmed them;
    positions and outbox numbers are never given out twice, whatever was lost; a snapshot never
    stands for alert records that are not durable.
    """

    def __init__(
        self,
        directory: Path,
        opened: OpenLog,
        mark: MarkFile,
        lock: DirectoryLock,
        snapshots: SnapshotFile,
        clock: Clock,
        policy: Policy,
        on_trouble: Callable[[Trouble], None] | None,
    ) -> None:
        super().__init__(directory / LOG_FILE, self._damaged_row)
        self.directory = directory
        self.recovery: Recovery | None = opened.recovery
        self.log_id = opened.meta.log_id
        self._mark, self._directory_lock, self._clock, self._policy = mark, lock, clock, policy
        self._on_trouble = on_trouble
        self.troubles: list[Trouble] = []
        self._keeper = SnapshotKeeper(snapshots, self.log_id, clock, self._tell)
        self._retention = Retention(policy, self._tell)
        self._keeper.trust(self._disagreement)
        self._writer = Writer(
            directory / LOG_FILE, opened, mark, self._keeper, self._retention, clock, self._tell
        )

    @classmethod
    def open(
        cls,
        directory: Path,
        clock: Clock | None = None,
        *,
        retention_ns: int = RETENTION_NS,
        max_bytes: int = RETENTION_BYTES,
        core: bool = True,
        on_trouble: Callable[[Trouble], None] | None = None,
    ) -> LogStore:
        """The log in `directory`, made, or recovered where it is damaged (see `recovery`).

        `core`: a core steps this log, and nothing is trimmed that its snapshots need. Without one
        the log only passes on what it holds, and cursors alone hold back trimming.

        Raises LogInUse while another engine holds it, and LogError where the disk refuses or
        another version wrote it; never for damage.
        """
        clock = clock or SystemClock()
        directory.mkdir(parents=True, exist_ok=True)
        lock = DirectoryLock(directory)
        mark: MarkFile | None = None
        snapshots: SnapshotFile | None = None
        try:
            mark = MarkFile(directory / MARK_FILE)
            snapshots, aside = _open_snapshots(directory, clock)
            whole = (directory / VERIFY_FILE).exists()
            opened = open_log(directory, _known(mark, snapshots), clock, whole=whole)
            (directory / VERIFY_FILE).unlink(missing_ok=True)
            policy = Policy(retention_ns, max_bytes, core)
            store = cls(directory, opened, mark, lock, snapshots, clock, policy, on_trouble)
        except BaseException:
            if snapshots is not None:
                snapshots.close()
            if mark is not None:
                mark.close(clean=False)
            lock.release()
            raise
        if aside is not None:
            text = f"the snapshots were damaged; they are kept as {aside.name} and begun anew"
            store._tell(Trouble("snapshot_refused", text))
        return store

    def close(self) -> None:
        """Writes what is queued, finishes a snapshot under way, and lets go of the directory."""
        super().close()  # first: the last connection to close folds the write-ahead log in
        self._writer.close()
        self._keeper.close()
        self._mark.close(clean=True)
        self._directory_lock.release()

    # --- writing -----------------------------------------------------------------------------

    def append(self, entries: Sequence[bytes]) -> Ticket:
        """Queues encoded entries, stamped with the time of their commit; positions by the ticket.

        Blocks while the queue is full. The ticket fails with DiskLimit at the byte limit and with
        LogError where the disk refuses; then none of these entries is in the log. Raises
        ValueError for what is no entry, and LogClosed.
        """
        _check_entries(entries)
        return self._writer.submit(Append(list(entries), sum(map(len, entries))))

    def append_records(
        self,
        position: int,
        records: Sequence[tuple[str, int, bytes]],
        standing: Sequence[tuple[str, str, bytes | None]] = (),
    ) -> Ticket:
        """Queues alert records (site, seq, bytes) of one position for the outbox.

        `standing` are alarms that changed with them, (site, alarm, bytes or None when normal), in
        the same commit. Records that are there already are harmless; the same key with other
        bytes fails the ticket with Nondeterminism and stores nothing of this call.
        """
        chained = [(site, seq, data, chain_head(data)) for site, seq, data in records]
        size = sum(len(data) for _, _, data in records)
        size += sum(len(data or b"") + 64 for _, _, data in standing)
        return self._writer.submit(Records(position, chained, list(standing), size))

    def replace_standing(self, alarms: Sequence[tuple[str, str, bytes]]) -> Ticket:
        """Queues the whole standing table anew, (site, alarm, bytes), as after a restore."""
        size = sum(len(data) + 64 for _, _, data in alarms)
        return self._writer.submit(ReplaceStanding(list(alarms), size))

    def set_cursor(self, name: str, position: int) -> Ticket:
        """Queues how far an output has come.

        `alert:<output>` counts outbox numbers, `series:<output>` and `forward:<log>` log positions,
        `offset:<topic>` positions of another log; other names raise ValueError. But for the last, a
        cursor holds back trimming from its first setting on, so an output sets it to 0 when it
        first starts; one that exists no more is removed with `drop_cursor`.
        """
        known = name.startswith((ALERT, SERIES, FORWARD, OFFSET))
        if not known or not 0 <= position <= _MAX_INT64:
            raise ValueError(
                f"{name}={position}: a cursor is called alert:, series:, forward: or offset:… and ≥ 0"
            )
        return self._writer.submit(SetCursor(name, position))

    def drop_cursor(self, name: str) -> Ticket:
        """Queues the removal of the cursor of an output that was taken out of service."""
        return self._writer.submit(SetCursor(name, None))

    def dead_letter(self, topic: str, payload: bytes, reason: str, time: int) -> Ticket:
        """Queues one message that could not be read."""
        return self.dead_letters_of([(topic, payload, reason, time)])

    def dead_letters_of(self, letters: Iterable[tuple[str, bytes, str, int]]) -> Ticket:
        """Queues messages (topic, payload, reason, time) that could not be read."""
        kept = [
            (_storable(topic), p, _storable(reason), time) for topic, p, reason, time in letters
        ]
        size = sum(len(payload) + 64 for _, payload, _, _ in kept)
        return self._writer.submit(
            Call(lambda connection: dead_letters.store(connection, kept), size, "dead_letter")
        )

    def settle_dead_letters(self, settlement: Settlement, entries: Sequence[bytes] = ()) -> Ticket:
        """Queues the end of dead letters that were tried again, with the entries that some of them
        have become, in one commit: a letter is in the table or its samples are in the log.

        The ticket fails as that of `append`, and with LettersGone where one of `gone` is not there
        any more (somebody else settled it, or newer ones pushed it out); then nothing is done.
        """
        kept = [
            (_storable(topic), p, _storable(reason), time)
            for topic, p, reason, time in settlement.parts
        ]
        settlement = replace(settlement, parts=kept)
        if not entries:
            return self._writer.submit(
                Call(
                    lambda connection: dead_letters.settle(connection, settlement),
                    settlement.size,
                    "dead_letter",
                )
            )
        _check_entries(entries)
        size = sum(map(len, entries)) + settlement.size
        return self._writer.submit(AppendSettling(list(entries), size, letters=settlement))

    def count_unknown(self, kind: UnknownKind, key: str, n: int) -> Ticket:
        """Queues `n` more of a topic or sensor that no configuration names."""
        name, now = _storable(key), self._clock.wall()
        return self._writer.submit(
            Call(
                lambda connection: dead_letters.count_unknown(connection, kind, name, n, now),
                64 + len(name),
                "dead_letter",
            )
        )

    def trim(self) -> Ticket:
        """Asks for trimming now; the ticket resolves when nothing more is due."""
        return self._writer.trim()

    # --- snapshots ---------------------------------------------------------------------------

    def save_snapshot(self, position: int, entry_hash: bytes, data: bytes) -> Ticket:
        """Queues a snapshot of the core at `position`, whose entry has `entry_hash`.

        Written in chunks by a thread of its own; a newer one takes the place of one that waits.
        Raises InvariantError if records of this position or an earlier one are not durable yet,
        or if the log has no such entry: the snapshot would then count what a crash forgets.
        """
        waiting = self._writer.open_records(position)
        if waiting is not None:
            raise InvariantError(
                f"a snapshot at {position} before the alert records of {waiting} are durable"
            )
        if self._hash(position) != entry_hash:
            raise InvariantError(f"a snapshot at {position} that is not of this log")
        return self._keeper.save(position, entry_hash, data)

    def load_snapshot(self) -> tuple[int, bytes] | None:
        """The newest intact snapshot that agrees with the log: (position, bytes), or None.

        Those that lie beyond the log's end, differ from it or are damaged are told and passed.
        """
        return self._keeper.load()

    # --- where the log is --------------------------------------------------------------------

    def end(self) -> int:
        """Position of the last durable entry; 0 for an empty log."""
        return self._writer.tip.position

    def first(self) -> int:
        """Position of the first entry that is still there; 0 for an empty log."""
        return self._writer.tip.first

    def wait_beyond(self, position: int, timeout_s: float) -> bool:
        """Whether the log ends beyond `position`, waiting for that up to `timeout_s`."""
        return self._writer.wait_beyond(position, timeout_s)

    def delivered_heads(self) -> dict[str, SiteHead]:
        """Per site the highest (seq, hash) that anyone may have seen, from every copy there is.

        `Recovered(heads)` carries them, so that no seq is given out twice after a loss.
        """
        heads = self._keeper.heads()
        for site, head in self.heads().items():
            if head[0] >= heads.get(site, (0, ""))[0]:
                heads[site] = head
        return {site: SiteHead(seq, head) for site, (seq, head) in sorted(heads.items())}

    def health(self) -> Health:
        """How the log is now."""
        items, queued = self._writer.queued()
        retention, keeper = self._retention, self._keeper
        counters = dict(self._writer.counters)
        counters |= {"trimmed": retention.trimmed_entries, "passed": retention.passed_entries}
        counters |= {"snapshots": keeper.saved, "snapshot_errors": keeper.errors}
        return Health(
            failing=self._writer.failing,
            refused=retention.refused,
            is_alive=self._writer.is_alive and keeper.is_alive,
            end=self.end(),
            first=self.first(),
            queued_items=items,
            queued_bytes=queued,
            used_bytes=retention.used,
            max_bytes=self._policy.max_bytes,
            snapshots=tuple(keeper.positions()),
            counters=counters,
        )

    # --- inside ------------------------------------------------------------------------------

    def _tell(self, trouble: Trouble) -> None:
        self.troubles = [*self.troubles[-99:], trouble]
        if self._on_trouble is not None:
            self._on_trouble(trouble)

    def _damaged_row(self, what: str) -> None:
        (self.directory / VERIFY_FILE).touch()
        self._tell(Trouble("damaged_entry", f"{what} is not what was written"))

    def _disagreement(self, info: SnapshotInfo) -> str:
        if info.log_id != self.log_id:
            return "it belongs to another log"
        end = LogReader.end(self)
        if info.position > end:
            return f"it lies beyond the log's end at {end}"
        if self._hash(info.position) != info.entry_hash:
            return "the log's entry there is not the one that it was cut at"
        if any(first > info.position for first, _ in self.meta().holes):
            return "entries behind it are missing"
        return ""


def _check_entries(entries: Sequence[bytes]) -> None:
    if not entries or any(len(data) < _HEADER_BYTES for data in entries):
        raise ValueError("append takes at least one encoded entry")
    if any(len(data) > MAX_ENTRY_BYTES for data in entries):
        raise ValueError(f"an entry is larger than {MAX_ENTRY_BYTES:,} bytes")


def _open_snapshots(directory: Path, clock: Clock) -> tuple[SnapshotFile, Path | None]:
    """The snapshot database; a damaged one is renamed and begun anew."""
    path = directory / SNAPSHOT_FILE
    try:
        return SnapshotFile(path), None
    except sqlite3.Error:
        aside = set_aside(directory, path, clock)
    try:
        return SnapshotFile(path), aside
    except sqlite3.Error as error:
        raise LogError(f"{path} cannot be opened: {error}; check the disk") from error


def _known(mark: MarkFile, snapshots: SnapshotFile) -> Known:
    infos = snapshots.complete()
    return Known(
        mark.mark,
        tuple((info.log_id, info.position, info.entry_hash) for info in infos),
        snapshots.cursors(),
    )


def _storable(text: str) -> str:
    """Text that SQLite takes: what is no character (half of a surrogate pair) is spelled out."""
    return text.encode("utf-8", "backslashreplace").decode()
