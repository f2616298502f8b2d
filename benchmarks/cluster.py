"""The cluster on this machine: one Kafka broker on one core, workers on the other.

Samples/s: a log of Frames of 1,000 or 100 samples lies ready; 10,000 sensors at 20 sites, judged by
limit, trend and silence, a tick every two seconds, a checkpoint every two. The worker is the one of
`lifeline worker`; the rate is from its first step to its last. Two workers share both cores with the
broker, on two partitions: what is left of the second core.

Kill to first step: of two workers one is killed while samples flow; until the other has stepped a
record of a partition that was not its own. Most of it is the session (6 s here, 10 s as shipped).

Latency: MQTT publish → Mosquitto → `lifeline agent` (its local log flushed) → Kafka → worker → alert
record at a plain consumer.

Plain faust judges one event a record in the same way, by one limit and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from itertools import pairwise
from typing import Any

from cluster_bench import READY_S, SECOND, Bench, Child, on_core, started_worker
from cluster_path import latency
from core import gas_samples, limit_rule, plant, stale_rule, trend_rule
from engines import compile_kernels, processor_s
from figure import Figure, NotMeasured, Setting, grouped, unmeasured

from lifeline.engine.cluster.admin import init
from lifeline.engine.cluster.configs import ConfigStore
from lifeline.engine.cluster.partitioning import split
from lifeline.engine.cluster.spec import ClusterSpec
from lifeline.engine.cluster.topics import Topics
from lifeline.engine.configuration import Configuration
from lifeline.engine.entry import Entry, Header, NamedConfiguration, Tick, encode
from lifeline.engine.frame import Frame
from servers.kafka import Kafka

SENSORS, SITES = 10_000, 20
# Samples of a run by rows of a Frame, and what is wanted.
RUNS = {1_000: (6_000_000, "≥ 1 M samples/s"), 100: (1_200_000, "≥ 200 k samples/s")}
KILLS, EVENTS = 2, 15_000

# --- a log that lies ready ------------------------------------------------------------------------


def configuration() -> Configuration:
    """10,000 sensors at 20 sites under three rules."""
    return plant(
        SENSORS, (limit_rule("limit", 35.0), trend_rule(), stale_rule()), 10 * SECOND, SITES
    )


def prepared(spec: ClusterSpec, samples: int, rows: int) -> int:
    """Makes topics and configuration, loads the log; how many samples it holds."""
    city = configuration()
    parts = split(city, spec.partitions)
    made = 0

    async def load() -> None:
        nonlocal made
        await init(spec)
        async with ConfigStore(spec) as store:
            await store.publish(city, spec.partitions)
        async with producing(spec) as producer:
            for p, part in enumerate(parts.parts):
                for data, n in entries(part, samples // spec.partitions, rows):
                    await producer.send(Topics(spec.prefix).log, data, partition=p)
                    made += n
            await producer.flush()

    asyncio.run(load())
    return made


class producing:
    """A plain producer, started and flushed."""

    def __init__(self, spec: ClusterSpec) -> None:
        from aiokafka import AIOKafkaProducer

        self._producer: Any = AIOKafkaProducer(
            bootstrap_servers=spec.servers[0], acks="all", linger_ms=5, max_batch_size=1 << 19
        )

    async def __aenter__(self) -> Any:
        await self._producer.start()
        return self._producer

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()


def entries(part: Configuration, samples: int, rows: int) -> Iterator[tuple[bytes, int]]:
    """The encoded log of one partition as it was recorded, and the samples of each entry."""
    sensors, version = len(part.sensors), part.version()
    sensor, t, v = gas_samples(sensors, max(1, samples // sensors))
    now, ticked = SECOND, 0
    yield encode(Entry(Header(received=now, appended=now), NamedConfiguration(version))), 0
    for i in range(0, len(t), rows):
        some = slice(i, i + rows)
        now = SECOND + int(t[some][-1])
        frame = Frame.of(sensor[some], SECOND + t[some], v[some])
        yield encode(Entry(Header(registry=version, received=now, appended=now), frame)), len(frame)
        if now - ticked >= 2 * SECOND:
            yield encode(Entry(Header(received=now, appended=now), Tick(now))), 0
            ticked = now


# --- rates ----------------------------------------------------------------------------------------


def stepping(lines: Sequence[dict[str, Any]]) -> tuple[int, int, int]:
    """When the first step was seen and the last one (ns), and the samples between."""
    known = [line for line in lines if "samples" in line]
    moving = [b for a, b in pairwise(known) if b["samples"] > a["samples"]]
    if len(moving) < 3:
        raise NotMeasured(f"only {len(moving)} looks at a worker at work")
    first, last = moving[0], moving[-1]
    return first["at"], last["at"], last["samples"] - first["samples"]


def one_worker(bench: Bench, rows: int) -> list[Figure]:
    """A worker alone on its core; with Frames of 1,000 also its checkpoints."""
    samples, target = RUNS[rows]
    spec = bench.spec(f"one-{rows}", 1)
    total = prepared(spec, samples, rows)
    with started_worker(bench, spec, "alone", both=False) as worker:
        worker.until(lambda: worker.last.get("samples", 0) > 0, "step", READY_S)
        used = processor_s(worker.process.pid)
        worker.until(lambda: worker.last.get("samples", 0) >= total, "end of the log", READY_S)
        used = processor_s(worker.process.pid) - used
        since, until, made = stepping(worker.lines)
        time.sleep(3.0)  # the checkpoint behind the last entry
        last = worker.last
    took = (until - since) / 1e9
    rate, steps = made / took, last["step_ns"] / 1e9 / took
    value = f"{grouped(rate)} samples/s; {used / took:.2f} of its core, {steps:.2f} in steps"
    found = [Figure(f"cluster, one worker, Frames of {rows:,}", value, target)]
    if rows == 1_000:
        found.append(
            Figure(
                "cluster, checkpoint of 10,000 sensors (limit, trend, silence)",
                f"{last['bytes'] / 1e6:.2f} MB stored, {last['checkpoint_ns'] / 1e6:.0f} ms until"
                f" durable, of which the loop stands {last['cut_ns'] / 1e6:.0f} ms at most;"
                f" {last['checkpoints']} in the run",
            )
        )
    return found


def two_workers(bench: Bench) -> list[Figure]:
    """Two partitions, two workers, two cores that the broker shares."""
    spec = bench.spec("two", 2)
    total = prepared(spec, RUNS[1_000][0], 1_000)
    with ExitStack() as stack:
        pair = [
            stack.enter_context(started_worker(bench, spec, f"of-two-{n}", both=True))
            for n in range(2)
        ]
        pair[0].until(
            lambda: sum(w.last.get("samples", 0) for w in pair) >= total, "end of the log", READY_S
        )
        spans = []
        for worker in pair:
            with suppress(NotMeasured):
                spans.append(stepping(worker.lines))
    # Whoever came first may have had both partitions for a while; only the time of both counts.
    if len(spans) < 2:
        raise NotMeasured("one worker had stepped everything before the other joined")
    rate = sum(made / ((until - since) / 1e9) for since, until, made in spans)
    return [Figure("cluster, two workers, Frames of 1,000", f"{grouped(rate)} samples/s together")]


# --- a kill -----------------------------------------------------------------------------------------


def after_kills(bench: Bench) -> list[Figure]:
    """From SIGKILL until the successor has stepped what the dead worker would have."""
    spec = bench.spec("killed", 2)
    prepared(spec, 20_000, 100)
    took = []
    with ExitStack() as stack:
        alive = [
            stack.enter_context(started_worker(bench, spec, f"k-{n}", "--ticks", both=True))
            for n in range(2)
        ]
        for number in range(KILLS):
            for worker in alive:
                worker.until(lambda w=worker: len(w.last.get("parts", ())) == 1, "partition")  # type: ignore[misc]
            time.sleep(2.5)
            dead, successor = alive
            (lost,) = dead.last["parts"]
            stood = dead.last["parts"][lost]
            killed = time.monotonic_ns()
            dead.process.kill()
            successor.until(
                lambda s=successor, p=lost, at=stood: s.last.get("parts", {}).get(p, 0) > at + 1,  # type: ignore[misc]
                "step by the successor",
            )
            took.append((successor.last["at"] - killed) / 1e9)
            alive = [successor]
            if number + 1 < KILLS:
                fresh = started_worker(bench, spec, f"k-{number + 2}", "--ticks", both=True)
                alive.append(stack.enter_context(fresh))
    value = (
        f"{statistics.median(took):.1f} s (at most {max(took):.1f} s of {len(took)}; session 6 s)"
    )
    return [Figure("cluster, from a kill to the successor's first step", value)]


# --- plain faust ------------------------------------------------------------------------------------


def plain(bench: Bench) -> list[Figure]:
    """One event a record."""
    spec = bench.spec("plain", 1)

    async def load() -> None:
        await init(spec)
        async with producing(spec) as producer:
            for n in range(EVENTS):
                event = {"sensor": f"x{n % 100}", "value": 20.0 + n % 17, "time": n}
                data = json.dumps(event).encode()
                await producer.send(Topics(spec.prefix).log, data, partition=0)
            await producer.flush()

    asyncio.run(load())
    words = ("faust", bench.kafka.bootstrap, Topics(spec.prefix).log, str(EVENTS))
    with Child(*words, cores=(bench.worker_core,)) as child:
        child.until(lambda: "took_ns" in child.last, "end of the events")
        rate = EVENTS / (child.last["took_ns"] / 1e9)
    return [Figure("plain faust, one event a record", f"{grouped(rate)} events/s")]


def figures(setting: Setting) -> list[Figure]:
    """Everything of the cluster. What fails leaves the others alone."""
    cores = sorted(os.sched_getaffinity(0))
    broker_core, worker_core = cores[0], cores[-1]
    compile_kernels()
    found: list[Figure] = []
    setting.work.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        with on_core(broker_core):
            kafka = Kafka(setting.work / "kafka", heap_mb=768, fast_start=False)
            stack.enter_context(kafka)
        bench = Bench(kafka, broker_core, worker_core)
        runs: tuple[tuple[str, Callable[[], list[Figure]]], ...] = (
            ("cluster, Frames of 1,000", lambda: one_worker(bench, 1_000)),
            ("cluster, Frames of 100", lambda: one_worker(bench, 100)),
            ("plain faust, one event a record", lambda: plain(bench)),
            ("cluster, two workers", lambda: two_workers(bench)),
            ("cluster, from a kill to the successor's first step", lambda: after_kills(bench)),
            ("cluster, latency", lambda: latency(bench, setting.work / "path")),
        )
        for name, run in runs:
            try:
                found += run()
            except (NotMeasured, AssertionError) as reason:
                found.append(unmeasured(name, reason))
    return found
