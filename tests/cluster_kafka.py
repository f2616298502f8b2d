"""A cluster's topics from a test's side: made, filled, read; and workers as processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from cluster_runs import Recorded, by_partition
from lifeline.engine.cluster.admin import init
from lifeline.engine.cluster.append import start_producer, stop_producer
from lifeline.engine.cluster.configs import ConfigStore
from lifeline.engine.cluster.connection import client_options
from lifeline.engine.cluster.marker import Marker
from lifeline.engine.cluster.spec import ClusterSpec, WorkerSpec
from lifeline.engine.cluster.topics import Topics
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.record import Record, decode_record
from plant_files import HEAD, PlantFiles

PATIENCE_S = 180.0
#: Checkpoints every second, so that a run of seconds has many. A worker that a busy machine lets wait for
#: half a session ends.
EAGER = WorkerSpec(
    checkpoint=SECOND_NS, session=10 * SECOND_NS, heartbeat=SECOND_NS, rebalance=20 * SECOND_NS
)
#: The same where no worker dies without leaving: one that a busy machine lets wait is not given up.
STEADY = msgspec.structs.replace(EAGER, session=40 * SECOND_NS, rebalance=60 * SECOND_NS)


def spec_of(bootstrap: str, prefix: str, partitions: int = 3) -> ClusterSpec:
    """A cluster on one test broker."""
    return ClusterSpec(
        (bootstrap,), prefix, partitions, area_partitions=1, replication=1, worker=EAGER
    )


class Lying(NamedTuple):
    """A record as it lies on a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]


def prepare(spec: ClusterSpec, log: Recorded) -> None:
    """Makes the topics, puts the configurations on theirs, loads the log verbatim."""

    async def all_of_it() -> None:
        await init(spec)
        async with ConfigStore(spec) as store:
            for configuration in log.configurations:
                await store.publish(configuration, spec.partitions)

    asyncio.run(all_of_it())
    load(spec, by_partition(log, spec.partitions))


def load(spec: ClusterSpec, parts: Sequence[Iterable[bytes]]) -> None:
    """Appends encoded entries, by partition."""

    async def send() -> None:
        producer = await start_producer(spec, "test-loader")
        try:
            log = Topics(spec.prefix).log
            for partition, entries in enumerate(parts):
                sent = [await producer.send(log, each, partition=partition) for each in entries]
                await asyncio.gather(*sent)
        finally:
            await stop_producer(producer)

    asyncio.run(send())


def lying(spec: ClusterSpec, topic: str) -> list[Lying]:
    """Every record of a topic, by partition in order."""

    async def read() -> list[Lying]:
        consumer = AIOKafkaConsumer(**client_options(spec), auto_offset_reset="earliest")
        await consumer.start()
        try:
            found: list[Lying] = []
            await consumer._client.force_metadata_update()
            numbers = (await consumer._client.fetch_all_metadata()).partitions_for_topic(topic)
            where = [TopicPartition(topic, number) for number in sorted(numbers or ())]
            ends = await consumer.end_offsets(where)
            for each in where:
                consumer.assign([each])
                await consumer.seek_to_beginning(each)
                while await consumer.position(each) < ends[each]:
                    for batch in (await consumer.getmany(timeout_ms=200)).values():
                        found += [
                            Lying(each.partition, r.offset, r.key, r.value, dict(r.headers))
                            for r in batch
                        ]
            return found
        finally:
            await consumer.stop()

    return asyncio.run(read())


@dataclass
class Delivered:
    """What a receiver makes of the alert topic, after the `seq` filter.

    `gaps` are (site, seq found, seq expected), `differing` (site, seq) that came again with
    other bytes; both must stay empty. `repeated` is how many were dropped as known.
    """

    records: dict[tuple[str, int], bytes] = field(default_factory=dict)
    repeated: int = 0
    gaps: list[tuple[str, int, int]] = field(default_factory=list)
    differing: list[tuple[str, int]] = field(default_factory=list)

    def digests(self) -> dict[str, str]:
        """By site, from the last record of each; the engine's own sites left out."""
        last: dict[str, Record] = {}
        for (site, _), data in sorted(self.records.items()):
            last[site] = decode_record(data)
        return {s: r.hash for s, r in last.items() if not s.startswith("_engine")}


def delivered(spec: ClusterSpec) -> Delivered:
    """Reads the alert topic as a sink does: drops `seq` ≤ last, and looks for what must not be."""
    found = Delivered()
    last: dict[str, int] = {}
    for each in lying(spec, Topics(spec.prefix).alerts):
        assert each.value is not None
        record = decode_record(each.value)
        assert each.key == record.site.encode()
        seen = last.get(record.site, 0)
        if record.seq <= seen:
            found.repeated += 1
            if found.records[record.site, record.seq] != each.value:
                found.differing.append((record.site, record.seq))
        else:
            if record.seq != seen + 1:
                found.gaps.append((record.site, record.seq, seen + 1))
            found.records[record.site, record.seq] = each.value
            last[record.site] = record.seq
    return found


def markers(spec: ClusterSpec) -> list[tuple[int, Marker]]:
    """(partition, marker) of every marker that was written and is not compacted, in order."""
    return [
        (each.partition, msgspec.json.decode(each.value, type=Marker))
        for each in lying(spec, Topics(spec.prefix).checkpoints)
        if each.value and each.key and each.key.startswith(b"mark|")
    ]


class WorkerProcess:
    """`lifeline worker` on a cluster, with its output in a file."""

    def __init__(
        self, spec: ClusterSpec, folder: Path, *arguments: str, crash_at: str = "", name: str = "w"
    ) -> None:
        config = plant_file(spec, folder)
        self.output = folder / f"{name}.log"
        environment = {**os.environ, **({"LIFELINE_WORKER_CRASH_AT": crash_at} if crash_at else {})}
        with self.output.open("ab") as out:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-m", "lifeline.engine.cli", "worker", str(config),
                    "--name", name, "--verbose", *arguments,
                ],
                stdout=out, stderr=out, env=environment, cwd=folder,
            )  # fmt: skip

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()

    def kill9(self) -> None:
        """As a power cut would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        self.process.terminate()
        return self.wait()

    def wait(self) -> int:
        """Its exit code, when it has ended."""
        return self.process.wait(PATIENCE_S)

    def text(self) -> str:
        """What it said."""
        return self.output.read_text(errors="replace")


def until(what: Any, why: str, within_s: float = PATIENCE_S) -> None:
    """Waits for `what()` to be true; fails with `why` in vain."""
    give_up = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < give_up, why() if callable(why) else why
        time.sleep(0.1)


def plant_file(spec: ClusterSpec, folder: Path) -> Path:
    """A `lifeline.yaml` of the cluster. Its sensors are those of `plant_files`: a worker takes its
    configuration from the log."""

    def seconds(ns: int) -> str:
        return f"{ns // SECOND_NS}s"

    worker = spec.worker
    section = f"""\
cluster:
  servers: {list(spec.servers)}
  prefix: {spec.prefix}
  partitions: {spec.partitions}
  area_partitions: {spec.area_partitions}
  replication: {spec.replication}
  worker:
    checkpoint: {seconds(worker.checkpoint)}
    session: {seconds(worker.session)}
    heartbeat: {seconds(worker.heartbeat)}
    rebalance: {seconds(worker.rebalance)}
"""
    folder.mkdir(parents=True, exist_ok=True)
    return PlantFiles(head=HEAD + section).write(folder)
