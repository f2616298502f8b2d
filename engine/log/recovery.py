"""Opening a log that may be damaged: find it out, keep what can be kept, tell what was lost.

Order, each step safe to be cut off by the next power cut:

1. a replacement that an earlier recovery finished is put in place;
2. the file is checked without being changed (header, SQLite's own check, every row's hash);
3. where it is damaged, what is good goes into a new file (`salvage`), the old files are renamed
   and kept, and the new one takes their place;
4. where the log ends before its mark or before a snapshot, its tail was lost in silence;
5. whatever was lost is written into the log's own description, until a `recovered` entry is logged.
   Positions and outbox numbers go on far behind all that were ever given out.
"""

from __future__ import annotations

import shutil
import sqlite3
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from ..clock import Clock
from ..errors import LogError
from ..limits import DAMAGED_KEPT, POSITION_JUMP
from . import schema
from .checks import GENESIS
from .mark import Mark
from .pages import PageFile
from .rows import ALERT, Anchor
from .salvage import LOG_ANCHOR, Found, choose, gather, restore_tail, rewrite
from .schema import FORMAT, LogMeta, log_files
from .verify import Extent, damage

_NEW: Final = "log.db.new"


@dataclass(frozen=True, slots=True)
class Recovery:
    """What opening the log found lost; the runtime logs `Recovered(heads)` and tells it.

    first_lost, last_lost   positions of the lost tail, `last_lost` as far as is known; the log
                            goes on behind both. Equal to end+1 and end where no entry was lost
    holes                   ranges missing before the snapshot that the engine starts from
    reason                  what was wrong, for a person
    kept                    where the damaged file is, None where nothing was damaged but cut off
    """

    first_lost: int
    last_lost: int
    holes: tuple[tuple[int, int], ...]
    reason: str
    kept: Path | None

    def text(self) -> str:
        """One line for an operator."""
        parts = [f"the log was damaged: {self.reason}"]
        if self.last_lost >= self.first_lost:
            parts.append(f"entries {self.first_lost} to {self.last_lost} are lost")
        parts += [
            f"entries {first} to {last} are missing in its history" for first, last in self.holes
        ]
        if len(parts) == 1:
            parts.append("no confirmed entry is known to be lost")
        if self.kept is not None:
            parts.append(f"the damaged file is kept as {self.kept.name}")
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the log beside the log: its mark, snapshots (newest first), second copy."""

    mark: Mark | None
    snapshots: tuple[tuple[str, int, bytes], ...]
    cursors: Mapping[str, int]

    def position(self, log_id: str) -> int:
        """The highest position that the log is known to have reached."""
        marked = self.mark.position if self._is_marked(log_id) and self.mark else 0
        return max([marked, *(p for owner, p, _ in self.snapshots if owner == log_id)])

    def number(self, log_id: str, spent: int) -> int:
        """The highest outbox number that is known to be given out."""
        marked = self.mark.number if self._is_marked(log_id) and self.mark else 0
        alerts = (v for name, v in self.cursors.items() if name.startswith(ALERT))
        return max([marked, spent, *alerts])

    def _is_marked(self, log_id: str) -> bool:
        return self.mark is not None and self.mark.log_id.hex() == log_id


@dataclass(frozen=True, slots=True)
class OpenLog:
    """A log that may be written: its connection, its word about itself, where it ends."""

    connection: sqlite3.Connection
    meta: LogMeta
    extent: Extent
    recovery: Recovery | None


def open_log(directory: Path, known: Known, clock: Clock, *, whole: bool = False) -> OpenLog:
    """The log in `directory`, made or recovered as needed; `whole` verifies every entry.

    Raises LogError for a format of another version, and where the disk refuses the recovery.
    """
    path = directory / schema.LOG_FILE
    try:
        kept = _finish_replacement(directory, path, clock)
        if not path.exists() and known.mark is None:
            _make(directory, path, clock)
        if path.exists():
            schema.refuse_other_format(path)
        reason = damage(path, whole=whole)
        if reason is not None:
            kept = _replace_damaged(directory, path, reason, known, clock)
        return _opened(path, kept, known, clock)
    except (sqlite3.Error, OSError) as error:
        raise LogError(
            f"the log in {directory} cannot be opened: {error}; check the disk's free space "
            "and the directory's permissions"
        ) from error


def _make(directory: Path, path: Path, clock: Clock) -> None:
    new = directory / _NEW
    meta = LogMeta(format=FORMAT, log_id=uuid.uuid4().hex, created=clock.wall())
    schema.seal(schema.create(new, meta), new)
    new.replace(path)
    schema.sync(directory)


def _replace_damaged(
    directory: Path, path: Path, reason: str, known: Known, clock: Clock
) -> Path | None:
    file = PageFile(*log_files(path)[:2])
    try:
        found = gather(file)
        meta = found.meta or _description(known, clock)
        mine = [(p, digest) for owner, p, digest in known.snapshots if owner == meta.log_id]
        kept = choose(found, mine)
        end = max(kept.end, log_anchor(found.anchors).seq)
        reached = max([end, known.position(meta.log_id), *found.entries])
        for name, value in known.cursors.items():
            found.cursors[name] = max(value, found.cursors.get(name, 0))
        meta = replace(
            meta,
            entry_floor=max(reached, meta.entry_floor) + POSITION_JUMP,
            number_floor=known.number(meta.log_id, _numbers(found, meta)) + POSITION_JUMP,
            holes=kept.holes,
            lost=(end + 1, reached, reason),
        )
        rewrite(directory / _NEW, file, found, kept, meta)
    finally:
        file.close()
    return _finish_replacement(directory, path, clock)


def _numbers(found: Found, meta: LogMeta) -> int:
    given_out = [number for number, _ in found.records.values()]
    alerts = [v for name, v in found.cursors.items() if name.startswith(ALERT)]
    return max([meta.number_floor, *given_out, *alerts])


def _description(known: Known, clock: Clock) -> LogMeta:
    """The log's word about itself where even that is lost: the id from the mark or a snapshot."""
    if known.mark is not None:
        log_id = known.mark.log_id.hex()
    else:
        log_id = known.snapshots[0][0] if known.snapshots else uuid.uuid4().hex
    return LogMeta(format=FORMAT, log_id=log_id, created=clock.wall())


def _finish_replacement(directory: Path, path: Path, clock: Clock) -> Path | None:
    """Puts a complete new log in the place of the damaged one, which is renamed and kept."""
    new = directory / _NEW
    if not schema.is_complete(new):
        for file in log_files(new):
            file.unlink(missing_ok=True)
        return None
    kept = _aside(directory, path, clock)
    new.replace(path)
    schema.sync(directory)
    return kept


def _aside(directory: Path, path: Path, clock: Clock) -> Path:
    """Renames a database and its write-ahead log to `damaged-<time>-…`; the oldest go."""
    kept = _unused(directory, path.name, clock)
    wal = path.with_name(path.name + "-wal")
    # The write-ahead log goes first: it must never lie beside the new file.
    if wal.exists():
        wal.replace(kept.with_name(kept.name + "-wal"))
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    if path.exists():
        path.replace(kept)
    forget_oldest(directory)
    return kept


def _unused(directory: Path, name: str, clock: Clock) -> Path:
    """`damaged-<time>-<name>` that nothing has yet; later ones sort behind earlier ones."""
    times = [int(x.name.split("-")[1]) for x in directory.glob("damaged-[0-9]*-*")]
    return directory / f"damaged-{max([clock.wall(), *(t + 1 for t in times)])}-{name}"


def forget_oldest(directory: Path) -> None:
    """Deletes all but the last few sets of damaged files."""
    times = sorted({int(x.name.split("-")[1]) for x in directory.glob("damaged-[0-9]*-*")})
    for time in times[:-DAMAGED_KEPT]:
        for file in directory.glob(f"damaged-{time}-*"):
            file.unlink(missing_ok=True)


def set_aside(directory: Path, path: Path, clock: Clock) -> Path:
    """Renames a damaged snapshot database; returns where it is kept."""
    kept = _aside(directory, path, clock)
    schema.sync(directory)
    return kept


def _opened(path: Path, kept: Path | None, known: Known, clock: Clock) -> OpenLog:
    copy = _keep_wal(path, known, clock)
    connection = schema.connect(path)
    meta = schema.read_meta(connection)
    extent = Extent.of(connection, meta)
    if _is_cut_off(extent, meta, known):
        connection.close()
        end = _restore_tail(path, copy, extent) if copy is not None else extent.position
        reached = max(end, known.position(meta.log_id))
        meta = replace(
            meta,
            entry_floor=max(meta.entry_floor, reached) + POSITION_JUMP,
            number_floor=max(extent.number, known.number(meta.log_id, 0)) + POSITION_JUMP,
            lost=(end + 1, reached, "its write-ahead log is damaged or cut off"),
        )
        connection = schema.connect(path)
        schema.write_meta(connection, meta)
        extent = Extent.of(connection, meta)
    if meta.lost is None:
        return OpenLog(connection, meta, extent, None)
    first, last, reason = meta.lost
    told = Recovery(first, last, meta.holes, reason, kept or copy)
    return OpenLog(connection, meta, extent, told)


def _restore_tail(path: Path, wal: Path, extent: Extent) -> int:
    """The log's end after everything usable in the copied write-ahead log was put back.

    The files are closed after the connection: closing them earlier would give up its locks, which
    POSIX ties to the process and not to the open file.
    """
    file = PageFile(path, wal)
    try:
        connection = schema.connect(path)
        try:
            return restore_tail(connection, file, extent.position, extent.hash)
        finally:
            connection.close()
    finally:
        file.close()


def _is_cut_off(extent: Extent, meta: LogMeta, known: Known) -> bool:
    """Whether the log ends before what is known of it, and no earlier recovery dealt with that."""
    reached = known.position(meta.log_id)
    cut_off = extent.position < reached and reached > meta.entry_floor
    return cut_off or extent.number < known.number(meta.log_id, 0)


def _keep_wal(path: Path, known: Known, clock: Clock) -> Path | None:
    """A copy of the write-ahead log, taken before SQLite reuses it, if the log is cut off."""
    wal = path.with_name(path.name + "-wal")
    if not wal.exists() or wal.stat().st_size == 0:
        return None
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        meta = schema.read_meta(connection)
        if not _is_cut_off(Extent.of(connection, meta), meta, known):
            return None
    finally:
        connection.close()
    kept = _unused(path.parent, wal.name, clock)
    shutil.copyfile(wal, kept)
    forget_oldest(path.parent)
    return kept


def log_anchor(anchors: Mapping[str, Anchor]) -> Anchor:
    """What is left of the trimmed beginning of the log."""
    return anchors.get(LOG_ANCHOR, Anchor(LOG_ANCHOR, 0, GENESIS))
