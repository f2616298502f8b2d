"""Flood control: what is told by itself, what as one of many, and that nothing is told of no one."""

from __future__ import annotations

import random
from collections import Counter

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings

from area_logs import SiteAlarms
from lifeline.engine.alarm_table import Event
from lifeline.engine.flooding import FloodGate, Summary, groups
from lifeline.engine.level import LEVELS
from lifeline.engine.limits import MINUTE_NS, SECOND_NS
from lifeline.engine.performance.hearing import sounds
from lifeline.engine.record import Record
from performance_streams import stream

T0 = 1_800_000_000 * SECOND_NS // MINUTE_NS * MINUTE_NS


class Room:
    """A gate, the position of a site being its own name, and who raises alarms there."""

    def __init__(self) -> None:
        self.gate = FloodGate(lambda r: (r.site,))
        self.sites: dict[str, SiteAlarms] = {}
        self.number = 0

    def alarms(
        self, n: int, level: str = "orange", site: str = "east", at: float = 0, **flags: bool
    ) -> list[str]:
        """So many new alarms, told at a second."""
        alarms = self.sites.setdefault(site, SiteAlarms(site))
        found = []
        for _ in range(n):
            self.number += 1
            alarms.time = T0 + round(at * SECOND_NS) - 1
            (record,) = alarms.set(f"gas~S{self.number}", level, **flags)
            found.append(self.gate.take(record, T0 + round(at * SECOND_NS)))
        return found

    def due(self, at: float) -> tuple[list[tuple[str, bool]], list[Summary]]:
        changes, summaries = self.gate.due(T0 + round(at * SECOND_NS))
        return [(c.position, c.begun) for c in changes], summaries


def test_the_eleventh_alarm_of_ten_minutes_begins_a_flood() -> None:
    room = Room()
    assert room.alarms(5, at=0) == ["told"] * 5
    assert room.alarms(5, at=599) == ["told"] * 5
    assert room.alarms(1, at=600) == ["told"], "the first five are ten minutes ago"
    assert room.alarms(6, at=610) == ["told"] * 4 + ["grouped"] * 2
    assert room.due(611) == ([("east", True)], [])
    assert room.gate.flooded() == ["east"]


def test_a_group_is_one_message_a_minute() -> None:
    room = Room()
    room.alarms(10)
    room.alarms(3, "blue", at=30)
    room.alarms(4, "orange", at=59)
    assert room.due(59.5)[1] == []
    (one,) = room.due(60)[1]
    assert (one.site, one.rule, one.asset, one.count, one.worst) == ("east", "gas", "", 7, "orange")
    assert (one.begin, one.first, one.last) == (T0, T0 + 30 * SECOND_NS, T0 + 59 * SECOND_NS)
    assert (one.subject, one.subjects[0], len(one.subjects)) == ("S11", "S11", 5)
    assert room.due(120)[1] == []


def test_red_is_told_by_itself_however_many() -> None:
    room = Room()
    room.alarms(50)
    assert room.alarms(500, "red") == ["told"] * 500
    assert room.gate.counters["told"] == 510


def test_a_flood_ends_with_the_minute_after_which_ten_were_calm() -> None:
    room = Room()
    room.alarms(12, at=0)
    room.alarms(4, at=300)
    assert room.due(600)[0] == [("east", True)]
    assert room.due(660)[0] == [("east", False)]
    assert room.gate.counters["flood_minutes"] == 11
    assert room.alarms(1, at=661) == ["told"]


def test_a_flood_lasts_while_five_come_in_ten_minutes() -> None:
    room = Room()
    room.alarms(12, at=0)
    for minute in range(2, 40, 2):
        assert room.alarms(1, at=60 * minute) == ["grouped"]
    assert [begun for _, begun in room.due(60 * 40)[0]] == [True]


def test_what_does_not_sound_and_what_is_late_calls_nobody() -> None:
    room = Room()
    assert room.alarms(30, historic=True) == ["silent"] * 30
    east = room.sites["east"]
    (ack,) = east.event("gas~S1", Event.ACKNOWLEDGE)
    (back,) = east.set("gas~S2", "normal")
    assert [room.gate.take(r, T0) for r in (ack, back)] == ["silent", "silent"]
    assert room.alarms(10) == ["told"] * 10, "none of them was counted"


def test_a_drill_floods_nobody_who_watches_what_is_actual() -> None:
    room = Room()
    assert room.alarms(40, exercise=True) == ["told"] * 10 + ["grouped"] * 30
    assert room.alarms(10) == ["told"] * 10
    assert room.gate.flooded() == []
    (one,) = room.due(60)[1]
    assert (one.exercise, one.count) == (True, 30)


def test_an_alarm_of_two_positions_is_told_where_one_of_them_is_calm() -> None:
    gate = FloodGate(lambda r: (r.site, "supervisor") if r.site == "a" else ("supervisor",))
    a, b = SiteAlarms("a"), SiteAlarms("b")
    told = [gate.take(r, T0) for i in range(30) for r in b.set(f"r~{i}", "blue")]
    assert told == ["told"] * 10 + ["grouped"] * 20
    assert [gate.take(r, T0) for r in a.set("r~1", "blue")] == ["told"]


def test_groups_are_bounded_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "MAX_GROUPS", 3)
    gate = FloodGate(lambda r: ("one",))
    for site in range(9):
        alarms = SiteAlarms(f"s{site}", f"c/d/{site}")
        for rule in range(5):
            for record in alarms.set(f"r{rule}~S", "yellow"):
                gate.take(record, T0)
    summaries = gate.due(T0 + MINUTE_NS)[1]
    assert len(summaries) <= 2 * 3 + 1
    assert sum(s.count for s in summaries) == 45 - 10
    assert [s.area for s in summaries if not s.site] == [""]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 250))
def test_every_alarm_is_told_once_or_counted_in_one_summary(seed: int, size: int) -> None:
    """Over random records at random moments: none is lost, red is never grouped, and worlds never mix."""
    chance = random.Random(seed)
    gate = FloodGate(lambda r: (r.area, "all"))
    now, told, grouped = T0, 0, Counter[tuple[bool, str, str]]()
    summaries: list[Summary] = []
    records: list[Record] = stream(seed, size)
    for record in records:
        now += chance.choice((0, 0, SECOND_NS, 20 * SECOND_NS, 5 * MINUTE_NS))
        decision = gate.take(record, now)
        heard = sounds(record) and (record.exercise or not record.historic)
        assert (decision == "silent") == (not heard)
        if decision == "grouped":
            assert record.level_after != "red"
            grouped[record.exercise, record.site, record.rule] += 1
        told += decision == "told"
        summaries += gate.due(now)[1]
    summaries += gate.due(now + MINUTE_NS)[1]
    found = Counter[tuple[bool, str, str]]()
    for one in summaries:
        found[one.exercise, one.site, one.rule] += one.count
        assert one.worst in LEVELS[1:-1]
    assert found == grouped
    assert gate.counters["told"] == told
    assert not gate.open


def test_the_same_calls_give_the_same_answers() -> None:
    records = [msgspec.structs.replace(r, asset=r.subject) for r in stream(7, 200)]
    runs = []
    for _ in range(2):
        gate = FloodGate(lambda r: (r.site,))
        runs.append([(gate.take(r, T0 + i * SECOND_NS)) for i, r in enumerate(records)])
    assert runs[0] == runs[1]
