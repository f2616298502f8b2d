"""vote, composite and ladder by hand: three detectors, a valve pit, the counts of GB 39496-2020."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from battery.drive import Drive, limit, ns, path, plant, sensor
from lifeline.engine.areas.tally import Tally
from lifeline.engine.core import Core
from lifeline.engine.errors import SpecError
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.planning import compile_plan
from lifeline.engine.promotion import STATUTORY
from lifeline.engine.record import Record
from lifeline.engine.rule import Judgement, LevelLimits, Member, Rule, Select

NONE = LevelLimits()
HIGH = {"blue": 5.0, "yellow": 10.0, "orange": 25.0, "red": 50.0}


def level(high: float, on: float = 0, off: float = 0) -> LevelLimits:
    """Delays in seconds."""
    return LevelLimits(high=high, on_delay=round(on * SECOND_NS), off_delay=round(off * SECOND_NS))


def group(
    kind: str,
    *members: Member,
    levels: tuple[LevelLimits, ...] = (level(2.0),) * 4,
    **more: Any,
) -> Rule:
    """A rule named by its kind."""
    blue, yellow, orange, red = levels
    options = more.pop("options", {})
    judgement = Judgement("", "", "1", (blue, yellow, orange, red), options)
    name = more.pop("name", kind)
    return Rule(name, kind, Select(), (judgement,), members=members, **more)


def three(*rules: Rule, **changed: Any) -> Drive:
    """Three detectors of one tank under a limit rule and others, all of them heard."""
    sensors = tuple(sensor(f"P{n}", asset="T-1", **changed) for n in (1, 2, 3))
    drive = Drive(plant(limit(HIGH), *rules, sensors=sensors))
    drive.samples((0, 0, 1.0), (1, 0, 1.0), (2, 0, 1.0))
    return drive


def of(records: list[Record], rule: str) -> list[str]:
    return path([record for record in records if record.rule == rule])


VOTE = group("vote", Member(rule=("high",)), per="asset")


# --- vote ----------------------------------------------------------------------------------------
def test_two_of_three_stand_at_the_second_gravest_level() -> None:
    drive = three(VOTE)
    assert of(drive.samples((0, 10, 60.0), (1, 10, 1.0)), "vote") == []
    (raised,) = (r for r in drive.samples((1, 12, 30.0), received=12) if r.rule == "vote")
    assert (raised.level_after, raised.value, raised.limit) == ("orange", 2.0, 2.0)
    assert (raised.subject, raised.asset, raised.quantity) == ("T-1", "T-1", "gas.pressure")
    assert (raised.time, raised.onset) == (ns(12), ns(12))
    assert of(drive.samples((2, 13, 55.0)), "vote") == ["level red"]
    assert of(drive.samples((0, 20, 1.0)), "vote") == ["level orange"]
    assert of(drive.samples((1, 30, 1.0)), "vote") == ["returned normal"]
    assert drive.acknowledge(31, "vote~T-1").outcome == "done"


def test_a_record_of_a_vote_stands_behind_those_that_made_it() -> None:
    made = three(VOTE).samples((0, 10, 60.0), (1, 10, 60.0))
    assert [record.rule for record in made] == ["high", "high", "vote"]
    assert [record.seq for record in made] == [1, 2, 3]


def test_who_is_silent_votes_as_it_stood_and_holds_the_vote() -> None:
    drive = three(VOTE)
    drive.samples((0, 10, 60.0), (1, 10, 60.0))
    made = drive.steady(20, 80, 60.0, sensor=1)  # P1 (red) and P3 (calm) are silent from 60 on
    assert of(made, "vote") == ["unknown red"]
    assert drive.state("vote~T-1") == ("unacknowledged", "red")
    # P2 returns: P1 stands, and P3 might.
    assert of(drive.say(90, 1.0, sensor=1), "vote") == []
    # P3 is heard and calm: P1 alone might stand, which makes one.
    assert of(drive.samples((2, 91, 1.0)), "vote") == ["returned normal"]
    assert of(drive.samples((0, 92, 1.0)), "vote") == ["known normal"]


def test_a_silent_member_that_cannot_matter_holds_nothing() -> None:
    drive = three(VOTE)
    drive.samples((0, 70, 60.0), (1, 70, 60.0))
    assert of(drive.tick(71), "vote") == ["unknown red"]  # P3 was last heard at 0
    assert of(drive.samples((0, 80, 1.0), (1, 80, 1.0)), "vote") == ["returned normal"]


def test_delays_end_by_ticks_and_the_value_is_what_held() -> None:
    delayed = group("vote", Member(rule=("high",)), levels=(NONE, NONE, level(2.0, 5, 30), NONE))
    drive = three(delayed)
    drive.samples((0, 10, 30.0), (1, 10, 30.0))
    assert of(drive.tick(16.9), "vote") == []
    (raised,) = drive.tick(17)
    assert (raised.rule, raised.time, raised.onset, raised.value) == ("vote", ns(15), ns(10), 2.0)
    drive.samples((0, 20, 1.0), (1, 20, 1.0))
    assert of(drive.steady(30, 40, 1.0) + drive.tick(52), "vote") == ["returned normal"]


def test_an_uncertain_member_makes_an_uncertain_vote() -> None:
    drive = three(VOTE, high=100.0)
    drive.samples((0, 10, 60.0))
    (made,) = (r for r in drive.samples((1, 10, 120.0)) if r.rule == "vote")
    assert (made.level_after, made.uncertain) == ("red", True)


def test_a_backlog_makes_a_historic_vote_that_is_annunciated_when_it_stands_now() -> None:
    drive = three(VOTE)
    late = drive.samples((0, 10, 60.0), (1, 10, 60.0), received=500)
    assert [(r.rule, r.historic) for r in late] == [("high", True), ("high", True), ("vote", True)]
    now = drive.samples((0, 499, 60.0), (1, 499, 60.0), received=500)
    (actual,) = (r for r in now if r.rule == "vote" and r.transition == "actual")
    assert (actual.level_after, actual.historic, actual.time) == ("red", False, ns(499))


def test_a_vote_that_comes_over_standing_alarms_is_raised_with_the_configuration() -> None:
    drive = three()
    drive.samples((0, 10, 60.0), (1, 10, 60.0))
    rules = (*drive.configuration.rules, VOTE)
    made = drive.configure(msgspec.structs.replace(drive.configuration, rules=rules), 15)
    assert of(made, "vote") == ["raised red"]
    assert made[-1].time == ns(15)


def test_a_member_that_is_withdrawn_has_no_vote_any_more() -> None:
    drive = three(VOTE)
    drive.samples((0, 10, 60.0), (1, 10, 60.0))
    sensors = drive.configuration.sensors[1:]
    made = drive.configure(msgspec.structs.replace(drive.configuration, sensors=sensors), 15)
    assert of(made, "high") == ["withdrawn normal"]
    assert of(made, "vote") == ["returned normal"]


def test_after_a_blind_hour_a_pending_clear_begins_anew() -> None:
    slow = group("vote", Member(rule=("high",)), levels=(NONE, NONE, NONE, level(2.0, 0, 30)))
    drive = three(slow)
    drive.samples((0, 10, 60.0), (1, 10, 60.0))
    drive.tick(11)
    drive.samples((0, 20, 1.0), (1, 20, 1.0))
    assert of(drive.tick(3600, resumed=True), "vote") == []
    rows = [(n, 3601.0, 1.0) for n in range(3)]
    assert of(drive.samples(*rows), "vote") == []
    assert of(drive.tick(3632), "vote") == ["returned normal"]


def test_a_shelved_vote_goes_on_counting() -> None:
    drive = three(VOTE)
    assert drive.shelve(5, 40, "vote~T-1").outcome == "done"
    made = drive.samples((0, 10, 12.0), (1, 10, 12.0))
    assert of(made, "vote") == ["raised yellow"]
    assert drive.state("vote~T-1")[0] == "shelved"
    assert of(drive.tick(46), "vote") == ["unshelved yellow"]


# --- composite -----------------------------------------------------------------------------------
def pit() -> Drive:
    """Methane and not ammonia: the sewer's gas comes with it."""
    methane = limit({"orange": 25.0}, name="methane", select=Select(sensor=("CH4",)))
    ammonia = limit({"blue": 5.0}, name="ammonia", select=Select(sensor=("NH3",)))
    leak = group(
        "composite",
        Member(1, needed=False, rule=("ammonia",)),
        Member(2, rule=("methane",)),
        levels=(NONE, NONE, NONE, level(1.0, 5)),
    )
    drive = Drive(plant(methane, ammonia, leak, sensors=(sensor("CH4"), sensor("NH3"))))
    drive.samples((0, 0, 1.0), (1, 0, 1.0))
    return drive


def test_gas_that_is_not_the_sewers_is_the_pipes() -> None:
    drive = pit()
    drive.samples((0, 10, 30.0))
    (leak,) = drive.tick(17)
    assert (leak.rule, leak.level_after, leak.subject) == ("composite", "red", "site")
    assert (leak.time, leak.onset) == (ns(15), ns(10))


def test_gas_that_comes_with_ammonia_is_not() -> None:
    drive = pit()
    drive.samples((1, 9, 8.0), (0, 10, 30.0))
    assert drive.tick(30) == []
    made = drive.samples((1, 31, 1.0), (0, 31, 30.0))
    assert of(made + drive.tick(38), "composite") == ["raised red"]


def test_a_silent_denier_does_not_hide_the_leak_but_cannot_end_it() -> None:
    drive = pit()
    drive.samples((0, 55, 30.0))
    (raised,) = (r for r in drive.tick(62) if r.rule == "composite")
    assert (raised.level_after, raised.unknown) == ("red", True)
    # The methane returns: whatever the ammonia is, there is no leak.
    assert of(drive.samples((0, 65, 1.0)), "composite") == ["returned normal"]


def test_what_must_stand_and_is_silent_might_stand() -> None:
    drive = pit()
    drive.samples((0, 10, 30.0))
    drive.tick(17)
    drive.steady(20, 80, 1.0, sensor=1)
    assert drive.state("composite~site") == ("unacknowledged", "red")
    assert of(drive.samples((1, 81, 8.0)), "composite") == ["returned normal"]


# --- ladder --------------------------------------------------------------------------------------
COUNTS = {"by_asset": 0.0, "first_hand": 0.0, "blue": 4.0, "yellow": 3.0, "orange": 2.0}
STEPS = (NONE, level(4.0), level(3.0), level(2.0))


def pond(items: bool) -> Drive:
    """Four piezometers and four survey marks of a tailings dam."""
    rule = group(
        "ladder", Member(rule=("high",)), levels=STEPS, options={**COUNTS, "items": float(items)}
    )
    sensors = tuple(
        sensor(f"{name}{n}", quantity=quantity)
        for name, quantity in (("P", "dam.phreatic.depth"), ("M", "dam.disp.horizontal"))
        for n in range(4)
    )
    drive = Drive(plant(limit(HIGH), rule, sensors=sensors))
    drive.samples(*((n, 0, 1.0) for n in range(8)))
    return drive


def rise(drive: Drive, second: float, *values: float) -> list[str]:
    made = drive.samples(*((n, second, value) for n, value in enumerate(values)))
    return of(made, "ladder")


@pytest.mark.parametrize(
    ("values", "made"),
    [
        ((6, 6, 6), []),
        ((6, 6, 6, 6), ["raised yellow"]),
        ((12, 12), []),
        ((12, 12, 12), ["raised orange"]),
        ((30, 12, 6), []),
        ((30, 30), ["raised red"]),
        ((6, 6, 6, 6, 12, 12, 12), ["raised yellow", "level orange"]),
    ],
)
def test_counts_of_points_are_those_of_the_standard(
    values: tuple[int, ...], made: list[str]
) -> None:
    assert rise(pond(items=False), 10, *map(float, values)) == made


def test_points_make_an_item_and_items_the_site() -> None:
    drive = pond(items=True)
    # Four blue points are one yellow item, two orange ones another, which is red: with it, and the
    # limits of the site at one orange item, nothing is made of two items unless both are orange.
    assert rise(drive, 10, 6, 6, 6, 6, 30, 30) == []
    assert rise(drive, 20, 12, 12, 12, 6, 30, 30) == ["raised red"]
    (raised,) = (r for r in drive.records if r.rule == "ladder")
    assert (raised.value, raised.limit) == (2.0, 2.0)


def test_both_ladders_count_alike() -> None:
    """The site's ladder over items and an area's over the same alarms."""
    for values in ((6, 6, 6, 6, 30, 30), (12, 12, 12, 6, 30, 30), (30, 30, 6, 6, 12, 12, 12, 1)):
        drive, tally = pond(items=True), Tally("items", STATUTORY)
        for record in drive.samples(*((n, 10, float(v)) for n, v in enumerate(values))):
            if record.rule == "high":
                now = ("normal", "blue", "yellow", "orange", "red").index(record.level_after)
                tally.take("site", record.quantity, record.subject, record.alarm, now)
        made = ("normal", "blue", "yellow", "orange", "red")[tally.level]
        assert drive.state("ladder~site")[1] == made


def test_a_ladder_comes_down_when_too_few_are_left() -> None:
    drive = pond(items=False)
    rise(drive, 10, 12, 12, 12, 6)
    assert rise(drive, 20, 12, 12, 6, 6) == ["level yellow"]
    assert rise(drive, 30, 1, 1, 1, 1) == ["returned normal"]


# --- what holds for all --------------------------------------------------------------------------
def test_a_ladder_hears_votes_and_composites_where_it_names_them() -> None:
    plain = group(
        "ladder", Member(rule=("*",)), levels=STEPS, options={**COUNTS, "first_hand": 1.0}
    )
    named = group("ladder", Member(rule=("*",)), levels=STEPS, options=COUNTS, name="named")
    drive = three(VOTE, plain, named)
    plan = drive.core.plan
    assert plan is not None
    members = {plan.configuration.rules[g.rule].id: g.subjects for g in plan.groups}
    assert members == {"vote": 3, "ladder": 3, "named": 4}


def test_groups_need_somebody_for_each_term() -> None:
    absent = group("composite", Member(2, rule=("high",)), Member(3, rule=("none",)))
    partly = group("vote", Member(rule=("high",), select=Select(asset=("T-2",))), per="asset")
    drive = three(absent, partly)
    assert drive.core.plan is not None
    assert drive.core.plan.groups == ()
    assert Core.restore(drive.core.snapshot()).digest() == drive.core.digest()


def test_a_group_is_known_by_rule_site_and_name() -> None:
    drive = three(VOTE)
    drive.samples((0, 10, 60.0), (1, 10, 60.0))
    more = (*drive.configuration.sensors, sensor("P9", asset="T-0"), sensor("P8", asset="T-1"))
    drive.configure(msgspec.structs.replace(drive.configuration, sensors=more), 12)
    assert drive.state("vote~T-1") == ("unacknowledged", "red")
    assert drive.acknowledge(13, "vote~T-1").outcome == "done"


def test_a_group_of_too_many_sensors_is_refused() -> None:
    sensors = tuple(sensor(f"P{n}") for n in range(17))
    rule = group("balance", Member())
    with pytest.raises(SpecError, match="a group has too many members"):
        compile_plan(plant(rule, sensors=sensors), b"")


def test_without_groups_nothing_is_kept() -> None:
    drive = Drive(plant(limit(HIGH)))
    assert drive.core.state is not None
    assert drive.core.state.grouped == []
    assert "presence" not in drive.core.state.arrays()
