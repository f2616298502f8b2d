"""The output that calls persons: call records in, messages out, results back into the call log.

One thread reads behind the cursor and gives out work; IN_FLIGHT threads send. A result is durable in
the call log before its cursor moves, so that after a kill at most what was on its way is told
twice, and nobody is forgotten. No record and no alarm waits for any of this.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from ..calls.entry import Result
from ..calls.limits import (
    ATTEMPT_PAUSE_S,
    ATTEMPTS,
    IN_FLIGHT,
    READ_RECORDS,
    REASON_CHARS,
    RESULT_RETRY_S,
    SPACING_NS,
)
from ..calls.records import ASKS, EXHAUSTED
from ..clock import Clock
from ..errors import LifelineError
from ..level import LEVELS
from ..limits import SECOND_NS, STEP_NAP_NS
from ..outputs.ports import OutboxPort, OutputTrouble, Place
from ..record import Record, decode_record
from .channels import ChannelLike, Sender
from .flood import CallFloods
from .messages import message
from .queue import Ask, CallQueue

CURSOR: Final = "alert:notify"
_STOP_S: Final = 5.0


class Reachable(Protocol):
    """A person, as far as a caller needs to know."""

    @property
    def id(self) -> str: ...
    @property
    def channels(self) -> Sequence[ChannelLike]: ...


class Caller:
    """See `outputs.owner.Output`.

    contacts   by id, and `link(record, person)` what a message gives them to answer by ("": none)
    give       appends results to the call log and returns when they are durable. Raises LifelineError
    tell       (kind, text): `call_unanswered`, `call_not_told`, `calls_not_recorded`
    """

    def __init__(
        self,
        outbox: OutboxPort,
        clock: Clock,
        contacts: Mapping[str, Reachable],
        places: Callable[[], Mapping[str, Place]],
        link: Callable[[Record, str], str],
        give: Callable[[Sequence[Result]], None],
        tell: Callable[[str, str], None],
        sender: Sender | None = None,
    ) -> None:
        self.contacts = contacts
        self._outbox, self._clock = outbox, clock
        self._places, self._link, self._give, self._tell = places, link, give, tell
        self._sender = sender or Sender()
        self._queue = CallQueue(outbox.cursor(CURSOR))
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._told_at: dict[str, int] = {}
        self._floods = CallFloods()
        self._woken, self._stopping = threading.Event(), threading.Event()
        self._pool = ThreadPoolExecutor(IN_FLIGHT, "lifeline-call")
        self._thread = threading.Thread(target=self._run, name="lifeline-caller", daemon=True)
        self._failed: OutputTrouble | None = None
        self._counts = {"messages": 0, "told": 0, "not_told": 0, "tries_failed": 0}

    # --- Output ----------------------------------------------------------------------------------
    def start(self) -> None:
        """Begins after the durable cursor; returns at once."""
        self._outbox.set_cursor(CURSOR, self._queue.cursor)
        self._thread.start()

    def stop(self) -> None:
        """Ends within a bounded time; who was not told is told after the next start."""
        self._stopping.set()
        self._woken.set()
        if self._thread.ident is not None:
            self._thread.join(_STOP_S)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    @property
    def position(self) -> int:
        """Up to where everybody was told."""
        return self._queue.cursor

    def troubles(self) -> tuple[OutputTrouble, ...]:
        """What stands."""
        return () if self._failed is None else (self._failed,)

    def counters(self) -> dict[str, int]:
        """What was done; `hung` are sendings that were given up, `flooded` persons who are told below
        red once a minute."""
        with self._lock:
            flooded = self._floods.flooded(self._clock.monotonic())
        waiting = len(self._queue)
        return {**self._counts, "hung": self._sender.hung, "waiting": waiting, "flooded": flooded}

    def wake(self) -> None:
        """There are new records."""
        self._woken.set()

    # --- the thread ------------------------------------------------------------------------------
    def _run(self) -> None:
        try:
            self._sender.warm()
            while not self._stopping.is_set():
                self._woken.clear()
                try:
                    self._turn()
                except LifelineError as error:
                    self._tell("calls_not_recorded", str(error))
                    self._stopping.wait(RESULT_RETRY_S)
                    continue
                self._woken.wait(self._nap_s())
        except Exception as error:  # noqa: BLE001  whatever it is, its owner is told and begins anew
            text = f"{type(error).__name__}: {error}"
            self._failed = OutputTrouble("calls", "failed", text, self._clock.wall())

    def _turn(self) -> None:
        """Reads to the end before anybody is told: what comes later may have settled it."""
        while rows := self._outbox.records(self._queue.read, READ_RECORDS):
            with self._lock:
                for number, *_, data in rows:
                    record = decode_record(data)
                    self._queue.take(number, record)
                    self._count(record)
                    if record.message == EXHAUSTED:
                        self._unanswered(record)
        with self._lock:
            now = self._clock.monotonic()
            for person in self._queue.persons():
                if len(self._busy) >= IN_FLIGHT:
                    break
                if person not in self._busy and now >= self._due(person, now):
                    self._busy.add(person)
                    self._told_at[person] = now
                    self._pool.submit(self._call, person, self._queue.begin(person))
            cursor = self._queue.cursor
        if cursor > self._outbox.cursor(CURSOR):
            self._outbox.set_cursor(CURSOR, cursor)

    def _count(self, record: Record) -> None:
        """Whom the record asks for an answer."""
        if record.message in ASKS:
            for person in record.detail.get("persons", "").split(", "):
                self._floods.asked(person, self._clock.monotonic())

    def _due(self, person: str, now: int) -> int:
        """When the person may get the next message."""
        before = self._told_at.get(person)
        if before is None:
            return 0
        red = self._queue.gravest(person) == LEVELS[-1]
        return before + self._floods.spacing_ns(person, now, red, SPACING_NS)

    def _nap_s(self) -> float:
        """Until somebody may be told again, or there may be something new."""
        now = self._clock.monotonic()
        with self._lock:
            waits = [self._due(person, now) - now for person in self._queue.persons()]
        soonest = min((w for w in waits if w > 0), default=STEP_NAP_NS)
        return max(min(soonest, STEP_NAP_NS), 1) / SECOND_NS

    def _unanswered(self, record: Record) -> None:
        detail = record.detail
        self._tell(
            "call_unanswered",
            f"{record.level_after} at {detail.get('alarm_site', '')}: {detail.get('alarm', '')}"
            f" (call {detail.get('call', '')}, round {detail.get('round', '')})",
        )

    # --- the threads that send -------------------------------------------------------------------
    def _call(self, person: str, asks: Mapping[Ask, Record]) -> None:
        try:
            channel, reason = self._told(person, list(asks.values()))
            if channel is None:
                with self._lock:
                    self._queue.again(asks)  # the engine stops
                return
            self._note(person, channel, reason, len(asks))
            results = [Result(a.call, a.turn, a.person, channel, reason) for a in asks]
            if self._given(results):
                with self._lock:
                    self._queue.done(asks)
        except Exception as error:  # noqa: BLE001  it must not end in a future that nobody asks
            text = f"{type(error).__name__}: {error}"
            self._failed = OutputTrouble("calls", "failed", text, self._clock.wall())
        finally:
            with self._lock:
                self._busy.discard(person)
            self._woken.set()

    def _told(self, person: str, records: Sequence[Record]) -> tuple[str | None, str]:
        """(channel by which the person was told, what failed before), "": by none; None: it was
        not tried to the end."""
        contact = self.contacts.get(person)
        if contact is None or not contact.channels:
            return "", "the roster has no channel for this person"
        said = message(records, self._places(), lambda record: self._link(record, person))
        failures: dict[str, str] = {}
        for attempt in range(ATTEMPTS):
            if attempt:
                self._stopping.wait(ATTEMPT_PAUSE_S)
            for channel in contact.channels:
                if self._stopping.is_set():
                    return None, ""
                fault = self._sender.send(channel, said.title, said.body)
                if not fault:
                    return channel.name, _listed(failures)
                self._counts["tries_failed"] += 1
                failures[channel.name] = fault
        return "", _listed(failures)

    def _note(self, person: str, channel: str, reason: str, calls: int) -> None:
        self._counts["messages"] += bool(channel)
        self._counts["told" if channel else "not_told"] += calls
        if not channel:
            self._tell("call_not_told", f"{person}: {reason}")

    def _given(self, results: Sequence[Result]) -> bool:
        """Gives the results until they are durable; False where the engine stops before."""
        while True:
            try:
                self._give(results)
            except (LifelineError, TimeoutError) as error:
                self._tell("calls_not_recorded", str(error))
            else:
                return True
            if self._stopping.wait(RESULT_RETRY_S):
                return False


def _listed(failures: Mapping[str, str]) -> str:
    text = "; ".join(f"{channel}: {fault}" for channel, fault in failures.items())
    return text[: 2 * REASON_CHARS]
