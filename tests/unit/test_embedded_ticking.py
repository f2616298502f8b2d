"""The engine's time never goes back, and the log hears of it in time."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.engine.clock import ManualClock
from lifeline.engine.entry import Tick, decode
from lifeline.engine.layout import NO_TIME
from lifeline.engine.limits import (
    BLIND_NS,
    DEADLINE_TICK_NS,
    HOUR_NS,
    SECOND_NS,
    SLEW_SHARE,
    TICK_INTERVAL_NS,
)
from lifeline.engine.log import LogStore
from lifeline.engine.stages.ticking import SteadyClock, Ticker
from log_entries import START, open_store
from log_entries import tick as filler

MOVES = st.lists(
    st.tuples(
        st.integers(0, 10 * SECOND_NS), st.sampled_from([0, 1, -1, SECOND_NS, -HOUR_NS, HOUR_NS])
    )
)


@given(MOVES)
def test_time_never_goes_back_and_is_drawn_slowly_or_jumps(
    moves: list[tuple[int, int]],
) -> None:
    clock = ManualClock(START)
    steady = SteadyClock(clock)
    before = steady.wall()
    for passed, step in moves:
        clock.advance(passed)
        clock.step_wall(step)
        now = steady.wall()
        assert now >= before
        if clock.wall() - (before + passed) > BLIND_NS:
            assert now == clock.wall()
        else:
            assert abs(now - (before + passed)) <= passed // SLEW_SHARE
        before = now


def test_a_clock_that_was_set_back_is_met_in_the_end() -> None:
    clock = ManualClock(START)
    steady = SteadyClock(clock)
    clock.step_wall(-SECOND_NS)
    assert steady.ahead() == SECOND_NS
    for _ in range(2 * SLEW_SHARE):
        clock.advance(SECOND_NS)
        steady.wall()
    assert steady.ahead() == 0


def test_what_the_log_has_reached_is_never_left() -> None:
    clock = ManualClock(START)
    steady = SteadyClock(clock)
    steady.not_before(START + HOUR_NS)
    clock.advance(SECOND_NS)
    assert steady.wall() >= START + HOUR_NS


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def steady(clock: ManualClock) -> SteadyClock:
    return SteadyClock(clock)


def ticks(store: LogStore) -> list[Tick]:
    payloads = [decode(data).payload for _, data in store.read(0, 1_000)]
    return [p for p in payloads if isinstance(p, Tick)]


def test_a_tick_every_interval_and_none_while_one_is_under_way(
    tmp_path: Path, clock: ManualClock, steady: SteadyClock
) -> None:
    store = open_store(tmp_path)
    ticker = Ticker(store, steady)
    assert ticker.wait_ns(None, at_end=True) == 0, "an empty log hears the time at once"
    ticket = ticker.tick()
    ticket.wait()
    assert ticker.wait_ns(None, at_end=True) == TICK_INTERVAL_NS
    clock.advance(TICK_INTERVAL_NS - 1)
    assert ticker.wait_ns(None, at_end=True) == 1
    clock.advance(1)
    assert ticker.wait_ns(None, at_end=False) == 0, "also while the core is behind"
    ticker.tick().wait()
    assert [t.time for t in ticks(store)] == [START, START + TICK_INTERVAL_NS]
    assert not any(t.resumed for t in ticks(store))
    store.close()


def test_a_deadline_is_ticked_for_only_at_the_logs_end(
    tmp_path: Path, clock: ManualClock, steady: SteadyClock
) -> None:
    store = open_store(tmp_path)
    ticker = Ticker(store, steady)
    ticker.tick().wait()
    due = START + SECOND_NS
    clock.advance(SECOND_NS // 2)
    assert ticker.wait_ns(due, at_end=True) == SECOND_NS // 2
    assert ticker.wait_ns(due, at_end=False) == TICK_INTERVAL_NS - SECOND_NS // 2
    assert ticker.wait_ns(NO_TIME, at_end=True) == 0, "the core does not know: let it look"
    clock.advance(SECOND_NS // 2)
    assert ticker.wait_ns(due, at_end=True) == 0
    ticker.tick().wait()
    assert ticker.wait_ns(due, at_end=True) == DEADLINE_TICK_NS, "never faster than that"
    store.close()


def test_after_more_than_five_seconds_the_engine_was_blind(
    tmp_path: Path, clock: ManualClock, steady: SteadyClock
) -> None:
    store = open_store(tmp_path)
    ticker = Ticker(store, steady)
    ticker.start_from(START)
    for passed in (BLIND_NS, BLIND_NS + 1, HOUR_NS):
        clock.advance(passed)
        ticker.tick().wait()
        ticker.wait_ns(None, at_end=True)
    assert [t.resumed for t in ticks(store)] == [False, True, True]
    assert ticker.resumed == 2
    store.close()


def test_ticks_that_the_disk_limit_refuses_leave_the_time_behind_them_open(
    tmp_path: Path, clock: ManualClock, steady: SteadyClock
) -> None:
    store = open_store(tmp_path, max_bytes=1_000_000)
    ticker = Ticker(store, steady)
    ticker.tick().wait()
    while not store.health().refused:
        store.append([filler(1, size=60_000)])
        store.trim().wait()
    for _ in range(3):
        clock.advance(TICK_INTERVAL_NS)
        assert ticker.wait_ns(None, at_end=True) == 0
        ticket = ticker.tick()
        with pytest.raises(Exception, match="disk limit"):
            ticket.wait()
    clock.advance(TICK_INTERVAL_NS)
    assert ticker.wait_ns(None, at_end=True) == 0
    assert (ticker.appended, ticker.refused) == (1, 3)
    assert ticker.last == START
    store.close()
