"""What time does to a core: ticks, silence, blind hours, backlogs, clocks; and what it refuses."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from battery.drive import LINK, STALE_S, Drive, limit, ns, path, plant, quality_rule, sensor
from lifeline.engine.configuration import Configuration
from lifeline.engine.core import ENGINE_SITE, Core
from lifeline.engine.entry import Entry, Header, Tick
from lifeline.engine.errors import EntryError, InvariantError
from lifeline.engine.frame import Frame
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.quality import Quality

LIMITS = {"yellow": 5.0, "red": 9.0}
DELAYED = limit({"red": 9.0}, on_delay=30, off_delay=30)


def many(*rules: Any, sensors: int = 50) -> Configuration:
    return plant(*rules, sensors=tuple(sensor(f"S{i}") for i in range(sensors)))


# --- what a core refuses --------------------------------------------------------------------------
def test_the_log_goes_forward() -> None:
    core = Core()
    core.step(5, Entry(Header(), Tick(1)))
    for position in (5, 4, 0, -1):
        with pytest.raises(InvariantError, match="the log goes forward"):
            core.step(position, Entry(Header(), Tick(2)))
    core.step(7, Entry(Header(), Tick(2)))  # positions need not be dense
    assert (core.position, core.wall) == (7, 2)


@pytest.mark.parametrize("payload", [Frame.of([0], [1], [2.0]), Frame.empty()])
def test_samples_before_any_configuration_are_refused(payload: Frame) -> None:
    with pytest.raises(EntryError, match="no configuration"):
        Core().step(1, Entry(Header(), payload))


def test_an_empty_core_has_nothing_to_say() -> None:
    core = Core()
    assert list(core.step(1, Entry(Header(received=3, appended=4), Tick(5)))) == []
    assert (core.plan, core.configuration, core.next_due(), core.standing()) == (
        None,
        None,
        None,
        [],
    )
    assert core.site_digests() == {}


def test_a_sensor_that_nobody_knows_is_counted() -> None:
    drive = Drive(plant(limit(LIMITS)))
    assert drive.samples((-1, 0, 9.5), (1, 0, 9.5), (2**31 - 1, 0, 9.5)) == []
    assert drive.core.counters()["unknown_sensor"] == 3


# --- delays ---------------------------------------------------------------------------------------
def test_a_raise_waits_for_its_delay_and_carries_deadline_onset_and_held_value() -> None:
    drive = Drive(plant(DELAYED))
    drive.say(0, 9.5)
    drive.say(20, 9.75)
    assert drive.tick(31.9) == []
    (record,) = drive.tick(32)  # deadline 30, grace 2
    assert (record.time, record.onset, record.value, record.limit) == (ns(30), ns(0), 9.75, 9.0)
    assert not record.uncertain


def test_a_good_value_below_drops_what_pends_and_a_suspect_one_does_not() -> None:
    drive = Drive(plant(DELAYED))
    drive.say(0, 9.5)
    drive.say(10, 1.0)
    assert drive.tick(60) == []
    drive.say(61, 9.5)
    drive.say(70, 1.0, Quality.UNCERTAIN)
    assert path(drive.tick(93)) == ["raised red"]


def test_a_bad_value_lets_the_raise_run_out_and_marks_it_uncertain() -> None:
    drive = Drive(plant(DELAYED))
    drive.say(0, 9.5)
    drive.say(10, np.nan)
    (record,) = drive.tick(32)
    assert (record.value, record.uncertain) == (9.5, True)


def test_a_periodic_sensor_clears_on_a_sample_and_never_by_time() -> None:
    drive = Drive(plant(limit({"red": 9.0}, off_delay=30)))
    drive.say(0, 9.5)
    drive.say(10, 1.0)
    assert drive.tick(50) == []
    assert path(drive.say(51, 1.0)) == ["returned normal"]


@pytest.mark.parametrize("reports", ["on_change", "event"])
def test_a_sensor_that_reports_by_change_clears_by_time(reports: str) -> None:
    quiet = sensor(reports=reports, interval=0, stale=0)
    drive = Drive(plant(limit({"red": 9.0}, off_delay=30), sensors=(quiet,)))
    drive.say(0, 9.5)
    drive.say(10, 1.0)
    assert drive.tick(41) == []
    (record,) = drive.tick(42)
    assert (record.transition, record.time, record.value) == ("returned", ns(40), 1.0)


# --- silence --------------------------------------------------------------------------------------
def test_silence_clears_nothing_and_the_alarm_that_stands_is_unknown() -> None:
    drive = Drive(plant(limit({"red": 9.0}, off_delay=20), quality_rule("stale", "blue")))
    drive.tick(0)
    drive.say(0, 9.5)
    drive.say(10, 1.0)  # a clear pends
    made = drive.tick(10 + STALE_S + 2)
    assert [(r.alarm, r.transition, r.unknown) for r in made] == [
        ("high~P1", "unknown", True),
        ("stale~P1", "raised", False),
    ]
    assert made[0].time == ns(10 + STALE_S)
    assert drive.tick(1_000) == []
    made = drive.say(1_001, 1.0)
    assert [(r.alarm, r.transition) for r in made] == [
        ("high~P1", "known"),
        ("stale~P1", "returned"),
    ]
    assert path(drive.say(1_021, 1.0)) == ["returned normal"]


def test_what_was_never_heard_is_one_alarm_of_its_source() -> None:
    drive = Drive(many(quality_rule("stale", "yellow")))
    drive.tick(0)
    (record,) = drive.tick(STALE_S + 2)
    assert (record.subject, record.transition, record.value) == ("source:source", "raised", 50.0)


def test_a_source_that_begins_to_speak_late_ends_no_silence_that_no_tick_has_seen() -> None:
    drive = Drive(many(quality_rule("stale", "yellow")))
    drive.tick(0)
    for number in range(50):  # due is two seconds of grace behind the deadline
        assert not drive.say(STALE_S + 1, 1.0, sensor=number)
    assert not drive.tick(STALE_S + 2)


def test_sensors_by_event_live_by_the_heartbeat_of_their_source() -> None:
    alive = msgspec.structs.replace(LINK, heartbeat=10 * SECOND_NS)
    quiet = sensor("E", reports="event", interval=0, stale=0)
    config = plant(limit(LIMITS), quality_rule("stale", "blue"), sensors=(sensor(), quiet))
    drive = Drive(msgspec.structs.replace(config, links=(alive,)))
    drive.tick(0)
    drive.samples((0, 0, 1.0), (1, 0, 6.0))
    drive.say(29, 1.0)  # another sensor of the source: it is alive
    assert drive.tick(60) == []
    made = drive.tick(61)
    assert [(r.alarm, r.transition) for r in made] == [
        ("high~E", "unknown"),
        ("stale~link:source", "raised"),
    ]
    made = drive.say(62, 1.0)
    assert [(r.alarm, r.transition) for r in made] == [
        ("high~E", "known"),
        ("stale~link:source", "returned"),
    ]


# --- blind hours and backlogs ---------------------------------------------------------------------
def test_an_engine_stopped_for_an_hour_raises_no_storm() -> None:
    drive = Drive(many(limit(LIMITS), quality_rule("stale", "blue")))
    for second in range(0, 100, 10):
        drive.tick(second)
        drive.samples(*((i, second, 1.0) for i in range(50)))
    drive.samples((7, 100, 6.0))
    made = drive.tick(3_700, resumed=True)
    # What the broker kept meanwhile comes at once, then life goes on.
    for second in range(110, 3_700, 10):
        value = 9.5 if 1_000 < second < 2_000 else 1.0
        made += drive.samples(
            *((i, second, value if i == 3 else 1.0) for i in range(50)), received=3_701
        )
    for second in range(3_710, 3_900, 10):
        made += drive.tick(second)
        made += drive.samples(*((i, second, 1.0) for i in range(50)))
    blind, *rest = made
    assert (blind.rule, blind.site, blind.value, blind.onset, blind.time) == (
        "engine.blind",
        ENGINE_SITE,
        3_610.0,
        ns(90),
        ns(3_700),
    )
    assert [(r.subject, r.transition, r.historic) for r in rest] == [
        ("S7", "returned", True),
        ("S3", "raised", True),
        ("S3", "returned", True),
    ]


def test_what_stands_when_the_backlog_is_over_is_annunciated_as_actual() -> None:
    drive = Drive(plant(limit(LIMITS), sensors=(sensor(stale=600 * SECOND_NS),)))
    drive.say(0, 1.0)
    made = drive.samples((0, 10, 6.0), (0, 20, 6.0), received=200)
    made += drive.say(201, 6.0)
    assert [(r.transition, r.historic) for r in made] == [("raised", True), ("actual", False)]
    assert drive.say(211, 6.0) == []


def test_a_tick_that_does_not_advance_changes_nothing() -> None:
    drive = Drive(plant(DELAYED))
    drive.tick(10)
    drive.say(10, 9.5)
    for second in (10, 9, -1_000):
        assert drive.tick(second) == []
    assert drive.core.wall == ns(10)
    assert path(drive.tick(42)) == ["raised red"]


def test_a_blind_interval_moves_what_is_due_but_not_its_deadline() -> None:
    drive = Drive(plant(DELAYED))
    drive.tick(0)
    drive.say(0, 9.5)
    (blind,) = drive.tick(20, resumed=True)
    assert blind.value == 20.0
    assert drive.tick(51.9) == []
    (record,) = drive.tick(52)
    assert record.time == ns(30)


def test_next_due_never_lies_behind_a_timer_that_fires() -> None:
    drive = Drive(plant(DELAYED, quality_rule("stale", "blue")))
    drive.tick(0)
    drive.say(1, 9.5)
    drive.tick(2)
    due = drive.core.next_due()
    assert due is not None
    assert due <= ns(33)
    assert drive.tick(32.9) == []
    assert path(drive.tick(33)) == ["raised red"]


# --- clocks ---------------------------------------------------------------------------------------
def test_a_sensor_whose_clock_was_set_back_is_judged_on_receipt_time() -> None:
    drive = Drive(plant(limit(LIMITS), quality_rule("clock", "blue")))
    drive.steady(3_600, 3_650, 1.0)
    made = []
    for n in range(8):
        made += drive.samples((0, 100 + 10 * n, 6.0), received=3_660 + 10 * n)
    assert [(r.alarm, r.transition, r.uncertain) for r in made] == [
        ("high~P1", "raised", True),
        ("clock~P1", "raised", False),
    ]
    assert made[0].time == made[1].time >= ns(3_680)
    assert drive.core.counters()["late"] >= 3
    made = drive.samples((0, 3_800, 1.0), received=3_800)
    assert ("clock~P1", "returned") in [(r.alarm, r.transition) for r in made]


def test_a_sample_far_ahead_moves_nobodys_time() -> None:
    drive = Drive(plant(limit(LIMITS)))
    drive.say(0, 1.0)
    assert drive.samples((0, 3_600, 9.5), received=10) == []
    assert drive.core.counters()["clock_fault"] == 1
    assert path(drive.say(20, 6.0)) == ["raised yellow"]


# --- quality --------------------------------------------------------------------------------------
def test_a_bead_pegged_beyond_its_range_sounds_as_the_end_of_its_range() -> None:
    drive = Drive(plant(limit({"red": 50.0}), sensors=(sensor(low=0.0, high=100.0),)))
    (record,) = drive.say(0, 110.0)
    assert (record.value, record.uncertain) == (100.0, True)
    assert drive.say(10, -5.0) == []  # under range is suspect too: it clears nothing
    assert path(drive.say(20, 1.0)) == ["returned normal"]


def test_a_jump_faster_than_plausible_may_raise_but_not_clear() -> None:
    drive = Drive(plant(limit(LIMITS), sensors=(sensor(max_rate=0.1),)))
    drive.say(0, 1.0)
    assert drive.say(10, 9.5)[0].uncertain
    assert drive.say(20, 1.0) == []
    assert path(drive.say(30, 1.0)) == ["returned normal"]


def test_two_values_at_one_time_are_a_conflict_of_which_the_worse_counts() -> None:
    drive = Drive(plant(limit(LIMITS)))
    drive.say(0, 1.0)
    (record,) = drive.say(0, 9.5)
    assert (record.level_after, record.uncertain, record.time) == ("red", True, ns(0))
    assert drive.say(0, 9.5) == drive.say(0, 1.0) == []
    counters = drive.core.counters()
    assert (counters["conflict"], counters["duplicate"]) == (1, 2)


@pytest.mark.parametrize("quality", [q for q in Quality if q & 0x80])
def test_a_declared_fault_starts_clears_and_cancels_nothing(quality: Quality) -> None:
    drive = Drive(plant(limit(LIMITS)))
    drive.say(0, 1.0)
    assert drive.say(10, 9.5, quality) == []
    drive.say(20, 9.5)
    assert drive.say(30, 1.0, quality) == []
    assert drive.state() == ("unacknowledged", "red")
    assert drive.core.counters()["bad"] == 2
