"""Commands, configuration, and what the comparison with the core found: the oracle on cases small enough to work out on paper.

Each worked case is then put to the core as well; where that differs the test ends in an error.
"""

from __future__ import annotations

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
from oracle.compare import put_to

HOUR = 3600.0
DAY = DAY_NS / SECOND_NS
STALE = rule("stale", yellow=level(high=1))
LIMITS = rule("limit", blue=level(high=5), red=level(high=10))


@pytest.fixture(autouse=True)
def the_core_agrees() -> Iterator[None]:
    """After each test: the same logs, told by the core."""
    yield from put_to(Core)


# --- commands -----------------------------------------------------------------------------------


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
    found = bench.step(Recovered({"site-0": SiteHead(41, "00" * 16)}, "torn"), 1)
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
