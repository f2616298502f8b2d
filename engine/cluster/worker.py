"""A worker: the cores of the partitions that the group gave it, from the log to the alert topic.

One process per processor core. Everything here runs in one event loop; faust's consumer and its
heartbeats have a thread of their own, and so has the watchdog. Any exception ends the process with
its reason: another worker, or this one anew, goes on from the last checkpoint.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

from ..clock import Clock, SystemClock
from ..errors import SpecError
from ..limits import BROKER_ASK_AGAIN_NS, SECOND_NS, STOP_STEP_NS
from ..troubles import EngineTrouble, Troubles
from .append import start_producer, stop_producer
from .areas import AliveSender, AreaFeeder
from .holding import Holding
from .life import Life, end_process
from .membership import Membership, Message
from .part import Part
from .plain_reader import PlainReader
from .pulse import Pulse
from .spec import ClusterSpec
from .stage import AREAS, SITES
from .taking import Find, Taker
from .watchdog import Sight, Watchdog
from .worker_status import Counters, WorkerStatus, part_status

_LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker runs.

    node    its name: of its ticks, its Kafka clients and its probes of the broker's clock
    ticks   whether it appends ticks; off where a recorded log is stepped as it is (claim d)
    areas   whether it serves the area stage instead of the sites
    heard   whether areas are configured, which want to know that it is alive and who is silent
    """

    node: str
    ticks: bool = True
    areas: bool = False
    heard: bool = False


class Worker:
    """Runs from `run` until `stop_soon` is called, or the process ends with a reason.

    find        the configuration of a version (`ConfigStore.find`)
    on_trouble  what an operator must hear
    end         ends the process; only benchmarks and tests pass another

    The kernels must be warm (`engine.warming`): a member of the group that compiles for a minute
    would hold its partitions and step nothing.
    """

    def __init__(
        self,
        spec: ClusterSpec,
        options: WorkerOptions,
        find: Find,
        *,
        clock: Clock | None = None,
        on_trouble: Callable[[EngineTrouble], None] | None = None,
        end: Callable[[int], None] = end_process,
    ) -> None:
        self.spec = spec
        self.options = options
        self.stage = AREAS if options.areas else SITES
        self.topics = self.stage.topics(spec.prefix)
        self._clock = clock or SystemClock()
        self.troubles = Troubles(self._clock, on_trouble)
        self.life = Life(end)
        self._find = find
        self._parts: dict[int, Part] = {}
        self._counters = Counters()
        self._stopping = asyncio.Event()
        self._assembled: _Assembled | None = None

    # --- life ------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Joins the group and works until it is told to stop; then leaves it with a checkpoint.

        Raises SpecError and SinkError before it joins: topics that are missing or other than the
        spec says, brokers that do not answer.
        """
        node = self.options.node
        async with AsyncExitStack() as undo:
            producer = await start_producer(self.spec, node)
            undo.push_async_callback(stop_producer, producer)
            reader = await undo.enter_async_context(PlainReader(self.spec, f"{node}-reader"))
            await self._check_topics(reader)
            made = self._assembled = self._assemble(producer, reader)
            if self.options.ticks and not await self._agree_on_time(made.pulse):
                return
            watchdog = Watchdog(self._sight, self._clock, self.life.fail)
            undo.callback(watchdog.stop)
            beating = asyncio.create_task(made.pulse.run())
            undo.callback(beating.cancel)
            if self.options.areas:
                feeding = asyncio.create_task(self._feeder().run())
                undo.callback(feeding.cancel)
            self.life.state = "joining"
            watchdog.start()
            joining = asyncio.create_task(made.membership.start())
            while not await _comes(self._stopping, _LOOK_S):
                self._look_after(made, {"joining the group": joining, "its pulse": beating})
            await self._leave(made)

    def _feeder(self) -> AreaFeeder:
        return AreaFeeder(
            self.spec, self._clock, lambda kind, text: self.troubles.tell(kind, text, "areas")
        )

    def stop_soon(self) -> None:
        """Ends `run`, in order. From the loop's own thread (a signal handler)."""
        self._stopping.set()

    def _assemble(self, producer: Any, reader: PlainReader) -> _Assembled:
        node, worker, tell = self.options.node, self.spec.worker, self.troubles.tell
        holding = Holding(
            self._parts, producer, reader, self.topics, node, self._clock,
            self.life, tell, self._counters, worker.session, self.stage, self.spec.partitions,
        )  # fmt: skip
        pulse = holding.pulse = Pulse(
            self._parts,
            producer,
            self.topics,
            node,
            holding.checkpointer,
            self._clock,
            ticks=self.options.ticks,
            checkpoint_ns=worker.checkpoint,
            session_ns=worker.session,
            log_end=self._log_end,
            tell=tell,
            fail=self.life.fail,
        )
        if self.options.heard and not self.options.areas:
            pulse.beside = AliveSender(self.spec, producer, self._clock, self.life.fail).turn
        taker = Taker(self._parts, self._find, self._clock, pulse, tell, self._counters, self.stage)
        membership = holding.membership = Membership(
            self.spec,
            self.topics.group(self.stage.role),
            node,
            self._on_message,
            holding.on_revoked,
            holding.on_assigned,
            self.topics.log,
        )
        return _Assembled(holding, pulse, taker, membership)

    async def _check_topics(self, reader: PlainReader) -> None:
        for topic in (self.topics.log, self.topics.alerts, self.topics.checkpoints):
            found = await reader.partitions(topic)
            if found != self.stage.partitions(self.spec):
                raise SpecError(
                    f"topic {topic} is not as the cluster's configuration says",
                    found=f"{found} partitions",
                    expected=f"{self.stage.partitions(self.spec)}; `lifeline cluster init` makes the topics",
                )

    async def _agree_on_time(self, pulse: Pulse) -> bool:
        """Waits until this machine's clock is right; False where it was told to stop before."""
        while not await pulse.ask_broker():
            self.troubles.tell("clock_apart", pulse.broker.told())
            if await _comes(self._stopping, BROKER_ASK_AGAIN_NS / SECOND_NS):
                return False
        return True

    def _look_after(self, made: _Assembled, tasks: dict[str, asyncio.Task[None]]) -> None:
        for what, task in tasks.items():
            error = task.exception() if task.done() and not task.cancelled() else None
            if error is not None:
                self.life.fail(f"{what} failed: {error}", error)
        if made.membership.failure is not None:
            self.life.fail(f"faust ended: {made.membership.failure!r}", made.membership.failure)

    async def _leave(self, made: _Assembled) -> None:
        self.life.state = "stopping"
        made.taker.taking = False
        made.pulse.stop_ticking()
        await made.holding.last_checkpoints()
        leaving = asyncio.ensure_future(made.membership.stop())
        await asyncio.wait([leaving], timeout=STOP_STEP_NS / SECOND_NS)
        self.life.state = "stopped"

    async def _on_message(self, message: Message) -> None:
        made = self._assembled
        assert made is not None
        try:
            await made.taker.take(message)
        except Exception as error:  # noqa: BLE001  faust would skip the record and go on
            where = f"{self.topics.log}/{message.partition}@{message.offset}"
            self.life.fail(f"{where}: {error}", error)

    # --- what it says about itself ---------------------------------------------------------------
    def _log_end(self, partition: int) -> int | None:
        """As the last fetch said; a tick of ours behind it tells that fetching stands still."""
        made, part = self._assembled, self._parts.get(partition)
        fetched = made.membership.log_end(partition) if made else None
        own = part.ticks.log_reaches if part else 0
        return max(fetched or 0, own) if fetched is not None or own else None

    def _sight(self) -> Sight:
        """For the watchdog, from its thread."""
        made = self._assembled
        lag = 0
        for part in list(self._parts.values()):
            lag += max(0, (self._log_end(part.partition) or 0) - part.following)
        counters = self._counters
        return Sight(
            made.pulse.turned_at if made else self._clock.monotonic(),
            counters.entries + counters.set_aside + counters.rebalances + counters.restores,
            lag,
            self.life.state in ("joining", "restoring", "rebalancing"),
        )

    def status(self) -> WorkerStatus:
        """The worker as it is now. Any thread may ask."""
        made, now = self._assembled, self._clock.monotonic()
        pulse, written = (made.pulse, made.holding.checkpointer) if made else (None, None)
        parts = list(self._parts.values())
        return WorkerStatus(
            node=self.options.node,
            state=self.life.state,
            failure=self.life.failure,
            turned_at=pulse.turned_at if pulse else now,
            generation=parts[0].generation if parts else -1,
            clock_apart=pulse.broker.apart if pulse else 0,
            clock_probes=pulse.probes if pulse else 0,
            checkpoints=written.written if written else 0,
            refused_commits=written.refused if written else 0,
            last_checkpoint_ns=written.last_ns if written else 0,
            longest_cut_ns=written.longest_cut_ns if written else 0,
            counters=replace(
                self._counters,
                records=self._counters.records.copy(),
                put_aside=self._counters.put_aside.copy(),
            ),
            parts=tuple(part_status(p, self._log_end(p.partition), now) for p in parts),
            trouble_counts=dict(self.troubles.counts),
        )


@dataclass(frozen=True, slots=True)
class _Assembled:
    """The parts of a worker that is connected."""

    holding: Holding
    pulse: Pulse
    taker: Taker
    membership: Membership


async def _comes(event: asyncio.Event, within_s: float) -> bool:
    """Whether the event is set by then."""
    try:
        async with asyncio.timeout(within_s):
            await event.wait()
    except TimeoutError:
        return False
    return True
