"""Whatever comes, in whatever cuts, across restarts and crashes: the store holds each sample once."""

from __future__ import annotations

import math
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from lifeline.engine.clock import ManualClock
from lifeline.engine.frame import Frame
from lifeline.engine.limits import DAY_NS, HOUR_NS, MINUTE_NS
from lifeline.engine.store.rows import named_samples
from log_entries import quick_directory
from store_oracle import PLANT, START, Oracle, assert_holds, crashed, new_store, put

VALUES = st.sampled_from([0.0, -0.0, 1.5, -2.25, 1e300, 0.1, 99.9, math.nan, math.inf])
# Few moments, so that they meet again: within a minute, within an hour, days away.
TIMES = st.builds(
    lambda day, hour, minute, ns: START + day * DAY_NS + hour * HOUR_NS + minute * MINUTE_NS + ns,
    st.sampled_from([0, 0, 0, -3]),
    st.integers(0, 2),
    st.sampled_from([0, 1, 59]),
    st.sampled_from([0, 1, 999, MINUTE_NS - 1]),
)
SAMPLE = st.tuples(
    st.integers(0, len(PLANT.sensors) - 1), TIMES, VALUES, st.sampled_from([0, 0x41, 0x85])
)
FRAME = st.lists(SAMPLE, min_size=1, max_size=12)
STEP = st.one_of(
    FRAME,
    st.sampled_from(["tend", "minutes", "restart", "crash"]),
    st.tuples(st.just("backfill"), FRAME),
)


def frame_of(rows: list[tuple[int, int, float, int]]) -> Frame:
    sensor, time, value, quality = zip(*rows, strict=True)
    return Frame.of(sensor, time, value, quality)


@settings(max_examples=30)
@given(st.lists(STEP, min_size=1, max_size=14))
def test_the_store_holds_what_plain_dictionaries_hold(steps: list[object]) -> None:
    with quick_directory() as directory:
        _run(directory, steps)


def _run(directory: Path, steps: list[object]) -> None:
    clock = ManualClock(START + 3 * HOUR_NS)
    oracle, position, lives = Oracle(), 0, 0
    store = new_store(directory / "0.duckdb", clock)
    try:
        for step in steps:
            if step == "tend":
                store.tend(now=True)
            elif step == "minutes":
                clock.advance(2 * MINUTE_NS)
                store.tend()
            elif step == "restart":
                store.close()
            elif step == "crash":
                store.open()
                lives += 1
                after = directory / f"{lives}.duckdb"
                crashed(store, after)
                store.close()
                store = new_store(after, clock)
                mark = store.mark("log", "series:store")
                assert (0 if mark is None else mark.position) == position
            elif isinstance(step, tuple):
                frame = frame_of(step[1])
                oracle.write(frame)
                store.write_named(named_samples(frame, PLANT))
            else:
                assert isinstance(step, list)
                position += 1
                frame = frame_of(step)
                oracle.write(frame)
                put(store, frame, position)
        store.open()
        assert_holds(store, oracle)
        store.tend(now=True)
        assert_holds(store, oracle)
    finally:
        store.close()
