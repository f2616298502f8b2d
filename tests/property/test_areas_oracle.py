"""Ladder counts against a slow oracle, over drawn histories of sites; splits, repeats, snapshots.

The oracle reads nothing but the records and the page: it keeps each alarm's level, and counts
from nothing after each record.
"""

from __future__ import annotations

from itertools import groupby

import hypothesis.strategies as st
from hypothesis import given, settings

from area_logs import DISTRICT, AreaLog, SiteAlarms, configured
from lifeline.engine.alarm_table import Event
from lifeline.engine.areas.configuration import Area, Count, Ladder, Silence
from lifeline.engine.areas.core import AreaCore
from lifeline.engine.areas.entry import AreaEntry, Heard
from lifeline.engine.entry import Header
from lifeline.engine.level import LEVELS
from lifeline.engine.record import Record, first_break

SITES = ("a", "b", "c")
QUANTITIES = ("gas.h2s", "dam.pond.level")
SECOND = 1_000_000_000


EVENTS = {
    "actual": Event.ACTUAL,
    "acknowledge": Event.ACKNOWLEDGE,
    "suppress": Event.SUPPRESS,
    "remove": Event.REMOVE,
    "end": Event.END_ACTIVE,
    "shelve": Event.SHELVE,
}


class Oracle:
    """The level of an area by the words of docs/semantics.md §8."""

    def __init__(self, count: Count, counts: tuple[int, int, int]) -> None:
        self.count, self.counts = count, counts
        self.levels: dict[bool, dict[tuple[str, str, str, str], int]] = {False: {}, True: {}}

    def hear(self, r: Record) -> None:
        level = LEVELS.index(r.level_after)
        key = (r.site, r.quantity, r.subject, r.rule)
        away = ("suppressed_by_design", "out_of_service")
        if r.state_after in away:
            level = 0
        changed = r.level_before != r.level_after or r.state_before in away
        may_raise = not r.historic and (changed or r.transition == "actual")
        for exercise, known in self.levels.items():
            before = known.get(key, 0)
            mine = exercise == r.exercise and may_raise
            known[key] = level if mine else min(before, level)

    def made(self, levels: list[int]) -> int:
        """What these members make by their counts alone."""
        found = 0
        for level in (1, 2, 3):
            if sum(x >= level for x in levels) >= self.counts[level - 1]:
                found = level + 1
        return found

    def whole(self, levels: list[int]) -> int:
        return max([*levels, self.made(levels)])

    def level(self, exercise: bool) -> int:
        standing = sorted((k, v) for k, v in self.levels[exercise].items() if v)
        points = {
            place: max(v for _, v in group)
            for place, group in groupby(standing, key=lambda kv: kv[0][:3])
        }
        if self.count == "points":
            return self.made(list(points.values()))
        items = {
            place: self.whole([v for _, v in group])
            for place, group in groupby(sorted(points.items()), key=lambda kv: kv[0][:2])
        }
        if self.count == "items":
            return self.made(list(items.values()))
        sites = {
            place: self.whole([v for _, v in group])
            for place, group in groupby(sorted(items.items()), key=lambda kv: kv[0][0])
        }
        return self.made(list(sites.values()))


@st.composite
def histories(draw: st.DrawFn) -> list[Record]:
    """Records of some sites, each site's in order, the sites interleaved."""
    sites = {name: SiteAlarms(name) for name in SITES}
    made: list[Record] = []
    steps = draw(
        st.lists(
            st.tuples(
                st.sampled_from(SITES),
                st.sampled_from(QUANTITIES),
                st.integers(0, 1),
                st.sampled_from(("high", "rate")),
                st.sampled_from((*LEVELS, *EVENTS)),
                st.sampled_from(("", "", "historic", "exercise")),
            ),
            min_size=1,
            max_size=60,
        )
    )
    for name, quantity, n, rule, what, flag in steps:
        site, alarm = sites[name], f"{rule}~{quantity}-{n}"
        flags = {flag: True} if flag else {}
        if what in LEVELS:
            made += site.set(alarm, what, quantity, **flags)
        elif alarm in site.alarms and site.alarms[alarm].level:
            made += site.event(alarm, EVENTS[what], **flags)
    return made


def log_with(ladder: Ladder) -> AreaLog:
    log = AreaLog()
    area = Area(DISTRICT, ladders=(ladder,), silence=Silence(0, 0, 0))
    log.put(configured(area, sites=SITES))
    return log


def levels_of(core: AreaCore) -> tuple[int, int]:
    found = {s.alarm: LEVELS.index(s.level) for s in core.standing()}
    return found.get("gas~area", 0), found.get("gas~exercise", 0)


counting = st.sampled_from(("points", "items", "sites"))
needed = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))


@settings(deadline=None, max_examples=200)
@given(histories(), counting, needed)
def test_after_each_record_the_area_is_where_the_oracle_is(
    records: list[Record], count: Count, counts: tuple[int, int, int]
) -> None:
    log = log_with(Ladder("gas", count=count, counts=counts, off_delay=0))
    oracle = Oracle(count, counts)
    for record in records:
        log.hear([record])
        oracle.hear(record)
        assert levels_of(log.core) == (oracle.level(False), oracle.level(True))
    for world, flag in (("area", False), ("exercise", True)):
        mine = [r for r in log.records if r.subject == world]
        assert all(r.exercise == flag for r in mine)
    assert first_break(log.records) is None


@settings(deadline=None, max_examples=100)
@given(histories(), counting, st.data())
def test_splits_and_repeats_of_entries_change_nothing(
    records: list[Record], count: Count, data: st.DataObject
) -> None:
    """One record an entry, or many; each entry perhaps again, also later: at one time of append
    the same records come out."""
    ladder = Ladder("gas", count=count, counts=(2, 2, 2), on_delay=0, off_delay=0)
    one, other = log_with(ladder), log_with(ladder)
    for record in records:
        step(one, [record])
    start = 0
    batches = []
    while start < len(records):
        size = data.draw(st.integers(1, 7))
        batches.append(records[start : start + size])
        step(other, batches[-1])
        start += size
        for _ in range(data.draw(st.integers(0, 2))):
            step(other, data.draw(st.sampled_from(batches)))
    assert other.records == one.records
    assert other.core.digest() == one.core.digest()


def step(log: AreaLog, records: list[Record]) -> None:
    log.put(Heard(tuple(records)), at=log.now)


@settings(deadline=None, max_examples=100)
@given(histories(), st.randoms())
def test_the_order_of_sites_does_not_change_where_it_ends(
    records: list[Record], random: object
) -> None:
    """Each site's records in order, the sites interleaved anew."""
    ladder = Ladder("gas", off_delay=0)
    one, other = log_with(ladder), log_with(ladder)
    for record in records:
        step(one, [record])
    queues = {s: [r for r in records if r.site == s] for s in SITES}
    while any(queues.values()):
        site = random.choice([s for s in SITES if queues[s]])  # type: ignore[attr-defined]
        step(other, [queues[site].pop(0)])
    assert levels_of(other.core) == levels_of(one.core)
    assert other.core.counted() == one.core.counted()


@settings(deadline=None, max_examples=60)
@given(histories(), st.lists(st.integers(0, 700), min_size=60, max_size=60), st.data())
def test_a_snapshot_anywhere_leaves_no_trace(
    records: list[Record], pauses: list[int], data: st.DataObject
) -> None:
    """With delays: the log stepped once, and restored from a snapshot behind any entry."""
    log = log_with(Ladder("gas", on_delay=30 * SECOND, off_delay=600 * SECOND))
    for record, pause in zip(records, pauses, strict=False):
        log.now += pause * SECOND
        step(log, [record])
    log.tick(3_600 * SECOND)
    cut = data.draw(st.integers(1, len(log.entries)))
    core = AreaCore()
    made: list[Record] = []
    for position, entry in enumerate(log.entries, 1):
        made += core.step(position, entry).records
        if position == cut:
            core = AreaCore.restore(core.snapshot())
    assert made == log.records
    assert core.snapshot() == log.core.snapshot()


def test_ticks_between_entries_change_nothing_but_when_it_is_told() -> None:
    """What is due happens at its deadline, whichever entry brings the time."""
    site = SiteAlarms("a")
    records = [r for n in range(4) for r in site.set(f"high~{n}", "blue")]
    records += site.set("high~0", "normal")
    ladder = Ladder("gas", count="points", on_delay=30 * SECOND, off_delay=60 * SECOND)
    logs = []
    for every in (10, 3_600):
        log = log_with(ladder)
        for n, record in enumerate(records):
            log.put(Heard((record,)), at=(n + 1) * 100 * SECOND)
            for _ in range(99 // every):
                log.tick(every * SECOND)
        log.tick(200 * SECOND)
        logs.append([(r.transition, r.time, r.hash) for r in log.records])
    assert logs[0] == logs[1]
    assert [t for t, _, _ in logs[0]] == ["raised", "returned"]


def test_the_log_alone_says_what_time_it_is() -> None:
    entry = AreaEntry(Header(appended=5), Heard(()))
    core = AreaCore()
    assert list(core.step(1, entry)) == []
    assert core.appended == 5
