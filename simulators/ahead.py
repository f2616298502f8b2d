"""A world that is asked in small blocks and computes in large ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from lifeline.engine.frame import Float64, Int64

# Steps computed at once: numpy's cost per call vanishes, and a live run waits some milliseconds.
STEPS: Final = 1024


class Ahead:
    """Serves slices of what `compute` says about whole stretches of the grid.

    `compute` is called with consecutive times, `STEPS` at a time from the first one asked for, in
    order, so a world behind it may keep state, and no cut of the caller's can change a bit.
    """

    def __init__(self, compute: Callable[[Int64], Mapping[str, Float64]], step_ns: int) -> None:
        self._compute = compute
        self._step_ns = step_ns
        self._begin_ns = 0
        self._told: Mapping[str, Float64] = {}
        self._length = 0

    def advance(self, times_ns: Int64) -> Mapping[str, Float64]:
        """See `plant.World`."""
        if not self._length:
            self._next(int(times_ns[0]))
        parts: list[Mapping[str, Float64]] = []
        at = 0
        while at < len(times_ns):
            first = (int(times_ns[at]) - self._begin_ns) // self._step_ns
            if first >= self._length:
                self._next(self._begin_ns + self._length * self._step_ns)
                continue
            taken = min(len(times_ns) - at, self._length - first)
            part = slice(first, first + taken)
            parts.append({name: values[part] for name, values in self._told.items()})
            at += taken
        if len(parts) == 1:
            return parts[0]
        return {name: np.concatenate([p[name] for p in parts]) for name in self._told}

    def _next(self, begin_ns: int) -> None:
        self._begin_ns, self._length = begin_ns, STEPS
        self._told = self._compute(begin_ns + np.arange(STEPS, dtype=np.int64) * self._step_ns)
