"""Where a partition is taken up: the furthest complete checkpoint, and that the log continues it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import LogError
from ..limits import RESTORE_WINDOW, RESTORE_WINDOW_GROWTH
from .marker import Marker, Scan, Written, fingerprint, unpack_chunks
from .plain_reader import Bounds, RangeReader
from .stage import SITES, Stage
from .topics import Topics

#: (kind, text) of what an operator must hear.
Tell = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Restored:
    """A partition as it is taken up.

    core        stands behind everything before offset `following`
    marker      of the checkpoint; None where there was none and the log is whole
    left        what else lies on the topic of checkpoints, as far as it was looked at
    log         where the log begins and ended when it was looked at
    size        of the checkpoint, bytes as stored
    """

    core: Any
    following: int
    marker: Marker | None
    left: tuple[Written, ...]
    log: Bounds
    size: int


async def restore(
    reader: RangeReader,
    topics: Topics,
    partition: int,
    committed: int | None,
    tell: Tell,
    stage: Stage = SITES,
) -> Restored:
    """The state of a partition from Kafka alone. `committed` is the group's offset, None where it
    has none; `topics` are the names as the stage uses them.

    Raises LogError where the log does not continue the checkpoint (trimmed, cut off, or another
    log), or where there is no checkpoint and the log's beginning is gone.
    """
    log = await reader.bounds(topics.log, partition)
    found = await _furthest(reader, topics, partition, committed, tell)
    if found is None:
        if log.begin > 0:
            raise LogError(_trimmed(topics, partition, 0, log.begin))
        return Restored(stage.fresh(partition), 0, None, (), log, 0)
    marker, snapshot, left, size = found
    await _check_continued(reader, topics, partition, marker, log)
    core = stage.restored(snapshot, partition)
    if core.position > marker.next:
        raise LogError(
            f"a checkpoint of partition {partition} at {marker.next} says that it is of "
            f"{core.position}: keep the topic {topics.checkpoints} and report this"
        )
    if committed is not None and marker.next < committed:
        tell(
            "checkpoint_behind",
            f"partition {partition}: the furthest checkpoint is at {marker.next}, behind the "
            f"group's offset {committed}; the log is stepped again from there",
        )
    return Restored(core, marker.next, marker, left, log, size)


def _trimmed(topics: Topics, partition: int, wanted: int, begin: int) -> str:
    why = f"its checkpoint needs offset {wanted}" if wanted else "there is no checkpoint"
    return (
        f"{topics.log}/{partition} begins at offset {begin}, but {why}: entries are gone that no "
        "checkpoint counts, and nothing is judged. Restore the topic, or begin the partition anew "
        "by deleting its records and checkpoints"
    )


async def _furthest(
    reader: RangeReader, topics: Topics, partition: int, committed: int | None, tell: Tell
) -> tuple[Marker, bytes, tuple[Written, ...], int] | None:
    """Looks from the end backward until it has a complete checkpoint that is not behind the
    group's offset, which was committed after its checkpoint was durable; else the best of all."""
    begin, end = await reader.bounds(topics.checkpoints, partition)
    scan, low, step = Scan(), end, RESTORE_WINDOW
    broken: set[str] = set()
    while True:
        for marker in scan.complete():
            far_enough = low <= begin or (committed is not None and marker.next >= committed)
            if not far_enough or marker.checksum in broken:
                continue
            try:
                snapshot, size = await _load(reader, topics, partition, scan, marker)
            except LogError as error:
                broken.add(marker.checksum)
                tell("checkpoint_broken", f"partition {partition} at {marker.next}: {error}")
                continue
            return marker, snapshot, tuple(scan.others(marker.id)), size
        if low <= begin:
            return None
        high, low = low, max(begin, min(low - step, scan.reaches_down_to() or low))
        async for record in reader.read(topics.checkpoints, partition, low, high):
            scan.see(record.offset, record.key, record.value)
        step *= RESTORE_WINDOW_GROWTH


async def _load(
    reader: RangeReader, topics: Topics, partition: int, scan: Scan, marker: Marker
) -> tuple[bytes, int]:
    offsets = scan.offsets(marker)
    wanted = set(offsets)
    found: dict[int, bytes] = {}
    low, high = min(offsets), max(offsets) + 1
    async for record in reader.read(topics.checkpoints, partition, low, high):
        if record.offset in wanted:
            found[record.offset] = record.value or b""
    chunks = [found.get(offset, b"") for offset in offsets]
    return unpack_chunks(chunks, marker.checksum), sum(map(len, chunks))


async def _check_continued(
    reader: RangeReader, topics: Topics, partition: int, marker: Marker, log: Bounds
) -> None:
    if marker.next < log.begin:
        raise LogError(_trimmed(topics, partition, marker.next, log.begin))
    where = f"{topics.log}/{partition}"
    if marker.next > log.end:
        raise LogError(
            f"{where} ends at offset {log.end}, but its checkpoint counts everything before "
            f"{marker.next}: the log was cut off or is another one, and nothing is judged"
        )
    if not marker.tail or marker.next - 1 < log.begin:
        return
    async for record in reader.read(topics.log, partition, marker.next - 1, marker.next):
        if fingerprint(record.value or b"") != marker.tail:
            raise LogError(
                f"{where} holds another record at offset {marker.next - 1} than the one that its "
                "checkpoint counted: the log was cut off and written anew, and nothing is judged"
            )
