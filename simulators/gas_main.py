"""A medium-pressure gas network in steady state, solved by pandapipes.

Nodes, pipes, gates (governors that feed it from the high-pressure side) and what is drawn at each node.
pandapipes solves the general flow equation of every pipe, with Colebrook's factor in the form of Swamee
and Jain, and the balance of every node:

    p1² − p2² = λ (L / d) (ṁ / A)² K T pn / (ρn Tn)        p absolute, K at the mean pressure

A gate is a pressure that is held, as long as gas comes out of it. Where the network stands higher
than its set point its governor locks up: it is left out and the rest solved again.

Needs the extra `simulators`; pandapipes is imported with the first network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from lifeline.engine.errors import SpecError
from lifeline.engine.frame import Float64

GAS: Final = "hgas"  # pandapipes' natural gas of high calorific value
SOIL_K: Final = 283.15
ROUGHNESS_MM: Final = 0.1
KPA_PER_BAR: Final = 100.0
# Newton's tolerances, far below a gauge's last digit: 1 Pa and 0.1 g/s.
TOLERANCE: Final = 1e-5
MAX_ITERATIONS: Final = 100


@dataclass(frozen=True, slots=True)
class Pipe:
    """A straight pipe between two nodes (indices); lengths in m, its bore in m."""

    begin: int
    end: int
    length: float
    bore: float


@dataclass(frozen=True, slots=True)
class Network:
    """What lies under the streets: the number of nodes, the pipes, and at which nodes gates feed."""

    nodes: int
    pipes: tuple[Pipe, ...]
    gates: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """One steady state: gauge pressure of nodes (kPa), flow along pipes from begin to end and out of
    gates (kg/s)."""

    pressure: Float64
    flow: Float64
    gate: Float64


class Solver:
    """One network in pandapipes' tables. Not thread-safe: each solution writes into them."""

    def __init__(self, network: Network) -> None:
        self._pp = _pandapipes()
        self.network = network
        net = self._pp.create_empty_network(fluid=GAS)
        for _ in range(network.nodes):
            self._pp.create_junction(net, pn_bar=3.0, tfluid_k=SOIL_K)
        for pipe in network.pipes:
            self._pp.create_pipe_from_parameters(
                net,
                pipe.begin,
                pipe.end,
                length_km=pipe.length / 1000.0,
                diameter_m=pipe.bore,
                k_mm=ROUGHNESS_MM,
            )
        for node in network.gates:
            self._pp.create_ext_grid(net, node, p_bar=3.0, t_k=SOIL_K)
            self._pp.create_source(net, node, mdot_kg_per_s=0.0)
        for node in range(network.nodes):
            self._pp.create_sink(net, node, mdot_kg_per_s=0.0)
        self._net: Any = net

    def solve(
        self,
        drawn: Float64,
        held_kpa: Float64,
        fixed: Mapping[int, float] | None = None,
    ) -> State:
        """The state with `drawn` (kg/s) at the nodes and gates that hold `held_kpa`.

        `fixed` are gates (ordinals) that let a given flow (kg/s) through instead. Raises SpecError
        where no gate is left to hold a pressure or the network cannot carry what is drawn.
        """
        fixed = fixed or {}
        holds = np.array([g not in fixed for g in range(len(self.network.gates))])
        for _ in self.network.gates:
            state = self._solved(drawn, held_kpa, holds, fixed)
            backwards = holds & (state.gate < -TOLERANCE)
            if not backwards.any():
                return state
            # The one that would take most locks up first; the others may then give again.
            holds[int(np.argmin(np.where(holds, state.gate, 0.0)))] = False
        raise SpecError("no gate feeds the network", found=f"set points {held_kpa.tolist()} kPa")

    def _solved(
        self, drawn: Float64, held_kpa: Float64, holds: Any, fixed: Mapping[int, float]
    ) -> State:
        net, gates = self._net, range(len(self.network.gates))
        net.sink["mdot_kg_per_s"] = drawn
        net.ext_grid["p_bar"] = held_kpa / KPA_PER_BAR
        net.ext_grid["in_service"] = holds
        net.source["mdot_kg_per_s"] = np.array([fixed.get(g, 0.0) for g in gates])
        try:
            self._pp.pipeflow(
                net,
                friction_model="swamee-jain",
                use_numba=False,
                max_iter_hyd=MAX_ITERATIONS,
                tol_p=TOLERANCE,
                tol_m=TOLERANCE,
            )
        except self._failures() as error:
            raise SpecError(
                "the network cannot carry what is drawn", found=f"{float(drawn.sum()):g} kg/s"
            ) from error
        gate = np.where(holds, -_column(net.res_ext_grid, "mdot_kg_per_s"), 0.0)
        gate = gate + np.array([fixed.get(g, 0.0) for g in gates])
        return State(
            _column(net.res_junction, "p_bar") * KPA_PER_BAR,
            _column(net.res_pipe, "mdot_from_kg_per_s"),
            gate,
        )

    def _failures(self) -> tuple[type[Exception], ...]:
        from pandapipes.pf.pipeflow_setup import PipeflowNotConverged

        return (PipeflowNotConverged,)


def _column(table: Any, name: str) -> Float64:
    return np.asarray(table[name].to_numpy(), np.float64)


def _pandapipes() -> Any:
    try:
        import pandapipes
    except ImportError as error:
        raise SpecError(
            "pandapipes is not installed",
            found="a simulated gas network",
            expected='pip install "lifeline-engine[simulators]"',
        ) from error
    return pandapipes
