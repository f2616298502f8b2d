"""The worker's own beat beside the records: ticks, checkpoints, and a look at the clocks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..clock import Clock
from ..errors import SinkError, SpecError
from ..limits import (
    PULSE_LONGEST_NS,
    PULSE_SHORTEST_NS,
    SECOND_NS,
    TICK_LANDED_NS,
)
from . import failpoints
from .append import LogAppender
from .broker_clock import BrokerClock, Moment
from .checkpoint import Checkpointer
from .part import Part
from .restore import Tell
from .topics import Topics

_LOG_APPEND_TIME = 1  # Kafka's number for the kind of a timestamp that the broker set


class Pulse:
    """Turns every few milliseconds, from `run` on.

    log_end   what is known of where a partition of the log ends
    fail      ends the worker, with a reason
    """

    def __init__(
        self,
        parts: Mapping[int, Part],
        producer: Any,
        topics: Topics,
        node: str,
        checkpointer: Checkpointer,
        clock: Clock,
        *,
        ticks: bool,
        checkpoint_ns: int,
        session_ns: int,
        log_end: Callable[[int], int | None],
        tell: Tell,
        fail: Callable[..., None],
    ) -> None:
        self._parts = parts
        self._producer = producer
        self._topics = topics
        self._node = node
        self._appender = LogAppender(producer, topics.log)
        self._checkpointer = checkpointer
        self._clock = clock
        self._ticks = ticks
        self._checkpoint_ns = checkpoint_ns
        self._pause_ns = session_ns // 2
        self._log_end = log_end
        self._tell = tell
        self._fail = fail
        self._tasks: set[asyncio.Task[None]] = set()
        self._slow = 0
        self._probing = False
        self.broker = BrokerClock()
        self.probes = 0
        self.turned_at = clock.monotonic()
        #: Called at each beat with the partitions and monotonic time; must return soon.
        self.beside: Callable[[Mapping[int, Part], int], None] = lambda parts, now: None

    async def run(self) -> None:
        """Until it is cancelled."""
        self.turned_at = self._clock.monotonic()
        while True:
            self.turn()
            await asyncio.sleep(self._nap_ns() / SECOND_NS)

    def stop_ticking(self) -> None:
        """No more ticks; checkpoints go on."""
        self._ticks = False

    @contextmanager
    def slow(self) -> Iterator[None]:
        """What lasts longer than a session within is work, and no pause of the process."""
        self._slow += 1
        try:
            yield
        finally:
            self._slow -= 1
            self.turned_at = self._clock.monotonic()

    def turn(self) -> None:
        """One beat."""
        now = self._clock.monotonic()
        passed, self.turned_at = now - self.turned_at, now
        if passed > self._pause_ns and not self._slow:
            self._fail(
                f"the process stood still for {passed / SECOND_NS:.1f} s (suspended, or starved of "
                "the processor): its partitions may be another's, who knows better",
                None,
            )
            return
        for part in list(self._parts.values()):
            if self._ticks and part.tick_wait_ns(self._log_end(part.partition)) == 0:
                self._tick(part)
        self.beside(self._parts, now)
        self._checkpoint(now)

    def _nap_ns(self) -> int:
        waits = [PULSE_LONGEST_NS]
        if self._ticks:
            parts = list(self._parts.values())
            waits += [part.tick_wait_ns(self._log_end(part.partition)) for part in parts]
        return max(PULSE_SHORTEST_NS, min(waits))

    # --- checkpoints -----------------------------------------------------------------------------
    def _checkpoint(self, now: int) -> None:
        if self._checkpointer.writing.locked():
            return
        due = [p for p in self._parts.values() if p.checkpoint_due(now, self._checkpoint_ns)]
        if due:
            oldest = min(due, key=lambda part: part.checkpointed_at)
            oldest.checkpointed_at = now  # not twice, should writing begin a turn later
            self._spawn(self._write(oldest), "a checkpoint")

    async def _write(self, part: Part) -> None:
        await self._checkpointer.write(part)

    # --- ticks -----------------------------------------------------------------------------------
    def _tick(self, part: Part) -> None:
        if not self.broker.is_confirmed(Moment.of(self._clock)):
            if not self._probing:
                self._probing = True
                self._spawn(self._probe(), "asking for the broker's time")
            return
        tick, data = part.ticks.make(part.clock.wall())
        failpoints.hit("tick.before_send")
        if tick.resumed:
            self._tell("resumed", f"partition {part.partition}: nobody ticked for a while")
        self._spawn(self._append(part, data), "a tick")

    async def _append(self, part: Part, data: bytes) -> None:
        sent = Moment.of(self._clock)
        landing = asyncio.ensure_future(self._appender.append(part.partition, data))
        await asyncio.wait([landing], timeout=TICK_LANDED_NS / SECOND_NS)
        if not landing.done():
            self._tell("kafka_silent", f"Kafka does not take ticks of partition {part.partition}")
        where = await landing
        failpoints.hit("tick.landed")
        part.ticks.landed(where.offset)
        self._look_at(sent, where.timestamp_ms)

    async def _probe(self) -> None:
        try:
            if not await self.ask_broker():
                self._fail(self.broker.told())
        finally:
            self._probing = False

    async def ask_broker(self) -> bool:
        """Whether this machine's clock agrees with the broker's, by a record of no meaning.

        Raises SpecError where the brokers do not stamp, SinkError where they do not answer.
        """
        from aiokafka.errors import KafkaError

        sent = Moment.of(self._clock)
        key = b"clock|" + self._node.encode()
        try:
            where = await self._producer.send_and_wait(
                self._topics.checkpoints, b"0", key=key, partition=0
            )
        except KafkaError as error:
            raise SinkError(f"Kafka did not take a record: {error}") from error
        self.probes += 1
        if where.timestamp_type != _LOG_APPEND_TIME:
            raise SpecError(
                "the cluster's topics do not carry the broker's time",
                found=f"message.timestamp.type of {self._topics.checkpoints} is CreateTime",
                expected="LogAppendTime, as `lifeline cluster init` sets it",
            )
        return self._confirm(sent, where.timestamp)

    def _look_at(self, sent: Moment, stamp_ms: int) -> None:
        if not self._confirm(sent, stamp_ms):
            self._fail(self.broker.told())

    def _confirm(self, sent: Moment, stamp_ms: int) -> bool:
        return self.broker.confirm(sent, Moment.of(self._clock), stamp_ms * 1_000_000)

    # --- tasks -----------------------------------------------------------------------------------
    def _spawn(self, work: Coroutine[Any, Any, None], what: str) -> None:
        task = asyncio.create_task(work, name=what)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._fail(f"{task.get_name()} failed: {error}", error)
