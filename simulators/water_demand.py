"""What a district's customers ask for: by hour, weekday and season, with a tremble of its own."""

from __future__ import annotations

from typing import Final

import numpy as np

from lifeline.engine.frame import Float64, Int64
from lifeline.engine.limits import DAY_NS, SECOND_NS

from .rhythm import BEIJING_HOURS, hour_of_day, water_demand
from .stream import generator_of
from .water_network import CLASSES, CORNERS, class_of, demand_l_s

QUARTER_S: Final = 900
# One class's multiplier trembles by 3 %, half of which is left after some 40 minutes.
TREMBLE: Final = 0.03
KEPT: Final = 0.8
# Homes take a twelfth more at the end of July than in the mean of a year, and less in January.
SEASON: Final = 0.08
# The least of `rhythm.water_demand` that never ends.
AT_NIGHT: Final = 0.55
_HOTTEST_DAY: Final = 208.0
_HOUR_NS: Final = 3600 * SECOND_NS
# 1970-01-01 was a Thursday; day 0 of this count is a Monday.
_MONDAY: Final = 3


def weekday_of(times_ns: Int64) -> Int64:
    """0 is Monday, by local time."""
    local = times_ns + round(BEIJING_HOURS * 3600) * SECOND_NS
    return np.asarray((local // DAY_NS + _MONDAY) % 7, np.int64)


def asked(times_ns: Int64) -> Float64:
    """The multipliers of homes, shops and workshops (rows) without their tremble. What homes take at
    night knows neither season nor free days."""
    free = weekday_of(times_ns) >= 5
    hour = hour_of_day(times_ns)
    # On free days people rise an hour later and use a little more.
    day = np.where(free, 1.05, 1.0) * (water_demand(times_ns - free * _HOUR_NS) - AT_NIGHT)
    season = 1.0 + SEASON * np.cos(2.0 * np.pi * (times_ns / DAY_NS - _HOTTEST_DAY) / 365.25)
    open_ = np.clip(np.minimum(hour - 8.0, 22.0 - hour) / 2.0, 0.0, 1.0)
    working = np.clip(np.minimum(hour - 6.0, 20.0 - hour) / 1.5, 0.0, 1.0)
    return np.stack(
        [
            0.75 * (AT_NIGHT + day * season),
            0.30 + np.where(free, 1.3, 1.0) * open_,
            0.50 + np.where(free, 0.2, 1.0) * working,
        ]
    )


def taken_m3(onset_ns: int, end_ns: int) -> float:
    """What the district asks for between two times, without its tremble, m3."""
    times = np.arange(onset_ns, end_ns, QUARTER_S * SECOND_NS, dtype=np.int64)
    base = [sum(demand_l_s(c) for c in CORNERS if class_of(c) == name) for name in CLASSES]
    l_s = np.array(base) @ asked(times)
    hours = np.diff(np.append(times, end_ns)) / _HOUR_NS
    return float(np.sum(l_s * 3.6 * hours))


class Demand:
    """The multipliers of one run at any time of it; quarter-hours are drawn once, in their order."""

    def __init__(self, start_ns: int, seed: int, name: str) -> None:
        self._start_ns = start_ns
        self._dice = generator_of(seed, name, "demand")
        self._tremble = np.zeros(3)
        self._drawn: list[Float64] = []

    def at(self, second: int) -> Float64:
        """The three multipliers so many seconds after the beginning: straight lines between the
        quarter-hours."""
        quarter, rest = divmod(second, QUARTER_S)
        while len(self._drawn) < quarter + 2:
            self._draw()
        before, after = self._drawn[quarter], self._drawn[quarter + 1]
        return before + (after - before) * (rest / QUARTER_S)

    def _draw(self) -> None:
        thrown = self._dice.standard_normal(3)
        self._tremble = KEPT * self._tremble + TREMBLE * np.sqrt(1.0 - KEPT**2) * thrown
        time_ns = self._start_ns + len(self._drawn) * QUARTER_S * SECOND_NS
        self._drawn.append(asked(np.array([time_ns], np.int64))[:, 0] * (1.0 + self._tremble))
