"""Figures of alarm performance, record by record, against counting from nothing."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings

from lifeline.engine.limits import DAY_NS
from lifeline.engine.performance import (
    WORLDS,
    Desk,
    Performance,
    Where,
    World,
    groups_of,
    watches_of,
)
from lifeline.engine.record import Record, decode_record
from performance_streams import DESK, SITES, T0, TEN_MINUTES, count, stream, told

WHERE = {site: Where(area, DESK.get(site, "")) for site, area in SITES.items()}
MEMBERS: dict[tuple[str, str], set[str]] = {}
for _site, _where in WHERE.items():
    for _group in groups_of(_site, _where):
        MEMBERS.setdefault(_group, set()).add(_site)


def stepped(records: Iterable[Record], begin: int = T0, span: int | None = None) -> Performance:
    made = Performance(begin, span)
    for record in records:
        made.step(record)
    return made


def compare(
    made: Performance, records: Sequence[Record], begin: int, now: int, world: World
) -> None:
    """Every group's figures at `now` are those counted from nothing."""
    end = now // TEN_MINUTES * TEN_MINUTES
    found = {(f.scope, f.name): f for f in made.at(now, WHERE, world)}
    assert set(found) == set(MEMBERS)
    for group, sites in MEMBERS.items():
        wanted = count(records, sites, world, begin, end, now)
        answers = wanted.pop("answers")
        assert isinstance(answers, list)
        assert told(found[group]) == wanted, group
        figures = found[group].answers
        assert figures.count == len(answers)
        if answers:
            n = len(answers)
            assert figures.median == answers[(n + 1) // 2 - 1] / 1e9
            assert figures.p95 == answers[-(-95 * n // 100) - 1] / 1e9
            assert figures.longest == answers[-1] / 1e9
            assert figures.mean == pytest.approx(sum(answers) / n / 1e9)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 300), st.booleans(), st.sampled_from(WORLDS))
def test_figures_are_those_counted_from_nothing(
    seed: int, size: int, calm: bool, world: World
) -> None:
    records = stream(seed, size, calm=calm)
    now = max(r.time for r in records) + TEN_MINUTES
    compare(stepped(records), records, T0, now, world)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(100, 400))
def test_what_is_looked_back_on_moves_and_older_things_are_forgotten(seed: int, size: int) -> None:
    records = stream(seed, size)
    made = Performance(T0, DAY_NS)
    for i, record in enumerate(records):
        made.step(record)
        if i % 60 == 59:
            made.at(max(r.time for r in records[: i + 1]), WHERE)
    now = max(r.time for r in records) + 1
    end = now // TEN_MINUTES * TEN_MINUTES
    compare(made, records, max(T0, end - DAY_NS), now, "actual")


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.randoms(use_true_random=False))
def test_the_order_of_sites_changes_nothing_and_neither_does_what_comes_twice(
    seed: int, chance: random.Random
) -> None:
    records = stream(seed, 200)
    now = max(r.time for r in records) + TEN_MINUTES
    queues = {site: [r for r in records if r.site == site] for site in SITES}
    mixed: list[Record] = []
    while any(queues.values()):
        site = chance.choice([site for site, queue in queues.items() if queue])
        mixed.append(queues[site].pop(0))
        if chance.random() < 0.1:
            mixed.append(chance.choice([r for r in mixed if r.site == site]))
    again = stepped(mixed)
    assert again.repeated == len(mixed) - len(records)
    for world in WORLDS:
        assert again.at(now, WHERE, world) == stepped(records).at(now, WHERE, world)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 250))
def test_asking_in_between_changes_nothing_and_bytes_are_as_good_as_records(
    seed: int, cut: int
) -> None:
    records = stream(seed, 250)
    now = max(r.time for r in records) + TEN_MINUTES
    asked = stepped(records[:cut])
    asked.at(T0, WHERE)
    for record in records[cut:]:
        asked.step(decode_record(record.encode()))
    assert asked.at(now, WHERE) == stepped(records).at(now, WHERE)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_a_period_counts_only_what_is_in_it_and_knows_what_stood_before(seed: int) -> None:
    records = stream(seed, 200)
    begin = T0 + 30 * TEN_MINUTES
    now = max(r.time for r in records) + TEN_MINUTES
    if now > begin:
        compare(stepped(records, begin), records, begin, now, "actual")


def test_the_streams_show_what_figures_are_about() -> None:
    """What never happens in them would not be compared."""
    seen: set[str] = set()
    for seed in range(12):
        records = stream(seed, 300)
        now = max(r.time for r in records) + TEN_MINUTES
        for figures in stepped(records).at(now, WHERE):
            seen |= {name for name, value in told(figures).items() if value}
            seen |= {"flood ended"} if any(not f.lasts for f in figures.floods) else set()
            seen |= {"answered"} if figures.answers.count else set()
    assert seen >= {
        *("alarms", "levels", "intervals", "last", "peak", "above", "floods", "worst", "chatters"),
        *("chattering", "fleeting", "fleetings", "standing", "oldest", "stale", "late"),
        *("unacknowledged", "shelved", "flood ended", "answered"),
    }


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(WORLDS))
def test_positions_by_asset_are_those_counted_from_their_records(seed: int, world: World) -> None:
    """The same counting, of each position's own records: an alarm is of one asset for good."""
    desks = (
        Desk("one", assets=("0", "1")),
        Desk("first sites", sites=tuple(SITES)[:1]),
        Desk("area", areas=(next(iter(SITES.values())),), assets=("[1-2]",)),
    )
    records = [
        msgspec.structs.replace(r, asset=str(sum(r.alarm.encode()) % 4)) for r in stream(seed, 200)
    ]
    where = {s: Where(area, "", watches_of(s, area, desks)) for s, area in SITES.items()}
    made = Performance(T0, assets=True)
    for record in records:
        made.step(record)
    now = max(r.time for r in records) + TEN_MINUTES
    end = now // TEN_MINUTES * TEN_MINUTES
    found = {f.name: f for f in made.at(now, where, world) if f.scope == "position"}
    names = {n for s in SITES for asset in "0123" for n in where[s].positions(asset)}
    assert set(found) >= names
    for name in names:
        mine = [r for r in records if name in where[r.site].positions(r.asset)]
        wanted = count(mine, set(SITES), world, T0, end, now)
        wanted.pop("answers")
        assert told(found[name]) == wanted, name
