"""When the owner of a partition appends a tick, and what it says. Pure; time is an argument.

Until the core has reached where the log ended when the partition was taken up, nothing is known
about the last tick that somebody appended, so none is added. From then regular ticks come every
TICK_INTERVAL_NS, also while the core is behind, because a log without them would read as if the
engine had been blind; ticks for a deadline only where the core stands at the log's end and no
earlier one of ours is unstepped. One at a time is on its way.
"""

from __future__ import annotations

from ..entry import Entry, Header, Tick, encode
from ..layout import NO_TIME
from ..limits import BLIND_NS, DEADLINE_TICK_NS, TICK_INTERVAL_NS

PRODUCER = "tick"


class Ticks:
    """The ticks of one partition.

    `wall` is the core's W (NO_TIME: none yet), `log_end` the offset behind the last record of the
    log when the partition was taken up. All times are the owner's steady time, ns.
    """

    def __init__(self, producer: str, wall: int, log_end: int) -> None:
        self._producer = producer
        self._last = wall
        self._tried = wall
        self._log_end = log_end
        self._following = 0
        self._caught_up = False
        self._flying: Tick | None = None
        self._landed = -1
        self.appended = 0
        self.resumed = 0

    @property
    def caught_up(self) -> bool:
        """Whether the core has reached where the log ended when the partition was taken up."""
        return self._caught_up

    @property
    def log_reaches(self) -> int:
        """The offset behind the last tick of ours that is in the log; 0: none."""
        return self._landed + 1

    @property
    def last(self) -> int:
        """W: the last tick that is in the log, as far as the core and this owner know."""
        return self._last

    def stepped(self, following: int, wall: int) -> None:
        """The core has taken everything before offset `following`; its W is `wall`."""
        self._last = max(self._last, wall)
        if not self._caught_up and following >= self._log_end:
            self._caught_up = True
            self._tried = self._last
        self._following = following

    def wait_ns(self, now: int, next_due: int | None, at_end: bool) -> int:
        """How long until a tick is to be appended; 0: now. `next_due` is `core.next_due()`."""
        if not self._caught_up:
            return TICK_INTERVAL_NS
        if self._flying is not None:
            return DEADLINE_TICK_NS
        if self._tried == NO_TIME:
            return 0
        due = self._tried + TICK_INTERVAL_NS
        if at_end and next_due is not None and self._landed < self._following:
            due = min(due, max(next_due, self._tried + DEADLINE_TICK_NS))
        return max(0, due - now)

    def make(self, now: int) -> tuple[Tick, bytes]:
        """The tick of this moment and its entry; until `landed` is told of it there is no other.

        W never goes back, whatever `now` is.
        """
        now = max(now, self._last)
        tick = Tick(now, self._last != NO_TIME and now - self._last > BLIND_NS)
        self._flying, self._tried = tick, now
        header = Header(producer=self._producer, producer_seq=self.appended + 1, received=now)
        return tick, encode(Entry(header, tick))

    def landed(self, offset: int) -> None:
        """The tick is in the log at `offset`."""
        tick, self._flying = self._flying, None
        if tick is None:
            return
        self._last = max(self._last, tick.time)
        self.appended += 1
        self.resumed += tick.resumed
        self._landed = max(self._landed, offset)
