"""The oracle on cases small enough to work out on paper from docs/semantics.md.

Each worked case is then put to the core as well; where that differs the test ends in an error.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec
import pytest

from lifeline.engine.configuration import Link, continued
from lifeline.engine.core import Core
from lifeline.engine.entry import Recovered, SiteHead, Tick
from lifeline.engine.limits import DAY_NS, SECOND_NS
from lifeline.engine.quality import Quality
from lifeline.engine.rule import Rule
from oracle.bench import Bench, brief, duration, level, ns, rule, sensor
from oracle.compare import compare
from oracle.generate import Scenario


@pytest.fixture(autouse=True)
def the_core_agrees() -> Iterator[None]:
    """After each test: the same logs, told by the core."""
    Bench.made.clear()
    yield
    for bench in Bench.made:
        difference = compare(Scenario(tuple(bench.entries)), Core()).difference
        assert not difference, difference


NAN, INF = math.nan, math.inf
HOUR = 3600.0
DAY = DAY_NS / SECOND_NS


# --- limit, deadband, delays ------------------------------------------------------------------


def test_a_limit_is_exceeded_at_the_limit_and_returns_below_its_deadband() -> None:
    bench = Bench(rule("limit", red=level(high=10, deadband=2)))
    raised = bench.row(1, 10.0)
    assert brief(raised) == [("raised", "red", 1)]
    record = raised[0]
    assert (record.value, record.limit, record.onset, record.seq, record.episode) == (
        10.0,
        10.0,
        ns(1),
        1,
        1,
    )
    assert bench.row(2, 8.0) == []  # not below 10 − 2
    returned = bench.row(3, 7.875)
    assert brief(returned) == [("returned", "normal", 3)]
    assert (returned[0].value, returned[0].limit, returned[0].episode) == (7.875, 10.0, 1)
    assert returned[0].onset == ns(1)


def test_a_low_limit_names_the_low_side_until_the_return() -> None:
    bench = Bench(rule("limit", blue=level(high=9, low=2), red=level(high=10, low=0)))
    found = bench.rows((1, -1.0), (2, 1.0), (3, 5.0))
    assert [(x.transition, x.level_after, x.limit) for x in found] == [
        ("raised", "red", 0.0),
        ("level", "blue", 2.0),
        ("returned", "normal", 2.0),
    ]


def test_a_fall_to_a_level_without_that_side_names_its_other_side() -> None:
    bench = Bench(rule("limit", blue=level(high=4), red=level(low=0, deadband=1)))
    found = bench.rows((1, 0.0), (2, 4.0), (3, 3.0))
    assert [(x.level_after, x.limit) for x in found] == [("red", 0.0), ("blue", 4.0), ("normal", 4)]


def test_a_delayed_raise_fires_before_the_row_at_its_deadline_is_judged() -> None:
    bench = Bench(rule("limit", red=level(high=10, on=3)))
    assert bench.rows((1, 11.0), (2, 12.0)) == []
    found = bench.row(4, 0.0)
    assert brief(found) == [("raised", "red", 4), ("returned", "normal", 4)]
    assert (found[0].value, found[0].onset) == (12.0, ns(1))


def test_a_delayed_raise_is_dropped_by_a_good_row_but_not_by_a_suspect_one() -> None:
    bench = Bench(rule("limit", red=level(high=10, on=3)))
    assert bench.rows((1, 11.0), (2, 9.0), (5, 9.0)) == []
    bench.row(6, 11.0)
    bench.row(7, 9.0, quality=Quality.UNCERTAIN)
    found = bench.tick(9)
    assert brief(found) == [("raised", "red", 9)]
    assert found[0].value == 11.0
    assert not found[0].uncertain


def test_a_tick_fires_at_the_due_and_not_one_nanosecond_before() -> None:
    bench = Bench(rule("limit", red=level(high=10, on=3)), link=Link(0, "gw", grace=duration(2)))
    bench.row(1, 11.0, received=1.5)  # deadline 4, lag 0.5, grace 2
    assert bench.tick(6.499999999) == []
    found = bench.tick(6.5)
    assert brief(found) == [("raised", "red", 4)]
    assert found[0].onset == ns(1)


def test_a_bad_row_lets_a_pending_raise_run_and_marks_it_uncertain() -> None:
    bench = Bench(rule("limit", red=level(high=10, on=3)))
    bench.row(1, 11.0)
    assert bench.row(2, NAN) == []
    found = bench.tick(4)
    assert (found[0].transition, found[0].value, found[0].uncertain) == ("raised", 11.0, True)


def test_a_usable_row_ends_the_uncertainty_of_a_bad_one() -> None:
    bench = Bench(rule("limit", red=level(high=10, on=3)))
    bench.row(1, 11.0)
    bench.row(2, 11.0, quality=Quality.FAULT)
    bench.row(3, 11.0)
    assert not bench.tick(4)[0].uncertain


def test_a_periodic_sensor_clears_only_on_a_good_sample_after_the_delay() -> None:
    bench = Bench(rule("limit", red=level(high=10, off=3)))
    bench.rows((1, 11.0), (2, 5.0))
    assert bench.tick(60) == []
    assert brief(bench.row(61, 5.0)) == [("returned", "normal", 61)]


def test_an_on_change_sensor_clears_by_the_tick() -> None:
    bench = Bench(rule("limit", red=level(high=10, off=3)), sensors=[sensor(reports="on_change")])
    bench.rows((1, 11.0), (2, 5.0))
    found = bench.tick(5)
    assert brief(found) == [("returned", "normal", 5)]
    assert found[0].value == 5.0


@pytest.mark.parametrize("spoiler", [(3, NAN), (3, 11.0)])
def test_a_pending_clear_is_dropped_by_a_bad_row_and_by_an_exceedance(
    spoiler: tuple[float, float],
) -> None:
    bench = Bench(rule("limit", red=level(high=10, off=3)), sensors=[sensor(reports="on_change")])
    bench.rows((1, 11.0), (2, 5.0), spoiler)
    assert bench.tick(60) == []


def test_staleness_drops_a_pending_clear_and_nothing_clears_by_silence() -> None:
    bench = Bench(
        rule("limit", red=level(high=10, off=30)),
        sensors=[sensor(reports="on_change", interval=5, stale=15)],
    )
    bench.rows((1, 11.0), (2, 5.0))
    found = bench.tick(17)
    assert brief(found) == [("unknown", "red", 17)]
    assert found[0].unknown
    assert bench.tick(600) == []


def test_levels_of_one_deadline_rise_in_one_record() -> None:
    bench = Bench(rule("limit", blue=level(high=5, on=2), red=level(high=10, on=2)))
    bench.row(1, 12.0)
    assert brief(bench.tick(3)) == [("raised", "red", 3)]


def test_levels_promote_and_demote_by_their_own_delays() -> None:
    bench = Bench(rule("limit", blue=level(high=5), orange=level(high=8, on=2), red=level(high=10)))
    assert brief(bench.row(1, 12.0)) == [("raised", "red", 1)]
    found = bench.row(3, 8.0)  # orange fires first: within red, no change; then red ends
    assert brief(found) == [("level", "orange", 3)]


# --- quality ----------------------------------------------------------------------------------


def test_over_range_is_judged_at_the_range_end_and_never_clears() -> None:
    bench = Bench(
        rule("limit", blue=level(high=50), red=level(high=200)), sensors=[sensor(high=100)]
    )
    found = bench.row(1, 110.0)
    assert [(x.level_after, x.value, x.uncertain) for x in found] == [("blue", 100.0, True)]
    low = Bench(rule("limit", red=level(high=50)), sensors=[sensor(low=0)])
    low.row(1, 60.0)
    assert low.row(2, -5.0) == []
    assert brief(low.row(3, 5.0)) == [("returned", "normal", 3)]


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_what_is_not_a_number_is_not_judged(value: float) -> None:
    assert Bench(rule("limit", red=level(high=10, low=0))).row(1, value) == []


@pytest.mark.parametrize("quality", [0x81, 0x85, 0x80, 0xC3])
def test_a_bad_quality_is_not_judged(quality: int) -> None:
    assert Bench(rule("limit", red=level(high=10))).row(1, 99.0, quality=quality) == []


def test_an_implausible_jump_raises_but_does_not_clear() -> None:
    bench = Bench(rule("limit", red=level(high=10)), sensors=[sensor(max_rate=2.0)])
    bench.row(1, 8.0)
    assert bench.row(2, 11.0)[0].uncertain  # 3 in 1 s
    assert bench.row(3, 5.0) == []
    assert brief(bench.row(4, 3.0)) == [("returned", "normal", 4)]  # exactly 2 in 1 s


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


STALE = rule("stale", yellow=level(high=1))


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
        ("stale", "S0", "raised"),
        ("limit", "S0", "unknown"),
    ]
    found = bench.row(30, NAN, sensor=1)  # even a bad row proves the link alive
    assert [(x.rule, x.subject, x.transition) for x in found] == [
        ("stale", "S0", "returned"),
        ("limit", "S0", "known"),
    ]


def test_bad_rows_keep_nobody_fresh() -> None:
    bench = Bench(STALE, sensors=[sensor(stale=3)])
    bench.rows((1, 1.0), (2, NAN), (3, NAN))
    assert brief(bench.tick(4)) == [("raised", "yellow", 4)]


# --- windows ----------------------------------------------------------------------------------


def test_rate_is_the_change_since_the_earliest_row_of_twelve_panes() -> None:
    bench = Bench(
        rule("rate", red=level(high=2, deadband=1), options={"window": 12, "min_span": 6})
    )
    assert bench.rows(*((t, 0.0) for t in range(13))) == []  # panes 0 to 12
    found = bench.row(12.5, 23.0)  # pane 12: the content begins at t = 1
    assert [(x.value, x.limit) for x in found] == [(23 / 11.5, 2.0)]


def test_rate_is_not_valid_below_its_span() -> None:
    bench = Bench(rule("rate", red=level(high=0.5), options={"window": 12, "min_span": 6}))
    assert bench.rows((1, 0.0), (6.9, 99.0)) == []
    assert brief(bench.row(7, 99.0)) == [("raised", "red", 7)]


def test_a_suspect_row_is_judged_in_its_window_and_not_kept() -> None:
    bench = Bench(rule("rate", red=level(high=2), options={"window": 12, "min_span": 0}))
    bench.row(1, 0.0)
    found = bench.row(2, 4.0, quality=Quality.UNCERTAIN)
    assert found[0].value == 4.0
    assert brief(bench.row(3, 1.0)) == [("returned", "normal", 3)]  # 1/2 from t = 1, not −3


def test_trend_is_the_least_squares_slope() -> None:
    options = {"window": 12, "min_points": 3, "min_span": 0}
    bench = Bench(rule("trend", red=level(high=0.49), options=options))
    assert bench.rows((0, 0.0), (1, 1.0)) == []
    found = bench.row(2, 1.0)
    # t̄ = 1, v̄ = 2/3: Σ(t−t̄)(v−v̄) = 1, Σ(t−t̄)² = 2
    assert found[0].value == pytest.approx(0.5, rel=1e-12)


@pytest.mark.parametrize(("significance", "raised"), [(1.7, True), (1.75, False)])
def test_trend_counts_only_where_it_is_significant(significance: float, raised: bool) -> None:
    options = {"window": 12, "min_points": 3, "min_span": 0, "significance": significance}
    bench = Bench(rule("trend", red=level(high=0.49), options=options))
    # slope 1/2, residuals −1/6, 1/3, −1/6: RSS 1/6; stderr = √(1/6 / 1 / 2); t = 0.5/0.2887 = √3
    assert bool(bench.rows((0, 0.0), (1, 1.0), (2, 1.0))) is raised


def test_a_perfect_line_is_significant() -> None:
    options = {"window": 12, "min_points": 3, "min_span": 0, "significance": 50}
    bench = Bench(rule("trend", red=level(high=1), options=options))
    assert brief(bench.rows((0, 0.0), (1, 1.0), (2, 2.0))) == [("raised", "red", 2)]


def test_flatline_is_the_spread_of_the_window() -> None:
    options = {"window": 12, "min_points": 4, "min_span": 11}
    bench = Bench(rule("flatline", blue=level(low=0.125), options=options))
    assert bench.rows(*((t, 5.0 + (t % 2) / 8) for t in range(11))) == []
    found = bench.row(11, 5.0)
    assert [(x.transition, x.value, x.limit) for x in found] == [("raised", 0.125, 0.125)]
    assert brief(bench.row(12, 5.25)) == [("returned", "normal", 12)]


def test_a_gap_empties_the_window_and_an_invalid_measure_judges_nothing() -> None:
    options = {"window": 12, "min_points": 4, "min_span": 11}
    bench = Bench(rule("flatline", blue=level(low=0.0), options=options))
    bench.rows(*((t, 5.0) for t in range(13)))
    assert bench.rows((100, 9.0), (101, 1.0), (102, 9.0)) == []


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
        ("stale", "S0", ns(1021)),
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


# --- commands -----------------------------------------------------------------------------------


LIMITS = rule("limit", blue=level(high=5), red=level(high=10))


def test_an_acknowledgement_needs_its_episode_and_the_last_rise() -> None:
    bench = Bench(LIMITS)
    assert bench.command("acknowledge", 0) == "refused"
    bench.rows((1, 6.0), (2, 11.0))
    assert bench.command("acknowledge", 3, episode=9) == "refused"
    assert bench.command("acknowledge", 3, seq=1) == "refused"
    assert bench.command("acknowledge", 3, episode=1, seq=2) == "done"
    assert bench.command("acknowledge", 4) == "refused"
    assert brief(bench.row(5, 0.0)) == [("cleared", "normal", 5)]


def test_a_returned_alarm_stays_until_it_is_acknowledged() -> None:
    bench = Bench(LIMITS)
    bench.rows((1, 6.0), (2, 0.0))
    again = bench.row(3, 6.0)[0]
    assert (again.transition, again.episode, again.onset) == ("raised", 1, ns(1))
    bench.row(4, 0.0)
    assert bench.command("acknowledge", 5) == "done"
    new = bench.row(6, 6.0)[0]
    assert (new.episode, new.onset) == (new.seq, ns(6))


def test_a_command_is_done_once_and_says_who() -> None:
    bench = Bench(LIMITS)
    bench.row(1, 6.0)
    assert bench.command("acknowledge", 2, name="x") == "done"
    detail = bench.oracle.records[0].detail
    assert detail == {"principal": "li", "role": "operator", "reason": "seen", "command": "x"}
    assert bench.command("acknowledge", 3, name="x") == "repeated"


def test_a_shelf_covers_what_may_be_shelved_for_so_long_and_breaks_beyond() -> None:
    bench = Bench(LIMITS)
    assert bench.command("shelve", 0, expires=7 * DAY + 1) == "refused"
    assert bench.command("shelve", 0, expires=0) == "refused"
    assert bench.command("shelve", 0, expires=2 * DAY) == "done"  # covers blue and yellow
    known, shelved = bench.row(1, 6.0)
    assert (known.transition, known.state_after) == ("known", "shelved")
    assert (shelved.transition, shelved.state_after, shelved.until) == (
        "raised",
        "shelved",
        ns(2 * DAY),
    )
    broken = bench.row(2, 11.0)[0]
    assert (broken.transition, broken.state_after, broken.until) == ("level", "unacknowledged", 0)


def test_red_may_be_shelved_for_eight_hours_only_and_comes_back_by_tick() -> None:
    bench = Bench(LIMITS)
    bench.row(1, 11.0)
    assert bench.command("shelve", 2, expires=2 + 8 * HOUR + 1) == "refused"
    assert bench.command("shelve", 2, expires=2 + 8 * HOUR) == "done"
    assert bench.tick(1 + 8 * HOUR) == []
    found = bench.tick(3 + 8 * HOUR)
    assert brief(found) == [("unshelved", "red", 2 + 8 * HOUR)]
    assert found[0].state_after == "unacknowledged"


def test_a_shelf_can_be_lifted_and_a_normal_alarm_then_closes() -> None:
    bench = Bench(LIMITS)
    bench.command("shelve", 0, expires=60)
    assert bench.command("unshelve", 1) == "done"
    record = bench.oracle.records[0]
    assert (record.transition, record.state_after, record.episode) == ("unshelved", "normal", 1)
    assert bench.command("unshelve", 2) == "refused"


def test_the_onset_of_an_episode_begun_by_shelving_is_the_command() -> None:
    bench = Bench(LIMITS)
    bench.command("shelve", 3, expires=60)
    assert bench.row(5, 6.0)[0].onset == ns(3)


# --- configuration --------------------------------------------------------------------------------


def test_new_limits_apply_from_the_next_row_and_pending_timers_stay() -> None:
    bench = Bench(rule("limit", red=level(high=10, on=5)))
    bench.row(1, 11.0)
    assert bench.change(2, rule("limit", red=level(high=20, on=2))) == []
    found = bench.tick(6)
    assert [(x.transition, x.onset, x.limit) for x in found] == [("raised", ns(4), 20.0)]
    assert brief(bench.row(7, 15.0)) == [("returned", "normal", 7)]


def test_a_removed_rule_withdraws_its_alarm() -> None:
    bench = Bench(rule("limit", red=level(high=10)))
    bench.row(1, 11.0)
    found = bench.change(2)
    assert brief(found) == [("withdrawn", "normal", 2)]
    assert found[0].detail == {"principal": "configuration", "reason": "rule removed"}


def test_a_removed_sensor_withdraws_its_alarm_and_starts_anew_when_it_comes_back() -> None:
    sensors = [sensor(0), sensor(1)]
    bench = Bench(rule("limit", red=level(high=10)), sensors=sensors)
    whole = bench.configuration
    bench.row(1, 11.0)
    fewer = continued(whole, msgspec.structs.replace(whole, sensors=(sensors[1],)))
    found = bench.configure(fewer, 2)
    assert found[0].detail["reason"] == "sensor removed"
    assert bench.row(3, 11.0) == []
    bench.configure(continued(fewer, whole), 4)
    found = bench.row(0.5, 11.0, received=5)  # not late: nothing is known of it
    assert (found[0].transition, found[0].unknown) == ("raised", False)


def test_a_changed_window_is_empty_and_an_unchanged_one_is_kept() -> None:
    def made(window: float, high: float) -> Rule:
        return rule("rate", red=level(high=high), options={"window": window, "min_span": 0})

    first, same, other = made(12, 50), made(12, 1), made(24, 1)
    for changed, raised in ((same, True), (other, False)):
        bench = Bench(first)
        bench.row(1, 0.0)
        bench.change(2, changed)
        assert bool(bench.row(3, 9.0)) is raised


def test_an_episode_goes_on_where_a_lost_log_left_its_numbers() -> None:
    bench = Bench(LIMITS)
    found = bench.step(Recovered({"site-0": SiteHead(41, "00")}, "torn"), 1)
    assert [(x.site, x.rule, x.transition) for x in found] == [
        ("_engine", "engine.recovered", "notice")
    ]
    assert bench.row(2, 6.0)[0].seq == 42


# --- found by comparison with the core ------------------------------------------------------------


def test_a_clock_that_was_set_is_recognised_though_every_row_comes_twice() -> None:
    bench = Bench(rule("clock", blue=level(high=1)))
    bench.row(100, 1.0)
    found = []
    for received in range(101, 115):
        for _ in range(2):
            found += bench.row(received - HOUR, 1.0, received=received)
    assert brief(found) == [("raised", "blue", 111)]


def test_a_redelivered_window_does_not_make_a_slow_clock_historic() -> None:
    bench = Bench(rule("limit", red=level(high=10)), sensors=[sensor(interval=5)])
    for received in range(0, 60, 5):
        bench.row(received - 100, 1.0, received=received)
    for t in range(-100, -60, 20):  # all at once: the run of late rows breaks
        bench.row(t, 1.0, received=60)
    assert [x.historic for x in bench.row(-40, 11.0, received=60)] == [False]


def test_a_backlog_after_a_blind_hour_is_not_caught_up_in_its_midst() -> None:
    bench = Bench(rule("limit", red=level(high=10)))
    bench.tick(100)
    bench.row(1, 11.0, received=100)  # historic from 100
    bench.tick(3700, resumed=True)
    bench.row(2, 11.0, received=3701)
    assert bench.tick(3705) == []
    assert brief(bench.tick(3711)) == [("actual", "red", 3711)]


def test_a_shelf_that_ended_before_the_silence_is_lifted_before_it() -> None:
    bench = Bench(STALE, sensors=[sensor(stale=30)])
    bench.row(0, 1.0)
    assert bench.command("shelve", 1, alarm="stale~S0", expires=10) == "done"
    assert brief(bench.tick(60)) == [("unshelved", "normal", 10), ("raised", "yellow", 30)]


def test_what_a_silent_sensor_raises_before_its_link_speaks_is_unknown() -> None:
    bench = Bench(
        rule("limit", red=level(high=10, on=60)),
        sensors=[sensor(reports="event", interval=0)],
        link=Link(0, "gw", grace=0, heartbeat=duration(5)),
    )
    bench.tick(0)
    bench.row(1, 11.0)
    bench.tick(16)
    found = bench.row(61, 11.0)
    assert [(x.transition, x.unknown) for x in found] == [("raised", True), ("known", False)]


def test_a_held_value_belongs_to_its_level() -> None:
    bench = Bench(rule("limit", yellow=level(high=5, on=4), red=level(high=10, low=0, on=4)))
    bench.row(1, 11.0)
    bench.row(2, 6.0, quality=Quality.UNCERTAIN)  # no longer red, but says so doubtfully
    found = bench.tick(5)
    assert [(x.level_after, x.value, x.limit) for x in found] == [("red", 11.0, 10.0)]


def test_a_tick_that_does_not_advance_fires_nothing() -> None:
    bench = Bench(rule("limit", red=level(high=10, on=3)))
    bench.step(Tick(ns(10)), 0)  # ahead of what was received
    bench.row(1, 11.0)  # due 4, already past
    assert bench.tick(10) == []
    assert bench.tick(9) == []
    assert brief(bench.tick(11)) == [("raised", "red", 4)]
