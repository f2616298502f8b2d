"""A pumped water main in small: pump curve, friction, one leak, the town's demand.

Quasi-steady heads (m of water) and flows (m3/s), for a main with a leak at the fraction x of
its length:

    H_in   = H_shutoff · n² − a Q_in²          pump curve at relative speed or units in service n
    H_leak = H_in − R x Q_in |Q_in|            Darcy–Weisbach with constant friction factor
    Q_leak = C_d A sqrt(2 g (H_leak − z))      a hole at elevation z of the pipe
    Q_out  = demand · min(1, sqrt(H_out / H_required))    pressure-dependent delivery
    H_out  = H_leak − R (1 − x) Q_out |Q_out|
    Q_in   = Q_out + Q_leak

solved by bisection on Q_in for all times at once. A first-order lag of the order of the main's
wave travel time then stands for what the quasi-steady picture leaves out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from lifeline.engine.frame import Float64

from .recurrence import relax

GRAVITY: Final = 9.81
KPA_PER_METRE: Final = 9.81
DISCHARGE: Final = 0.62
# Halvings of the flow's bracket: 2^-40 of the largest flow is far below any meter's resolution.
HALVINGS: Final = 40


@dataclass(frozen=True, slots=True)
class Main:
    """The fixed numbers of a pumped main: metres, m3/s; `resistance` and `pump_fall` in s2/m5."""

    shutoff_m: float = 62.0
    pump_fall: float = 60.0
    resistance: float = 130.0
    required_m: float = 20.0
    largest_m3_s: float = 1.5
    wave_s: float = 2.5


@dataclass(frozen=True, slots=True)
class Heads:
    """What the gauges would see: heads in m at both ends and in the middle, flows in m3/s."""

    inlet_m: Float64
    middle_m: Float64
    outlet_m: Float64
    inflow_m3_s: Float64
    outflow_m3_s: Float64
    leak_m3_s: Float64


def _outflow(head_m: Float64, demand: Float64, resistance: Float64, required: float) -> Float64:
    """Delivery behind the remaining friction: the root of a rising function, by bisection."""
    low, high = np.zeros_like(demand), demand.copy()
    for _ in range(HALVINGS):
        flow = 0.5 * (low + high)
        outlet = np.maximum(head_m - resistance * flow * flow, 0.0)
        wanted = demand * np.minimum(1.0, np.sqrt(outlet / required))
        more = flow < wanted
        low, high = np.where(more, flow, low), np.where(more, high, flow)
    return np.asarray(0.5 * (low + high), np.float64)


def steady_heads(
    main: Main, units: Float64, demand_m3_s: Float64, leak_m2: Float64, leak_at: float
) -> Heads:
    """The quasi-steady state for every element of the (equally long) inputs.

    `units` is the relative pumping (1: as designed, 0: stopped), `leak_m2` the area of the hole.
    """
    upper, lower = main.resistance * leak_at, main.resistance * (1.0 - leak_at)
    low = np.zeros_like(demand_m3_s)
    high = np.full_like(demand_m3_s, main.largest_m3_s)
    for _ in range(HALVINGS):
        inflow = 0.5 * (low + high)
        inlet = main.shutoff_m * units * units - main.pump_fall * inflow * inflow
        at_leak = np.maximum(inlet - upper * inflow * inflow, 0.0)
        leak = DISCHARGE * leak_m2 * np.sqrt(2.0 * GRAVITY * at_leak)
        outflow = _outflow(at_leak, demand_m3_s, np.full_like(at_leak, lower), main.required_m)
        more = inflow < outflow + leak
        low, high = np.where(more, inflow, low), np.where(more, high, inflow)
    outlet = np.maximum(at_leak - lower * outflow * outflow, 0.0)
    middle = (
        0.5 * (np.maximum(inlet, 0.0) + outlet)
        if leak_at == 0.5
        else _middle(np.maximum(inlet, 0.0), at_leak, outlet, leak_at)
    )
    return Heads(np.maximum(inlet, 0.0), middle, outlet, inflow, outflow, leak)


def _middle(inlet: Float64, at_leak: Float64, outlet: Float64, leak_at: float) -> Float64:
    """Head half-way along, on the straight grade line between the two nearest known heads."""
    if leak_at > 0.5:
        return np.asarray(inlet + (at_leak - inlet) * (0.5 / leak_at), np.float64)
    return np.asarray(outlet + (at_leak - outlet) * (0.5 / (1.0 - leak_at)), np.float64)


class PumpedMain:
    """A main that follows its quasi-steady state with the lag of its own wave travel."""

    def __init__(self, main: Main) -> None:
        self.main = main
        self._last: list[float] | None = None

    def advance(
        self,
        units: Float64,
        demand_m3_s: Float64,
        leak_m2: Float64,
        leak_at: float,
        step_s: float,
    ) -> Heads:
        """The lagged state after each step; begins in the steady state of the first step."""
        goal = steady_heads(self.main, units, demand_m3_s, leak_m2, leak_at)
        columns = [
            goal.inlet_m,
            goal.middle_m,
            goal.outlet_m,
            goal.inflow_m3_s,
            goal.outflow_m3_s,
            goal.leak_m3_s,
        ]
        last = [float(c[0]) for c in columns] if self._last is None else self._last
        lagged = [relax(x, c, self.main.wave_s, step_s) for x, c in zip(last, columns, strict=True)]
        self._last = [float(c[-1]) for c in lagged]
        return Heads(*lagged)
