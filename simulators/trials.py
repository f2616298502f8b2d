"""Scenarios for a back-test: their samples as Frames of a plant, their labels as its labels.

Rows come in the order in which they leave the gateways, late and repeated ones where they come, so that the
core hears what it would hear.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from lifeline.engine.backtest.label import Label
from lifeline.engine.backtest.sources import Asked
from lifeline.engine.backtest.trial import Trial
from lifeline.engine.config import Plant
from lifeline.engine.frame import Float64, Frame, Int32
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.quality import Quality
from lifeline.engine.replay.columns import SensorNames

from . import sites
from .batch import FLAG_FAULT, FLAG_OVER, Batch
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
    """The sites of the registry by name."""

    def names(self) -> Sequence[str]:
        """The registry."""
        return site_names()

    def trials(self, wanted: str, plant: Plant, asked: Asked) -> Iterator[Trial] | None:
        """A run of a site for each seed; None where there is no such site."""
        if wanted not in site_names():
            return None
        site = sites.site_named(wanted)
        return (
            trial_of(site.scenario(asked.start_ns, asked.seconds, seed, asked.intensity), plant)
            for seed in asked.seeds
        )


SCENARIOS: Final = SimulatedScenarios()


def site_names() -> list[str]:
    """Every site of the registry, those too that are imported only when they are named."""
    return [*sites.SITES, *getattr(sites, "DOMAINS", ())]


def trial_of(scenario: Scenario, plant: Plant, name: str = "") -> Trial:
    """A scenario as the plant hears it. Sensors that the plant does not have are not heard.

    Raises SpecError where it has none of them.
    """
    site = scenario.site
    names = SensorNames(plant)
    found = [names.find(f"{site.id}/{point.id}") for point in site.points]
    if all(target is None for target in found):
        raise names.unknown([f"{site.id}/{point.id}" for point in site.points])
    index = np.array([-1 if t is None else t.index for t in found], np.int32)
    scale = np.array([1.0 if t is None else t.scale for t in found])
    zero = np.array([0.0 if t is None else t.offset for t in found])
    chunk_s = CHUNK_STEPS * site.step_ns / SECOND_NS

    def frames() -> Iterator[Frame]:
        for batch in scenario.samples(chunk_s):
            frame = as_frame(batch, index, scale, zero)
            if len(frame):
                yield frame

    heard = {point.id for point, t in zip(site.points, found, strict=True) if t is not None}
    return Trial(
        name or f"{site.name} {scenario.seed}",
        plant.configuration,
        frames,
        labels_of(scenario, heard),
        scenario.start_ns,
        scenario.end_ns,
    )


def as_frame(batch: Batch, index: Int32, scale: Float64, zero: Float64) -> Frame:
    """Rows of a site's points by a configuration's sensors, in canonical units; those of index -1 left
    out. What an instrument says of itself is its sample's quality."""
    mine = index[batch.sensor] >= 0
    rows = batch if mine.all() else batch.take(mine)
    value = rows.value * scale[rows.sensor] + zero[rows.sensor]
    quality = np.where(np.isfinite(value), Quality.GOOD, Quality.NOT_A_NUMBER).astype(np.uint8)
    quality[rows.flag == FLAG_FAULT] = Quality.FAULT
    quality[rows.flag == FLAG_OVER] = Quality.OVER_RANGE
    return Frame(index[rows.sensor], rows.time, value, quality)


def labels_of(scenario: Scenario, heard: set[str]) -> tuple[Label, ...]:
    """Its incidents and faults, on the sensors that are heard; what is on none of them is left out."""
    site = scenario.site.id
    found = []
    for one in scenario.incidents:
        sensors = tuple(sensor for sensor in one.sensors if sensor in heard)
        if sensors:
            found.append(
                Label(one.id, one.kind, sensors, one.onset_ns, one.end_ns, one.level, site)
            )
    for fault in scenario.faults:
        sensors = tuple(sensor for sensor in fault.sensors if sensor in heard)
        if sensors:
            found.append(_fault(fault, sensors, site))
    return tuple(sorted(found, key=lambda label: (label.onset, label.id)))


def _fault(fault: SensorFault, sensors: tuple[str, ...], site: str) -> Label:
    """A clock that was set back stamps what it says with times before it was."""
    early = min(0, fault.amount_ns) if fault.kind == _CLOCK else 0
    return Label(
        fault.id,
        fault.kind,
        sensors,
        fault.onset_ns + early,
        fault.end_ns,
        site=site,
        fault=True,
    )
