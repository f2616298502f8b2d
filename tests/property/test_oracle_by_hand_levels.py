"""Limits, delays, quality and windows: the oracle on cases small enough to work out on paper.

Each worked case is then put to the core as well; where that differs the test ends in an error.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from lifeline.engine.configuration import Link
from lifeline.engine.core import Core
from lifeline.engine.quality import Quality
from oracle.bench import Bench, brief, duration, level, ns, rule, sensor
from oracle.compare import put_to

NAN, INF = math.nan, math.inf


@pytest.fixture(autouse=True)
def the_core_agrees() -> Iterator[None]:
    """After each test: the same logs, told by the core."""
    yield from put_to(Core)


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
