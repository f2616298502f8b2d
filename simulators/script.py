"""Writing a run's script: where in a story each incident and fault is placed, and how it is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import numpy as np

from .faults import FaultKind, SensorFault
from .incidents import Incident, Level, Story, stories
from .plant import Script, Site, World
from .stream import generator_of

Cause = TypeVar("Cause")


class Chapter:
    """One story while it is being told: collects its labels; `dice` is its own randomness."""

    def __init__(self, site: Site, story: Story, seed: int) -> None:
        self.site = site
        self.story = story
        self.dice: np.random.Generator = generator_of(seed, site.id, "story", str(story.index))
        self.incidents: list[Incident] = []
        self.faults: list[SensorFault] = []

    def at(self, fraction: float, spread: float = 0.015) -> int:
        """An event time about a fraction of the story, thrown by up to `spread` to either side."""
        return self.story.at(fraction + float(self.dice.uniform(-spread, spread)))

    def happens(
        self,
        kind: str,
        sensors: Iterable[str],
        between: tuple[int, int],
        level: Level,
        what: tuple[str, str],
    ) -> None:
        """Label an incident `between` two event times; `what` is English and Chinese."""
        number = len(self.incidents) + 1
        self.incidents.append(
            Incident(
                id=f"{self.site.id}/{self.story.index + 1}.{number}-{kind}",
                site=self.site.id,
                domain=self.site.domain,
                kind=kind,
                sensors=tuple(sensors),
                onset_ns=between[0],
                end_ns=between[1],
                level=level,
                what_en=what[0],
                what_zh=what[1],
            )
        )

    def breaks(
        self,
        kind: FaultKind,
        sensors: Iterable[str],
        between: tuple[float, float],
        what: tuple[str, str],
        amount: float = 0.0,
    ) -> None:
        """Label a fault `between` two fractions of the story."""
        names = tuple(sensors)
        number = len(self.faults) + 1
        self.faults.append(
            SensorFault(
                id=f"{self.site.id}/{self.story.index + 1}.{number}-{kind}",
                site=self.site.id,
                kind=kind,
                sensors=names,
                onset_ns=self.story.at(between[0]),
                end_ns=self.story.at(between[1]),
                what_en=f"{', '.join(names)}: {what[0]}",
                what_zh=f"{'、'.join(names)}：{what[1]}",
                amount=amount,
            )
        )


def write_script(
    site: Site,
    start_ns: int,
    duration_s: float,
    seed: int,
    intensity: int,
    tell: Callable[[Chapter], Iterable[Cause]],
    world: Callable[[tuple[Cause, ...]], World],
) -> Script:
    """Tell every story of a run; `world` is called anew for each stream."""
    incidents: list[Incident] = []
    faults: list[SensorFault] = []
    causes: list[Cause] = []
    for story in stories(start_ns, duration_s, intensity):
        chapter = Chapter(site, story, seed)
        causes += tell(chapter)
        incidents += chapter.incidents
        faults += chapter.faults
    return Script(
        tuple(sorted(incidents, key=lambda x: (x.onset_ns, x.id))),
        tuple(sorted(faults, key=lambda x: (x.onset_ns, x.id))),
        lambda: world(tuple(causes)),
    )
