"""Acknowledging and shelving: what is done, what is refused and why, and what nobody can do twice."""

from __future__ import annotations

from typing import Any

import pytest

from battery.drive import Drive, days, limit, ns, path, plant, sensor
from lifeline.engine.level import LEVELS
from lifeline.engine.limits import DAY_NS, HOUR_NS, MAX_SHELVE_NS, REMEMBERED_COMMANDS, SECOND_NS

LIMITS = {"blue": 2.0, "yellow": 5.0, "orange": 7.0, "red": 9.0}
VALUES = {"blue": 3.0, "yellow": 6.0, "orange": 8.0, "red": 9.5}


def raised(level: str = "yellow") -> Drive:
    """One alarm, unacknowledged at this level since second 0."""
    drive = Drive(plant(limit(LIMITS)))
    drive.say(0, VALUES[level])
    return drive


# --- acknowledging --------------------------------------------------------------------------------
def test_an_acknowledgement_is_a_record_that_says_who_and_why() -> None:
    drive = raised()
    reply = drive.acknowledge(7, principal="wang", role="operator", reason="seen", id="x-1")
    (_, record) = drive.records
    assert (reply.outcome, reply.seq, reply.principal, reply.reason) == ("done", 2, "wang", "")
    assert record.detail == {
        "principal": "wang",
        "role": "operator",
        "reason": "seen",
        "command": "x-1",
    }
    assert (record.transition, record.state_after, record.level_after, record.time) == (
        "acknowledged",
        "acknowledged",
        "yellow",
        ns(7),
    )
    assert (record.value, record.limit, record.episode) == (None, None, 1)


def test_closed_needs_normal_and_acknowledged_in_any_order() -> None:
    drive = raised()
    drive.acknowledge(1)
    assert path(drive.say(10, 1.0)) == ["cleared normal"]
    drive.say(20, 6.0)
    drive.say(30, 1.0)
    assert drive.state() == ("returned_unacknowledged", "normal")
    drive.acknowledge(31)
    assert drive.core.standing() == []
    assert path(drive.records[-1:]) == ["acknowledged normal"]


def test_a_new_raise_before_the_acknowledgement_continues_the_episode() -> None:
    drive = raised()
    drive.say(10, 1.0)
    (again,) = drive.say(20, 9.5)
    assert (again.transition, again.episode, again.onset) == ("raised", 1, ns(0))
    drive.say(30, 1.0)
    drive.acknowledge(31)
    (anew,) = drive.say(40, 6.0)
    assert (anew.episode, anew.onset) == (anew.seq, ns(40))


def test_a_rise_beyond_what_was_acknowledged_sounds_again_and_red_yellow_red_too() -> None:
    drive = raised("red")
    drive.acknowledge(1)
    assert drive.say(10, 6.0)[0].state_after == "acknowledged"
    assert drive.say(20, 9.5)[0].state_after == "unacknowledged"


def test_who_saw_yellow_has_not_acknowledged_the_red_that_came_since() -> None:
    drive = raised()
    (red,) = drive.say(10, 9.5)
    reply = drive.acknowledge(11, seq=1)
    assert (reply.outcome, reply.seq) == ("refused", 0)
    assert "rose to red at seq 2" in reply.reason
    assert drive.acknowledge(12, seq=red.seq).outcome == "done"


def test_what_fell_since_may_be_acknowledged_by_the_number_of_its_rise() -> None:
    drive = raised("red")
    drive.say(10, 6.0)
    assert drive.acknowledge(11, seq=1, episode=1).outcome == "done"


def test_an_unshelved_alarm_is_acknowledged_by_the_number_of_its_rise() -> None:
    drive = raised()
    drive.shelve(1, 10)
    drive.tick(11)
    assert drive.acknowledge(12, seq=1).outcome == "done"


@pytest.mark.parametrize(
    ("value", "before"), [(1.0, "normal"), (6.0, "acknowledged"), (6.0, "shelved")]
)
def test_there_is_nothing_to_acknowledge(value: float, before: str) -> None:
    drive = Drive(plant(limit(LIMITS)))
    drive.say(0, value)
    if before == "acknowledged":
        drive.acknowledge(1)
    elif before == "shelved":
        drive.shelve(1, 100)
    seen = len(drive.records)
    reply = drive.acknowledge(2)
    assert (reply.outcome, drive.state()[0], len(drive.records)) == ("refused", before, seen)
    assert "not in a state for acknowledge" in reply.reason


# --- whom a command may mean ----------------------------------------------------------------------
@pytest.mark.parametrize("action", ["acknowledge", "shelve", "unshelve"])
def test_a_command_for_another_episode_is_refused(action: Any) -> None:
    drive = raised()
    more = {"shelf": 100} if action == "shelve" else {}
    reply = drive.command(action, 1, "high~P1", episode=9, **more)
    assert (reply.outcome, len(drive.records)) == ("refused", 1)
    assert "the alarm's episode is 1" in reply.reason


@pytest.mark.parametrize("action", ["acknowledge", "shelve", "unshelve"])
def test_a_command_for_what_does_not_exist_is_refused(action: Any) -> None:
    drive = raised()
    more = {"shelf": 100} if action == "shelve" else {}
    for alarm, site in (("low~P1", "site"), ("high~P2", "site"), ("high~P1", "x"), ("", "site")):
        reply = drive.command(action, 1, alarm, site=site, **more)
        assert (reply.outcome, reply.alarm, reply.site) == ("refused", alarm, site)
        assert "has no alarm" in reply.reason


def test_a_command_reaches_the_alarm_that_it_names_and_no_other() -> None:
    drive = Drive(plant(limit(LIMITS), limit(LIMITS, name="b"), sensors=(sensor("A"), sensor("B"))))
    drive.samples((0, 0, 6.0), (1, 0, 6.0))
    drive.acknowledge(1, "b~A")
    assert [one.alarm for one in drive.core.standing() if one.state == "acknowledged"] == ["b~A"]


# --- the same again -------------------------------------------------------------------------------
def test_a_repeated_command_does_nothing_and_says_so() -> None:
    drive = raised()
    drive.acknowledge(1, id="once")
    drive.say(10, 9.5)
    reply = drive.acknowledge(11, id="once")
    assert (reply.outcome, reply.seq) == ("repeated", 0)
    assert drive.state() == ("unacknowledged", "red")


def test_a_refused_command_is_repeated_too() -> None:
    drive = Drive(plant(limit(LIMITS)))
    drive.say(0, 1.0)
    assert drive.acknowledge(1, id="early").outcome == "refused"
    drive.say(10, 6.0)
    assert drive.acknowledge(11, id="early").outcome == "repeated"
    assert drive.state()[0] == "unacknowledged"


def test_only_so_many_commands_are_remembered() -> None:
    drive = raised()
    drive.acknowledge(1, id="first")
    for number in range(REMEMBERED_COMMANDS):
        drive.acknowledge(2, "no~body", id=f"other-{number}")
    assert len(drive.core.seen_commands) == REMEMBERED_COMMANDS
    assert drive.acknowledge(3, id="first").outcome == "refused"  # forgotten: judged anew


# --- shelving -------------------------------------------------------------------------------------
@pytest.mark.parametrize(("level", "longest"), list(zip(LEVELS[1:], MAX_SHELVE_NS, strict=True)))
def test_the_graver_the_level_the_shorter_the_shelf(level: str, longest: int) -> None:
    for shelf, outcome in ((longest + 1, "refused"), (longest, "done")):
        drive = raised(level)
        reply = drive.command("shelve", 10, "high~P1", expires=ns(10) + shelf)
        assert (reply.outcome, reply.reason == "") == (outcome, outcome == "done")
    assert drive.state() == ("shelved", level)
    assert drive.records[-1].until == ns(10) + longest


def test_a_calm_alarm_may_be_shelved_as_long_as_a_blue_one() -> None:
    for shelf, outcome in ((7 * DAY_NS + 1, "refused"), (7 * DAY_NS, "done")):
        drive = Drive(plant(limit(LIMITS)))
        drive.say(0, 1.0)
        reply = drive.command("shelve", 10, "high~P1", expires=ns(10) + shelf)
        assert reply.outcome == outcome
    assert f"{7 * DAY_NS // HOUR_NS} h" in drive.shelve(11, days(8)).reason


@pytest.mark.parametrize("shelf", [0, -1])
def test_a_shelf_without_an_end_in_the_future_is_refused(shelf: float) -> None:
    reply = raised().shelve(10, shelf)
    assert (reply.outcome, reply.reason) == (
        "refused",
        "shelving needs an expiry in the future",
    )


def test_a_shelf_hides_nothing_and_what_stands_at_its_end_sounds_anew() -> None:
    drive = raised()
    drive.acknowledge(1)
    drive.shelve(2, 58)
    drive.say(20, 9.5)  # covered: nobody is called
    drive.say(30, 1.0)
    drive.say(50, 6.0)
    made = drive.tick(60)
    assert [(r.transition, r.state_after, r.until != 0) for r in drive.records[2:]] == [
        ("shelved", "shelved", True),
        ("level", "shelved", True),
        ("returned", "shelved", True),
        ("raised", "shelved", True),
        ("unshelved", "unacknowledged", False),
    ]
    assert (made[0].time, made[0].level_after, made[0].detail) == (ns(60), "yellow", {})
    assert {r.episode for r in drive.records} == {1}


def test_a_shelf_ends_at_its_expiry_by_the_first_tick_not_before() -> None:
    drive = raised()
    drive.shelve(1, 9)
    assert drive.tick(9.999) == []
    assert path(drive.tick(10)) == ["unshelved yellow"]
    assert drive.tick(11) == []


def test_a_calm_shelf_ends_without_an_alarm() -> None:
    drive = Drive(plant(limit(LIMITS)))
    drive.say(0, 1.0)
    drive.shelve(1, 9)
    (record,) = drive.tick(10)
    assert (record.transition, record.state_after, record.episode) == ("unshelved", "normal", 1)
    assert drive.core.standing() == []


def test_a_rise_beyond_the_shelfs_cover_breaks_it() -> None:
    drive = raised()
    drive.shelve(1, 2 * DAY_NS / SECOND_NS)  # too long for orange: covers up to yellow
    (record,) = drive.say(10, 8.0)
    assert (record.transition, record.state_after, record.until) == ("level", "unacknowledged", 0)
    assert drive.tick(days(3)) == drive.records[-1:]  # only its silence; no shelf ends any more
    assert path(drive.records[-1:]) == ["unknown orange"]


def test_shelving_again_moves_the_end() -> None:
    drive = raised()
    drive.shelve(1, 9)
    assert drive.shelve(2, 28).outcome == "done"
    assert drive.tick(10) == []
    assert path(drive.tick(30)) == ["unshelved yellow"]


def test_a_shelf_is_lifted_by_hand() -> None:
    drive = raised()
    drive.shelve(1, 100)
    reply = drive.unshelve(2, reason="repaired")
    record = drive.records[-1]
    assert (reply.outcome, record.transition, record.detail["reason"]) == (
        "done",
        "unshelved",
        "repaired",
    )
    assert drive.state() == ("unacknowledged", "yellow")
    assert drive.tick(150) == drive.records[-1:]  # silence, and no shelf that ends
    assert path(drive.records[-1:]) == ["unknown yellow"]


@pytest.mark.parametrize("answered", [False, True])
def test_what_is_not_shelved_cannot_be_unshelved(answered: bool) -> None:
    drive = raised()
    if answered:
        drive.acknowledge(1)
    before = drive.state()
    assert drive.unshelve(2).outcome == "refused"
    assert drive.state() == before


def test_an_episode_may_begin_by_shelving() -> None:
    drive = Drive(plant(limit(LIMITS)))
    drive.say(0, 1.0)
    drive.shelve(1, 100)
    (raise_,) = drive.say(10, 6.0)
    assert (raise_.transition, raise_.state_after, raise_.episode, raise_.onset) == (
        "raised",
        "shelved",
        1,
        ns(1),
    )


def test_a_command_of_a_drill_moves_no_actual_alarm() -> None:
    drive = raised()
    drive.exercise = True
    assert drive.acknowledge(1).outcome == "refused"
    assert [record.exercise for record in drive.records] == [False]
