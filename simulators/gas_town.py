"""The world of a town's gas: the network's pressures and flows, its governors, and the spaces beside it.

The medium-pressure loop is solved by pandapipes (`gas_main`, `gas_states`); what is drawn follows the
hour and the cold. A hole leaks as an orifice does at the pressure that stands there, and the network feels
it. Of what goes into the soil a share reaches a chamber beside the main, later and smoothed; the chamber
is the well-mixed box of `manhole`.

    soil       what arrives = share · leak, lagged by the soil's time constant (first order)
    governor   outlet = set point − droop · flow / usual flow + what its failure adds
    odorant    at a customer = that at the gates, lagged by the time that gas takes to get there
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

import numpy as np

from lifeline.engine.frame import Float64, Int64

from . import manhole
from .gas_causes import (
    Cause,
    Demand,
    Gate,
    Governor,
    HouseLeak,
    Leak,
    Odoriser,
    Opened,
    SewerGas,
    ramp,
    within,
)
from .gas_main import Solver, State
from .gas_plan import (
    BASEMENTS,
    CHAMBERS,
    DISTRICTS,
    GATES,
    METERED,
    NETWORK,
    ODOUR_NODES,
    SET_KPA,
    STANDARD_DENSITY,
    Space,
    drawn,
)
from .gas_states import Axis, States, Table
from .manhole import Manhole
from .recurrence import relax
from .rhythm import gas_demand, hour_of_day, sewer_activity
from .stream import generator_of
from .weather import Weather

OUTLET_KPA: Final = 2.5
DROOP_KPA: Final = 0.15
BLOWER_M3_S: Final = 0.6
LIFTED_DEG: Final = 35.0
HOUSE_M3: Final = 15.0
HOUSE_VENT_M3_S: Final = 0.012  # three changes of air an hour through louvres
ODORANT_MG_M3: Final = 24.0
#: Gas stands in the pipes for some hours between a gate and a customer.
ODORANT_LAG_S: Final = 2.5 * 3600.0
HEATING_BELOW_CEL: Final = 16.0
HEATING_PER_CEL: Final = 0.08
METHANE_DENSITY: Final = (
    manhole.ATMOSPHERE_PA * manhole.MOLAR_MASS / (manhole.GAS_CONSTANT * manhole.TEMPERATURE_K)
)
#: A leak changes the pressure that drives it; this many rounds leave less than a thousandth.
ROUNDS: Final = 6


class GasTown:
    """The true state of the town's gas."""

    def __init__(self, causes: tuple[Cause, ...], seed: int, step_s: float) -> None:
        self._causes = causes
        self._weather = Weather(seed=seed)
        self._step_s = step_s
        self._phase = generator_of(seed, "gas-town").uniform(0.0, 2.0 * np.pi, 4)
        self._network = network_states()
        self._boxes = [Manhole(s.volume_m3, _resting(s)) for s in (*CHAMBERS, *BASEMENTS)]
        self._houses = [Manhole(HOUSE_M3) for _ in DISTRICTS]
        self._soil: dict[int, float] = {}
        self._odorant = [ODORANT_MG_M3] * len(ODOUR_NODES)

    def advance(self, times_ns: Int64) -> Mapping[str, Float64]:
        """See `plant.World`."""
        air = self._weather.at(times_ns)
        homes, trade = self._demand(times_ns, air.temperature)
        table, leaks = self._network.at(times_ns, homes, trade, self._causes)
        truth = self._mains(table)
        truth |= self._districts(times_ns, table, homes, trade)
        truth |= self._spaces(times_ns, leaks, air.wind)
        return truth | self._odour(times_ns)

    def _demand(self, times_ns: Int64, temperature: Float64) -> tuple[Float64, Float64]:
        """What homes and trade draw, as multiples of their usual mean."""
        hour = hour_of_day(times_ns)
        cold = np.maximum(HEATING_BELOW_CEL - temperature, 0.0)
        homes = gas_demand(times_ns) * 0.7 + HEATING_PER_CEL * cold * (1.0 + 0.15 * _mornings(hour))
        trade = 0.5 + 0.7 / (1.0 + np.exp(-2.0 * (5.0 - np.abs(hour - 13.0))))
        seconds = times_ns / 1e9
        mood = sum(
            0.012 * np.sin(2.0 * np.pi * seconds / period + phase)
            for period, phase in zip((1900.0, 4700.0, 15_000.0, 61_000.0), self._phase, strict=True)
        )
        for cause in self._causes:
            if isinstance(cause, Demand):
                homes = homes * (1.0 + cause.more * ramp(times_ns, cause.onset_ns, cause.end_ns))
        return homes * (1.0 + mood), trade * (1.0 + mood)

    def _mains(self, table: Table) -> dict[str, Float64]:
        truth = {f"{p.name}-pressure": table.pressure(p.node) for p in METERED}
        for i, gate in enumerate(GATES):
            truth[f"{gate.name}-pressure"] = table.pressure(gate.node)
            truth[f"{gate.name}-flow"] = table.gate(i) / STANDARD_DENSITY * 3600.0
        return truth

    def _districts(
        self, times_ns: Int64, table: Table, homes: Float64, trade: Float64
    ) -> dict[str, Float64]:
        truth: dict[str, Float64] = {}
        for i, district in enumerate(DISTRICTS):
            flow = district.homes * homes + district.trade * trade
            usual = district.homes + district.trade
            outlet = OUTLET_KPA - DROOP_KPA * (flow / usual - 1.0)
            leak = np.zeros(len(times_ns))
            for cause in self._causes:
                if isinstance(cause, Governor) and cause.district == i:
                    outlet = outlet + cause.kpa * ramp(
                        times_ns, cause.onset_ns, cause.end_ns, cause.ramp_s
                    )
                elif isinstance(cause, HouseLeak) and cause.district == i:
                    leak = leak + cause.m3_s * within(times_ns, cause.onset_ns, cause.end_ns)
            vent = np.full(len(times_ns), HOUSE_VENT_M3_S)
            fraction = self._houses[i].advance(leak, vent, self._step_s)
            name = district.name
            truth |= {
                f"{name}-inlet": table.pressure(district.node),
                f"{name}-outlet": np.maximum(outlet, 0.0),
                f"{name}-flow": flow,
                f"{name}-lel": 100.0 * fraction / (manhole.LEL_PERCENT_VOL / 100.0),
            }
        return truth

    def _spaces(
        self, times_ns: Int64, leaks: Mapping[int, Float64], wind: Float64
    ) -> dict[str, Float64]:
        truth: dict[str, Float64] = {}
        for i, space in enumerate((*CHAMBERS, *BASEMENTS)):
            lid, blower, tilt = (np.zeros(len(times_ns)) for _ in range(3))
            gas = space.biogas_m3_s * sewer_activity(times_ns)
            for number, cause in enumerate(self._causes):
                if isinstance(cause, SewerGas) and cause.space == i:
                    gas = gas * (1.0 + cause.more * ramp(times_ns, cause.onset_ns, cause.end_ns))
                elif isinstance(cause, Opened) and cause.space == i:
                    opened = within(times_ns, cause.onset_ns, cause.end_ns)
                    lid, tilt = np.maximum(lid, opened), np.maximum(tilt, cause.angle * opened)
                elif isinstance(cause, Leak) and cause.space == i:
                    gas = gas + self._arriving(number, cause, leaks[number])
                    aired = within(times_ns, cause.end_ns, cause.aired_ns)
                    lid, blower = np.maximum(lid, aired), blower + BLOWER_M3_S * aired
                    tilt = np.maximum(tilt, LIFTED_DEG * aired)
            vent = space.tightness * manhole.ventilation_flow(wind, lid, blower)
            fraction = self._boxes[i].advance(gas, vent, self._step_s)
            if space.name.startswith("b"):
                truth[f"{space.name}-lel"] = 100.0 * fraction / (manhole.LEL_PERCENT_VOL / 100.0)
            else:
                truth[f"{space.name}-ch4"] = 100.0 * fraction
                truth[f"{space.name}-cover"] = tilt
        return truth

    def _arriving(self, number: int, leak: Leak, kg_s: Float64) -> Float64:
        """Methane that reaches the space through the soil, m3/s."""
        wanted = leak.share * kg_s / METHANE_DENSITY
        lagged = relax(self._soil.get(number, 0.0), wanted, leak.soil_s, self._step_s)
        self._soil[number] = float(lagged[-1])
        return lagged

    def _odour(self, times_ns: Int64) -> dict[str, Float64]:
        gate = np.full(len(times_ns), ODORANT_MG_M3) + 1.0 * np.sin(
            2.0 * np.pi * times_ns / 1e9 / 43_000.0 + self._phase[0]
        )
        for cause in self._causes:
            if isinstance(cause, Odoriser):
                gate = gate * (1.0 - cause.less * within(times_ns, cause.onset_ns, cause.end_ns))
        truth: dict[str, Float64] = {}
        for i, place in enumerate(ODOUR_NODES):
            lag = ODORANT_LAG_S * place.share
            lagged = relax(self._odorant[i], gate, lag, self._step_s)
            self._odorant[i] = float(lagged[-1])
            truth[f"{place.name}-odorant"] = lagged
        return truth


@cache
def network_states() -> NetworkStates:
    """The states of the one plan, shared by all worlds: what was solved once is not solved again."""
    return NetworkStates()


class NetworkStates:
    """The loop's states for what is drawn and what goes wrong; leaks and pressure agree."""

    def __init__(self) -> None:
        self._solver = Solver(NETWORK)
        sizes = (NETWORK.nodes, len(NETWORK.pipes), len(NETWORK.gates))
        self.states = States(sizes, self.corner)

    @property
    def solved(self) -> int:
        """How many solutions pandapipes made."""
        return self.states.solved

    def at(
        self, times_ns: Int64, homes: Float64, trade: Float64, causes: tuple[Cause, ...]
    ) -> tuple[Table, dict[int, Float64]]:
        """The states, and what each leak (by its place among the causes) lets out, kg/s."""
        axes = [Axis("homes", 0.25), Axis("trade", 0.25)]
        values = [homes, trade]
        leaks: dict[int, Float64] = {}
        slots: dict[int, int] = {}
        for number, cause in enumerate(causes):
            if isinstance(cause, Gate):
                share = ramp(times_ns, cause.onset_ns, cause.end_ns, cause.ramp_s)
                if share.any():
                    kind, spacing = ("raise", 10.0) if cause.kpa else ("freeze", 0.1)
                    axes.append(Axis(f"{kind}.{cause.gate}", spacing))
                    values.append((cause.kpa or cause.lost) * share)
            elif isinstance(cause, Leak):
                leaks[number] = np.zeros(len(times_ns))
                if cause.area(times_ns).any():
                    slots[number] = len(axes)
                    axes.append(Axis(f"leak.{cause.node}", 0.05))
                    values.append(leaks[number])
        table = self.states.at(axes, values)
        for _ in range(ROUNDS if slots else 0):
            for number, slot in slots.items():
                leak = causes[number]
                assert isinstance(leak, Leak)
                volume = manhole.orifice_flow(leak.area(times_ns), table.pressure(leak.node))
                values[slot] = leaks[number] = volume * METHANE_DENSITY
            table = self.states.at(axes, values)
        return table, leaks

    def corner(self, where: dict[str, float]) -> State:
        """One solution; axes that stand at 0 are not named."""
        taken = drawn(where.get("homes", 0.0), where.get("trade", 0.0))
        held = np.full(len(GATES), SET_KPA)
        frozen: dict[int, float] = {}
        for name, value in where.items():
            kind, _, which = name.partition(".")
            if kind == "leak":
                taken[int(which)] += value
            elif kind == "raise":
                held[int(which)] += value
            elif kind == "freeze":
                frozen[int(which)] = value
        state = self._solver.solve(taken, held)
        if not frozen:
            return state
        fixed = {g: (1.0 - lost) * float(state.gate[g]) for g, lost in frozen.items()}
        return self._solver.solve(taken, held, fixed)


def _mornings(hour: Float64) -> Float64:
    """People heat more when they rise and when they are home."""
    return np.asarray(np.cos((hour - 7.0) * (2.0 * np.pi / 12.0)), np.float64)


def _resting(space: Space) -> float:
    calm = space.tightness * float(manhole.ventilation_flow(1.5, 0.0, 0.0))
    return manhole.steady_fraction(space.biogas_m3_s, calm)
