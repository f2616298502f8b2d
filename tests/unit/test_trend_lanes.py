"""The sums of a trend's twelve rows: what they are, and in which order they are added up."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from lifeline.engine.layout import NO_TIME
from lifeline.engine.limits import DAY_NS, PANES, SECOND_NS
from lifeline.rules.trend_kernels import _pane_of
from lifeline.rules.trend_lanes_kernels import row_sums

NOW = 1_800_000_000 * SECOND_NS
LEADING = 3  # places before the ring, so that its address is any


@njit
def sums(array, ring, start, t):  # type: ignore[no-untyped-def]
    return row_sums(array, ring, start, t)


Row = tuple[int, float]
AGES = st.integers(0, 600 * SECOND_NS) | st.just(0)
VALUES = st.floats(-1e9, 1e9)


@st.composite
def rings(draw: st.DrawFn) -> tuple[list[Row], int]:
    """Rows (the latest is at NOW) with empty places, and the age from which on they do not count."""
    ages = [0, *draw(st.lists(AGES, max_size=PANES - 1))]
    rows = [(NOW - age, draw(VALUES)) for age in ages]
    rows += [(NO_TIME, draw(VALUES)) for _ in range(PANES - len(rows))]
    return draw(st.permutations(rows)), draw(st.integers(0, 700 * SECOND_NS))


def stored(rows: list[Row]) -> np.ndarray:  # type: ignore[type-arg]
    array = np.full(LEADING + 2 * PANES, np.nan)
    array[LEADING + 1 :: 2] = [value for _, value in rows]
    array.view(np.int64)[LEADING::2] = [time for time, _ in rows]
    return array


@given(rings())
def test_sums_of_the_rows_that_count(case: tuple[list[Row], int]) -> None:
    rows, age = case
    n, span, st_, sv, stt, stv, svv = sums(stored(rows), LEADING, NOW - age, NOW)
    counted = [((time - NOW) * 1e-9, value) for time, value in rows if time >= NOW - age]
    assert n == len(counted)
    assert span == max(NOW - time for time, _ in rows if time >= NOW - age)
    for got, terms in (
        (st_, [x for x, _ in counted]),
        (sv, [y for _, y in counted]),
        (stt, [x * x for x, _ in counted]),
        (stv, [x * y for x, y in counted]),
        (svv, [y * y for _, y in counted]),
    ):
        room = 1e-14 * sum(map(abs, terms))
        assert abs(got - math.fsum(terms)) <= room


@given(rings())
def test_the_order_of_additions_is_part_of_the_contract(case: tuple[list[Row], int]) -> None:
    rows, age = case
    found = sums(stored(rows), LEADING, NOW - age, NOW)
    xs = [(time - NOW) * 1e-9 if time >= NOW - age else 0.0 for time, _ in rows]
    ys = [value if time >= NOW - age else 0.0 for time, value in rows]

    def added(terms: list[float]) -> float:
        lanes = [(terms[j] + terms[j + 4]) + terms[j + 8] for j in range(4)]
        return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])

    pairs = list(zip(xs, ys, strict=True))
    assert found[2:] == (
        added(xs),
        added(ys),
        added([x * x for x, _ in pairs]),
        added([x * y for x, y in pairs]),
        added([y * y for _, y in pairs]),
    )


@njit
def pane_of(t, pane):  # type: ignore[no-untyped-def]
    return _pane_of(t, pane)


@given(
    st.integers(-(2**62), 2**62),
    st.integers(1, 10 * 366 * DAY_NS // PANES),
    st.integers(-1, 1),
)
def test_the_pane_of_a_time_is_the_whole_quotient(t: int, pane: int, beside: int) -> None:
    for time in (t, t // pane * pane + beside):
        assert pane_of(time, pane) == time // pane
