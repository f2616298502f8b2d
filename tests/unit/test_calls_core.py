"""The call stage by hand: who is called when, and how it ends (docs/semantics.md §9)."""

import pytest

from area_logs import MINUTE, SECOND, SiteAlarms
from call_logs import CallLog, configured, short
from lifeline.engine.alarm_table import Event
from lifeline.engine.calls.configuration import CallChain, Person, Step
from lifeline.engine.calls.entry import Standing
from lifeline.engine.record import first_break

GAS = "gas~GD-1"


def log_of(*steps: tuple[str, ...], **more: object) -> tuple[CallLog, SiteAlarms]:
    log = CallLog()
    log.put(configured(*steps, **more))
    return log, SiteAlarms("a")


def test_red_is_answered_within_five_minutes_or_the_next_is_called() -> None:
    log, site = log_of(("zhang",), ("li", "zhao"))
    assert short(log.hear(site.set(GAS, "red"))) == ["due zhang"]
    (due,) = log.records
    assert due.level_after == "red"
    assert due.site == "call:a"
    assert due.subject == GAS
    assert due.detail["answer_by"] == str(log.now + 5 * MINUTE)
    assert short(log.sent(due, "zhang")) == ["called zhang"]
    assert log.tick(5 * MINUTE - 2 * SECOND) == []
    made = log.tick(SECOND)
    assert short(made) == ["overdue zhang", "escalated li, zhao"]
    assert {r.time for r in made} == {due.time + 5 * MINUTE}
    made = log.hear(site.event(GAS, Event.ACKNOWLEDGE, detail={"principal": "person:li"}))
    assert short(made) == ["answered"]
    assert made[0].detail["principal"] == "person:li"
    assert log.tick(60 * MINUTE) == []
    assert first_break(log.records) is None


def test_each_level_has_its_time_and_only_configured_levels_call() -> None:
    log, site = log_of(("zhang",), levels=(1, 2, 3, 4))
    for level, minutes in (("blue", 60), ("yellow", 30), ("orange", 15), ("red", 5)):
        (due,) = log.hear(site.set(f"{level}~x", level))
        assert due.detail["within"] == str(minutes * 60)
    log, site = log_of(("zhang",))
    assert log.hear(site.set(GAS, "yellow")) == []
    assert short(log.hear(site.set(GAS, "orange"))) == ["due zhang"]


def test_a_rise_beyond_what_was_answered_begins_a_new_call() -> None:
    log, site = log_of(("zhang",), ("li",))
    log.hear(site.set(GAS, "orange"))
    assert short(log.hear(site.event(GAS, Event.ACKNOWLEDGE))) == ["answered"]
    assert short(log.hear(site.set(GAS, "red"))) == ["due zhang"]
    assert log.records[-1].detail["answer_by"] == str(log.now + 5 * MINUTE)


def test_a_rise_of_an_unanswered_alarm_restarts_the_timers() -> None:
    log, site = log_of(("zhang",), ("li",))
    log.hear(site.set(GAS, "orange"))
    log.tick(14 * MINUTE)
    made = log.hear(site.set(GAS, "red"))
    assert short(made) == ["ended", "due zhang"]
    assert made[0].detail["reason"] == "risen"
    assert made[0].detail["call"] != made[1].detail["call"]
    assert short(log.tick(5 * MINUTE)) == ["overdue zhang", "escalated li"]


def test_a_fall_or_a_return_ends_no_call() -> None:
    log, site = log_of(("zhang",), ("li",))
    log.hear(site.set(GAS, "red"))
    assert log.hear(site.set(GAS, "orange"), site.set(GAS, "normal"), site.set(GAS, "red")) == []
    assert short(log.tick(5 * MINUTE)) == ["overdue zhang", "escalated li"]


def test_shelving_or_withdrawal_ends_a_call_without_an_answer() -> None:
    for event, reason in ((Event.SHELVE, "shelved"), (Event.WITHDRAW, "withdrawn")):
        log, site = log_of(("zhang",))
        log.hear(site.set(GAS, "red"))
        (ended,) = log.hear(site.event(GAS, event))
        assert (ended.rule, ended.detail["reason"]) == ("call.ended", reason)
        assert log.core.next_due() is None or log.tick(60 * MINUTE) == []


def test_what_comes_off_a_shelf_calls_anew() -> None:
    log, site = log_of(("zhang",))
    log.hear(site.set(GAS, "red"), site.event(GAS, Event.SHELVE))
    assert short(log.hear(site.event(GAS, Event.END_ACTIVE))) == ["due zhang"]


def test_a_backlog_calls_nobody_until_it_is_actual() -> None:
    log, site = log_of(("zhang",))
    assert log.hear(site.set(GAS, "red", historic=True)) == []
    assert short(log.hear(site.event(GAS, Event.ACTUAL))) == ["due zhang"]


def test_a_drill_of_the_site_is_marked_and_an_actual_alarm_takes_its_place() -> None:
    log, site = log_of(("zhang",))
    (due,) = log.hear(site.set(GAS, "orange", exercise=True))
    assert due.exercise
    made = log.hear(site.set(GAS, "red"))
    assert [(r.rule, r.exercise) for r in made] == [("call.ended", True), ("call.due", False)]


def test_who_cannot_be_reached_gives_way_at_once() -> None:
    log, site = log_of(("zhang", "li"), ("zhao",))
    (due,) = log.hear(site.set(GAS, "red"))
    assert short(log.sent(due, "zhang", "", "refused")) == ["failed zhang"]
    assert short(log.sent(due, "li", "", "refused")) == ["failed li", "escalated zhao"]
    escalated = log.records[-1]
    assert short(log.tick(5 * MINUTE)) == ["overdue zhao", "exhausted"]
    assert short(log.sent(escalated, "zhao")) == ["called zhao"]


def test_results_count_once_and_late_ones_are_still_recorded() -> None:
    log, site = log_of(("zhang",), ("li",))
    (due,) = log.hear(site.set(GAS, "red"))
    log.hear(site.event(GAS, Event.ACKNOWLEDGE))
    assert short(log.sent(due, "zhang")) == ["called zhang"]
    assert log.sent(due, "zhang") == []
    assert log.sent(due, "li") == []
    assert log.core.counters()["repeated"] == 2


def test_the_chain_is_gone_through_as_often_as_is_set_and_then_told_no_more() -> None:
    log, site = log_of(("zhang",), rounds=2)
    log.hear(site.set(GAS, "red"))
    made = log.tick(24 * 60 * MINUTE)
    assert short(made) == [
        "overdue zhang",
        "exhausted",
        "repeated zhang",
        "overdue zhang",
        "exhausted",
    ]
    assert [r.detail.get("again_at", "") != "" for r in made if r.rule == "call.exhausted"] == [
        True,
        False,
    ]
    assert log.core.open_calls()
    assert log.core.next_due() is None


def test_nobody_in_the_roster_is_told_at_once() -> None:
    log, _ = log_of(("zhang",))
    made = log.hear(SiteAlarms("b").set(GAS, "red"))
    assert [(r.rule, r.detail["cause"]) for r in made] == [("call.exhausted", "nobody")]


def test_chains_of_areas_stand_behind_those_of_the_site() -> None:
    persons = tuple(map(Person, ("zhang", "street", "city")))
    chains = (
        CallChain(site="a", steps=(Step(("zhang",)),)),
        CallChain(area="hefei/shushan/east", steps=(Step(("street", "zhang")),)),
        CallChain(
            area="hefei", steps=(Step(("city",), levels=(4,)),), within=(0, 0, 0, 2 * MINUTE)
        ),
    )
    log, site = log_of(persons=persons, chains=chains)
    log.hear(site.set(GAS, "red"))
    assert short(log.tick(2 * MINUTE)) == ["overdue zhang", "escalated street"]
    assert short(log.tick(2 * MINUTE)) == ["overdue street", "escalated city"]
    log.hear(site.set("gas~GD-2", "orange"))
    assert short(log.tick(30 * MINUTE))[-1] == "exhausted"


MONDAY = 4 * 24 * 60 * MINUTE  # 1970-01-05 00:00 UTC
DAY_HOURS = ((8 * 60, 18 * 60),)


def test_out_of_hours_the_stand_in_is_called_and_nobody_twice() -> None:
    persons = (
        Person("zhang", hours=DAY_HOURS, stand_in="li"),
        Person("li"),
        Person("wang", hours=DAY_HOURS),
    )
    chains = (CallChain(site="a", steps=(Step(("zhang",)), Step(("wang", "li")))),)
    log, site = log_of(persons=persons, chains=chains)
    log.tick(MONDAY + 9 * 60 * MINUTE)
    assert short(log.hear(site.set(GAS, "red"))) == ["due zhang"]
    log.tick(12 * 60 * MINUTE)
    (due,) = log.hear(site.set("gas~GD-2", "red"))
    assert short([due]) == ["due li"]
    assert due.detail["instead"] == "zhang: li"
    made = log.tick(5 * MINUTE)
    assert short(made) == ["overdue li", "exhausted"]
    assert made[-1].detail["skipped"] == "wang"


def test_where_nobody_is_on_duty_hours_do_not_count() -> None:
    persons = (Person("zhang", hours=DAY_HOURS), Person("li", hours=DAY_HOURS))
    log, site = log_of(("zhang",), ("li",), persons=persons)
    log.tick(MONDAY + 3 * 60 * MINUTE)
    (due,) = log.hear(site.set(GAS, "red"))
    assert (due.detail["persons"], due.detail["off_duty"]) == ("zhang", "yes")
    assert short(log.tick(5 * MINUTE)) == ["overdue zhang", "escalated li"]


def test_hours_follow_the_zone_and_its_summer_time() -> None:
    hour = 60 * MINUTE
    zones = {"X": ((-(2**63), 8 * hour), (MONDAY + 7 * 24 * hour, 9 * hour))}
    persons = (Person("zhang", hours=DAY_HOURS, zone="X"), Person("li"))
    log, site = log_of(("zhang",), ("li",), persons=persons, zones=zones)
    log.tick(MONDAY)
    assert short(log.hear(site.set(GAS, "red"))) == ["due zhang"]
    log, site = log_of(("zhang",), ("li",), persons=persons, zones=zones)
    log.tick(MONDAY + 7 * 24 * hour + 9 * hour)  # 18:00 by the new offset
    assert short(log.hear(site.set(GAS, "red"))) == ["due li"]


def test_after_a_blind_hour_waiting_answers_are_heard_before_anybody_is_overdue() -> None:
    log, site = log_of(("zhang",), ("li",))
    log.hear(site.set(GAS, "red"), site.set("gas~GD-2", "red"))
    assert log.tick(60 * MINUTE, resumed=True) == []
    assert short(log.hear(site.event(GAS, Event.ACKNOWLEDGE))) == ["answered"]
    assert short(log.tick(30 * SECOND)) == ["overdue zhang", "escalated li"]


def test_a_first_start_calls_for_what_stands_and_ends_what_does_not() -> None:
    log, site = log_of(("zhang",))
    raised = site.set(GAS, "red") + site.set("gas~GD-2", "red")
    log.hear(raised[:1])
    standing = Standing({"a": 2}, (raised[1],))
    made = log.put(standing)
    assert short(made) == ["ended", "due zhang"]
    assert made[1].subject == "gas~GD-2"
    assert log.hear(raised) == []


def test_beyond_the_limit_of_open_calls_red_is_still_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lifeline.engine.calls.book.OPEN_CALLS", 2)
    log, site = log_of(("zhang",))
    made = log.hear(*(site.set(f"gas~{n}", "orange") for n in range(3)))
    assert short(made) == ["due zhang", "due zhang", "shed"]
    assert short(log.hear(site.set("gas~2", "red"))) == ["due zhang"]


def test_a_drill_calls_everybody_and_reports_who_answered() -> None:
    persons = (Person("zhang", hours=DAY_HOURS), Person("li"), Person("zhao"))
    log, _ = log_of(("zhang",), ("li", "zhao"), persons=persons)
    reply = log.drill()
    assert reply.outcome == "done"
    (asked,) = log.records
    assert (asked.rule, asked.exercise, asked.detail["persons"]) == (
        "call.drill",
        True,
        "zhang, li, zhao",
    )
    call = asked.detail["call"]
    assert log.drill().outcome == "repeated"
    log.sent(asked, "li")
    assert log.answer(call, "li").outcome == "done"
    assert log.answer(call, "li").outcome == "repeated"
    assert log.answer(call, "boss").outcome == "refused"
    log.sent(asked, "zhao", "", "no such number")
    (report,) = log.tick(5 * MINUTE)
    assert report.rule == "call.report"
    assert report.detail["count"] == "1/3"
    assert report.detail["answered"] == "li 3 s"
    assert report.detail["silent"] == "zhang"
    assert report.detail["failed"] == "zhao"
    assert log.answer(call, "zhang").outcome == "refused"
    assert all(r.exercise for r in log.records)


def test_a_drill_ends_when_all_have_answered_and_one_without_persons_is_refused() -> None:
    log, _ = log_of(("zhang",))
    log.drill()
    log.answer(log.records[0].detail["call"], "zhang")
    assert short(log.records) == ["drill zhang", "answered", "report"]
    assert log.drill("e", site="b").outcome == "refused"
