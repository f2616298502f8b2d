"""The sums over the rows of a trend's ring: what they are, and in which order they are added up."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numba import njit

from lifeline.engine.layout import NO_TIME
from lifeline.engine.limits import DAY_NS, PANES, SECOND_NS
from lifeline.rules import trend_lanes_kernels as lanes
from lifeline.rules.trend_kernels import _pane_of

NOW = 1_800_000_000 * SECOND_NS
LEADING = 3  # places before the ring, so that its address is any


@njit
def of_one(array, ring, start, t):  # type: ignore[no-untyped-def]
    return (
        lanes.sums_of_one(array, ring, start, t),
        lanes.squares_of_one(array, ring, start),
        lanes.span_of_one(array, ring, start, t),
    )


@njit
def of_two(array, ring, start, t):  # type: ignore[no-untyped-def]
    return (
        lanes.sums_of_two(array, ring, start, t),
        lanes.squares_of_two(array, ring, start),
        lanes.span_of_two(array, ring, start, t),
    )


KERNELS = {1: of_one, 2: of_two}
Row = tuple[int, float]
AGES = st.integers(0, 600 * SECOND_NS) | st.just(0)
VALUES = st.floats(-1e9, 1e9)


@st.composite
def rings(draw: st.DrawFn) -> tuple[int, list[Row], int]:
    """Blocks, rows with empty places, and the age from which on they do not count."""
    blocks = draw(st.sampled_from(sorted(KERNELS)))
    places = blocks * lanes.OF_A_BLOCK
    rows = [(NOW - age, draw(VALUES)) for age in draw(st.lists(AGES, max_size=places))]
    rows += [(NO_TIME, draw(VALUES)) for _ in range(places - len(rows))]
    return blocks, draw(st.permutations(rows)), draw(st.integers(0, 700 * SECOND_NS))


def stored(rows: list[Row]) -> np.ndarray[Any, Any]:
    """The rows in their places; what lies in places that are no row's would count by its time and spoil every sum."""
    blocks = len(rows) // lanes.OF_A_BLOCK
    array = np.full(LEADING + blocks * lanes.BLOCK, np.nan)
    bits = array.view(np.int64)
    for number, (time, value) in enumerate(rows):
        block, place = divmod(number, lanes.OF_A_BLOCK)
        at = LEADING + block * lanes.BLOCK + place
        bits[at], array[at + lanes.LANES] = time, value
    for block in range(blocks):
        bits[LEADING + block * lanes.BLOCK + lanes.OF_A_BLOCK] = NOW
    return array


@given(rings())
def test_sums_of_the_rows_that_count(case: tuple[int, list[Row], int]) -> None:
    blocks, rows, age = case
    sums, squares, span = KERNELS[blocks](stored(rows), LEADING, NOW - age, NOW)
    counted = [((time - NOW) * 1e-9, value) for time, value in rows if time >= NOW - age]
    assert sums[0] == len(counted)
    assert span == max((NOW - time for time, _ in rows if time >= NOW - age), default=0)
    for got, terms in (
        (sums[1], [x for x, _ in counted]),
        (sums[2], [y for _, y in counted]),
        (sums[3], [x * x for x, _ in counted]),
        (sums[4], [x * y for x, y in counted]),
        (squares, [y * y for _, y in counted]),
    ):
        room = 1e-14 * sum(map(abs, terms))
        assert abs(got - math.fsum(terms)) <= room


@given(rings())
def test_the_order_of_additions_is_part_of_the_contract(case: tuple[int, list[Row], int]) -> None:
    blocks, rows, age = case
    sums, squares, _ = KERNELS[blocks](stored(rows), LEADING, NOW - age, NOW)
    xs = [(time - NOW) * 1e-9 if time >= NOW - age else 0.0 for time, _ in rows]
    ys = [value if time >= NOW - age else 0.0 for time, value in rows]

    def added(terms: list[float]) -> float:
        first, second = terms[: lanes.OF_A_BLOCK], terms[lanes.OF_A_BLOCK :]
        lane = [a + b for a, b in zip(first, second, strict=True)] if second else first
        a = [*lane, 0.0]
        return ((a[0] + a[4]) + (a[1] + a[5])) + ((a[2] + a[6]) + (a[3] + a[7]))

    pairs = list(zip(xs, ys, strict=True))
    assert sums[1:] == (
        added(xs),
        added(ys),
        added([x * x for x, _ in pairs]),
        added([x * y for x, y in pairs]),
    )
    assert squares == added([y * y for _, y in pairs])


@njit
def pane_of(t, pane):  # type: ignore[no-untyped-def]
    return _pane_of(t, pane)


@given(
    st.integers(-(2**62), 2**62),
    st.integers(1, 10 * 366 * DAY_NS // PANES),
    st.integers(-1, 1),
)
@example(-2_305_842_994_100_558_753, 20_649_035_996, -1)
def test_the_pane_of_a_time_is_the_whole_quotient(t: int, pane: int, beside: int) -> None:
    for time in (t, t // pane * pane + beside):
        assert pane_of(time, pane) == time // pane


@pytest.mark.parametrize("blocks", sorted(KERNELS))
def test_a_ring_without_rows_adds_nothing(blocks: int) -> None:
    rows = [(NO_TIME, math.nan)] * (blocks * lanes.OF_A_BLOCK)
    assert KERNELS[blocks](stored(rows), LEADING, NOW, NOW) == ((0, 0.0, 0.0, 0.0, 0.0), 0.0, 0.0)
