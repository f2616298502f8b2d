"""One run of the core over samples whose truth is known, and what it said."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from ..configuration import Configuration
from ..errors import SpecError
from ..frame import Frame
from ..performance import Figures, Performance, Where
from ..performance.limits import INTERVAL_NS
from ..plan import Plan
from ..replay.recorded import RecordedRun
from .alarm import Alarm, Alarms
from .label import Label, sensors_of


@dataclass(frozen=True, slots=True)
class Trial:
    """Samples with known truth. `frames` gives them anew in the order in which they arrived;
    `begin` to `end` is their event time, ns."""

    name: str
    configuration: Configuration
    frames: Callable[[], Iterator[Frame]]
    labels: tuple[Label, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What came of a trial. `spoke`: the sensors of which there was a sample; `places` the sensors of each
    label, in its order."""

    trial: Trial
    plan: Plan
    places: tuple[frozenset[int], ...]
    alarms: tuple[Alarm, ...]
    spoke: frozenset[int]
    samples: int
    figures: tuple[Figures, ...]


Told = Callable[[float], object]
_NOTHING: Final[Mapping[str, Where]] = {}


def judge(
    trial: Trial,
    where: Mapping[str, Where] = _NOTHING,
    tell: Told = lambda share: None,
) -> Judged:
    """Runs a trial through the core, self-clocked as a replay; `tell` hears how much is behind, 0 to 1.

    `where` says whose the sites are, for the figures of alarm performance. Nobody acknowledges.
    Raises SpecError where a label names a sensor that there is not, or nothing was said.
    """
    places = tuple(sensors_of(label, trial.configuration) for label in trial.labels)
    run = RecordedRun(trial.configuration)
    plan = run.core.plan
    assert plan is not None  # it was given a configuration
    alarms = Alarms()
    begin = trial.begin // INTERVAL_NS * INTERVAL_NS
    performance = Performance(begin, assets=any(place.by_asset for place in where.values()))
    counts = np.zeros(len(trial.configuration.sensors), np.int64)
    span = max(1, trial.end - trial.begin)
    for frame in trial.frames():
        for record in run.step(frame):
            alarms.step(record, plan)
            performance.step(record)
        counts += np.bincount(frame.sensor, minlength=len(counts))
        tell(min(1.0, max(0.0, (int(frame.time[-1]) - trial.begin) / span)))
    if not counts.any():
        raise SpecError("nothing was said", where=trial.name)
    spoke = frozenset(np.flatnonzero(counts).tolist())
    return Judged(
        trial,
        plan,
        places,
        tuple(alarms.all),
        spoke,
        int(counts.sum()),
        _figures(performance, trial, spoke, where),
    )


def _figures(
    performance: Performance, trial: Trial, spoke: frozenset[int], where: Mapping[str, Where]
) -> tuple[Figures, ...]:
    """Of every site that spoke, without an alarm too."""
    configuration = trial.configuration
    sites = {configuration.sensors[index].site for index in spoke}
    heard = {configuration.sites[i].id: Where(configuration.sites[i].area) for i in sorted(sites)}
    known = {name: where.get(name, place) for name, place in heard.items()}
    end = -(-trial.end // INTERVAL_NS) * INTERVAL_NS
    return tuple(performance.at(end, known))
