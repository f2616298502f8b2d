"""Rules and registry change on a running core: what is unchanged keeps its state."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from battery.drive import LINK, SITE, START, Drive, limit, ns, path, plant, quality_rule, sensor
from lifeline.engine.configuration import Configuration, Link, Site
from lifeline.engine.errors import EntryError
from lifeline.engine.kinds import load_kinds
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.rule import Judgement, LevelLimits, Rule, Select

LIMITS = {"yellow": 5.0, "red": 9.0}
UNUSED = LevelLimits()


def rate(window: float, name: str = "rate", high: float = 0.05) -> Rule:
    """A rise of more than `high` a second over a window in seconds."""
    options = {"window": window * SECOND_NS, "min_span": 1.0, "min_points": 2.0}
    four = (UNUSED, LevelLimits(high=high), UNUSED, UNUSED)
    return Rule(name, "rate", Select(), (Judgement("", "", "MPa/s", four, options),))


# --- limits and delays ----------------------------------------------------------------------------
def test_changed_limits_apply_from_the_next_sample_not_before() -> None:
    drive = Drive(plant(limit(LIMITS)))
    drive.say(0, 6.0)
    assert drive.configure(plant(limit({"yellow": 7.0, "red": 9.0})), 5) == []
    assert drive.tick(6) == []
    assert drive.state() == ("unacknowledged", "yellow")
    (record,) = drive.say(10, 6.0)
    assert (record.transition, record.limit, record.value) == ("returned", 7.0, 6.0)


def test_lowered_limits_raise_at_the_next_sample() -> None:
    drive = Drive(plant(limit(LIMITS)))
    drive.say(0, 4.0)
    assert drive.configure(plant(limit({"yellow": 3.0})), 5) == []
    (record,) = drive.say(10, 4.0)
    assert (record.transition, record.limit, record.onset) == ("raised", 3.0, ns(10))
    assert record.rule_hash == limit({"yellow": 3.0}).hash().hex()


def test_a_pending_raise_keeps_its_deadline_when_the_delay_changes() -> None:
    drive = Drive(plant(limit({"red": 9.0}, on_delay=30)))
    drive.say(0, 9.5)
    drive.configure(plant(limit({"red": 9.0}, on_delay=300)), 5)
    assert drive.tick(31) == []
    (record,) = drive.tick(32)
    assert (record.transition, record.time) == ("raised", ns(30))


def test_a_pending_clear_keeps_its_deadline_when_the_delay_changes() -> None:
    drive = Drive(plant(limit({"red": 9.0}, off_delay=30)))
    drive.say(0, 9.5)
    drive.say(10, 1.0)
    drive.configure(plant(limit({"red": 9.0}, off_delay=300)), 15)
    assert drive.say(39, 1.0) == []
    assert path(drive.say(40, 1.0)) == ["returned normal"]


def test_an_acknowledgement_survives_a_change_of_limits_and_what_it_covers_too() -> None:
    drive = Drive(plant(limit(LIMITS)))
    drive.say(0, 6.0)
    drive.acknowledge(1)
    drive.configure(plant(limit({"yellow": 5.5, "red": 9.0})), 5)
    assert drive.state() == ("acknowledged", "yellow")
    (record,) = drive.say(10, 9.5)
    assert (record.state_after, record.episode) == ("unacknowledged", 1)


def test_a_shelf_survives_and_expires_on_its_day() -> None:
    drive = Drive(plant(limit(LIMITS)))
    drive.say(0, 6.0)
    drive.shelve(1, 100)
    drive.configure(plant(limit({"yellow": 5.5})), 5)
    assert drive.state() == ("shelved", "yellow")
    drive.say(50, 6.0)
    (record,) = drive.tick(101)
    assert (record.transition, record.time) == ("unshelved", ns(101))


def test_a_level_that_the_rule_has_no_more_returns_at_the_next_good_sample() -> None:
    drive = Drive(plant(limit(LIMITS)))
    drive.say(0, 9.5)
    drive.configure(plant(limit({"yellow": 5.0})), 5)
    (record,) = drive.say(10, 9.5)
    assert (record.transition, record.level_before, record.level_after) == (
        "level",
        "red",
        "yellow",
    )


# --- rules come and go ----------------------------------------------------------------------------
def test_a_standing_alarm_of_a_removed_rule_is_withdrawn_and_says_why() -> None:
    drive = Drive(plant(limit(LIMITS)))
    drive.say(0, 6.0)
    old = drive.configuration.rules[0]
    (record,) = drive.configure(plant(), 5)
    assert (record.transition, record.state_after, record.level_after) == (
        "withdrawn",
        "normal",
        "normal",
    )
    assert record.detail == {"principal": "configuration", "reason": "rule removed"}
    assert (record.rule_hash, record.time) == (old.hash().hex(), ns(5))
    assert drive.core.standing() == []
    assert drive.say(10, 9.5) == []


@pytest.mark.parametrize("state", ["acknowledged", "returned_unacknowledged", "shelved"])
def test_every_state_but_normal_is_withdrawn(state: str) -> None:
    drive = Drive(plant(limit(LIMITS)))
    drive.say(0, 6.0)
    if state == "acknowledged":
        drive.acknowledge(1)
    elif state == "shelved":
        drive.shelve(1, 100)
    else:
        drive.say(1, 1.0)
    assert drive.state()[0] == state
    (record,) = drive.configure(plant(), 5)
    assert (record.transition, record.state_before) == ("withdrawn", state)


def test_a_rule_that_was_calm_goes_without_a_word() -> None:
    drive = Drive(plant(limit(LIMITS, on_delay=30)))
    drive.say(0, 6.0)  # pending
    assert drive.configure(plant(), 5) == []
    assert drive.tick(40) == []


def test_reasons_tell_rule_sensor_and_selection_apart() -> None:
    two = (sensor("A"), sensor("B"))
    drive = Drive(plant(limit(LIMITS), limit(LIMITS, name="other"), sensors=two))
    drive.samples((0, 0, 6.0), (1, 0, 6.0))
    narrowed = limit(LIMITS, name="other", select=Select(sensor=("A",)))
    made = drive.configure(plant(limit(LIMITS), narrowed, sensors=two), 5)
    assert [(r.alarm, r.detail["reason"]) for r in made] == [("other~B", "selection changed")]
    made = drive.configure(plant(limit(LIMITS), narrowed, sensors=two[1:]), 6)
    assert [(r.alarm, r.detail["reason"]) for r in made] == [
        ("high~A", "sensor removed"),
        ("other~A", "sensor removed"),
    ]
    made = drive.configure(plant(sensors=two[1:]), 7)
    assert [(r.alarm, r.detail["reason"]) for r in made] == [("high~B", "rule removed")]


def test_withdrawals_come_in_the_order_of_sensor_and_old_rule() -> None:
    sensors = tuple(sensor(name) for name in "CAB")
    rules = (limit(LIMITS, name="z"), limit(LIMITS, name="a"))
    drive = Drive(plant(*rules, sensors=sensors))
    drive.samples((2, 0, 6.0), (0, 0, 6.0), (1, 0, 6.0))
    made = drive.configure(plant(sensors=sensors), 5)
    assert [r.alarm for r in made] == ["z~C", "a~C", "z~A", "a~A", "z~B", "a~B"]
    assert [r.seq for r in made] == list(range(7, 13))


def test_a_rule_that_comes_back_starts_anew() -> None:
    drive = Drive(plant(limit(LIMITS)))
    drive.say(0, 6.0)
    drive.configure(plant(), 5)
    drive.configure(plant(limit(LIMITS)), 6)
    assert drive.state() == ("normal", "normal")
    (record,) = drive.say(10, 6.0)
    assert (record.transition, record.episode, record.unknown) == ("raised", 3, False)


def test_another_kind_under_the_same_name_is_another_rule() -> None:
    drive = Drive(plant(limit(LIMITS)))
    drive.say(0, 6.0)
    (record,) = drive.configure(plant(rate(60, name="high")), 5)
    assert (record.transition, record.rule) == ("withdrawn", "high")


def test_rules_may_be_written_in_another_order() -> None:
    drive = Drive(plant(limit(LIMITS), limit({"blue": 2.0}, name="other")))
    drive.say(0, 6.0)
    before = drive.core.standing()
    turned = plant(limit({"blue": 2.0}, name="other"), limit(LIMITS))
    assert drive.configure(turned, 5) == []
    assert drive.core.standing() == before
    assert [r.rule for r in drive.say(10, 1.0)] == ["other", "high"]


@pytest.mark.parametrize("kind", load_kinds())
def test_a_kind_is_added_to_a_running_core(kind: str) -> None:
    drive = Drive(plant(limit(LIMITS)))
    drive.steady(0, 30, 6.0)
    four = (UNUSED, LevelLimits(high=1.0), UNUSED, UNUSED)
    options = {
        name: 12.0 * SECOND_NS if name == "window" else 2.0 for name in load_kinds()[kind].options
    }
    added = Rule("added", kind, Select(), (Judgement("", "", "u", four, options),))
    assert drive.configure(plant(limit(LIMITS), added), 35) == []
    assert drive.state() == ("unacknowledged", "yellow")
    drive.steady(40, 60, 6.0)
    assert drive.state() == ("unacknowledged", "yellow")


def test_a_rule_on_a_living_sensor_knows_it_and_one_on_a_silent_sensor_does_not() -> None:
    drive = Drive(plant())
    drive.tick(0)
    drive.say(0, 6.0)
    drive.configure(plant(limit(LIMITS)), 1)
    assert drive.say(10, 6.0)[0].unknown is False
    drive.tick(75)  # stale
    drive.configure(plant(limit(LIMITS), limit(LIMITS, name="late")), 76)
    made = drive.samples((0, 76, 6.0), received=77)
    assert [(r.rule, r.transition) for r in made] == [("high", "known"), ("late", "raised")]


# --- windows --------------------------------------------------------------------------------------
def slope(drive: Drive, start: int) -> list[Any]:
    """A rise of 0.1 a second, long enough for any window here."""
    return [r for n in range(start, start + 60, 10) for r in drive.say(n, n / 10)]


def test_a_window_is_kept_where_limits_and_spans_change_and_emptied_where_its_length_does() -> None:
    for changed, expected in ((rate(60, high=0.09), ["raised yellow"]), (rate(120), [])):
        drive = Drive(plant(rate(60, high=9.0)))
        slope(drive, 0)
        drive.configure(plant(changed), 55)
        # One more sample: with the old rows there is a slope, alone it has none.
        assert path(drive.say(60, 6.0)) == expected


def test_an_emptied_window_fills_again() -> None:
    drive = Drive(plant(rate(60, high=9.0)))
    slope(drive, 0)
    drive.configure(plant(rate(120)), 55)
    assert path(slope(drive, 60)) == ["raised yellow"]


# --- registry -------------------------------------------------------------------------------------
def test_an_added_sensor_leaves_the_others_as_they_are() -> None:
    drive = Drive(plant(limit(LIMITS, off_delay=30)))
    drive.say(0, 6.0)
    drive.say(10, 1.0)  # a clear pends
    more = plant(limit(LIMITS, off_delay=30), sensors=(sensor("B"), sensor("P1"), sensor("C")))
    assert drive.configure(more, 15) == []
    assert [one.id for one in drive.configuration.sensors] == ["P1", "B", "C"]
    assert path(drive.say(40, 1.0)) == ["returned normal"]
    assert [r.subject for r in drive.samples((1, 41, 6.0), (2, 41, 6.0))] == ["B", "C"]


def test_a_removed_sensor_is_counted_and_not_judged_until_it_comes_back_unheard() -> None:
    both, alone = (sensor("A"), sensor("B")), (sensor("B"),)
    rules = (limit(LIMITS), quality_rule("stale", "blue"))
    drive = Drive(plant(*rules, sensors=both))
    drive.tick(0)
    drive.samples((0, 0, 6.0), (1, 0, 1.0))
    assert path(drive.configure(plant(*rules, sensors=alone), 5)) == ["withdrawn normal"]
    assert drive.samples((0, 10, 6.0)) == []
    assert drive.core.counters()["unknown_sensor"] == 1
    drive.configure(plant(*rules, sensors=both), 15)
    drive.tick(16)
    (record,) = drive.samples((0, 20, 6.0))
    assert (record.transition, record.episode) == ("raised", 3)


def test_a_new_site_and_source_come_in_behind() -> None:
    drive = Drive(plant(limit(LIMITS)))
    drive.say(0, 6.0)
    other = Site("other", "borough", "city/west/two")
    wanted = Configuration(
        (other, SITE),
        (Link(0, "new"), Link(1, "source")),
        (sensor("X", site=0, link=0), sensor("P1", site=1, link=1)),
        (limit(LIMITS),),
    )
    assert drive.configure(wanted, 5) == []
    assert [site.id for site in drive.configuration.sites] == ["site", "other"]
    (record,) = drive.samples((1, 10, 6.0))
    assert (record.site, record.tenant, record.seq) == ("other", "borough", 1)
    assert drive.core.head("site")[0] == 1


def test_samples_may_name_any_configuration_of_the_log_and_no_other() -> None:
    drive = Drive(plant(limit(LIMITS)))
    first = drive.configuration
    drive.configure(plant(limit({"yellow": 5.5})), 1)
    second, drive.configuration = drive.configuration, first
    assert path(drive.say(10, 6.0)) == ["raised yellow"]  # decoded before the change
    drive.configuration = plant(limit({"yellow": 1.0}))
    with pytest.raises(EntryError, match="has not seen"):
        drive.say(20, 6.0)
    assert second != first


def test_a_changed_range_acts_from_the_next_row() -> None:
    drive = Drive(plant(limit(LIMITS), sensors=(sensor(high=100.0),)))
    drive.say(0, 50.0)
    drive.configure(plant(limit(LIMITS), sensors=(sensor(high=8.0),)), 5)
    assert drive.say(10, 8.5) == []  # suspect: never clears
    assert drive.core.counters()["suspect"] == 1
    assert drive.state() == ("unacknowledged", "red")


def test_the_same_configuration_again_changes_nothing() -> None:
    drive = Drive(plant(limit(LIMITS, on_delay=30), rate(60)))
    drive.steady(0, 40, 6.0)
    drive.say(50, 9.5)
    twin = Drive(plant(limit(LIMITS, on_delay=30), rate(60)))
    twin.steady(0, 40, 6.0)
    twin.say(50, 9.5)
    assert drive.configure(drive.configuration, 51) == []
    for one in (drive, twin):
        one.steady(60, 100, 9.5)
    assert path(drive.records) == path(twin.records) != []
    assert drive.core.digest() == twin.core.digest()


def test_a_link_with_another_grace_waits_so_long_from_its_next_timer() -> None:
    drive = Drive(plant(limit({"red": 9.0}, on_delay=10)))
    patient = msgspec.structs.replace(LINK, grace=20 * SECOND_NS)
    wanted = msgspec.structs.replace(plant(limit({"red": 9.0}, on_delay=10)), links=(patient,))
    drive.configure(wanted, 0)
    drive.say(0, 9.5)
    assert drive.tick(29) == []
    (record,) = drive.tick(30)
    assert record.time == START + 10 * SECOND_NS
