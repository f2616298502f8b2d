"""The figures of a back-test, as plain values: per class of incident, per rule and in all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from ..level import LEVELS
from .attribution import FALSE, FAULT, HISTORIC, INCIDENT, Found, Verdicts
from .bounds import Bounded, rate, share
from .eemua import Burden, burdens


class Delay(msgspec.Struct, frozen=True):
    """Seconds from onset to the first sufficient alarm, of those that were found (nearest rank)."""

    count: int = 0
    median: float | None = None
    p95: float | None = None
    longest: float | None = None


class Detection(msgspec.Struct, frozen=True):
    """Labels of one class or of all: how many there were, and were found; `each` delay, shortest first.

    `stood` had an alarm on one of their sensors already when they began.
    """

    what: str
    labels: int
    found: int
    share: Bounded
    delay: Delay
    each: tuple[float, ...]
    stood: int

    @property
    def missed(self) -> int:
        """How many were not found."""
        return self.labels - self.found


class FalseAlarms(msgspec.Struct, frozen=True):
    """False alarms over an exposure of so many sensor-years.

    `levels` counts them by the highest level that was false, blue to red; `rate` and `red` are per
    sensor-year, `red` of those that reached red.
    """

    levels: tuple[int, int, int, int]
    sensor_years: float
    rate: Bounded
    red: Bounded

    @property
    def count(self) -> int:
        """All levels."""
        return sum(self.levels)


class RuleFigures(msgspec.Struct, frozen=True):
    """What one rule was worth: of the incidents on its sensors how many it found by itself, and its alarms by
    whom they were about. `historic` came late and called nobody."""

    rule: str
    detection: Detection
    alarms: int
    of_incidents: int
    of_faults: int
    historic: int
    false: FalseAlarms


class TrialLine(msgspec.Struct, frozen=True):
    """One trial: its time (ns UTC), samples, labels and what of them was found."""

    name: str
    begin: int
    end: int
    samples: int
    incidents: int
    found: int
    false: int
    red: int


class Report(msgspec.Struct, frozen=True):
    """A whole back-test. `samples_per_s` is what of the wall's time it took, None where nobody looked."""

    incidents: Detection
    classes: tuple[Detection, ...]
    faults: tuple[Detection, ...]
    rules: tuple[RuleFigures, ...]
    whole: RuleFigures
    performance: tuple[Burden, ...]
    trials: tuple[TrialLine, ...]
    tail_s: float
    samples: int
    samples_per_s: float | None = None


def report(trials: Sequence[Verdicts], tail_ns: int, wall_s: float | None = None) -> Report:
    """The figures of trials together. Raises ValueError where there is none."""
    if not trials:
        raise ValueError("no trial, no figures")
    found = [one for trial in trials for one in trial.found]
    incidents = [one for one in found if not one.label.fault]
    faults = [one for one in found if one.label.fault]
    samples = sum(trial.judged.samples for trial in trials)
    rules = dict.fromkeys(rule for trial in trials for rule in trial.exposure if rule)
    return Report(
        incidents=detection("", incidents),
        classes=tuple(by_class(incidents)),
        faults=tuple(by_class(faults)),
        rules=tuple(_rule(rule, trials) for rule in rules),
        whole=_rule("", trials),
        performance=tuple(burdens(f for trial in trials for f in trial.judged.figures)),
        trials=tuple(_line(trial) for trial in trials),
        tail_s=tail_ns / 1e9,
        samples=samples,
        samples_per_s=samples / wall_s if wall_s else None,
    )


def by_class(found: Iterable[Found]) -> Iterable[Detection]:
    """A line for each class, by name."""
    classes: dict[str, list[Found]] = {}
    for one in found:
        classes.setdefault(one.label.what, []).append(one)
    return (detection(what, classes[what]) for what in sorted(classes))


def detection(what: str, found: Sequence[Found], rule: str = "") -> Detection:
    """Of these labels, by any rule or by one."""
    firsts = [(one, one.by_rule.get(rule) if rule else one.first) for one in found]
    each = sorted((at - one.label.onset) / 1e9 for one, at in firsts if at is not None)
    return Detection(
        what=what,
        labels=len(found),
        found=len(each),
        share=share(len(each), len(found)),
        delay=_delay(each),
        each=tuple(each),
        stood=sum(one.stood for one in found),
    )


def _delay(each: Sequence[float]) -> Delay:
    def rank(percent: int) -> float:
        return each[-(-percent * len(each) // 100) - 1]

    return Delay(len(each), rank(50), rank(95), each[-1]) if each else Delay()


def _rule(rule: str, trials: Sequence[Verdicts]) -> RuleFigures:
    """`""`: of all rules together."""
    incidents = [
        one
        for trial in trials
        for one in trial.found
        if not one.label.fault and (not rule or rule in one.rules)
    ]
    counts = dict.fromkeys((INCIDENT, FAULT, FALSE, HISTORIC), 0)
    levels = [0] * (len(LEVELS) - 1)
    for trial in trials:
        for alarm, verdict, level in trial.alarms:
            if rule in ("", alarm.rule):
                counts[verdict] += 1
                if verdict == FALSE:
                    levels[level - 1] += 1
    years = sum(trial.exposure.get(rule, 0.0) for trial in trials)
    return RuleFigures(
        rule=rule,
        detection=detection("", incidents, rule),
        alarms=sum(counts.values()),
        of_incidents=counts[INCIDENT],
        of_faults=counts[FAULT],
        historic=counts[HISTORIC],
        false=false_alarms((levels[0], levels[1], levels[2], levels[3]), years),
    )


def false_alarms(levels: tuple[int, int, int, int], years: float) -> FalseAlarms:
    """Counts over an exposure, with their bounds."""
    return FalseAlarms(levels, years, rate(sum(levels), years), rate(levels[3], years))


def _line(trial: Verdicts) -> TrialLine:
    of = trial.judged.trial
    incidents = [one for one in trial.found if not one.label.fault]
    false = [level for _, verdict, level in trial.alarms if verdict == FALSE]
    return TrialLine(
        name=of.name,
        begin=of.begin,
        end=of.end,
        samples=trial.judged.samples,
        incidents=len(incidents),
        found=sum(one.first is not None for one in incidents),
        false=len(false),
        red=false.count(4),
    )
