"""Claim (c): replay of the samples alone has one digest, however they were cut into Frames, whichever
site came first, and wherever the core was lost and restored from a snapshot."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from battery.splits import Outcome, Samples, judged, transitions
from lifeline.engine.configuration import REPORTS
from oracle.choices import Choices, Drawn, Seeded
from oracle.generate import Scenario, scenario, scenarios
from oracle.generate_plant import KINDS, PACES

# Each pace six times, and five in which groups of alarms speak.
SEEDS = (*range(42), 49, 60, 72, 81, 145)
ROWS = 500


def otherwise(samples: Samples, choices: Choices) -> Outcome:
    """The same samples: sites interleaved, cut anyhow, with crashes anywhere."""
    other = samples.interleaved(choices)
    log = other.log(other.in_random_cuts(choices))
    crashes = [choices.number(1, len(log)) for _ in range(choices.number(0, 8))]
    return judged(log, crash_after=crashes)


@cache
def samples(seed: int) -> Samples:
    log = scenario(seed, ROWS, pace=PACES[seed % len(PACES)], self_clocked=True, samples_only=True)
    return Samples.of(log)


@cache
def whole(seed: int) -> Outcome:
    return judged(samples(seed).log([samples(seed).frame]))


@pytest.mark.parametrize("seed", SEEDS)
def test_any_order_of_sites_any_cut_and_any_crash_give_one_digest(seed: int) -> None:
    for again in range(3):
        assert otherwise(samples(seed), Seeded(1_000 * seed + again)) == whole(seed)


def test_the_seeded_logs_are_of_all_kinds_and_all_ways_of_reporting() -> None:
    kinds: Counter[str] = Counter()
    reports: Counter[str] = Counter()
    marks: Counter[str] = Counter()
    for seed in SEEDS:
        config = samples(seed).configuration
        kind_of = {rule.id: rule.kind for rule in config.rules}
        sensors = {(config.sites[s.site].id, s.id): s.reports for s in config.sensors}
        for record in transitions(whole(seed)):
            kinds[kind_of[record.rule]] += 1
            reports[sensors.get((record.site, record.subject), "a link")] += 1
            for mark in ("historic", "uncertain", "unknown"):
                marks[mark] += getattr(record, mark)
    assert set(kinds) == set(KINDS)  # the others have logs of their own in tests/battery
    assert set(reports) == {*REPORTS, "a link"}
    assert min(kinds.values()) >= 20
    assert min(marks.values()) >= 20
    assert kinds.total() > 1_500


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(scenarios(self_clocked=True, samples_only=True), st.data())
def test_any_small_log_has_one_digest(log: Scenario, data: Any) -> None:
    one = Samples.of(log)
    expected = judged(one.log([one.frame]))
    assert judged(one.log(one.one_by_one())) == expected
    assert otherwise(one, Drawn(data.draw)) == expected


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(scenarios(), st.data())
def test_a_log_with_crashes_anywhere_has_the_digest_of_one_without(
    log: Scenario, data: Any
) -> None:
    places = st.lists(st.integers(1, len(log.entries)), max_size=8)
    assert judged(log.entries, data.draw(places)) == judged(log.entries)


def test_a_run_that_lost_samples_has_another_digest() -> None:
    # What the comparisons above are worth: a digest must not be blind to what it stands for.
    for seed in (0, 2, 3, 4, 5):
        one = samples(seed)
        rows = [i for i in range(len(one.frame)) if i % 10]
        assert judged(one.log([one.frame.take(rows)])).digest != whole(seed).digest
