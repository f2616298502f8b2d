"""From the log into the core, from the core into the outbox; one thread.

The order is what the promises rest on: an entry is durable before it is stepped, its alert records
are durable before anybody hears of them and before any snapshot counts them. What the disk
refuses is offered again, in order, with everything behind it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from ..clock import Clock, SystemClock
from ..command import Reply
from ..configuration import Configuration
from ..entry import decode
from ..errors import InvariantError, LogError
from ..limits import SECOND_NS, STEP_ENTRIES, STEP_OPEN_POSITIONS
from ..log import LogClosed, LogStore, Ticket
from ..long_lived import settle
from ..metrics import Durations
from ..outputs.standing import standing_changes
from ..record import Record


class Stepped(Protocol):
    """What one step made: records in order, and the replies to commands."""

    @property
    def replies(self) -> tuple[Reply, ...]:
        """The answers to a command entry."""
        ...

    def __iter__(self) -> Iterator[Record]:
        """The records, in order."""
        ...


class Steps(Protocol):
    """A core that steps a log: that of the sites, or that of areas."""

    @property
    def position(self) -> int:
        """The last entry that was stepped."""
        ...

    def step(self, position: int, entry: Any, /) -> Stepped:
        """Apply one entry."""
        ...

    def next_due(self) -> int | None:
        """A lower bound of the next timer's due, ns."""
        ...


AnyCore = TypeVar("AnyCore", bound=Steps)


@dataclass(slots=True)
class _Open:
    """Records of one position on their way to the disk, and who waits for them."""

    position: int
    records: list[Record]
    stepped: Stepped
    producer: str
    ticket: Ticket


class Stepper(Generic[AnyCore]):
    """Owns the core. Not for two threads; counters may be read from any.

    on_durable(records)        alert records that are durable now, in order
    on_reply(producer, reply)  the answer to a command entry of that producer, once durable
    on_refused(text)           the disk does not take alert records; "" when it does again
    clock                      by which `times` says how long steps took
    read                       an entry of this log from its bytes
    """

    def __init__(
        self,
        core: AnyCore,
        store: LogStore,
        on_durable: Callable[[Sequence[Record]], None],
        on_reply: Callable[[str, Reply], None],
        on_refused: Callable[[str], None],
        clock: Clock | None = None,
        read: Callable[[bytes], Any] = decode,
    ) -> None:
        self.core = core
        self._decode = read
        self.times = Durations()
        self._clock = clock or SystemClock()
        self._store = store
        self._on_durable = on_durable
        self._on_reply = on_reply
        self._on_refused = on_refused
        self._open: deque[_Open] = deque()
        self._refused = ""
        self.entries = 0
        self.records = 0
        self.offered_again = 0

    @property
    def at_end(self) -> bool:
        """Whether the core stands at the log's end."""
        return self.core.position >= self._store.end()

    @property
    def open_positions(self) -> int:
        """Positions whose records are not known to be durable."""
        return len(self._open)

    def step_some(self, between: Callable[[], bool]) -> int:
        """Steps what one read gives; returns how many entries. `between` is called after each
        and says whether to go on. Steps nothing while STEP_OPEN_POSITIONS are open.

        Raises EntryError, InvariantError and LogError; then nothing may be stepped any more.
        """
        if len(self._open) >= STEP_OPEN_POSITIONS:
            return 0
        entries = self._store.read(self.core.position, STEP_ENTRIES)
        for done, (position, data) in enumerate(entries, 1):
            self._step(position, data)
            if len(self._open) >= STEP_OPEN_POSITIONS or not between():
                return done
        return len(entries)

    def _step(self, position: int, data: bytes) -> None:
        began = self._clock.monotonic()
        entry = self._decode(data)
        stepped = self.core.step(position, entry)
        records = list(stepped)
        self.times.add(self._clock.monotonic() - began)
        self.entries += 1
        if records:
            self.records += len(records)
            ticket = self._offer(position, records)
            producer = entry.header.producer
            self._open.append(_Open(position, records, stepped, producer, ticket))
        else:
            self._done(entry.header.producer, stepped)
        if isinstance(entry.payload, Configuration):
            settle()

    def _done(self, producer: str, stepped: Stepped) -> None:
        """What the step made is durable: whoever waits is told."""
        for reply in stepped.replies:
            self._on_reply(producer, reply)

    def _offer(self, position: int, records: list[Record]) -> Ticket:
        encoded = [(r.site, r.seq, r.encode()) for r in records]
        return self._store.append_records(position, encoded, standing_changes(records))

    def settle(self, wait_ns: int) -> bool:
        """Takes notice of what became durable, waiting up to `wait_ns` for the first; True when
        nothing is open any more.

        Raises Nondeterminism where a record that was stepped again is not what is stored, and
        LogClosed.
        """
        timeout_s = wait_ns / SECOND_NS
        while self._open:
            first = self._open[0]
            try:
                first.ticket.wait(timeout_s)
            except TimeoutError:
                return False
            except (InvariantError, LogClosed):
                raise
            except LogError as error:
                self._refuse(str(error))
                return False
            self._open.popleft()
            self._took(first)
        return True

    def _took(self, done: _Open) -> None:
        if self._refused:
            self._refused = ""
            self._on_refused("")
        self._on_durable(done.records)
        self._done(done.producer, done.stepped)

    def _refuse(self, text: str) -> None:
        if not self._refused:
            self._on_refused(text)
        self._refused = text

    @property
    def refused(self) -> str:
        """Why the disk does not take alert records; "" while it does."""
        return self._refused

    def offer_again(self) -> None:
        """Offers what the disk refused once more. The log takes no later records before them."""
        for item in self._open:
            if isinstance(item.ticket.outcome, LogError):
                item.ticket = self._offer(item.position, item.records)
                self.offered_again += 1
