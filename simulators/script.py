"""Writing a run's script: what happens and what breaks, when and where, as labels and as a world.

A story is written by a site's `tell`, which throws places and sizes by dice; a scenario file by a
person. Both become happenings of the site's own kinds and go through `scripted`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from lifeline.engine.errors import SpecError
from lifeline.engine.limits import SECOND_NS

from .cause import CauseKind, Happening, Run, kind_of, made
from .faults import FaultKind, SensorFault
from .incidents import Incident, Story, stories
from .plant import Script, Site
from .signals import reached
from .stream import generator_of


class Chapter:
    """One story while it is being told: collects what happens; `dice` is its own randomness."""

    def __init__(self, site: Site, story: Story, seed: int, compression: float = 1.0) -> None:
        self.site = site
        self.story = story
        self.dice: np.random.Generator = generator_of(seed, site.id, "story", str(story.index))
        self.happenings: list[Happening] = []
        self.faults: list[SensorFault] = []
        self._compression = compression

    def at(self, fraction: float, spread: float = 0.015) -> int:
        """An event time about a fraction of the story, thrown by up to `spread` to either side."""
        return self.story.at(fraction + float(self.dice.uniform(-spread, spread)))

    def happens(
        self, kind: str, where: str, between: tuple[int, int], size: float | None = None
    ) -> None:
        """One of the site's kinds `between` two event times; without `size` the usual one."""
        usual = kind_of(self.site, kind).usual
        self.happenings.append(
            Happening(kind, where, *between, usual if size is None else size, self._compression)
        )

    def each_once(
        self, acts: Iterable[tuple[str, float, float]], most: Callable[[CauseKind[Any]], float]
    ) -> None:
        """Each kind between two shares of the story, at a place that the dice say; sizes from the usual one
        to the `most`."""
        for name, onset, end in acts:
            kind = kind_of(self.site, name)
            places = kind.places(self.site)
            where = places[int(self.dice.integers(len(places)))]
            size = float(self.dice.uniform(kind.usual, most(kind)))
            self.happens(name, where, (self.at(onset, 0.004), self.at(end, 0.004)), size)

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


def in_real_time(story_s: float) -> float:
    """The compression of a site that lives as fast as its clock: 1 for a story of any length."""
    return 1.0


def storyteller(
    tell: Callable[[Chapter], None], compression: Callable[[float], float] = in_real_time
) -> Callable[[Site, int, float, int, int], Script]:
    """A site's `write_script`: tells every story of a run out of the site's own kinds.

    `compression` gives the seconds of process in a second of event time for a story's length.
    """
    return partial(_told, tell, compression)


def _told(
    tell: Callable[[Chapter], None],
    compression: Callable[[float], float],
    site: Site,
    start_ns: int,
    duration_s: float,
    seed: int,
    intensity: int,
) -> Script:
    factor = compression(duration_s / max(1, intensity))
    happenings: list[Happening] = []
    faults: list[SensorFault] = []
    for story in stories(start_ns, duration_s, intensity):
        chapter = Chapter(site, story, seed, factor)
        tell(chapter)
        happenings += chapter.happenings
        faults += chapter.faults
    return scripted(site, Run(start_ns, duration_s, seed, factor), happenings, faults)


def scripted(
    site: Site, run: Run, happenings: Sequence[Happening], faults: Sequence[SensorFault]
) -> Script:
    """The script of a run in which just this happens and breaks; labels end with the run. What the
    run's own state reaches of the site's signals is labelled too.

    Raises SpecError where a happening is none of the site's.
    """
    make_world = site.make_world
    if make_world is None:
        raise SpecError("this site's world cannot be made from happenings", found=site.name)
    end_ns = run.start_ns + round(run.duration_s * SECOND_NS)
    incidents: list[Incident] = []
    causes: list[Any] = []
    ordered = sorted(happenings, key=lambda h: (h.onset_ns, h.kind, h.where))
    for number, happening in enumerate(ordered, 1):
        labels, cause = made(site, happening, number)
        incidents += [
            replace(i, end_ns=min(i.end_ns, end_ns)) for i in labels if i.onset_ns < end_ns
        ]
        causes.append(cause)
    world = partial(make_world, site, run, tuple(causes))
    incidents += reached(site, run, world, incidents)
    return Script(
        tuple(sorted(incidents, key=lambda x: (x.onset_ns, x.id))),
        tuple(sorted(faults, key=lambda x: (x.onset_ns, x.id))),
        world,
        run.compression,
        tuple(ordered),
    )
