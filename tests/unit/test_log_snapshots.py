"""Snapshots: what may be saved, what is loaded again, what is refused."""

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from lifeline.engine.errors import InvariantError, LogError
from lifeline.engine.limits import SNAPSHOT_CHUNK_BYTES, SNAPSHOTS_KEPT
from lifeline.engine.log import LogStore, Nondeterminism
from lifeline.engine.log.snapshots import SNAPSHOT_FILE
from log_entries import open_store, record, stood_still, tick


def filled(directory: Path, entries: int = 10) -> LogStore:
    """A store with that many entries."""
    store = open_store(directory)
    store.append([tick(n) for n in range(1, entries + 1)]).wait()
    return store


def save(store: LogStore, position: int, data: bytes) -> None:
    """Saves a snapshot and waits for it."""
    store.save_snapshot(position, store.hash_at(position), data).wait()


def change(directory: Path, statement: str, *arguments: object) -> None:
    """Changes the snapshot database behind the store's back."""
    connection = sqlite3.connect(directory / SNAPSHOT_FILE)
    with connection:
        connection.execute(statement, arguments)
    connection.close()


@pytest.mark.parametrize("size", [0, 1, SNAPSHOT_CHUNK_BYTES, 3 * SNAPSHOT_CHUNK_BYTES + 7])
def test_a_snapshot_of_any_size_comes_back_as_it_was(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    store = filled(tmp_path)
    assert store.load_snapshot() is None
    save(store, 7, data)
    assert store.load_snapshot() == (7, data)
    store.close()
    store = open_store(tmp_path)
    assert store.load_snapshot() == (7, data)
    assert store.troubles == []
    store.close()


def test_the_last_few_are_kept_and_nothing_else(tmp_path: Path) -> None:
    store = filled(tmp_path)
    for position in range(1, 9):
        save(store, position, bytes([position]) * (SNAPSHOT_CHUNK_BYTES + 1))
    assert store.health().snapshots == (8, 7, 6)
    store.close()
    connection = sqlite3.connect(tmp_path / SNAPSHOT_FILE)
    assert connection.execute("SELECT COUNT(*) FROM snapshots").fetchone() == (SNAPSHOTS_KEPT,)
    assert connection.execute("SELECT COUNT(*) FROM chunks").fetchone() == (2 * SNAPSHOTS_KEPT,)
    connection.close()


def test_a_snapshot_before_its_records_are_durable_is_refused(tmp_path: Path) -> None:
    store = filled(tmp_path)
    gate = stood_still(store.append([tick(0)]))
    records = store.append_records(5, [record("a", 1)])
    with pytest.raises(InvariantError, match="before the alert records of 5 are durable"):
        store.save_snapshot(5, store.hash_at(5), b"")
    before = store.save_snapshot(4, store.hash_at(4), b"four")
    gate.set()
    records.wait()
    before.wait()
    save(store, 5, b"five")
    store.close()


def test_a_snapshot_over_records_that_failed_is_refused_until_they_are_written(
    tmp_path: Path,
) -> None:
    store = filled(tmp_path)
    store.append_records(1, [record("a", 1)]).wait()
    with pytest.raises(Nondeterminism):
        store.append_records(3, [record("a", 1, "other")]).wait()
    with pytest.raises(InvariantError, match="alert records of 3"):
        store.save_snapshot(8, store.hash_at(8), b"")
    store.append_records(3, [record("a", 2)]).wait()
    save(store, 8, b"eight")
    store.close()


def test_a_snapshot_that_is_not_of_this_log_cannot_be_saved(tmp_path: Path) -> None:
    store = filled(tmp_path)
    for position, digest in ((3, bytes(16)), (11, store.hash_at(10)), (0, bytes(16))):
        with pytest.raises(InvariantError, match="not of this log"):
            store.save_snapshot(position, digest, b"")
    store.close()


def test_a_damaged_snapshot_gives_way_to_the_one_before_it(tmp_path: Path) -> None:
    store = filled(tmp_path)
    save(store, 3, b"three")
    save(store, 6, b"six")
    store.close()
    change(tmp_path, "UPDATE chunks SET data = ? WHERE data = ?", b"sex", b"six")
    store = open_store(tmp_path)
    assert store.load_snapshot() == (3, b"three")
    assert store.health().snapshots == (3,)
    assert [t.text for t in store.troubles] == [
        "the snapshot at 6 is damaged; the one before it is taken"
    ]
    store.close()


def test_a_snapshot_without_all_its_chunks_is_none(tmp_path: Path) -> None:
    store = filled(tmp_path)
    save(store, 3, bytes(2 * SNAPSHOT_CHUNK_BYTES))
    store.close()
    change(tmp_path, "DELETE FROM chunks WHERE id = (SELECT MAX(id) FROM chunks)")
    store = open_store(tmp_path)
    assert store.load_snapshot() is None
    store.close()


def test_a_snapshot_whose_description_was_changed_is_left_out(tmp_path: Path) -> None:
    store = filled(tmp_path)
    save(store, 3, b"three")
    store.close()
    change(tmp_path, "UPDATE snapshots SET position = 4")
    store = open_store(tmp_path)
    assert store.load_snapshot() is None
    store.close()


def test_a_snapshot_beyond_the_end_is_refused_and_positions_stay_clear_of_it(
    tmp_path: Path,
) -> None:
    store = filled(tmp_path / "one", entries=4)
    save(store, 4, b"four")
    store.close()
    shutil.copytree(tmp_path / "one", tmp_path / "backup")
    store = open_store(tmp_path / "one")
    store.append([tick(n) for n in range(5, 11)]).wait()
    save(store, 9, b"nine")
    store.close()
    for name in ("log.db", "log.mark"):
        shutil.copy(tmp_path / "backup" / name, tmp_path / "one" / name)
    store = open_store(tmp_path / "one")
    assert store.load_snapshot() == (4, b"four")
    assert "beyond the log's end at 4" in store.troubles[0].text
    assert store.recovery is not None
    assert (store.recovery.first_lost, store.recovery.last_lost) == (5, 9)
    assert store.append([tick(5)]).wait() > 10
    store.close()


def test_a_snapshot_of_another_log_is_refused(tmp_path: Path) -> None:
    for name, position in (("one", 4), ("two", 5)):
        store = filled(tmp_path / name)
        save(store, position, name.encode())
        store.close()
    shutil.copy(tmp_path / "one" / SNAPSHOT_FILE, tmp_path / "two" / SNAPSHOT_FILE)
    store = open_store(tmp_path / "two")
    assert store.load_snapshot() is None
    assert "belongs to another log" in store.troubles[0].text
    assert store.recovery is None
    store.close()


def test_a_snapshot_database_that_is_rubbish_is_kept_aside_and_begun_anew(tmp_path: Path) -> None:
    store = filled(tmp_path)
    save(store, 3, b"three")
    store.close()
    (tmp_path / SNAPSHOT_FILE).write_bytes(b"rubbish" * 1_000)
    store = open_store(tmp_path)
    assert store.load_snapshot() is None
    assert [t.kind for t in store.troubles] == ["snapshot_refused"]
    (aside,) = tmp_path.glob(f"damaged-*-{SNAPSHOT_FILE}")
    assert aside.read_bytes() == b"rubbish" * 1_000
    save(store, 5, b"five")
    store.close()
    store = open_store(tmp_path)
    assert store.load_snapshot() == (5, b"five")
    store.close()


def test_of_snapshots_that_wait_the_newest_is_written(tmp_path: Path) -> None:
    store = filled(tmp_path)
    gate = stood_still(store.save_snapshot(1, store.hash_at(1), b"1"))
    older = store.save_snapshot(2, store.hash_at(2), b"2")
    newer = store.save_snapshot(3, store.hash_at(3), b"3")
    gate.set()
    assert newer.wait() == 3
    with pytest.raises(LogError, match="a newer snapshot took its place"):
        older.wait()
    assert store.health().snapshots == (3, 1)
    store.close()


def test_appends_go_on_while_a_snapshot_is_under_way(tmp_path: Path) -> None:
    store = filled(tmp_path)
    gate = stood_still(store.save_snapshot(1, store.hash_at(1), bytes(5 * SNAPSHOT_CHUNK_BYTES)))
    assert store.append([tick(11)]).wait(180.0) == 11
    gate.set()
    store.close()


def test_heads_have_a_second_copy_that_outlives_the_log(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.append_records(1, [record("a", n) for n in range(1, 5)])
    store.append_records(2, [record("b", 1)])
    store.set_cursor("alert:mqtt", 3).wait()
    heads = store.delivered_heads()
    assert {site: head.seq for site, head in heads.items()} == {"a": 4, "b": 1}
    log_id = store.log_id
    store.close()
    for name in ("log.db", "log.db-wal"):
        (tmp_path / name).unlink(missing_ok=True)
    store = open_store(tmp_path)
    assert store.recovery is not None
    assert (store.recovery.first_lost, store.recovery.last_lost) == (1, 10)
    assert store.log_id == log_id
    assert store.delivered_heads() == heads
    assert store.cursor("alert:mqtt") == 3
    assert store.append([tick(1)]).wait() > 10
    store.append_records(store.end(), [record("a", 5)]).wait()
    assert store.records(3, 9)[0].number > 5
    store.close()
