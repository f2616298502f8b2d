"""The battery: what holds for every rule kind that is installed, found through the registry."""

from __future__ import annotations

import tracemalloc
from functools import cache
from typing import Any

import numpy as np
import pytest

from lifeline.engine.core import Core
from lifeline.engine.entry import Entry
from lifeline.engine.frame import Frame
from lifeline.engine.kinds import load_kinds
from lifeline.engine.quality import Quality
from oracle.choices import Seeded
from oracle.compare import compare

from .profiles import PROFILES, Profile, Signal, entries, of_kind
from .splits import Outcome, Samples, judged, transitions

SEEDS = range(14)  # each pace twice
kinds = pytest.mark.parametrize("kind", load_kinds())
OF_TIME = [name for name, kind in load_kinds().items() if kind.of_time]
# Kinds of time are judged at ticks alone: samples alone leave nothing of them.
of_samples = pytest.mark.parametrize("kind", sorted(set(load_kinds()) - set(OF_TIME)))
of_time = pytest.mark.parametrize("kind", OF_TIME)


def test_every_installed_kind_has_a_profile() -> None:
    assert set(PROFILES) == set(load_kinds())


@cache
def samples(kind: str, seed: int) -> Samples:
    """The samples of a random log whose rules are all of the kind."""
    return Samples.of(of_kind(kind, seed, PROFILES[kind].size, self_clocked=True))


@cache
def whole(kind: str, seed: int) -> Outcome:
    """What comes of them in one Frame."""
    one = samples(kind, seed)
    return judged(one.log([one.frame]))


def frames_of(profile: Profile, signal: Signal, count: int = 120) -> list[Frame]:
    """Plain telemetry of the profile's plant."""
    return list(profile.rows(signal, count, len(profile.plant().sensors)))


def frames_in(log: list[Entry]) -> list[Frame]:
    """The Frames of a stretch of a log."""
    return [entry.payload for entry in log if isinstance(entry.payload, Frame)]


# --- splits, sites, crashes -----------------------------------------------------------------------
@of_samples
def test_random_logs_make_records_of_the_kind(kind: str) -> None:
    assert sum(len(transitions(whole(kind, seed))) for seed in SEEDS) > 100


@kinds
@pytest.mark.parametrize("seed", SEEDS)
def test_samples_one_by_one_are_the_samples_in_one_frame(kind: str, seed: int) -> None:
    one = samples(kind, seed)
    assert judged(one.log(one.one_by_one())) == whole(kind, seed)


@kinds
@pytest.mark.parametrize("seed", SEEDS)
def test_any_cuts_give_the_same(kind: str, seed: int) -> None:
    one = samples(kind, seed)
    assert judged(one.log(one.in_random_cuts(Seeded(seed)))) == whole(kind, seed)


@kinds
@pytest.mark.parametrize("seed", SEEDS)
def test_sites_may_overtake_each_other(kind: str, seed: int) -> None:
    choices = Seeded(seed)
    other = samples(kind, seed).interleaved(choices)
    assert judged(other.log(other.in_random_cuts(choices))) == whole(kind, seed)


@kinds
@pytest.mark.parametrize("seed", SEEDS)
def test_a_core_that_is_restored_after_any_entry_never_stopped(kind: str, seed: int) -> None:
    one = samples(kind, seed)
    log = one.log(one.in_random_cuts(Seeded(seed)))
    assert judged(log, crash_after=range(1, len(log) + 1)) == whole(kind, seed)


@kinds
@pytest.mark.parametrize("seed", SEEDS)
def test_a_live_log_survives_a_crash_after_any_entry(kind: str, seed: int) -> None:
    log = of_kind(kind, seed, PROFILES[kind].size).entries
    assert judged(log, crash_after=range(1, len(log) + 1)) == judged(log)


@kinds
def test_equal_logs_have_equal_snapshots_and_so_has_the_restored_core(kind: str) -> None:
    log = of_kind(kind, 3, PROFILES[kind].size).entries
    one, other = Core(), Core()
    for position, entry in enumerate(log, 1):
        one.step(position, entry)
        other.step(position, entry)
        data = one.snapshot()
        assert data == one.snapshot() == other.snapshot()
        assert Core.restore(data).snapshot() == data


# --- bad data -------------------------------------------------------------------------------------
def spoiled(profile: Profile, value: float, quality: int) -> Outcome:
    """The loud signal, in which every fifth row reads so."""
    found = []
    for n, frame in enumerate(frames_of(profile, profile.loud)):
        values, codes = frame.value.copy(), frame.quality.copy()
        values[n % 5 :: 5], codes[n % 5 :: 5] = value, quality
        found.append(Frame(frame.sensor, frame.time, values, codes))
    return judged(entries(profile.plant(), found))


@kinds
def test_what_is_not_a_number_is_a_declared_fault_and_never_judged(kind: str) -> None:
    profile = PROFILES[kind]
    fault = spoiled(profile, 5.0, Quality.FAULT)
    for value in (np.nan, -np.nan, np.inf, -np.inf):
        found = spoiled(profile, value, Quality.GOOD)
        assert (found.records, found.counters) == (fault.records, fault.counters)
    for record in transitions(fault):
        assert record.value is None or np.isfinite(record.value)
        assert record.limit is None or np.isfinite(record.limit)


@kinds
def test_bad_data_alone_makes_no_alarm_but_that_nothing_usable_is_heard(kind: str) -> None:
    profile = PROFILES[kind]
    rows = [
        Frame(one.sensor, one.time, np.full_like(one.value, np.nan), one.quality)
        for one in frames_of(profile, profile.loud)
    ]
    found = transitions(judged(entries(profile.plant(), rows)))
    assert {record.rule for record in found} <= ({"first", "second"} if kind == "clock" else set())


# --- the same again -------------------------------------------------------------------------------
def redelivered(log: list[Entry], windows: int, but: range) -> list[Entry]:
    """After each Frame the last so many once more, the last one included."""
    out: list[Entry] = []
    for place, entry in enumerate(log):
        out.append(entry)
        if isinstance(entry.payload, Frame) and place - 1 not in but:
            again = frames_in(log[max(1, place - windows + 1) : place + 1])
            out.append(Entry(entry.header, Frame.concat(again)))
    return out


@of_samples
@pytest.mark.parametrize("windows", [1, 2, 5])
def test_windows_that_are_delivered_again_change_nothing(kind: str, windows: int) -> None:
    profile = PROFILES[kind]
    log = entries(profile.plant(), frames_of(profile, profile.loud))
    but = profile.settling if windows > 1 else range(0)
    once, often = judged(log), judged(redelivered(log, windows, but))
    assert transitions(once)
    assert (often.records, often.standing) == (once.records, once.standing)
    assert often.counters["judged"] == once.counters["judged"]
    repeated = ("duplicate", "late")
    assert sum(often.counters[x] for x in repeated) > sum(once.counters[x] for x in repeated)


# --- inputs and memory ----------------------------------------------------------------------------
@kinds
def test_a_frame_is_never_written_to(kind: str) -> None:
    profile = PROFILES[kind]
    core = Core()
    for position, entry in enumerate(entries(profile.plant(), frames_of(profile, profile.loud)), 1):
        if not isinstance(entry.payload, Frame):
            core.step(position, entry)
            continue
        given = entry.payload
        # Kernels do not ask numpy whether they may write: the owner of the arrays looks.
        mine: list[Any] = [
            np.array(x) for x in (given.sensor, given.time, given.value, given.quality)
        ]
        before = [x.tobytes() for x in mine]
        core.step(position, Entry(entry.header, Frame(*mine)))
        assert [x.tobytes() for x in mine] == before


@kinds
def test_no_memory_is_kept_per_sample(kind: str) -> None:
    profile = PROFILES[kind]
    first, *log = entries(profile.plant(), frames_of(profile, profile.loud, 2_000))
    core = Core()
    core.step(1, first)
    parts = [log[i : i + 10] for i in range(0, len(log), 10)]
    steps = [Entry(part[-1].header, Frame.concat(frames_in(part))) for part in parts]

    def go(some: list[Entry]) -> None:
        for entry in some:
            core.step(core.position + 1, entry)

    go(steps[:20])
    buffers = buffer_sizes(core)
    tracemalloc.start()
    try:
        go(steps[20:25])
        before = tracemalloc.get_traced_memory()[0]
        go(steps[25:])
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert buffer_sizes(core) == buffers
    # A byte a sample would be 10,000; what the interpreter itself caches is less.
    assert grown < 6_000


def buffer_sizes(core: Core) -> dict[str, int]:
    """How many places each buffer of the core has."""
    buffers = vars(core.scratch) | vars(core.scratch.group)
    return {name: len(array) for name, array in buffers.items() if name != "group"}


# --- meaning --------------------------------------------------------------------------------------
@kinds
@pytest.mark.parametrize("seed", range(7))
def test_the_slow_oracle_agrees(kind: str, seed: int) -> None:
    for clocked in (False, True):
        outcome = compare(of_kind(kind, seed, 700, self_clocked=clocked), Core())
        assert not outcome.difference, outcome.difference


@of_time
def test_random_live_logs_make_records_of_a_kind_of_time(kind: str) -> None:
    logs = [of_kind(kind, seed, PROFILES[kind].size) for seed in SEEDS]
    assert sum(len(transitions(judged(log.entries))) for log in logs) > 100
    assert not transitions(whole(kind, 0))


@of_samples
def test_calm_data_makes_no_record_and_loud_data_does(kind: str) -> None:
    profile = PROFILES[kind]

    def made(signal: Signal) -> list[Any]:
        return transitions(judged(entries(profile.plant(), frames_of(profile, signal, 400))))

    assert made(profile.calm) == []
    under = {rule.id for rule in profile.under}
    loud = [record for record in made(profile.loud) if record.rule not in under]
    reports = {record.subject for record in loud}
    assert {"first", "second"} == {record.rule for record in loud}
    assert len(reports) >= (1 if profile.members else 2)
