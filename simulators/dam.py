"""The world of a tailings dam: rain fills the pond and soaks in, the phreatic line follows, the slope creeps.

Water is solved at a step of half an hour of process time and read between by straight lines:

    pond        `pond`: slopes and rain, slurry, decant tower, evaporation; beach and freeboard follow
    phreatic    `phreatic`: Boussinesq over the beach and through the dam, under what percolates
    seepage     what leaves at the toe and through the drains, and through a pipe that erodes
    settlement  `consolidation`: Terzaghi under the lifts that were placed
    creep       `creep`: Voight with exponent 2, until a berm is placed

A dam takes days for what a demonstration shows in a minute. So its world runs on *process time*:
one story is ten days of the dam's life, told in the time that the scenario has; `compression`
says how many process seconds pass in one second of event time (1 where there is time enough).
Weather drives it where one is given; a story has its own storm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from lifeline.engine.frame import Bool, Float64, Int64
from lifeline.engine.limits import DAY_NS, SECOND_NS

from .cause import Run
from .consolidation import Layer, settlement
from .course import Course
from .creep import Voight
from .phreatic import CELLS, Phreatic, Strip, reading
from .pond import Pond, PondShape
from .rhythm import air_temperature
from .weather import Weather

DAY_S: Final = 86_400.0
MM_H_PER_M_S: Final = 3.6e6
STORY_DAYS: Final = 10.0
STEP_S: Final = 1800.0

PIEZOMETERS_PER_SECTION: Final = 4
# Metres from the crest; the third stands below the berm, where rain gathers.
WELLS_M: Final = (20.0, 65.0, 110.0, 150.0)
BERM_M: Final = 110.0
SLOPE: Final = 1.0 / 8.0
BASE_M: Final = 120.0  # of the impervious base, above datum
WIDTH_M: Final = 570.0  # of the dam, for the flow of seepage
K_SPREAD: Final = 0.04  # between the outermost sections
SOAK_S: Final = 0.3 * DAY_S
INFILTRATION: Final = 0.5  # of the rain that falls on dam and beach
DRAINED_S: Final = 0.8 * DAY_S
CLOGGED_M: Final = 120.0  # metres of dam that a toe drain resists when it is stopped up
EVAPORATED: Final = 0.6  # of the sun's heat
LATENT_J_M3: Final = 2.45e9
CALM_EVAPORATION_M_S: Final = 0.003 / DAY_S

SEEPAGE_NTU: Final = 5.0
PIPING_NTU: Final = 25.0
PIPE_L_S: Final = 4.0  # what a pipe of that turbidity carries at its height
PIPE_GROWTH: Final = 1.4  # ln of how its radius grows while nobody stops it
FILTER_S: Final = 0.5 * DAY_S

BACKGROUND_MM_D: Final = 0.2
ELASTIC_MM_M: Final = 0.6  # that the slope gives for a metre of pond
CREEP_START_MM_D: Final = 4.0
CREEP_LEFT: Final = 0.03  # what remains of 1 − t/T when the berm is placed
BERM_S: Final = 0.4 * DAY_S
# The last lift before the run: days ago, days of placing, metres of tailings.
LAST_LIFT: Final = (200.0, 20.0, 2.0)
LIFT_KPA_M: Final = 20.0
LIFT_H_SHARE: Final = 0.1  # of its settlement that a lift shows outwards


@dataclass(frozen=True, slots=True)
class Storm:
    """Rain between two times, ½ peak · duration in all."""

    peak_mm_h: float
    onset_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Drains:
    """Relief wells are pumped and the emergency spillway is open between two times."""

    onset_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Blocked:
    """A share of the decant tower's openings is stopped up between two times."""

    share: float
    onset_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Clogged:
    """A share of the toe drain's length is clogged between two times."""

    share: float
    onset_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Lift:
    """The dam is raised by so many metres, evenly between two times: ordinary work."""

    metres: float
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
    """A pipe erodes; at `end_ns`, when a filter is placed, the turbidity is `ntu` higher."""

    onset_ns: int
    end_ns: int
    ntu: float = PIPING_NTU


Cause = Storm | Drains | Blocked | Clogged | Lift | Creep | Piping


def rain_of(storm: Storm, times_ns: Int64) -> Float64:
    """A storm's rain, mm/h: peak · sin²(π x) over its duration."""
    x = np.clip((times_ns - storm.onset_ns) / (storm.end_ns - storm.onset_ns), 0.0, 1.0)
    return np.asarray(storm.peak_mm_h * np.sin(np.pi * x) ** 2, np.float64)


def acting(cause: Drains | Blocked | Clogged, times_ns: Int64) -> Bool:
    """Where a cause acts."""
    return (times_ns >= cause.onset_ns) & (times_ns < cause.end_ns)


class Water:
    """Pond, soil and phreatic line, solved step by step: rows of level, seepage in L/s, wells' heads."""

    def __init__(self, sections: int, causes: tuple[Cause, ...], run: Run, sky: Weather | None):
        self._causes, self._run, self._sky = causes, run, sky
        self._pond = Pond(PondShape())
        self._line = Phreatic(Strip(), sections, K_SPREAD)
        level = self._pond.level
        self._line.settle(level - BASE_M, self._pond.shape.beach(level))
        gathers = 0.6 + 1.2 * np.exp(-(((self._line.x - BERM_M) / 35.0) ** 2))
        self._gathers = np.tile(gathers, sections)
        self._relief = self._line.head.copy()
        self._soak_m = 0.0
        weights = reading(self._line.x, np.array(WELLS_M))
        self._read = np.zeros((sections * len(WELLS_M), sections * CELLS))
        for i in range(sections):
            rows = slice(i * len(WELLS_M), (i + 1) * len(WELLS_M))
            self._read[rows, i * CELLS : (i + 1) * CELLS] = weights
        # Sections of unlike tailings rest on lines of their own: let them find these.
        for _ in range(60):
            left = self._line.step(30.0 * DAY_S, level - BASE_M, self._beach, self._relief * 0.0)[0]
        self._relief = self._line.head.copy()
        self.usual = float(left.sum()) / len(left) * WIDTH_M * 1000.0
        self.course = Course(self._row(self.usual), STEP_S, self._solve)

    @property
    def _beach(self) -> float:
        return self._pond.shape.beach(self._pond.level)

    def _row(self, seepage: float) -> Float64:
        return np.concatenate([[self._pond.level, seepage], self._read @ self._line.head])

    def rain(self, times_ns: Int64) -> Float64:
        """mm/h at these event times."""
        rain = np.zeros(len(times_ns)) if self._sky is None else self._sky.at(times_ns).rain
        for cause in self._causes:
            if isinstance(cause, Storm):
                rain = rain + rain_of(cause, times_ns)
        return rain

    def _solve(self, first: int, count: int) -> Float64:
        middle_s = (np.arange(first, first + count) + 0.5) * STEP_S
        times = self._run.start_ns + (middle_s / self._run.compression * SECOND_NS).astype(np.int64)
        rain = (self.rain(times) / MM_H_PER_M_S).tolist()
        dry = np.full(count, CALM_EVAPORATION_M_S)
        if self._sky is not None:
            dry = EVAPORATED * self._sky.at(times).sun / LATENT_J_M3
        drains, blocked, clogged = np.zeros(count, np.bool_), np.zeros(count), np.zeros(count)
        for cause in self._causes:
            if isinstance(cause, Drains):
                drains |= acting(cause, times)
            elif isinstance(cause, Blocked):
                blocked = np.maximum(blocked, cause.share * acting(cause, times))
            elif isinstance(cause, Clogged):
                clogged = np.maximum(clogged, cause.share * acting(cause, times))
        columns = (dry.tolist(), drains.tolist(), blocked.tolist(), clogged.tolist())
        return np.array([self._step(*now) for now in zip(rain, *columns, strict=True)])

    def _step(
        self, rain: float, dry: float, drains: bool, blocked: float, clogged: float
    ) -> Float64:
        """One step; the row after it."""
        self._pond.step(STEP_S, rain, dry, blocked=blocked, emergency=drains)
        keep = float(np.exp(-STEP_S / SOAK_S))
        self._soak_m = self._soak_m * keep + INFILTRATION * rain * SOAK_S * (1.0 - keep)
        left, _ = self._line.step(
            STEP_S,
            self._pond.level - BASE_M,
            self._beach,
            self._soak_m / SOAK_S * self._gathers,
            (1.0 / DRAINED_S, self._relief) if drains else None,
            CLOGGED_M * clogged,
        )
        return self._row(float(left.sum()) / len(left) * WIDTH_M * 1000.0)


class Dam:
    """The true state of the dam."""

    def __init__(
        self, sections: int, causes: tuple[Cause, ...], run: Run, sky: Weather | None = None
    ) -> None:
        self._sections, self._causes, self._run, self._sky = sections, causes, run, sky
        self._water = Water(sections, causes, run, sky)
        self._layer = Layer()
        shape = PondShape()
        self._shape = shape
        surface = shape.crest - BASE_M - SLOPE * np.array(WELLS_M)
        self._surface = np.tile(surface, sections)
        self._level = self._water.course.at(np.zeros(1))[0, 0]

    def advance(self, times_ns: Int64) -> Mapping[str, Float64]:
        """See `plant.World`."""
        days = self._days(times_ns - self._run.start_ns)
        rows = self._water.course.at(days * DAY_S)
        level, seepage = rows[:, 0], rows[:, 1]
        depth = self._surface - rows[:, 2:]
        truth = {f"piezo_{i + 1:02d}": depth[:, i] for i in range(depth.shape[1])}
        settled = self._settled_mm(times_ns, days)
        for section in range(self._sections):
            crept = self._crept_mm(section, times_ns)
            given = BACKGROUND_MM_D * days + ELASTIC_MM_M * (level - self._level)
            truth[f"disp_h_{section + 1:02d}"] = given + crept + LIFT_H_SHARE * settled
            truth[f"disp_v_{section + 1:02d}"] = settled + 0.4 * crept
        flow, turbidity = self._washed(times_ns, seepage)
        rain = self._water.rain(times_ns)
        truth |= {
            "pond_level": level,
            "freeboard": self._shape.crest - level,
            "beach": (self._shape.crest - level) / self._shape.beach_slope,
            "seep_flow": flow,
            "seep_turb": turbidity,
            "rain": rain,
        }
        return truth | self._air(times_ns, rain)

    def _air(self, times_ns: Int64, rain: Float64) -> dict[str, Float64]:
        if self._sky is None:
            warm = air_temperature(times_ns, 18.0, 6.0)
            return {"baro": 101.3 - 0.02 * rain, "air_temp": warm}
        sky = self._sky.at(times_ns)
        return {"baro": sky.pressure, "air_temp": sky.temperature}

    def _days(self, since_ns: Int64) -> Float64:
        return np.asarray(since_ns / DAY_NS * self._run.compression, np.float64)

    def _settled_mm(self, times_ns: Int64, days: Float64) -> Float64:
        """Settlement since the run began, of the last lift and of those placed meanwhile."""
        ago, placing, metres = LAST_LIFT
        since, load = np.append(0.0, days) + ago, metres * LIFT_KPA_M
        settled = settlement(self._layer, load, since * DAY_S, placing * DAY_S)
        settled = settled[1:] - settled[0]
        for lift in self._causes:
            if isinstance(lift, Lift):
                placing = float(self._days(np.array(lift.end_ns - lift.onset_ns)))
                since = self._days(times_ns - lift.onset_ns)
                load = lift.metres * LIFT_KPA_M
                settled = settled + settlement(self._layer, load, since * DAY_S, placing * DAY_S)
        return np.asarray(1000.0 * settled, np.float64)

    def _crept_mm(self, section: int, times_ns: Int64) -> Float64:
        crept = np.zeros(len(times_ns))
        for creep in self._causes:
            if isinstance(creep, Creep) and creep.section == section:
                days = float(self._days(np.array(creep.end_ns - creep.onset_ns)))
                law = Voight(creep.start_mm_d, days / (1.0 - CREEP_LEFT))
                since = np.clip(self._days(times_ns - creep.onset_ns), 0.0, days)
                after = np.maximum(self._days(times_ns - creep.end_ns), 0.0) * DAY_S / BERM_S
                last = creep.start_mm_d / CREEP_LEFT * BERM_S / DAY_S
                crept = crept + law.moved(since) + last * (1.0 - np.exp(-after))
        return crept

    def _washed(self, times_ns: Int64, seepage: Float64) -> tuple[Float64, Float64]:
        """Flow (L/s) and turbidity (NTU) with pipes that erode.

        A pipe's radius grows as exp(t/τ) under a constant gradient (Bonelli and Brivois, 2008), its
        flow with the radius' power 5/2, what it washes out with its square.
        """
        flow, load = seepage, SEEPAGE_NTU * seepage
        for piping in self._causes:
            if isinstance(piping, Piping):
                length = float(piping.end_ns - piping.onset_ns)
                growing = PIPE_GROWTH * np.minimum((times_ns - piping.end_ns) / length, 0.0)
                sealed = np.maximum(self._days(times_ns - piping.end_ns), 0.0) * DAY_S / FILTER_S
                radius = np.exp(growing - sealed) * (times_ns >= piping.onset_ns)
                carries = PIPE_L_S * piping.ntu / PIPING_NTU
                usual = self._water.usual
                whole = (SEEPAGE_NTU + piping.ntu) * (usual + carries) - SEEPAGE_NTU * usual
                flow = flow + carries * radius**2.5
                load = load + whole * radius**2
        return flow, load / flow


@lru_cache(maxsize=256)
def answer(peak_mm_h: float, process_s: float) -> tuple[float, float]:
    """The pond's highest level (m above datum) and the fourth well's least depth (m), in the four
    days after a storm of this peak and duration met a dam at rest."""
    end = max(1, round(process_s * SECOND_NS))
    run = Run(0, process_s + 4.0 * DAY_S, 0)
    dam = Dam(1, (Storm(peak_mm_h, 0, end),), run)
    told = dam.advance((np.arange(0.0, run.duration_s, STEP_S) * SECOND_NS).astype(np.int64))
    return float(told["pond_level"].max()), float(told["piezo_04"].min())


def compression_of(story_s: float) -> float:
    """Process seconds per second of event time for a story of this length; at least 1."""
    return max(1.0, STORY_DAYS * DAY_S / story_s)


def told_share(story_s: float) -> float:
    """The share of a story that its ten days fill: 1 unless there is more time than that."""
    return min(1.0, STORY_DAYS * DAY_S / story_s)
