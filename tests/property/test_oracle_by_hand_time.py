"""Duplicates, clocks, backlogs, silence and ticks: the oracle on cases small enough to work out on paper.

Each worked case is then put to the core as well; where that differs the test ends in an error.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from lifeline.engine.configuration import Link
from lifeline.engine.core import Core
from oracle.bench import Bench, brief, duration, level, ns, rule, sensor
from oracle.compare import put_to
from oracle.record import OracleRecord

NAN, INF = math.nan, math.inf
HOUR = 3600.0
STALE = rule("stale", yellow=level(high=1))


@pytest.fixture(autouse=True)
def the_core_agrees() -> Iterator[None]:
    """After each test: the same logs, told by the core."""
    yield from put_to(Core)


# --- time: duplicates, conflicts, late, clocks --------------------------------------------------


def test_duplicates_and_late_rows_mean_nothing() -> None:
    bench = Bench(rule("limit", red=level(high=10)))
    bench.rows((1, 1.0), (2, 1.0))
    assert bench.rows((2, 1.0)) == []
    assert bench.row(1, 99.0, received=2) == []
    assert bench.oracle.counters == {"duplicate": 1, "late": 1}


def test_a_conflict_raises_and_its_repetition_is_a_duplicate() -> None:
    bench = Bench(rule("limit", red=level(high=10)))
    bench.row(1, 1.0)
    found = bench.row(1, 11.0)
    assert (found[0].transition, found[0].uncertain) == ("raised", True)
    assert bench.row(1, 11.0) == []
    assert bench.row(1, 1.0) == []
    assert bench.oracle.counters == {"conflict": 1, "duplicate": 2}


def test_zero_and_minus_zero_conflict_and_nan_equals_itself() -> None:
    bench = Bench(rule("limit", red=level(high=10)))
    bench.rows((1, 0.0), (1, -0.0), (2, NAN), (2, NAN))
    assert bench.oracle.counters == {"conflict": 1, "duplicate": 1}


def test_a_clock_set_back_is_believed_after_three_rows_over_ten_seconds() -> None:
    bench = Bench(
        rule("limit", red=level(high=10)),
        rule("clock", blue=level(high=1)),
        sensors=[sensor(interval=5)],
    )
    bench.row(100, 1.0)
    for received in (105, 110, 115):  # three rows of an hour ago: 10 s, but span = 15 s
        assert bench.row(received - HOUR, 50.0, received=received) == []
    found = bench.row(120 - HOUR, 11.0, received=120)
    assert [(x.rule, x.transition, x.time, x.uncertain) for x in found] == [
        ("limit", "raised", ns(120), True),
        ("clock", "raised", ns(120), False),
    ]
    assert bench.row(125 - HOUR, 1.0, received=125) == []  # suspect: does not clear
    found = bench.row(130, 1.0)
    assert [(x.rule, x.transition) for x in found] == [("limit", "returned"), ("clock", "returned")]
    assert bench.oracle.counters["late"] == 4


def test_a_clock_set_ahead_is_believed_and_a_single_jump_is_a_fault() -> None:
    bench = Bench(rule("limit", red=level(high=10)), rule("clock", blue=level(high=1)))
    assert bench.row(301, 50.0, received=0.999999999) == []
    assert bench.oracle.counters == {"clock_fault": 1}
    for received in range(2, 11):
        assert bench.row(received + 600, 50.0, received=received) == []
    found = bench.row(612, 50.0, received=12)
    assert [(x.rule, x.time) for x in found] == [("limit", ns(12)), ("clock", ns(12))]


def test_a_window_sent_again_at_once_is_late_and_sets_no_clock() -> None:
    bench = Bench(rule("limit", red=level(high=10)), rule("clock", blue=level(high=1)))
    for t in range(100):
        bench.row(t, 1.0)
    for t in range(99):
        assert bench.row(t, 50.0, received=100 + t / 100) == []


def test_a_constant_age_is_a_slow_clock_not_a_backlog() -> None:
    bench = Bench(rule("limit", red=level(high=10)), sensors=[sensor(interval=5)])
    flags = []
    for received in range(0, 60, 5):
        value = 11.0 if received % 10 else 1.0
        for record in bench.row(received - 100, value, received=received):
            flags.append((received, record.transition, record.historic, record.uncertain))
    assert flags[:2] == [(5, "raised", True, False), (10, "returned", True, False)]
    assert flags[2:] == [(15, "raised", False, True)]  # from now on nothing clears


# --- historic and caught up ---------------------------------------------------------------------


def test_a_backlog_is_historic_and_becomes_actual_at_a_living_row() -> None:
    bench = Bench(rule("limit", red=level(high=10)))
    found = bench.row(1, 11.0, received=100)
    assert found[0].historic
    found = bench.row(101, 11.0)
    assert [(x.transition, x.historic, x.time) for x in found] == [("actual", False, ns(101))]
    assert bench.row(102, 11.0) == []


def test_a_backlog_becomes_actual_by_tick_ten_seconds_after_its_last_row() -> None:
    bench = Bench(rule("limit", red=level(high=10)))
    bench.row(1, 11.0, received=100)
    bench.row(2, 11.0, received=105)
    assert bench.tick(114.9) == []
    assert brief(bench.tick(120)) == [("actual", "red", 115)]


def test_a_backlog_that_never_ends_becomes_actual_after_five_minutes() -> None:
    bench = Bench(rule("limit", red=level(high=10)))
    for second in range(0, 305, 5):
        bench.row(second / 1000, 11.0, received=100 + second)
    assert brief(bench.tick(399.9)) == []
    assert brief(bench.tick(401)) == [("actual", "red", 400)]


def test_what_returned_within_the_backlog_is_not_annunciated() -> None:
    bench = Bench(rule("limit", red=level(high=10)))
    found = [*bench.row(1, 11.0, received=100), *bench.row(2, 1.0, received=100)]
    assert [x.historic for x in found] == [True, True]
    assert bench.row(101, 1.0) == []


# --- stale ------------------------------------------------------------------------------------


def test_a_heard_sensor_goes_stale_by_tick_and_is_fresh_by_a_row() -> None:
    bench = Bench(STALE, sensors=[sensor(stale=3)], link=Link(0, "gw", grace=duration(2)))
    bench.row(1, 1.0)
    assert bench.tick(5.9) == []
    found = bench.tick(6)
    assert [(x.subject, x.time, x.value, x.limit) for x in found] == [("S0", ns(4), 1.0, 1.0)]
    assert bench.tick(60) == []
    assert brief(bench.row(61, 1.0)) == [("returned", "normal", 61)]


def test_a_gap_in_event_time_is_stale_without_any_tick() -> None:
    bench = Bench(STALE, rule("limit", red=level(high=10)), sensors=[sensor(stale=3)])
    bench.row(1, 11.0)
    found = bench.row(9, 11.0)
    assert [(x.rule, x.transition, x.time) for x in found] == [
        ("stale", "raised", ns(4)),
        ("limit", "unknown", ns(4)),
        ("stale", "returned", ns(9)),
        ("limit", "known", ns(9)),
    ]


def test_sensors_never_heard_are_one_alarm_of_their_source() -> None:
    bench = Bench(STALE, sensors=[sensor(i, stale=3) for i in range(3)])
    assert bench.tick(10) == []
    bench.row(11, 1.0, sensor=1)
    found = bench.tick(13)
    assert [(x.subject, x.value, x.time) for x in found] == [("source:gw", 2.0, ns(13))]
    assert bench.row(14, 1.0, sensor=0) == []  # S2 is still unheard
    found = bench.row(14.5, 1.0, sensor=2)
    assert [(x.subject, x.transition, x.value) for x in found] == [("source:gw", "returned", 0.0)]


def test_event_sensors_live_by_the_heartbeat_of_their_link() -> None:
    bench = Bench(
        STALE,
        rule("limit", red=level(high=10)),
        sensors=[sensor(0, reports="event", interval=0), sensor(1)],
        link=Link(0, "gw", grace=0, heartbeat=duration(5)),
    )
    bench.row(1, 11.0)
    assert bench.row(10, 1.0, sensor=1) == []
    assert bench.tick(24.9) == []
    found = bench.tick(25)
    assert [(x.rule, x.subject, x.transition) for x in found] == [
        ("stale", "link:gw", "raised"),
        ("limit", "S0", "unknown"),
    ]
    found = bench.row(30, NAN, sensor=1)  # even a bad row proves the link alive
    assert [(x.rule, x.subject, x.transition) for x in found] == [
        ("stale", "link:gw", "returned"),
        ("limit", "S0", "known"),
    ]


def three_on_a_link() -> Bench:
    """Heard at 1, 2 and 3 s; each must be heard every 6 s."""
    bench = Bench(
        STALE, rule("limit", red=level(high=10)), sensors=[sensor(i, stale=6) for i in range(3)]
    )
    for i in range(3):
        assert len(bench.row(1 + i, 11.0, sensor=i)) == 1
    return bench


def told(found: list[OracleRecord]) -> list[tuple[str, str, str, float | None]]:
    return [(x.rule, x.subject, x.transition, x.value) for x in found]


def test_a_link_that_falls_silent_is_one_alarm_and_its_sensors_are_unknown() -> None:
    bench = three_on_a_link()
    assert told(bench.tick(7)) == [
        ("stale", "link:gw", "raised", 3.0),
        ("limit", "S0", "unknown", None),
    ]
    assert told(bench.tick(9)) == [
        ("limit", "S1", "unknown", None),
        ("limit", "S2", "unknown", None),
    ]
    found = bench.row(20, 11.0, sensor=1)
    assert told(found) == [("stale", "link:gw", "returned", 0.0), ("limit", "S1", "known", None)]
    assert told(bench.row(25, 11.0, sensor=1)) == []
    # What does not speak after its link did is silent itself.
    assert bench.tick(25.9) == []
    assert told(bench.tick(26)) == [("stale", "S0", "raised", 1.0), ("stale", "S2", "raised", 1.0)]
    found = bench.row(27, 11.0, sensor=2)
    assert told(found) == [("stale", "S2", "returned", 0.0), ("limit", "S2", "known", None)]


def test_a_sensor_that_falls_silent_beside_others_is_its_own_alarm() -> None:
    bench = three_on_a_link()
    bench.row(5, 11.0, sensor=1)
    bench.row(6, 11.0, sensor=2)
    found = bench.tick(7)
    assert told(found) == [("stale", "S0", "raised", 1.0), ("limit", "S0", "unknown", None)]
    # Then the others too: of S0 nothing more is said, and when the link speaks it is still silent.
    assert ("stale", "link:gw", "raised", 3.0) in told(bench.tick(12))
    assert ("stale", "link:gw", "returned", 0.0) in told(bench.row(30, 11.0, sensor=2))
    assert bench.tick(35.9) == []
    # Nobody spoke after that row: the link again, and S0's own alarm stood all the while.
    stale = [one for one in told(bench.tick(36)) if one[0] == "stale"]
    assert stale == [("stale", "link:gw", "raised", 3.0)]


def test_a_silent_link_is_told_beside_sensors_that_were_never_heard() -> None:
    bench = Bench(STALE, sensors=[sensor(i, stale=6) for i in range(3)])
    bench.tick(0)
    bench.row(5, 1.0)
    bench.row(5, 1.0, sensor=1)
    assert told(bench.tick(6)) == [("stale", "source:gw", "raised", 1.0)]
    assert told(bench.tick(11)) == [("stale", "link:gw", "raised", 3.0)]


def test_one_voice_alone_is_no_link() -> None:
    bench = Bench(STALE, sensors=[sensor(0, stale=6), sensor(1, stale=600)])
    bench.row(1, 1.0)
    assert told(bench.tick(7)) == [("stale", "S0", "raised", 1.0)]


def test_bad_rows_keep_nobody_fresh() -> None:
    bench = Bench(STALE, sensors=[sensor(stale=3)])
    bench.rows((1, 1.0), (2, NAN), (3, NAN))
    assert brief(bench.tick(4)) == [("raised", "yellow", 4)]


# --- ticks, self-clocked rows -------------------------------------------------------------------


def test_a_resumed_tick_shifts_dues_cancels_clears_and_says_that_it_was_blind() -> None:
    bench = Bench(
        STALE,
        rule("limit", red=level(high=10, on=5, off=5)),
        sensors=[sensor(0, stale=20), sensor(1, reports="on_change", interval=20)],
    )
    bench.tick(0)
    bench.row(1, 11.0)
    bench.row(1, 11.0, sensor=1)
    bench.tick(6.5)  # S0 and S1 are raised
    bench.row(7, 5.0, sensor=1)  # its clear pends until 12
    bench.tick(8)
    found = bench.tick(1008, resumed=True)
    (blind,) = found
    assert (blind.site, blind.rule, blind.subject) == ("_engine", "engine.blind", "partition")
    assert (blind.onset, blind.time) == (ns(8), ns(1008))
    assert blind.value == pytest.approx(1000)
    assert bench.tick(1020.9) == []
    found = bench.tick(1021)
    assert [(x.rule, x.subject, x.time) for x in found] == [
        ("stale", "link:gw", ns(1021)),
        ("limit", "S0", ns(1021)),
    ]


def test_time_does_not_go_back() -> None:
    bench = Bench(rule("limit", red=level(high=10, on=3)))
    bench.tick(10)
    bench.row(10, 11.0)
    assert bench.tick(5) == []
    assert bench.tick(5, resumed=True) == []
    assert brief(bench.tick(13)) == [("raised", "red", 13)]


def test_self_clocked_rows_move_the_time_of_their_own_site_alone() -> None:
    bench = Bench(
        STALE,
        sensors=[sensor(0, stale=3), sensor(1, site=1, link=1, stale=3), sensor(2, stale=3)],
        sites=2,
    )
    bench.row(1, 1.0, clocked=True)
    bench.row(1, 1.0, sensor=1, clocked=True)
    found = bench.row(4, 1.0, clocked=True)
    # S2 was never heard; S0's own deadline is met by the tick before its row.
    assert [(x.site, x.subject, x.transition) for x in found] == [
        ("site-0", "S0", "raised"),
        ("site-0", "source:gw", "raised"),
        ("site-0", "S0", "returned"),
    ]


def test_unknown_sensors_are_counted() -> None:
    bench = Bench(rule("limit", red=level(high=10)))
    assert bench.row(1, 99.0, sensor=7) == []
    assert bench.row(1, 99.0, sensor=-1) == []
    assert bench.oracle.counters == {"unknown_sensor": 2}
