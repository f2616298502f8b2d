"""The plan: rules × registry as flat arrays."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest

from battery.drive import limit, plant, quality_rule, sensor
from lifeline.engine.backtest.alarm import watched
from lifeline.engine.configuration import Configuration
from lifeline.engine.errors import SpecError
from lifeline.engine.kinds import load_kinds
from lifeline.engine.plan import Plan
from lifeline.engine.planning import compile_plan, grouped
from lifeline.engine.rule import Judgement, LevelLimits, Rule, Select
from oracle.choices import Seeded
from oracle.generate_plant import PACES
from oracle.generate_plant import plant as random_plant
from oracle.plant import instances

UNUSED = LevelLimits()


def compiled(config: Configuration) -> Plan:
    return compile_plan(config, config.version())


@pytest.mark.parametrize("seed", range(100))
def test_a_plan_has_the_instances_that_the_rules_mean(seed: int) -> None:
    config = random_plant(Seeded(seed), PACES[seed % len(PACES)])
    plan = compiled(config)
    expected = {(one.ordinal, one.subject, one.site): one for one in instances(config)}
    found = {}
    for k in range(len(plan.subject)):
        subject = int(plan.subject[k])
        found[int(plan.rule[k]), plan.subject_name(subject), plan.site_of(subject)] = k
    assert set(found) == set(expected)
    for key, k in found.items():
        one, who = expected[key], plan.describe(k)
        rule = config.rules[one.ordinal]
        assert rule.judgements[int(plan.judgement[k])] == one.judgement
        assert (who.quantity, who.asset) == (one.quantity, one.asset)
        assert who.message == (rule.message or f"alarm.{rule.kind}")
        assert plan.find(who.site, one.name) == k


@pytest.mark.parametrize("seed", range(30))
def test_instances_lie_by_kind_then_subject_then_rule(seed: int) -> None:
    config = random_plant(Seeded(seed), PACES[0])
    plan = compiled(config)
    names = [kind.kind.name for kind in plan.kinds]
    stages = load_kinds()
    kinds = {rule.kind for rule in config.rules}
    assert names == sorted(kinds, key=lambda name: (stages[name].stage, name))
    edge = 0
    for kind in plan.kinds:
        assert kind.first == edge
        edge = kind.last
        mine = range(kind.first, kind.last)
        order = [(int(plan.subject[k]), int(plan.rule[k])) for k in mine]
        assert order == sorted(order)
        for subject in range(plan.subjects):
            at = range(kind.ptr[subject], kind.ptr[subject + 1])
            assert [k for k in mine if plan.subject[k] == subject] == list(at)
    assert edge == len(plan.subject)


def test_members_of_a_group_keep_their_order() -> None:
    ptr, members = grouped(np.array([2, 0, 2, 0, 3]), 5)
    assert ptr.tolist() == [0, 2, 2, 4, 5, 5]
    assert members.tolist() == [1, 3, 0, 2, 4]
    ptr, members = grouped(np.zeros(0, np.int64), 2)
    assert (ptr.tolist(), members.tolist()) == ([0, 0, 0], [])


def test_limits_are_laid_out_for_kernels() -> None:
    four = (UNUSED, LevelLimits(high=5.0, deadband=0.5, on_delay=3), LevelLimits(low=-1.0), UNUSED)
    config = plant(Rule("r", "limit", Select(), (Judgement("", "", "u", four),)))
    (row,) = compiled(config).params
    assert row["high"].tolist() == [np.inf, 5.0, np.inf, np.inf]
    assert row["clear_high"].tolist() == [np.inf, 4.5, np.inf, np.inf]
    assert row["low"].tolist() == [-np.inf, -np.inf, -1.0, -np.inf]
    assert row["clear_low"].tolist() == [-np.inf, -np.inf, -1.0, -np.inf]
    assert (row["on"].tolist(), row["used"]) == ([0, 3, 0, 0], 3)


@pytest.mark.parametrize("kind", load_kinds())
def test_options_lie_where_the_kernel_of_the_kind_reads_them(kind: str) -> None:
    names = load_kinds()[kind].options
    options = {name: float(place + 1) for place, name in enumerate(names)}
    four = (LevelLimits(high=1.0), UNUSED, UNUSED, UNUSED)
    config = plant(Rule("r", kind, Select(), (Judgement("", "", "u", four, options),)))
    (row,) = compiled(config).options
    assert row[: len(names)].tolist() == list(options.values())
    assert not row[len(names) :].any()


def test_silence_has_a_subject_for_each_source_of_what_is_selected() -> None:
    two = plant(quality_rule("stale", "yellow"), sensors=(sensor("A"), sensor("B")))
    plan = compiled(two)
    names = [plan.subject_name(int(subject)) for subject in plan.subject]
    assert names == ["A", "B", "source:source", "link:source"]
    assert plan.at_link.tolist() == [[2, 3], [2, 3], [-1, -1], [-1, -1]]
    assert plan.describe(2).quantity == plan.describe(2).asset == ""


def test_what_no_rule_names_is_not_found() -> None:
    plan = compiled(plant(limit({"red": 9.0})))
    assert plan.find("site", "high~P1") == 0
    for site, alarm in (
        ("other", "high~P1"),
        ("site", "low~P1"),
        ("site", "high~P2"),
        ("site", "high"),
        ("site", ""),
    ):
        assert plan.find(site, alarm) is None


def test_a_rule_that_stands_twice_is_found_by_either_s_sensors() -> None:
    """As a pack that a site takes in two profiles: one id, other limits for other sensors."""
    for names in (("A", "B"), ("B", "A")):
        rules = [limit({"red": 9.0}, select=Select(sensor=(name,))) for name in names]
        plan = compiled(plant(*rules, sensors=(sensor("A"), sensor("B"))))
        found = [plan.find("site", f"high~{name}") for name in "AB"]
        assert [plan.subject_name(int(plan.subject[k])) for k in found if k is not None] == [
            "A",
            "B",
        ]
        assert watched(plan) == {"high": frozenset({0, 1})}


def test_a_kind_that_is_not_installed_is_named() -> None:
    with pytest.raises(SpecError, match=r"unknown rule kind; found 'tide'; expected .*limit"):
        compiled(plant(Rule("r", "tide", Select(), ())))


def test_living_sensors_are_listed_by_their_link() -> None:
    config = plant(
        sensors=(
            sensor("A", reports="event"),
            sensor("B"),
            sensor("C", reports="event", retired=True),
            sensor("D", reports="event"),
        )
    )
    plan = compiled(config)
    assert plan.link_member.tolist() == [0, 1, 3]
    assert [len(list(group)) for _, group in groupby(plan.link_ptr.tolist())] == [1, 1]
