"""A simulated site under its own packs and rules: a scenario's samples judged by the real core.

The configuration is written and loaded as `lifeline run` would load it; samples go to the core as a
back-test takes them, in the order in which they leave the gateways, without a broker between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lifeline.engine.config import load
from lifeline.engine.level import LEVELS
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.record import Record
from lifeline.engine.replay.recorded import RecordedRun, cut
from lifeline.simulators.cause import Happening, Run, kind_of
from lifeline.simulators.configs import write_config
from lifeline.simulators.incidents import Detection, detections
from lifeline.simulators.plant import Scenario, Site
from lifeline.simulators.script import scripted
from lifeline.simulators.trials import trial_of

# 15 January 2027, 16:00 in Beijing.
START: Final = 1_800_000_000 * SECOND_NS
HOUR_S: Final = 3600.0
DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a scenario: its records, and each label with its first sufficient alert by a rule
    (not by the engine's own watch over its sensors)."""

    scenario: Scenario
    records: list[Record]
    detections: tuple[Detection, ...]

    def raised(self, least: str) -> list[Record]:
        """The records that reach this level or a graver one."""
        grave = LEVELS[LEVELS.index(least) :]
        return [r for r in self.records if r.level_after in grave]

    def alarms(self, *levels: str) -> list[str]:
        """Alarms (rule and subject) that rose to one of these levels, sorted."""
        rose = [r for r in self.records if r.transition in ("raised", "level")]
        return sorted({f"{r.rule}~{r.subject}" for r in rose if r.level_after in levels})


def usual(
    site: Site, kind: str, where: str, begin_ns: int, begins_s: float, ends_s: float
) -> Happening:
    """It happens at its usual size, so many seconds after `begin_ns`."""
    onset, end = (begin_ns + round(t * SECOND_NS) for t in (begins_s, ends_s))
    return Happening(kind, where, onset, end, kind_of(site, kind).usual)


def happening(
    site: Site, start_ns: int, duration_s: float, seed: int, what: Sequence[Happening] = ()
) -> Scenario:
    """A run of the site in which just this happens."""
    script = scripted(site, Run(start_ns, duration_s, seed), what, [])
    return Scenario(site, start_ns, duration_s, seed, script, duration_s)


def heard(directory: Path, scenario: Scenario, *, tail_s: float = 60.0) -> Heard:
    """The scenario judged by the core under the site's configuration; `tail_s` after a label's end
    an alert still counts for it."""
    plant = load(write_config(directory, [scenario], "127.0.0.1", 1883))
    run = RecordedRun(plant.configuration)
    records: list[Record] = []
    for frame in trial_of(scenario, plant).frames():
        for part in cut(frame):
            records += run.step(part)
    alerts = [
        (r.subject, r.time, r.level_after) for r in records if not r.rule.startswith("engine.")
    ]
    tail_ns = round(tail_s * SECOND_NS)
    return Heard(scenario, records, detections(scenario.incidents, alerts, tail_ns=tail_ns))
