"""Re-alarm, flapping, first-out, a gateway, and snapshots of the version before: a core driven by hand."""

from __future__ import annotations

import msgspec

from battery.drive import Drive, limit, ns, path, plant, quality_rule, sensor
from calm_core import CALM, LIMITS, RED, YELLOW, drive
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.record import Record
from lifeline.engine.rule import Flapping


# --- re-alarm -------------------------------------------------------------------------------------
def test_what_stays_active_after_its_acknowledgement_sounds_again_in_time() -> None:
    core = drive(realarm=600 * SECOND_NS)
    core.say(10, YELLOW)
    core.acknowledge(12)
    core.steady(20, 610, YELLOW)
    assert core.state()[0] == "acknowledged"
    made = core.steady(620, 630, YELLOW)
    assert [(r.transition, r.time) for r in made] == [("realarm", ns(612))]
    assert core.acknowledge(640, seq=1).outcome == "refused"  # that one was not seen yet
    core.acknowledge(641)
    core.say(642, CALM)
    assert core.core.standing() == []
    assert core.tick(2000)[:1] == []


# --- flapping -------------------------------------------------------------------------------------
def flap(core: Drive, start: int, times: int, value: float = YELLOW) -> list[Record]:
    """Comes and goes every ten seconds."""
    made = []
    for n in range(times):
        made += core.say(start + 20 * n, value)
        made += core.say(start + 20 * n + 10, CALM)
    return made


def test_what_comes_and_goes_too_often_is_held_and_goes_on_being_recorded() -> None:
    core = drive(flapping=Flapping(3, 600 * SECOND_NS))
    made = flap(core, 10, 6)
    # 3 raises in 600 s: each fills 200 s, the fourth within the first 200 s is one too many.
    assert [r.transition for r in made] == [
        "raised", "returned", "raised", "returned", "raised", "returned",
        "flapping", "returned", "raised", "returned", "raised", "returned",
    ]  # fmt: skip
    assert [r.state_after for r in made[6:]] == ["suppressed_by_design"] * 6
    held_until = 10 + 6 * 200
    assert made[-1].until == ns(held_until)
    assert path(core.tick(held_until - 1)) == ["unknown normal"]
    (back,) = core.tick(held_until)
    assert (back.transition, back.state_after) == ("unsuppressed", "returned_unacknowledged")


def test_red_is_never_held() -> None:
    core = drive(flapping=Flapping(1, 600 * SECOND_NS))
    made = flap(core, 10, 5, RED)
    assert {r.state_after for r in made} == {"unacknowledged", "returned_unacknowledged"}
    core = drive(flapping=Flapping(1, 600 * SECOND_NS))
    flap(core, 10, 3)
    assert core.state()[0] == "suppressed_by_design"
    assert core.say(100, RED)[0].state_after == "unacknowledged"


def test_a_silence_that_flaps_is_released_by_the_clock_alone() -> None:
    silence = msgspec.structs.replace(
        quality_rule("stale", "orange"), flapping=Flapping(1, 600 * SECOND_NS)
    )
    core = drive(plant(silence))
    assert [r.transition for r in core.tick(200)] == ["raised"]
    assert [r.transition for r in core.say(210, CALM)] == ["returned"]
    (held,) = core.tick(400)
    assert (held.transition, held.state_after) == ("flapping", "suppressed_by_design")
    assert core.tick((held.until - ns(0)) / SECOND_NS - 1) == []
    (back,) = core.tick((held.until - ns(0)) / SECOND_NS)
    assert (back.transition, back.state_after) == ("unsuppressed", "unacknowledged")


# --- first-out ------------------------------------------------------------------------------------
def test_the_first_of_a_burst_is_marked_until_all_of_it_is_closed() -> None:
    trip = limit(LIMITS, name="trip")
    rules = (msgspec.structs.replace(r, first_out="pump") for r in (limit(LIMITS), trip))
    core = drive(plant(*rules, sensors=(sensor("P1"), sensor("P2"))))
    core.say(10, YELLOW, sensor=1)
    core.say(11, YELLOW, sensor=0)
    marked = [(f"{r.rule}~{r.subject}", r.first_out) for r in core.records]
    assert marked == [
        ("high~P2", True), ("trip~P2", False), ("high~P1", False), ("trip~P1", False),
    ]  # fmt: skip
    core.acknowledge(12, "high~P2")
    assert [r.first_out for r in core.say(13, CALM, sensor=1)] == [True, False]  # it closed first
    (again, _) = core.say(14, YELLOW, sensor=1)
    assert (again.alarm, again.first_out) == ("high~P2", True)  # the same burst goes on
    for alarm in ("high~P1", "trip~P1", "high~P2", "trip~P2"):
        core.acknowledge(15, alarm)
    core.say(16, CALM, sensor=0)
    core.say(17, CALM, sensor=1)
    assert core.core.standing() == []
    assert [r.first_out for r in core.say(20, YELLOW, sensor=0)] == [True, False]


def test_first_out_by_asset_leaves_other_assets_and_what_is_suppressed_alone() -> None:
    sensors = tuple(sensor(name, asset=asset) for name, asset in (("P1", "A"), ("P2", "B")))
    rule = msgspec.structs.replace(limit(LIMITS), first_out="asset")
    core = drive(plant(rule, sensors=sensors))
    core.maintain(5, 600, "asset:A")
    assert core.say(10, YELLOW, sensor=0)[0].first_out is False
    assert core.say(11, YELLOW, sensor=1)[0].first_out is True
    made = core.end_maintenance(12, "asset:A")
    assert made.outcome == "done"
    assert (core.records[-1].transition, core.records[-1].first_out) == ("unsuppressed", True)


# --- a gateway ------------------------------------------------------------------------------------
def test_one_gateway_that_dies_is_one_alarm_and_its_children_are_unknown() -> None:
    sensors = tuple(sensor(f"P{n}") for n in range(1, 6))
    core = drive(plant(limit(LIMITS), quality_rule("stale", "orange"), sensors=sensors))
    core.say(10, YELLOW, sensor=2)
    made = core.tick(200)
    raised = [r for r in made if r.transition == "raised"]
    assert [(r.subject, r.level_after) for r in raised] == [("link:source", "orange")]
    assert core.state("high~P3") == ("unacknowledged", "yellow")
    assert [s.unknown for s in core.core.standing() if s.alarm == "high~P3"] == [True]
