"""Memory for state: what every row touches lies together in large pages, what few ever touch takes none."""

from __future__ import annotations

import contextlib
import math
import mmap
import sys
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Struct = npt.NDArray[np.void]
Shape = tuple[int, ...]
Column = tuple[npt.DTypeLike, Shape]

#: What x86-64 and most of ARM call a large page. One entry of the processor's table of pages covers it, instead
#: of 512: 50,000 sensors with three rules have 17,000 small pages and a processor some 2,000 entries.
LARGE_PAGE: Final = 1 << 21
#: A row of 64 bytes that starts at one touches one line only.
LINE: Final = 64


def together(columns: Iterable[Column]) -> list[npt.NDArray[Any]]:
    """Zeros for each (dtype, shape), one behind another and each at a cache line.

    Written now, else the first Frame would wait for each page; in large pages as far as they are filled, where
    the system gives them. The memory is free when the last of the arrays is.
    """
    kinds = [(np.dtype(kind), shape) for kind, shape in columns]
    sizes = [kind.itemsize * math.prod(shape) for kind, shape in kinds]
    starts = [0]
    for size in sizes:
        starts.append(starts[-1] + size + -size % LINE)
    room = _pages(starts[-1])
    room.fill(0)
    return [
        room[start : start + size].view(kind).reshape(shape)
        for (kind, shape), start, size in zip(kinds, starts, sizes, strict=False)
    ]


def _pages(size: int) -> npt.NDArray[np.uint8]:
    """New memory that starts at a large page. The last, if it is not filled, is made of small ones."""
    room = _anonymous(size + LARGE_PAGE)
    start = -np.frombuffer(room, np.uint8).ctypes.data % LARGE_PAGE
    filled = size - size % LARGE_PAGE
    if sys.platform == "linux" and filled:
        with contextlib.suppress(OSError):  # a kernel that was built without them: pages stay small
            room.madvise(mmap.MADV_HUGEPAGE, start, filled)
    return np.frombuffer(room, np.uint8, size, start)


def _anonymous(size: int) -> mmap.mmap:
    """From the system itself: malloc would give memory that was used before, in small pages and not zero."""
    return mmap.mmap(-1, max(1, size), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def unwritten(shape: Shape, dtype: np.dtype[Any]) -> Struct:
    """Zeros of which few are ever written: the others take no memory."""
    size = math.prod(shape)
    room = _anonymous(size * dtype.itemsize)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a kernel that was built without large pages gives none
            room.madvise(
                mmap.MADV_NOHUGEPAGE
            )  # where they are given unasked, each row would take 2 MiB
    return np.frombuffer(room, dtype, size).reshape(shape)
