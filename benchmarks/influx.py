"""InfluxDB: delivery beside bare posts of the same bodies, alert latency while it is away, memory.

Delivery is the engine's own output: read from the log on disk (entries of 1,000 samples, 5,000
sensors), encoded, packed, written, its cursor made durable. Beside it a loop posts the same bodies,
packed beforehand, over one connection of urllib3: what the server takes at best from one sender.
Both in turn, each round into a database of its own on the same server, medians of the rounds.

Latency is from before the write to the socket until an MQTT subscriber's callback, single samples at
a steady rate; the engine writes alerts and series to InfluxDB meanwhile, which is up, then stopped
(SIGSTOP: it accepts and hangs) for 4 of each 5 seconds, then dead; several times in turn, since the
p99 of 750 alerts is the eighth slowest of them, and medians of the rounds' ratios. Memory is the engine's RSS at
the full rate of messages of 50 samples from the moment at which InfluxDB dies; --outage says for how
long.
"""

from __future__ import annotations

import os
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from figure import Figure, NotMeasured, Setting, grouped, percentile, seconds, spread, unmeasured
from lineprotocol import SENSORS, configuration
from load import Order
from path import LATENCY_MARKERS_PER_S, SETTLE_S, Bench, two_cores
from plants import Plant

from lifeline.engine.clock import SystemClock
from lifeline.engine.entry import Entry, Header, encode
from lifeline.engine.frame import Frame
from lifeline.engine.limits import INFLUX_BATCH_BYTES, INFLUX_BATCH_POINTS
from lifeline.engine.log import LogStore
from lifeline.engine.outputs.influx_feeds import SeriesFeed
from lifeline.engine.outputs.influx_http import InfluxTarget
from lifeline.engine.outputs.influx_output import output_to
from servers.influx import Influx, InfluxV1, InfluxV2

ROWS, ENTRIES, ROUNDS = 1_000, 300, 5
LATENCY_ROUNDS = 3
WITHIN_S = 300.0
RATE, LATENCY_S = 2_000.0, 15.0
STOPPED_S, RUNNING_S = 4.0, 1.0
MARK_EVERY = 100
FULL = Plant(10_000, 20, points=50)
TARGET, LATENCY_TARGET = "≥ 0.85", "ratio ≤ 1.2"


# --- delivery ------------------------------------------------------------------------------------


def fill(store: LogStore) -> int:
    """A configuration and ENTRIES of ROWS samples; the log's end."""
    plant = configuration()
    rng, version = np.random.default_rng(5), plant.version()
    start = 1_700_000_000_000_000_000
    tickets = [store.append([encode(Entry(Header(), plant))])]
    for number in range(ENTRIES):
        times = start + (number * ROWS + np.arange(ROWS)) * 1_000_003
        frame = Frame.of(rng.integers(0, SENSORS, ROWS), times, rng.normal(20.0, 3.0, ROWS))
        tickets.append(store.append([encode(Entry(Header(registry=version), frame))]))
    return tickets[-1].wait()


def bodies(store: LogStore) -> list[bytes]:
    """What the output sends for the whole log, unpacked."""
    feed, position, found = SeriesFeed(store, lambda _: None), 0, []
    while (portion := feed.next(position)) is not None:
        lines, position = portion.lines, portion.position
        found += [
            lines.cut(*each) for each in lines.batches(INFLUX_BATCH_POINTS, INFLUX_BATCH_BYTES)
        ]
    return found


def deliver(store: LogStore, target: InfluxTarget, name: str, end: int) -> float:
    """Seconds until the output of that name has delivered the whole log."""
    began = time.perf_counter()
    output = output_to(
        target, name, SeriesFeed(store, lambda _: None), store, SystemClock(),
        lambda at: end - at, lambda _kind, _text: None,
    )  # fmt: skip
    output.start()
    try:
        while output.position < end:
            if time.perf_counter() - began > WITHIN_S or output.troubles():
                raise NotMeasured(f"the output came to {output.position}: {output.troubles()}")
            time.sleep(0.001)
        return time.perf_counter() - began
    finally:
        output.stop()
        store.drop_cursor(name)


def post(server: Influx, path: str, packed: list[bytes]) -> None:
    """The bodies, one after the other."""
    import urllib3

    pool = urllib3.PoolManager(retries=False)
    headers = {"Content-Encoding": "gzip"}
    for body in packed:
        answer = pool.request("POST", server.url + path, body=body, headers=headers)
        if answer.status != 204:
            raise NotMeasured(f"{answer.status}: {answer.data[:200]!r}")


def compared(server: Influx, store: LogStore, end: int, plain: list[bytes]) -> Figure:
    """Points/s of both ways into this server, round by round."""
    from lifeline.engine.outputs.influx_http import pack

    v2 = isinstance(server, InfluxV2)
    packed = [pack(body) for body in plain]
    ours, bare = [], []
    for number in range(ROUNDS + 1):
        one, other = f"ours{number}", f"bare{number}"
        for database in (one, other):
            server.create(database)
        target = InfluxTarget(server.url, database=one)
        took = deliver(store, target, f"series:{one}", end)
        query = f"/api/v2/write?org=-&bucket={other}/autogen" if v2 else f"/write?db={other}"
        alone = seconds(lambda query=query: post(server, query, packed))
        if number:  # the first round of both is not counted
            ours.append(ROWS * ENTRIES / took)
            bare.append(ROWS * ENTRIES / alone)
        for database in (one, other):
            server.query(f'DROP DATABASE "{database}"')
    ratio = statistics.median(a / b for a, b in zip(ours, bare, strict=True))
    value = f"{spread(ours)} points/s, bare {grouped(statistics.median(bare))}, ratio {ratio:.2f}"
    return Figure(f"InfluxDB {server.version}, delivered from the log", value, TARGET)


def delivery(setting: Setting) -> list[Figure]:
    """Both servers, and what comes before the server alone."""
    store = LogStore.open(setting.work / "log")
    try:
        end = fill(store)
        plain = bodies(store)
        alone = [ROWS * ENTRIES / seconds(lambda: bodies(store)) for _ in range(ROUNDS)]
        found = [
            Figure("InfluxDB, read from the log and encoded alone", f"{spread(alone)} points/s")
        ]
        for kind in (InfluxV2, InfluxV1):
            with kind(setting.work / kind.version) as server:
                found.append(compared(server, store, end, plain))
    finally:
        store.close()
    return found


# --- alarms while it is away ---------------------------------------------------------------------


@contextmanager
def hanging(server: Influx) -> Iterator[None]:
    """The server is stopped for most of each five seconds."""
    done = threading.Event()

    def turns() -> None:
        while not done.is_set():
            os.kill(server.pid, signal.SIGSTOP)
            done.wait(STOPPED_S)
            os.kill(server.pid, signal.SIGCONT)
            done.wait(RUNNING_S)

    thread = threading.Thread(target=turns)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def p99_ms(bench: Bench) -> tuple[float, int]:
    """Of alerts at the steady rate, and how many there were."""
    every = max(2, round(RATE / LATENCY_MARKERS_PER_S))
    sent, came = bench.carry_out(Order(LATENCY_S + SETTLE_S, RATE, every))
    first = sent.began + int(SETTLE_S * 1e9)
    left = [(at - sent.markers[ms]) / 1e6 for at, ms in came if sent.markers.get(ms, 0) >= first]
    if not left:
        raise NotMeasured("no alert came out")
    return percentile(left, 0.99), len(left)


def latency(setting: Setting) -> list[Figure]:
    """Alert latency with InfluxDB up, hanging, dead."""
    name = "alert latency p99 with InfluxDB up, hanging, dead"
    rounds = []
    with InfluxV2(setting.work / "latency-influx") as server:
        plant = Plant(10_000, 20, influx=server.url)
        with Bench(setting.work / "latency", plant, MARK_EVERY, setting) as bench:
            bench.through_engine()
            p99_ms(bench)  # until everything is warm
            for _ in range(LATENCY_ROUNDS):
                up, count = p99_ms(bench)
                with hanging(server):
                    slow, _ = p99_ms(bench)
                server.kill9()
                away, _ = p99_ms(bench)
                server.start()
                rounds.append((up, slow, away, slow / up, away / up))
            account = bench.account()
    up, slow, away, by_slow, by_away = (statistics.median(x) for x in zip(*rounds, strict=True))
    value = (
        f"{up:.1f}, {slow:.1f}, {away:.1f} ms; ratios {by_slow:.2f} and {by_away:.2f} "
        f"({len(rounds)} rounds, {count} alerts each at {grouped(RATE)} messages/s){account}"
    )
    return [Figure(name, value, LATENCY_TARGET)]


def memory(setting: Setting) -> list[Figure]:
    """RSS from the death of InfluxDB on, at full rate."""
    with InfluxV2(setting.work / "memory-influx") as server:
        plant = replace(FULL, influx=server.url)
        with Bench(setting.work / "memory", plant, MARK_EVERY, setting) as bench:
            bench.through_engine()
            bench.round()  # until everything is warm
            engine = bench.engine
            assert engine is not None
            server.kill9()
            before, _ = engine.memory()
            # Buffers of the allocator and of SQLite fill in the first minutes: flat is what the
            # second half adds.
            bench.carry_out(Order(setting.outage_s / 2, None, MARK_EVERY))
            half, _ = engine.memory()
            sent, _ = bench.carry_out(Order(setting.outage_s / 2, None, MARK_EVERY))
            now, most = engine.memory()
            behind = engine.status()["outputs"]["series:influx"]["behind"]
            account = bench.account()
    rate = sent.messages * FULL.points / ((sent.ended - sent.began) / 1e9)
    value = (
        f"{grouped(before / 2**20)} MiB before, {grouped(half / 2**20)} half-way, "
        f"{grouped(now / 2**20)} at the end, at most "
        f"{grouped(most / 2**20)}; {grouped(rate)} samples/s, {behind:,} entries behind{account}"
    )
    return [Figure(f"engine's RSS over {setting.outage_s:.0f} s without InfluxDB", value, "flat")]


def figures(setting: Setting) -> list[Figure]:
    """Everything, on two cores. What fails leaves the others alone."""
    setting.work.mkdir(parents=True, exist_ok=True)
    runs: tuple[Callable[[Setting], list[Figure]], ...] = (delivery, latency, memory)
    found: list[Figure] = []
    with two_cores():
        for run in runs:
            try:
                found += run(setting)
            except NotMeasured as reason:
                found.append(unmeasured(f"InfluxDB, {run.__name__}", reason))
    return found
