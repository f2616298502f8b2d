"""A worker on a real Kafka: the embedded core's records, whatever ends it and wherever."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from cluster_kafka import (
    Delivered,
    WorkerProcess,
    delivered,
    load,
    lying,
    markers,
    prepare,
    spec_of,
    until,
)
from cluster_runs import Recorded, by_partition, city, recorded
from lifeline.engine.cluster.admin import administering
from lifeline.engine.cluster.dead_letters import worker_letters
from lifeline.engine.cluster.spec import ClusterSpec
from lifeline.engine.cluster.topics import Topics
from lifeline.engine.entry import Entry, Header, Tick, decode, encode
from lifeline.engine.limits import BLIND_NS, SECOND_NS, TICK_INTERVAL_NS
from servers.kafka import Kafka

PARTITIONS = 3
NO_TICKS = "--no-ticks"
TICK = encode(Entry(Header("", "recorded", 1, 1, 1), Tick(1)))


@pytest.fixture(scope="module")
def log() -> Recorded:
    """A city of nine sites for a minute, with a change of its rules on the way."""
    return recorded(city(), 60, seed=1, changed=city(deadband=6.0))


@pytest.fixture
def spec(kafka: Kafka, kafka_prefix: str) -> ClusterSpec:
    """Topics of three partitions, not made yet."""
    return spec_of(kafka.bootstrap, kafka_prefix, PARTITIONS)


def all_records(spec: ClusterSpec, log: Recorded, worker: WorkerProcess) -> Delivered:
    """What was delivered, once everything of the log was."""
    wanted = set(log.records)

    def there() -> bool:
        assert worker.process.poll() is None, worker.text()
        return wanted <= set(delivered(spec).records)

    until(there, worker.text)
    return delivered(spec)


def check(found: Delivered, log: Recorded) -> None:
    """Lost 0, gaps 0, nothing else under a known seq, the same records byte for byte."""
    assert found.gaps == []
    assert found.differing == []
    cities = {k: v for k, v in found.records.items() if not k[0].startswith("_engine")}
    assert cities == log.records
    assert found.digests() == log.digests


def furthest(spec: ClusterSpec) -> dict[int, int]:
    """By partition, what its furthest checkpoint counts."""
    return {p: max(m.next for q, m in markers(spec) if q == p) for p, _ in markers(spec)}


def ends(spec: ClusterSpec, parts: list[list[bytes]]) -> dict[int, int]:
    return {p: len(entries) for p, entries in enumerate(parts)}


def test_a_worker_gives_the_embedded_records_and_goes_on_where_it_stopped(
    spec: ClusterSpec, log: Recorded, tmp_path: Path
) -> None:
    prepare(spec, log)
    parts = by_partition(log, PARTITIONS)
    with WorkerProcess(spec, tmp_path, NO_TICKS, name="first") as worker:
        check(all_records(spec, log, worker), log)
        assert worker.stop() == 0, worker.text()
    assert furthest(spec) == ends(spec, parts)

    # Torn bytes are put aside, and what comes behind them is stepped.
    torn = {0: b"torn", 1: TICK[:-1]}
    load(spec, [[torn[0], TICK], [torn[1], TICK]])
    with WorkerProcess(spec, tmp_path, NO_TICKS, name="second") as worker:
        until(lambda: len(letters(spec)) == 2, worker.text)
        assert worker.stop() == 0, worker.text()
    assert letters(spec) == {
        b"%d|%d" % (p, len(parts[p])): (torn[p], reason)
        for p, reason in enumerate((b"not_an_entry", b"unreadable"))
    }
    # What `lifeline deadletter list` shows of them.
    shown = {(x.topic, x.reason, x.payload) for x in worker_letters(spec)}
    assert shown == {
        (f"{Topics(spec.prefix).log}/{p}|{len(parts[p])}", reason, torn[p])
        for p, reason in enumerate(("not_an_entry", "unreadable"))
    }
    assert furthest(spec) == {p: n + 2 * (p in torn) for p, n in ends(spec, parts).items()}

    # What a later version wrote ends the worker, and stays unstepped.
    load(spec, [[], [], [TICK[:1] + bytes([TICK[1] + 1]) + TICK[2:]]])
    with WorkerProcess(spec, tmp_path, NO_TICKS, name="third") as worker:
        assert worker.wait() == 70
        assert f"{Topics(spec.prefix).log}/2@{len(parts[2])}" in worker.text()
        assert "run a version of Lifeline that knows it" in worker.text()
    assert delivered(spec).repeated == 0
    assert furthest(spec)[2] == len(parts[2])


def letters(spec: ClusterSpec) -> dict[bytes | None, tuple[bytes | None, bytes]]:
    """By key: the value and the reason of every dead letter."""
    lie = lying(spec, Topics(spec.prefix).deadletters)
    return {each.key: (each.value, each.headers["reason"]) for each in lie}


def test_killed_at_any_point_nothing_is_lost_and_nothing_comes_otherwise(
    spec: ClusterSpec, log: Recorded, tmp_path: Path
) -> None:
    points = (
        "step.after:40",
        "alerts.sent:10",
        "checkpoint.alerts_durable:2",
        "checkpoint.first_chunk:2",
        "checkpoint.marker_durable:3",
        "checkpoint.committed:2",
    )
    parts = by_partition(log, PARTITIONS)
    prepare(spec, Recorded(log.configurations, []))
    for number, point in enumerate(points):
        load(spec, [cut(entries, number, len(points) + 1) for entries in parts])
        name = f"life-{number}"
        with WorkerProcess(spec, tmp_path, NO_TICKS, crash_at=point, name=name) as worker:
            assert worker.wait() == -signal.SIGKILL, worker.text()
    load(spec, [cut(entries, len(points), len(points) + 1) for entries in parts])
    with WorkerProcess(spec, tmp_path, NO_TICKS, name="last") as worker:
        found = all_records(spec, log, worker)
        check(found, log)
        assert worker.stop() == 0
    assert found.repeated > 0, "no life repeated anything: none was killed in the middle"
    assert furthest(spec) == ends(spec, parts)


def cut(entries: list[bytes], number: int, parts: int) -> list[bytes]:
    """One of `parts` slices of about the same length."""
    size = -(-len(entries) // parts)
    return entries[number * size : (number + 1) * size]


def test_two_workers_share_the_partitions_and_one_takes_over_from_the_other(
    spec: ClusterSpec, log: Recorded, tmp_path: Path
) -> None:
    parts = by_partition(log, PARTITIONS)
    prepare(spec, Recorded(log.configurations, []))
    with ExitStack() as running:
        first, second = (
            running.enter_context(WorkerProcess(spec, tmp_path, NO_TICKS, name=name))
            for name in ("first", "second")
        )
        until(lambda: shared(held(first), held(second)), first.text)
        load(spec, [cut(entries, 0, 3) for entries in parts])
        until(lambda: stepped(spec) >= sum(len(cut(e, 0, 3)) for e in parts), first.text)
        first.kill9()
        load(spec, [cut(entries, 1, 3) for entries in parts])
        until(lambda: held(second) == [0, 1, 2], second.text)
        third = running.enter_context(WorkerProcess(spec, tmp_path, NO_TICKS, name="third"))
        until(lambda: held(third), third.text)
        load(spec, [cut(entries, 2, 3) for entries in parts])
        assert second.stop() == 0, second.text()
        check(all_records(spec, log, third), log)
        assert third.stop() == 0, third.text()
    assert furthest(spec) == ends(spec, parts)


def shared(first: list[int], second: list[int]) -> bool:
    return bool(first) and bool(second) and sorted(first + second) == [0, 1, 2]


def held(worker: WorkerProcess) -> list[int]:
    """The partitions that the worker took up last."""
    found = re.findall(r"partitions \[([0-9, ]*)\] taken up", worker.text())
    return [int(each) for each in found[-1].split(", ") if each] if found else []


def stepped(spec: ClusterSpec) -> int:
    """Entries that checkpoints count."""
    return sum(furthest(spec).values())


def test_a_log_that_was_trimmed_past_its_checkpoint_is_refused(
    spec: ClusterSpec, log: Recorded, tmp_path: Path
) -> None:
    prepare(spec, log)

    async def trim() -> None:
        async with administering(spec) as client:
            where = TopicPartition(Topics(spec.prefix).log, 1)
            await client.delete_records({where: RecordsToDelete(before_offset=7)})

    asyncio.run(trim())
    with WorkerProcess(spec, tmp_path, NO_TICKS) as worker:
        assert worker.wait() == 70
        assert "begins at offset 7, but there is no checkpoint" in worker.text()
    assert delivered(spec).records == {}


def test_ticks_come_from_the_owner_and_a_frozen_worker_ends(
    spec: ClusterSpec, tmp_path: Path
) -> None:
    prepare(spec, recorded(city(sites=3), 2, seed=2))
    with WorkerProcess(spec, tmp_path, name="first") as worker:
        until(lambda: len(ticks(spec, 0)) >= 3, worker.text)
        worker.process.send_signal(signal.SIGSTOP)
        # Longer than half a session, after which a worker may not trust its own eyes; longer than
        # BLIND_NS, so that the next owner says how long nobody was there.
        time.sleep(spec.worker.session / SECOND_NS + 2)
        worker.process.send_signal(signal.SIGCONT)
        assert worker.wait() == 70
        assert "stood still" in worker.text()
    before = len(ticks(spec, 0))
    with WorkerProcess(spec, tmp_path, name="second") as worker:
        until(lambda: len(ticks(spec, 0)) >= before + 3, worker.text)
        assert worker.stop() == 0, worker.text()
    came = ticks(spec, 0)
    assert all(later.time > earlier.time for earlier, later in pairwise(came))
    for earlier, later in pairwise(came):
        assert later.resumed == (later.time - earlier.time > BLIND_NS)
    # The log's own last tick was years ago, so the very first one resumes as well.
    # A worker that the machine let wait resumes as well.
    assert {0, before} <= {number for number, tick in enumerate(came) if tick.resumed}
    calm = [b.time - a.time for a, b in pairwise(came) if not b.resumed]
    assert min(calm) <= TICK_INTERVAL_NS * 1.5


def ticks(spec: ClusterSpec, partition: int) -> list[Tick]:
    """The ticks that workers appended to a partition, in order."""
    entries = [
        decode(each.value or b"")
        for each in lying(spec, Topics(spec.prefix).log)
        if each.partition == partition
    ]
    return [
        entry.payload
        for entry in entries
        if isinstance(entry.payload, Tick) and entry.header.producer.startswith("tick:")
    ]
