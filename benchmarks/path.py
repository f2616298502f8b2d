"""The whole path on two cores: Mosquitto, the engine, the load and who listens, all of it.

Mosquitto keeps everything on disk, saved every second as `lifeline acl` sets it. The engine is
`lifeline run`: every message is decoded, logged with a flush, acknowledged, judged by five rules;
alerts go out by MQTT. 10,000 sensors at 20 sites. One message in 500 is a marker (see `plants`); rates are taken between the
markers' alerts as an independent subscriber hears them, while the load keeps at most 16,384 messages
ahead of them (see `load`): what can be kept up, not what can be buffered.

The bare subscriber is paho's own loop with a callback that counts, a kept session and the same receive
window: what Python and paho leave at best. Latency is from before the write to the socket until the
subscriber's callback, at half the rate of single samples that was kept up.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from engines import EngineProcess, compile_kernels, processor_s
from figure import Figure, NotMeasured, Setting, grouped, percentile, spread, unmeasured
from load import LoadProcess, Order, Sent
from plants import Plant
from receivers import Receiver, count_messages, listen_to_alerts

from lifeline.engine.limits import MQTT_MAX_PACKET_BYTES, MQTT_RECEIVE_WINDOW
from servers.mosquitto import Mosquitto

CORES = 2
ROUNDS, ROUND_S, SETTLE_S = 3, 5.0, 1.0
LATENCY_S, LATENCY_MARKERS_PER_S = 12.0, 50.0
SINGLE, FIFTY = Plant(10_000, 20), Plant(10_000, 20, points=50)
MARK_SINGLE, MARK_FIFTY = 500, 100
BARE = "bare paho subscriber that counts, QoS 1"
ONE = "whole path, single samples, QoS 1"
FIFTY_EACH = "whole path, 50 samples a message, QoS 1"
LATENCY = "alert latency at half that load, publish to alert"
IDLE = 0.05  # a load that stood still for less of its time was not held up by whom it waited for


@dataclass(slots=True)
class Round:
    """Messages per second of one round, and where the time went."""

    rate: float
    waited: float  # share of the time in which the load stood still for the receiver,
    broker: float  # and for the broker
    processor: dict[str, float]


@contextmanager
def two_cores() -> Iterator[None]:
    """This process and all that it starts run on two cores, where the machine has more."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:CORES])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def broker(folder: Path) -> Mosquitto:
    """Persistent, saved every second, with the engine's window."""
    folder.mkdir(parents=True, exist_ok=True)
    return Mosquitto(
        folder,
        {
            "autosave_on_changes": False,
            "max_inflight_messages": MQTT_RECEIVE_WINDOW,
            "max_packet_size": MQTT_MAX_PACKET_BYTES,
            "log_type": ("error", "warning", "notice"),
        },
    )


class Bench:
    """Broker, receiver and load for one plant; with an engine between them, or bare."""

    def __init__(self, folder: Path, plant: Plant, mark_every: int, setting: Setting) -> None:
        self._stack = ExitStack()
        self._folder, self._plant, self._setting = folder, plant, setting
        self._mark_every = mark_every
        self._context = get_context("spawn")
        self._sent = 0
        self.engine: EngineProcess | None = None

    def __enter__(self) -> Bench:
        self._broker = self._stack.enter_context(broker(self._folder / "broker"))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def through_engine(self) -> None:
        """The engine takes the messages; its alerts are heard."""
        compile_kernels()
        port = self._broker.port
        file = self._plant.write(self._folder / "plant", port)
        self._receive(listen_to_alerts)
        profile = self._setting.profile
        self.engine = EngineProcess(
            file, port, profile=profile and profile / f"points-{self._plant.points}"
        )
        self._stack.enter_context(self.engine)
        self._start_load()

    def bare(self) -> None:
        """A subscriber that only counts takes the messages."""
        self._receive(count_messages)
        self._start_load()

    def _receive(self, run: Any) -> None:
        self._receiver = Receiver(
            self._context,
            run,
            self._broker.port,
            window=MQTT_RECEIVE_WINDOW,
            mark_every=self._mark_every,
        )
        self._stack.callback(self._receiver.stop)

    def _start_load(self) -> None:
        self._load = LoadProcess(
            self._context, self._broker.port, self._plant, self._receiver.heard
        )
        self._stack.callback(self._load.stop)

    def carry_out(self, order: Order) -> tuple[Sent, list[tuple[int, int]]]:
        """Sends, waits until all has come out, returns both accounts."""
        sent = self._load.carry_out(order)
        self._sent += sent.messages * self._plant.points - len(sent.markers) * (
            self._plant.points - 1
        )
        return sent, self._receiver.take()

    def round(self) -> Round:
        """One round as fast as the receiver follows. The first second is not counted."""
        before = self._processor()
        sent, came = self.carry_out(Order(ROUND_S + SETTLE_S, None, self._mark_every))
        took = (came[-1][0] - sent.began) / 1e9 if came else 1.0
        used = {who: (s - before[who]) / took for who, s in self._processor().items()}
        first = sent.began + int(SETTLE_S * 1e9)
        times = [at for at, _ in came if first <= at <= sent.ended]
        if len(times) < 2:
            raise NotMeasured(f"{len(times)} markers came out in {ROUND_S:.0f} s")
        rate = self._mark_every * (len(times) - 1) / ((times[-1] - times[0]) / 1e9)
        lasted = (sent.ended - sent.began) / 1e9
        return Round(rate, sent.waited_s / lasted, sent.broker_s / lasted, used)

    def rounds(self) -> list[Round]:
        """A round that is not counted, then those that are."""
        self.round()
        return [self.round() for _ in range(ROUNDS)]

    def latencies_ms(self, rate: float) -> list[float]:
        """From publication to alert, for each marker, at a steady rate."""
        every = max(2, round(rate / LATENCY_MARKERS_PER_S))
        sent, came = self.carry_out(Order(LATENCY_S + SETTLE_S, rate, every))
        first = sent.began + int(SETTLE_S * 1e9)
        known = [(at, sent.markers[ms]) for at, ms in came if ms in sent.markers]
        if len(known) != len(sent.markers):
            raise NotMeasured(f"{len(known)} alerts belong to {len(sent.markers)} markers")
        return [(at - left) / 1e6 for at, left in known if left >= first]

    def account(self) -> str:
        """Stops the engine; "" where it judged exactly what was sent, else what it says."""
        assert self.engine is not None
        self.engine.stop()
        status = self.engine.status()
        logged = status["agent"]["counters"].get("samples", 0)
        refused = sum(status["dead_letters"].values())
        if (logged, refused) == (self._sent, 0):
            return ""
        return f"; {self._sent:,} samples sent, {logged:,} logged, {refused:,} messages refused"

    def _processor(self) -> dict[str, float]:
        found = {"broker": processor_s(self._broker.pid)}
        found["load"] = processor_s(self._load.process.pid or 0)
        found["listener"] = processor_s(self._receiver.process.pid or 0)
        if self.engine is not None:
            found["engine"] = processor_s(self.engine.pid)
        return found


def where_time_went(rounds: list[Round]) -> str:
    """Cores used by each, and who held up the rest where it was not the receiver."""
    shares = ", ".join(
        f"{who} {statistics.median(r.processor[who] for r in rounds):.2f}"
        for who in rounds[0].processor
    )
    said = f"; cores: {shares}"
    if statistics.median(r.waited for r in rounds) >= IDLE:
        return said
    slow = statistics.median(r.broker for r in rounds) < IDLE
    return f"{said}; THE {'LOAD' if slow else 'BROKER'} WAS THE BOTTLENECK"


def bare_rate(bench: Bench) -> list[Figure]:
    """What paho leaves at best."""
    bench.bare()
    rounds = bench.rounds()
    value = f"{spread([r.rate for r in rounds])} messages/s{where_time_went(rounds)}"
    return [Figure(BARE, value)]


def single_samples(bench: Bench) -> list[Figure]:
    """Messages of one sample: the rate kept up, and the latency at half of it."""
    bench.through_engine()
    rounds = bench.rounds()
    latency = _latency(bench, statistics.median(r.rate for r in rounds) / 2)
    account = bench.account()
    value = f"{spread([r.rate for r in rounds])} messages/s{where_time_went(rounds)}{account}"
    return [Figure(ONE, value), latency]


def _latency(bench: Bench, rate: float) -> Figure:
    try:
        taken = bench.latencies_ms(rate)
    except NotMeasured as reason:
        return unmeasured(LATENCY, reason)
    value = f"p50 {percentile(taken, 0.5):.1f} ms, p99 {percentile(taken, 0.99):.1f} ms"
    return Figure(LATENCY, f"{value} ({len(taken)} alerts at {grouped(rate)} messages/s)")


def fifty_samples(bench: Bench) -> list[Figure]:
    """Messages of fifty samples."""
    bench.through_engine()
    rounds = bench.rounds()
    account = bench.account()
    # One message in MARK_FIFTY is a marker and carries one sample.
    samples = (FIFTY.points * (MARK_FIFTY - 1) + 1) / MARK_FIFTY
    value = spread([r.rate * samples for r in rounds])
    return [Figure(FIFTY_EACH, f"{value} samples/s{where_time_went(rounds)}{account}")]


def figures(setting: Setting) -> list[Figure]:
    """Everything of the whole path, on two cores. What fails leaves the others alone."""
    found: list[Figure] = []
    runs = ((BARE, SINGLE, MARK_SINGLE, bare_rate), (ONE, SINGLE, MARK_SINGLE, single_samples))
    with two_cores():
        for name, plant, mark_every, run in (*runs, (FIFTY_EACH, FIFTY, MARK_FIFTY, fifty_samples)):
            try:
                with Bench(setting.work / run.__name__, plant, mark_every, setting) as bench:
                    found += run(bench)
            except NotMeasured as reason:
                found.append(unmeasured(name, reason))
    return found
