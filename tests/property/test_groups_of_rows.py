"""The second stage fed by rows, shown on a kind of this test alone: the sum of the members' last values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from numba import njit

from battery.splits import Samples, judged
from lifeline.engine import kinds
from lifeline.engine import layout as at
from lifeline.engine.configuration import Configuration
from lifeline.engine.core import Core
from lifeline.engine.kinds import GROUPED, OF_ROWS, Kind
from lifeline.engine.rule import Member, Rule, Select
from oracle.choices import Seeded
from oracle.compare import compare
from oracle.generate import TROUBLES, Author, Scenario
from oracle.generate_plant import PACES, judgement, plant
from oracle.grouped import BY_ROWS, Told
from oracle.plant import Instance
from oracle.sensing import Seen

MOST = 16


@njit
def feed(
    rows, follow_ptr, follow, place, member_ptr, role, weight, table, first, param, options, rings,
    out_rows, origin,
):  # fmt: skip  # type: ignore[no-untyped-def]
    """The sum of weight × last good value; a suspect value counts for its own row alone."""
    n = 0
    for i in range(rows.size):
        r = rows[i]
        if r.verdict == at.SKIP:
            continue
        s, before = r.sensor, -1
        for at_follow in range(follow_ptr[s], follow_ptr[s + 1]):
            g = follow[at_follow]
            if g == before:
                continue  # a sensor may be a member twice
            before = g
            total = 0.0
            for m in range(member_ptr[g], member_ptr[g + 1]):
                slot = m - member_ptr[g]
                mine = False
                for other in range(at_follow, follow_ptr[s + 1]):
                    mine = mine or place[other] == m
                v = rings[g, slot]
                if mine and r.verdict != at.BAD:
                    v = r.value
                    if r.verdict == at.GOOD:
                        rings[g, slot] = v
                total += weight[m, 0] * v
            out = out_rows[n]
            out.sensor, out.time, out.lag, out.value = g, r.time, r.lag, total
            out.verdict = at.SUSPECT if r.verdict == at.TWIN else r.verdict
            origin[n] = i
            n += 1
    return n


SUM = Kind("sum", authored="", kernels="", style=GROUPED, stage=OF_ROWS, width=MOST)


@dataclass
class Sum:
    """The same, remembered by sensor."""

    last: dict[int, float] = field(default_factory=dict)

    def take(self, sensor: int, seen: Seen, instance: Instance) -> Told:
        """The sum after a row."""
        values = dict(self.last)
        if seen.usable:
            values[sensor] = seen.v
        if seen.quality == "good" and seen.forward:
            self.last[sensor] = seen.v
        assert instance.group is not None
        total = 0.0
        for member, of in instance.group.members:
            assert of.sensor is not None
            total += member.weight[0] * values.get(of.sensor, 0.0)
        quality = seen.quality if seen.forward or not seen.usable else "suspect"
        return Told(seen.jt, total, quality, seen.lag)


class GroupAuthor(Author):
    """Random logs of sums, with votes over them."""

    def begin(self) -> None:
        """A random plant under sums of everything and of some, and a vote."""
        self.trouble = tuple(one for one in TROUBLES if self.choices.chance(60))
        one = plant(self.choices, self.pace)
        rules = [self._sum("R0", "site"), self._sum("R1", "asset"), self._sum("R2", "site")]
        for judged_by, per in (("vote", "site"), ("vote", "asset")):
            of = judgement(self.choices, self.pace, judged_by, "", "")
            members = (Member(rule=("R*",)),)
            rules.append(Rule(f"V{per}", judged_by, Select(), (of,), members=members, per=per))  # type: ignore[arg-type]
        self._configure(Configuration(one.sites, one.links, one.sensors, tuple(rules)))

    def _sum(self, name: str, per: str) -> Rule:
        weight = float(self.choices.number(1, 2))
        members = (Member(select=Select(sensor=("S[0-3]",)), weight=(weight,)),)
        if self.choices.chance(40):
            members = (*members, Member(1, Select(sensor=("S[2-5]",)), (-1.0,), False))
        levels = judgement(self.choices, self.pace, "limit", "", "")
        return Rule(name, "sum", Select(), (levels,), members=members, per=per)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    found = {**kinds.load_kinds(), "sum": SUM}
    monkeypatch.setattr(kinds, "load_kinds", lambda: found)
    feed_of = Kind.feed.fget
    assert feed_of is not None
    monkeypatch.setattr(
        Kind, "feed", property(lambda self: feed if self.name == "sum" else feed_of(self))
    )
    monkeypatch.setitem(BY_ROWS, "sum", Sum)
    yield


def a_log(seed: int, entries: int, *, clocked: bool) -> Scenario:
    """About so many entries."""
    author = GroupAuthor(Seeded(seed), PACES[seed % len(PACES)], clocked, clocked)
    author.begin()
    while len(author.entries) < entries:
        author.go_on()
    return Scenario(tuple(author.entries))


@pytest.mark.parametrize("clocked", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_the_oracle_agrees(seed: int, clocked: bool) -> None:
    outcome = compare(a_log(seed, 120, clocked=clocked), Core())
    assert not outcome.difference, outcome.difference


@pytest.mark.parametrize("seed", range(7))
def test_a_crash_after_any_entry_changes_nothing(seed: int) -> None:
    log = a_log(seed, 80, clocked=False).entries
    assert judged(log, crash_after=range(1, len(log) + 1)) == judged(log)


@pytest.mark.parametrize("seed", range(7))
def test_samples_in_any_frames_give_one_digest(seed: int) -> None:
    one = Samples.of(a_log(seed, 60, clocked=True))
    whole = judged(one.log([one.frame]))
    assert judged(one.log(one.one_by_one())) == whole
    choices = Seeded(seed)
    other = one.interleaved(choices)
    assert judged(other.log(other.in_random_cuts(choices))) == whole


def test_groups_do_make_records() -> None:
    made: dict[str, int] = {}
    for seed in range(5):
        core = Core()
        for position, entry in enumerate(a_log(seed, 120, clocked=False).entries, 1):
            for record in core.step(position, entry):
                made[record.rule] = made.get(record.rule, 0) + 1
    assert min(made[name] for name in ("R0", "R1", "R2", "Vsite", "Vasset")) > 20
