"""The ledger keeps what it was told, survives a kill, and is refused when damaged; the audit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lifeline.engine.errors import LogError
from lifeline.engine.limits import AUDIT_EXAMPLES, SECOND_NS
from lifeline.simulators.audit import Audit, Logged, compare
from lifeline.simulators.batch import Batch
from lifeline.simulators.ledger import HEAD, Ledger, LedgerWriter
from lifeline.simulators.pipeline import pipeline

START = 1_800_000_000 * SECOND_NS
SITE = pipeline()
NAMES = [p.id for p in SITE.points]


@pytest.fixture
def rows() -> Batch:
    return Batch.concat(list(SITE.samples(START, 20.0, 1)))


def written(path: Path, rows: Batch, acked: list[int], withdrawn: list[int]) -> Ledger:
    writer = LedgerWriter(path, SITE, 1)
    half = len(rows) // 2
    writer.record(np.arange(half, dtype=np.int64) // 10, rows.take(slice(None, half)))
    writer.acknowledged(acked[:2])
    writer.record(np.arange(half, len(rows), dtype=np.int64) // 10, rows.take(slice(half, None)))
    writer.acknowledged(acked[2:])
    writer.resent([3, 4])
    writer.withdrawn(withdrawn)
    writer.close()
    return Ledger.read(path)


def test_what_was_written_is_read(tmp_path: Path, rows: Batch) -> None:
    ledger = written(tmp_path / "a", rows, [0, 5, 1], [2])
    kept = np.arange(len(rows)) // 10 != 2
    assert ledger.head.site == "pipeline"
    assert ledger.head.seed == 1
    assert [s.id for s in ledger.head.sensors] == NAMES
    for name in ("sensor", "number", "time"):
        assert getattr(ledger, name).tolist() == getattr(rows, name)[kept].tolist()
    assert ledger.value.tobytes() == rows.value[kept].tobytes()
    assert np.unique(ledger.message[ledger.acked]).tolist() == [0, 1, 5]
    assert ledger.resent == 2
    assert ledger.messages == len(np.unique(np.arange(len(rows)) // 10)) - 1


def test_counts_are_of_distinct_samples_by_sensor(tmp_path: Path, rows: Batch) -> None:
    twice = Batch.concat([rows, rows.take(rows.sensor == NAMES.index("PT-101"))])
    counts = written(tmp_path / "a", twice, [], []).counts()
    assert set(counts) == set(NAMES)
    assert counts["PT-101"] == 20
    assert counts["XV-101"] == 1
    assert sum(counts.values()) == len(np.unique(rows.sensor * 1_000_000 + rows.number))


def test_an_older_ledger_is_never_overwritten(tmp_path: Path, rows: Batch) -> None:
    written(tmp_path / "a", rows, [], [])
    with pytest.raises(FileExistsError):
        LedgerWriter(tmp_path / "a", SITE, 1)


def test_a_ledger_cut_anywhere_in_its_last_block_keeps_the_rest(
    tmp_path: Path, rows: Batch
) -> None:
    path = tmp_path / "a"
    writer = LedgerWriter(path, SITE, 1)
    writer.record(np.zeros(5, np.int64), rows.take(slice(5)))
    writer.acknowledged([0])
    safe = path.stat().st_size
    writer.record(np.ones(4, np.int64), rows.take(slice(5, 9)))
    writer.close()
    data = path.read_bytes()
    for size in range(safe, len(data)):
        path.write_bytes(data[:size])
        ledger = Ledger.read(path)
        assert len(ledger) == 5
        assert ledger.acked.all()
    path.write_bytes(data)
    assert len(Ledger.read(path)) == 9


def test_a_changed_byte_is_told(tmp_path: Path, rows: Batch) -> None:
    path = tmp_path / "a"
    written(path, rows, [0], [])
    data = bytearray(path.read_bytes())
    at = data.index(b"\n", data.index(b"\n") + 1) + 1 + HEAD.size + 3
    data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(LogError, match="damaged block"):
        Ledger.read(path)
    data[at - 3 - HEAD.size] = ord("X")
    path.write_bytes(data)
    with pytest.raises(LogError, match="unknown block"):
        Ledger.read(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"lifeline-ledger 2\n{}\n", b"lifeline-ledger 1\n[]\n", b'lifeline-ledger 1\n{"si'],
)
def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(LogError):
        Ledger.read(path)


def test_a_ledger_without_samples_is_a_ledger(tmp_path: Path) -> None:
    LedgerWriter(tmp_path / "a", SITE, 1).close()
    ledger = Ledger.read(tmp_path / "a")
    assert len(ledger) == 0
    assert compare(ledger, []) == Audit(0, 0, 0, 0, 0, 0, 0, 0)


# --- the audit -----------------------------------------------------------------------------------


def canonical(rows: Batch) -> Logged:
    gain = np.array([p.gain for p in SITE.points])[rows.sensor]
    zero = np.array([p.zero for p in SITE.points])[rows.sensor]
    return Logged(NAMES, rows.sensor, rows.time, (rows.value - zero) / gain)


def test_a_log_with_everything_once_is_drained(tmp_path: Path, rows: Batch) -> None:
    count = -(-len(rows) // 10)
    ledger = written(tmp_path / "a", rows, list(range(count)), [])
    audit = compare(ledger, [canonical(rows.take(slice(i, None, 3))) for i in range(3)])
    assert audit.drained
    assert audit.sent == audit.acked == audit.logged > 0
    assert audit.examples == ()


def test_a_missing_acknowledged_sample_is_lost_and_named(tmp_path: Path, rows: Batch) -> None:
    count = -(-len(rows) // 10)
    ledger = written(tmp_path / "a", rows, list(range(count)), [])
    audit = compare(ledger, [canonical(rows.take(slice(1, None)))])
    missing = f"lost: {NAMES[rows.sensor[0]]} at {rows.time[0]}"
    assert (audit.lost, audit.holds, audit.examples) == (1, False, (missing,))


def test_examples_are_bounded(tmp_path: Path, rows: Batch) -> None:
    count = -(-len(rows) // 10)
    ledger = written(tmp_path / "a", rows, list(range(count)), [])
    audit = compare(ledger, [])
    assert audit.lost == audit.sent > AUDIT_EXAMPLES
    assert len(audit.examples) == AUDIT_EXAMPLES


def test_rows_of_other_sites_are_passed_over(tmp_path: Path, rows: Batch) -> None:
    ledger = written(tmp_path / "a", rows, [0], [])
    other = Logged([None], np.zeros(3, np.int32), np.arange(3, dtype=np.int64), np.zeros(3))
    audit = compare(ledger, [canonical(rows), other])
    assert audit.drained


def test_an_unknown_name_is_an_error_of_the_caller(tmp_path: Path, rows: Batch) -> None:
    ledger = written(tmp_path / "a", rows, [0], [])
    strange = Logged(["X"], np.zeros(1, np.int32), np.zeros(1, np.int64), np.zeros(1))
    with pytest.raises(LogError, match="knows no sensor 'X'"):
        compare(ledger, [strange])


def test_the_caller_may_bring_its_own_conversion(tmp_path: Path, rows: Batch) -> None:
    ledger = written(tmp_path / "a", rows, [], [])
    in_plant_units = Logged(NAMES, rows.sensor, rows.time, rows.value)
    assert compare(ledger, [in_plant_units]).altered > 0
    as_it_is = dict.fromkeys(NAMES, (1.0, 0.0))
    assert compare(ledger, [in_plant_units], convert=as_it_is).drained


def test_one_stamp_for_two_samples_makes_a_ledger_useless(tmp_path: Path, rows: Batch) -> None:
    stamped = Batch(
        rows.sensor, rows.number, np.zeros_like(rows.time), rows.value, rows.flag, rows.due
    )
    ledger = written(tmp_path / "a", stamped, [], [])
    with pytest.raises(LogError, match="two samples"):
        compare(ledger, [])
