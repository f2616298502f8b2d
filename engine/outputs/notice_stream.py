"""From the outbox to notices, at least once; one caller.

What was read and is not told yet is bounded: some notices in flight, and of grouped alarms the first
row alone, for the cursor never passes an alarm whose summary has not arrived. A crash makes
the minute that ran, and what was in flight, come again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ..errors import SinkError
from ..flooding import FloodGate
from ..mqtt import PublishTicket
from ..record import decode_record
from . import topics
from .mqtt_records import Message, Publish
from .notices import alarm_notice, flood_notice, group_notice
from .ports import OutboxPort, Place
from .standing import place_of

ROWS_AT_ONCE: Final = 500
#: Notices that wait for the broker; more than that in a flood are red alarms.
IN_FLIGHT: Final = 500


@dataclass(slots=True)
class _Sent:
    """Messages that stand for all rows from `first` on, until they arrived."""

    first: int
    messages: deque[Message] = field(default_factory=deque)
    tickets: deque[PublishTicket] = field(default_factory=deque)

    @property
    def arrived(self) -> bool:
        while self.tickets and self.tickets[0].done:
            error = self.tickets[0].error
            if error is not None:
                raise SinkError(f"{self.tickets[0].topic}: {error}")
            self.tickets.popleft()
        return not self.messages and not self.tickets


class NoticeStream:
    """Reads the outbox behind the cursor `name`; `gate` makes the flood control of one run."""

    def __init__(
        self, name: str, outbox: OutboxPort, gate: Callable[[], FloodGate], publish: Publish
    ) -> None:
        self._name, self._outbox, self._publish = name, outbox, publish
        self._make = gate
        self.gate = gate()
        self._read = self.cursor = outbox.cursor(name)
        outbox.set_cursor(name, self.cursor)
        self._sent: deque[_Sent] = deque()
        self._grouped_from: int | None = None

    @property
    def waiting(self) -> int:
        """Messages that did not arrive yet."""
        return sum(len(s.messages) + len(s.tickets) for s in self._sent)

    def restart(self) -> None:
        """Something was refused: all that did not arrive is told again, and floods are forgotten."""
        self._sent.clear()
        self._grouped_from = None
        self._read = self.cursor
        counters, self.gate = self.gate.counters, self._make()
        self.gate.counters.update(counters)

    def turn(self, now: int, places: Mapping[str, Place]) -> bool:
        """Tells what is to be told at `now` (wall time, ns); whether there is more at once.

        Raises SinkError for what the broker refused, LogError.
        """
        self._summarise(now, places)
        more = self.waiting < IN_FLIGHT and self._take(now, places)
        self._flush()
        self._move()
        return more

    def _take(self, now: int, places: Mapping[str, Place]) -> bool:
        rows = self._outbox.records(self._read, ROWS_AT_ONCE)
        for rowid, *_, data in rows:
            record = decode_record(data)
            decision = self.gate.take(record, now)
            if decision == "told":
                notice = alarm_notice(record, place_of(record, places))
                self._sent.append(_Sent(rowid, deque([notice])))
            elif decision == "grouped" and self._grouped_from is None:
                self._grouped_from = rowid
            self._read = rowid
        return len(rows) == ROWS_AT_ONCE

    def _summarise(self, now: int, places: Mapping[str, Place]) -> None:
        """What the minutes that are over left; rows of the minute that runs come after it."""
        changes, summaries = self.gate.due(now)
        if not changes and not summaries:
            return
        sent = _Sent(self._read + 1 if self._grouped_from is None else self._grouped_from)
        sent.messages.extend(flood_notice(change) for change in changes)
        for summary in summaries:
            place = places.get(summary.site) or Place(summary.area)
            sent.messages.append(group_notice(summary, place))
        if summaries:
            self._grouped_from = None
        self._sent.append(sent)

    def _flush(self) -> None:
        for sent in self._sent:
            while sent.messages:
                ticket = self._publish(sent.messages[0])
                if ticket is None:
                    return
                sent.messages.popleft()
                sent.tickets.append(ticket)

    def _move(self) -> None:
        """The cursor follows what arrived, up to the first row of which nobody has heard."""
        self._sent = deque(sent for sent in self._sent if not sent.arrived)
        open_from = [sent.first for sent in self._sent]
        if self._grouped_from is not None:
            open_from.append(self._grouped_from)
        upto = min(open_from, default=self._read + 1) - 1
        if upto > self.cursor:
            self.cursor = upto
            self._outbox.set_cursor(self._name, upto)


def notice_topics() -> tuple[str, ...]:
    """The filters of everything that this tells."""
    return (f"{topics.ROOT}/notice/#", f"{topics.ROOT}/{topics.DRILL}notice/#")
