"""One run: broker, gateway, engine and listener together, until everything is where it belongs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from audit import Logged
from plant import Influx, site_of, write_plant
from recordings import FIELDS, SECOND_NS, Recording
from telemetry import READY_S, Gateway, Listener

from lifeline.engine.clock import SystemClock
from lifeline.engine.config import Plant, load
from lifeline.engine.embedded import Engine, EngineTrouble
from lifeline.engine.errors import SinkError
from lifeline.engine.log import LogReader
from lifeline.engine.mqtt import EmbeddedBroker
from lifeline.engine.outputs.influx_output import ALERTS, SERIES
from lifeline.engine.record import Record

# The last message is acknowledged by the broker a moment before it is in the log, and an InfluxDB
# that answers slowly is given its time; a machine that is busy with other things too.
SETTLE_S: Final = 60.0
_LOOK_S: Final = 0.1

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Played:
    """What a run left behind.

    data       the engine's data directory
    records    what was heard by MQTT, by (site, seq)
    shifts     by how much the times of each recording were moved
    messages   published
    influx     points written, by output; {} without InfluxDB
    delivered  whether every output had delivered all that there was, within SETTLE_S
    wall_s     from the first message until then
    """

    data: Path
    records: dict[tuple[str, int], Record]
    shifts: dict[str, int]
    messages: int
    influx: dict[str, int]
    delivered: bool
    wall_s: float

    def of(self, recording: Recording) -> list[Record]:
        """The records of one recording's site by `seq`."""
        site = site_of(recording.name)
        return [self.records[key] for key in sorted(self.records) if key[0] == site]


def play(
    directory: Path, recordings: Sequence[Recording], influx: Influx | None, say: Say
) -> Played:
    """Publishes all recordings, one after the other, to an engine that runs on `directory`, until
    everything is logged, judged, heard and written, or SETTLE_S are over. Raises SinkError where
    broker, gateway, listener or engine do not come together, and what ends an engine."""
    clock = SystemClock()
    samples = sum(len(recording) for recording in recordings) * len(FIELDS)
    with ExitStack() as stack:
        broker = stack.enter_context(EmbeddedBroker())
        names = [recording.name for recording in recordings]
        plant = load(write_plant(directory, names, broker.spec("5"), influx))
        listener = Listener(broker.spec("3.1.1"))
        stack.callback(listener.stop)
        listener.start()
        gateway = Gateway(broker.spec("3.1.1"))
        stack.callback(gateway.stop)
        gateway.start()
        engine = _started(plant, stack, say)
        say(f"{len(recordings)} recordings to 127.0.0.1:{broker.port}; data in {directory}")
        began = clock.monotonic()
        for recording in recordings:
            gateway.play(recording)
            say(f"  {recording.name}: {len(recording)} rows")
        gateway.drain()
        delivered = _settled(engine, plant.storage.directory, samples)
        wall_s = (clock.monotonic() - began) / SECOND_NS
        points = _points(engine)
        engine.stop()
        _until(lambda: _all_heard(plant.storage.directory, listener))
        return Played(
            data=plant.storage.directory,
            records=dict(listener.records),
            shifts=gateway.shifts,
            messages=gateway.messages,
            influx=points,
            delivered=delivered,
            wall_s=wall_s,
        )


def _started(plant: Plant, stack: ExitStack, say: Say) -> Engine:
    def told(trouble: EngineTrouble) -> None:
        say(f"{trouble.kind}: {trouble.text}")

    engine = Engine(plant, on_trouble=told)
    stack.callback(engine.stop)
    engine.start()
    if not engine.wait_ready(READY_S):
        raise SinkError("the engine could not subscribe at the embedded broker")
    return engine


def _settled(engine: Engine, data: Path, samples: int) -> bool:
    """Waits until all samples are logged, stepped and delivered; whether that came to be."""
    reader = LogReader.open(data)
    try:
        logged = Logged(reader)
        _until(lambda: logged.more() >= samples)
    finally:
        reader.close()
    _until(lambda: engine.core.position >= engine.store.end())
    end = engine.store.end()
    return _until(lambda: _delivered(engine, end))


def _until(done: Callable[[], bool]) -> bool:
    """Waits until it is so, for SETTLE_S at most; whether it came to be."""
    clock, pause = SystemClock(), threading.Event()
    until = clock.monotonic() + int(SETTLE_S * SECOND_NS)
    while not (so := done()) and clock.monotonic() < until:
        pause.wait(_LOOK_S)
    return so


def _delivered(engine: Engine, end: int) -> bool:
    """Whether the series up to the log's position `end` are written, and no other output is behind by more than
    the record of a tick that may just have come."""
    since = engine.store.end() - end
    return all(
        output["behind"] <= (since if name == SERIES else 1)
        for name, output in engine.status().outputs.items()
    )


def _points(engine: Engine) -> dict[str, int]:
    outputs = engine.status().outputs
    return {
        name: int(output["counters"]["taken"])
        for name, output in outputs.items()
        if name in (SERIES, ALERTS)
    }


def _all_heard(data: Path, listener: Listener) -> bool:
    reader = LogReader.open(data)
    try:
        return len(listener.records) >= reader.outbox_end()
    finally:
        reader.close()
