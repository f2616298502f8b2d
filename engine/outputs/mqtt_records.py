"""Records on their way from the outbox to the broker, in order, at least once.

Not for two threads: everything is called by the output's worker; acknowledgements reach it
through `post`. What was published and is not yet behind the durable cursor is at most a window of
messages, and a crash makes exactly that come again.

Two streams read one outbox, each behind a cursor of its own: `Reds` (mqtt_red) the alerts on red
topics, `InOrder` everything else. Order holds on each topic, and no topic is of both.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from ..level import LEVELS, NORMAL
from ..mqtt import PublishTicket
from ..record import Record, decode_record
from . import topics
from .mqtt_newest import BACKLOG, NewestStates
from .payload import record_payload
from .ports import Place, StandingPort
from .standing import CLOSED, has_state, place_of, state_topic
from .window import Window

#: The gravest level: its alerts have a lane of their own.
RED: Final = LEVELS[-1]
#: Rows that are read at once; a window takes fewer.
READ_AHEAD: Final = 20
#: Rows that a part looks at in one turn of the worker: 10 to 20 ms of SQLite.
LOOK_AT_ONCE: Final = 8_192


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
    return _messages(record, places, alert_levels(record))


def alert_levels(record: Record) -> list[str]:
    """The levels under which a record is an alert, each once."""
    levels = dict.fromkeys((record.level_before, record.level_after))
    return [level for level in levels if level != LEVELS[NORMAL]]


def alert_message(
    record: Record, places: Mapping[str, Place], level: str, payload: bytes | None = None
) -> Message:
    """The alert under one level; `payload` where it is rendered already."""
    topic = topics.alert(record.area, record.site, record.domain, level, record.exercise)
    return Message(topic, payload or record_payload(record, place_of(record, places)))


def _messages(record: Record, places: Mapping[str, Place], levels: list[str]) -> list[Message]:
    payload = record_payload(record, place_of(record, places))
    messages = [Message(topics.record(record.area, record.site), payload)]
    messages += [alert_message(record, places, level, payload) for level in levels]
    if has_state(record):
        state = b"" if record.state_after == CLOSED else payload
        messages.append(Message(state_topic(record, places), state, retain=True))
    return messages


class Part(Protocol):
    """What one stream takes of the outbox. No topic may be of two parts."""

    def rows(self, after: int) -> tuple[Sequence[tuple[int, bytes]], int]:
        """(number, encoded record) behind an outbox number, in order, some at a time; and the
        number up to which everything was looked at. Raises LogError."""
        ...

    def count(self, record: Record) -> int:
        """How many messages a record makes, without rendering; 0: it is not of this part."""
        ...

    def messages(self, record: Record, places: Mapping[str, Place]) -> list[Message]:
        """These messages, rendered."""
        ...


class InOrder:
    """Every record in the order of the outbox, under all its topics but the red alert's."""

    def __init__(self, outbox: StandingPort) -> None:
        self._outbox = outbox

    def rows(self, after: int) -> tuple[Sequence[tuple[int, bytes]], int]:
        """As in `Part`."""
        rows = [(number, data) for number, *_, data in self._outbox.records(after, READ_AHEAD)]
        return rows, rows[-1][0] if rows else after

    def count(self, record: Record) -> int:
        """As in `Part`."""
        return 1 + len(_but_red(record)) + has_state(record)

    def messages(self, record: Record, places: Mapping[str, Place]) -> list[Message]:
        """As in `Part`."""
        return _messages(record, places, _but_red(record))


def _but_red(record: Record) -> list[str]:
    return [level for level in alert_levels(record) if level != RED]


class RecordStream:
    """Reads the outbox behind the cursor `name` and publishes its part of it.

    window     how many messages may be on their way
    on_state   whether the state message of this outbox row is to be published with its record
    on_failed  called with the text of a refused publication or a cursor that could not be written
    begin      where a cursor begins that was never set
    """

    def __init__(
        self,
        name: str,
        outbox: StandingPort,
        part: Part,
        window: int,
        publish: Publish,
        post: Post,
        on_state: Callable[[int, Message], bool],
        on_failed: Callable[[str, str], None],
        begin: int = 0,
    ) -> None:
        self._name = name
        self._outbox = outbox
        self._part = part
        self._publish = publish
        self._post = post
        self._on_state = on_state
        self._on_failed = on_failed
        self._window = Window(window)
        self._waiting: deque[tuple[int, Message, Record]] = deque()
        self._held: deque[tuple[int, bytes]] = deque()
        known = outbox.cursors()
        self._cursor = self._asked = self._read = self._upto = known.get(name, begin)
        self._passed = 0
        self._attempt = 0
        self._newest = NewestStates(outbox)
        self._backlog = False
        self._places: Mapping[str, Place] = {}
        self.published = 0
        self.repeated = 0
        #: Whether it stopped before it came to the end.
        self.more = False
        #: Whether the cursor is durable: what is kept is told by it from then on.
        self.begun = name in known
        self._begin()  # from now on nothing unread is trimmed

    @property
    def cursor(self) -> int:
        """The durable cursor."""
        return self._cursor

    @property
    def position(self) -> int:
        """Every record up to this outbox row was acknowledged, as far as it is of this part. From
        any thread."""
        return max(self._cursor, self._passed)

    @property
    def in_flight(self) -> int:
        """Rows that were sent and are not behind the durable cursor."""
        return len(self._window) - len({rowid for rowid, *_ in self._waiting})

    @property
    def states_passed(self) -> int:
        """Retained states that were not published because a newer one was."""
        return self._newest.passed

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
        self._read = self._upto = self._asked = self._cursor
        if not self.begun:
            self._begin()

    def turn(self, places: Mapping[str, Place], most: int | None = None) -> None:
        """Publishes what there is and fits, of at most so many rows. Raises LogError."""
        self._places = places
        self.more = False
        self._flush()
        rows = 0
        while not self._waiting and rows != most and self._load(places):
            self._flush()
            rows += 1
        self.more = self.more or rows == most
        if self.more:
            self._post(lambda: None)  # the next turn comes at once
        self._settle()

    def follow(self) -> None:
        """Moves the durable cursor over rows that are not of this part, so that they may be trimmed
        and are not looked at again. Not at each turn: it is a commit."""
        if self._passed > self._asked == self._cursor:
            self._ask(self._passed)

    def _settle(self) -> None:
        if self.idle and not self._held:
            self._passed = max(self._passed, self._read)

    def _begin(self) -> None:
        self._outbox.set_cursor(self._name, self._cursor).add_done_callback(self._first)

    def _first(self, outcome: object) -> None:
        if not isinstance(outcome, BaseException):
            self.begun = True
        elif not self.begun:
            self._post(lambda: self._on_failed("log", str(outcome)))

    def _load(self, places: Mapping[str, Place]) -> bool:
        """Takes one more row into the window; False at the end or when the window is full."""
        if not self._held and not self._look():
            return False
        rowid, data = self._held[0]
        record = decode_record(data)
        count = self._part.count(record)
        if not self._window.fits(count):
            return False  # often, in a flood: nothing was rendered for it
        messages = self._part.messages(record, places) if count else []
        self._held.popleft()
        self._read = rowid if self._held else self._upto
        if messages:
            self._window.sent(rowid, len(messages))
            self._waiting.extend((rowid, message, record) for message in messages)
        return True

    def _look(self) -> bool:
        rows, self._upto = self._part.rows(self._read)
        self._held.extend(rows)
        self.more = not rows and self._upto - self._read >= LOOK_AT_ONCE
        if not rows:
            self._read = self._upto
        full = len(rows) >= READ_AHEAD
        self._backlog = full and self._outbox.outbox_end() - rows[-1][0] >= BACKLOG
        return bool(rows)

    def _flush(self) -> None:
        while self._waiting:
            rowid, message, record = self._waiting[0]
            # Asked at the last moment: a reconciliation may have published a newer state meanwhile.
            if message.retain and not self._shows(rowid, message, record):
                self._waiting.popleft()
                self._arrived(rowid)
                continue
            ticket = (
                self._publish_state(message, record) if message.retain else self._publish(message)
            )
            if ticket is None:
                return
            self._waiting.popleft()
            self.published += 1
            ticket.add_done_callback(self._when_done(rowid, self._attempt))

    def _shows(self, rowid: int, message: Message, record: Record) -> bool:
        passed = self._newest.passes(message.topic, record)
        return not passed and self._on_state(rowid, message)

    def _publish_state(self, message: Message, record: Record) -> PublishTicket | None:
        """Publishes the state that this record left, or in a backlog the newest of its alarm."""
        topic = message.topic
        newest = self._newest.newest(topic, record, self._places) if self._backlog else None
        if newest is None:
            return self._publish(message)
        seq, payload = newest
        ticket = self._publish(Message(topic, payload, retain=True))
        if ticket is not None:
            self._newest.sent(topic, seq)
        return ticket

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
        arrived = self._window.arrived()
        if arrived is not None and arrived > self._asked:
            self._ask(arrived)

    def _ask(self, rowid: int) -> None:
        attempt = self._attempt
        self._asked = rowid
        self._outbox.set_cursor(self._name, rowid).add_done_callback(
            lambda outcome: self._post(lambda: self._durable(rowid, attempt, outcome))
        )

    def _durable(self, rowid: int, attempt: int, outcome: object) -> None:
        if isinstance(outcome, BaseException):
            if attempt == self._attempt:
                self._on_failed("log", str(outcome))
            return
        self._cursor = max(self._cursor, rowid)
        self._window.durable(rowid)
        self._settle()
