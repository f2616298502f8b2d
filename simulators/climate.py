"""What a place's weather is like, what weather can be ordered, and the curves of year and day.

Climates are engineering ones, drawn after the places whose names they bear, not fitted to records.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from lifeline.engine.frame import Float64, Int64
from lifeline.engine.limits import DAY_NS, HOUR_NS

EventKind = Literal["rainstorm", "gale", "typhoon", "heat", "cold", "fog", "drought"]
#: What an event's `size` means, and its unit.
SIZES: Final[dict[EventKind, tuple[str, str]]] = {
    "rainstorm": ("rain in all", "mm"),
    "gale": ("highest mean wind of ten minutes", "m/s"),
    "typhoon": ("highest mean wind of ten minutes", "m/s"),
    "heat": ("highest temperature of its days", "Cel"),
    "cold": ("fall of the temperature", "Cel"),
    "fog": ("least visibility", "m"),
    "drought": ("share of the rain that stays away", "1"),
}

YEAR_NS: Final = 365.2425 * DAY_NS
# Two waves of 24 and 12 h, each by height and hour: warmest 14:30, coldest 05:15, range 2; its top.
DAY_SHAPE: Final = (0.9228, 15.5, 0.2215, 1.4)
DAY_TOP: Final = 1.0771


@dataclass(frozen=True, slots=True)
class Climate:
    """What a place is like. Temperatures in Cel: `yearly_c` is half of July less January, `daily_c`
    half of the mean range of a day, `swing_c` one σ of the swings of days; pressure of the station
    in kPa; `dew_depression_c` how far the dew point lies below the slow temperature; `wind_m_s` the
    mean of the ten-minute wind, `turbulence` its intensity; `rain_mm` a year's rain."""

    name: str
    lat: float
    lon: float
    mean_c: float
    yearly_c: float
    daily_c: float
    swing_c: float
    pressure_kpa: float
    pressure_yearly_kpa: float
    pressure_swing_kpa: float
    dew_depression_c: float
    wind_m_s: float
    turbulence: float
    rain_mm: float

    @property
    def solar_h(self) -> float:
        """Hours by which the sun's clock is ahead of UTC."""
        return self.lon / 15.0

    def season_c(self, times_ns: Int64) -> Float64:
        """Temperature of the season alone: the mean of many years."""
        return self.mean_c + self.yearly_c * year_wave(times_ns, 200.0)

    def swings_c(self, times_ns: Int64) -> Float64:
        """One σ of the swings of days about it: wider in winter."""
        return self.swing_c * (1.0 - 0.35 * year_wave(times_ns, 200.0))


HEFEI: Final = Climate(
    "hefei", 31.82, 117.23, 16.2, 12.6, 4.3, 2.6, 101.2, 1.05, 0.55, 4.5, 2.9, 0.17, 1000.0
)
#: A deck high above a wide river: more wind, steadier.
RIVER_BRIDGE: Final = Climate(
    "river", 30.94, 117.80, 16.6, 12.3, 3.6, 2.5, 101.1, 1.0, 0.55, 4.0, 4.0, 0.12, 1150.0
)
MOUNTAIN: Final = Climate(
    "mountain", 30.13, 118.17, 11.5, 11.0, 3.6, 2.6, 88.0, 0.6, 0.5, 3.2, 4.2, 0.24, 1900.0
)
NORTH: Final = Climate(
    "north", 45.75, 126.65, 4.6, 21.5, 5.2, 3.8, 99.8, 1.0, 0.65, 6.0, 3.4, 0.17, 540.0
)
CLIMATES: Final = {c.name: c for c in (HEFEI, RIVER_BRIDGE, MOUNTAIN, NORTH)}


@dataclass(frozen=True, slots=True)
class Event:
    """Weather that is ordered: `size` is in the unit of `SIZES`, reached between onset and end."""

    kind: EventKind
    onset_ns: int
    end_ns: int
    size: float

    def acts(self, times_ns: Int64, edge: float = 0.2) -> Float64:
        """0 outside, 1 within; rises and falls smoothly over `edge` of its time."""
        x = (times_ns - self.onset_ns) / float(self.end_ns - self.onset_ns)
        return smooth(np.minimum(x, 1.0 - x) / edge)


def solar_hour(times_ns: Int64, ahead_h: float) -> Float64:
    """The sun's mean time in [0, 24), where its clock is `ahead_h` ahead of UTC."""
    return np.asarray(((times_ns % DAY_NS) / HOUR_NS + ahead_h) % 24.0, np.float64)


def year_wave(times_ns: Int64, day: float) -> Float64:
    """cos over the year, 1 at that day of the year."""
    return np.asarray(np.cos((times_ns / YEAR_NS - day / 365.2425) * (2.0 * np.pi)), np.float64)


def day_shape(times_ns: Int64, ahead_h: float) -> Float64:
    """The day's wave of temperature: mean 0, range 2, warmest near 14:30, coldest near 05:15, sun's time."""
    hour = solar_hour(times_ns, ahead_h)
    a, first, b, second = DAY_SHAPE
    turn = 2.0 * np.pi / 24.0
    wave = a * np.cos((hour - first) * turn) + b * np.cos((hour - second) * (2.0 * turn))
    return np.asarray(wave, np.float64)


def vapour_pressure(temperature: Float64) -> Float64:
    """Saturation pressure over water, kPa (Magnus, coefficients of Sonntag 1990)."""
    return np.asarray(0.61112 * np.exp(17.62 * temperature / (243.12 + temperature)), np.float64)


def smooth(x: Float64) -> Float64:
    """0 below 0, 1 above 1, and 3 x² − 2 x³ between."""
    clipped = np.clip(x, 0.0, 1.0)
    return np.asarray(clipped * clipped * (3.0 - 2.0 * clipped), np.float64)
