"""Deviations from a reference sensor, a set point, a profile: docs/semantics.md §4, `deviation`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

from lifeline.engine.configuration import Configuration

from .levels import Measured
from .plant import Instance, Key
from .sensing import Seen

ROUNDING = 1e-12  # of one subtraction and one division


@dataclass
class Other:
    """The sensor that an instance refers to, and what was last heard of it since it began."""

    sensor: int | None
    way: float
    row: tuple[int, float] | None = None


def _matches(patterns: tuple[str, ...], text: str) -> bool:
    return not patterns or any(fnmatchcase(text, one) for one in patterns)


def reference_of(configuration: Configuration, instance: Instance) -> int | None:
    """The one living sensor of the site that the rule's reference means; None where it is not one."""
    wanted, subject = instance.rule.reference, instance.sensor
    if wanted is None or subject is None:
        return None
    mine = configuration.sensors[subject]
    found = [
        index
        for index, one in enumerate(configuration.sensors)
        if index != subject
        and not one.retired
        and one.site == mine.site
        and _matches(wanted.sensor, one.id)
        and _matches(wanted.quantity, one.quantity)
        and (not wanted.same_asset or one.asset == mine.asset)
    ]
    return found[0] if len(found) == 1 else None


class Others:
    """What every instance knows of its reference."""

    def __init__(self) -> None:
        self._of: dict[Key, Other] = {}

    def configured(self, configuration: Configuration, instances: Iterable[Instance]) -> None:
        """Instances that still refer to the same sensor keep what they heard of it."""
        before, self._of = self._of, {}
        for one in instances:
            if one.rule.kind != "deviation":
                continue
            way = one.judgement.options.get("from", 0.0)
            other = Other(reference_of(configuration, one), way)
            old = before.get(one.key)
            if old is not None and (old.sensor, old.way) == (other.sensor, other.way):
                other.row = old.row
            self._of[one.key] = other

    def hear(self, sensor: int, seen: Seen) -> None:
        """A row of a sensor: good is kept, bad voids, suspect is passed over."""
        for other in self._of.values():
            if other.sensor == sensor and seen.forward and seen.quality != "suspect":
                other.row = (seen.jt, seen.v) if seen.usable else None

    def of(self, instance: Instance) -> tuple[int, float] | None:
        """The last row of an instance's reference."""
        return self._of[instance.key].row


def hour_of_week(t: int, offsets: tuple[tuple[int, int], ...]) -> int:
    """By the calendar: hours since Monday 00:00, local time."""
    ahead = [ahead for since, ahead in offsets if since <= t][-1]
    local = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=(t + ahead) // 1000)
    return local.weekday() * 24 + local.hour


def deviation(
    others: Others, instance: Instance, name: str, seen: Seen
) -> tuple[Measured, bool] | None:
    """x of one usable row; None where nothing is expected of it."""
    options = instance.judgement.options
    way = options.get("from", 0.0)
    if way == 1.0:
        return _less(seen.v, options["set_point"])
    if way == 0.0:
        row = others.of(instance)
        if row is None or abs(seen.jt - row[0]) > options["max_age"]:
            return None
        return _less(seen.v, row[1])
    profile = instance.rule.profile
    hours = None if profile is None else profile.hours.get(name)
    if profile is None or hours is None:
        return None
    median, spread, count = hours[hour_of_week(seen.jt, profile.offsets)]
    if count < options["min_count"]:
        return None
    spread = max(spread, options.get("floor", 0.0))
    if way == 2.0:
        return _less(seen.v, median)
    if spread <= 0.0:
        return None
    x = (seen.v - median) / spread
    return Measured(x, ROUNDING * abs(x)), False


def _less(v: float, expected: float) -> tuple[Measured, bool]:
    return Measured(v - expected), False
