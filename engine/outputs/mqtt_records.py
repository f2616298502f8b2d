"""Records on their way from the outbox to the broker, in order, at least once.

Not for two threads: everything is called by the output's worker; acknowledgements reach it
through `post`. What was published and is not yet behind the durable cursor is at most
`OUTPUT_WINDOW` messages, and a crash makes exactly that come again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ..level import LEVELS, NORMAL
from ..limits import OUTPUT_WINDOW
from ..mqtt import PublishTicket
from ..record import Record, decode_record
from . import topics
from .payload import record_payload
from .ports import OutboxPort, Place
from .standing import CLOSED, has_state, place_of, state_topic
from .window import Window


class Message(NamedTuple):
    """One publication."""

    topic: str
    payload: bytes
    retain: bool = False


#: Publishes, or returns None where there is no room now.
Publish = Callable[[Message], PublishTicket | None]
#: Has the worker call something soon; from any thread.
Post = Callable[[Callable[[], None]], None]


def record_messages(record: Record, places: Mapping[str, Place]) -> list[Message]:
    """What one record publishes: itself, the alert under both levels that are not normal, and the
    state, which is emptied where the record closes the alarm. It is rendered once: the payloads
    are the same bytes.
    """
    payload = record_payload(record, place_of(record, places))
    messages = [Message(topics.record(record.area, record.site), payload)]
    messages += [
        Message(
            topics.alert(record.area, record.site, record.domain, level, record.exercise), payload
        )
        for level in _alert_levels(record)
    ]
    if has_state(record):
        state = b"" if record.state_after == CLOSED else payload
        messages.append(Message(state_topic(record, places), state, retain=True))
    return messages


def message_count(record: Record) -> int:
    """How many `record_messages` makes, without rendering."""
    return 1 + len(_alert_levels(record)) + has_state(record)


def _alert_levels(record: Record) -> list[str]:
    levels = dict.fromkeys((record.level_before, record.level_after))
    return [level for level in levels if level != LEVELS[NORMAL]]


class RecordStream:
    """Reads the outbox after the cursor `name` and publishes.

    on_state   whether the state message of this outbox row is to be published with its record
    on_failed  called with the text of a refused publication or a cursor that could not be written
    """

    def __init__(
        self,
        name: str,
        outbox: OutboxPort,
        publish: Publish,
        post: Post,
        on_state: Callable[[int, Message], bool],
        on_failed: Callable[[str, str], None],
    ) -> None:
        self._name = name
        self._outbox = outbox
        self._publish = publish
        self._post = post
        self._on_state = on_state
        self._on_failed = on_failed
        self._window = Window(OUTPUT_WINDOW)
        self._waiting: deque[tuple[int, Message]] = deque()
        self._held: deque[tuple[int, bytes]] = deque()
        self._cursor = self._asked = self._read = outbox.cursor(name)
        self._attempt = 0
        outbox.set_cursor(name, self._cursor)  # from now on nothing unread is trimmed
        self.published = 0
        self.repeated = 0

    @property
    def cursor(self) -> int:
        """The durable cursor."""
        return self._cursor

    @property
    def in_flight(self) -> int:
        """Rows that were sent and are not behind the durable cursor."""
        return len(self._window) - len({rowid for rowid, _ in self._waiting})

    @property
    def idle(self) -> bool:
        """Whether nothing is on its way."""
        return not self._window and not self._waiting

    def restart(self) -> None:
        """Sends again everything behind the durable cursor: something was refused."""
        self.repeated += len(self._window)
        self._attempt += 1
        self._window.clear()
        self._waiting.clear()
        self._held.clear()
        self._read = self._asked = self._cursor

    def turn(self, places: Mapping[str, Place]) -> None:
        """Publishes what there is and fits. Raises LogError."""
        self._flush()
        while not self._waiting and self._load(places):
            self._flush()

    def _load(self, places: Mapping[str, Place]) -> bool:
        """Takes one more row into the window; False at the end or when the window is full."""
        if not self._held:
            rows = self._outbox.records(self._read, OUTPUT_WINDOW)
            self._held.extend((rowid, data) for rowid, *_, data in rows)
        if not self._held:
            return False
        rowid, data = self._held[0]
        record = decode_record(data)
        if not self._window.fits(message_count(record)):
            return False  # often, in a flood: nothing was rendered for it
        messages = record_messages(record, places)
        self._held.popleft()
        self._read = rowid
        self._window.sent(rowid, len(messages))
        self._waiting.extend((rowid, message) for message in messages)
        return True

    def _flush(self) -> None:
        while self._waiting:
            rowid, message = self._waiting[0]
            # Asked at the last moment: a reconciliation may have published a newer state meanwhile.
            if message.retain and not self._on_state(rowid, message):
                self._waiting.popleft()
                self._arrived(rowid)
                continue
            ticket = self._publish(message)
            if ticket is None:
                return
            self._waiting.popleft()
            self.published += 1
            ticket.add_done_callback(self._when_done(rowid, self._attempt))

    def _when_done(self, rowid: int, attempt: int) -> Callable[[PublishTicket], None]:
        def done(ticket: PublishTicket) -> None:
            self._post(lambda: self._acknowledged(rowid, attempt, ticket))

        return done

    def _acknowledged(self, rowid: int, attempt: int, ticket: PublishTicket) -> None:
        if attempt != self._attempt:
            return
        if ticket.error is not None:
            self._on_failed("refused", f"{ticket.topic}: {ticket.error}")
            return
        self._arrived(rowid)

    def _arrived(self, rowid: int) -> None:
        """One message of a row is settled: the cursor follows."""
        self._window.acknowledged(rowid)
        arrived, attempt = self._window.arrived(), self._attempt
        if arrived is not None and arrived > self._asked:
            self._asked = arrived
            self._outbox.set_cursor(self._name, arrived).add_done_callback(
                lambda outcome: self._post(lambda: self._durable(arrived, attempt, outcome))
            )

    def _durable(self, rowid: int, attempt: int, outcome: object) -> None:
        if isinstance(outcome, BaseException):
            if attempt == self._attempt:
                self._on_failed("log", str(outcome))
            return
        self._cursor = max(self._cursor, rowid)
        self._window.durable(rowid)
