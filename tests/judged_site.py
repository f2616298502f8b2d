"""A simulated site under the packs that it takes: what its instruments say, judged by the real core.

The configuration is the one that the site writes for people, loaded as `lifeline run` would load it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lifeline.engine.config import load
from lifeline.engine.frame import Frame
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.quality import Quality
from lifeline.engine.record import Record
from lifeline.engine.replay.recorded import RecordedRun, cut
from lifeline.simulators.cause import Happening, Run, kind_of
from lifeline.simulators.configs import write_config
from lifeline.simulators.faults import SensorFault
from lifeline.simulators.incidents import Detection, detections
from lifeline.simulators.plant import Scenario, Site
from lifeline.simulators.script import scripted

# 15 January 2027, 16:00 in Beijing.
START = 1_800_000_000 * SECOND_NS
HOUR_S = 3600.0
DAY_S = 86_400.0


def happens(
    site: Site, kind: str, where: str, onset_s: float, end_s: float, size: float | None = None
) -> Happening:
    """One happening, in seconds after `START`; without `size` the usual one."""
    usual = kind_of(site, kind).usual
    onset, end = (START + round(t * SECOND_NS) for t in (onset_s, end_s))
    return Happening(kind, where, onset, end, usual if size is None else size)


def run_of(
    site: Site,
    duration_s: float,
    seed: int,
    happenings: Sequence[Happening] = (),
    faults: Sequence[SensorFault] = (),
    start_ns: int = START,
) -> Scenario:
    """A run in which just this happens."""
    script = scripted(site, Run(start_ns, duration_s, seed), happenings, faults)
    return Scenario(site, start_ns, duration_s, seed, script, duration_s)


def judged(directory: Path, scenario: Scenario, chunk_s: float = 6 * HOUR_S) -> list[Record]:
    """The records of the run, judged in the order in which its gateways send."""
    configuration = load(write_config(directory, [scenario], "127.0.0.1", 1883)).configuration
    index = {sensor.id: i for i, sensor in enumerate(configuration.sensors)}
    points = scenario.site.points
    sensor_of = np.array([index[p.id] for p in points])
    gain, zero = (np.array([getattr(p, name) for p in points]) for name in ("gain", "zero"))
    run = RecordedRun(configuration)
    records: list[Record] = []
    for batch in scenario.samples(chunk_s):
        value = (batch.value - zero[batch.sensor]) / gain[batch.sensor]
        quality = np.where(np.isfinite(value), Quality.GOOD, Quality.NOT_A_NUMBER)
        frame = Frame.of(sensor_of[batch.sensor], batch.time, value, quality.astype(np.uint8))
        for part in cut(frame):
            records += run.step(part)
    return records


def found(scenario: Scenario, records: Sequence[Record], tail_s: float = 60.0) -> list[Detection]:
    """How each incident was found by rules (not by the engine's own watch over its sensors)."""
    alerts = [
        (r.subject, r.time, r.level_after) for r in records if not r.rule.startswith("engine.")
    ]
    return list(detections(scenario.incidents, alerts, tail_ns=round(tail_s * SECOND_NS)))


def grave(records: Sequence[Record], least: str = "red") -> list[Record]:
    """The records that raise an alarm, or its level, to `least`."""
    return [r for r in records if r.transition in ("raised", "level") and r.level_after == least]
