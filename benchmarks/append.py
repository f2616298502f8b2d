"""Durable append: samples/s into the embedded log on a real disk, each commit flushed.

Entries of 1,000 samples. "One after another" waits for each to be durable before it gives the next,
as a careful caller with one batch would; "queued" keeps the writer's queue filled, so that one commit
takes many. Reading back to the core checks every hash.
"""

from __future__ import annotations

import time

import numpy as np
from figure import Figure, Setting, grouped, median_rate, percentile

from lifeline.engine.configuration import Configuration
from lifeline.engine.entry import Entry, Header, encode
from lifeline.engine.frame import Frame
from lifeline.engine.log import LogStore

ROWS, SINGLE, QUEUED, PASSES = 1_000, 500, 2_000, 5
TARGET = "≥ 0.5 M samples/s"


def entry() -> bytes:
    """One encoded entry of ROWS samples."""
    rng = np.random.default_rng(3)
    times = 1_700_000_000_000_000_000 + np.arange(ROWS) * 1_000_003
    frame = Frame.of(rng.integers(0, 10_000, ROWS), times, rng.normal(20.0, 3.0, ROWS))
    header = Header("bench", "agent", 1, int(times[-1]), registry=Configuration().version())
    return encode(Entry(header, frame))


def one_after_another(store: LogStore, data: bytes) -> list[float]:
    """Seconds that each append took until it was durable."""
    waits = []
    for _ in range(SINGLE):
        began = time.perf_counter()
        store.append([data]).wait()
        waits.append(time.perf_counter() - began)
    return waits


def queued(store: LogStore, data: bytes) -> None:
    """QUEUED entries, waiting only for the last."""
    tickets = [store.append([data]) for _ in range(QUEUED)]
    for ticket in tickets:
        ticket.wait()


def read_back(store: LogStore) -> None:
    """QUEUED entries from the log's beginning, as the step loop reads them."""
    position, left = store.first() - 1, QUEUED
    while left > 0:
        entries = store.read(position, min(left, 256))
        position, left = entries[-1][0], left - len(entries)


def figures(setting: Setting) -> list[Figure]:
    """Three ways in and out of the same log."""
    data = entry()
    store = LogStore.open(setting.work)
    try:
        waits = one_after_another(store, data)[SINGLE // 10 :]
        alone = ROWS * len(waits) / sum(waits)
        together = median_rate(lambda: queued(store, data), ROWS * QUEUED, PASSES)
        back = median_rate(lambda: read_back(store), ROWS * QUEUED, PASSES)
    finally:
        store.close()
    wait = f"{1e3 * percentile(waits, 0.5):.1f} / {1e3 * percentile(waits, 0.99):.1f} ms"
    return [
        Figure(
            "durable append, one entry of 1,000 after another",
            f"{grouped(alone / 1e6)} M samples/s; wait p50 / p99 {wait}",
            TARGET,
        ),
        Figure("durable append, queued", f"{grouped(together / 1e6)} M samples/s", TARGET),
        Figure("read back, hashes checked", f"{grouped(back / 1e6)} M samples/s"),
    ]
