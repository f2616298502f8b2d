"""A model that is solved at a step of its own and read between its steps by straight lines.

Slow physics (a pond, a phreatic line, a tank) needs no solving at each second. It is solved ahead in
spans of a fixed number of steps, counted from the beginning, one after the other: so what a world
says at a time cannot depend on how the times are cut, down to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from lifeline.engine.frame import Float64

# Steps per call of `solve`: enough to spread numpy's cost per call over what drives a model.
SPAN: Final = 144

Solve = Callable[[int, int], Float64]
"""`solve(first, count)`: a row of state after each of the steps `first` + 1 … `first` + `count`."""


class Course:
    """The rows of a model over time; moves forward only.

    `first` is the row at time 0, `step_s` the model's step; `solve` is called once for each span,
    in order.
    """

    def __init__(self, first: Float64, step_s: float, solve: Solve) -> None:
        self._step_s = step_s
        self._solve = solve
        self._rows: Float64 = np.asarray(first, np.float64)[None, :]
        self._base = 0

    def at(self, elapsed_s: Float64) -> Float64:
        """The state at these times, one row each. They do not decrease, and are not before those
        of the last call."""
        if not len(elapsed_s):
            return self._rows[:0]
        step = np.floor(elapsed_s / self._step_s).astype(np.int64)
        self._reach(int(step[0]), int(step[-1]) + 1)
        share = (elapsed_s / self._step_s - step)[:, None]
        before = self._rows[step - self._base]
        return np.asarray(before + share * (self._rows[step + 1 - self._base] - before), np.float64)

    def _reach(self, oldest: int, newest: int) -> None:
        """Solves until the row of step `newest` is there; forgets those before `oldest`."""
        parts = [self._rows[oldest - self._base :]] if oldest - self._base > SPAN else [self._rows]
        end = self._base + len(self._rows) - 1
        self._base = end + 1 - len(parts[0])
        while end < newest:
            parts.append(self._solve(end, SPAN))
            end += SPAN
        self._rows = np.concatenate(parts) if len(parts) > 1 else parts[0]
