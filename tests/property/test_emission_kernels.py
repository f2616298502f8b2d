"""Emissions are put in the order in which their records are numbered."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from lifeline.engine import layout as at
from lifeline.engine.alarm_table import IMPOSSIBLE
from lifeline.engine.emission_kernels import order_of

KEYS = ("row", "phase", "key", "sensor", "order")
few = st.integers(0, 2)


@given(st.lists(st.tuples(few, few, few, few, few), max_size=200))
@example([(i % 7, 0, 0, 0, 0) for i in range(131)])
def test_the_order_is_by_all_keys_and_equal_ones_stay(rows: list[tuple[int, ...]]) -> None:
    out = np.zeros(len(rows), at.EMISSION)
    for place, name in enumerate(KEYS):
        out[name] = [row[place] for row in rows]
    places, room = (np.full(len(rows) + 3, -1, np.int32) for _ in range(2))
    assert order_of(out, places, room)
    assert places[: len(rows)].tolist() == sorted(range(len(rows)), key=lambda i: rows[i])


@given(st.integers(1, 40), st.data())
def test_a_cell_that_cannot_happen_is_seen_wherever_it_stands(
    size: int, data: st.DataObject
) -> None:
    out = np.zeros(size, at.EMISSION)
    out["transition"][data.draw(st.integers(0, size - 1))] = IMPOSSIBLE
    places, room = (np.zeros(size, np.int32) for _ in range(2))
    assert not order_of(out, places, room)
