"""When the owner of a partition ticks, and what a broker's stamp says about this machine's clock."""

from __future__ import annotations

import pytest

from lifeline.engine.cluster.broker_clock import BrokerClock, Moment
from lifeline.engine.cluster.ticks import Ticks
from lifeline.engine.entry import Tick, decode
from lifeline.engine.layout import NO_TIME
from lifeline.engine.limits import (
    BLIND_NS,
    BROKER_APART_NS,
    BROKER_UNCONFIRMED_NS,
    DEADLINE_TICK_NS,
    SECOND_NS,
    TICK_INTERVAL_NS,
)

T = 1_700_000_000 * SECOND_NS
MS = 1_000_000


def caught_up(wall: int = T, log_end: int = 10) -> Ticks:
    ticks = Ticks("tick:w", wall, log_end)
    ticks.stepped(log_end, wall)
    return ticks


def tick(ticks: Ticks, now: int, offset: int = 10) -> Tick:
    """One that lands at once."""
    made, data = ticks.make(now)
    entry = decode(data)
    assert entry.payload == made
    assert (entry.header.producer, entry.header.appended) == ("tick:w", 0)
    ticks.landed(offset)
    return made


def test_nothing_is_appended_before_the_old_log_is_stepped() -> None:
    ticks = Ticks("tick:w", T, 10)
    ticks.stepped(9, T + SECOND_NS)
    assert not ticks.caught_up
    assert ticks.wait_ns(T + 3600 * SECOND_NS, T, at_end=True) > 0
    ticks.stepped(10, T + 2 * SECOND_NS)
    assert ticks.caught_up
    assert ticks.wait_ns(T + 4 * SECOND_NS, None, at_end=True) == 0


def test_the_first_tick_after_a_gap_says_resumed_and_the_next_does_not() -> None:
    ticks = caught_up()
    assert ticks.wait_ns(T + BLIND_NS + 1, None, at_end=True) == 0
    assert tick(ticks, T + BLIND_NS + 1).resumed
    ticks.stepped(11, T + BLIND_NS + 1)
    assert not tick(ticks, T + 2 * BLIND_NS, 11).resumed
    assert (ticks.appended, ticks.resumed) == (2, 1)


def test_exactly_at_the_limit_nobody_was_blind() -> None:
    assert not tick(caught_up(), T + BLIND_NS).resumed


def test_the_last_tick_of_the_log_counts_and_not_the_one_of_the_checkpoint() -> None:
    """The owner before ticked on after its checkpoint: what it appended is stepped first."""
    ticks = Ticks("tick:w", T, 10)
    ticks.stepped(10, T + 60 * SECOND_NS)
    assert not tick(ticks, T + 61 * SECOND_NS).resumed


def test_the_first_tick_of_a_log_comes_at_once_and_is_no_resumption() -> None:
    ticks = caught_up(NO_TIME, 0)
    assert ticks.wait_ns(T, None, at_end=True) == 0
    assert not tick(ticks, T, 0).resumed


def test_one_at_a_time_is_on_its_way() -> None:
    ticks = caught_up()
    ticks.make(T + 2 * SECOND_NS)
    assert ticks.wait_ns(T + 3600 * SECOND_NS, T, at_end=True) > 0
    ticks.landed(10)
    assert ticks.wait_ns(T + 3600 * SECOND_NS, None, at_end=False) == 0


def test_regular_ticks_go_on_behind_and_deadline_ticks_wait_for_the_end() -> None:
    ticks = caught_up()
    tick(ticks, T + SECOND_NS)
    now = T + SECOND_NS + SECOND_NS // 2
    ticks.stepped(11, T + SECOND_NS)
    assert ticks.wait_ns(now, now, at_end=True) == 0
    assert ticks.wait_ns(now, now, at_end=False) == TICK_INTERVAL_NS - SECOND_NS // 2
    assert ticks.wait_ns(T + SECOND_NS + TICK_INTERVAL_NS, None, at_end=False) == 0


def test_a_deadline_tick_waits_while_one_of_ours_is_unstepped_and_keeps_its_distance() -> None:
    ticks = caught_up()
    made = tick(ticks, T + SECOND_NS, offset=12)
    now = made.time + SECOND_NS
    assert ticks.wait_ns(now, made.time, at_end=True) == TICK_INTERVAL_NS - SECOND_NS
    ticks.stepped(12, made.time)
    assert ticks.wait_ns(now, made.time, at_end=True) > 0, "the tick itself is not stepped yet"
    ticks.stepped(13, made.time)
    assert ticks.wait_ns(now, made.time, at_end=True) == 0
    assert ticks.wait_ns(made.time, made.time, at_end=True) == DEADLINE_TICK_NS
    assert ticks.log_reaches == 13


def test_a_tick_that_is_stepped_before_its_append_is_answered_counts_as_stepped() -> None:
    ticks = caught_up()
    made, _ = ticks.make(T + SECOND_NS)
    ticks.stepped(12, made.time)
    ticks.landed(11)
    assert ticks.wait_ns(made.time + SECOND_NS, made.time, at_end=True) == 0


@pytest.mark.parametrize("back", [1, SECOND_NS, 3600 * SECOND_NS])
def test_w_never_goes_back(back: int) -> None:
    ticks = caught_up()
    first = tick(ticks, T + SECOND_NS)
    assert tick(ticks, first.time - back, 11) == Tick(first.time, False)


def moment(ns: int) -> Moment:
    return Moment(T + ns, ns)


@pytest.mark.parametrize(
    ("stamp", "agrees", "apart"),
    [
        (0, True, 0),
        (30 * MS, True, 0),
        (-BROKER_APART_NS - MS, True, BROKER_APART_NS),
        (-BROKER_APART_NS - 2 * MS, False, BROKER_APART_NS + MS),
        (50 * MS + BROKER_APART_NS, True, -BROKER_APART_NS),
        (51 * MS + BROKER_APART_NS, False, -BROKER_APART_NS - MS),
    ],
)
def test_a_stamp_outside_of_sending_and_answer_proves_that_the_clocks_are_apart(
    stamp: int, agrees: bool, apart: int
) -> None:
    clock = BrokerClock()
    assert clock.confirm(moment(0), moment(50 * MS), T + stamp) is agrees
    assert clock.apart == apart
    assert clock.is_confirmed(moment(SECOND_NS)) is agrees


def test_a_slow_broker_proves_nothing() -> None:
    clock = BrokerClock()
    assert clock.confirm(moment(0), moment(60 * SECOND_NS), T + 59 * SECOND_NS)
    assert clock.apart == 0


def test_nothing_is_confirmed_before_the_first_answer_or_after_the_clock_was_set() -> None:
    clock = BrokerClock()
    assert not clock.is_confirmed(moment(0))
    clock.confirm(moment(0), moment(MS), T)
    later = moment(3600 * SECOND_NS)
    assert clock.is_confirmed(later)
    for step in (BROKER_UNCONFIRMED_NS + 2 * MS, -BROKER_UNCONFIRMED_NS - 2 * MS):
        assert not clock.is_confirmed(Moment(later.wall + step, later.monotonic))


def test_a_clock_set_while_the_answer_was_awaited_confirms_nothing() -> None:
    clock = BrokerClock()
    hour = 3600 * SECOND_NS
    assert clock.confirm(moment(0), Moment(T + hour, MS), T)
    assert not clock.is_confirmed(Moment(T + hour, MS))
