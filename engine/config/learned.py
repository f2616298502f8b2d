"""Files of `lifeline fit`: what was learned of sensors from a recording. Readable, hashed, never written to.

    format, hash, zone, from, to and a table for each sensor by `<site>/<sensor>`:
    unit, samples, left_out, noise, limits (by quantile), hours: 168 × [median, MAD, samples], Monday 00:00 first

The hash is over everything else in the file, so that a file that was changed by hand is refused, and
a rule that names it means what was learned.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from ..beside import HOURS_OF_WEEK
from ..errors import SpecError
from ..limits import MAX_PROFILE_SENSORS, SECOND_NS
from ..rule import Profile
from .fitted import Fitted, quoted, read_fitted

#: What turns a median absolute deviation into the standard deviation of normal values.
MAD_TO_SPREAD: Final = 1.4826
#: Local time is compiled for these years; before and after, the offset of the first and last holds.
YEARS: Final = (2000, 2060)
_BEFORE_ALL: Final = -(2**63)


class LearnedSensor(msgspec.Struct, frozen=True):
    """What was learned of one sensor, in the catalogue's canonical unit."""

    unit: str
    samples: int
    left_out: int
    noise: float
    limits: dict[str, float]
    hours: tuple[tuple[float, float, int], ...]


class Learned(Fitted, frozen=True):
    """One file. `first` and `last` are ISO times of the recording in `zone`."""

    FORMAT = "lifeline-learned 1"
    BY = "lifeline fit"

    zone: str
    first: str
    last: str
    sensors: dict[str, LearnedSensor]

    def text(self) -> str:
        """The file."""
        head = [
            "# Written by `lifeline fit`. Rules name this file, and its hash is part of theirs:",
            "# a file that was changed is refused. Hours are [median, MAD, samples], local time.",
            f"format = {quoted(self.FORMAT)}",
            f"hash = {quoted(self.hash())}",
            f"zone = {quoted(self.zone)}",
            f"first = {quoted(self.first)}",
            f"last = {quoted(self.last)}",
        ]
        parts = [_of_sensor(name, one) for name, one in sorted(self.sensors.items())]
        return "\n".join([*head, "", *parts])

    def about(self) -> Mapping[str, str]:
        """What a person is told of a file."""
        return {
            "hash": self.hash(),
            "zone": self.zone,
            "from": self.first,
            "to": self.last,
            "sensors": str(len(self.sensors)),
        }


_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _of_sensor(name: str, one: LearnedSensor) -> str:
    limits = ", ".join(f"{quoted(key)} = {value!r}" for key, value in one.limits.items())
    lines = [
        f"[sensors.{quoted(name)}]",
        f"unit = {quoted(one.unit)}",
        f"samples = {one.samples}",
        f"left_out = {one.left_out}",
        f"noise = {one.noise!r}",
        f"limits = {{{limits}}}",
        "hours = [",
    ]
    for day, begins in zip(_DAYS, range(0, HOURS_OF_WEEK, 24), strict=True):
        lines.append(f"  # {day}")
        for median, mad, count in one.hours[begins : begins + 24]:
            lines.append(f"  [{median!r}, {mad!r}, {count}],")
    return "\n".join([*lines, "]", "", ""])


def read_learned(path: Path, at: tuple[str, ...]) -> Learned:
    """A file of `lifeline fit`. Raises SpecError (at the key `at`) for anything else."""
    return read_fitted(path, at, Learned, _look)


def _look(learned: Learned) -> None:
    if len(learned.sensors) > MAX_PROFILE_SENSORS:
        raise SpecError(
            "the learned file has too many sensors",
            found=str(len(learned.sensors)),
            expected=f"at most {MAX_PROFILE_SENSORS}; fit in parts",
        )
    for name, one in learned.sensors.items():
        if len(one.hours) != HOURS_OF_WEEK:
            raise SpecError("a week has 168 hours", found=f"{name}: {len(one.hours)}")


def read_profile(path: Path, at: tuple[str, ...]) -> Profile:
    """The profile that a rule carries. Raises SpecError."""
    learned = read_learned(path, at)
    hours = {
        name: tuple((median, MAD_TO_SPREAD * mad, count) for median, mad, count in one.hours)
        for name, one in learned.sensors.items()
    }
    return Profile(learned.hash(), offsets(learned.zone), hours)


@lru_cache(maxsize=16)
def offsets(zone: str) -> tuple[tuple[int, int], ...]:
    """(from ns UTC, local time less UTC in ns) of an IANA zone, ascending, for `YEARS`."""
    try:
        info = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SpecError("unknown time zone", found=repr(zone)) from error

    def ahead(second: int) -> int:
        there = datetime.fromtimestamp(second, UTC).astimezone(info).utcoffset()
        return 0 if there is None else round(there / timedelta(seconds=1))

    first, last = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in YEARS)
    found = [(_BEFORE_ALL, ahead(first) * SECOND_NS)]
    for begins in range(first, last, 86_400):
        before = ahead(begins)
        if ahead(begins + 86_400) != before:
            # The first second of the day with another offset.
            day = range(begins, begins + 86_401)
            at = begins + bisect_right(day, False, key=lambda second: ahead(second) != before)
            found.append((at * SECOND_NS, ahead(at) * SECOND_NS))
    return tuple(found)
