"""Memory for state: zeros that do not overlap, at cache lines, in large pages where the system gives them."""

from __future__ import annotations

import gc
import mmap
import re
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifeline.engine.core.pages import LARGE_PAGE, LINE, together, unwritten

LINUX = "linux"
THP = Path("/sys/kernel/mm/transparent_hugepage")  # a kernel that can give large pages
MOST = st.integers(0, 3 * LARGE_PAGE // 8)
ROW = np.dtype([("a", "<f8"), ("b", "u1")])


@given(st.lists(st.tuples(st.sampled_from(["<f8", "u1", "<i4", ROW]), st.tuples(MOST)), max_size=6))
@settings(max_examples=30)
def test_columns_are_zeros_at_cache_lines_that_do_not_overlap(
    columns: list[tuple[npt.DTypeLike, tuple[int]]],
) -> None:
    arrays = together(columns)
    assert [(a.dtype, a.shape) for a in arrays] == [(np.dtype(d), s) for d, s in columns]
    assert not any(a.view(np.uint8).any() for a in arrays)
    assert all(a.ctypes.data % LINE == 0 for a in arrays)
    for number, array in enumerate(arrays, 1):
        array.view(np.uint8).fill(number)
    for number, array in enumerate(arrays, 1):
        assert (array.view(np.uint8) == number).all()


def test_columns_live_as_long_as_one_of_them() -> None:
    first, second = together([("<i8", (3, 2)), ("<f8", (5,))])
    del first
    gc.collect()
    second[:] = 2.0
    assert second.sum() == 10.0


def test_state_starts_at_a_large_page() -> None:
    """Else nothing could be asked of the system: what it gives is its own affair."""
    (only,) = together([("u1", (LARGE_PAGE,))])
    assert only.ctypes.data % LARGE_PAGE == 0
    assert not THP.exists() or "hg" in mapping(only.ctypes.data)["VmFlags"].split()


@pytest.mark.skipif(LINUX not in sys.platform, reason="which pages are there is asked of Linux")
def test_what_nobody_writes_takes_no_memory() -> None:
    rows = unwritten((4, 100_000), ROW)
    assert not THP.exists() or "nh" in mapping(rows.ctypes.data)["VmFlags"].split()
    assert pages_of(rows) == 0
    rows["a"][2, 50_000] = 1.0
    assert 1 <= pages_of(rows) <= 2  # a row may lie across the end of a page
    assert rows["a"].sum() == 1.0


def pages_of(array: npt.NDArray[np.void]) -> int:
    """How many small pages of an array are in memory, by the 64-bit words of Linux's pagemap."""
    first = array.ctypes.data // mmap.PAGESIZE
    last = -(-(array.ctypes.data + array.nbytes) // mmap.PAGESIZE)
    with Path("/proc/self/pagemap").open("rb") as pagemap:
        pagemap.seek(first * 8)
        words = np.frombuffer(pagemap.read((last - first) * 8), "<u8")
    return int(np.count_nonzero(words >> np.uint64(63)))


def mapping(address: int) -> dict[str, str]:
    """What Linux says about the mapping that an address lies in."""
    inside, told = False, {}
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if region := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            low, high = (int(x, 16) for x in region.groups())
            inside = low <= address < high
        elif inside:
            name, _, value = line.partition(":")
            told[name] = value.strip()
    return told
