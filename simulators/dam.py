"""The world of a tailings dam: rain, a phreatic surface that follows, creep, and piping.

A dam takes days for what a demonstration shows in a minute. So its world runs on *process time*:
one story is ten days of the dam's life, told in the time that the scenario has; `compression`
says how many process seconds pass in one second of event time (1 where there is time enough).

    rain       r(t) = peak · sin²(π x) over its duration, mm/h
    soak       ds/dt = r − s/τ1                     what is on its way down, m
    rise       dh/dt = k s/τ1 − h/τ2(t)             of the phreatic surface, m; τ2 falls when drained
    pond       dp/dt = ratio · r − p/τ3             above its ordinary level, m
    creep      v(t) = v0 / (1 − t/T)                mm/d, Voight's law with exponent 2; then decays
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from lifeline.engine.frame import Float64, Int64
from lifeline.engine.limits import DAY_NS

from .recurrence import linear_recurrence
from .rhythm import air_temperature

DAY_S: Final = 86_400.0
MM_H_PER_M_S: Final = 3.6e6
STORY_DAYS: Final = 10.0
PIEZOMETERS_PER_SECTION: Final = 4

DRY_DEPTH_M: Final = (8.4, 6.8, 8.1, 8.8)
# Rise of the phreatic surface per metre of rain that soaks in; the second well feels it most.
RESPONSE: Final = (5.0, 9.5, 5.5, 4.5)
SOAK_S: Final = 0.3 * DAY_S
RECESSION_S: Final = 8.0 * DAY_S
DRAINED_S: Final = 0.8 * DAY_S
POND_LEVEL_M: Final = 150.0
POND_RATIO: Final = 7.5
SPILL_S: Final = 1.6 * DAY_S
SEEPAGE_L_S: Final = 8.0
SEEPAGE_NTU: Final = 5.0
PIPING_NTU: Final = 25.0
# More seepage at the height of such a piping, as a share of the ordinary.
PIPING_SEEPAGE: Final = 0.5
BACKGROUND_MM_D: Final = 0.2
CREEP_START_MM_D: Final = 4.0
CREEP_LEFT: Final = 0.03  # what remains of 1 − t/T when the berm is placed
BERM_S: Final = 0.4 * DAY_S


@dataclass(frozen=True, slots=True)
class Storm:
    """Rain between two times."""

    peak_mm_h: float
    onset_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Drains:
    """The dam's drains are opened between two times: the phreatic surface falls faster."""

    onset_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Creep:
    """A section that accelerates from `onset_ns` until a berm is placed at `end_ns`."""

    section: int
    onset_ns: int
    end_ns: int
    start_mm_d: float = CREEP_START_MM_D


@dataclass(frozen=True, slots=True)
class Piping:
    """Fines washed out with the seepage; at its height the turbidity is `ntu` higher."""

    onset_ns: int
    end_ns: int
    ntu: float = PIPING_NTU


Cause = Storm | Drains | Creep | Piping


class Store:
    """A linear store: dx/dt = inflow − x/τ, exact for an inflow that is constant within a step."""

    def __init__(self, tau_s: float) -> None:
        self._tau_s = tau_s
        self._level = 0.0

    def fill(self, inflow_per_s: Float64, step_s: float) -> Float64:
        """The level after each step; the last one is kept."""
        keep = float(np.exp(-step_s / self._tau_s))
        gained = self._tau_s * (1.0 - keep) * inflow_per_s
        level = linear_recurrence(self._level, np.full(len(gained), keep), gained)
        self._level = float(level[-1])
        return level


class Dam:
    """The true state of the dam."""

    def __init__(
        self, sections: int, causes: tuple[Cause, ...], step_s: float, compression: float
    ) -> None:
        self._sections = sections
        self._causes = causes
        self._compression = compression
        self._process_step_s = step_s * compression
        self._first_ns: int | None = None
        self._soak = Store(SOAK_S)
        self._pond = Store(SPILL_S)
        self._rise = [0.0] * (sections * PIEZOMETERS_PER_SECTION)

    def advance(self, times_ns: Int64) -> Mapping[str, Float64]:
        """See `plant.World`."""
        if self._first_ns is None:
            self._first_ns = int(times_ns[0])
        rain = self._rain(times_ns)
        soak = self._soak.fill(rain / MM_H_PER_M_S, self._process_step_s)
        pond = self._pond.fill(POND_RATIO * rain / MM_H_PER_M_S, self._process_step_s)
        truth, rises = self._phreatic(times_ns, soak / SOAK_S)
        for section in range(self._sections):
            moved = self._moved_mm(section, times_ns)
            truth[f"disp_h_{section + 1:02d}"] = moved
            truth[f"disp_v_{section + 1:02d}"] = 0.4 * moved
        washed = self._piping(times_ns)
        truth |= {
            "pond_level": POND_LEVEL_M + pond,
            "seep_flow": SEEPAGE_L_S * (1.0 + 0.12 * rises + PIPING_SEEPAGE * washed),
            "seep_turb": SEEPAGE_NTU + PIPING_NTU * washed,
            "rain": rain,
            "baro": 101.3 - 0.02 * rain,
            "air_temp": air_temperature(times_ns, 18.0, 6.0),
        }
        return truth

    def _rain(self, times_ns: Int64) -> Float64:
        rain = np.zeros(len(times_ns))
        for storm in self._causes:
            if isinstance(storm, Storm):
                x = np.clip((times_ns - storm.onset_ns) / (storm.end_ns - storm.onset_ns), 0.0, 1.0)
                rain = rain + storm.peak_mm_h * np.sin(np.pi * x) ** 2
        return rain

    def _phreatic(
        self, times_ns: Int64, seeping_m_s: Float64
    ) -> tuple[dict[str, Float64], Float64]:
        """Depth below the slope at every piezometer, and the mean rise."""
        tau = np.full(len(times_ns), RECESSION_S)
        for drains in self._causes:
            if isinstance(drains, Drains):
                drained = (times_ns >= drains.onset_ns) & (times_ns < drains.end_ns)
                tau = np.where(drained, DRAINED_S, tau)
        keep = np.exp(-self._process_step_s / tau)
        truth: dict[str, Float64] = {}
        rises = np.zeros(len(times_ns))
        for well in range(len(self._rise)):
            kind = well % PIEZOMETERS_PER_SECTION
            rise = linear_recurrence(
                self._rise[well], keep, tau * (1.0 - keep) * RESPONSE[kind] * seeping_m_s
            )
            self._rise[well] = float(rise[-1])
            truth[f"piezo_{well + 1:02d}"] = DRY_DEPTH_M[kind] - rise
            rises += rise / len(self._rise)
        return truth, rises

    def _days(self, since_ns: Int64) -> Float64:
        return np.asarray(since_ns / DAY_NS * self._compression, np.float64)

    def _moved_mm(self, section: int, times_ns: Int64) -> Float64:
        """Displacement since the first sample, mm: closed form, so it needs no state."""
        assert self._first_ns is not None
        moved = BACKGROUND_MM_D * self._days(times_ns - self._first_ns)
        for creep in self._causes:
            if isinstance(creep, Creep) and creep.section == section:
                moved = moved + self._crept_mm(creep, times_ns)
        return moved

    def _crept_mm(self, creep: Creep, times_ns: Int64) -> Float64:
        days = float(self._days(np.array(creep.end_ns - creep.onset_ns)))
        failure = days / (1.0 - CREEP_LEFT)
        since = np.clip(self._days(times_ns - creep.onset_ns), 0.0, days)
        crept = -creep.start_mm_d * failure * np.log(1.0 - since / failure)
        after = np.maximum(self._days(times_ns - creep.end_ns), 0.0) * DAY_S / BERM_S
        last = creep.start_mm_d / CREEP_LEFT
        return np.asarray(crept + last * BERM_S / DAY_S * (1.0 - np.exp(-after)), np.float64)

    def _piping(self, times_ns: Int64) -> Float64:
        """Fines as a share of an ordinary piping's: rises over the first half of its time and falls
        as fast after its end."""
        washed = np.zeros(len(times_ns))
        for piping in self._causes:
            if isinstance(piping, Piping):
                half = max(1, (piping.end_ns - piping.onset_ns) // 2)
                rise = np.clip((times_ns - piping.onset_ns) / half, 0.0, 1.0)
                fall = np.clip((times_ns - piping.end_ns) / half, 0.0, 1.0)
                washed = washed + piping.ntu / PIPING_NTU * (rise - fall)
        return washed


def answer(peak_mm_h: float, process_s: float) -> tuple[float, float]:
    """How far a storm from calm raises the pond, and the second wells' phreatic surface, in m."""
    step_s = (process_s + 4.0 * DAY_S) / 4000.0
    x = np.clip(step_s * np.arange(4000) / process_s, 0.0, 1.0)
    rain_m_s = peak_mm_h * np.sin(np.pi * x) ** 2 / MM_H_PER_M_S
    pond = Store(SPILL_S).fill(POND_RATIO * rain_m_s, step_s)
    seeping = Store(SOAK_S).fill(rain_m_s, step_s) / SOAK_S
    rise = Store(RECESSION_S).fill(RESPONSE[1] * seeping, step_s)
    return float(pond.max()), float(rise.max())


def compression_of(story_s: float) -> float:
    """Process seconds per second of event time for a story of this length; at least 1."""
    return max(1.0, STORY_DAYS * DAY_S / story_s)


def told_share(story_s: float) -> float:
    """The share of a story that its ten days fill: 1 unless there is more time than that."""
    return min(1.0, STORY_DAYS * DAY_S / story_s)
