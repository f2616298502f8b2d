"""Steady states of a gas network between those that were solved.

Demand, a leak, a governor that opens too far or freezes: each is one axis of a grid. Its corners are
solved when they are first needed, and kept; between corners squared absolute pressures and flows are
linear in each axis. Flows balance at every node there as they do at the corners, since the balance is
linear; pressures lie within `PRESSURE_ERROR_KPA` of a solution made for that very demand. So a
month costs some hundred solutions, and a sample's value depends on its own time only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from lifeline.engine.frame import Float64, Int64

from .gas_main import State

ATMOSPHERE_KPA: Final = 101.325
#: How far a pressure between corners is from its own solution (docs/simulators.md).
PRESSURE_ERROR_KPA: Final = 0.5


@dataclass(frozen=True, slots=True)
class Axis:
    """One dimension: its `name` (equal names share corners) and the distance of its corners."""

    name: str
    spacing: float


Corner = tuple[tuple[str, float], ...]
Solve = Callable[[dict[str, float]], State]


class States:
    """`solve` gives the state at a corner: a value for every axis that is not 0. `sizes` are the
    numbers of nodes, pipes and gates."""

    def __init__(self, sizes: tuple[int, int, int], solve: Solve) -> None:
        self._sizes = sizes
        self._solve = solve
        self._corners: dict[Corner, Float64] = {}

    @property
    def solved(self) -> int:
        """How many corners were solved so far."""
        return len(self._corners)

    def at(self, axes: Sequence[Axis], values: Sequence[Float64]) -> Table:
        """The states at these points; `values` holds one array per axis, all of one length."""
        spacing = np.array([a.spacing for a in axes])
        scaled = np.stack(values, axis=1) / spacing
        cell = np.floor(scaled).astype(np.int64)
        beyond = scaled - cell
        columns = sum(self._sizes)
        found = np.empty((len(scaled), columns))
        cells, which = np.unique(cell, axis=0, return_inverse=True)
        which = which.ravel()
        for k, low in enumerate(cells):
            mine = np.flatnonzero(which == k)
            found[mine] = self._between(axes, low, beyond[mine])
        return Table(found, self._sizes)

    def _between(self, axes: Sequence[Axis], low: Int64, beyond: Float64) -> Float64:
        """Linear in each axis; a corner that has no weight is not solved."""
        total = np.zeros((len(beyond), sum(self._sizes)))
        for step in product((0, 1), repeat=len(axes)):
            weight = np.ones(len(beyond))
            for axis, one in enumerate(step):
                weight = weight * (beyond[:, axis] if one else 1.0 - beyond[:, axis])
            if weight.any():
                total += weight[:, None] * self._corner(axes, low + np.array(step))
        return total

    def _corner(self, axes: Sequence[Axis], index: Int64) -> Float64:
        named = sorted(
            (axis.name, float(i * axis.spacing))
            for axis, i in zip(axes, index.tolist(), strict=True)
            if i
        )
        key = tuple(named)
        if key not in self._corners:
            self._corners[key] = _flat(self._solve(dict(named)))
        return self._corners[key]


class Table:
    """States at many points: one row a point."""

    def __init__(self, rows: Float64, sizes: tuple[int, int, int]) -> None:
        self._rows = rows
        self._nodes, self._pipes, self._gates = sizes

    def pressure(self, node: int) -> Float64:
        """kPa gauge; 0 where the network is empty."""
        absolute = np.sqrt(np.maximum(self._rows[:, node], ATMOSPHERE_KPA**2))
        return np.asarray(absolute - ATMOSPHERE_KPA, np.float64)

    def flow(self, pipe: int) -> Float64:
        """kg/s from the pipe's begin to its end."""
        return self._rows[:, self._nodes + pipe]

    def gate(self, gate: int) -> Float64:
        """kg/s out of a gate."""
        return self._rows[:, self._nodes + self._pipes + gate]


def _flat(state: State) -> Float64:
    return np.concatenate([(state.pressure + ATMOSPHERE_KPA) ** 2, state.flow, state.gate])
