"""Where a partition is taken up, and where the log does not allow it."""

from __future__ import annotations

import asyncio

import pytest

from kafka_model import Client, KafkaModel
from lifeline.engine.clock import ManualClock
from lifeline.engine.cluster.checkpoint import Checkpointer
from lifeline.engine.cluster.lane import Lane
from lifeline.engine.cluster.marker import CheckpointId, Marker, Scan, pack_chunks, unpack_chunks
from lifeline.engine.cluster.part import Part
from lifeline.engine.cluster.reading import Torn
from lifeline.engine.cluster.restore import Restored, restore
from lifeline.engine.cluster.topics import Topics
from lifeline.engine.entry import Entry, Header, Tick, encode
from lifeline.engine.errors import LogError

TOPICS = Topics("p")
ENTRY = Entry(Header(received=1, appended=1), Tick(7))


class City:
    """A log of ten entries and a checkpoint behind the first four."""

    def __init__(self) -> None:
        self.kafka = KafkaModel()
        self.log = self.kafka.topics[TOPICS.log, 0]
        self.checkpoints = self.kafka.topics[TOPICS.checkpoints, 0]
        self.troubles: list[str] = []
        for _ in range(10):
            self.log.append(None, encode(ENTRY))

    def restore(self, committed: int | None = None) -> Restored:
        return asyncio.run(
            restore(self.kafka, TOPICS, 0, committed, lambda kind, text: self.troubles.append(kind))
        )

    def checkpoint(self, following: int) -> None:
        asyncio.run(self._checkpoint(following))

    async def _checkpoint(self, following: int) -> None:
        client, clock = Client(self.kafka), ManualClock()
        found = await restore(self.kafka, TOPICS, 0, None, lambda kind, text: None)
        lane = Lane(client, TOPICS, 0, lambda error: None)
        part = Part(0, client.generation, found, lane, "w", clock)
        for offset in range(part.following, following):
            part.step(offset, encode(ENTRY), ENTRY, {})  # type: ignore[arg-type]  # no records
        await Checkpointer(client, TOPICS, client.commit, clock, lambda: None).write(part)


def test_an_empty_partition_begins_at_its_first_entry_under_its_own_engine_site() -> None:
    found = City().restore()
    assert (found.following, found.core.position, found.marker) == (0, 0, None)
    assert found.core.engine_site == "_engine.0"
    assert found.log == (0, 10)


def test_without_a_checkpoint_a_trimmed_log_is_refused() -> None:
    city = City()
    city.log.trim(3)
    with pytest.raises(LogError, match="begins at offset 3, but there is no checkpoint"):
        city.restore()


def test_the_checkpoint_is_taken_up_and_the_log_may_be_trimmed_up_to_it() -> None:
    city = City()
    city.checkpoint(4)
    for before in (0, 3, 4):
        city.log.trim(before)
        found = city.restore(4)
        assert (found.following, found.core.position) == (4, 4)
    city.log.trim(5)
    with pytest.raises(LogError, match="its checkpoint needs offset 4"):
        city.restore(4)


def test_a_log_that_ends_before_its_checkpoint_is_another_one() -> None:
    city = City()
    city.checkpoint(9)
    city.log.records.pop(9)
    city.log.records.pop(8)
    city.log.end = 8
    with pytest.raises(LogError, match="ends at offset 8"):
        city.restore(9)


def test_a_log_that_was_cut_off_and_written_anew_is_refused() -> None:
    city = City()
    city.checkpoint(9)
    city.log.records.pop(8)
    city.log.end = 8
    city.log.append(None, encode(Entry(Header(received=1, appended=1), Tick(8))))
    with pytest.raises(LogError, match="holds another record at offset 8"):
        city.restore(9)


def test_a_broken_checkpoint_is_told_and_the_one_before_it_taken() -> None:
    city = City()
    city.checkpoint(4)
    city.checkpoint(9)
    for at, read in city.checkpoints.records.items():
        if read.key and read.key.startswith(b"snap|9|"):
            city.checkpoints.records[at] = read._replace(value=b"\0" + (read.value or b"")[1:])
    assert city.restore(9).following == 4
    assert city.troubles == ["checkpoint_broken", "checkpoint_behind"]


def test_a_group_without_an_offset_is_served_by_the_furthest_checkpoint() -> None:
    city = City()
    for following in (2, 4, 9):
        city.checkpoint(following)
    assert city.restore(None).following == 9


def test_clock_probes_between_the_checkpoints_mean_nothing() -> None:
    city = City()
    city.checkpoint(4)
    for number in range(100):
        city.checkpoints.append(b"clock|w%d" % number, b"0")
    assert city.restore(4).following == 4
    assert city.troubles == []


def test_a_gap_is_told_and_what_came_before_is_known() -> None:
    city = City()
    kafka = city.kafka

    async def made() -> Part:
        client = Client(kafka)
        found = await restore(kafka, TOPICS, 0, None, lambda kind, text: None)
        lane = Lane(client, TOPICS, 0, lambda error: None)
        return Part(0, 1, found, lane, "w", ManualClock())

    part = asyncio.run(made())
    assert part.place(0) == "next"
    part.step(0, encode(ENTRY), ENTRY, {})  # type: ignore[arg-type]  # no records
    assert part.place(0) == "before"
    part.put_aside(1, b"torn", Torn("not_an_entry", "torn"))
    assert (part.following, part.core.position) == (2, 1)
    with pytest.raises(LogError, match="3 entries are missing"):
        part.place(5)


# --- the records of a checkpoint -----------------------------------------------------------------


def marker_of(next_: int, chunks: int, generation: int = 1) -> Marker:
    return Marker(next_, generation, 0, chunks, "sum", "", "digest", {}, 0)


def test_a_checkpoint_counts_when_all_its_chunks_are_there() -> None:
    who, scan = CheckpointId(5, 1), Scan()
    scan.see(9, who.marker_key(), marker_of(5, 2).encode())
    scan.see(8, who.chunk_key(1), b"b")
    assert scan.complete() == []
    assert scan.reaches_down_to() == 0
    scan.see(7, who.chunk_key(0), b"a")
    assert scan.complete() == [marker_of(5, 2)]
    assert scan.offsets(marker_of(5, 2)) == [7, 8]
    assert scan.reaches_down_to() is None


def test_of_two_records_with_one_key_the_later_counts_in_whatever_order_they_are_read() -> None:
    who = CheckpointId(5, 1)
    records = [(1, who.chunk_key(0), b"a"), (2, who.marker_key(), marker_of(5, 1).encode())]
    for deleted in (who.marker_key(), who.chunk_key(0)):
        for order in (1, -1):
            scan = Scan()
            for offset, key, value in [*records, (3, deleted, None)][::order]:
                scan.see(offset, key, value)
            assert scan.complete() == []


def test_the_furthest_is_first_and_a_later_generation_breaks_the_tie() -> None:
    scan = Scan()
    for offset, (next_, generation) in enumerate([(9, 1), (5, 4), (9, 2)]):
        who = CheckpointId(next_, generation)
        scan.see(2 * offset, who.chunk_key(0), b"a")
        scan.see(2 * offset + 1, who.marker_key(), marker_of(next_, 1, generation).encode())
    assert [m.id for m in scan.complete()] == [
        CheckpointId(9, 2),
        CheckpointId(9, 1),
        CheckpointId(5, 4),
    ]


def test_what_is_no_part_of_a_checkpoint_is_counted_and_left() -> None:
    scan = Scan()
    wrong: list[tuple[bytes | None, bytes]] = [
        (None, b""),
        (b"else", b""),
        (b"mark|x|1", b""),
        (b"mark|5|1", b"no json"),
        (b"snap|5|1", b""),
    ]
    for offset, (key, value) in enumerate(wrong):
        scan.see(offset, key, value)
    assert scan.unknown == len(wrong)
    assert scan.complete() == []


@pytest.mark.parametrize("size", [0, 1, 900_000, 2_000_000])
def test_chunks_give_the_snapshot_back_and_notice_a_changed_bit(size: int) -> None:
    snapshot = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    chunks, checksum = pack_chunks(snapshot)
    assert unpack_chunks(chunks, checksum) == snapshot
    changed = [bytes([chunks[0][0] ^ 1]) + chunks[0][1:], *chunks[1:]]
    with pytest.raises(LogError):
        unpack_chunks(changed, checksum)
    with pytest.raises(LogError):
        unpack_chunks(chunks[:-1], checksum)
