"""Memory for state: what every row touches is written ahead, what few ever touch takes none."""

from __future__ import annotations

import math
import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

Struct = npt.NDArray[np.void]


def lined(size: int, dtype: np.dtype[Any]) -> Struct:
    """Zeros that start at a cache line, so that a row of 64 bytes touches one line only.

    Written now (numpy asks for large pages where there is much of it): else the first Frame would wait for each page.
    """
    raw = np.empty(size * dtype.itemsize + 64, np.uint8)
    raw.fill(0)
    start = -raw.ctypes.data % 64
    return raw[start : start + size * dtype.itemsize].view(dtype)


def unwritten(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Struct:
    """Zeros of which few are ever written: the others take no memory.

    From the system itself: malloc would give memory that was used before, and write all of it anew.
    """
    size = math.prod(shape)
    room = mmap.mmap(-1, max(1, size * dtype.itemsize), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return np.frombuffer(room, dtype, size).reshape(shape)
