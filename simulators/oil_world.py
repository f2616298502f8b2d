"""The world of the oil line: what its acts do to the liquid, and what its machines and posts say.

Pressures and flows come from `liquid_line` (method of characteristics), driven by the acts that the
happenings mean; bearings, vibration and cathodic protection are curves. A meter's constant error is a
part of what it sees.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from lifeline.engine.frame import Float64, Int64
from lifeline.engine.limits import HOUR_NS, MINUTE_NS, SECOND_NS

from .cause import Happening, Run
from .lattice import key_of, noise, uniform
from .liquid import GRAVITY, Design, Leak
from .liquid_line import LiquidLine, Told
from .oil_line import DELIVERY_PA, OIL_LINE, Act, Operation, Trembling
from .recurrence import relax
from .rhythm import air_temperature

# The gauges' kilometres; those between the ends stand for ten kilometres each.
GAUGES: Final = (5, 15, 25, 35, 45)
PUMPS: Final = ("pump-1", "pump-2")
WATCHED: Final[Design] = replace(OIL_LINE, taps=tuple(1000.0 * km for km in (0, *GAUGES, 50)))
DISCHARGE: Final = 0.62
M3_H: Final = 3600.0
# Slow things are worked out this often.
SLOW_NS: Final = 10 * SECOND_NS
# A leak grows for so long, a rupture tears open in a moment.
GROWS_S: Final = 600.0
TEARS_S: Final = 0.3
CLOGS_S: Final = 600.0
# Constant errors, uniform within these: of a flow meter (relative) and of a gauge (kPa).
METER_ERROR: Final = 0.001
GAUGE_ERROR_KPA: Final = 5.0
SUPPLY_KPA: Final = 300.0
SUPPLY_SWING_KPA: Final = 6.0
HALL_C: Final = 24.0
BEARING_K: Final = 24.0
BEARING_TAU_S: Final = 900.0
VIBRATION_MM_S: Final = 2.0
POTENTIAL_MV: Final = -1050.0
UNPROTECTED_MV: Final = 400.0
POLARISED_S: Final = 3600.0


def leak_of(it: Happening, origin_ns: int) -> Leak:
    """The hole of a leak or a rupture (`size`: its diameter, mm), at s after the origin."""
    return Leak(
        at=1000.0 * kilometre(it.where),
        onset=(it.onset_ns - origin_ns) / SECOND_NS,
        end=(it.end_ns - origin_ns) / SECOND_NS,
        area=DISCHARGE * math.pi / 4.0 * (it.size / 1000.0) ** 2,
        opening=GROWS_S if it.kind == "leak" else TEARS_S,
    )


def kilometre(where: str) -> float:
    """`km-17` as a number."""
    return float(where.removeprefix("km-"))


def acts_of(it: Happening, origin_ns: int) -> tuple[Act, ...]:
    """What the dispatcher, or fate, does at its onset and at its end."""
    at, end = ((t - origin_ns) / SECOND_NS for t in (it.onset_ns, it.end_ns))
    left = it.size / 100.0
    if it.kind == "pump.trip":
        return Act("trip", at, left, 3.0), Act("pumps", end, 1.0, 30.0)
    if it.kind in ("throttle", "valve.closed"):
        return Act("valve", at, left, 20.0), Act("valve", end, 1.0, 60.0)
    if it.kind == "batch":
        return Act("batch", at, 1.0), Act("batch", end, 0.0)
    if it.kind == "line.stop":
        return (
            Act("pumps", at, 0.0, it.size),
            Act("valve", at + 0.5 * it.size, 0.0, it.size),
            Act("valve", end, 1.0, it.size),
            Act("pumps", end + 0.5 * it.size, 1.0, 2.0 * it.size),
        )
    return ()


class OilLine:
    """The true state; `told` is called with consecutive times (through `ahead.Ahead`)."""

    def __init__(self, run: Run, step_ns: int, happenings: tuple[Happening, ...]) -> None:
        origin = run.start_ns - step_ns  # the line's first step ends at the run's first time
        self._run, self._origin_ns = run, origin
        self._step_s = step_ns / SECOND_NS
        self._happenings = happenings
        holes = [it for it in happenings if it.kind in ("leak", "rupture")]
        acts = [act for it in happenings for act in acts_of(it, origin)]
        self._operation = Operation(
            acts=tuple(sorted(acts, key=lambda act: act.at)),
            leaks=tuple(leak_of(it, origin) for it in holes),
            seed=run.seed,
            start_ns=origin,
            design=WATCHED,
        )
        self._usual = float(replace(self._operation, acts=()).speed(np.zeros(1))[0])
        self._line = LiquidLine(
            WATCHED, self._step_s, self._usual, DELIVERY_PA, self._operation.leaks
        )
        self._trembling = Trembling(run.seed, "site", self._step_s)
        self._warmth: float | None = None

    def told(self, times_ns: Int64) -> Mapping[str, Float64]:
        """Every point's truth, canonical units."""
        seconds = np.asarray((times_ns - self._origin_ns) / SECOND_NS, np.float64)
        operation = self._operation
        speed = operation.speed(seconds) * (1.0 + self._trembling.next(len(seconds)))
        load = (speed / self._usual) ** 2
        clogged = self._grown("strainer", times_ns, CLOGS_S) * load
        told = self._line.advance(
            self._hindered(speed, clogged),
            operation.opening(seconds),
            np.full(len(seconds), DELIVERY_PA),
            operation.fluid(seconds),
        )
        return self._metered(told) | self._slow(times_ns, load, clogged)

    def _hindered(self, speed: Float64, lost_kpa: Float64) -> Float64:
        """The speed at which clean pumps would give what these give behind what they lack before."""
        if not lost_kpa.any():
            return speed
        pumps, fluid = WATCHED.pumps, WATCHED.fluids[0]
        head = 1000.0 * lost_kpa / (fluid.density * GRAVITY * pumps.shutoff)
        return np.asarray(np.sqrt(np.maximum(0.0, speed**2 - head)), np.float64)

    def _metered(self, told: Told) -> dict[str, Float64]:
        kpa = told.pressure / 1000.0
        truth = {
            "FT-IN": told.inflow * M3_H * (1.0 + METER_ERROR * self._error("FT-IN")),
            "FT-OUT": told.outflow * M3_H * (1.0 + METER_ERROR * self._error("FT-OUT")),
            "PT-U": kpa[:, 0],
            "PT-D": kpa[:, -1],
            "PD-101": kpa[:, 0] + GAUGE_ERROR_KPA * self._error("PD-101"),
            "PT-50": kpa[:, -1] + GAUGE_ERROR_KPA * self._error("PT-50"),
        }
        for k, km in enumerate(GAUGES, 1):
            name = f"PT-{km:02d}"
            truth[name] = kpa[:, k] + GAUGE_ERROR_KPA * self._error(name)
        return truth

    def _error(self, name: str) -> float:
        """The share of the greatest constant error that this meter has, -1 to 1."""
        key = key_of(self._run.seed, "oil-line", "meter", name)
        return 2.0 * float(uniform(key, np.zeros(1, np.int64))[0]) - 1.0

    def _slow(self, times_ns: Int64, load: Float64, clogged: Float64) -> dict[str, Float64]:
        """What is a curve and no liquid; worked out each `SLOW_NS` and held between."""
        held = times_ns - (times_ns - self._run.start_ns) % SLOW_NS
        coarse, back = np.unique(held, return_inverse=True)
        air = air_temperature(coarse, HALL_C, 3.0)[back]
        supply = SUPPLY_KPA + SUPPLY_SWING_KPA * self._wanders("supply", coarse, 3 * HOUR_NS)[back]
        warmth = self._warm(BEARING_K * load)
        truth = {"PS-101": supply - clogged}
        for k, pump in enumerate(PUMPS, 1):
            hot = self._near("bearing", pump, times_ns, BEARING_TAU_S)
            rough = self._near("vibration", pump, times_ns, 60.0)
            shaken = VIBRATION_MM_S * (0.4 + 0.6 * load)
            truth[f"TB-{k}"] = air + warmth + 1.5 * k + hot
            truth[f"VB-{k}"] = shaken + rough * np.minimum(1.0, load)
        for km in GAUGES:
            name = f"CP-{km:02d}"
            ground = 15.0 * self._wanders(name, coarse, HOUR_NS)
            lost = UNPROTECTED_MV * self._near("rectifier", "posts", coarse, POLARISED_S) / 100.0
            truth[name] = (POTENTIAL_MV - 2.0 * km + ground + lost)[back]
        return truth

    def _warm(self, target: Float64) -> Float64:
        """What the bearings are warmer than the hall, behind the load by their lag."""
        begin = float(target[0]) if self._warmth is None else self._warmth
        path = relax(begin, target, BEARING_TAU_S, self._step_s)
        self._warmth = float(path[-1])
        return path

    def _wanders(self, name: str, times_ns: Int64, knot_ns: int) -> Float64:
        return noise(key_of(self._run.seed, "oil-line", name), times_ns, knot_ns)

    def _near(self, kind: str, where: str, times_ns: Int64, tau_s: float) -> Float64:
        """What happenings of a kind add at a place: towards their size, and back, with a lag."""
        total = np.zeros(len(times_ns))
        for it in self._happenings:
            if it.kind == kind and it.where == where:
                since, gone = (
                    np.maximum(times_ns - t, 0) / (SECOND_NS * tau_s)
                    for t in (it.onset_ns, it.end_ns)
                )
                total = total + it.size * (np.exp(-gone) - np.exp(-since))
        return total

    def _grown(self, kind: str, times_ns: Int64, over_s: float) -> Float64:
        """What happenings of a kind take: a straight line to their size, and all gone a minute after."""
        total = np.zeros(len(times_ns))
        for it in self._happenings:
            if it.kind == kind:
                more = np.clip((times_ns - it.onset_ns) / (over_s * SECOND_NS), 0.0, 1.0)
                less = np.clip((times_ns - it.end_ns) / MINUTE_NS, 0.0, 1.0)
                total = total + it.size * (more - less * more)
        return total
