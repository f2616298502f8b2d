"""A simulated site under its own packs and rules: a scenario's samples judged by the real core.

The configuration is written and loaded as `lifeline run` would load it; samples go to the core in
canonical units, in the order in which they leave the gateways, without a broker between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lifeline.engine.config import load
from lifeline.engine.frame import Frame
from lifeline.engine.level import LEVELS
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.quality import Quality
from lifeline.engine.record import Record
from lifeline.engine.replay.recorded import RecordedRun, cut
from lifeline.simulators.batch import FLAG_FAULT, FLAG_OVER
from lifeline.simulators.cause import Happening, Run
from lifeline.simulators.configs import write_config
from lifeline.simulators.incidents import Detection, detections
from lifeline.simulators.plant import Scenario, Site
from lifeline.simulators.script import scripted


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a scenario: its records, and each label with its first sufficient alert."""

    scenario: Scenario
    records: list[Record]
    detections: tuple[Detection, ...]

    def raised(self, least: str) -> list[Record]:
        """The records that reach this level or a graver one."""
        grave = LEVELS[LEVELS.index(least) :]
        return [r for r in self.records if r.level_after in grave]


def happening(
    site: Site, start_ns: int, duration_s: float, seed: int, what: Sequence[Happening] = ()
) -> Scenario:
    """A run of the site in which just this happens."""
    script = scripted(site, Run(start_ns, duration_s, seed), what, [])
    return Scenario(site, start_ns, duration_s, seed, script, duration_s)


def heard(directory: Path, scenario: Scenario, *, chunk_s: float = 86_400.0) -> Heard:
    """The scenario judged by the core under the site's configuration."""
    site = scenario.site
    configuration = load(write_config(directory, [scenario], "127.0.0.1", 1883)).configuration
    run = RecordedRun(configuration)
    known = {sensor.id: i for i, sensor in enumerate(configuration.sensors)}
    index = np.array([known[p.id] for p in site.points], np.int32)
    gain = np.array([p.gain for p in site.points])
    zero = np.array([p.zero for p in site.points])
    records: list[Record] = []
    for batch in scenario.samples(chunk_s):
        value = (batch.value - zero[batch.sensor]) / gain[batch.sensor]
        quality = np.where(np.isfinite(value), Quality.GOOD, Quality.NOT_A_NUMBER).astype(np.uint8)
        quality[batch.flag == FLAG_FAULT] = Quality.FAULT
        quality[batch.flag == FLAG_OVER] = Quality.OVER_RANGE
        frame = Frame(index[batch.sensor], batch.time, value, quality)
        for part in cut(frame.take(np.argsort(frame.time, kind="stable"))):
            records += run.step(part)
    alerts = [(r.subject, r.time, r.level_after) for r in records]
    return Heard(scenario, records, detections(scenario.incidents, alerts, tail_ns=60 * SECOND_NS))
