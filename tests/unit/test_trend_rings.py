"""The forms of a trend's ring: which one the rows ask for, and that the slope is the same in all of them."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from lifeline.engine.layout import NO_TIME
from lifeline.engine.limits import PANES, SECOND_NS
from lifeline.rules import trend_kernels, trend_panes_kernels, trend_rows_kernels

PANE = 5 * SECOND_NS
BEGIN = 1_800_000_000 * SECOND_NS
WIDTH, COUNTS = trend_panes_kernels.WIDTH, int(trend_panes_kernels.COUNTS)
NARROW, WIDE = trend_rows_kernels.NARROW, trend_rows_kernels.WIDE
PANED, ROOM = trend_panes_kernels.PANED, trend_rows_kernels.ROOM
Row = tuple[int, float]


@njit
def measured(f, bits, t, v, times, values):  # type: ignore[no-untyped-def]
    ring, start = np.uintp(0), (t // PANE - (PANES - 1)) * PANE
    return trend_kernels._measured(
        f, bits, ring, t, v, start, PANE, 2.0, 0.0, False, 0.0, 0.0, times, values
    )


class Ring:
    """One ring, and the rows that it was given."""

    def __init__(self) -> None:
        self.places = np.zeros(WIDTH)
        self.bits = self.places.view(np.int64)
        self.rows: list[Row] = []

    def take(self, t: int, v: float) -> float:
        self.rows.append((t, v))
        room = np.empty(ROOM, np.int64), np.empty(ROOM)
        return float(measured(self.places, self.bits, t, v, *room))

    @property
    def form(self) -> int:
        return int(self.bits[COUNTS]) >> trend_panes_kernels.FORM_OF

    def slope(self) -> float:
        """Of the rows in the window of the last one, in fractions; NaN of fewer than two."""
        latest = self.rows[-1][0]
        start = (latest // PANE - (PANES - 1)) * PANE
        points = [(Fraction(t - start, SECOND_NS), Fraction(v)) for t, v in self.rows if t >= start]
        if len(points) < 2:
            return float("nan")
        mean = sum(x for x, _ in points) / len(points)
        over = sum((x - mean) ** 2 for x, _ in points)
        return float(sum((x - mean) * y for x, y in points) / over)


def fed(ring: Ring, gaps: list[int], values: list[float]) -> None:
    """Rows after the last one of `ring`, each checked."""
    t = ring.rows[-1][0] if ring.rows else BEGIN
    for gap, value in zip(gaps, values, strict=True):
        t += gap
        assert ring.take(t, value) == pytest.approx(ring.slope(), rel=1e-9, abs=1e-9, nan_ok=True)


@given(st.data())
def test_every_slope_is_that_of_the_rows_in_the_window(data: st.DataObject) -> None:
    """Slow and fast stretches in turn, so that the ring takes each form and leaves it."""
    ring = Ring()
    for pace in data.draw(st.lists(st.sampled_from([1, 4, 6, 9, 20, 100]), min_size=1, max_size=5)):
        count = data.draw(st.integers(1, 40))
        gap = st.integers(1, pace * SECOND_NS)
        gaps = data.draw(st.lists(gap, min_size=count, max_size=count))
        values = data.draw(st.lists(st.floats(-1e3, 1e3), min_size=count, max_size=count))
        fed(ring, gaps, values)


def test_a_ring_is_as_narrow_as_its_rows_let_it_be() -> None:
    ring = Ring()
    forms = []
    for number in range(20):
        ring.take(BEGIN + number * SECOND_NS, float(number))
        forms.append(ring.form)
    assert forms == [NARROW] * 7 + [WIDE] * 7 + [PANED] * 6


def test_rows_that_never_fill_the_window_stay_in_two_lines() -> None:
    ring = Ring()
    fed(ring, [9 * SECOND_NS] * 100, [float(n % 7) for n in range(100)])
    assert ring.form == NARROW
    assert not ring.places[trend_rows_kernels.BLOCK :].any()


@pytest.mark.parametrize("rows", [10, 30], ids=["wide", "panes"])
def test_a_window_that_holds_few_rows_again_is_narrow_again(rows: int) -> None:
    ring = Ring()
    fed(ring, [SECOND_NS] * rows, [1.0] * rows)
    assert ring.form == (WIDE if rows == 10 else PANED)
    fed(ring, [60 * SECOND_NS] + [9 * SECOND_NS] * ROOM, [1.0] * (ROOM + 1))
    assert ring.form == NARROW


def test_a_ring_that_a_former_version_wrote_is_read_and_made_anew() -> None:
    """Its counts are one more than the place of the next row; twelve pairs of time and value follow its first line."""
    for known in range(1, PANES + 1):
        for turned in range(PANES):
            ring = Ring()
            ring.bits[8 : 8 + 2 * PANES : 2] = NO_TIME
            for number in range(known):
                t, v = BEGIN + number * 5 * SECOND_NS, float(number * number)
                place = 8 + 2 * ((number + turned) % PANES)
                ring.bits[place], ring.places[place + 1] = t, v
                ring.rows.append((t, v))
            ring.bits[COUNTS] = 1 + (known + turned) % PANES
            fed(ring, [5 * SECOND_NS] * 30, [float(n % 5) for n in range(30)])
            assert ring.form == WIDE  # twelve rows in the window
