"""One liquid line in motion: what `characteristics_kernels` computes, as an object that goes on.

The grid's step is the caller's: 1 s (a node a kilometre at 1,000 m/s) for months, 10 to 20 ms for the
fronts of waves. `on_grid` carries a state from one grid to another. The wave speed is moved by
less than half a reach in the length, so that a whole number of reaches fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lifeline.engine.frame import Float64, Int64

from . import characteristics_kernels as moc
from .liquid import Customers, Design, Fluid, Leak, darcy_factor, steady_flow

# Columns of the table of friction, and the flow velocity of the last: beyond it D grows with |q|.
TABLE: Final = 2048
TABLE_SPEED: Final = 8.0
# Batch fronts under way at once.
FRONTS: Final = 16


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What was asked for, one row a moment: pressures at the taps in Pa (rows x taps), flows at both
    ends and out of all holes in m3/s, densities at both ends in kg/m3."""

    pressure: Float64
    inflow: Float64
    outflow: Float64
    density_in: Float64
    density_out: Float64
    leaking: Float64


class LiquidLine:
    """Begins in the steady, tight state at `speed` and `wanted` (see `steady_flow`).

    Raises ValueError where a tap or leak is outside the line or the grid has fewer than two reaches.
    """

    def __init__(
        self,
        design: Design,
        step_s: float,
        speed: float,
        wanted: float,
        leaks: Sequence[Leak] = (),
    ) -> None:
        pipe = design.pipe
        reaches = round(pipe.length / (pipe.wave * step_s))
        if reaches < 2:
            raise ValueError(f"a step of {step_s} s leaves {reaches} reaches, expected 2 or more")
        self.design, self.step_s, self.reaches = design, step_s, reaches
        self._leaks = tuple(leaks)
        self._shape()
        flow, end = steady_flow(pipe, design.pumps, design.outlet, design.fluids[0], speed, wanted)
        self._settle(flow, end)

    @property
    def wave(self) -> float:
        """The wave speed on this grid: length / (reaches · step)."""
        return self.design.pipe.length / (self.reaches * self.step_s)

    @property
    def time_s(self) -> float:
        """Seconds since the run began."""
        return float(self._moving[moc.STEPS]) * self.step_s

    @property
    def profile(self) -> tuple[Float64, Float64]:
        """Pressure in Pa and flow in m3/s at every node, as copies."""
        return self._pressure.copy(), self._leaving.copy()

    @property
    def fronts(self) -> Float64:
        """Metres that each batch front has come, the oldest first."""
        return np.asarray(self._front[: int(self._moving[moc.FRONTS])], np.float64).copy()

    @property
    def cavities(self) -> float:
        """Volume of vapour in the line, m3."""
        return float(self._cavity.sum())

    @property
    def stored(self) -> float:
        """m3 held beyond what the line holds at 0 Pa: Σ V p / (ρ a²), less its cavities."""
        volume = self.design.pipe.area * self.design.pipe.length / self.reaches
        density = self._impedance * self.design.pipe.area / self.wave
        mean = 0.5 * (self._pressure[:-1] + self._pressure[1:])
        return float(np.sum(volume * mean / (density * self.wave**2)) - self._cavity.sum())

    def advance(
        self,
        speed: Float64,
        opening: Float64,
        wanted: Float64,
        fluid: Int64 | None = None,
        every: int = 1,
    ) -> Told:
        """One step per element of the equally long inputs; told after every `every`-th step of the run.

        `speed` is the pumps' relative speed, `opening` the block valve's before the outlet (0 to 1),
        `wanted` as in `steady_flow`, `fluid` the index of what is pumped. Any cut of the
        inputs gives the same.
        """
        taps = len(self._tap)
        pumped = np.zeros(len(speed), np.int64) if fluid is None else fluid
        out = np.empty((len(speed) // every + 1, taps + moc.TOLD))
        rows = moc.advance(
            self._fixed, self._moving, self._table, self._density, self._rise,
            self._impedance, self._weight, self._ahead, self._behind, self._mixed,
            self._front, self._front_ahead, self._front_behind, self._leak, self._holes,
            np.ascontiguousarray(speed, np.float64), np.ascontiguousarray(opening, np.float64),
            np.ascontiguousarray(wanted, np.float64), np.ascontiguousarray(pumped, np.int64),
            self._pressure, self._arriving, self._leaving, self._cavity, self._lines,
            self._tap, self._tap_next, every, out,
        )  # fmt: skip
        told = out[:rows]
        return Told(told[:, :taps], *(told[:, taps + k] for k in range(moc.TOLD)))

    def on_grid(self, step_s: float, leaks: Sequence[Leak] | None = None) -> LiquidLine:
        """The same state on another grid, as a new line whose time begins again at 0; `leaks` (at
        times of the new line) replace those of this one, which are forgotten.

        Between nodes pressure and flow are taken as straight lines: exact where it is steady and
        tight.
        """
        line = LiquidLine.__new__(LiquidLine)
        pipe = self.design.pipe
        line.design, line.step_s = self.design, step_s
        line.reaches = round(pipe.length / (pipe.wave * step_s))
        line._leaks = tuple(leaks or ())
        line._shape()
        old, new = (np.linspace(0.0, pipe.length, x.reaches + 1) for x in (self, line))
        for name in ("_pressure", "_arriving", "_leaving"):
            getattr(line, name)[:] = np.interp(new, old, getattr(self, name))
        np.add.at(line._cavity, np.rint(old / pipe.length * line.reaches).astype(int), self._cavity)
        line._moving[moc.VALVE] = self._moving[moc.VALVE]
        line._carry_fronts(self)
        return line

    # --- how it is laid out -----------------------------------------------------------------------
    def _shape(self) -> None:
        """Arrays of the grid, with nothing in them but the first fluid."""
        n, design = self.reaches, self.design
        pipe = design.pipe
        self._fixed = self._numbers()
        self._table = np.array([self._drags(fluid) for fluid in design.fluids])
        self._density = np.array([fluid.density for fluid in design.fluids])
        self._rise = np.diff(pipe.height(np.linspace(0.0, pipe.length, n + 1)))
        self._ahead, self._behind = np.zeros(n, np.int64), np.zeros(n, np.int64)
        self._mixed = np.zeros(n)
        self._weigh()
        self._front = np.zeros(FRONTS)
        self._front_ahead = np.zeros(FRONTS, np.int64)
        self._front_behind = np.zeros(FRONTS, np.int64)
        self._moving = np.zeros(moc.MOVING)
        self._cavity, self._holes = np.zeros(n + 1), np.zeros(n + 2)
        self._pressure, self._arriving, self._leaving = (np.zeros(n + 1) for _ in range(3))
        self._lines = np.zeros((4, n + 1))
        taps = design.taps or (0.0, pipe.length)
        places = [_place(at, pipe.length, n) for at in taps]
        self._tap = np.array([p[0] for p in places], np.int64)
        self._tap_next = np.array([p[1] for p in places])
        self._leak = np.array([self._hole(leak) for leak in self._leaks]).reshape(-1, moc.LEAK)

    def _numbers(self) -> Float64:
        pipe, pumps, outlet = self.design.pipe, self.design.pumps, self.design.outlet
        fixed = np.zeros(moc.FIXED)
        fixed[moc.AREA], fixed[moc.LENGTH] = pipe.area, pipe.length
        fixed[moc.WAVE], fixed[moc.STEP_S] = self.wave, self.step_s
        fixed[moc.FLOW_STEP] = TABLE_SPEED * pipe.area / (TABLE - 1)
        fixed[moc.VAPOUR], fixed[moc.SUCTION] = pipe.vapour, pumps.suction
        fixed[moc.SHUTOFF], fixed[moc.FALL] = pumps.shutoff, pumps.fall
        fixed[moc.CHECK] = float(pumps.check)
        if isinstance(outlet, Customers):
            fixed[moc.DEMAND], fixed[moc.REQUIRED] = 1.0, outlet.required
            return fixed
        fixed[moc.CAPACITY], fixed[moc.TANK] = outlet.capacity, outlet.tank
        fixed[moc.GAIN], fixed[moc.STROKE] = outlet.gain, outlet.full_stroke
        fixed[moc.REFERENCE] = outlet.reference
        return fixed

    def _drags(self, fluid: Fluid) -> Float64:
        """f ρ Δx |q| / (2 d A²) at equal steps of the flow, from 0."""
        pipe = self.design.pipe
        flow = np.linspace(0.0, TABLE_SPEED * pipe.area, TABLE)
        # f |q| has a limit at no flow (laminar); a flow of nearly nothing stands for it.
        flow[0] = 1e-9 * pipe.area
        reach = pipe.length / self.reaches
        factor = darcy_factor(pipe, fluid, flow)
        return np.asarray(
            factor * fluid.density * reach * flow / (2.0 * pipe.diameter * pipe.area**2), np.float64
        )

    def _hole(self, leak: Leak) -> list[float]:
        node, share = _place(leak.at, self.design.pipe.length, self.reaches)
        if not 1 <= node < self.reaches - 1:  # the ends have no hole: to the next node
            node, share = max(node, 1), 0.0
        row = [0.0] * moc.LEAK
        row[moc.ONSET], row[moc.END] = leak.onset / self.step_s, leak.end / self.step_s
        row[moc.OPENING] = max(1.0, leak.opening / self.step_s)
        row[moc.NODE], row[moc.NEXT] = node, share
        row[moc.SHARE] = leak.share
        row[moc.GIVEN] = leak.conductance(self.design.fluids[0].density)
        return row

    def _weigh(self) -> None:
        """Impedance and weight of every reach by what is in it."""
        density = (1.0 - self._mixed) * self._density[self._ahead]
        density = density + self._mixed * self._density[self._behind]
        self._impedance = density * self.wave / self.design.pipe.area
        self._weight = density * moc.GRAVITY * self._rise

    def _settle(self, flow: float, end: float) -> None:
        """The steady profile by the kernel's own table, so that nothing moves."""
        step = self._fixed[moc.FLOW_STEP]
        loss = moc.look_up(self._table, 0, flow, step) * flow
        behind = np.cumsum((loss + self._weight)[::-1])[::-1]
        self._pressure[:] = end + np.append(behind, 0.0)
        self._arriving[:] = self._leaving[:] = flow
        outlet = self.design.outlet
        if not isinstance(outlet, Customers):
            density = self.design.fluids[0].density
            full = outlet.capacity * np.sqrt(
                max(0.0, end - outlet.tank) * outlet.reference / density
            )
            self._moving[moc.VALVE] = min(1.0, flow / full) if full > 0.0 else 1.0

    def _carry_fronts(self, other: LiquidLine) -> None:
        """The batches of another grid."""
        count = int(other._moving[moc.FRONTS])
        self._moving[moc.FRONTS] = count
        self._front[:], self._front_ahead[:] = other._front, other._front_ahead
        self._front_behind[:] = other._front_behind
        reach = self.design.pipe.length / self.reaches
        here = np.arange(self.reaches)
        self._ahead[:] = self._behind[:] = other._front_ahead[0] if count else other._ahead[0]
        for k in range(count):
            at = min(int(self._front[k] / reach), self.reaches - 1)
            self._ahead[here < at] = self._behind[here < at] = self._front_behind[k]
            self._ahead[at], self._behind[at] = self._front_ahead[k], self._front_behind[k]
            self._mixed[here <= at] = 0.0
            self._mixed[at] = min(1.0, self._front[k] / reach - at)
        self._weigh()


def _place(at: float, length: float, reaches: int) -> tuple[int, float]:
    """(node, share of the next) of a place along the line."""
    if not 0.0 <= at <= length:
        raise ValueError(f"a place must lie on the line of {length:g} m, found {at:g}")
    node = min(int(at / length * reaches), reaches - 1)
    return node, at / length * reaches - node
