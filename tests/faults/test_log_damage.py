"""Torn and flipped files: opening never raises, never invents, tells what is lost.

One log is left as a killed process leaves it: half of it in the database, half in the write-ahead
log. Then one place of one file is changed, the log opened, and what is there compared.
"""

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lifeline.engine.clock import ManualClock
from lifeline.engine.entry import Entry, Header, Recovered, encode
from lifeline.engine.limits import DAMAGED_KEPT
from lifeline.engine.log import LogStore
from lifeline.engine.log import schema as log_schema
from log_entries import START, head, number_of, open_store, quick_directory, record, tick

ENTRIES = 30
SNAPSHOT_AT = 12
CHECKPOINT_AT = 15
WAL_TAIL = 4_096
Change = Callable[[bytearray], bytes | bytearray]


@dataclass(frozen=True)
class Killed:
    """A log that was not closed, and what it holds."""

    directory: Path
    entries: list[tuple[int, bytes]]
    log_id: str


def build(directory: Path) -> Killed:
    """Entries of very different sizes, each with a record and a delivery; one snapshot."""
    live = directory / "live"
    store = open_store(live)
    for n in range(1, ENTRIES + 1):
        store.append([tick(n, size=20_000 if n % 7 == 0 else 3 * n)]).wait()
        store.append_records(n, [record("site", n)], [("site", "r~s", b"red")]).wait()
        store.set_cursor("alert:mqtt", n).wait()
        if n == SNAPSHOT_AT:
            store.save_snapshot(n, store.hash_at(n), b"state").wait()
            shutil.copy(live / "log.mark", directory / "old.mark")
        if n == CHECKPOINT_AT:
            other = log_schema.connect(live / log_schema.LOG_FILE)
            other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            other.close()
    shutil.copy(directory / "old.mark", live / "old.mark")
    killed = Killed(directory / "killed", store.read(0, 1_000), store.log_id)
    shutil.copytree(live, killed.directory)
    store.close()
    return killed


@pytest.fixture(scope="module")
def killed() -> Iterator[Killed]:
    with quick_directory() as directory:
        yield build(directory)


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    with quick_directory() as directory:
        yield directory


def changed(killed: Killed, directory: Path, name: str, change: Change) -> Path:
    """A copy of the log with one file changed."""
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(killed.directory, directory)
    file = directory / name
    file.write_bytes(change(bytearray(file.read_bytes())))
    return directory


def flip(at: int, bit: int) -> Change:
    """Changes one bit."""

    def change(data: bytearray) -> bytearray:
        data[at] ^= 1 << bit
        return data

    return change


def cut(at: int) -> Change:
    """Ends the file early."""
    return lambda data: data[:at]


def lost(killed: Killed, store: LogStore) -> int:
    """How many confirmed entries are gone; fails if anything is wrong or was not told."""
    found = store.read(0, 1_000)
    holes = store.recovery.holes if store.recovery is not None else ()
    missing = {p for first, last in holes for p in range(first, last + 1)}
    expected = [entry for entry in killed.entries if entry[0] not in missing]
    assert found == expected[: len(found)], "only what was written, without a gap not told"
    end = found[-1][0] if found else 0
    gone = ENTRIES - end
    assert store.log_id == killed.log_id
    if gone:
        assert store.recovery is not None
        assert store.recovery.first_lost == end + 1
        assert store.recovery.last_lost == ENTRIES
    assert store.append([tick(99)]).wait() > ENTRIES, "no position twice"
    store.append_records(ENTRIES + 1, [record("other", 1)]).wait()
    assert store.records(store.outbox_end() - 1, 1)[0].number > ENTRIES, "no number twice"
    known = store.delivered_heads()["site"]
    assert known.hash == head("site", known.seq)
    snapshot = store.load_snapshot()
    assert snapshot == ((SNAPSHOT_AT, b"state") if end >= SNAPSHOT_AT else None)
    return gone


def lost_after(killed: Killed, directory: Path, name: str, change: Change) -> int:
    """Changes a file, opens, counts what is gone; and again, since a loss is told until logged."""
    changed(killed, directory, name, change)
    store = open_store(directory)
    gone = lost(killed, store)
    told = store.recovery
    store.close()
    store = open_store(directory)
    if told is None:
        assert store.recovery is None
    else:
        assert store.recovery is not None
        assert store.recovery.first_lost == told.first_lost
    store.close()
    return gone


def places(size: int, count: int, seed: int) -> list[tuple[int, int]]:
    """(byte, bit) spread over a file, another choice each run of the suite is not wanted."""
    chance = random.Random(seed)
    return [
        (min(size - 1, int((n + chance.random()) * size / count)), chance.randrange(8))
        for n in range(count)
    ]


def test_a_flipped_bit_anywhere_in_the_last_bytes_of_the_wal_loses_nothing(
    killed: Killed, tmp_path: Path
) -> None:
    size = (killed.directory / "log.db-wal").stat().st_size
    for at, bit in places(WAL_TAIL, 64, seed=1):
        change = flip(size - WAL_TAIL + at, bit)
        assert lost_after(killed, tmp_path / "log", "log.db-wal", change) == 0


def test_a_wal_cut_anywhere_in_its_last_bytes_loses_only_the_last_commit(
    killed: Killed, tmp_path: Path
) -> None:
    size = (killed.directory / "log.db-wal").stat().st_size
    for at in range(0, WAL_TAIL, 128):
        assert lost_after(killed, tmp_path / "log", "log.db-wal", cut(size - at - 1)) == 0


def test_a_flipped_bit_anywhere_in_the_wal_loses_at_most_what_lay_there(
    killed: Killed, tmp_path: Path
) -> None:
    size = (killed.directory / "log.db-wal").stat().st_size
    gone = [
        lost_after(killed, tmp_path / "log", "log.db-wal", flip(at, bit))
        for at, bit in places(size, 60, seed=2)
    ]
    # A damaged overflow page takes its entry with it, and with that entry all that follow it.
    assert sum(n > 0 for n in gone) <= len(gone) // 3


def test_a_wal_cut_anywhere_keeps_everything_before_the_cut(killed: Killed, tmp_path: Path) -> None:
    size = (killed.directory / "log.db-wal").stat().st_size
    step = size // 20
    gone = [
        lost_after(killed, tmp_path / "log", "log.db-wal", cut(at)) for at in range(0, size, step)
    ]
    assert gone == sorted(gone, reverse=True)
    assert gone[-1] < ENTRIES // 5


def test_a_flipped_bit_anywhere_in_the_database_is_survived(killed: Killed, tmp_path: Path) -> None:
    size = (killed.directory / "log.db").stat().st_size
    first_page = [(at, at % 8) for at in range(0, 108, 3)]
    for at, bit in [*first_page, *places(size, 80, seed=3)]:
        lost_after(killed, tmp_path / "log", "log.db", flip(at, bit))


def test_a_flipped_bit_in_the_header_of_a_closed_log_loses_nothing(
    killed: Killed, tmp_path: Path
) -> None:
    """Without a write-ahead log over it SQLite believes each byte of the header."""
    closed = changed(killed, tmp_path / "closed", "engine.lock", lambda data: b"")
    open_store(closed).close()
    shutil.rmtree(closed.with_name("log"), ignore_errors=True)
    at_rest = Killed(closed, killed.entries, killed.log_id)
    formats = [(at, bit) for at in (18, 19) for bit in range(8)]
    for at, bit in [(at, at * 5 % 8) for at in range(100)] + formats:
        assert lost_after(at_rest, tmp_path / "log", "log.db", flip(at, bit)) == 0


def test_no_position_is_given_out_twice_though_the_mark_is_old(
    killed: Killed, tmp_path: Path
) -> None:
    """As a power cut leaves it: the mark of the end is flushed seldom."""
    directory = changed(killed, tmp_path / "log", "log.db-wal", lambda data: data[:150_000])
    (directory / "old.mark").replace(directory / "log.mark")
    file = directory / "log.db"
    file.write_bytes(bytes(200) + file.read_bytes()[200:])
    store = open_store(directory)
    assert store.recovery is not None
    assert SNAPSHOT_AT < store.end() < ENTRIES
    assert store.append([tick(99)]).wait() > ENTRIES
    store.append_records(ENTRIES + 1, [record("other", 1)]).wait()
    assert store.records(store.outbox_end() - 1, 1)[0].number > ENTRIES
    store.close()


def test_a_database_cut_anywhere_is_survived(killed: Killed, tmp_path: Path) -> None:
    size = (killed.directory / "log.db").stat().st_size
    for at in range(0, size, size // 20):
        lost_after(killed, tmp_path / "log", "log.db", cut(at))


def test_a_damaged_mark_harms_nothing(killed: Killed, tmp_path: Path) -> None:
    size = (killed.directory / "log.mark").stat().st_size
    for at in range(0, size, 9):
        for change in (flip(at, at % 8), cut(at)):
            assert lost_after(killed, tmp_path / "log", "log.mark", change) == 0


def test_a_damaged_snapshot_file_costs_the_log_nothing(killed: Killed, tmp_path: Path) -> None:
    size = (killed.directory / "snapshots.db").stat().st_size
    for at, bit in places(size, 60, seed=4):
        changed(killed, tmp_path / "log", "snapshots.db", flip(at, bit))
        store = open_store(tmp_path / "log")
        assert store.read(0, 1_000) == killed.entries
        snapshot = store.load_snapshot()
        assert snapshot in ((SNAPSHOT_AT, b"state"), None)
        store.close()


def test_rubbish_in_place_of_every_file_is_survived(killed: Killed, tmp_path: Path) -> None:
    directory = changed(killed, tmp_path / "log", "log.db", lambda data: b"rubbish" * 9_999)
    for name in ("log.db-wal", "snapshots.db", "log.mark"):
        (directory / name).write_bytes(b"rubbish" * 9_999)
    store = open_store(directory)
    assert store.end() == 0
    assert store.recovery is not None
    store.append([tick(1)]).wait()
    store.close()


def test_a_missing_database_is_a_loss_that_is_told(killed: Killed, tmp_path: Path) -> None:
    directory = changed(killed, tmp_path / "log", "engine.lock", lambda data: b"")
    for name in ("log.db", "log.db-wal", "log.db-shm"):
        (directory / name).unlink()
    store = open_store(directory)
    assert store.recovery is not None
    assert "its file is missing" in store.recovery.text()
    assert f"entries 1 to {ENTRIES} are lost" in store.recovery.text()
    assert store.append([tick(1)]).wait() > ENTRIES
    store.close()


def damage_entry(directory: Path, position: int) -> None:
    """Changes the bytes of one entry through SQLite, so that only its hash can tell."""
    connection = log_schema.connect(directory / log_schema.LOG_FILE)
    connection.execute(
        "UPDATE entries SET data = (SELECT data FROM entries WHERE position = ?) WHERE position = ?",
        (position + 1, position),
    )
    connection.close()


def test_damage_before_the_snapshot_costs_only_history(killed: Killed, tmp_path: Path) -> None:
    directory = changed(killed, tmp_path / "log", "engine.lock", lambda data: b"")
    damage_entry(directory, 5)
    store = open_store(directory)
    assert [p for p, _ in store.read(0, 99)] == [p for p in range(1, ENTRIES + 1) if p != 5]
    assert store.recovery is not None
    assert store.recovery.holes == ((5, 5),)
    assert store.recovery.first_lost > store.recovery.last_lost
    assert "entries 5 to 5 are missing in its history" in store.recovery.text()
    assert store.load_snapshot() == (SNAPSHOT_AT, b"state")
    store.close()
    store = open_store(directory)
    assert len(list(directory.glob("damaged-*-log.db"))) == 1, "a known hole is no new damage"
    store.close()


def test_damage_behind_the_snapshot_ends_the_log_before_it(killed: Killed, tmp_path: Path) -> None:
    directory = changed(killed, tmp_path / "log", "engine.lock", lambda data: b"")
    damage_entry(directory, 20)
    store = open_store(directory)
    assert [number_of(data) for _, data in store.read(0, 99)] == list(range(1, 20))
    assert store.recovery is not None
    assert (store.recovery.first_lost, store.recovery.last_lost) == (20, ENTRIES)
    assert store.delivered_heads()["site"].seq == ENTRIES, "no seq of what was delivered again"
    assert len(store.records(0, 99)) == ENTRIES
    store.close()


def test_a_recovered_entry_ends_the_telling(killed: Killed, tmp_path: Path) -> None:
    directory = changed(killed, tmp_path / "log", "log.db-wal", lambda data: data[:40_000])
    store = open_store(directory)
    assert store.recovery is not None
    entry = encode(Entry(Header(), Recovered(store.delivered_heads(), store.recovery.reason)))
    position = store.append([entry]).wait()
    store.close()
    store = open_store(directory)
    assert store.recovery is None
    assert store.end() == position
    store.close()


def test_damage_found_while_reading_is_told_and_recovered_at_the_next_start(
    killed: Killed, tmp_path: Path
) -> None:
    directory = changed(killed, tmp_path / "log", "engine.lock", lambda data: b"")
    store = open_store(directory)
    damage_entry(directory, 20)
    assert [p for p, _ in store.read(0, 99)][-1] == 19
    with pytest.raises(Exception, match="log entry 20 is not what was written; restart"):
        store.read(19, 99)
    assert [t.kind for t in store.troubles] == ["damaged_entry"]
    store.close()
    assert (directory / "verify.request").exists()
    store = open_store(directory)
    assert store.recovery is not None
    assert store.end() == 19
    assert not (directory / "verify.request").exists()
    store.close()


def test_damaged_files_are_kept_but_not_for_ever(killed: Killed, tmp_path: Path) -> None:
    directory = changed(killed, tmp_path / "log", "engine.lock", lambda data: b"")
    for n in range(DAMAGED_KEPT + 3):
        (directory / "log.db").write_bytes(f"rubbish {n}".encode() * 999)
        store = open_store(directory, clock=ManualClock(START + n))
        assert store.recovery is not None
        assert store.recovery.kept is not None
        store.close()
    kept = sorted(directory.glob("damaged-*-log.db"))
    assert len(kept) == DAMAGED_KEPT
    assert kept[-1].read_bytes().startswith(f"rubbish {DAMAGED_KEPT + 2}".encode())


def test_a_recovery_that_was_cut_off_is_done_again(killed: Killed, tmp_path: Path) -> None:
    directory = changed(killed, tmp_path / "log", "log.db", flip(0, 0))
    (directory / "log.db.new").write_bytes(b"half a file")
    store = open_store(directory)
    assert lost(killed, store) == 0
    store.close()


def test_a_finished_replacement_is_put_in_place(killed: Killed, tmp_path: Path) -> None:
    """As a power cut leaves it between the two renames: the damaged file is away already."""
    directory = changed(killed, tmp_path / "log", "log.db", flip(0, 0))
    open_store(directory).close()
    (directory / "log.db").rename(directory / "log.db.new")
    store = open_store(directory)
    assert lost(killed, store) == 0
    store.close()


def test_a_log_of_another_format_is_refused_and_left_alone(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.append([tick(1)]).wait()
    store.close()
    connection = log_schema.connect(tmp_path / log_schema.LOG_FILE)
    meta = log_schema.read_meta(connection)
    newer = log_schema.LogMeta(log_schema.FORMAT + 1, meta.log_id, meta.created)
    log_schema.write_meta(connection, newer)
    connection.execute(f"PRAGMA user_version = {log_schema.FORMAT + 1}")
    connection.close()
    before = (tmp_path / log_schema.LOG_FILE).read_bytes()
    with pytest.raises(Exception, match=r"has log format 2; this engine reads format 1"):
        open_store(tmp_path)
    assert (tmp_path / log_schema.LOG_FILE).read_bytes() == before
