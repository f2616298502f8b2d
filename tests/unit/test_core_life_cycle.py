"""Latched, suppressed, out of service: worked examples on a core driven by hand."""

from __future__ import annotations

import msgspec
import pytest

from battery.drive import STALE_S, Drive, limit, ns, path, plant, quality_rule, sensor
from calm_core import CALM, DAY, HOUR, LIMITS, ORANGE, RED, YELLOW, drive, states
from lifeline.engine.core import Core
from lifeline.engine.record import first_break


# --- latching -------------------------------------------------------------------------------------
def test_what_latches_closes_by_a_reset_after_its_acknowledgement_only() -> None:
    core = drive(latching=True)
    core.say(10, RED)
    assert "still stands" in core.reset(11).reason
    core.acknowledge(12)
    assert path(core.say(20, CALM)) == ["latched normal"]
    assert core.state() == ("latched", "normal")
    assert "reset it" in core.acknowledge(21).reason
    assert core.reset(22, principal="wang").outcome == "done"
    assert core.core.standing() == []
    assert [r.episode for r in core.records] == [1, 1, 1, 1]
    assert core.records[-1].detail["principal"] == "wang"
    assert core.reset(23).outcome == "refused"


def test_what_returned_before_its_acknowledgement_latches_by_that() -> None:
    core = drive(latching=True)
    core.say(10, YELLOW)
    core.say(20, CALM)
    assert "acknowledge it first" in core.reset(21).reason
    core.acknowledge(22)
    assert core.state() == ("latched", "normal")
    (again,) = core.say(30, YELLOW)
    assert (again.transition, again.state_after, again.episode) == ("raised", "unacknowledged", 1)


def test_a_shelf_is_no_way_around_a_reset() -> None:
    core = drive(latching=True)
    core.say(10, YELLOW)
    core.shelve(11, 60)
    core.say(20, CALM)
    core.tick(80)
    assert core.state() == ("latched", "normal")


def test_a_rule_that_no_longer_latches_leaves_what_is_latched_to_its_reset() -> None:
    core = drive(latching=True)
    core.say(10, YELLOW)
    core.acknowledge(11)
    core.say(20, CALM)
    core.configure(plant(limit(LIMITS)), 21)
    assert core.state() == ("latched", "normal")
    core.say(30, YELLOW)
    core.acknowledge(31)
    assert path(core.say(40, CALM)) == ["cleared normal"]


# --- maintenance ----------------------------------------------------------------------------------
def tanks() -> Drive:
    """P1 and P2 on tank T-1, P3 on T-2, P4 on none."""
    assets = {"P1": "T-1", "P2": "T-1", "P3": "T-2", "P4": ""}
    sensors = tuple(sensor(name, asset=asset) for name, asset in assets.items())
    return drive(plant(limit(LIMITS), sensors=sensors))


def test_maintenance_of_an_asset_suppresses_what_stands_and_what_comes() -> None:
    core = tanks()
    core.say(10, YELLOW, sensor=0)
    core.say(10, YELLOW, sensor=2)
    reply = core.maintain(12, 3600, "asset:T-1", principal="li")
    assert reply.outcome == "done"
    assert states(core.records[-2:]) == [
        "maintenance~asset:T-1 suppressed suppressed_by_design",
        "high~P1 suppressed suppressed_by_design",
    ]
    assert reply.seq == core.records[-2].seq
    assert {r.until for r in core.records[-2:]} == {ns(12 + 3600)}
    assert {r.detail["principal"] for r in core.records[-2:]} == {"li"}
    assert core.state("high~P3") == ("unacknowledged", "yellow")
    (raised,) = core.say(20, YELLOW, sensor=1)
    assert (raised.transition, raised.state_after) == ("raised", "suppressed_by_design")
    assert core.say(20, YELLOW, sensor=3)[0].state_after == "unacknowledged"


def test_what_is_active_at_its_end_is_annunciated_anew_and_what_was_owed_comes_back() -> None:
    core = tanks()
    core.say(10, YELLOW, sensor=0)  # acknowledged, and stays
    core.acknowledge(11, "high~P1")
    core.say(11, RED, sensor=1)  # nobody has answered this red
    core.maintain(12, 3600, "asset:T-1")
    core.say(20, CALM, sensor=1)
    core.steady(30, 3600, YELLOW, sensor=0)
    made = core.tick(3613)
    assert states(made) == [
        "maintenance~asset:T-1 unsuppressed normal",
        "high~P1 unsuppressed unacknowledged",
        "high~P2 unsuppressed returned_unacknowledged",
    ]
    assert {r.time for r in made} == {ns(3612)}
    assert core.core.next_due() != ns(3612)


def test_what_came_and_went_within_a_maintenance_is_recorded_and_bothers_nobody() -> None:
    core = drive()
    core.maintain(5, 3600)
    core.say(10, RED)
    core.say(20, CALM)
    core.end_maintenance(30, principal="li")
    assert states(core.records)[1:] == [
        "high~P1 raised suppressed_by_design",
        "high~P1 returned suppressed_by_design",
        "maintenance~site unsuppressed normal",
        "high~P1 unsuppressed normal",
    ]


@pytest.mark.parametrize(
    ("hours", "covered"), [(8, RED), (9, ORANGE), (24, ORANGE), (25, YELLOW), (72, YELLOW)]
)
def test_the_longer_the_milder_and_a_rise_beyond_sounds(hours: float, covered: float) -> None:
    for value in (YELLOW, ORANGE, RED):
        core = drive()
        core.maintain(5, hours * HOUR)
        (made,) = core.say(10, value)
        away = value <= covered
        assert made.state_after == ("suppressed_by_design" if away else "unacknowledged")


def test_what_stands_beyond_the_cover_goes_on_sounding() -> None:
    core = drive()
    core.say(10, RED)
    core.maintain(11, 2 * DAY)
    assert core.state() == ("unacknowledged", "red")


def test_maintenance_needs_a_reason_an_end_and_somebody_to_maintain() -> None:
    core = tanks()
    assert "168 h at most" in core.maintain(1, 7 * DAY + 1).reason
    assert "in the future" in core.maintain(1, -1).reason
    assert "reason" in core.command("maintenance", 1, "site", shelf=60).reason
    assert "no alarm in 'asset:T-9'" in core.maintain(1, 60, "asset:T-9").reason
    assert "no alarm in 'asset:'" in core.maintain(1, 60, "asset:").reason
    assert "no site" in core.maintain(1, 60, site="elsewhere").reason
    assert "there is no maintenance" in core.end_maintenance(1).reason
    assert core.records == []


def test_of_two_maintenances_over_one_alarm_each_must_end() -> None:
    core = tanks()
    core.maintain(1, 600, "asset:T-1")
    core.maintain(2, 100, "sensor:P1")
    core.say(10, YELLOW, sensor=0)
    core.tick(110)
    assert core.state("high~P1") == ("suppressed_by_design", "yellow")
    core.tick(610)
    assert core.state("high~P1")[0] == "unacknowledged"


def test_a_maintenance_set_anew_for_longer_lets_go_of_what_it_no_longer_covers() -> None:
    core = drive()
    core.say(10, RED)
    core.maintain(11, HOUR)
    assert core.state() == ("suppressed_by_design", "red")
    core.maintain(12, 2 * DAY)
    assert core.state() == ("unacknowledged", "red")
    assert [r.transition for r in core.records[-2:]] == ["suppressed", "unsuppressed"]


def test_new_alarms_of_a_changed_configuration_are_under_maintenance_too() -> None:
    core = drive()
    core.maintain(5, 3600)
    core.configure(plant(limit(LIMITS), limit(LIMITS, name="low")), 6)
    made = core.say(10, YELLOW)
    assert {r.state_after for r in made} == {"suppressed_by_design"}


def test_a_sensor_that_leaves_the_asset_leaves_its_maintenance() -> None:
    core = tanks()
    core.say(10, YELLOW, sensor=0)
    core.maintain(12, 3600, "asset:T-1")
    moved = (sensor("P1", asset="T-2"), *core.configuration.sensors[1:])
    made = core.configure(msgspec.structs.replace(core.configuration, sensors=moved), 13)
    assert states(made) == ["high~P1 unsuppressed unacknowledged"]


def test_maintenance_goes_on_in_a_snapshot_and_is_among_what_stands() -> None:
    core = tanks()
    core.say(10, YELLOW, sensor=0)
    core.maintain(12, 3600, "asset:T-1")
    again = Core.restore(core.core.snapshot())
    assert again.standing() == core.core.standing()
    assert again.snapshot() == core.core.snapshot()
    assert [(s.alarm, s.until) for s in again.standing()] == [
        ("high~P1", ns(3612)),
        ("maintenance~asset:T-1", ns(3612)),
    ]


def test_records_of_maintenance_belong_to_the_chain_of_the_site() -> None:
    core = tanks()
    core.say(10, YELLOW, sensor=0)
    core.maintain(12, 60, "asset:T-1")
    core.tick(100)
    assert first_break(core.records) is None
    assert [r.seq for r in core.records] == list(range(1, len(core.records) + 1))


# --- out of service -------------------------------------------------------------------------------
def test_a_sensor_is_taken_out_of_service_with_all_its_alarms() -> None:
    core = drive(plant(limit(LIMITS), quality_rule("stale", "blue")))
    core.say(10, YELLOW)
    reply = core.remove(12, 20 * DAY, "sensor:P1")
    assert reply.seq == core.records[-1].seq
    assert states(core.records[-2:]) == [
        "high~P1 out_of_service out_of_service",
        "stale~P1 out_of_service out_of_service",
    ]
    core.tick(12 + STALE_S + 60)
    assert core.state("stale~P1") == ("out_of_service", "blue")
    core.say(140, RED)
    assert core.state() == ("unacknowledged", "red")  # 20 days do not cover red
    core.serve(141, "sensor:P1")
    assert core.state("stale~P1") == ("normal", "normal")
    assert core.serve(142, "sensor:P1").outcome == "refused"


def test_out_of_service_ends_by_itself_and_says_what_stands() -> None:
    core = drive()
    core.say(10, YELLOW)
    assert "30 days at most" in core.remove(11, 30 * DAY + 1).reason
    assert "needs a reason" in core.command("out_of_service", 11, "high~P1", shelf=60).reason
    core.remove(12, 30 * DAY)
    core.say(13, CALM)
    made = core.tick(12 + 30 * DAY)[-1]
    assert (made.transition, made.state_after) == ("in_service", "returned_unacknowledged")


def test_within_a_maintenance_what_is_back_in_service_is_suppressed() -> None:
    core = drive()
    core.say(10, YELLOW)
    core.remove(12, DAY)
    core.maintain(13, 3600)
    assert core.state()[0] == "out_of_service"
    core.serve(14)
    assert core.state()[0] == "suppressed_by_design"
    core.end_maintenance(15)
    assert core.state()[0] == "unacknowledged"
