"""Trimming: what goes by age, what goes at the byte limit, what never goes."""

from itertools import pairwise
from pathlib import Path

import pytest

from lifeline.engine.clock import ManualClock
from lifeline.engine.limits import DAY_NS, TRIM_INTERVAL_NS
from lifeline.engine.log import DiskLimit, LogStore
from log_entries import START, head, numbers, open_store, record, tick

LIMIT = 4_000_000
BIG = 20_000


def snapshot(store: LogStore, position: int) -> None:
    """Saves a small snapshot."""
    store.save_snapshot(position, store.hash_at(position), b"state").wait()


def three_snapshots(store: LogStore, *positions: int) -> None:
    """Saves snapshots, of which the oldest one kept is what age waits for."""
    for position in positions:
        snapshot(store, position)


def fill(store: LogStore, taken: list[int], every: int = 20) -> None:
    """Appends big entries and saves a snapshot every so often, until the store refuses."""
    for n in range(2, 1_001):
        store.append([tick(n, size=BIG)]).wait()
        taken.append(n)
        if n % every == 0:
            snapshot(store, n)


def test_by_age_goes_what_is_older_than_the_oldest_snapshot_needs(tmp_path: Path) -> None:
    clock = ManualClock(START)
    store = open_store(tmp_path, clock=clock, retention_ns=30 * DAY_NS)
    store.append([tick(n) for n in range(1, 1_001)]).wait()
    clock.advance(29 * DAY_NS)
    store.append([tick(n) for n in range(1_001, 2_001)]).wait()
    clock.advance(2 * DAY_NS)
    assert store.trim().wait() == 1, "nothing goes before the first snapshot"
    three_snapshots(store, 600, 1_500, 1_900)
    assert store.trim().wait() == 600
    three_snapshots(store, 1_950, 1_960, 1_970)
    assert store.trim().wait() == 1_001, "the younger ones stay"
    assert numbers(store) == list(range(1_001, 2_001))
    assert store.health().counters["trimmed"] == 1_000
    assert store.load_snapshot() == (1_970, b"state")
    store.close()
    store = open_store(tmp_path, clock=clock)
    assert (store.first(), store.end(), store.recovery) == (1_001, 2_000, None)
    assert store.load_snapshot() == (1_970, b"state")
    store.close()


def test_trimming_by_age_comes_by_itself_but_not_at_once(tmp_path: Path) -> None:
    clock = ManualClock(START)
    store = open_store(tmp_path, clock=clock, retention_ns=-1)
    store.append([tick(n) for n in range(1, 11)]).wait()
    snapshot(store, 8)
    store.append([tick(11)]).wait()
    store.append([tick(12)]).wait()
    assert store.first() == 1
    clock.advance(TRIM_INTERVAL_NS)
    store.append([tick(13)]).wait()
    store.append([tick(14)]).wait()  # the writer trims between two commits
    assert store.first() == 8
    store.close()


def test_age_waits_for_alert_outputs_and_for_series_outputs(tmp_path: Path) -> None:
    store = open_store(tmp_path, retention_ns=-1)
    store.append([tick(n) for n in range(1, 101)]).wait()
    for position in range(10, 101, 10):
        store.append_records(position, [record("a", position // 10)])
    store.set_cursor("alert:mqtt", 2)
    store.set_cursor("series:influx", 50).wait()
    three_snapshots(store, 90, 91, 92)
    assert store.trim().wait() == 30, "the record of entry 30 is not delivered"
    store.set_cursor("alert:mqtt", 10).wait()
    assert store.trim().wait() == 51
    assert [r.seq for r in store.records(0, 99)] == [6, 7, 8, 9, 10]
    store.drop_cursor("series:influx").wait()
    assert store.trim().wait() == 90
    store.close()


def test_what_was_trimmed_from_the_outbox_stays_known(tmp_path: Path) -> None:
    store = open_store(tmp_path, retention_ns=-1)
    store.append([tick(n) for n in range(1, 11)]).wait()
    store.append_records(1, [record("a", 1), record("a", 2)])
    store.append_records(2, [record("b", 1)]).wait()
    three_snapshots(store, 8, 9, 10)
    store.trim().wait()
    assert store.records(0, 9) == []
    store.close()
    store = open_store(tmp_path)
    assert store.recovery is None
    assert {s: (h.seq, h.hash) for s, h in store.delivered_heads().items()} == {
        "a": (2, head("a", 2)),
        "b": (1, head("b", 1)),
    }
    store.append_records(1, [record("a", 1), record("a", 2)]).wait()
    assert store.records(0, 9) == [], "they were delivered long ago"
    different = store.append_records(1, [("a", 2, record("a", 3)[2])])
    with pytest.raises(Exception, match="record 2 of site a"):
        different.wait()
    store.append_records(10, [record("a", 3)]).wait()
    assert [(r.number, r.seq) for r in store.records(0, 9)] == [(4, 3)], "numbers go on"
    store.close()


def test_the_byte_limit_trims_before_age_does_and_the_file_stays_below_it(tmp_path: Path) -> None:
    store = open_store(tmp_path, max_bytes=LIMIT)
    for n in range(1, 1_001):
        store.append([tick(n, size=BIG)]).wait()
        if n % 20 == 0:
            snapshot(store, n)
    assert store.end() == 1_000
    assert store.first() > 800
    assert store.health().used_bytes < LIMIT
    assert store.health().refused == ""
    store.close()
    assert (tmp_path / "log.db").stat().st_size < 2 * LIMIT


def test_the_byte_limit_passes_series_outputs_and_says_what_they_miss(tmp_path: Path) -> None:
    store = open_store(tmp_path, max_bytes=LIMIT)
    store.set_cursor("series:influx", 5).wait()
    for n in range(1, 401):
        store.append([tick(n, size=BIG)]).wait()
        if n % 20 == 0:
            snapshot(store, n)
    passed = store.losses()
    assert {(x.kind, x.detail) for x in passed} == {("series_passed", "series:influx")}
    assert passed[0].first == 6
    assert all(a.last + 1 == b.first for a, b in pairwise(passed))
    assert passed[-1].last == store.first() - 1
    missed = sum(x.last - x.first + 1 for x in passed)
    assert store.health().counters["passed"] == missed == store.first() - 6
    assert "series_passed" in {t.kind for t in store.troubles}
    store.close()


def test_at_the_limit_entries_are_refused_while_an_alert_waits_and_taken_again_after(
    tmp_path: Path,
) -> None:
    store = open_store(tmp_path, max_bytes=LIMIT)
    store.append([tick(1, size=BIG)]).wait()
    store.set_cursor("alert:mqtt", 0)
    store.append_records(1, [record("a", 1)]).wait()
    taken = [1]
    with pytest.raises(DiskLimit, match=r"disk limit of 4,000,000 bytes reached"):
        fill(store, taken)
    assert store.health().refused != ""
    assert numbers(store) == taken, "no alert's entry was trimmed, nothing refused was kept"
    store.append_records(2, [record("a", 2)]).wait()
    assert len(store.records(0, 9)) == 2, "alerts are taken at the limit"
    store.set_cursor("alert:mqtt", 2).wait()
    store.trim().wait()
    store.append([tick(2_000, size=BIG)]).wait()
    assert numbers(store)[-1] == 2_000
    assert [t.kind for t in store.troubles] == ["disk_limit", "disk_limit_over"]
    store.close()


def test_no_snapshot_no_trimming_whatever_the_limit(tmp_path: Path) -> None:
    store = open_store(tmp_path, max_bytes=LIMIT, retention_ns=-1)
    with pytest.raises(DiskLimit):
        fill(store, [], every=2_000)
    assert store.first() == 1
    store.close()


def test_the_file_gives_back_what_trimming_freed(tmp_path: Path) -> None:
    store = open_store(tmp_path, retention_ns=-1)
    store.append([tick(n, size=BIG) for n in range(1, 501)]).wait()
    three_snapshots(store, 498, 499, 500)
    store.trim().wait()
    store.close()
    assert (tmp_path / "log.db").stat().st_size < 3_000_000


def test_a_log_without_a_core_waits_for_nothing_but_its_forwarder(tmp_path: Path) -> None:
    clock = ManualClock(START)
    store = open_store(tmp_path, clock=clock, retention_ns=-1, core=False)
    store.set_cursor("forward:far", 0)
    store.append([tick(n) for n in range(1, 101)]).wait()
    assert store.trim().wait() == 1, "nothing is passed on yet"
    store.set_cursor("forward:far", 60).wait()
    assert store.trim().wait() == 61
    store.set_cursor("forward:far", 100).wait()
    assert store.trim().wait() == 100, "the last one stays: it says where the log ends"
    store.close()
    store = open_store(tmp_path, clock=clock, core=False)
    assert (store.first(), store.end(), store.recovery) == (100, 100, None)
    assert store.append([tick(101)]).wait() == 101
    store.close()


def fill_until_refused(store: LogStore, taken: list[int]) -> None:
    """Appends big entries until the store refuses."""
    for n in range(1, 1_001):
        store.append([tick(n, size=BIG)]).wait()
        taken.append(n)


def test_at_the_byte_limit_a_forwarder_that_is_behind_refuses_entries(tmp_path: Path) -> None:
    store = open_store(tmp_path, max_bytes=LIMIT, core=False)
    store.set_cursor("forward:far", 50)
    taken: list[int] = []
    with pytest.raises(DiskLimit, match="bring the link and the outputs back"):
        fill_until_refused(store, taken)
    assert store.first() == 51, "what was passed on has made room"
    assert numbers(store) == taken[50:]
    store.set_cursor("forward:far", taken[-1] - 10).wait()
    store.trim().wait()
    assert store.append([tick(9_999)]).wait() == taken[-1] + 1
    store.close()


def test_an_offset_holds_nothing_back(tmp_path: Path) -> None:
    store = open_store(tmp_path, retention_ns=-1, core=False)
    store.append([tick(n) for n in range(1, 11)]).wait()
    store.set_cursor("offset:alerts/3", 7).wait()
    assert store.trim().wait() == 10
    assert store.cursor("offset:alerts/3") == 7
    with pytest.raises(ValueError, match="a cursor is called"):
        store.set_cursor("other:x", 1)
    store.close()
