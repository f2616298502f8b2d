"""A liquid line described: pipe, fluids, pumps, delivery, leaks; and its steady state in closed form.

SI units throughout: m, s, m3/s, Pa gauge. The defaults are a products or light crude line of 50 km,
DN400, some 540 m3/h at 2.4 MPa.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from lifeline.engine.frame import Float64

GRAVITY: Final = 9.81
# Below the first Reynolds number a flow is laminar, above the second turbulent; a straight line
# between the factors at both stands for what lies between.
LAMINAR: Final = 2000.0
TURBULENT: Final = 4000.0
# Rounds of Colebrook's equation; each brings more than one further digit.
COLEBROOK_ROUNDS: Final = 30


@dataclass(frozen=True, slots=True)
class Fluid:
    """kg/m3 and m2/s; the defaults are a light crude."""

    density: float = 850.0
    viscosity: float = 8e-6


DIESEL: Final = Fluid(835.0, 4.5e-6)
GASOLINE: Final = Fluid(745.0, 0.7e-6)
WATER: Final = Fluid(1000.0, 1.1e-6)


@dataclass(frozen=True, slots=True)
class Pipe:
    """One line. `elevation` is (m along, m high) at least at both ends; `friction` a fixed Darcy
    factor in place of Colebrook's; `vapour` the gauge pressure at which the column parts."""

    length: float = 50_000.0
    diameter: float = 0.39
    wave: float = 1000.0
    roughness: float = 5e-5
    elevation: tuple[tuple[float, float], ...] = ()
    friction: float | None = None
    vapour: float = -90e3

    @property
    def area(self) -> float:
        """Cross-section, m2."""
        return math.pi * self.diameter**2 / 4.0

    def height(self, at: Float64) -> Float64:
        """Elevation at metres along the line; level where none is given."""
        if not self.elevation:
            return np.zeros_like(at)
        along, high = zip(*self.elevation, strict=True)
        return np.asarray(np.interp(at, along, high), np.float64)


@dataclass(frozen=True, slots=True)
class Pumps:
    """The station at the inlet: head = shutoff · s² − fall · q² at the relative speed s, a bypass
    around what would only hinder, and a check valve (`check` False: a reservoir)."""

    suction: float = 0.3e6
    shutoff: float = 330.0
    fall: float = 3500.0
    check: bool = True


@dataclass(frozen=True, slots=True)
class ControlValve:
    """Holds the pressure before it, into a tank: q = capacity · stroke · √(p − tank) for the fluid
    `reference`; moves by `gain` 1/s of the relative error, a full stroke in `full_stroke` s."""

    tank: float = 0.1e6
    capacity: float = 4.5e-4
    gain: float = 0.05
    full_stroke: float = 40.0
    reference: float = 850.0


@dataclass(frozen=True, slots=True)
class Customers:
    """Take what they want while the pressure lasts: q = wanted · min(1, √(p / required))."""

    required: float


Outlet = ControlValve | Customers


@dataclass(frozen=True, slots=True)
class Design:
    """What stands there: fixed for a run. `fluids` are what can be pumped, the first fills the line."""

    pipe: Pipe
    pumps: Pumps
    outlet: Outlet
    fluids: tuple[Fluid, ...] = (Fluid(),)
    taps: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Leak:
    """A hole at `at` m from `onset` to `end` s after the run's start, fully open after `opening` s.

    Either `share` of the flow there at its onset, or the area Cd·A of the hole in m2.
    """

    at: float
    onset: float
    end: float = math.inf
    share: float = 0.0
    area: float = 0.0
    opening: float = 0.5

    def conductance(self, density: float) -> float:
        """c of q = c √p; 0 where the hole is given as a share."""
        return self.area * math.sqrt(2.0 / density)


def colebrook(reynolds: Float64, relative_roughness: float) -> Float64:
    """The Darcy friction factor for Reynolds numbers above 0; laminar 64/Re below 2000, a straight
    line to Colebrook and White at 4000 (J. Inst. Civ. Eng. 11, 1939)."""
    root = np.full_like(reynolds, 8.0)
    rough = np.maximum(reynolds, TURBULENT)
    for _ in range(COLEBROOK_ROUNDS):
        root = -2.0 * np.log10(relative_roughness / 3.7 + 2.51 * root / rough)
    turbulent = 1.0 / root**2
    laminar = 64.0 / np.minimum(reynolds, LAMINAR)
    share = np.clip((reynolds - LAMINAR) / (TURBULENT - LAMINAR), 0.0, 1.0)
    return np.asarray((1.0 - share) * laminar + share * turbulent, np.float64)


def darcy_factor(pipe: Pipe, fluid: Fluid, flow: Float64) -> Float64:
    """The steady friction factor at flows above 0."""
    if pipe.friction is not None:
        return np.full_like(flow, pipe.friction)
    reynolds = flow / pipe.area * pipe.diameter / fluid.viscosity
    return colebrook(reynolds, pipe.roughness / pipe.diameter)


def friction_loss(pipe: Pipe, fluid: Fluid, flow: float, length: float) -> float:
    """Darcy–Weisbach: f · L/d · ρ v²/2 in Pa."""
    if flow == 0.0:
        return 0.0
    factor = float(darcy_factor(pipe, fluid, np.array([abs(flow)]))[0])
    speed = flow / pipe.area
    return factor * length / pipe.diameter * fluid.density * speed * abs(speed) / 2.0


def speed_for(pipe: Pipe, pumps: Pumps, fluid: Fluid, flow: float, end_pressure: float) -> float:
    """The relative speed at which the line filled with `fluid` carries `flow` steadily."""
    ends = pipe.height(np.array([0.0, pipe.length]))
    lifted = fluid.density * GRAVITY * float(ends[1] - ends[0])
    inlet = end_pressure + friction_loss(pipe, fluid, flow, pipe.length) + lifted
    head = (inlet - pumps.suction) / (fluid.density * GRAVITY) + pumps.fall * flow * flow
    return math.sqrt(max(0.0, head) / pumps.shutoff)


def steady_flow(
    pipe: Pipe, pumps: Pumps, outlet: Outlet, fluid: Fluid, speed: float, wanted: float
) -> tuple[float, float]:
    """(flow, pressure at the far end) of the tight line at a constant relative speed, by bisection.

    `wanted` is the pressure that a control valve holds, or the flow that customers want.
    """
    low, high = 0.0, 20.0 * pipe.area
    if isinstance(outlet, Customers):
        high = min(high, wanted)
    for _ in range(200):
        flow = 0.5 * (low + high)
        end = _end_pressure(pipe, pumps, fluid, speed, flow)
        if isinstance(outlet, Customers):
            more = flow < wanted * math.sqrt(max(0.0, min(1.0, end / outlet.required)))
        else:
            more = end > wanted
        low, high = (flow, high) if more else (low, flow)
    return 0.5 * (low + high), _end_pressure(pipe, pumps, fluid, speed, 0.5 * (low + high))


def _end_pressure(pipe: Pipe, pumps: Pumps, fluid: Fluid, speed: float, flow: float) -> float:
    """What a flow leaves at the far end."""
    head = max(0.0, pumps.shutoff * speed * speed - pumps.fall * flow * flow)
    ends = pipe.height(np.array([0.0, pipe.length]))
    lifted = float(ends[1] - ends[0])
    loss = friction_loss(pipe, fluid, flow, pipe.length)
    return pumps.suction + fluid.density * GRAVITY * (head - lifted) - loss
