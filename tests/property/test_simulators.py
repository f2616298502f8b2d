"""Properties of the simulators: chunks change nothing; the ledger and the audit miss nothing."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lifeline.engine.limits import SECOND_NS
from lifeline.simulators.audit import Logged, compare
from lifeline.simulators.batch import Batch
from lifeline.simulators.faults import AMOUNTS, KINDS, SensorFault
from lifeline.simulators.ledger import Ledger, LedgerWriter
from lifeline.simulators.plant import Scenario
from lifeline.simulators.shapes import messages
from lifeline.simulators.sites import SITES, site_named
from lifeline.simulators.stream import Stream

START = 1_800_000_000 * SECOND_NS
NAMES = st.sampled_from(sorted(SITES))


@cache
def scenario(name: str) -> Scenario:
    return site_named(name).scenario(START, 90.0, 11, intensity=2)


@cache
def whole(name: str) -> Batch:
    return Batch.concat(list(scenario(name).samples(1e6)))


@given(NAMES, st.lists(st.integers(0, 100 * SECOND_NS), max_size=12))
@settings(max_examples=60)
def test_any_cuts_of_the_stream_give_the_same_samples(name: str, cuts: list[int]) -> None:
    stream = Stream(scenario(name))
    parts = [stream.take(START + cut) for cut in sorted(cuts)]
    parts.append(stream.take(START + 10_000 * SECOND_NS))
    assert stream.exhausted
    assert Batch.concat(parts).same_as(whole(name))


@given(NAMES, st.floats(0.3, 200.0))
@settings(max_examples=30)
def test_any_chunk_length_gives_the_same_samples(name: str, chunk_s: float) -> None:
    assert Batch.concat(list(scenario(name).samples(chunk_s))).same_as(whole(name))


@cache
def broken() -> Scenario:
    """A gas district with a fault of every kind, and what its story does."""
    site = site_named("city-gas")
    sensors = [p.id for p in site.points if p.reports == "periodic"]
    faults = tuple(
        SensorFault(
            f"f{k}",
            site.id,
            kind,
            tuple(sensors[2 * k : 2 * k + 3]),
            START + (k + 3) * SECOND_NS,
            START + (k + 43) * SECOND_NS,
            "",
            "",
            AMOUNTS[kind][1] if kind in AMOUNTS else 0.0,
        )
        for k, kind in enumerate(KINDS)
    )
    told = site.scenario(START, 90.0, 11)
    return replace(told, script=replace(told.script, faults=faults))


@cache
def whole_broken() -> Batch:
    return Batch.concat(list(broken().samples(1e6)))


@given(NAMES, st.integers(1, 100))
@settings(max_examples=30)
def test_any_block_of_steps_gives_the_same_samples(name: str, block_steps: int) -> None:
    rows = list(scenario(name).samples(1e6, block_steps))
    assert Batch.concat(rows).same_as(whole(name))


@given(st.integers(1, 100), st.floats(0.3, 200.0))
@settings(max_examples=30)
def test_neither_blocks_nor_cuts_change_what_faults_of_every_kind_do(
    block_steps: int, chunk_s: float
) -> None:
    rows = Batch.concat(list(broken().samples(chunk_s, block_steps)))
    assert rows.same_as(whole_broken())
    assert np.all(np.diff(rows.due) >= 0)


@given(NAMES, st.sets(st.integers(0, 50), max_size=8))
@settings(max_examples=40)
def test_cuts_at_the_gateways_window_give_the_same_messages(name: str, cuts: set[int]) -> None:
    site, window = scenario(name).site, scenario(name).site.window_ns
    expected = [(m.topic, m.payload) for m in messages(site, whole(name))]
    stream = Stream(scenario(name))
    found = []
    for cut in [*sorted(cuts), 10_000]:
        batch = stream.take(START // window * window + cut * window)
        found += [(m.topic, m.payload) for m in messages(site, batch)]
    assert sorted(found) == sorted(expected)
    assert sum(len(m.rows) for m in messages(site, whole(name))) == len(whole(name))


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[int], list[int], list[int], int]:
    """Which messages were acknowledged, which withdrawn, which rows the log has (with repeats)."""
    count = draw(st.integers(1, 30))
    some = st.lists(st.integers(0, count - 1), max_size=40)
    withdrawn = draw(st.sets(st.integers(0, count - 1), max_size=count))
    acked = [m for m in draw(some) if m not in withdrawn]
    return acked, sorted(withdrawn), draw(some), count


@given(deliveries(), st.integers(0, 3), st.sampled_from([0, 3, 7]))
@settings(max_examples=80)
def test_the_audit_counts_what_plain_sets_count(
    case: tuple[list[int], list[int], list[int], int], strangers: int, wrong_every: int
) -> None:
    acked, withdrawn, logged, count = case
    site = site_named("pipeline")
    rows = whole("pipeline")
    once = rows.take(np.unique(rows.sensor * 1_000_000 + rows.number, return_index=True)[1])
    batch = once.take(np.linspace(0, len(once) - 1, count).astype(np.int64))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger"
        writer = LedgerWriter(path, site, 11)
        writer.record(np.arange(count, dtype=np.int64), batch)
        writer.acknowledged(acked)
        writer.withdrawn(withdrawn)
        writer.close()
        ledger = Ledger.read(path)
    gain = np.array([p.gain for p in site.points])
    zero = np.array([p.zero for p in site.points])
    in_log = batch.take(np.array(logged, np.int64))
    value = (in_log.value - zero[in_log.sensor]) / gain[in_log.sensor]
    altered = np.zeros(len(in_log), np.bool_)
    if wrong_every:
        altered = np.array([row % wrong_every == 1 for row in logged], np.bool_)
        value = np.where(altered, np.nan_to_num(value) + 1.0, value)
    frame = Logged(
        [p.id for p in site.points],
        np.concatenate([in_log.sensor, np.zeros(strangers, np.int32)]),
        np.concatenate([in_log.time, np.arange(strangers, dtype=np.int64)]),
        np.concatenate([value, np.zeros(strangers)]),
    )
    audit = compare(ledger, [frame])

    sent = set(range(count)) - set(withdrawn)
    assert audit.sent == len(sent)
    assert audit.acked == len(set(acked))
    assert audit.logged == len(set(logged)) + strangers
    assert audit.lost == len(set(acked) - set(logged))
    assert audit.unlogged == len(sent - set(acked) - set(logged))
    assert audit.foreign == len(set(logged) - sent) + strangers
    assert audit.duplicated == len(logged) - len(set(logged))
    assert audit.altered == len({r for r, a in zip(logged, altered, strict=True) if a} & sent)
    assert audit.holds == (audit.lost == audit.foreign == audit.altered == 0)
