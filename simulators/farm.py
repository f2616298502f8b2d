"""The world of a tank farm: four tanks that are filled and drawn, the weather on them, and what leaks.

Tanks are solved minute by minute (`tank`) and read between by straight lines; what evaporates from a
pool in a bund is carried to the detectors by the wind of the moment (`plume`). Pumps stop where the
level reaches what the plan says: a leak makes the next filling longer, nothing else knows of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from lifeline.engine.frame import Float64, Int64
from lifeline.engine.limits import SECOND_NS

from .cause import Run
from .course import Course
from .lattice import key_of, uniform
from .plume import DETECTOR_M, GAS_CONSTANT, Pool, Vapour, carried, concentration
from .runaway import STYRENE, ZERO_C
from .tank import Outside, Tank, TankSpec, Upset
from .weather import Weather

STEP_S: Final = 60.0
CYCLE_S: Final = 36.0 * 3600.0
LATE: Final = 0.1  # of a cycle, by which a filling or a drawing begins later at most
FILLS_WITHIN_S: Final = (
    1.0 + LATE
) * CYCLE_S  # from the beginning of a filling to that of the next
TOO_FULL: Final = 1.0  # % above what the plan fills to: no wave, somebody overfilled it
BUND_M2: Final = 600.0
LEAK_M2: Final = 4.0  # of wet floor that the bund's own sensor needs
REACH_M: Final = 12.0  # from a tank's middle to the detectors around it
HATCH_KG_S: Final = 0.001  # a gram
SIDES: Final = ((0.0, REACH_M), (REACH_M, 0.0), (0.0, -REACH_M), (-REACH_M, 0.0))
SIDE_NAMES: Final = "NESW"

Trouble = Literal[
    "leak", "overfill", "vent.blocked", "roof.sunk", "runaway", "compressor.trip", "hatch"
]

GASOLINE: Final = Vapour(0.065, 45.0, 60.0, 740.0, 0.011)
METHANOL: Final = Vapour(0.032, 12.9, 45.0, 790.0, 0.06)
STYRENE_VAPOUR: Final = Vapour(0.104, 0.67, 38.0, 906.0, 0.009)
AMMONIA: Final = Vapour(0.017, 857.0, 60.0, 682.0, 0.15)
# Liquid ammonia boils on a floor as fast as the floor gives heat, after its first minutes.
AMMONIA_BOILS: Final = 0.02  # kg/m²s

TANKS: Final = (
    TankSpec("T-101", "floating", "gasoline", GASOLINE),
    TankSpec("T-102", "fixed", "methanol", METHANOL),
    TankSpec("T-201", "fixed", "styrene", STYRENE_VAPOUR, starts_at=15.0, cooled_to=15.0),
    TankSpec(
        "T-301",
        "refrigerated",
        "ammonia",
        AMMONIA,
        diameter=20.0,
        height=16.0,
        pump=60.0,
        starts_at=-33.0,
        cooled_to=-33.0,
        between=(55.0, 70.0),
    ),
)
PLACES_M: Final = ((0.0, 0.0), (45.0, 0.0), (0.0, 45.0), (120.0, 45.0))


@dataclass(frozen=True, slots=True)
class Cause:
    """Trouble with one tank (an index) between two times; `size` as its kind measures it."""

    kind: Trouble
    tank: int
    size: float
    onset_ns: int
    end_ns: int


WELL: Final = Upset()


def upset_of(causes: list[Cause], now_ns: int) -> Upset:
    """What is wrong at one moment."""
    if not causes:
        return WELL
    upset = Upset()
    for cause in causes:
        if not cause.onset_ns <= now_ns < cause.end_ns:
            continue
        if cause.kind == "leak":
            upset.hole_m2 += math.pi / 4.0 * (cause.size / 1000.0) ** 2
        elif cause.kind == "overfill":
            upset.stops_at = cause.size
        elif cause.kind == "vent.blocked":
            upset.vent_blocked = cause.size / 100.0
        elif cause.kind == "roof.sunk":
            upset.open_roof = cause.size / 100.0
        elif cause.kind == "runaway":
            usual = STYRENE.self_heating(TANKS[cause.tank].starts_at + ZERO_C)
            upset.faster = cause.size / 86_400.0 / usual
        elif cause.kind == "compressor.trip":
            upset.compressor_lost = cause.size / 100.0
    return upset


class Plan:
    """When a tank is filled and drawn: once a cycle each, up and down to levels thrown by dice.

    One that was overfilled is drawn at once; the next filling waits until it is drawn.
    """

    def __init__(self, spec: TankSpec, seed: int, order: int) -> None:
        self._key = key_of(seed, "tank", spec.name)
        self._late_s = CYCLE_S / 4.0 * order
        self._spec = spec
        self._filling = self._drawing = self._fills = self._draws = False
        self._cycle, self._thrown = -1, [0.0] * 4

    def flows(self, elapsed_s: float, level: float, stops_at: float | None) -> tuple[float, float]:
        """(in, out) m³/h for the next step."""
        low, high = self._spec.between
        cycle, into = divmod(elapsed_s + self._late_s, CYCLE_S)
        if cycle != self._cycle:
            index = np.arange(4, dtype=np.int64) + 4 * int(cycle)
            self._cycle, self._thrown = int(cycle), uniform(self._key, index).tolist()
            self._fills = self._draws = True
        thrown = self._thrown
        if level > high + TOO_FULL:
            self._filling, self._drawing = False, True
        if self._fills and not self._drawing and into >= LATE * thrown[0] * CYCLE_S:
            self._filling, self._fills = True, False
        if self._draws and into >= (0.5 + LATE * thrown[1]) * CYCLE_S:
            self._filling, self._drawing, self._draws = False, True, False
        if stops_at is not None:
            self._filling, self._drawing = True, False
        top = stops_at if stops_at is not None else high - 6.0 * thrown[2]
        self._filling = self._filling and level < top
        self._drawing = self._drawing and level > low + 6.0 * thrown[3]
        pump = self._spec.pump
        return pump * self._filling, pump * self._drawing


class Farm:
    """The true state of the tank farm."""

    def __init__(self, causes: tuple[Cause, ...], run: Run, sky: Weather) -> None:
        self._run, self._sky = run, sky
        self._causes = [[c for c in causes if c.tank == i] for i in range(len(TANKS))]
        start = np.array([run.start_ns], np.int64)
        pressure = float(sky.at(start).pressure[0])
        levels = [sum(spec.between) / 2.0 for spec in TANKS]
        self._tanks = [Tank(s, v, pressure) for s, v in zip(TANKS, levels, strict=True)]
        self._plans = [Plan(s, run.seed, i) for i, s in enumerate(TANKS)]
        self._pools = [
            Pool(s.vapour, BUND_M2, AMMONIA_BOILS if s.roof == "refrigerated" else 0.0)
            for s in TANKS
        ]
        width = 8 * len(TANKS)
        self._row = np.zeros(width)
        for i, tank in enumerate(self._tanks):
            self._row[8 * i : 8 * i + 3] = tank.level, tank.celsius, tank.gauge
        self._course = Course(self._row, STEP_S, self._solve)

    def _solve(self, first: int, count: int) -> Float64:
        step_ns = round(STEP_S * SECOND_NS)
        times = self._run.start_ns + np.arange(first, first + count) * step_ns
        sky = self._sky.at(times)
        weather = zip(
            sky.temperature.tolist(),
            sky.sun.tolist(),
            sky.wind_mean.tolist(),
            sky.pressure.tolist(),
            strict=True,
        )
        rows = np.empty((count, len(self._row)))
        for k, (now_ns, now) in enumerate(zip(times.tolist(), weather, strict=True)):
            rows[k] = self._step((first + k) * STEP_S, now_ns, Outside(*now))
        return rows

    def _step(self, elapsed_s: float, now_ns: int, out: Outside) -> list[float]:
        row: list[float] = []
        for i, tank in enumerate(self._tanks):
            upset = upset_of(self._causes[i], now_ns)
            inflow, outflow = self._plans[i].flows(elapsed_s, tank.level, upset.stops_at)
            spilt = tank.step(STEP_S, inflow, outflow, out, upset)
            pool = self._pools[i]
            source = pool.step(STEP_S, spilt, max(out.air, -33.0), out.wind)
            row += [tank.level, tank.celsius, tank.gauge, inflow, outflow]
            row += [tank.fraction, source, pool.radius]
        return row

    def advance(self, times_ns: Int64) -> Mapping[str, Float64]:
        """See `plant.World`."""
        rows = self._course.at((times_ns - self._run.start_ns) / SECOND_NS)
        truth: dict[str, Float64] = {}
        sky = self._sky.at(times_ns)
        for i, spec in enumerate(TANKS):
            level, celsius, gauge, inflow, outflow, fraction, _, radius = rows[
                :, 8 * i : 8 * i + 8
            ].T
            name = spec.name
            truth |= {
                f"{name}-level": level,
                f"{name}-temp": celsius,
                f"{name}-in": inflow,
                f"{name}-out": outflow,
                f"{name}-leak": (np.pi * radius**2 > LEAK_M2).astype(np.float64),
                f"{name}-pressure": gauge,
                f"{name}-roof": 100.0 * fraction / spec.vapour.lel,
            }
        wind, whence = sky.wind, sky.direction
        combustible, own = self._gases(times_ns, rows, wind, whence)
        truth |= combustible | own
        truth |= {"wind": wind, "air-temp": sky.temperature}
        return truth

    def _gases(
        self, times_ns: Int64, rows: Float64, wind: Float64, whence: Float64
    ) -> tuple[dict[str, Float64], dict[str, Float64]]:
        """%LEL and mg/m³ of each tank's own gas, at every detector."""
        combustible: dict[str, Float64] = {}
        own: dict[str, Float64] = {}
        sources = self._sources(times_ns, rows)
        for i, spec in enumerate(TANKS):
            for side, name in zip(SIDES, SIDE_NAMES, strict=True):
                lel, mg = np.zeros(len(times_ns)), np.zeros(len(times_ns))
                for j, kg_s in sources:
                    east, north = (
                        PLACES_M[i][axis] + side[axis] - PLACES_M[j][axis] for axis in (0, 1)
                    )
                    vapour = TANKS[j].vapour
                    along, beside = carried(east, north, whence)
                    found = concentration(kg_s, rows[:, 8 * j + 7], wind, along, beside, DETECTOR_M)
                    share = found * GAS_CONSTANT * 293.15 / (vapour.molar_mass * 101_325.0)
                    lel = lel + 100.0 * share / vapour.lel
                    if j == i:
                        mg = mg + 1e6 * found
                combustible[f"{spec.name}-lel-{name}"] = lel
                own[f"{spec.name}-gas-{name}"] = mg
        return combustible, own

    def _sources(self, times_ns: Int64, rows: Float64) -> list[tuple[int, Float64]]:
        """Tanks from which anything evaporates, and how much, kg/s."""
        found = []
        for j in range(len(TANKS)):
            kg_s = rows[:, 8 * j + 6]
            for cause in self._causes[j]:
                if cause.kind == "hatch":
                    acts = (times_ns >= cause.onset_ns) & (times_ns < cause.end_ns)
                    kg_s = kg_s + HATCH_KG_S * cause.size * acts
            if kg_s.any():
                found.append((j, kg_s))
        return found
