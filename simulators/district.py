"""The world of a city-gas district: manholes beside medium-pressure mains, and their governors.

A hole of growing or constant area leaks into a manhole; its methane pushes the air out. One
manhole of each station breathes sewer biogas with the hour of the day, which is no leak. When the
valve upstream is shut, the crew lifts the cover and blows the chamber clean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from lifeline.engine.frame import Float64, Int64
from lifeline.engine.limits import SECOND_NS

from . import manhole
from .manhole import Manhole
from .rhythm import air_temperature, gas_demand, sewer_activity
from .stream import generator_of

MANHOLES_PER_STATION: Final = 3
VOLUME_M3: Final = 3.0
MAIN_KPA: Final = 300.0
GOVERNED_KPA: Final = 2.5
STATION_FLOW_M3_H: Final = 800.0
BLOWER_M3_S: Final = 0.60
# A cover that stands at this angle lets all the air through that it can.
OPEN_DEG: Final = 35.0
# A sewer next door brings this much methane on average: some 0.2 %VOL behind a closed lid.
BIOGAS_M3_S: Final = 1.2e-6
LARGEST_HOLE_M2: Final = 2.0e-4


@dataclass(frozen=True, slots=True)
class Release:
    """A hole in the main beside one manhole; its area grows from 0 over `growth_s` (0: at once).
    At `end_ns` the valve upstream is shut."""

    place: int
    area_m2: float
    growth_s: float
    onset_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Tilt:
    """A cover that stands open between two times; where a crew lifted it, its blower runs."""

    place: int
    onset_ns: int
    end_ns: int
    angle: float = OPEN_DEG
    blower_m3_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Overpressure:
    """A governor that lets too much through."""

    station: int
    kpa: float
    onset_ns: int
    end_ns: int


Cause = Release | Tilt | Overpressure


def _within(times_ns: Int64, onset_ns: int, end_ns: int) -> Float64:
    return ((times_ns >= onset_ns) & (times_ns < end_ns)).astype(np.float64)


class District:
    """The true state of all manholes and governors."""

    def __init__(self, manholes: int, causes: tuple[Cause, ...], seed: int, step_s: float) -> None:
        self._causes = causes
        self._step_s = step_s
        self._stations = -(-manholes // MANHOLES_PER_STATION)
        calm = float(manhole.ventilation_flow(1.5, 0.0, 0.0))
        self._boxes = [
            Manhole(VOLUME_M3, manhole.steady_fraction(_biogas_mean(i), calm))
            for i in range(manholes)
        ]
        # A manhole's own temperature and pressure differ a little from its neighbours'.
        own = generator_of(seed, "district")
        self._warmth = own.normal(0.0, 0.8, manholes)
        self._fall_kpa = np.abs(own.normal(4.0, 2.0, manholes))

    def advance(self, times_ns: Int64) -> Mapping[str, Float64]:
        """See `plant.World`."""
        truth: dict[str, Float64] = {}
        demand = gas_demand(times_ns)
        for place in range(len(self._boxes)):
            truth |= self._manhole(place, times_ns, demand)
        for station in range(self._stations):
            truth |= self._governor(station, times_ns, demand)
        return truth

    def _manhole(self, place: int, times_ns: Int64, demand: Float64) -> dict[str, Float64]:
        wind = 1.5 + 1.0 * np.sin(2.0 * np.pi * (times_ns % (7_200 * SECOND_NS)) / 7.2e12)
        main_kpa = MAIN_KPA - self._fall_kpa[place] * (1.0 + demand)
        lid, blower = np.zeros(len(times_ns)), np.zeros(len(times_ns))
        leak = _biogas_mean(place) * sewer_activity(times_ns)
        for cause in self._causes:
            if isinstance(cause, Tilt) and cause.place == place:
                opened = _within(times_ns, cause.onset_ns, cause.end_ns)
                lid = np.maximum(lid, cause.angle / OPEN_DEG * opened)
                blower = blower + cause.blower_m3_s * opened
            elif isinstance(cause, Release) and cause.place == place:
                main_kpa = main_kpa - 25.0 * _within(times_ns, cause.onset_ns, cause.end_ns)
                leak = leak + manhole.orifice_flow(_hole(cause, times_ns), main_kpa)
        vent = manhole.ventilation_flow(wind, np.minimum(lid, 1.0), blower)
        fraction = self._boxes[place].advance(leak, vent, self._step_s)
        name = manhole_name(place)
        return {
            f"{name}-ch4": 100.0 * fraction,
            f"{name}-lel": 100.0 * fraction / (manhole.LEL_PERCENT_VOL / 100.0),
            f"{name}-o2": manhole.OXYGEN_PERCENT_VOL * (1.0 - fraction),
            f"{name}-temp": air_temperature(times_ns, 16.0 + self._warmth[place], 1.5),
            f"{name}-cover": OPEN_DEG * lid,
            f"{name}-pressure": main_kpa,
        }

    def _governor(self, station: int, times_ns: Int64, demand: Float64) -> dict[str, Float64]:
        excess = np.zeros(len(times_ns))
        for cause in self._causes:
            if isinstance(cause, Overpressure) and cause.station == station:
                excess = excess + cause.kpa * _within(times_ns, cause.onset_ns, cause.end_ns)
        name = station_name(station)
        return {
            f"{name}-inlet": MAIN_KPA - 3.0 * demand,
            f"{name}-outlet": GOVERNED_KPA - 0.1 * (demand - 1.0) + excess,
            f"{name}-flow": STATION_FLOW_M3_H * demand,
        }


def _biogas_mean(place: int) -> float:
    return BIOGAS_M3_S if place % MANHOLES_PER_STATION == 1 else 0.0


def _hole(release: Release, times_ns: Int64) -> Float64:
    """The open area at each time, m2."""
    opened = _within(times_ns, release.onset_ns, release.end_ns) * release.area_m2
    if release.growth_s <= 0.0:
        return opened
    since_s = (times_ns - release.onset_ns) / SECOND_NS
    return np.asarray(opened * np.clip(since_s / release.growth_s, 0.0, 1.0), np.float64)


def hole_for(fraction: float, after_s: float) -> float:
    """The area (m2) of a constant hole in the main that fills a closed manhole to `fraction` in
    `after_s`, at most a broken fitting's 16 mm (`LARGEST_HOLE_M2`)."""
    calm = float(manhole.ventilation_flow(1.5, 0.0, 0.0))
    leak = manhole.leak_for(fraction, after_s, VOLUME_M3, calm)
    flux = float(manhole.orifice_flow(1.0, MAIN_KPA - 30.0))
    return min(leak / flux, LARGEST_HOLE_M2)


def reached_by(area_m2: float, after_s: float) -> float:
    """The volume fraction to which a constant hole brings a closed manhole in `after_s`."""
    calm = float(manhole.ventilation_flow(1.5, 0.0, 0.0))
    leak = float(manhole.orifice_flow(area_m2, MAIN_KPA - 30.0))
    filled = 1.0 - math.exp(-(leak + calm) * after_s / VOLUME_M3)
    return manhole.steady_fraction(leak, calm) * filled


def manhole_name(place: int) -> str:
    """`m01` for place 0."""
    return f"m{place + 1:02d}"


def station_name(station: int) -> str:
    """`s01` for station 0."""
    return f"s{station + 1:02d}"
