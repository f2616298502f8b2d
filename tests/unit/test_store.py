"""The embedded store's file: each sample once, ages, limits; questions that only read."""

from __future__ import annotations

import math
import os
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lifeline.engine.clock import ManualClock
from lifeline.engine.config import StoreSpec
from lifeline.engine.errors import LogError, SinkError, SpecError
from lifeline.engine.frame import Frame
from lifeline.engine.limits import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from lifeline.engine.store import client, export, sharing
from lifeline.engine.store.answering import Answer
from lifeline.engine.store.errors import (
    QuestionError,
    StoreMovedError,
)
from lifeline.engine.store.limits import GATHERED_BYTES
from lifeline.engine.store.rows import alerts_table, named_samples
from lifeline.engine.store.samples import Newest
from lifeline.engine.store.statements import checked
from lifeline.engine.store.store import Mark
from lifeline.engine.store.wire import ARROW, PieceWriter, Question, receive
from store_oracle import (
    NAMES,
    PLANT,
    START,
    VERSION,
    Oracle,
    ask,
    assert_holds,
    filled,
    new_store,
    put,
    ramp,
    rolled,
)
from store_records import record


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "series.duckdb"


def test_rewritten_rows_change_no_count_and_the_last_value_stands(path: Path) -> None:
    store, oracle, frame = new_store(path), Oracle(), ramp(3_000)
    other = Frame.of(frame.sensor, frame.time, frame.value + 1)
    for position, each in enumerate((frame, frame, other, frame.take(slice(0, 10))), 1):
        written = put(store, each, position)
        oracle.write(each)
        given = (written.stored, written.replaced, written.repeated)
        assert given == [(3000, 0, 0), (0, 0, 3000), (0, 3000, 0), (0, 10, 0)][position - 1]
    assert_holds(store, oracle)
    store.tend(now=True)
    assert_holds(store, oracle)
    store.close()


def test_a_store_that_looks_nothing_up_is_caught(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the oracle: a row that came again must not go unseen."""
    monkeypatch.setattr(Newest, "passed", lambda self, rows: np.zeros(len(rows), np.bool_))
    store, oracle, frame = new_store(path), Oracle(), ramp(30)
    monkeypatch.setattr(Newest, "note", lambda self, rows: None)
    for position in (1, 2):
        put(store, frame, position)
        oracle.write(frame)
    with pytest.raises(AssertionError, match="stands twice"):
        assert_holds(store, oracle)
    store.close()


def test_a_mark_and_its_rows_are_there_together_or_not_at_all(path: Path) -> None:
    store = new_store(path)
    put(store, ramp(5), 1)
    with pytest.raises(StoreMovedError):
        store.write([(VERSION, PLANT, ramp(9))], Mark("log", "series:store", 7, after=4))
    assert len(ask(store, "FROM series")) == 5
    mark = store.mark("log", "series:store")
    assert mark is not None
    assert mark.position == 1
    assert store.mark("another log", "series:store") is None
    store.close()


def test_late_samples_aggregate_again_what_they_touch_and_nothing_else(path: Path) -> None:
    clock = ManualClock(START + HOUR_NS)
    store, oracle = new_store(path, clock), Oracle()
    put(store, frame := ramp(2_000), 1)
    oracle.write(frame)
    store.tend(now=True)
    before = rolled(ask(store, "FROM series_1m"))
    late = Frame.of([0], [START + 5 * MINUTE_NS + 1], [1e6])
    put(store, late, 2)
    oracle.write(late)
    assert_holds(store, oracle)
    store.tend(now=True)
    assert_holds(store, oracle)
    after = rolled(ask(store, "FROM series_1m"))
    assert {key for key in after if after[key] != before[key]} == {
        (NAMES[0], START + 5 * MINUTE_NS)
    }
    store.close()


def test_what_is_too_old_goes_by_resolution(path: Path) -> None:
    clock = ManualClock(START + HOUR_NS)
    spec: dict[str, Any] = {"raw_ns": 2 * HOUR_NS, "minutes_ns": DAY_NS, "hours_ns": 3 * DAY_NS}
    store = new_store(path, clock, **spec)
    put(store, ramp(600), 1)
    store.tend(now=True)
    counts = []
    for hours in (1, 3, 26, 80):
        clock.step_wall(START + hours * HOUR_NS - clock.wall())
        store.tend(now=True)
        (row,) = ask(
            store,
            "SELECT (SELECT count(*) FROM series) a, (SELECT count(*) FROM series_1m) b,"
            " (SELECT count(*) FROM series_1h) c, (SELECT count(*) FROM latest) d",
        )
        counts.append((row["a"], row["b"], row["c"], row["d"]))
    assert counts == [(600, 30, 3, 3), (0, 30, 3, 3), (0, 0, 3, 3), (0, 0, 0, 3)]
    store.close()


def test_a_sample_older_than_the_retention_spoils_no_minute(path: Path) -> None:
    clock = ManualClock(START + HOUR_NS)
    store = new_store(path, clock, raw_ns=2 * HOUR_NS)
    put(store, ramp(600), 1)
    clock.advance(3 * HOUR_NS)
    store.tend(now=True)
    before = rolled(ask(store, "FROM series_1m"))
    written = put(store, Frame.of([0], [START + 1], [9.0]), 2)
    assert (written.stored, written.expired) == (0, 1)
    store.tend(now=True)
    assert rolled(ask(store, "FROM series_1m")) == before
    store.close()


def test_a_backfill_of_an_old_day_takes_the_place_of_its_minutes(path: Path) -> None:
    clock = ManualClock(START + HOUR_NS)
    store = new_store(path, clock, raw_ns=2 * HOUR_NS)
    put(store, ramp(600), 1)
    clock.advance(3 * HOUR_NS)
    store.tend(now=True)
    before = rolled(ask(store, "FROM series_1m"))
    again = ramp(600)
    again = again.take(again.sensor == 0)
    again = Frame.of(again.sensor, again.time, again.value * 2)
    written = store.write_named(named_samples(again, PLANT))
    assert written.stored == 200
    store.tend(now=True)
    after = rolled(ask(store, "FROM series_1m"))
    assert after.keys() == before.keys()
    for key, values in after.items():
        factor = 2.0 if key[0] == NAMES[0] else 1.0
        assert values[3] == before[key][3]
        assert math.isclose(values[2], before[key][2] * factor, rel_tol=1e-9)
    assert ask(store, "SELECT count(*) AS n FROM series") == [{"n": 0}]
    store.close()


def test_deleted_room_is_used_again(path: Path) -> None:
    clock = ManualClock(START + HOUR_NS)
    store = new_store(path, clock, raw_ns=2 * HOUR_NS, minutes_ns=3 * HOUR_NS)
    sizes = []
    for hour in range(12):
        start = START + hour * HOUR_NS
        rows = np.arange(150_000, dtype=np.int64)
        frame = Frame.of(
            rows % 3, start + rows * 24_000_000, np.random.default_rng(1).random(150_000)
        )
        put(store, frame, hour + 1)
        clock.step_wall(start + HOUR_NS - clock.wall())
        store.tend(now=True)
        sizes.append(path.stat().st_size)
    assert max(sizes[6:]) <= max(sizes[:6]) * 1.1
    store.close()


def test_a_store_over_its_size_lets_the_oldest_samples_go_and_tells(path: Path) -> None:
    told: list[str] = []
    clock = ManualClock(START + 30 * HOUR_NS)
    store = new_store(path, clock, told, max_bytes=300_000)
    rows = np.arange(300_000, dtype=np.int64)
    values = np.random.default_rng(2).random(300_000)
    put(store, Frame.of(rows % 3, START + rows * 300_000_000, values), 1)
    before = ask(store, "SELECT count(*) AS n FROM series")[0]["n"]
    store.tend(now=True)
    store.tend(now=True)
    first = ask(store, "SELECT min(time) AS t, count(*) AS n FROM series")[0]
    assert first["n"] < before
    assert first["t"] >= START + HOUR_NS
    assert ask(store, "SELECT sum(count)::BIGINT AS n FROM series_1m") == [{"n": before}]
    assert [each.partition(":")[0] for each in told] == ["store_size"] * len(told) != []
    store.close()


# --- alerts --------------------------------------------------------------------------------------


def test_records_are_stored_once_by_site_and_seq(path: Path) -> None:
    store = new_store(path)
    records = [record(seq) for seq in (1, 2, 3)]
    table = alerts_table(records, lambda _: None)
    assert store.write_alerts(table, Mark("log", "alert:store", 3)) == 3
    assert store.write_alerts(alerts_table(records[1:], lambda _: None)) == 0
    rows = ask(store, "FROM alert ORDER BY seq")
    assert [(r["site"], r["seq"], r["level"], r["hash"]) for r in rows] == [
        (r.site, r.seq, 3, r.hash) for r in records
    ]
    assert rows[0]["time"] == rows[0]["event"] == records[0].time
    assert rows[0]["until"] is None
    assert "GD-1" in rows[0]["text_en"]
    assert "GD-1" in rows[0]["text_zh"]
    store.close()


# --- questions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM alert",
        "INSERT INTO store.samples VALUES (1, NULL, 1, 1)",
        "SET threads = 8",
        "COPY series TO 'x.csv'",
        "ATTACH 'x.duckdb'",
        "PRAGMA enable_profiling",
        "CALL pragma_version()",
        "CHECKPOINT",
        "CREATE TABLE x AS SELECT 1",
        "BEGIN",
        "SELECT 1; DROP TABLE alert",
        "",
        "SELEC 1",
    ],
)
def test_what_is_no_single_question_is_refused(sql: str) -> None:
    with pytest.raises(QuestionError):
        checked(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "WITH d AS (DELETE FROM alert RETURNING *) SELECT * FROM d",
        "EXPLAIN ANALYZE DELETE FROM alert",
        "FROM read_csv('/etc/passwd')",
        "FROM read_text('/etc/hostname')",
        "FROM glob('/*')",
        "FROM force_checkpoint()",
        "FROM enable_profiling()",
        "SELECT no_such_column FROM series",
        "SELECT 1 / x FROM (SELECT 'a' AS x)",
    ],
)
def test_what_reads_like_a_question_cannot_write_or_leave_the_file(path: Path, sql: str) -> None:
    store = new_store(path)
    store.write_alerts(alerts_table([record(1)], lambda _: None))
    with store.reading() as connection, pytest.raises(QuestionError):
        list(Answer(connection, Question("ask", sql)).pieces())
    assert len(ask(store, "FROM alert")) == 1
    store.close()


def test_limits_of_rows_bytes_and_time(path: Path) -> None:
    store = new_store(path)
    store.open()
    with store.reading() as connection:
        answer = Answer(connection, Question("ask", "FROM range(1000000)", rows=17_000))
        assert sum(batch.num_rows for batch in answer.pieces()) == 17_000
        assert answer.more
    with store.reading() as connection:
        answer = Answer(connection, Question("ask", "FROM range(17000)", rows=17_000))
        assert sum(batch.num_rows for batch in answer.pieces()) == 17_000
        assert not answer.more
    with store.reading() as connection, pytest.raises(QuestionError, match="larger than 1,000"):
        list(Answer(connection, Question("ask", "FROM range(1000)", bytes=1_000)).pieces())
    slow = "SELECT count(*) FROM range(100000000000) t(i) WHERE i % 7 = 3"
    with store.reading() as connection, pytest.raises(QuestionError, match=r"within 0\.2 s"):
        list(Answer(connection, Question("ask", slow, timeout_ns=SECOND_NS // 5)).pieces())
    assert ask(store, "SELECT 1 AS one") == [{"one": 1}]
    store.close()


def test_times_are_utc_whatever_the_machine_says(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        store = new_store(path)
        put(store, Frame.of([0], [time.time_ns() - 30 * MINUTE_NS], [1.0]), 1)
        assert len(ask(store, "FROM series WHERE time > ago(INTERVAL 1 HOUR)")) == 1
        assert len(ask(store, "FROM series WHERE time > ago(INTERVAL 20 MINUTE)")) == 0
        store.close()
    finally:
        monkeypatch.undo()
        time.tzset()


# --- without an engine ---------------------------------------------------------------------------


def test_a_store_at_rest_is_read_and_written_by_a_command(path: Path) -> None:
    oracle = filled(path)
    more = ramp(900, start=START - 300 * DAY_NS)
    oracle.write(more)
    done = client.write(path.parent, [named_samples(more, PLANT)])
    assert (done.rows, done.stored) == (900, 900)
    answer = client.ask(path.parent, "SELECT count(*) AS n, sum(value) AS v FROM series")
    (row,) = answer.dicts()
    values = [value for value, _ in oracle.samples.values() if value is not None]
    assert row["n"] == len(oracle.samples)
    assert math.isclose(row["v"], math.fsum(values), rel_tol=1e-9, abs_tol=1e-6)
    store = new_store(path)
    assert_holds(store, oracle)
    store.close()


def test_a_directory_without_a_store_says_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="outputs"):
        client.ask(tmp_path, "SELECT 1")


def test_the_reader_of_arrow_carries_errors(path: Path) -> None:
    filled(path)
    reader = client.ask(path.parent, "FROM series").reader()
    assert reader.read_all().num_rows == 4_000
    late = client.ask(path.parent, "FROM series", size=1_000).reader()
    with pytest.raises(QuestionError):
        late.read_all()


# --- over the socket -----------------------------------------------------------------------------


@pytest.mark.parametrize("depth", ["near", "/".join(["a-rather-long-name-of-a-folder"] * 6)])
def test_questions_and_rows_go_over_the_socket(tmp_path: Path, depth: str) -> None:
    directory = tmp_path / depth
    directory.mkdir(parents=True)
    spec = StoreSpec(directory / "series.duckdb")
    store = sharing.borrowed(spec, ManualClock(START + HOUR_NS), lambda *_: None)
    try:
        mode = (directory / "store.sock").stat().st_mode
        assert mode & 0o777 == 0o600
        with pytest.raises(SinkError, match="not open"):
            client.ask(directory, "SELECT 1")
        store.open()
        frame = ramp(70_000)
        batches = [named_samples(frame.take(slice(i, i + 50_000)), PLANT) for i in (0, 50_000)]
        assert client.write(directory, batches).stored == 70_000
        assert client.write(directory, batches).repeated == 70_000
        client.settle(directory)
        records = alerts_table([record(1), record(2)], lambda _: None).to_batches()
        assert client.write(directory, records, "alert").stored == 2
        found = client.ask(directory, "FROM series ORDER BY time").table()
        assert found.num_rows == 70_000
        assert np.array_equal(np.asarray(found.column("time").cast("int64")), frame.time)
        assert np.array_equal(np.asarray(found.column("value")), frame.value)
        with pytest.raises(QuestionError, match="Binder Error"):
            client.ask(directory, "SELECT nothing FROM series")
        with pytest.raises(QuestionError, match="larger"):
            client.ask(directory, "FROM series", size=100_000).table()
        some = client.ask(directory, "FROM series", rows=5)
        assert len(some.dicts()) == 5
        assert some.more
    finally:
        sharing.returned(store)
    assert not (directory / "store.sock").exists()
    assert client.ask(directory, "SELECT count(*) AS n FROM alert").dicts() == [{"n": 2}]


def test_small_parts_of_an_answer_are_gathered_and_nothing_is_left_behind() -> None:
    """A socket counts a kilobyte for each part that waits: of 33 columns it held not fifty records."""
    near, far = socket.socketpair()
    with near, far:
        writer = PieceWriter(near)
        parts = [bytes([n % 251]) * (n % 17) for n in range(900)]
        assert [writer.write(part) for part in parts] == [len(part) for part in parts]
        writer.write(b"x" * (GATHERED_BYTES + 1))
        writer.write(b"end")
        writer.finish()
        writer.finish()
        near.close()
        kinds, pieces = zip(*(receive(far, 1_000_000) for _ in range(3)), strict=True)
        assert set(kinds) == {ARROW}
        assert b"".join(pieces) == b"".join(parts) + b"x" * (GATHERED_BYTES + 1) + b"end"
        with pytest.raises(EOFError):
            receive(far, 1)


def test_who_asks_is_ready_to_read_before_the_engine_hears_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that cannot be written is found before the question; so is what its form must import."""
    asked: list[str] = []

    def answer(_: Path, sql: str, **__: object) -> Any:
        asked.append(sql)
        counted = type("Counted", (), {"dicts": lambda self: [{"n": 1}]})
        return counted()

    monkeypatch.setattr(export, "ask", answer)
    nowhere = tmp_path / "no-folder" / "alerts.csv"
    with pytest.raises(SpecError, match="cannot be written"):
        export.export_alerts(tmp_path, export.Wanted(0, 1), "csv", nowhere)
    assert ["count(*)" in sql for sql in asked] == [True]


def test_one_store_serves_all_outputs_of_a_process(tmp_path: Path) -> None:
    spec = StoreSpec(tmp_path / "series.duckdb")
    clock = ManualClock(START)
    one = sharing.borrowed(spec, clock, lambda *_: None)
    two = sharing.borrowed(spec, clock, lambda *_: None)
    assert one is two
    with pytest.raises(SpecError, match="restart"):
        sharing.check_change(StoreSpec(spec.path, threads=2))
    sharing.check_change(StoreSpec(spec.path, raw_ns=HOUR_NS))
    one.open()
    sharing.returned(one)
    assert ask(two, "SELECT 1 AS one") == [{"one": 1}]
    sharing.returned(two)
    assert os.listdir(tmp_path) == ["series.duckdb"]
