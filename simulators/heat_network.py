"""The world of a heating network: plug flow in pipes that lose heat, substations, and water that is lost.

pipe        T_out(t) = T_ground + (T_in(t − τ) − T_ground) exp(−K τ), K = U / (ρ c A); τ is how long the
            water that comes out now was in the pipe: the volume pumped since then is the pipe's
substation  Q = ε ṁ c (T_supply − T_room), ε = 1 − exp(−NTU), NTU = UA / (ṁ c): a room is a sink of one
            temperature; return = T_supply − ε (T_supply − T_room)
rooms       C dT/dt = Q − H (T_room − T_out)
boiler      follows the weather's curve, T_set = 20 + slope (20 − T_out) of the last half day, with a lag
pressure    C dp/dt = make-up − seepage − Σ Cd A √(2 p / ρ); make-up follows the pressure up to its pump's most
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from lifeline.engine.frame import Float64, Int64
from lifeline.engine.limits import SECOND_NS

from .weather import Weather

DENSITY: Final = 965.0
HEAT_J_KG: Final = 4200.0
GROUND_C: Final = 5.0
# Loss of an insulated pipe per metre and kelvin, W, and what it carries: DN500 the trunk's share.
LOSS_W_M_K: Final = 0.6
PIPE_AREA_M2: Final = 0.05
ROOM_C: Final = 20.0
# 115 °C at 26 degrees of frost.
CURVE_SLOPE: Final = 2.07
CURVE_LEAST_C, CURVE_MOST_C = 55.0, 118.0
OUTDOOR_LAG_S: Final = 12 * 3600.0
BOILER_LAG_S: Final = 1800.0
NTU: Final = 0.8
ROOMS_S: Final = 40 * 3600.0
FLOW_M3_H: Final = 1200.0
SEEPAGE_M3_H: Final = 4.0
MAKEUP_MOST_M3_H: Final = 60.0
MAKEUP_C: Final = 10.0
RETURN_KPA: Final = 300.0
PUMP_KPA: Final = 600.0
# A pump's coast-down, and what a thermosyphon and a bypass leave of the flow.
COAST_S: Final = 60.0
LEFT_FLOW: Final = 0.25
# m3/h of make-up per kPa that is missing; m3 that the expansion takes per kPa.
MAKEUP_GAIN: Final = 1.0
EXPANSION_M3_KPA: Final = 0.05
DISCHARGE: Final = 0.6
# Substations: metres from the plant, share of the flow.
BRANCHES: Final = ((1200.0, 0.30), (2100.0, 0.25), (3200.0, 0.25), (4600.0, 0.20))


@dataclass(frozen=True, slots=True)
class HeatCause:
    """What goes wrong between two times. `branch` is an index, or −1 at the plant.

    leak: `size` is a hole, mm; pump.trip: share of the flow that is lost; boiler.trip: share of the
    heat; overheat: K above the curve; fouling: share of the exchanger's UA that is lost.
    """

    kind: Literal["leak", "pump.trip", "boiler.trip", "overheat", "fouling"]
    branch: int
    size: float
    onset_ns: int
    end_ns: int


class Pipe:
    """Plug flow: what went in, when, and how much was pumped since."""

    def __init__(self, length_m: float, area_m2: float, flow_m3_s: float, filled_c: float) -> None:
        self._volume = length_m * area_m2
        self._decay = LOSS_W_M_K / (DENSITY * HEAT_J_KG * area_m2)
        self._pumped = 0.0
        first = -self._volume / flow_m3_s
        self._history = deque([(-self._volume, first, filled_c), (0.0, 0.0, filled_c)])

    def step(self, now_s: float, step_s: float, flow_m3_s: float, in_c: float) -> float:
        """What comes out at `now_s` after `step_s` of this flow, at whose end `in_c` goes in; flow must
        be positive."""
        self._pumped += flow_m3_s * step_s
        self._history.append((self._pumped, now_s, in_c))
        entered = self._pumped - self._volume
        while self._history[1][0] <= entered:
            self._history.popleft()
        (v0, t0, c0), (v1, t1, c1) = self._history[0], self._history[1]
        share = (entered - v0) / (v1 - v0)
        residence = now_s - (t0 + (t1 - t0) * share)
        warmer = c0 + (c1 - c0) * share - GROUND_C
        return GROUND_C + warmer * math.exp(-self._decay * residence)


def curve(outdoor_c: float) -> float:
    """The supply temperature for an outdoor temperature: weather compensation."""
    wanted = ROOM_C + CURVE_SLOPE * (ROOM_C - outdoor_c)
    return min(max(wanted, CURVE_LEAST_C), CURVE_MOST_C)


def effectiveness(ntu: float) -> float:
    """Of an exchanger whose other side keeps one temperature."""
    return -math.expm1(-ntu)


def hotter_by(branch: int, lost: float, outdoor_c: float) -> float:
    """K by which the return of a branch whose exchanger has `lost` that share of its UA is above the mixed
    return, at full flow and before its rooms cool: (1 − its share of the flow) (ε clean − ε fouled)
    (T_supply − T_room)."""
    less = effectiveness(NTU) - effectiveness(NTU * (1.0 - lost))
    return (1.0 - BRANCHES[branch][1]) * less * _over_rooms_k(outdoor_c)


def cooled_by(lost: float, hours: float, outdoor_c: float) -> float:
    """K by which the supply has fallen so many hours after that share of the heat was lost, at full flow
    and while the return, which is ε (T_supply − T_room) colder, has not felt it: the least that it falls."""
    return (
        lost
        * effectiveness(NTU)
        * _over_rooms_k(outdoor_c)
        * -math.expm1(-hours * 3600.0 / BOILER_LAG_S)
    )


def _over_rooms_k(outdoor_c: float) -> float:
    """What the curve's supply is above its rooms, which are warmer than 20 °C where it is at its least."""
    supply = curve(outdoor_c)
    return supply - max(ROOM_C, (supply + CURVE_SLOPE * outdoor_c) / (1.0 + CURVE_SLOPE))


def hole_m3_h(diameter_mm: float, kpa: float) -> float:
    """What an orifice lets out, m3/h."""
    area = math.pi / 4.0 * (diameter_mm / 1000.0) ** 2
    return 3600.0 * DISCHARGE * area * math.sqrt(2.0 * max(kpa, 0.0) * 1000.0 / DENSITY)


class HeatNetwork:
    """The true state of a plant, its network and what it heats; see `plant.World`.

    `names` of the points: supply and return of the plant and of each branch, and so on as `_tell`
    has them.
    """

    def __init__(
        self, start_ns: int, step_s: float, weather: Weather, causes: tuple[HeatCause, ...]
    ) -> None:
        self._start_ns, self._step_s = start_ns, step_s
        self._weather, self._causes = weather, causes
        self._now_s = 0.0
        first = np.array([start_ns - round(OUTDOOR_LAG_S) * SECOND_NS, start_ns], np.int64)
        self._felt = float(weather.at(first).temperature.mean())
        self._supply = curve(self._felt)
        self._return = ROOM_C + (self._supply - ROOM_C) * (1.0 - effectiveness(NTU))
        self._flow = 1.0
        self._pressure = RETURN_KPA
        self._rooms = [ROOM_C] * len(BRANCHES)
        self._out = [
            Pipe(m, PIPE_AREA_M2, FLOW_M3_H / 3600.0 * share, self._supply) for m, share in BRANCHES
        ]
        self._back = [
            Pipe(m, PIPE_AREA_M2, FLOW_M3_H / 3600.0 * share, self._return) for m, share in BRANCHES
        ]

    def advance(self, times_ns: Int64) -> Mapping[str, Float64]:
        """See `plant.World`."""
        outdoor = self._weather.at(times_ns).temperature
        rows = [
            self._step(time, warm)
            for time, warm in zip(times_ns.tolist(), outdoor.tolist(), strict=True)
        ]
        table = np.array(rows)
        told = {name: np.ascontiguousarray(table[:, i]) for i, name in enumerate(COLUMNS)}
        told["TA"] = outdoor
        return told

    def _step(self, time_ns: int, outdoor: float) -> list[float]:
        """One step to `time_ns`: the plant, the pipes, the rooms, the water."""
        step = self._step_s
        self._now_s += step
        acting = [c for c in self._causes if c.onset_ns <= time_ns < c.end_ns]
        self._felt += (outdoor - self._felt) * -math.expm1(-step / OUTDOOR_LAG_S)
        lost = sum(c.size for c in acting if c.kind == "pump.trip")
        wanted = max(1.0 - lost, LEFT_FLOW)
        self._flow += (wanted - self._flow) * -math.expm1(-step / COAST_S)
        flow_m3_s = FLOW_M3_H / 3600.0 * self._flow
        makeup, leaking = self._hold_pressure(acting)
        self._fire(acting)
        supplies, returns, backs = [], [], []
        for k, (_, share) in enumerate(BRANCHES):
            comes = self._out[k].step(self._now_s, step, flow_m3_s * share, self._supply)
            goes = self._heat(k, comes, outdoor, acting)
            backs.append(share * self._back[k].step(self._now_s, step, flow_m3_s * share, goes))
            supplies.append(comes)
            returns.append(goes)
        circulating = FLOW_M3_H * self._flow
        self._return = (circulating * sum(backs) + makeup * MAKEUP_C) / (circulating + makeup)
        high = self._pressure + PUMP_KPA * self._flow**2
        # What leaks on the way is not metered on the way back.
        plant = [self._supply, self._return, circulating - leaking, makeup, high, self._pressure]
        return [*plant, *supplies, *returns]

    def _fire(self, acting: list[HeatCause]) -> None:
        """The boiler: to the curve with a lag; without fire, to what comes back."""
        above = sum(c.size for c in acting if c.kind == "overheat")
        out = min(sum(c.size for c in acting if c.kind == "boiler.trip"), 1.0)
        wanted = curve(self._felt) + above
        wanted -= out * max(wanted - self._return, 0.0)
        self._supply += (wanted - self._supply) * -math.expm1(-self._step_s / BOILER_LAG_S)

    def _heat(self, k: int, comes: float, outdoor: float, acting: list[HeatCause]) -> float:
        """A substation's return temperature; its rooms take what it gives."""
        fouled = sum(c.size for c in acting if c.kind == "fouling" and c.branch == k)
        share = effectiveness(NTU * max(1.0 - fouled, 0.0) / self._flow)
        given = share * (comes - self._rooms[k])
        # At the curve and full flow rooms stand at 20 °C: what they lose is scaled to that.
        loss = effectiveness(NTU) * CURVE_SLOPE
        heating = self._flow * given / loss - (self._rooms[k] - outdoor)
        self._rooms[k] += heating * self._step_s / ROOMS_S
        return comes - given

    def _hold_pressure(self, acting: list[HeatCause]) -> tuple[float, float]:
        """Make-up and what leaks, m3/h; the pressure of the return goes on."""
        leaking = sum(
            hole_m3_h(c.size, self._pressure + 0.5 * PUMP_KPA * self._flow**2)
            for c in acting
            if c.kind == "leak"
        )
        # Implicit in the pressure, which settles faster than a step.
        stiff = EXPANSION_M3_KPA * 3600.0 / self._step_s
        missing = RETURN_KPA - self._pressure
        fall = (leaking - MAKEUP_GAIN * missing) / (stiff + MAKEUP_GAIN)
        makeup = SEEPAGE_M3_H + MAKEUP_GAIN * (missing + fall)
        if not 0.0 <= makeup <= MAKEUP_MOST_M3_H:
            makeup = min(max(makeup, 0.0), MAKEUP_MOST_M3_H)
            fall = (leaking + SEEPAGE_M3_H - makeup) / stiff
        self._pressure = max(self._pressure - fall, 0.0)
        return makeup, leaking


NUMBERS: Final = tuple(str(k + 1) for k in range(len(BRANCHES)))
COLUMNS: Final = (
    *("ST-PLANT", "RT-PLANT", "FT-PLANT", "MF-PLANT", "PS-PLANT", "PR-PLANT"),
    *(f"ST-S{n}" for n in NUMBERS),
    *(f"RT-S{n}" for n in NUMBERS),
)
