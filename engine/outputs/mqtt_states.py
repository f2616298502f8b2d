"""The retained state topics, brought back to what stands after every connect.

On each connection the retained topics are read once: the subscription is added, and the reading
ends when nothing retained came for a while. Then what differs from the `standing` table is
published. Until then, and for records that the table already includes, the record stream
publishes no states, so that no old state ever overwrites a newer one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..limits import RETAINED_QUIET_NS
from ..mqtt import PublishTicket
from .mqtt_records import Message, Post, Publish
from .ports import Place, StandingPort
from .standing import Reconciliation

_STEADY_READS = 5


class StateKeeper:
    """Not for two threads, except `seen`.

    listen     called with True to subscribe to the state topics, with False to leave them
    on_failed  as in `RecordStream`
    """

    def __init__(
        self,
        store: StandingPort,
        publish: Publish,
        post: Post,
        listen: Callable[[bool], None],
        on_failed: Callable[[str, str], None],
    ) -> None:
        self._store = store
        self._publish = publish
        self._post = post
        self._listen = listen
        self._on_failed = on_failed
        self._reading: Reconciliation | None = None
        self._connection = 0
        self._quiet_since: int | None = None
        self._wanted: dict[str, bytes] = {}
        self._covered = 0
        self._steady = False
        self._incomplete = False
        self._in_flight = 0
        self.corrected = 0

    @property
    def idle(self) -> bool:
        """Whether the retained topics are read and everything that differed was acknowledged."""
        return self._steady and not self._wanted and not self._in_flight

    def seen(self, topic: str, payload: bytes, now: int) -> None:
        """A message on a state topic; from the reader's thread."""
        reading = self._reading
        if reading is not None:
            reading.seen(topic, payload)
            self._quiet_since = now

    def ready(self, connection: int, now: int) -> None:
        """The broker answered our subscriptions, on the connection of this number."""
        if self._reading is None and connection == self._connection:
            return
        if self._reading is None:
            self._begin(connection)
        elif connection != self._connection:
            self._reading = Reconciliation()
            self._connection = connection
            self._quiet_since = now
        else:
            self._quiet_since = now

    def again(self) -> None:
        """Sites moved or were removed: read and compare anew."""
        if self._reading is None and self._connection:
            self._begin(self._connection)

    def _begin(self, connection: int) -> None:
        self._reading = Reconciliation()
        self._connection = connection
        self._quiet_since = None
        self._steady = False
        self._wanted.clear()
        self._listen(True)

    def takes(self, rowid: int, message: Message) -> bool:
        """Whether the state of this outbox row is to be published with its record."""
        if not self._steady or rowid <= self._covered:
            return False
        self._wanted.pop(message.topic, None)
        return True

    def turn(self, connected: bool, now: int, places: Mapping[str, Place]) -> None:
        """Ends a reading that is complete, and publishes what differs. Raises LogError."""
        quiet = self._quiet_since
        silent = quiet is not None and now - quiet >= RETAINED_QUIET_NS
        if self._reading is not None and silent and connected:
            self._compare(self._reading, places)
        while self._wanted:
            topic, payload = next(iter(self._wanted.items()))
            ticket = self._publish(Message(topic, payload, retain=True))
            if ticket is None:
                return
            del self._wanted[topic]
            self._in_flight += 1
            self.corrected += 1
            ticket.add_done_callback(lambda t: self._post(lambda: self._acknowledged(t)))
        if self._incomplete and self.idle:
            self._incomplete = False
            self.again()

    def _compare(self, reading: Reconciliation, places: Mapping[str, Place]) -> None:
        # Rows up to `covered` are in the table that is read after it; a row committed between
        # the two would show its older state for a moment, so a quiet moment is looked for.
        for _ in range(_STEADY_READS):
            covered = self._store.outbox_end()
            standing = self._store.standing()
            if self._store.outbox_end() == covered:
                break
        self._wanted = reading.differences(standing, places)
        self._covered = covered
        self._steady = True
        self._reading = None
        self._incomplete = reading.overflowed > 0 and bool(self._wanted)
        self._listen(False)

    def _acknowledged(self, ticket: PublishTicket) -> None:
        self._in_flight -= 1
        if ticket.error is not None:
            self._on_failed("refused", f"{ticket.topic}: {ticket.error}")
