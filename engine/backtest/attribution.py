"""Which label each rise of an alarm belongs to, and what each label was found by.

A rise belongs to a label when its alarm looks at a sensor of the label and it comes between the onset and
the end + tail. It is an incident's where an incident's label covers it, else a fault's where a fault's
does, else false. What was historic called nobody: it finds nothing and is counted apart.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..level import LEVELS
from .alarm import Alarm, watched
from .label import Label
from .trial import Judged

INCIDENT: Final = "incident"
FAULT: Final = "fault"
FALSE: Final = "false"
HISTORIC: Final = "historic"
VERDICTS: Final = (INCIDENT, FAULT, FALSE, HISTORIC)
_YEAR_NS: Final = 365.25 * 86_400 * 1e9


@dataclass(slots=True)
class Found:
    """What became of one label: the first rise at its level or above, ns, by anybody and by rule.

    `rules` are those that look at one of its sensors: only they could find it. An alarm that stood before the
    onset found nothing by standing (`stood`), but a rise of it does.
    """

    label: Label
    rules: tuple[str, ...]
    first: int | None
    by_rule: Mapping[str, int]
    stood: bool


@dataclass(frozen=True, slots=True, eq=False)
class Verdicts:
    """A trial with its truth beside it.

    alarms       each with its verdict and the highest level that counts for it (1 to 4)
    found        by label, in the trial's order
    exposure     sensor-years in which an alarm would be false, by rule; `""`: of all rules together
    """

    judged: Judged
    alarms: tuple[tuple[Alarm, str, int], ...]
    found: tuple[Found, ...]
    exposure: Mapping[str, float]


def verdicts(judged: Judged, tail_ns: int) -> Verdicts:
    """Every alarm and every label of a trial, judged. `tail_ns`: how long after its end a label may still
    be seen, since instruments and structures are slow."""
    labels = judged.trial.labels
    covering = _Covering(labels, judged.places, tail_ns)
    alarms = []
    rises: dict[int, list[tuple[int, int, str]]] = {}
    for alarm in judged.alarms:
        said: dict[str, int] = {}
        for rise in alarm.rises:
            covered = list(covering.at(rise.time, alarm.sensors))
            verdict = HISTORIC if rise.historic else _verdict(labels, covered)
            said[verdict] = max(said.get(verdict, 0), rise.level)
            if not rise.historic:
                for k in covered:
                    rises.setdefault(k, []).append((rise.time, rise.level, alarm.rule))
        verdict = next(v for v in (FALSE, INCIDENT, FAULT, HISTORIC) if v in said)
        alarms.append((alarm, verdict, said[verdict]))
    looked = watched(judged.plan)
    found = tuple(
        _found(label, place, sorted(rises.get(k, [])), looked, judged.alarms)
        for k, (label, place) in enumerate(zip(labels, judged.places, strict=True))
    )
    return Verdicts(judged, tuple(alarms), found, _exposures(judged, looked, tail_ns))


class _Covering:
    """The labels by sensor."""

    def __init__(
        self, labels: Sequence[Label], places: Sequence[frozenset[int]], tail_ns: int
    ) -> None:
        self._spans: dict[int, list[tuple[int, int, int]]] = {}
        for k, (label, sensors) in enumerate(zip(labels, places, strict=True)):
            for sensor in sensors:
                self._spans.setdefault(sensor, []).append((label.onset, label.end + tail_ns, k))
        for spans in self._spans.values():
            spans.sort()

    def at(self, time: int, sensors: frozenset[int]) -> Iterator[int]:
        """Labels that cover a time on one of the sensors, each once."""
        told: set[int] = set()
        for sensor in sorted(sensors):
            spans = self._spans.get(sensor, [])
            for _, end, k in spans[: bisect_right(spans, (time, 1 << 63, 0))]:
                if time <= end and k not in told:
                    told.add(k)
                    yield k


def _verdict(labels: Sequence[Label], covered: Sequence[int]) -> str:
    if any(not labels[k].fault for k in covered):
        return INCIDENT
    return FAULT if covered else FALSE


def _found(
    label: Label,
    place: frozenset[int],
    rises: Sequence[tuple[int, int, str]],
    looked: Mapping[str, frozenset[int]],
    alarms: Sequence[Alarm],
) -> Found:
    least = LEVELS.index(label.level)
    by_rule: dict[str, int] = {}
    for time, level, rule in rises:
        if level >= least:
            by_rule.setdefault(rule, time)
    stood = any(
        alarm.begin < label.onset
        and (alarm.end is None or alarm.end > label.onset)
        and not place.isdisjoint(alarm.sensors)
        for alarm in alarms
    )
    could = tuple(rule for rule, sensors in looked.items() if not place.isdisjoint(sensors))
    return Found(label, could, min(by_rule.values(), default=None), by_rule, stood)


def _exposures(
    judged: Judged, looked: Mapping[str, frozenset[int]], tail_ns: int
) -> dict[str, float]:
    """Labelled time is not exposed: an alarm in it would not be false."""
    trial = judged.trial
    spans: dict[int, list[tuple[int, int]]] = {}
    for label, place in zip(trial.labels, judged.places, strict=True):
        for sensor in place:
            spans.setdefault(sensor, []).append((label.onset, label.end + tail_ns))
    free = {
        sensor: _free(trial.begin, trial.end, sorted(spans.get(sensor, [])))
        for sensor in judged.spoke
    }
    found = {
        rule: sum(free[sensor] for sensor in sorted(sensors & judged.spoke)) / _YEAR_NS
        for rule, sensors in looked.items()
    }
    everyone = frozenset().union(*looked.values()) & judged.spoke
    found[""] = sum(free[sensor] for sensor in sorted(everyone)) / _YEAR_NS
    return found


def _free(begin: int, end: int, spans: Sequence[tuple[int, int]]) -> int:
    """ns from `begin` to `end` that lie in none of the spans, which are sorted."""
    free, at = 0, begin
    for start, stop in spans:
        free += max(0, min(start, end) - at)
        at = max(at, stop)
    return free + max(0, end - at)
