"""A simulated site under its own packs and rules: what its instruments print, judged by the real core.

The configuration is the one that `lifeline simulate` would write, loaded as `lifeline run` would load
it. Faults of instruments and networks are not played here: worlds and instruments are run whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lifeline.engine.config import load
from lifeline.engine.frame import Frame
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.record import Record
from lifeline.engine.replay.recorded import RecordedRun, cut
from lifeline.simulators.cause import Happening, Run
from lifeline.simulators.configs import write_config
from lifeline.simulators.incidents import Detection, Incident, detections
from lifeline.simulators.plant import Scenario, Script, Site
from lifeline.simulators.script import scripted
from lifeline.simulators.sensor import Transmitter
from lifeline.simulators.stream import generator_of

STEPS_AT_ONCE = 2000


@dataclass(frozen=True)
class Watched:
    """What came of a run: the core's records, and what really happened."""

    records: tuple[Record, ...]
    incidents: tuple[Incident, ...]

    def alarms(self, *levels: str) -> list[str]:
        """Alarms (rule and subject) that rose to one of these levels, sorted."""
        rose = [r for r in self.records if r.transition in ("raised", "level")]
        return sorted({f"{r.rule}~{r.subject}" for r in rose if r.level_after in levels})

    def detections(self) -> tuple[Detection, ...]:
        """Of each incident."""
        alerts = [(r.subject, r.time, r.level_after) for r in self.records]
        return detections(self.incidents, alerts)


def watched(
    directory: Path,
    site: Site,
    start_ns: int,
    duration_s: float,
    seed: int,
    happenings: Sequence[Happening] = (),
) -> Watched:
    """Runs a site in its own time in which just this happens, and judges it."""
    script = scripted(site, Run(start_ns, duration_s, seed), happenings, [])
    scenario = _scenario(site, start_ns, duration_s, seed, script)
    configuration = load(write_config(directory, [scenario], "127.0.0.1", 1883)).configuration
    index = {sensor.id: i for i, sensor in enumerate(configuration.sensors)}
    world, judged = script.world(), RecordedRun(configuration)
    meters = [Transmitter(p.instrument, generator_of(seed, site.id, p.id)) for p in site.points]
    records: list[Record] = []
    steps = int(duration_s * SECOND_NS) // site.step_ns
    last = [float("nan")] * len(site.points)
    for first in range(0, steps, STEPS_AT_ONCE):
        ordinal = np.arange(first, min(steps, first + STEPS_AT_ONCE))
        times = start_ns + ordinal * site.step_ns
        truth = world.advance(times)
        parts = []
        for i, point in enumerate(site.points):
            printed = meters[i].read(
                truth[point.id] * point.gain + point.zero, site.step_ns / SECOND_NS
            )
            said = ordinal % point.every == 0
            if point.reports != "periodic":
                said &= np.diff(printed, prepend=last[i]) != 0.0
                last[i] = float(printed[-1])
            value = (printed[said] - point.zero) / point.gain
            due = times[said] + site.gateways[point.gateway].offset_ns
            number = np.full(len(value), index[point.id])
            parts.append((due, number, value))
        due, number, value = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.lexsort((number, due))
        frame = Frame.of(number[order], due[order], value[order], np.zeros(len(order)))
        for piece in cut(frame):
            records += judged.step(piece)
    return Watched(tuple(records), script.incidents)


def _scenario(site: Site, start_ns: int, duration_s: float, seed: int, script: Script) -> Scenario:
    return replace(site.scenario(start_ns, duration_s, seed, intensity=0), script=script)
