"""The local side of a mirror: what was read of a topic, judged, and durable in the outbox.

Each batch stands in the local log as one entry that names topic, partition and offset, so that
the log's own trimming, limits and anchors hold for its records.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from ..clock import Clock
from ..entry import Entry, Header, Tick, encode
from ..errors import EntryError
from ..log import LogStore
from ..log.rows import chain_head
from ..outputs.standing import standing_changes
from ..record import Record, decode_record
from .delivered import Place
from .sequence import Hold, Sequences, Verdict

_REBUILT: Final = "offset:rebuilt"
_TOLD: Final = {Verdict.GAP: "gap", Verdict.DIFFERS: "nondeterminism"}


class Taken(NamedTuple):
    """A record of the topic as it was read."""

    offset: int
    value: bytes


class MirrorStore:
    """Takes batches, one caller at a time; `holds` may be asked by any thread.

    resumed                 sites whose hold ends with their next record
    on_trouble(kind, text)  `gap`, `nondeterminism`
    """

    def __init__(
        self,
        store: LogStore,
        clock: Clock,
        on_trouble: Callable[[str, str], None],
        resumed: Iterable[str] = (),
    ) -> None:
        self._store = store
        self._clock = clock
        self._on_trouble = on_trouble
        self._resumed = set(resumed)  # until it is durable that their hold has ended
        self._lock = threading.Lock()
        self._sequences = Sequences({}, self._hash_of)
        self.counters: Counter[str] = Counter()

    def begin(self) -> None:
        """Knows again what is durable: what was judged and did not become so is read again.
        Raises LogError."""
        heads = self._store.heads()
        with self._lock:
            self._sequences = Sequences(heads, self._hash_of, self._resumed)

    @property
    def holds(self) -> tuple[Hold, ...]:
        """The sites of which nothing is passed on."""
        with self._lock:
            return self._sequences.holds

    @property
    def complete(self) -> bool:
        """Whether everything is here that was delivered before this store was made."""
        return self._store.cursor(_REBUILT) > 0

    def completed(self, cursor: str) -> None:
        """Everything is: the output begins behind it."""
        self._store.set_cursor(cursor, self._store.outbox_end()).wait()
        self._store.set_cursor(_REBUILT, 1).wait()

    def following(self, place: Place) -> int:
        """The offset behind what was taken of a partition; 0 where nothing was."""
        return self._store.cursor(_offset(place))

    def take(self, place: Place, taken: Sequence[Taken], begin: int) -> bool:
        """One batch of a partition whose first record has offset `begin`: what is new becomes
        durable, then the place behind it. Whether anything was new.

        Raises EntryError for a record of a later version and LogError where the disk refuses;
        then `begin` comes before the next batch, which is this one.
        """
        new: list[tuple[Record, bytes]] = []
        for each in taken:
            record = _read(place, each)
            if self._judged(record, begin) is Verdict.NEW:
                new.append((record, each.value))
        self.counters["read"] += len(taken)
        following = taken[-1].offset + 1
        if new:
            self._keep(place, following, new)
        self._store.set_cursor(_offset(place), following)
        return bool(new)

    def _judged(self, record: Record, begin: int) -> Verdict:
        with self._lock:
            verdict = self._sequences.judge(record, may_begin=begin > 0)
            hold = next((h for h in self._sequences.holds if h.site == record.site), None)
        self.counters[verdict.value] += 1
        if verdict in _TOLD and hold is not None:
            self._on_trouble(_TOLD[verdict], hold.text)
        if verdict is Verdict.DIFFERS:
            letter = (f"alerts/{record.site}", record.encode(), "differs", self._clock.wall())
            self._store.dead_letters_of([letter])
        return verdict

    def _keep(self, place: Place, following: int, new: Sequence[tuple[Record, bytes]]) -> None:
        topic, partition = place
        header = Header(producer=f"{topic}/{partition}", producer_seq=following)
        marker = encode(Entry(header, Tick(self._clock.wall())))
        position = self._store.append([marker]).wait()
        self._store.append_records(
            position,
            [(record.site, record.seq, data) for record, data in new],
            standing_changes([record for record, _ in new]),
        ).wait()
        self._resumed -= {record.site for record, _ in new}

    def _hash_of(self, site: str, seq: int) -> str | None:
        rows = self._store.records_of(site, seq - 1, 1)
        return chain_head(rows[0].data) if rows and rows[0].seq == seq else None


def _read(place: Place, taken: Taken) -> Record:
    try:
        return decode_record(taken.value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EntryError(
            f"record {taken.offset} of {place[0]}/{place[1]} is no alert record that this version "
            f"knows: upgrade this sink ({error})"
        ) from error


def _offset(place: Place) -> str:
    return f"offset:{place[0]}/{place[1]}"
