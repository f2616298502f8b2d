"""The simulated sites before the real decoder, rules and core: every label is noticed, calm is calm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lifeline.engine.config import Plant, load
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header, Tick
from lifeline.engine.limits import HOUR_NS, SECOND_NS, TICK_INTERVAL_NS
from lifeline.engine.payload import Decoder, compile_decoder
from lifeline.engine.record import Record
from lifeline.simulators.batch import Batch
from lifeline.simulators.configs import write_config
from lifeline.simulators.incidents import detections
from lifeline.simulators.plant import Scenario
from lifeline.simulators.shapes import Message, messages
from lifeline.simulators.sites import SITES, all_sites

START = 1_800_000_000 * SECOND_NS
NETWORK_NS = 20_000_000


def judged(directory: Path, runs: list[Scenario]) -> tuple[list[Record], Core]:
    """The records of a live run in which every message arrives a little after it is due."""
    plant = load(write_config(directory, runs, "127.0.0.1", 1883))
    core = Core()
    registry = plant.configuration.version()
    records: list[Record] = []
    start = runs[0].start_ns - SECOND_NS
    core.step(1, Entry(Header(registry=registry, appended=start), plant.configuration))
    for position, (now, arrived) in enumerate(arrivals(plant, runs), 2):
        header = Header(registry=registry, received=now, appended=now)
        if arrived is None:
            records += core.step(position, Entry(header, Tick(now)))
        else:
            decoder, message = arrived
            decoded = decoder.decode([(message.topic, message.payload, now)])
            assert decoded.dead == []
            records += core.step(position, Entry(header, decoded.frame))
    return records, core


def arrivals(
    plant: Plant, runs: list[Scenario]
) -> Iterator[tuple[int, tuple[Decoder, Message] | None]]:
    """Messages and ticks in order of time, until the run ends."""
    events: list[tuple[int, tuple[Decoder, Message] | None]] = []
    for source, run in zip(plant.sources, runs, strict=True):
        decoder = compile_decoder(source, plant.configuration)
        rows = Batch.concat(list(run.samples()))
        events += [(m.due + NETWORK_NS, (decoder, m)) for m in messages(run.site, rows)]
    end = max(run.end_ns for run in runs)
    events += [(t, None) for t in range(runs[0].start_ns, end, TICK_INTERVAL_NS)]
    return iter(sorted((e for e in events if e[0] < end), key=lambda e: (e[0], e[1] is not None)))


@pytest.mark.parametrize(
    ("seed", "hour", "duration_s"), [(1, 7, 60.0), (2, 19, 60.0), (3, 3, 90.0)]
)
def test_every_incident_is_alerted_and_every_fault_is_noticed(
    tmp_path: Path, seed: int, hour: int, duration_s: float
) -> None:
    runs = [s.scenario(START + hour * HOUR_NS, duration_s, seed) for s in all_sites()]
    records, core = judged(tmp_path, runs)
    for run in runs:
        mine = [r for r in records if r.site == run.site.id]
        alerts = [
            (r.subject, r.time, r.level_after) for r in mine if not r.rule.startswith("engine.")
        ]
        for detection in detections(run.incidents, alerts):
            assert detection.delay_s is not None, detection.incident
        kinds = {rule.id: rule.kind for rule in core.configuration.rules}  # type: ignore[union-attr]
        for fault in (f for f in run.faults if f.noticed_by):
            assert any(
                kinds[r.rule] == fault.noticed_by
                and r.subject in fault.sensors
                and r.transition == "raised"
                and fault.onset_ns + fault.amount_ns <= r.time <= fault.end_ns
                for r in mine
            ), fault
    counters = core.counters()
    assert counters["duplicate"] > 0
    assert counters["clock_fault"] == counters["historic"] == counters["unknown_sensor"] == 0


def test_alerts_come_only_from_labels(tmp_path: Path) -> None:
    """Whatever rises does so on a sensor that a label names, while or after it acts."""
    runs = [s.scenario(START, 60.0, 4) for s in all_sites()]
    records, _ = judged(tmp_path, runs)
    labels = [label for run in runs for label in run.labels]
    for record in (r for r in records if r.transition in ("raised", "level")):
        assert any(
            record.subject in label.sensors
            and record.site == label.site
            and record.time >= label.onset_ns - 130 * SECOND_NS * (label.kind == "clock")
            for label in labels
        ), record


@pytest.mark.parametrize("name", sorted(SITES))
def test_a_quiet_run_makes_no_record(tmp_path: Path, name: str) -> None:
    run = SITES[name]().scenario(START, 120.0, 5, intensity=0)
    records, core = judged(tmp_path, [run])
    assert records == []
    counters = core.counters()
    assert counters["judged"] == counters["good"] > 1000
