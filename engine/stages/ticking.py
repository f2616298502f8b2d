"""The engine's time, and the ticks that tell it to the log.

One clock serves the whole process: what the agent stamps as received, the log as appended and the
ticks as reached come from it, so that they never contradict each other. It runs on the monotonic
clock, is drawn slowly to wall time, and never goes back; where the machine was asleep or its clock
was set forward it jumps, and the next tick says that the engine was blind.
"""

from __future__ import annotations

from ..entry import Entry, Header, Tick, encode
from ..errors import LifelineError
from ..layout import NO_TIME
from ..limits import BLIND_NS, DEADLINE_TICK_NS, TICK_INTERVAL_NS
from ..log import LogClosed, LogStore, Ticket
from ..steady_clock import SteadyClock

__all__ = ["PRODUCER", "SteadyClock", "Ticker"]

PRODUCER = "tick"


class Ticker:
    """Appends ticks: at least every TICK_INTERVAL_NS, and when a timer is due.

    One at a time is on its way to the disk. Ticks for a timer come only where the core stands at
    the log's end, so at most one of those is unstepped; the regular ones go on while the core is
    behind, because a log without them would read as if the engine had been blind.
    """

    def __init__(self, store: LogStore, clock: SteadyClock) -> None:
        self._store = store
        self._clock = clock
        self._last = NO_TIME
        self._flying: tuple[int, Ticket] | None = None
        self._tried = NO_TIME
        self.appended = 0
        self.resumed = 0
        self.refused = 0

    def start_from(self, last: int) -> None:
        """The last tick that the log has, `core.wall`; NO_TIME where it has none."""
        self._last = self._tried = last

    @property
    def last(self) -> int:
        """Time of the last tick that is durable."""
        return self._last

    def wait_ns(self, next_due: int | None, at_end: bool) -> int:
        """How long until the next tick is due; 0: now. `next_due` is `core.next_due()`."""
        self._land()
        if self._flying is not None:
            return DEADLINE_TICK_NS
        now = self._clock.wall()
        if self._tried == NO_TIME:
            return 0
        due = self._tried + TICK_INTERVAL_NS
        if at_end and next_due is not None:
            due = min(due, max(next_due, self._tried + DEADLINE_TICK_NS))
        return max(0, due - now)

    def tick(self) -> Ticket:
        """Appends a tick at the present time. Raises LogClosed."""
        now = self._clock.wall()
        resumed = self._last != NO_TIME and now - self._last > BLIND_NS
        header = Header(producer=PRODUCER, producer_seq=self.appended + 1, received=now)
        ticket = self._store.append([encode(Entry(header, Tick(now, resumed)))])
        self._flying = now, ticket
        self._tried = now
        self.resumed += resumed
        return ticket

    def _land(self) -> None:
        """Takes notice of the outcome of the tick under way."""
        if self._flying is None or self._flying[1].outcome is None:
            return
        (time, ticket), self._flying = self._flying, None
        outcome = ticket.outcome
        if isinstance(outcome, LogClosed):
            raise outcome
        if isinstance(outcome, LifelineError):
            self.refused += 1  # the log has told why; the time goes on, the next tick says so
            return
        self._last = time
        self.appended += 1
