"""The world of a district's water: EPANET's steady states a quarter-hour apart, straight lines between.

Solved anew at every quarter-hour of the run, whenever a tank fills or empties, and before and after
whatever happens at once (a hole opens, a pump stops), so that such a time is a jump and not a line.
Water hammer is not in it: for waves see `liquid_line`. Two projects of EPANET run side by side, since
one carries one substance: chlorine, which decays, and turbidity, which does not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from lifeline.engine.errors import InvariantError
from lifeline.engine.frame import Float64, Int64
from lifeline.engine.limits import SECOND_NS

from .epanet import EMITTER, FLOW, PRESSURE, QUALITY, SOURCE, STATUS, Epanet
from .water_demand import QUARTER_S, Demand
from .water_network import CLASSES, INLET, PUMPS, TANK, TANK_HEIGHT_M, WORKS, input_file

KPA_PER_M: Final = 9.80665
M3_H_PER_L_S: Final = 3.6
GRAVITY: Final = 9.80665
DISCHARGE: Final = 0.6
CHLORINE_MG_L: Final = 0.6
TURBIDITY_NTU: Final = 0.2
# The clear well mixes what the filters and the dosing pump give it.
CLEAR_WELL_S: Final = 3600.0
# The pumps run by the tank's level: on below, off above (m).
SWITCHED: Final = ((6.0, 7.2), (4.5, 6.0))


@dataclass(frozen=True, slots=True)
class Hole:
    """An orifice in a main at a corner; `diameter_mm` as if it were round."""

    corner: str
    diameter_mm: float
    onset_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Outage:
    """So many pumps, the last first, cannot run."""

    pumps: int
    onset_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Dose:
    """The works' water is wrong: what flows into the clear well has `chlorine` mg/L and `turbidity`
    NTU more (or less) than it ought to have."""

    chlorine: float
    turbidity: float
    onset_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Draw:
    """Customers take `factor` times what they usually do: a festival, a holiday."""

    factor: float
    onset_ns: int
    end_ns: int


Cause = Hole | Outage | Dose | Draw


def emitter(diameter_mm: float) -> float:
    """EPANET's coefficient of an orifice, L/s per root of a metre: Cd A sqrt(2 g)."""
    area = math.pi / 4.0 * (diameter_mm / 1000.0) ** 2
    return 1000.0 * DISCHARGE * area * math.sqrt(2.0 * GRAVITY)


def after_clear_well(times_s: Float64, onset_s: float, end_s: float) -> Float64:
    """0 to 1: what a well-mixed basin gives of a change that flows in between two times."""
    rise = -np.expm1(-np.clip(times_s - onset_s, 0.0, end_s - onset_s) / CLEAR_WELL_S)
    return np.asarray(rise * np.exp(-np.maximum(times_s - end_s, 0.0) / CLEAR_WELL_S), np.float64)


class Works:
    """What leaves the clear well, in closed form."""

    def __init__(self, start_ns: int, causes: tuple[Cause, ...]) -> None:
        self._doses = [
            (c, (c.onset_ns - start_ns) / SECOND_NS, (c.end_ns - start_ns) / SECOND_NS)
            for c in causes
            if isinstance(c, Dose)
        ]

    def chlorine(self, times_s: Float64) -> Float64:
        """mg/L at the outlet of the works."""
        told = np.full(len(times_s), CHLORINE_MG_L)
        for dose, onset, end in self._doses:
            told = told + dose.chlorine * after_clear_well(times_s, onset, end)
        return np.asarray(np.maximum(told, 0.0), np.float64)

    def turbidity(self, times_s: Float64) -> Float64:
        """NTU at the outlet of the works."""
        told = np.full(len(times_s), TURBIDITY_NTU)
        for dose, onset, end in self._doses:
            told = told + dose.turbidity * after_clear_well(times_s, onset, end)
        return np.asarray(told, np.float64)


@dataclass(frozen=True, slots=True)
class Gauges:
    """Which point (by id) stands where: pressures, chlorine and turbidity at corners, the level of
    the tank (%), the flow of the inlet and of all pumps (m3/h), and the two at the works."""

    pressure: Mapping[str, str]
    chlorine: Mapping[str, str]
    turbidity: Mapping[str, str]
    level: str
    inflow: str
    pumped: str
    works_chlorine: str
    works_turbidity: str


class WaterDistrict:
    """The true state of a district; see `plant.World`."""

    def __init__(
        self, name: str, start_ns: int, seed: int, causes: tuple[Cause, ...], gauges: Gauges
    ) -> None:
        self._start_ns = start_ns
        self._causes = causes
        self._gauges = gauges
        self._demand = Demand(start_ns, seed, name)
        self._works = Works(start_ns, causes)
        self._chlorine = Epanet(input_file("chlorine", CHLORINE_MG_L))
        self._turbidity = Epanet(input_file("turbidity", TURBIDITY_NTU))
        self._projects = (self._chlorine, self._turbidity)
        self._holes = sorted({c.corner for c in causes if isinstance(c, Hole)})
        self._acts = sorted({self._second(t) for c in causes for t in (c.onset_ns, c.end_ns)} - {0})
        self._running = [True, False]
        self._open = dict.fromkeys(self._holes, 0.0)
        self._now = 0
        # Stretches of time: their beginnings, and every gauge at beginning and end.
        self._since: list[int] = []
        self._first: list[Float64] = []
        self._last: list[Float64] = []
        self._names = self._columns()
        self._switch(set_all=True)

    def advance(self, times_ns: Int64) -> Mapping[str, Float64]:
        """See `plant.World`."""
        times = (times_ns - self._start_ns) / SECOND_NS
        while self._now <= times[-1]:
            self._go_on()
        since = np.array(self._since)
        at = np.searchsorted(since, times, side="right") - 1
        ends = np.append(since[1:], self._now)
        share = ((times - since[at]) / (ends[at] - since[at]))[:, None]
        first, last = np.array(self._first)[at], np.array(self._last)[at]
        table = first + (last - first) * share
        self._forget(int(at[-1]))
        told = {name: np.ascontiguousarray(table[:, i]) for i, name in enumerate(self._names)}
        told[self._gauges.works_chlorine] = self._works.chlorine(times)
        told[self._gauges.works_turbidity] = self._works.turbidity(times)
        return told

    def _forget(self, before: int) -> None:
        del self._since[:before], self._first[:before], self._last[:before]

    def _second(self, time_ns: int) -> int:
        """EPANET counts whole seconds; what happens within one happens at its end."""
        return max(0, -(-(time_ns - self._start_ns) // SECOND_NS))

    def _go_on(self) -> None:
        """One stretch: from now to the next quarter-hour, act, or full or empty tank."""
        self._solve()
        self._since.append(self._now)
        self._first.append(self._read())
        until = (self._now // QUARTER_S + 1) * QUARTER_S
        until = min([until, *(a for a in self._acts if self._now < a < until)])
        steps = [project.move(until - self._now) for project in self._projects]
        if steps[0] != steps[1] or steps[0] <= 0:
            raise InvariantError(f"two projects of one network went {steps[0]} and {steps[1]} s")
        self._now += steps[0]
        self._solve()
        self._last.append(self._read())
        self._switch()

    def _solve(self) -> None:
        now_ns = self._start_ns + self._now * SECOND_NS
        factors = self._demand.at(self._now)
        for cause in self._causes:
            if isinstance(cause, Draw) and cause.onset_ns < now_ns <= cause.end_ns:
                factors = factors * cause.factor
        for project in self._projects:
            for name, factor in zip(CLASSES, factors.tolist(), strict=True):
                project.set_multiplier(project.pattern(name), factor)
            project.solve()

    def _switch(self, *, set_all: bool = False) -> None:
        """What changes at this moment: holes, pumps, and what the works give."""
        now_ns = self._start_ns + self._now * SECOND_NS
        active = [c for c in self._causes if c.onset_ns <= now_ns < c.end_ns]
        for corner in self._holes:
            wanted = sum(
                emitter(c.diameter_mm) for c in active if isinstance(c, Hole) and c.corner == corner
            )
            if wanted != self._open[corner]:
                self._open[corner] = wanted
                for project in self._projects:
                    project.set_node(project.node(corner), EMITTER, wanted)
        out = max((c.pumps for c in active if isinstance(c, Outage)), default=0)
        level = self._chlorine.of_node(self._chlorine.node(TANK), PRESSURE) if self._now else None
        for i, (pump, (on, off)) in enumerate(zip(PUMPS, SWITCHED, strict=True)):
            before = self._running[i]
            if level is not None:
                self._running[i] = (before and level < off) or level < on
            can = i < len(PUMPS) - out
            for project in self._projects:
                project.set_link(project.link(pump), STATUS, float(self._running[i] and can))
        now = np.array([float(self._now)])
        for project, given in (
            (self._chlorine, self._works.chlorine(now)),
            (self._turbidity, self._works.turbidity(now)),
        ):
            project.set_node(project.node(WORKS), SOURCE, float(given[0]))

    def _columns(self) -> tuple[str, ...]:
        gauges, chlorine, turbidity = self._gauges, self._chlorine, self._turbidity
        self._at_pressure = [chlorine.node(c) for c in gauges.pressure.values()]
        self._at_chlorine = [chlorine.node(c) for c in gauges.chlorine.values()]
        self._at_turbidity = [turbidity.node(c) for c in gauges.turbidity.values()]
        self._cell: dict[tuple[Epanet, int], float]
        self._cell = {(chlorine, n): CHLORINE_MG_L for n in self._at_chlorine}
        self._cell |= {(turbidity, n): TURBIDITY_NTU for n in self._at_turbidity}
        self._tank = chlorine.node(TANK)
        self._inlet = chlorine.link(INLET)
        self._pumps = [chlorine.link(pump) for pump in PUMPS]
        return (
            *gauges.pressure,
            *gauges.chlorine,
            *gauges.turbidity,
            gauges.level,
            gauges.inflow,
            gauges.pumped,
        )

    def _read(self) -> Float64:
        """Every gauge now. Where no water comes, an analyser keeps what it had in its cell."""
        water, turbid = self._chlorine, self._turbidity
        for project, nodes in ((water, self._at_chlorine), (turbid, self._at_turbidity)):
            for node in nodes:
                if project.of_node(node, PRESSURE) > 0.0:
                    self._cell[project, node] = project.of_node(node, QUALITY)
        pressures = [max(0.0, water.of_node(n, PRESSURE)) * KPA_PER_M for n in self._at_pressure]
        pumped = sum(water.of_link(p, FLOW) for p in self._pumps)
        return np.array(
            [
                *pressures,
                *(self._cell[water, n] for n in self._at_chlorine),
                *(self._cell[turbid, n] for n in self._at_turbidity),
                100.0 * water.of_node(self._tank, PRESSURE) / TANK_HEIGHT_M,
                water.of_link(self._inlet, FLOW) * M3_H_PER_L_S,
                pumped * M3_H_PER_L_S,
            ]
        )
