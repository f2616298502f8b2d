"""The world of a utility corridor: sections of three compartments, for power, for pipes, for gas.

Fans run by timetable where it is drier outside; in the gas compartment accident ventilation starts by its own detector, as the
pack asks. What leaks, burns or bursts is a source in the box of its compartment (`compartment`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from lifeline.engine.frame import Float64, Int64
from lifeline.engine.limits import SECOND_NS

from .compartment import AIR_HEAT, Fan, Sump, first_order, ground_temperature, saturation
from .manhole import LEL_PERCENT_VOL, OXYGEN_PERCENT_VOL
from .recurrence import relax
from .rhythm import water_demand
from .weather import Weather

Kind = Literal["power", "pipes", "gas"]
KINDS: Final[tuple[Kind, ...]] = ("power", "pipes", "gas")
VOLUME_M3: Final[dict[Kind, float]] = {"power": 1400.0, "pipes": 1800.0, "gas": 1000.0}
FLOOR_M2: Final = 480.0
# Changes of air an hour: through shafts alone, with the fans of the timetable, and in an accident.
NATURAL: Final = 0.1
FANS: Final[dict[Kind, float]] = {"power": 2.0, "pipes": 2.0, "gas": 6.0}
ACCIDENT: Final = 12.0
TIMETABLE_S: Final = 4 * 3600  # every four hours,
RUNS_S: Final = 30 * 60  # for half an hour
# A little above the alarm, so that the fan answers it.
FAN_STARTS: Final = 0.22 * LEL_PERCENT_VOL / 100.0
FAN_STOPS: Final = 0.05 * LEL_PERCENT_VOL / 100.0
DEPTH_M: Final = 4.0
GROUND_MEAN: Final = 17.0
GROUND_SWING: Final = 12.0
WALL_S: Final = 3600.0
WALL_WET_S: Final = 3600.0
WALL_WETNESS: Final = 0.72
# Fans of the timetable stay off where the air outside is nearly as wet as the walls' own.
DRY_ENOUGH: Final = 0.8
CABLES_W: Final = 1500.0
PUMP_STARTS_M: Final = 0.6
PUMP_STOPS_M: Final = 0.2
PIT_M2: Final = 1.5
PUMP_M3_H: Final = 20.0
SEEPS_M3_H: Final = 0.3
# Rain reaches the walls a day later and smoothed: m3/h for each mm/h that falls.
RAIN_SEEPS: Final = 0.15
RAIN_LAG_S: Final = 86_400.0
SEWER_MG_S: Final = 0.05
OXYGEN_USED_M3_S: Final = 1.5e-4
# A cable's cover gives 20 MJ/kg and 5 % of its mass as carbon monoxide.
CO_MG_S_PER_KW: Final = 2.5

What = Literal[
    "gas.leak",
    "cable.fire",
    "cable.overload",
    "inert.release",
    "sewer.gas",
    "pipe.burst",
    "pump.failure",
    "fan.failure",
    "inspection",
]


@dataclass(frozen=True, slots=True)
class Cause:
    """What happens in a compartment (`where`) between two times; `size` in the unit of its kind."""

    what: What
    where: str
    size: float
    onset_ns: int
    end_ns: int


class Corridor:
    """The true state of all compartments."""

    def __init__(self, sections: int, causes: tuple[Cause, ...], seed: int, step_s: float) -> None:
        self._weather = Weather(seed=seed)
        self._step_s = step_s
        self._seeping: float | None = None
        self._compartments = [
            Compartment(name, kind, tuple(c for c in causes if c.where == name), step_s)
            for section in range(sections)
            for kind, name in zip(KINDS, names_of(section), strict=True)
        ]

    def advance(self, times_ns: Int64) -> Mapping[str, Float64]:
        """See `plant.World`."""
        sky = self._weather.at(times_ns)
        vapour = sky.humidity / 100.0 * saturation(sky.temperature)
        held = RAIN_SEEPS * 0.05 if self._seeping is None else self._seeping
        rain = relax(held, RAIN_SEEPS * sky.rain, RAIN_LAG_S, self._step_s)
        self._seeping = float(rain[-1])
        outside = Outside(times_ns, sky.temperature, vapour, rain)
        truth: dict[str, Float64] = {}
        for compartment in self._compartments:
            truth |= compartment.advance(outside)
        return truth


@dataclass(frozen=True, slots=True, eq=False)
class Outside:
    """What surrounds the corridor: air (Cel, g/m3), and what the rain brings (m3/h)."""

    times_ns: Int64
    temperature: Float64
    vapour: Float64
    rain_m3_h: Float64


class Compartment:
    """One compartment between two fire walls, 200 m long."""

    def __init__(self, name: str, kind: Kind, causes: tuple[Cause, ...], step_s: float) -> None:
        self._name, self._kind, self._causes, self._step_s = name, kind, causes, step_s
        self._volume = VOLUME_M3[kind]
        accident = ACCIDENT * self._volume / 3600.0
        self._fan = Fan(self._volume, FAN_STARTS, FAN_STOPS, accident)
        self._sump = Sump(PIT_M2, FLOOR_M2, PUMP_STARTS_M, PUMP_STOPS_M, PUMP_M3_H / 3600.0)
        self._held: dict[str, float] = {}

    def advance(self, outside: Outside) -> dict[str, Float64]:
        """The true values of its points at these times."""
        times = outside.times_ns
        works = 1.0 - np.minimum(self._acting("fan.failure", times), 1.0)
        visit = self._acting("inspection", times)
        drier = outside.vapour < DRY_ENOUGH * saturation(_wall(times))
        fans = FANS[self._kind] * _runs(times) * works * drier
        air = self._volume / 3600.0 * (NATURAL * (1.0 + visit) + fans)
        name = self._name
        truth: dict[str, Float64] = {}
        if self._kind == "gas":
            leak = self._acting("gas.leak", times) / 3600.0
            methane, fan = self._fan.advance(leak, air, works, self._step_s)
            air = air + fan
            truth[f"{name}-lel"] = 10_000.0 * methane / LEL_PERCENT_VOL
        else:
            methane = np.zeros(len(times))
        truth[f"{name}-o2"] = self._oxygen(times, air, visit, methane)
        truth |= self._climate(outside, air, visit)
        if self._kind == "power":
            truth[f"{name}-co"] = self._mass("co", self._fire_kw(times) * CO_MG_S_PER_KW, air, 0.3)
        if self._kind == "pipes":
            sewer = SEWER_MG_S * water_demand(times) + self._acting("sewer.gas", times)
            truth[f"{name}-h2s"] = self._mass("h2s", sewer, air, 0.3)
        inflow = SEEPS_M3_H + outside.rain_m3_h + self._acting("pipe.burst", times)
        pump = 1.0 - self._acting("pump.failure", times) / 100.0
        truth[f"{name}-water"] = self._sump.advance(inflow / 3600.0, pump, self._step_s)
        return truth

    def _acting(self, what: What, times_ns: Int64) -> Float64:
        """The sum of the sizes of what acts at each time."""
        total = np.zeros(len(times_ns))
        for cause in self._causes:
            if cause.what == what:
                acts = (times_ns >= cause.onset_ns) & (times_ns < cause.end_ns)
                total = total + cause.size * acts
        return total

    def _fire_kw(self, times_ns: Int64) -> Float64:
        """A fire that grows over its first ten minutes."""
        heat = np.zeros(len(times_ns))
        for cause in self._causes:
            if cause.what == "cable.fire":
                acts = (times_ns >= cause.onset_ns) & (times_ns < cause.end_ns)
                grown = np.clip((times_ns - cause.onset_ns) / (600 * SECOND_NS), 0.0, 1.0)
                heat = heat + cause.size * grown * acts
        return heat

    def _kept(self, what: str, values: Float64) -> Float64:
        self._held[what] = float(values[-1])
        return values

    def _mass(self, what: str, mg_s: Float64, air: Float64, first: float) -> Float64:
        """A trace gas, mg/m3."""
        gained = mg_s / self._volume
        held = self._held.get(what, first)
        return self._kept(what, first_order(held, air / self._volume, gained, self._step_s))

    def _oxygen(self, times_ns: Int64, air: Float64, visit: Float64, methane: Float64) -> Float64:
        """%VOL: what inert gas and methane leave of the air, less what rust and people use."""
        inert = self._acting("inert.release", times_ns) / 3600.0
        rate = (air + inert) / self._volume
        share = first_order(self._held.get("inert", 0.0), rate, inert / self._volume, self._step_s)
        used = OXYGEN_USED_M3_S * (1.0 + visit) / self._volume
        lost = first_order(self._held.get("used", 0.0), air / self._volume, used, self._step_s)
        self._kept("inert", share)
        self._kept("used", lost)
        left = (1.0 - share) * (1.0 - methane) - lost / 0.209
        return np.asarray(OXYGEN_PERCENT_VOL * np.maximum(left, 0.0), np.float64)

    def _climate(self, outside: Outside, air: Float64, visit: Float64) -> dict[str, Float64]:
        """Temperature and relative humidity."""
        times, changes = outside.times_ns, air / self._volume
        wall = _wall(times)
        watts = 300.0 * visit
        if self._kind == "power":
            load = CABLES_W * water_demand(times) + 1000.0 * self._acting("cable.overload", times)
            watts = watts + load + 1000.0 * self._fire_kw(times)
        rate = changes + 1.0 / WALL_S
        gained = changes * outside.temperature + wall / WALL_S + watts / (AIR_HEAT * self._volume)
        held = self._held.get("temp", float(wall[0]))
        warm = self._kept("temp", first_order(held, rate, gained, self._step_s))
        wet = WALL_WETNESS * saturation(wall)
        gained = changes * outside.vapour + wet / WALL_WET_S + 0.02 * visit / self._volume
        held = self._held.get("vapour", float(wet[0]))
        rate = changes + 1.0 / WALL_WET_S
        vapour = self._kept("vapour", first_order(held, rate, gained, self._step_s))
        humidity = np.minimum(100.0 * vapour / saturation(warm), 100.0)
        return {f"{self._name}-temp": warm, f"{self._name}-humidity": humidity}


def _wall(times_ns: Int64) -> Float64:
    return ground_temperature(times_ns, DEPTH_M, GROUND_MEAN, GROUND_SWING)


def _runs(times_ns: Int64) -> Float64:
    """1 where the timetable has the fans on."""
    return ((times_ns // SECOND_NS % TIMETABLE_S) < RUNS_S).astype(np.float64)


def names_of(section: int) -> tuple[str, str, str]:
    """`s1-power`, `s1-pipes`, `s1-gas` for section 0."""
    power, pipes, gas = (f"s{section + 1}-{kind}" for kind in KINDS)
    return power, pipes, gas
