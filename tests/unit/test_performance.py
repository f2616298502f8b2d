"""Alarm performance, worked by hand: each figure on records of which the answer is known."""

from __future__ import annotations

import msgspec
import pytest

from area_logs import SiteAlarms
from lifeline.engine.alarm_table import Event
from lifeline.engine.limits import DAY_NS, HOUR_NS, MINUTE_NS
from lifeline.engine.performance import Desk as Desk_
from lifeline.engine.performance import (
    Figures,
    Flood,
    Performance,
    Where,
    World,
    limits,
    watches_of,
)
from lifeline.engine.performance.targets import AVERAGE, PEAK, STALE, TARGETS, Target
from lifeline.engine.record import Record
from performance_streams import SECOND, T0, TEN_MINUTES


class Desk:
    """One site and its operator; times in seconds after the beginning."""

    def __init__(self, begin: int = T0, span: int | None = None) -> None:
        self.site = SiteAlarms("east")
        self.made = Performance(begin, span)
        self.records: list[Record] = []

    def at(self, s: float) -> Desk:
        self.site.time = T0 + round(s * SECOND) - 1  # the first record takes the next ns
        return self

    def set(self, name: str, level: str, **flags: bool) -> Desk:
        return self._take(self.site.set(name, level, **flags))

    def do(self, name: str, event: Event, **flags: bool) -> Desk:
        return self._take(self.site.event(name, event, **flags))

    def _take(self, records: list[Record]) -> Desk:
        for record in records:
            self.records.append(record)
            self.made.step(record)
        return self

    def figures(self, minutes: int, world: World = "actual") -> Figures:
        """Of the site, after so many minutes."""
        return self.made.at(T0 + minutes * MINUTE_NS, None, world)[-1]


def alarms(desk: Desk, interval: int, n: int, level: str = "blue") -> None:
    """So many alarms in one interval of ten minutes, each answered within a second."""
    for i in range(n):
        desk.at(600 * interval + 2 * i).set(f"r~S{interval}-{i}", level)
        desk.at(600 * interval + 2 * i + 1).do(f"r~S{interval}-{i}", Event.ACKNOWLEDGE)


def test_the_rate_is_of_whole_ten_minutes() -> None:
    desk = Desk()
    alarms(desk, 0, 3)
    alarms(desk, 2, 1)
    figures = desk.figures(35)  # the fourth interval is not over
    assert (figures.intervals, figures.alarms, figures.average) == (3, 4, 4 / 3)
    assert (figures.peak, figures.peak_at, figures.last) == (3, T0, 1)
    assert (figures.begin, figures.end) == (T0, T0 + 3 * TEN_MINUTES)


def test_a_flood_begins_above_ten_and_ends_below_five() -> None:
    """11, then 5 which still belongs to it, then 4 which does not: 20 of 60 minutes."""
    desk = Desk()
    for interval, n in enumerate([10, 11, 5, 4, 10, 0]):
        alarms(desk, interval, n)
    figures = desk.figures(60)
    assert figures.floods == (Flood(T0 + TEN_MINUTES, T0 + 3 * TEN_MINUTES, 16, 11),)
    assert (figures.above, figures.flood_count, figures.flood_intervals) == (1, 1, 2)
    assert (figures.above_share, figures.flood_share) == (1 / 6, 2 / 6)
    assert not figures.flooding


def test_a_flood_that_has_not_ended_lasts() -> None:
    desk = Desk()
    alarms(desk, 1, 12)
    assert desk.figures(10).floods == ()
    assert desk.figures(20).flooding
    assert not desk.figures(30).flooding


def test_a_promotion_beyond_what_was_acknowledged_sounds_again_and_a_fall_does_not() -> None:
    desk = Desk().at(0).set("r~S", "yellow").at(1).do("r~S", Event.ACKNOWLEDGE)
    desk.at(2).set("r~S", "red").at(3).set("r~S", "orange").at(4).set("r~S", "red")
    figures = desk.figures(10)
    # The second red is a rise of an alarm that nobody has acknowledged since: it sounds.
    assert figures.levels == (0, 1, 0, 2)
    assert figures.level_shares == (0, 1 / 3, 0, 2 / 3)


def test_what_is_shelved_does_not_sound_until_the_shelf_ends() -> None:
    desk = Desk().at(0).set("r~S", "yellow").at(1).do("r~S", Event.SHELVE)
    desk.site.alarms["r~S"].cover = 2
    desk.at(2).set("r~S", "normal").at(3).set("r~S", "blue")
    figures = desk.figures(10)
    assert (figures.alarms, figures.shelved, figures.standing) == (1, 1, 0)
    desk.at(4).do("r~S", Event.END_ACTIVE)
    figures = desk.figures(10)
    assert (figures.alarms, figures.shelved, figures.standing) == (2, 0, 1)
    assert figures.unacknowledged == 1


def test_three_raises_in_a_minute_chatter_and_two_do_not() -> None:
    desk = Desk()
    for s in (0, 30, 60):  # exactly a minute
        desk.at(s).set("r~S", "blue").at(s + 15).set("r~S", "normal")
    for s in (0, 30, 61):
        desk.at(s).set("r~T", "blue").at(s + 15).set("r~T", "normal")
    figures = desk.figures(10)
    assert (figures.chattering, figures.chatters, figures.fleeting) == (1, 1, 0)


def test_fleeting_is_over_within_ten_seconds_and_does_not_chatter() -> None:
    desk = Desk()
    for name, s, lasts in (("short~S", 0, 10), ("long~S", 100, 11)):
        desk.at(s).set(name, "blue").at(s + lasts).set(name, "normal")
    for s in (200, 210, 220):
        desk.at(s).set("chatter~S", "blue").at(s + 2).set("chatter~S", "normal")
    figures = desk.figures(10)
    assert (figures.fleeting, figures.fleetings, figures.chattering) == (1, 1, 1)


def test_an_alarm_is_stale_after_24_hours_even_when_acknowledged() -> None:
    desk = Desk().at(0).set("r~S", "blue").at(60).do("r~S", Event.ACKNOWLEDGE)
    assert desk.figures(24 * 60 - 1).stale == 0
    figures = desk.figures(24 * 60)
    assert (figures.standing, figures.stale, figures.unacknowledged) == (1, 1, 0)
    assert [(each.alarm, each.since) for each in figures.oldest] == [("r~S", T0)]
    desk.at(90_000).set("r~S", "normal")
    assert desk.figures(26 * 60).stale == 0


def test_time_to_acknowledge_is_from_the_first_sound_and_late_by_the_gravest_level() -> None:
    """Ten answers of 10 to 100 s, and a red one after 301 s."""
    desk = Desk()
    for i in range(1, 11):
        desk.at(1_000 * i).set(f"r~S{i}", "blue").at(1_010 * i).do(f"r~S{i}", Event.ACKNOWLEDGE)
    desk.at(20_000).set("r~R", "yellow").at(20_100).set("r~R", "red")
    desk.at(20_301).do("r~R", Event.ACKNOWLEDGE)
    answers = desk.figures(6 * 60).answers
    assert (answers.count, answers.median, answers.p95, answers.longest) == (11, 60, 301, 301)
    assert answers.mean == pytest.approx((550 + 301) / 11)
    assert answers.late == 1


def test_what_returned_unseen_is_unacknowledged_and_its_answer_counts() -> None:
    desk = Desk().at(0).set("r~S", "blue").at(30).set("r~S", "normal")
    figures = desk.figures(10)
    assert (figures.standing, figures.unacknowledged) == (0, 1)
    desk.at(90).do("r~S", Event.ACKNOWLEDGE)
    assert (desk.figures(10).unacknowledged, desk.figures(10).answers.median) == (0, 90)


def test_the_worst_ten_have_a_share_of_all() -> None:
    desk = Desk()
    for i in range(12):
        for k in range(12 - i):
            desk.at(100 * i + 5 * k).set(f"r~S{i:02}", "blue").set(f"r~S{i:02}", "normal")
    figures = desk.figures(30)
    assert [(w.alarm, w.alarms) for w in figures.worst[:2]] == [("r~S00", 12), ("r~S01", 11)]
    assert len(figures.worst) == 10
    assert figures.worst_share == (78 - 2 - 1) / 78


def test_drills_and_what_came_late_are_counted_apart() -> None:
    desk = Desk().at(0).set("a~S", "red").at(1).set("b~S", "red", exercise=True)
    desk.at(2).set("c~S", "red", historic=True)
    desk.at(61).do("b~S", Event.ACKNOWLEDGE)  # the answer to a drill is the drill's
    actual, drill = desk.figures(10), desk.figures(10, "exercise")
    historic = desk.figures(10, "historic")
    assert [f.alarms for f in (actual, drill, historic)] == [1, 1, 1]
    assert [f.standing for f in (actual, drill, historic)] == [1, 1, 1]
    assert [f.answers.count for f in (actual, drill, historic)] == [0, 1, 0]


def test_what_is_told_as_actual_after_a_backlog_sounds_then() -> None:
    desk = Desk().at(0).set("c~S", "red", historic=True).at(700).do("c~S", Event.ACTUAL)
    desk.at(710).do("c~S", Event.ACKNOWLEDGE)
    figures = desk.figures(20)
    assert (figures.alarms, figures.last, figures.answers.median) == (1, 1, 10)
    assert desk.figures(20, "historic").standing == 0


def test_sites_add_up_to_areas_and_positions() -> None:
    made = Performance(T0)
    for name, area in (("a", "hefei/shushan/east"), ("b", "hefei/shushan/west")):
        site = SiteAlarms(name, area)
        site.time = T0
        for record in site.set("r~S", "red"):
            made.step(record)
    where = {"a": Where("hefei/shushan/east", "desk 1"), "c": Where("hefei/baohe/x", "desk 1")}
    found = {(f.scope, f.name): f.alarms for f in made.at(T0 + TEN_MINUTES, where)}
    assert found == {
        ("area", "hefei"): 2,
        ("area", "hefei/baohe"): 0,
        ("area", "hefei/baohe/x"): 0,
        ("area", "hefei/shushan"): 2,
        ("area", "hefei/shushan/east"): 1,
        ("area", "hefei/shushan/west"): 1,
        ("position", "desk 1"): 1,
        ("position", "hefei/shushan/west"): 1,
        ("site", "a"): 1,
        ("site", "b"): 1,
        ("site", "c"): 0,
    }


def test_positions_name_sites_areas_and_assets() -> None:
    desks = (
        Desk_("tanks", sites=("a",), assets=("T-*",)),
        Desk_("supervisor", areas=("hefei/shushan",)),
        Desk_("pumps", assets=("P-1",)),
    )
    made = Performance(T0, assets=True)
    areas = {"a": "hefei/shushan/east", "b": "hefei/baohe/west", "d": "hefei/shushanx/y"}
    for name, area in areas.items():
        site = SiteAlarms(name, area)
        site.time = T0
        for asset in ("T-1", "P-1", ""):
            for record in site.set(f"r~{asset or 'S'}", "red"):
                made.step(msgspec.structs.replace(record, asset=asset))
    where = {s: Where(area, "", watches_of(s, area, desks)) for s, area in areas.items()}
    figures = made.at(T0 + TEN_MINUTES, where)
    assert {f.name: f.alarms for f in figures if f.scope == "position"} == {
        "tanks": 1,
        "supervisor": 3,
        "pumps": 3,
        "hefei/baohe/west": 2,
        "hefei/shushanx/y": 2,
    }
    assert {f.name: f.alarms for f in figures if f.scope == "site"} == dict.fromkeys("abd", 3)


def test_a_drill_counts_in_its_own_world_alone() -> None:
    desk = Desk().at(0).set("a~S", "red").at(1)
    drill = SiteAlarms("drill")
    drill.time = T0
    for record in drill.set("b~S", "red", exercise=True):
        desk.made.step(record)
    where = {"drill": Where("hefei/shushan/east", "desk 1", exercise=True)}
    actual = desk.made.at(T0 + TEN_MINUTES, where)
    assert {(f.scope, f.name) for f in actual} >= {("site", "east")}
    assert not {f.name for f in actual} & {"drill", "desk 1"}
    practised = {f.name: f.alarms for f in desk.made.at(T0 + TEN_MINUTES, where, "exercise")}
    assert (practised["drill"], practised["desk 1"], practised["east"]) == (1, 1, 0)


def test_what_stands_is_adopted_where_its_beginning_was_trimmed() -> None:
    desk = Desk().at(0).set("r~S", "blue").at(60).do("r~S", Event.ACKNOWLEDGE)
    desk.at(90).set("s~S", "blue")
    later = Performance(T0 + DAY_NS)
    for record in desk.records[1:]:
        later.adopt(record)
    later.step(desk.records[2])  # still in the outbox: it begins anew
    figures = later.at(T0 + 2 * DAY_NS)[-1]
    assert (figures.alarms, figures.standing, figures.stale) == (0, 2, 2)
    desk.at(86_460).set("r~S", "normal")
    later.step(desk.records[-1])
    assert later.at(T0 + 2 * DAY_NS)[-1].standing == 1


def test_an_episode_that_is_met_half_way_stands_since_its_onset_and_nobody_was_asked() -> None:
    desk = Desk().at(0).set("r~S", "blue").at(60).set("r~S", "red")
    desk.at(120).do("r~S", Event.ACKNOWLEDGE)
    later = Performance(T0)
    later.step(desk.records[2])
    figures = later.at(T0 + TEN_MINUTES)[-1]
    assert (figures.standing, figures.answers.count) == (1, 0)
    assert figures.oldest[0].since == desk.records[0].onset


def test_notices_of_the_engine_are_no_alarms() -> None:
    notice = SiteAlarms("_engine").set("engine.blind~0", "blue")[0]
    made = Performance(T0)
    made.step(msgspec.structs.replace(notice, transition="notice", episode=0, time=T0))
    assert made.at(T0 + TEN_MINUTES)[-1].alarms == 0


def test_beyond_a_bound_alarms_count_and_are_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_NAMED", 5)
    monkeypatch.setattr(limits, "MAX_ANSWERS", 4)
    monkeypatch.setattr(limits, "MAX_RECENT", 3)
    desk = Desk()
    alarms(desk, 0, 8)
    figures = desk.figures(10)
    assert (figures.alarms, len(figures.worst), figures.answers.count) == (8, 5, 4)
    counters = desk.made.counters()
    assert (counters["unnamed"], counters["unmeasured"], counters["not_watched"]) == (3, 4, 5)


def test_beyond_a_bound_what_stands_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_OPEN", 2)
    desk = Desk()
    for i in range(4):
        desk.at(i).set(f"r~S{i}", "blue")
    assert (desk.figures(10).standing, desk.made.counters()["not_followed"]) == (2, 2)
    desk.at(9).do("r~S0", Event.ACKNOWLEDGE).set("r~S0", "normal")
    desk.at(10).set("r~S5", "blue")  # there is room again
    assert desk.figures(10).standing == 2


def test_a_window_that_moves_gives_back_what_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_NAMED", 3)
    desk = Desk(span=HOUR_NS)
    for hour in range(5):
        desk.made.at(T0 + (60 * hour + 10) * MINUTE_NS)
        alarms(desk, 6 * hour, 3)
        assert desk.figures(60 * hour + 10).alarms == 3
    assert desk.made.counters()["unnamed"] == 0


@pytest.mark.parametrize(
    ("target", "value", "band"),
    [
        (AVERAGE, 1, "good"),
        (AVERAGE, 2, "manageable"),
        (AVERAGE, 2.01, "demanding"),
        (AVERAGE, 10.1, "excessive"),
        (PEAK, 10, "good"),
        (PEAK, 101, "excessive"),
        (STALE, 4, "good"),
        (STALE, 5, "demanding"),
    ],
)
def test_bands(target: Target, value: float, band: str) -> None:
    assert target.band(value) == band


def test_every_target_has_a_clause_a_mark_and_both_languages() -> None:
    for target in TARGETS:
        assert target.clause
        assert target.title
        assert target.title_zh
        assert target.mark.startswith("[")
    judged = {target.name for target in TARGETS if target.upto}
    assert judged == set(Desk().at(0).set("r~S", "blue").figures(10).bands())
