"""Labelled incidents: what really happened, when, and which level an engine ought to reach.

A story is one pass through all that can go wrong at a site. A scenario plays the story
`intensity` times within its duration, so that an incident's place is always relative to the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from lifeline.engine.level import LEVELS
from lifeline.engine.limits import MINUTE_NS, SECOND_NS

Level = Literal["blue", "yellow", "orange", "red"]


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that happened to the plant, not to its instruments.

    `sensors` are the ids on which it can be seen, `onset_ns`/`end_ns` the event times between
    which its cause acts, `level` the least grave level that an alert must reach to count as
    detection. `what_en`/`what_zh` is one sentence for people. `where` and `size` (in the unit that
    `measure` names) are its cause's.
    """

    id: str
    site: str
    domain: str
    kind: str
    sensors: tuple[str, ...]
    onset_ns: int
    end_ns: int
    level: Level
    what_en: str
    what_zh: str
    where: str = ""
    size: float = 0.0
    measure: str = ""


@dataclass(frozen=True, slots=True)
class Detection:
    """When an incident was first alerted at its level or above; None where it never was."""

    incident: Incident
    first_ns: int | None

    @property
    def delay_s(self) -> float | None:
        """Seconds from onset to the first sufficient alert, or None for a miss."""
        if self.first_ns is None:
            return None
        return (self.first_ns - self.incident.onset_ns) / SECOND_NS


def detections(
    incidents: Iterable[Incident],
    alerts: Iterable[tuple[str, int, str]],
    *,
    tail_ns: int = MINUTE_NS,
) -> tuple[Detection, ...]:
    """The first sufficient alert of each incident.

    `alerts` are (sensor id, event time ns, level name); levels that are no level (`normal`) are
    passed over. An alert counts from onset to `tail_ns` after the end, since slow instruments see
    a release after it was stopped.
    """
    known = [a for a in alerts if a[2] in LEVELS[1:]]
    return tuple(_first(incident, known, tail_ns) for incident in incidents)


def _first(incident: Incident, alerts: list[tuple[str, int, str]], tail_ns: int) -> Detection:
    least = LEVELS.index(incident.level)
    times = [
        time
        for sensor, time, level in alerts
        if sensor in incident.sensors
        and LEVELS.index(level) >= least
        and incident.onset_ns <= time <= incident.end_ns + tail_ns
    ]
    return Detection(incident, min(times, default=None))


@dataclass(frozen=True, slots=True)
class Story:
    """One pass: from `begin_ns`, `length_s` long; `index` counts the passes of a scenario."""

    index: int
    begin_ns: int
    length_s: float

    def at(self, fraction: float) -> int:
        """The event time at a fraction of the story, whole milliseconds."""
        return self.begin_ns + round(fraction * self.length_s * 1000) * 1_000_000


def stories(start_ns: int, duration_s: float, intensity: int) -> Iterator[Story]:
    """The passes of a scenario; none where `intensity` is 0. Raises ValueError below 0."""
    if intensity < 0:
        raise ValueError(f"intensity must not be negative, found {intensity}")
    for index in range(intensity):
        length_s = duration_s / intensity
        yield Story(index, start_ns + round(index * length_s * 1000) * 1_000_000, length_s)
