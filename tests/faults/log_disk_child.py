"""A process whose disk fails: full by its own file-size limit, or unwritable files.

Usage: log_disk_child.py <directory> full|io. Prints what happened as one JSON object.
"""

import json
import os
import resource
import signal
import sys
from pathlib import Path

from lifeline.engine.errors import LogError
from lifeline.engine.log import LogStore
from lifeline.engine.log.schema import LOG_FILE
from log_entries import number_of, tick

SIZE = 20_000


def wal(directory: Path) -> Path:
    """The write-ahead log."""
    return directory / f"{LOG_FILE}-wal"


def fill_disk(directory: Path) -> None:
    """From here on no file grows beyond a little more than the write-ahead log has now."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    room = wal(directory).stat().st_size + 5 * SIZE
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))


def empty_disk() -> None:
    """Room again."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def break_disk(directory: Path) -> None:
    """Every open handle of the write-ahead log refuses to be written, as after an I/O error."""
    target = os.stat(wal(directory))
    for name in os.listdir("/proc/self/fd"):
        try:
            found = os.fstat(int(name))
        except OSError:
            continue
        if (found.st_dev, found.st_ino) == (target.st_dev, target.st_ino):
            unwritable = os.open(wal(directory), os.O_RDONLY)
            os.dup2(unwritable, int(name))
            os.close(unwritable)


def attempt(store: LogStore, number: int, taken: dict[int, int]) -> str:
    """Appends one entry; the error's text, or "" where it is durable."""
    try:
        taken[store.append([tick(number, size=SIZE)]).wait()] = number
    except LogError as error:
        return str(error)
    return ""


def snapshot_error(store: LogStore) -> str:
    """Saves a snapshot that is larger than the room; the error's text or ""."""
    try:
        store.save_snapshot(1, store.hash_at(1), os.urandom(4_000_000)).wait()
    except LogError as error:
        return str(error)
    return ""


def main(directory: Path, how: str) -> None:
    """Good appends, a broken disk, good appends again."""
    store = LogStore.open(directory)
    taken: dict[int, int] = {}
    errors = [attempt(store, n, taken) for n in range(1, 11)]
    fill_disk(directory) if how == "full" else break_disk(directory)
    for n in range(11, 31):
        errors.append(attempt(store, n, taken))
    failing = store.health().failing
    snapshot = snapshot_error(store) if how == "full" else ""
    empty_disk()
    errors += [attempt(store, n, taken) for n in range(31, 41)]
    snapshot_after = snapshot_error(store)
    read = {p: number_of(data) for p, data in store.read(0, 1_000)}
    store.close()
    print(
        json.dumps(
            {
                "errors": errors,
                "taken": taken,
                "read": read,
                "failing": failing,
                "snapshot": snapshot,
                "snapshot_after": snapshot_after,
                "troubles": [trouble.kind for trouble in store.troubles],
                "counters": store.health().counters,
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
