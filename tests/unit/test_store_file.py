"""The embedded store's file where it is damaged, of another version, or another process has it."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pytest

from lifeline.engine.clock import ManualClock
from lifeline.engine.frame import Frame
from lifeline.engine.limits import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from lifeline.engine.store import database
from lifeline.engine.store.answering import Answer
from lifeline.engine.store.errors import (
    StoreDamagedError,
    StoreForeignError,
    StoreInUseError,
)
from lifeline.engine.store.store import Store
from lifeline.engine.store.wire import Question
from store_oracle import (
    START,
    ask,
    assert_holds,
    crashed,
    filled,
    new_store,
    put,
    ramp,
    rolled,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "series.duckdb"


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x55
    path.write_bytes(data)


@pytest.mark.parametrize("at", [0, 9, 20, 5_000, 9_000])
def test_a_file_that_is_no_store_any_more_is_set_aside_and_begun_anew(path: Path, at: int) -> None:
    oracle = filled(path)
    flip(path, at)
    told: list[str] = []
    store = new_store(path, told=told)
    assert store.mark("log", "series:store") is None or oracle.samples
    (kept,) = path.parent.glob("damaged-*-series.duckdb")
    assert kept.name in told[0]
    mark = store.mark("log", "series:store")
    assert mark is None
    for position, start in enumerate((START, START + 40 * MINUTE_NS), 1):
        put(store, ramp(2_000, start=start), position)
    assert_holds(store, oracle)
    store.close()


def test_of_a_damaged_part_the_rest_is_taken_over(path: Path) -> None:
    """A block of samples is damaged: names, minutes, hours and other days stay."""
    store = new_store(path, ManualClock(START + 5 * DAY_NS))
    rng = np.random.default_rng(3)
    for day in range(4):
        rows = np.arange(60_000, dtype=np.int64)
        values = rng.random(60_000)
        put(store, Frame.of(rows % 3, START + day * DAY_NS + rows * 10**9, values), day + 1)
    store.tend(now=True)
    minutes = rolled(ask(store, "FROM series_1m"))
    hours = rolled(ask(store, "FROM series_1h"))
    blocks = ask(
        store,
        "SELECT DISTINCT block_id FROM pragma_storage_info('store.samples')"
        " WHERE column_name = 'value' AND block_id >= 0",
    )
    store.close()
    if not blocks:
        connection = duckdb.connect(str(path))
        found = connection.execute(
            "SELECT DISTINCT block_id FROM pragma_storage_info('store.samples')"
            " WHERE column_name = 'value' AND block_id >= 0"
        ).fetchall()
        connection.close()
        blocks = [{"block_id": row[0]} for row in found]
    flip(path, 3 * 4096 + blocks[0]["block_id"] * 262_144 + 5_000)
    told: list[str] = []
    store = new_store(path, ManualClock(START + 5 * DAY_NS), told)
    with pytest.raises(StoreDamagedError):
        ask_all(store)
    store.damaged("a question met it")
    store.open()
    assert "were taken over, " in told[0]
    assert store.mark("log", "series:store") is None
    assert rolled(ask(store, "FROM series_1m")) == minutes
    assert rolled(ask(store, "FROM series_1h")) == hours
    left = ask(store, "SELECT count(*) AS n FROM series")[0]["n"]
    assert 0 <= left < 240_000
    store.close()


def ask_all(store: Store) -> None:
    """Reads every value."""
    store.open()
    with store.reading() as connection:
        answer = Answer(connection, Question("ask", "SELECT sum(hash(value)) FROM series"))
        list(answer.pieces())


def test_a_damaged_tail_is_set_aside_alone(path: Path) -> None:
    store = new_store(path)
    put(store, ramp(1_000), 1)
    store.close()
    store = new_store(path)
    put(store, ramp(1_000, start=START + HOUR_NS), 2)
    image = path.with_name("image.duckdb")
    crashed(store, image)
    store.close()
    tail = image.with_name("image.duckdb.wal")
    flip(tail, tail.stat().st_size // 2)
    told: list[str] = []
    store = new_store(image, told=told)
    mark = store.mark("log", "series:store")
    assert mark is not None
    assert mark.position == 1
    assert len(ask(store, "FROM series")) == 1_000
    assert "set aside" in told[0]
    store.close()


def test_a_file_of_a_later_version_is_left_alone(path: Path) -> None:
    filled(path)
    connection = duckdb.connect(str(path))
    connection.execute("UPDATE store.about SET value = 99 WHERE name = 'version'")
    connection.close()
    store = new_store(path)
    with pytest.raises(StoreForeignError, match="version 99"):
        store.open()
    assert path.exists()
    assert not list(path.parent.glob("damaged-*"))
    store.close()


def test_a_file_that_another_process_has_is_told_and_not_damaged(path: Path) -> None:
    filled(path)
    code = (
        f"import duckdb, sys; c = duckdb.connect({str(path)!r}); print('open', flush=True);"
        " sys.stdin.read()"
    )
    import subprocess
    import sys

    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        store = new_store(path)
        with pytest.raises(StoreInUseError):
            store.open()
        assert other.stdin is not None
        other.stdin.close()
        other.wait(30)
    store.open()
    assert len(ask(store, "FROM series")) == 4_000
    store.close()


def test_one_damaged_file_is_kept(path: Path) -> None:
    clock = ManualClock(START)
    for _ in range(3):
        path.write_bytes(b"no database")
        clock.advance(SECOND_NS)
        database.set_aside(path, clock)
    assert len(list(path.parent.glob("damaged-*"))) == 1
