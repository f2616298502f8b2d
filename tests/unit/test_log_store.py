"""The store as its callers see it: appends, tickets, outbox, cursors, tables."""

import threading
from pathlib import Path

import pytest

from lifeline.engine.clock import ManualClock
from lifeline.engine.entry import decode, stamp
from lifeline.engine.errors import InvariantError, LogError
from lifeline.engine.limits import (
    DEAD_LETTER_BYTES,
    DEAD_LETTERS_KEPT,
    LOG_QUEUE_ITEMS,
    UNKNOWN_KEYS_KEPT,
)
from lifeline.engine.log import LogClosed, LogInUse, LogReader, LogStore, Nondeterminism
from lifeline.engine.log.checks import GENESIS, entry_hash
from lifeline.engine.log.lock import holder
from log_entries import START, number_of, numbers, open_store, record, stood_still, tick


def test_positions_count_from_one_and_survive_a_reopening(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    assert (store.end(), store.first(), store.recovery) == (0, 0, None)
    assert store.append([tick(1), tick(2)]).wait() == 2
    assert store.append([tick(3)]).wait() == 3
    log_id = store.log_id
    store.close()
    store = open_store(tmp_path)
    assert (store.log_id, store.end(), store.first(), store.recovery) == (log_id, 3, 1, None)
    assert store.append([tick(4)]).wait() == 4
    assert [(p, number_of(data)) for p, data in store.read(1, 2)] == [(2, 2), (3, 3)]
    store.close()


def test_an_entry_is_stored_as_given_but_for_the_time_of_its_commit(tmp_path: Path) -> None:
    clock = ManualClock(START)
    store = open_store(tmp_path, clock=clock)
    store.append([tick(1)]).wait()
    clock.step_wall(-7)
    store.append([tick(2)]).wait()
    store.close()
    reader = LogReader.open(tmp_path)
    (_, first), (_, second) = reader.read(0, 9)
    assert (first, second) == (stamp(tick(1), START), stamp(tick(2), START - 7))
    assert decode(second).header.appended == START - 7
    one = entry_hash(GENESIS, 1, START, first)
    assert reader.hash_at(1) == one
    assert reader.hash_at(2) == entry_hash(one, 2, START - 7, second)
    with pytest.raises(LogError, match="no entry at position 3"):
        reader.hash_at(3)
    reader.close()


def test_a_read_stops_at_its_count_and_its_bytes_but_gives_at_least_one(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.append([tick(n, size=1_000) for n in range(1, 6)]).wait()
    size = len(tick(1, size=1_000))
    assert [p for p, _ in store.read(0, 2)] == [1, 2]
    assert [p for p, _ in store.read(0, 9, max_bytes=3 * size)] == [1, 2, 3]
    assert [p for p, _ in store.read(3, 9, max_bytes=1)] == [4]
    assert store.read(5, 9) == []
    store.close()


def test_a_callback_hears_the_positions_whether_it_comes_before_or_after(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    heard: list[object] = []
    ticket = store.append([tick(1), tick(2)])
    ticket.add_done_callback(heard.append)
    ticket.wait()
    store.append([tick(3)]).wait()
    ticket.add_done_callback(heard.append)
    assert heard == [range(1, 3), range(1, 3)]
    store.close()


def test_a_callback_that_raises_is_told_and_harms_nobody(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    gate = threading.Event()
    store.append([tick(1)]).add_done_callback(lambda _: gate.wait() and None)
    bad = store.append([tick(2)])
    bad.add_done_callback(lambda _: {}["missing"])
    after = store.append([tick(3)])
    gate.set()
    assert (bad.wait(), after.wait()) == (2, 3)
    store.close()
    assert [t.kind for t in store.troubles] == ["callback_error"]
    assert store.health().counters["callback_errors"] == 1


def test_a_full_queue_holds_the_next_append_back_until_there_is_room(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    gate = stood_still(store.append([tick(0)]))
    for n in range(1, LOG_QUEUE_ITEMS + 1):
        store.append([tick(n)])
    blocked = threading.Thread(target=lambda: store.append([tick(LOG_QUEUE_ITEMS + 1)]).wait())
    blocked.start()
    while not store.health().counters.get("stalls"):
        threading.Event().wait(0.001)
    assert store.health().queued_items == LOG_QUEUE_ITEMS
    gate.set()
    blocked.join()
    assert numbers(store) == list(range(LOG_QUEUE_ITEMS + 2))
    store.close()


def test_work_that_waits_shares_one_commit(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    gate = stood_still(store.append([tick(0)]))
    tickets = [store.append([tick(n)]) for n in range(1, 100)]
    gate.set()
    assert tickets[-1].wait() == 100
    assert store.health().counters["commits"] == 2
    store.close()


def test_what_is_no_entry_is_refused_at_once(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for nothing in ([], [b""], [tick(1), b"short"]):
        with pytest.raises(ValueError, match="encoded entry"):
            store.append(nothing)
    assert store.end() == 0
    store.close()


def test_waiting_beyond_a_position_ends_with_the_append_or_the_time(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    assert not store.wait_beyond(0, 0.0)
    heard: list[bool] = []
    waiter = threading.Thread(target=lambda: heard.append(store.wait_beyond(0, 60.0)))
    waiter.start()
    store.append([tick(1)]).wait()
    waiter.join()
    assert heard == [True]
    store.close()


def test_a_second_engine_on_the_directory_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with pytest.raises(LogInUse, match=r"in use by another engine \(process \d+\)"):
        open_store(tmp_path)
    assert holder(tmp_path) is not None
    store.close()
    assert holder(tmp_path) is None
    open_store(tmp_path).close()


def test_a_closed_store_takes_nothing_and_has_written_everything(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    tickets = [store.append([tick(n)]) for n in range(1, 200)]
    store.close()
    assert [t.outcome for t in tickets] == [range(n, n + 1) for n in range(1, 200)]
    with pytest.raises(LogClosed):
        store.append([tick(1)])
    with pytest.raises(LogClosed):
        store.save_snapshot(199, b"", b"")
    with pytest.raises(LogError, match="closed"):
        store.read(0, 1)


def test_the_same_record_twice_is_harmless_and_another_under_its_key_is_not(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.append([tick(1), tick(2)]).wait()
    store.append_records(1, [record("a", 1), record("b", 1)]).wait()
    store.append_records(1, [record("a", 1), record("a", 2)]).wait()
    assert [(r.number, r.site, r.seq, r.position) for r in store.records(0, 9)] == [
        (1, "a", 1, 1),
        (2, "b", 1, 1),
        (3, "a", 2, 1),
    ]
    bad = store.append_records(2, [record("a", 3), record("b", 1, "other")], [("a", "r~s", b"x")])
    with pytest.raises(Nondeterminism, match="record 1 of site b"):
        bad.wait()
    assert store.outbox_end() == 3
    assert store.standing() == []
    store.append_records(2, [record("a", 3)]).wait()
    assert [r.seq for r in store.records_of("a", 1, 9)] == [2, 3]
    assert [r.seq for r in store.last_records(2)] == [2, 3]
    assert store.health().counters["outbox_repeated"] == 1
    store.close()


def test_records_are_found_by_what_their_bytes_contain(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.append([tick(1)]).wait()
    store.append_records(
        1, [record("a", n, "even" if n % 2 == 0 else "") for n in range(1, 10)]
    ).wait()
    assert [r.seq for r in store.records_with(b"even", 0, 9, 99)] == [2, 4, 6, 8]
    assert [r.seq for r in store.records_with(b"even", 2, 6, 99)] == [4, 6]
    assert [r.seq for r in store.records_with(b"even", 0, 9, 1)] == [2]
    store.close()


def test_one_refused_piece_of_work_leaves_the_rest_of_its_commit_alone(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.append_records(1, [record("a", 1)]).wait()
    gate = stood_still(store.append([tick(1)]))
    good = store.append([tick(2)])
    bad = store.append_records(2, [record("a", 2), record("a", 1, "other")])
    also_good = store.append_records(3, [record("a", 2)])
    gate.set()
    assert (good.wait(), also_good.wait()) == (2, 3)
    assert isinstance(bad.outcome, Nondeterminism)
    assert [(r.seq, r.position) for r in store.records(0, 9)] == [(1, 1), (2, 3)]
    store.close()


def test_bytes_that_are_no_record_never_reach_the_outbox(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for data in (b"", b"{}", b'{"hash":"zz"}', b"\xff"):
        with pytest.raises(InvariantError, match="not an alert record"):
            store.append_records(1, [("a", 1, data)])
    store.close()


def test_standing_alarms_change_with_the_outbox(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.append_records(1, [record("a", 1)], [("a", "r~1", b"red"), ("a", "r~2", b"blue")])
    store.append_records(2, [record("a", 2)], [("a", "r~1", None), ("a", "r~2", b"orange")]).wait()
    assert store.standing() == [("a", "r~2", b"orange")]
    store.replace_standing([("b", "r~9", b"red")]).wait()
    store.close()
    store = open_store(tmp_path)
    assert store.standing() == [("b", "r~9", b"red")]
    store.close()


def test_cursors_are_named_for_what_they_count(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    assert store.cursor("alert:mqtt") == 0
    store.set_cursor("alert:mqtt", 7)
    store.set_cursor("series:influx", 2**40).wait()
    for name, position in (("mqtt", 1), ("alert:mqtt", -1), ("series:x", 2**63)):
        with pytest.raises(ValueError, match="a cursor is called"):
            store.set_cursor(name, position)
    store.drop_cursor("alert:mqtt").wait()
    store.close()
    store = open_store(tmp_path)
    assert store.cursors() == {"series:influx": 2**40}
    store.close()


def test_dead_letters_are_cut_bounded_and_counted_for_ever(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.dead_letter("t/\ud800", b"x" * (DEAD_LETTER_BYTES + 1), "too_long", 5).wait()
    (letter,) = store.dead_letters(9)
    assert (letter.topic, letter.size, len(letter.payload)) == (
        r"t/\ud800",
        DEAD_LETTER_BYTES + 1,
        DEAD_LETTER_BYTES,
    )
    store.dead_letters_of(("t", b"", "bad_json", n) for n in range(DEAD_LETTERS_KEPT)).wait()
    kept = store.dead_letters(2 * DEAD_LETTERS_KEPT)
    assert len(kept) == DEAD_LETTERS_KEPT
    assert kept[0].time == DEAD_LETTERS_KEPT - 1
    assert store.dead_letter_counts() == {"bad_json": DEAD_LETTERS_KEPT, "too_long": 1}
    store.close()


def test_unknown_names_are_listed_up_to_a_limit_and_counted_beyond(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.count_unknown("topic", "a/b", 2)
    store.count_unknown("topic", "a/b", 3)
    for n in range(UNKNOWN_KEYS_KEPT + 5):
        store.count_unknown("sensor", f"s{n}", 1)
    store.count_unknown("sensor", "s0", 1).wait()
    assert [(u.key, u.n, u.last) for u in store.unknown("topic", 9)] == [("a/b", 5, START)]
    listed = store.unknown("sensor", UNKNOWN_KEYS_KEPT + 5)
    assert [(u.key, u.n) for u in listed[:3]] == [("", 5), ("s0", 2), ("s1", 1)]
    assert len(listed) == UNKNOWN_KEYS_KEPT + 1
    store.close()


def test_another_reader_sees_the_log_while_the_engine_runs_and_after(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="holds no log"):
        LogReader.open(tmp_path)
    store = open_store(tmp_path)
    reader = LogReader.open(tmp_path)
    store.append([tick(1)]).wait()
    store.append_records(1, [record("a", 1)], [("a", "r~s", b"red")]).wait()
    assert (reader.end(), reader.outbox_end(), len(reader.standing())) == (1, 1, 1)
    store.append([tick(2)]).wait()
    assert [p for p, _ in reader.read(0, 9)] == [1, 2]
    store.close()
    assert (reader.first(), reader.end()) == (1, 2)
    reader.close()


def test_many_threads_read_and_write_at_once_in_one_order(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    seen: list[list[int]] = []

    def follow() -> None:
        mine: list[int] = []
        while len(mine) < 400:
            store.wait_beyond(mine[-1] if mine else 0, 60.0)
            mine += [p for p, _ in store.read(mine[-1] if mine else 0, 7)]
        seen.append(mine)

    def write(first: int) -> None:
        for n in range(first, first + 100):
            store.append([tick(n)]).wait()

    threads = [threading.Thread(target=follow) for _ in range(3)]
    threads += [threading.Thread(target=write, args=(1_000 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [list(range(1, 401))] * 3
    for n in range(4):
        mine = [x for x in numbers(store) if x // 1_000 == n]
        assert mine == sorted(mine)
    store.close()


def test_an_unwritable_directory_is_a_log_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "log.db").mkdir()
    with pytest.raises(LogError, match="cannot be opened"):
        LogStore.open(tmp_path)
