"""What everything weighs: a sample in the log, on Kafka and on this disk, a snapshot, an alert record.

Bytes, not times: the figures are the same on every machine. They are what docs/sizing.md multiplies.
Samples are real Frames of sensors in a site, encoded as agents encode them; snapshots are those of cores
whose sensors have spoken for longer than their windows.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import numpy as np
from core import SECOND, entries, gas_samples, limit_rule, plant, stale_rule, trend_rule
from figure import Figure, Setting, grouped

from lifeline.engine.configuration import Configuration
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header, encode
from lifeline.engine.frame import Frame
from lifeline.engine.log import LogStore
from lifeline.engine.rule import Rule

SENSORS, ROUNDS = 10_000, 15
FRAMES = (1, 10, 100, 1_000)
ENTRIES_ON_DISK = 2_000
VERSION = Configuration().version()


def entry(samples: int, first: int = 0) -> bytes:
    """An encoded entry as an agent sends it."""
    rng = np.random.default_rng(samples)
    times = 1_700_000_000_000_000_000 + np.arange(samples) * 1_000_003
    sensors = (first + np.arange(samples)) % SENSORS
    frame = Frame.of(sensors, times, rng.normal(20.0, 3.0, samples))
    header = Header("acme", "agent-east", 1 + first, int(times[-1]), registry=VERSION)
    return encode(Entry(header, frame))


def kafka_batch(data: bytes, records: int) -> int:
    """Bytes of a Kafka batch of so many such records, by the client's own writer."""
    from aiokafka.record.default_records import DefaultRecordBatchBuilder

    builder: Any = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=0,
        producer_id=1, producer_epoch=0, base_sequence=0, batch_size=1 << 24,
    )  # fmt: skip
    for offset in range(records):
        builder.append(offset, timestamp=1_700_000_000_000, key=None, value=data, headers=[])
    return len(builder.build())


def in_the_log() -> list[Figure]:
    """Bytes of a sample as an entry, and on Kafka in batches of one and of ten records."""
    found = []
    for samples in FRAMES:
        data = entry(samples)
        alone, many = kafka_batch(data, 1), kafka_batch(data, 10) / 10
        value = (
            f"{len(data) / samples:.1f} in the entry, on Kafka {alone / samples:.1f} alone, "
            f"{many / samples:.1f} in batches of ten"
        )
        found.append(Figure(f"bytes per sample, Frames of {grouped(samples)}", value))
    return found


def on_this_disk(folder: Path) -> list[Figure]:
    """Bytes of a sample in the embedded log's file."""
    found = []
    for samples in (1, 10, 100, 1_000):
        directory = folder / f"log-{samples}"
        directory.mkdir(parents=True)
        store = LogStore.open(directory)
        firsts = range(0, ENTRIES_ON_DISK * samples, samples)
        for ticket in [store.append([entry(samples, first)]) for first in firsts]:
            ticket.wait()
        store.close()
        size = (directory / "log.db").stat().st_size / (ENTRIES_ON_DISK * samples)
        found.append(
            Figure(f"bytes per sample in log.db, Frames of {grouped(samples)}", f"{size:.1f}")
        )
    return found


def spoken(rules: tuple[Rule, ...], sites: int) -> tuple[Core, list[int]]:
    """A core whose sensors have spoken for longer than its windows, and its records' bytes."""
    config = plant(SENSORS, rules, 10 * SECOND, sites)
    core = Core()
    core.step(1, Entry(Header(), config))
    sizes: list[int] = []
    for position, each in enumerate(entries(config, gas_samples(SENSORS, ROUNDS), 1_000), 2):
        sizes += [len(record.encode()) for record in core.step(position, each)]
    return core, sizes


def snapshots() -> list[Figure]:
    """Bytes of a snapshot per sensor, and per instance of each kind by difference; packed as a
    worker's checkpoint is on Kafka."""
    from lifeline.engine.cluster.marker import pack_chunks

    limits = tuple(limit_rule(f"limit-{n}", 35.0 + n) for n in range(3))
    with_limits = len(spoken((*limits[:1], stale_rule()), 1)[0].snapshot())
    more_limits = len(spoken((*limits, stale_rule()), 1)[0].snapshot())
    with_trend = len(spoken((*limits[:1], stale_rule(), trend_rule()), 1)[0].snapshot())
    usual, records = spoken((*limits[:2], stale_rule(), trend_rule()), 1_000)
    snapshot = usual.snapshot()
    many, packed = len(snapshot), sum(map(len, pack_chunks(snapshot)[0]))
    per_limit = (more_limits - with_limits) / (2 * SENSORS)
    return [
        Figure("snapshot bytes per limit instance", f"{per_limit:.0f}"),
        Figure("snapshot bytes per trend instance", f"{(with_trend - with_limits) / SENSORS:.0f}"),
        Figure(
            f"snapshot of {grouped(SENSORS)} sensors, a limit and silence each",
            f"{with_limits / 1e6:.1f} MB",
        ),
        Figure(
            f"snapshot of {grouped(SENSORS)} sensors at 1,000 sites, two limits, trend, silence each",
            f"{many / 1e6:.1f} MB, {many / SENSORS:.0f} bytes per sensor; "
            f"packed {packed / 1e6:.1f} MB, {packed / SENSORS:.0f} bytes per sensor",
        ),
        Figure(
            "bytes per alert record",
            f"{statistics.mean(records):.0f} (the middle of {grouped(len(records))}: "
            f"{statistics.median(records):.0f})",
        ),
    ]


def figures(setting: Setting) -> list[Figure]:
    """All weights."""
    return [*in_the_log(), *on_this_disk(setting.work), *snapshots()]
