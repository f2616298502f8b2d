"""The Frame: typed, equally long, read-only."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lifeline.engine.frame import Frame


def columns(n: int = 3) -> list[Any]:
    return [
        np.arange(n, dtype=np.int32),
        np.arange(n, dtype=np.int64),
        np.arange(n, dtype=np.float64),
        np.zeros(n, np.uint8),
    ]


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("wrong", ["dtype", "list", "shape"])
def test_a_column_of_another_type_is_refused(place: int, wrong: str) -> None:
    given = columns()
    given[place] = {
        "dtype": given[place].astype(np.float32),
        "list": given[place].tolist(),
        "shape": given[place].reshape(1, -1),
    }[wrong]
    name = ("sensor", "time", "value", "quality")[place]
    with pytest.raises(TypeError, match=f"Frame.{name}"):
        Frame(*given)


@pytest.mark.parametrize("place", range(4))
def test_columns_of_unequal_length_are_refused(place: int) -> None:
    given = columns()
    given[place] = given[place][:2]
    with pytest.raises(ValueError, match="unequal"):
        Frame(*given)


def test_a_frame_cannot_be_written_to_and_leaves_its_arrays_alone() -> None:
    given = columns()
    frame = Frame(*given)
    for name, array in zip(("sensor", "time", "value", "quality"), given, strict=True):
        held = getattr(frame, name)
        assert not held.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            held[0] = 1
        assert array.flags.writeable
        assert held.base is array or held is array


def test_columns_with_gaps_between_are_copied_together() -> None:
    wide = np.arange(6, dtype=np.float64)
    frame = Frame(columns()[0], columns()[1], wide[::2], columns()[3])
    assert frame.value.flags.c_contiguous
    assert frame.value.tolist() == [0.0, 2.0, 4.0]
    wide[0] = 9.0
    assert frame.value[0] == 0.0


def test_unaligned_columns_are_copied() -> None:
    raw = np.zeros(8 * 3 + 1, np.uint8)
    time = raw[1:].view(np.int64)
    frame = Frame(columns()[0], time, columns()[2], columns()[3])
    assert frame.time.flags.aligned


def test_equal_frames_have_equal_bits() -> None:
    nan = Frame.of([0], [1], [np.nan])
    assert nan == Frame.of([0], [1], [np.nan])
    assert Frame.of([0], [1], [0.0]) != Frame.of([0], [1], [-0.0])
    assert Frame.of([0], [1], [2.0]) != Frame.of([0], [1], [2.0], [1])
    assert Frame.of([0], [1], [2.0]) != "a frame"
    with pytest.raises(TypeError, match="unhashable"):
        hash(nan)


def test_rows_are_taken_and_joined_in_their_order() -> None:
    frame = Frame.of([0, 1, 2], [3, 4, 5], [6.0, 7.0, 8.0], [0, 1, 2])
    assert frame.take([2, 0]) == Frame.of([2, 0], [5, 3], [8.0, 6.0], [2, 0])
    assert frame.take(frame.value > 6) == frame.take(slice(1, 3))
    assert Frame.concat([frame.take(slice(0, 1)), frame.take(slice(1, 3))]) == frame
    assert Frame.concat([]) == Frame.empty()
    assert len(Frame.empty()) == 0
