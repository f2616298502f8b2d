"""Entries, records and stores for the tests of the log."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lifeline.engine.clock import ManualClock
from lifeline.engine.entry import Entry, Header, Tick, decode, encode
from lifeline.engine.log import LogStore, Ticket

# Where a flush costs nothing: what a killed process leaves does not depend on the disk.
MEMORY = Path("/dev/shm")
START = 1_700_000_000_000_000_000


@contextmanager
def quick_directory() -> Iterator[Path]:
    """An empty directory, in memory where the machine has such a place."""
    quick = str(MEMORY) if os.access(MEMORY, os.W_OK) else None
    with TemporaryDirectory(prefix="lifeline-log-", dir=quick) as directory:
        yield Path(directory)


def tick(number: int, size: int = 0) -> bytes:
    """An encoded tick that can be told from any other, `size` bytes longer."""
    return encode(Entry(Header(producer="test" + "x" * size, producer_seq=number), Tick(number)))


def number_of(data: bytes) -> int:
    """The number that `tick` put in."""
    return decode(data).header.producer_seq


def head(site: str, seq: int) -> str:
    """The chain hash of the record that `record` makes."""
    return hashlib.blake2b(f"{site}/{seq}".encode(), digest_size=16).hexdigest()


def record(site: str, seq: int, note: str = "") -> tuple[str, int, bytes]:
    """A record as the core encodes it, as far as the outbox looks at it."""
    return site, seq, f'{{"hash":"{head(site, seq)}","note":"{note}","seq":{seq}}}'.encode()


def open_store(directory: Path, **options: Any) -> LogStore:
    """A store on a clock that stands still."""
    options.setdefault("clock", ManualClock(START))
    return LogStore.open(directory, **options)


def numbers(store: LogStore) -> list[int]:
    """The numbers of all entries, in order."""
    return [number_of(data) for _, data in store.read(0, 1_000_000)]


def stood_still(ticket: Ticket) -> threading.Event:
    """Returns when the thread that completed this ticket stands still in its callback; it goes on when
    the event is set."""
    gate, standing = threading.Event(), threading.Event()

    def stand_still(_: object) -> None:
        standing.set()
        gate.wait()

    ticket.add_done_callback(stand_still)
    standing.wait()
    return gate
