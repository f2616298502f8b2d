"""Scenarios for a back-test: their samples as Frames of a plant, their labels as its labels.

Rows come in the order in which they leave the gateways, late and repeated ones where they come, so that the
core hears what it would hear.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lifeline.engine.backtest.label import Label
from lifeline.engine.backtest.sources import Asked
from lifeline.engine.backtest.trial import Trial
from lifeline.engine.config import Plant
from lifeline.engine.frame import Frame
from lifeline.engine.limits import SECOND_NS

from . import sites
from .frames import Canonical
from .plant import Scenario

if TYPE_CHECKING:
    from .faults import SensorFault

#: Event time of one Frame: some thousand rows of a site that speaks every second, and a day of one that
#: speaks once an hour.
CHUNK_STEPS: Final = 1024
#: An instrument whose clock is set back lets its gateway and others fall silent in event time; an alarm about it
#: bears the times that it told.
_CLOCK: Final = "clock"


class SimulatedScenarios:
    """The sites of the registry by name, and files of scenarios."""

    def names(self) -> Sequence[str]:
        """The registry."""
        return site_names()

    def trials(self, wanted: str, plant: Plant, asked: Asked) -> Iterator[Trial] | None:
        """A run of a site for each seed, or of each site of a file; None where it is neither."""
        if wanted in site_names():
            site = sites.site_named(wanted)
            return (
                trial_of(site.scenario(asked.start_ns, asked.seconds, seed, asked.intensity), plant)
                for seed in asked.seeds
            )
        path = Path(wanted)
        if path.suffix.lower() not in (".yaml", ".yml"):
            return None
        return _of_file(path, plant, asked)


def _of_file(path: Path, plant: Plant, asked: Asked) -> Iterator[Trial]:
    from .scenarios import read_scenario

    written = read_scenario(path)
    start = asked.start_ns if written.start_ns is None else written.start_ns
    for scenario in written.scenarios(start):
        yield trial_of(scenario, plant, f"{path.name} {scenario.site.id}")


SCENARIOS: Final = SimulatedScenarios()


def site_names() -> list[str]:
    """Every site of the registry, those too that are imported only when they are named."""
    return sites.names()


def trial_of(scenario: Scenario, plant: Plant, name: str = "") -> Trial:
    """A scenario as the plant hears it. Raises SpecError where the plant lacks sensors of the site."""
    site = scenario.site
    form = Canonical(plant, site)
    chunk_s = CHUNK_STEPS * site.step_ns / SECOND_NS

    def frames() -> Iterator[Frame]:
        return (form.frame(batch) for batch in scenario.samples(chunk_s))

    return Trial(
        name or f"{site.name} {scenario.seed}",
        plant.configuration,
        frames,
        labels_of(scenario),
        scenario.start_ns,
        scenario.end_ns,
    )


def labels_of(scenario: Scenario) -> tuple[Label, ...]:
    """Its incidents and faults."""
    site = scenario.site.id
    found = [
        Label(i.id, i.kind, i.sensors, i.onset_ns, i.end_ns, i.level, site)
        for i in scenario.incidents
    ]
    found += [_fault(scenario, fault) for fault in scenario.faults]
    return tuple(sorted(found, key=lambda label: (label.onset, label.id)))


def _fault(scenario: Scenario, fault: SensorFault) -> Label:
    """A clock that was set back stamps what it says with times before it was."""
    early = min(0, fault.amount_ns) if fault.kind == _CLOCK else 0
    return Label(
        fault.id,
        fault.kind,
        fault.sensors,
        fault.onset_ns + early,
        scenario.seen_until(fault),
        site=scenario.site.id,
        fault=True,
    )
