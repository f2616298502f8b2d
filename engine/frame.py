"""The Frame: a columnar batch of samples, the only currency between rooms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
UInt8 = npt.NDArray[np.uint8]
Bool = npt.NDArray[np.bool_]

_COLUMNS = (("sensor", np.int32), ("time", np.int64), ("value", np.float64), ("quality", np.uint8))


def _column(name: str, array: Any, dtype: type[np.generic]) -> npt.NDArray[Any]:
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != 1:
        raise TypeError(f"Frame.{name} must be a one-dimensional {np.dtype(dtype)} array")
    if not (array.flags.c_contiguous and array.flags.aligned):
        array = np.ascontiguousarray(array).copy()
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    column: npt.NDArray[Any] = array
    return column


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Samples of any sensors of any sites, in the order in which they arrived.

    sensor   int32   index into the registry version that the entry names
    time     int64   event time, ns since 1970 UTC
    value    float64 in the quantity's canonical unit; NaN only with a bad quality
    quality  uint8   see `quality.Quality`

    The four columns have equal length, are contiguous and read-only. Raises TypeError for a
    wrong dtype and ValueError for unequal lengths; never changes the arrays it was given.
    """

    sensor: Int32
    time: Int64
    value: Float64
    quality: UInt8

    def __post_init__(self) -> None:
        for name, dtype in _COLUMNS:
            object.__setattr__(self, name, _column(name, getattr(self, name), dtype))
        if not len(self.sensor) == len(self.time) == len(self.value) == len(self.quality):
            raise ValueError("the columns of a Frame have unequal lengths")

    def __len__(self) -> int:
        return len(self.sensor)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frame):
            return NotImplemented
        return all(
            getattr(self, name).tobytes() == getattr(other, name).tobytes() for name, _ in _COLUMNS
        )

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def of(
        cls,
        sensor: npt.ArrayLike,
        time: npt.ArrayLike,
        value: npt.ArrayLike,
        quality: npt.ArrayLike | None = None,
    ) -> Frame:
        """A Frame from anything array-like; quality is all good where it is not given."""
        sensors = np.array(sensor, np.int32)
        return cls(
            sensors,
            np.array(time, np.int64),
            np.array(value, np.float64),
            np.zeros(len(sensors), np.uint8) if quality is None else np.array(quality, np.uint8),
        )

    @classmethod
    def empty(cls) -> Frame:
        """A Frame without rows."""
        return cls.of([], [], [])

    @classmethod
    def concat(cls, frames: Sequence[Frame]) -> Frame:
        """All rows of `frames`, in their order."""
        if not frames:
            return cls.empty()
        return cls(
            np.concatenate([f.sensor for f in frames]),
            np.concatenate([f.time for f in frames]),
            np.concatenate([f.value for f in frames]),
            np.concatenate([f.quality for f in frames]),
        )

    def take(self, rows: Any) -> Frame:
        """The rows that a slice, mask or index array selects."""
        return Frame(self.sensor[rows], self.time[rows], self.value[rows], self.quality[rows])
