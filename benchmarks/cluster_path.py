"""The latency of the cluster: from the publish of a sample to its alert record (see `cluster`)."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from cluster_bench import READY_S, Bench
from figure import Figure, NotMeasured, percentile
from plants import MARKERS, STAMP, Plant

from lifeline.engine.cluster.spec import ClusterSpec
from lifeline.engine.cluster.topics import Topics
from servers.mosquitto import Mosquitto

MARKS, MARKS_PER_S = 400, 40.0


def latency(bench: Bench, folder: Path) -> list[Figure]:
    """From the publish of a crossing sample to its alert record at a consumer."""
    spec = bench.spec("path", 2)
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder / "mosquitto"))
        config = _path_files(folder, broker, spec)
        for words in (("cluster", "init"), ("cluster", "apply")):
            _lifeline(words, config)
        for role, more in (("agent", ()), ("worker", ("--name", "w"))):
            stack.enter_context(_role(role, config, folder, more))
        taken = asyncio.run(_published(broker, spec))
    value = f"p50 {percentile(taken, 0.5):.0f} ms, p99 {percentile(taken, 0.99):.0f} ms"
    return [
        Figure(
            "cluster, latency from MQTT publish to alert record",
            f"{value} ({len(taken)} alerts at {MARKS_PER_S:.0f} a second)",
        )
    ]


def _path_files(folder: Path, broker: Mosquitto, spec: ClusterSpec) -> Path:
    file = Plant(1_000, 10).write(folder / "plant", broker.port)
    section = (
        f"cluster: {{servers: [{spec.servers[0]}], prefix: {spec.prefix}, partitions: "
        f"{spec.partitions}, area_partitions: 1, replication: 1}}\n"
    )
    file.write_text(file.read_text() + section)
    return file


def _lifeline(words: Sequence[str], config: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lifeline.engine.cli", *words, str(config)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotMeasured(f"lifeline {' '.join(words)}: {done.stderr[-300:]}")


@contextmanager
def _role(role: str, config: Path, folder: Path, more: Sequence[str]) -> Iterator[None]:
    with (folder / f"{role}.log").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "lifeline.engine.cli", role, str(config), *more],
            stdout=said,
            stderr=said,
        )
    try:
        yield
    finally:
        process.kill()
        process.wait()


async def _published(broker: Mosquitto, spec: ClusterSpec) -> list[float]:
    """Milliseconds of each marker. The first ones show when the path is there."""
    from receivers import client as paho_client

    made = paho_client("bench-markers")
    made.connect("127.0.0.1", broker.port)
    made.loop_start()
    sent: dict[int, int] = {}
    came: dict[int, int] = {}
    listening = asyncio.create_task(_listen(spec, came))
    try:
        await _mark(made, sent, came)
    finally:
        listening.cancel()
        made.loop_stop()
    taken = [(came[ms] - sent[ms]) / 1e6 for ms in sent if ms in came]
    if len(taken) < MARKS / 2:
        raise NotMeasured(f"{len(taken)} alerts of {MARKS} markers")
    return taken[MARKS // 10 :]


async def _mark(made: Any, sent: dict[int, int], came: dict[int, int]) -> None:
    shape, number = Plant(1_000, 10), 0
    give_up = time.monotonic() + READY_S
    while len(came) < MARKERS:  # agent and worker are coming up
        number = _publish(made, shape, number, {})
        await asyncio.sleep(0.1)
        if time.monotonic() > give_up:
            raise NotMeasured("no alert came through")
    for _ in range(MARKS):
        number = _publish(made, shape, number, sent)
        await asyncio.sleep(1.0 / MARKS_PER_S)
    await asyncio.sleep(2.0)


def _publish(made: Any, shape: Plant, number: int, sent: dict[int, int]) -> int:
    topic, payload = shape.marker(number)
    ms = time.time_ns() // 1_000_000
    sent[ms] = time.monotonic_ns()
    made.publish(topic, payload.replace(STAMP, str(ms).encode()), qos=1)
    return number + 1


async def _listen(spec: ClusterSpec, came: dict[int, int]) -> None:
    """Event time of each alert record of a marker, in ms, and when it came."""
    from aiokafka import AIOKafkaConsumer, TopicPartition

    topic = Topics(spec.prefix).alerts
    consumer: Any = AIOKafkaConsumer(
        bootstrap_servers=spec.servers[0], auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, p) for p in range(spec.partitions)])
        async for message in consumer:
            record = msgspec.json.decode(message.value)
            if record["rule"] == "marker":
                came.setdefault(record["time"] // 1_000_000, time.monotonic_ns())
    finally:
        await consumer.stop()
