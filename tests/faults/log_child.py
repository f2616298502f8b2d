"""A small process that writes a log until it is done or dies; every line it prints is a promise.

Usage: log_child.py <directory> <rounds> [careless]. It goes on where the log ends, as an engine
does. A careless one promises an entry before it is durable: the control that the test must catch.
"""

import os
import sys
from pathlib import Path

from lifeline.engine.limits import SNAPSHOT_CHUNK_BYTES
from lifeline.engine.log import LogStore
from log_entries import number_of, record, tick

DEAD_LETTERS_A_ROUND = 2


def promise(*words: object) -> None:
    """Says what is durable, in one write: a killed process says a line or nothing."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def step_again(store: LogStore) -> None:
    """Puts the records of all entries into the outbox, as a core does after a restart."""
    after = 0
    while entries := store.read(after, 100):
        for position, data in entries:
            store.append_records(position, [record("site", number_of(data))]).wait()
        after = entries[-1][0]


def one_round(store: LogStore, number: int, careless: bool) -> None:
    """One entry with its record, its delivery, dead letters, now and then a snapshot, trimming."""
    if careless:
        promise("entry", store.end() + 1, number)
    position = store.append([tick(number)]).wait()
    if not careless:
        promise("entry", position, number)
    store.append_records(position, [record("site", number)], [("site", "r~s", b"red")]).wait()
    promise("record", number)
    cursor = store.outbox_end()
    store.set_cursor("alert:mqtt", cursor).wait()
    promise("cursor", cursor)
    for n in range(DEAD_LETTERS_A_ROUND):
        store.dead_letter("topic", b"payload", "bad_json", n).wait()
        promise("dead")
    if number % 2 == 0:
        state = str(number).encode() * SNAPSHOT_CHUNK_BYTES
        store.save_snapshot(position, store.hash_at(position), state).wait()
        promise("snapshot", position, number)
    promise("first", store.trim().wait())


def main(directory: Path, rounds: int, careless: bool) -> None:
    """Opens, steps what may not have been stepped, goes on, closes."""
    store = LogStore.open(directory, retention_ns=-1)
    assert store.recovery is None, store.recovery
    assert store.troubles == [], store.troubles
    step_again(store)
    last = store.read(store.end() - 1, 1)
    first = number_of(last[0][1]) + 1 if last else 1
    for number in range(first, first + rounds):
        one_round(store, number, careless)
    store.close()
    promise("done")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), "careless" in sys.argv)
