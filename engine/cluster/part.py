"""One partition in the hands of a worker: its core, where it stands, what it sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..areas.breakers import Order
from ..areas.entry import AreaEntry
from ..clock import Clock
from ..entry import Entry, Header, Tick, encode
from ..errors import LogError
from ..limits import CHECKPOINT_BYTES_PER_S, CHECKPOINT_LATEST_NS, SECOND_NS, WORKER_AHEAD_RECORDS
from ..steady_clock import SteadyClock
from .lane import Lane
from .marker import HeadMark, Written, fingerprint, head_marks
from .reading import Torn
from .restore import Restored
from .superseding import Superseding
from .ticks import Ticks
from .topics import partition_of

#: Producer of the entries by which areas order sites.
ORDERS = "area"


@dataclass(frozen=True, slots=True)
class Cut:
    """A core's state at one moment, and everything that its marker says about it."""

    following: int
    snapshot: bytes
    tail: str
    digest: str
    heads: dict[str, HeadMark]


class Part:
    """Lives from a restore to the next rebalance, in the worker's main loop.

    following      offset of the next record
    checkpointed   where the last durable checkpoint stands
    alive          False once the partition was given up: nothing may be written for it any more
    """

    def __init__(
        self,
        partition: int,
        generation: int,
        restored: Restored,
        lane: Lane,
        node: str,
        clock: Clock,
        sites_partitions: int = 1,
    ) -> None:
        self.partition = partition
        self._sites_partitions = sites_partitions
        self._ordered = 0
        self.generation = generation
        self.core = restored.core
        self.following = restored.following
        self.checkpointed = restored.following
        self.alive = True
        self.lane = lane
        self.clock = SteadyClock(clock)
        self.ticks = Ticks(f"tick:{node}", self.core.wall, restored.log.end)
        marker = restored.marker
        found = Written(marker.next, marker.generation, marker.chunks) if marker else None
        left = dict.fromkeys((*(marker.older if marker else ()), *restored.left))
        if found is not None:
            left.pop(found, None)
        now = clock.monotonic()
        self.superseding = Superseding(found, left, now)
        self.checkpointed_at = now
        #: When the last checkpoint became durable, or this part was taken up; monotonic.
        self.durable_at = now
        self.checkpoint_bytes = restored.size
        self._tail: bytes | str = marker.tail if marker else ""
        #: Records beyond the restored position that came before the first one at it.
        self.ahead = 0
        self._begun = False
        self.ticks.stepped(self.following, self.core.wall)
        self._keep_up()

    def place(self, offset: int) -> Literal["before", "next", "ahead"]:
        """Whether a record was taken before or is the next one; or was fetched from where the
        group stood before this restore, and comes again.

        Raises LogError where records are missing before it: never passed over.
        """
        if offset == self.following:
            return "next"
        if offset < self.following:
            return "before"
        if not self._begun and self.ahead < WORKER_AHEAD_RECORDS:
            self.ahead += 1
            return "ahead"
        raise LogError(
            f"partition {self.partition}: after offset {self.following - 1} comes {offset}; "
            f"{offset - self.following} entries are missing (the log was trimmed while the worker "
            "was behind, or was changed), and nothing is judged without them"
        )

    def step(
        self, offset: int, value: bytes, entry: Entry | AreaEntry, made: Counter[tuple[str, str]]
    ) -> Any:
        """Steps the next record; what it says waits in the lane. Raises what a core raises."""
        records: Any = self.core.step(offset + 1, entry)
        self._took(offset, value)
        if len(records):
            told = []
            for record in records:
                if not record.exercise:
                    made[record.level_after, record.transition] += 1
                told.append((record.site, record.seq, record.encode()))
            self.lane.put_records(offset + 1, told)
        if records.replies:
            self.lane.put_replies(offset + 1, entry.header.producer, records.replies)
        orders = getattr(records, "orders", ())  # only the area stage gives orders
        if orders:
            self.lane.put_orders(self._order_entries(orders))
        if isinstance(entry.payload, Tick) or not self.ticks.caught_up:
            self.ticks.stepped(self.following, self.core.wall)
            self._keep_up()
        return records

    def _order_entries(self, orders: Sequence[Order]) -> list[tuple[int, bytes]]:
        made = []
        for command, exercise in orders:
            self._ordered += 1
            header = Header("", ORDERS, self._ordered, self.clock.wall(), exercise=exercise)
            partition = partition_of(command.site, self._sites_partitions)
            made.append((partition, encode(Entry(header, command))))
        return made

    def put_aside(self, offset: int, value: bytes | None, torn: Torn) -> None:
        """The next record is no entry: it goes to the dead letters, and the position advances."""
        self._took(offset, value or b"")
        self.lane.put_letter(offset, value, torn)
        self.ticks.stepped(self.following, self.core.wall)

    def _took(self, offset: int, value: bytes) -> None:
        self._begun = True
        self.following = offset + 1
        self._tail = value

    def _keep_up(self) -> None:
        """W never goes back: once the log's last tick is known, time runs on from there."""
        core = self.core
        if self.ticks.caught_up:
            self.clock.not_before(max(core.wall, core.received, core.appended))

    def tick_wait_ns(self, log_end: int | None) -> int:
        """How long until this partition needs a tick; `log_end` as the last fetch said."""
        at_end = log_end is not None and self.following >= log_end
        return self.ticks.wait_ns(self.clock.wall(), self.core.next_due(), at_end)

    def checkpoint_due(self, now: int, interval: int) -> bool:
        """Whether a checkpoint is wanted: something new, and long enough after the last one that
        snapshots are not written faster than CHECKPOINT_BYTES_PER_S."""
        if self.following == self.checkpointed:
            return False
        paced = self.checkpoint_bytes * SECOND_NS // CHECKPOINT_BYTES_PER_S
        wait = max(interval, min(paced, CHECKPOINT_LATEST_NS))
        return now - self.checkpointed_at >= wait

    def cut(self) -> Cut:
        """The state as it is now; costs one copy of it."""
        tail = self._tail
        return Cut(
            self.following,
            self.core.snapshot(),
            tail if isinstance(tail, str) else fingerprint(tail),
            self.core.digest(),
            head_marks(self.core.site_heads()),
        )
