"""The gas network against its equations, solved by hand, and the spaces beside it against theirs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lifeline.engine.errors import SpecError
from lifeline.engine.limits import HOUR_NS, MINUTE_NS
from lifeline.simulators import manhole
from lifeline.simulators.gas_causes import Gate, Leak, Odoriser
from lifeline.simulators.gas_main import ROUGHNESS_MM, SOIL_K, Network, Pipe, Solver, State
from lifeline.simulators.gas_plan import GATES, NETWORK, SET_KPA, STANDARD_DENSITY, drawn
from lifeline.simulators.gas_states import PRESSURE_ERROR_KPA, Axis
from lifeline.simulators.gas_town import (
    METHANE_DENSITY,
    ODORANT_LAG_S,
    ODORANT_MG_M3,
    GasTown,
    network_states,
)
from watched_scenario import START

# pandapipes' hgas: normal density (0 Cel), viscosity at 10 Cel, compressibility 1 − 0.0022 p/bar.
NORMAL_DENSITY = 0.73294046
VISCOSITY = 1.07094e-5
ATMOSPHERE = 101_325.0
HELD = np.full(len(GATES), SET_KPA)
DEMAND = (Axis("homes", 0.25), Axis("trade", 0.25))


def drop_by_hand(pipe: Pipe, flow: float, begin_kpa: float, end_kpa: float) -> float:
    """p1² − p2² of the general flow equation, Pa²."""
    area = math.pi * pipe.bore**2 / 4.0
    reynolds = abs(flow) * pipe.bore / (area * VISCOSITY)
    rough = ROUGHNESS_MM / 1000.0 / pipe.bore
    factor = 0.25 / math.log10(rough / 3.7 + 5.74 / reynolds**0.9) ** 2
    p1, p2 = (1000.0 * p + ATMOSPHERE for p in (begin_kpa, end_kpa))
    mean = 2.0 / 3.0 * (p1 + p2 - p1 * p2 / (p1 + p2))
    compressibility = 1.0 - 0.0022 * mean / 1e5
    gas = ATMOSPHERE / (NORMAL_DENSITY * 273.15)
    steepness = factor * pipe.length / pipe.bore * gas * SOIL_K * compressibility
    return steepness * flow * abs(flow) / area**2


def check_pipes(network: Network, state: State) -> None:
    squared = (1000.0 * state.pressure + ATMOSPHERE) ** 2
    for pipe, flow in zip(network.pipes, state.flow.tolist(), strict=True):
        ends = state.pressure[pipe.begin], state.pressure[pipe.end]
        by_hand = drop_by_hand(pipe, flow, *map(float, ends))
        # Newton stops at 1 Pa and 0.1 g/s.
        tolerance = 2e-4 * abs(by_hand) + 1e6
        assert squared[pipe.begin] - squared[pipe.end] == pytest.approx(by_hand, abs=tolerance)


def surplus(network: Network, state: State, taken: np.ndarray) -> np.ndarray:
    """What flows into each node and not out of it, kg/s."""
    balance = -taken
    for pipe, flow in zip(network.pipes, state.flow, strict=True):
        balance[pipe.begin] -= flow
        balance[pipe.end] += flow
    for node, flow in zip(network.gates, state.gate, strict=True):
        balance[node] += flow
    return balance


def test_one_pipe_drops_what_the_general_flow_equation_says() -> None:
    pipe = Pipe(0, 1, 2000.0, 0.15)
    network = Network(2, (pipe,), (0,))
    state = Solver(network).solve(np.array([0.0, 0.4]), np.array([350.0]))
    by_hand = drop_by_hand(pipe, 0.4, float(state.pressure[0]), float(state.pressure[1]))
    squared = (1000.0 * state.pressure + ATMOSPHERE) ** 2
    assert squared[0] - squared[1] == pytest.approx(by_hand, rel=2e-5)
    assert state.pressure[0] == pytest.approx(350.0)
    assert 15.0 < state.pressure[0] - state.pressure[1] < 35.0
    # Swamee and Jain's factor is that of Colebrook and White within 3 %.
    reynolds = 0.4 * 0.15 / (math.pi * 0.15**2 / 4.0 * VISCOSITY)
    rough = ROUGHNESS_MM / 150.0
    factor = 0.02
    for _ in range(50):
        inner = rough / 3.71 + 2.51 / (reynolds * math.sqrt(factor))
        factor = 1.0 / (2.0 * math.log10(inner)) ** 2
    explicit = 0.25 / math.log10(rough / 3.7 + 5.74 / reynolds**0.9) ** 2
    assert explicit == pytest.approx(factor, rel=0.03)


def test_two_equal_ways_share_the_flow() -> None:
    network = Network(
        3, (Pipe(0, 1, 500.0, 0.1), Pipe(0, 1, 500.0, 0.1), Pipe(1, 2, 1.0, 0.1)), (0,)
    )
    state = Solver(network).solve(np.array([0.0, 0.0, 0.2]), np.array([200.0]))
    assert state.flow.tolist() == pytest.approx([0.1, 0.1, 0.2], rel=1e-6)


@pytest.mark.parametrize(("homes", "trade"), [(0.6, 0.5), (3.5, 1.2)])
def test_the_town_s_loop_keeps_every_pipe_s_equation_and_every_node_s_balance(
    homes: float, trade: float
) -> None:
    state = network_states().corner({"homes": homes, "trade": trade})
    check_pipes(NETWORK, state)
    assert np.abs(surplus(NETWORK, state, drawn(homes, trade))).max() < 1e-6
    assert state.gate.sum() == pytest.approx(drawn(homes, trade).sum(), rel=1e-9)


def test_between_corners_nodes_balance_and_pressures_are_near_their_own_solution() -> None:
    states = network_states()
    dice = np.random.default_rng(5)
    homes, trade = dice.uniform(0.6, 4.0, 3), dice.uniform(0.5, 1.2, 3)
    for extra, amount in ((None, 0.0), ("leak.21", 0.33), ("raise.0", 34.0), ("freeze.1", 0.55)):
        axes, values = list(DEMAND), [homes, trade]
        if extra:
            spacing = {"leak": 0.05, "raise": 10.0, "freeze": 0.1}[extra.partition(".")[0]]
            axes.append(Axis(extra, spacing))
            values.append(np.full(3, amount))
        table = states.states.at(axes, values)
        for i in range(3 if extra is None else 1):
            where = {"homes": float(homes[i]), "trade": float(trade[i])}
            own = states.corner(where | ({extra: amount} if extra else {}))
            between = np.array([table.pressure(n)[i] for n in range(NETWORK.nodes)])
            assert np.abs(between - own.pressure).max() < PRESSURE_ERROR_KPA, extra
            flows = State(
                between,
                np.array([table.flow(p)[i] for p in range(len(NETWORK.pipes))]),
                np.array([table.gate(g)[i] for g in range(len(GATES))]),
            )
            taken = drawn(where["homes"], where["trade"])
            if extra == "leak.21":
                taken[21] += amount
            assert np.abs(surplus(NETWORK, flows, taken)).max() < 1e-6


def test_a_gate_below_the_loop_locks_up_and_takes_nothing_back() -> None:
    state = network_states().corner({"homes": 0.5, "trade": 0.5, "raise.0": 60.0})
    assert state.gate[1] == 0.0
    assert state.gate[0] == pytest.approx(drawn(0.5, 0.5).sum())
    assert state.pressure[GATES[1].node] > SET_KPA + 20.0
    with pytest.raises(SpecError, match="no gate"):
        Solver(NETWORK).solve(np.full(36, -0.01), HELD)


def grid(minutes: int, every: int = 1) -> np.ndarray:
    return START + np.arange(0, minutes, every, dtype=np.int64) * MINUTE_NS


def test_a_leak_is_what_the_orifice_passes_at_the_pressure_that_it_leaves() -> None:
    area = math.pi / 4.0 * 0.06**2
    hole = Leak(21, area, 0.0, 0.0, 1.0, -1, START, START + HOUR_NS, START + HOUR_NS)
    ones = np.ones(2)
    calm, _ = network_states().at(grid(2), ones, ones, ())
    table, leaks = network_states().at(grid(2), ones, ones, (hole,))
    flow = manhole.orifice_flow(area, table.pressure(21)) * METHANE_DENSITY
    assert leaks[0] == pytest.approx(flow, rel=1e-3)
    assert flow[0] > 1.0
    assert table.pressure(21)[0] < calm.pressure(21)[0] - 35.0
    fed = sum(table.gate(g) for g in range(2)) - sum(calm.gate(g) for g in range(2))
    assert fed == pytest.approx(leaks[0], rel=1e-9)


def test_what_the_gates_feed_is_what_the_districts_and_works_draw() -> None:
    truth = GasTown((), 3, 600.0).advance(grid(1440, 10))
    fed = truth["gate-1-flow"] + truth["gate-2-flow"]
    governed = sum(v for k, v in truth.items() if k.startswith("d") and k.endswith("-flow"))
    works = fed - governed  # 1,050 Sm3/h times what trade draws
    assert 500.0 < works.min() < works.max() < 1350.0
    assert governed.max() > 1.5 * governed.min()  # the day's rhythm
    assert pytest.approx(NORMAL_DENSITY * 273.15 / 293.15, rel=2e-3) == STANDARD_DENSITY


def test_the_grid_s_cut_changes_no_bit() -> None:
    hole = Leak(20, 7e-6, 3600.0, 0.02, 1800.0, 6, START + HOUR_NS, START + 3 * HOUR_NS, 0)
    gate = Gate(0, 0.0, 0.6, 1800.0, START + 2 * HOUR_NS, START + 4 * HOUR_NS)
    whole = GasTown((hole, gate), 3, 300.0).advance(grid(360, 5))
    parts = GasTown((hole, gate), 3, 300.0)
    told = [parts.advance(g) for g in np.split(grid(360, 5), [1, 33, 50])]
    for name, value in whole.items():
        assert np.concatenate([t[name] for t in told]).tobytes() == value.tobytes(), name


def test_a_chamber_fills_to_the_share_of_soil_gas_over_all_air() -> None:
    """Steady: C = s Q / (s Q + ventilation), with the wind of that hour."""
    hole = Leak(20, 7e-6, 0.0, 0.02, 600.0, 6, START, START + 30 * HOUR_NS, 0)
    town = GasTown((hole,), 3, 60.0)
    truth = town.advance(grid(1440))
    leak = manhole.orifice_flow(7e-6, truth["n21-pressure"][-1]) * 0.02  # a street away
    # The fraction lies between those of the strongest and the weakest wind of the day.
    vent = leak * (1.0 / (truth["m07-ch4"][300:] / 100.0) - 1.0)
    assert 0.0003 <= vent.min() <= vent.max() < 0.0003 + 0.0002 * 20.0
    assert truth["m08-ch4"].max() < 1.0


def test_odorant_arrives_with_the_time_that_gas_stands_in_the_pipes() -> None:
    """A first-order lag: e⁻¹ of the loss is left after one time constant."""
    onset = START + 24 * HOUR_NS
    town = GasTown((Odoriser(1.0, onset, onset + 48 * HOUR_NS),), 3, 60.0)
    odorant = town.advance(grid(2 * 1440))["d02-odorant"]
    before = odorant[24 * 60]
    after = odorant[24 * 60 + round(ODORANT_LAG_S / 60.0)]
    assert after / before == pytest.approx(math.exp(-1.0), rel=0.01)
    assert before == pytest.approx(ODORANT_MG_M3, abs=1.5)
