"""Samples as columns, as the plant sends them: its own units, its own clock, numbered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from lifeline.engine.frame import Float64, Int32, Int64, UInt8

FLAG_OK: Final = 0
FLAG_FAULT: Final = 1
FLAG_OVER: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows in the order in which they are due to be sent; all columns equally long.

    sensor  int32   index into the site's points
    number  int64   1, 2, 3 … per sensor, in the order of measurement; a redelivered sample keeps its own
    time    int64   event time as the sensor's clock states it, ns since 1970 UTC
    value   float64 in the plant's own unit; NaN where the instrument has none to give
    flag    uint8   0 as usual, 1 declared fault, 2 declared over range
    due     int64   when the sample leaves the gateway, ns on the true clock
    """

    sensor: Int32
    number: Int64
    time: Int64
    value: Float64
    flag: UInt8
    due: Int64

    def __len__(self) -> int:
        return len(self.sensor)

    def take(self, rows: Any) -> Batch:
        """The rows that a slice, mask or index array selects."""
        return Batch(*(column[rows] for column in self.columns()))

    def columns(self) -> tuple[Any, ...]:
        """The six columns, in the order of the fields."""
        return (self.sensor, self.number, self.time, self.value, self.flag, self.due)

    @classmethod
    def concat(cls, batches: Sequence[Batch]) -> Batch:
        """All rows of `batches`, in their order; without any, a batch of no rows."""
        if not batches:
            return cls.empty()
        columns = zip(*(b.columns() for b in batches), strict=True)
        return cls(*(np.concatenate(column) for column in columns))

    @classmethod
    def empty(cls) -> Batch:
        """A batch of no rows."""
        return cls(
            np.empty(0, np.int32),
            np.empty(0, np.int64),
            np.empty(0, np.int64),
            np.empty(0, np.float64),
            np.empty(0, np.uint8),
            np.empty(0, np.int64),
        )

    def same_as(self, other: Batch) -> bool:
        """Whether both hold the same rows in the same order, bit by bit (NaN equals NaN)."""
        pairs = zip(self.columns(), other.columns(), strict=True)
        return all(a.tobytes() == b.tobytes() for a, b in pairs)
