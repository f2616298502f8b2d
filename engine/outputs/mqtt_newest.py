"""In a backlog the newest state of an alarm takes the place of those that it has left behind.

While thousands of records wait, most retained states are old before they are sent. The table of
standing alarms has the newest; it changes in the commit of the outbox, so the record that it holds
is one that the stream will come to. That state goes out with the first record of the alarm that the
stream meets, and the states up to it are passed: no older state ever follows a newer one, what is
retained is newer than without, and the last state of each alarm is always sent. Records and alerts
are never passed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..limits import MAX_RETAINED_TOPICS
from ..record import Record, decode_record
from .payload import record_payload
from .ports import Place, StandingPort
from .standing import place_of, state_topic

#: Rows of the outbox beyond which it is a backlog: a lookup for each state then saves more than it
#: costs. It is a second or less of a flood.
BACKLOG: Final = 1_000


class NewestStates:
    """Of the alarms in the backlog. Not for two threads."""

    def __init__(self, store: StandingPort) -> None:
        self._store = store
        self._sent: dict[str, int] = {}  # the seq of the newest state that was sent, by topic
        self.passed = 0

    def __len__(self) -> int:
        return len(self._sent)

    def passes(self, topic: str, record: Record) -> bool:
        """Whether a state as new as the one of this record was sent already."""
        sent = self._sent.get(topic)
        if sent is None:
            return False
        if record.seq >= sent:
            del self._sent[topic]  # the stream has come to it
        self.passed += record.seq <= sent
        return record.seq <= sent

    def newest(
        self, topic: str, record: Record, places: Mapping[str, Place]
    ) -> tuple[int, bytes] | None:
        """seq and payload of a newer state of this alarm; None where there is none, the alarm is
        closed or its state stands elsewhere by now. Raises LogError."""
        if len(self._sent) >= MAX_RETAINED_TOPICS:
            return None
        row = self._store.standing_of(record.site, record.alarm)
        if row is None:
            return None
        found = decode_record(row)
        if found.seq <= record.seq or state_topic(found, places) != topic:
            return None
        return found.seq, record_payload(found, place_of(found, places))

    def sent(self, topic: str, seq: int) -> None:
        """The newer state was published in the place of an older one."""
        self._sent[topic] = seq
