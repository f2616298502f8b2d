"""The agent: telemetry from brokers into the log.

A message is acknowledged only when what it said is durable: its samples, or the dead letter that it
became. Nothing before the log depends on an earlier message, so a message that comes again
changes nothing but the core's count of duplicates.

Batches follow each other: while one is committed the next one gathers in the inboxes, and is taken
the moment the commit is done. So a batch is as large as the disk is slow, an idle agent
waits for nothing, and what the log refused is offered again before anything newer: order holds.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..clock import Clock
from ..configuration import Configuration
from ..errors import LifelineError
from ..frame import Frame
from ..limits import (
    AGENT_RETRY_S,
    AGENT_STOP_S,
    HEALTH_INTERVAL_NS,
    SECOND_NS,
)
from ..mqtt import Delivery, Trouble
from ..payload import compile_decoder
from ..source import SourceSpec
from .batch import Batch
from .entries import EntryWriter
from .lane import Lane
from .ports import AgentLog

_LOG = logging.getLogger("lifeline.agent")
_SLICE_S = 0.5  # waits are cut into these, so that an end is noticed


@dataclass(frozen=True, slots=True)
class AgentTrouble:
    """Something an operator must hear. `source` is "" where the agent itself is meant.

    Kinds: those of `mqtt.TroubleKind`, and `log_refuses`, `log_takes_again`, `agent_fault`,
    `health_unpublished`.
    """

    kind: str
    source: str
    text: str


class Agent:
    """Runs all sources of one configuration.

    name           producer of the entries, and the first part of the health topics' node
    store          the log; see `AgentLog`
    on_trouble     called from several threads; must return soon
    details        what else stands on the health topics of its sources: plain JSON values of now

    Raises SpecError where a source is wrong or a credential cannot be read.
    """

    def __init__(
        self,
        name: str,
        sources: Sequence[SourceSpec],
        configuration: Configuration,
        store: AgentLog,
        clock: Clock,
        on_trouble: Callable[[AgentTrouble], None] | None = None,
        details: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self.name = name
        self._details = details
        self.counters: Counter[str] = Counter()
        self._store = store
        self._clock = clock
        self._on_trouble = on_trouble
        self._writer = EntryWriter(name, configuration)
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._stop_by = 0
        self._unfinished = False  # a batch was given up at the end
        self._refused = ""  # why the log takes nothing; "" while it does
        self._change: Callable[[], None] | None = None
        self._changing = threading.Lock()
        self._lanes = {s.id: self._lane(s, configuration) for s in sources}
        self._threads = [
            threading.Thread(target=run, name=f"agent-{what}", daemon=True)
            for what, run in (("worker", self._work), ("heartbeat", self._beat))
        ]

    def start(self) -> None:
        """Connects and begins; returns at once."""
        for lane in self._lanes.values():
            lane.client.start()
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float = AGENT_STOP_S) -> bool:
        """Takes nothing more, waits for the last commit, acknowledges it, says `stopped` and
        disconnects; the brokers keep the sessions. False when the last commit did not end in
        time: it stays unacknowledged and comes again.
        """
        self._stop_by = self._clock.monotonic() + int(timeout_s * SECOND_NS)
        self._stopping.set()
        self._wake.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(timeout_s)
        done = not self._unfinished and not any(thread.is_alive() for thread in self._threads)
        for lane in self._lanes.values():
            lane.close()
        return done

    def wait_ready(self, timeout_s: float) -> bool:
        """Whether every source was connected and subscribed within the time."""
        until = self._clock.monotonic() + int(timeout_s * SECOND_NS)
        return all(
            lane.client.wait_ready(max(0.0, (until - self._clock.monotonic()) / SECOND_NS))
            for lane in self._lanes.values()
        )

    def reconfigure(
        self,
        sources: Sequence[SourceSpec],
        configuration: Configuration,
        between: Callable[[], None] | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        """Other sources or another configuration from the next batch on; returns when it is so.

        `between` is called after the last batch of the old configuration is durable and before
        the first of the new: the place to append the `config` entry. A source that keeps its id
        and broker keeps its connection and misses nothing; one that is gone unsubscribes.

        Raises SpecError, having changed nothing, where a source is wrong; what `between` raises,
        having changed nothing; TimeoutError where the log does not take the last batch in time.
        One call at a time.
        """
        writer = EntryWriter(self.name, configuration)
        decoders = {s.id: compile_decoder(s, configuration) for s in sources if self._keeps(s)}
        fresh = {s.id: self._lane(s, configuration) for s in sources if s.id not in decoders}

        def change() -> None:
            if between is not None:
                between()
            for lane in [x for i, x in self._lanes.items() if i not in decoders]:
                lane.client.resubscribe(())
                lane.close()
            for source in sources:
                if source.id in decoders:
                    self._lanes[source.id].become(source, decoders[source.id])
            lanes = self._lanes | fresh
            self._lanes = {s.id: lanes[s.id] for s in sources}
            self._writer = writer
            if self._threads[0].is_alive():
                for lane in fresh.values():
                    lane.client.start()

        try:
            self._between_batches(change, timeout_s)
        except BaseException:
            for lane in fresh.values():
                lane.client.stop()
            raise

    def health(self) -> dict[str, Any]:
        """State, counters and sources as plain JSON values."""
        state = "refusing" if self._refused else "running"
        return {
            "name": self.name,
            "state": "stopped" if self._stopping.is_set() else state,
            "log_refuses": self._refused,
            "counters": dict(self.counters),
            "sources": {source: lane.health() for source, lane in self._lanes.items()},
        }

    # --- the worker ------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(_SLICE_S)
            self._wake.clear()
            try:
                self._round()
            except Exception as error:  # noqa: BLE001  the thread must live; the messages come again
                _LOG.exception("agent %s", self.name)
                self._tell("agent_fault", "", repr(error))
                for lane in self._lanes.values():
                    lane.client.reconnect()
                self._stopping.wait(AGENT_RETRY_S)
            self._make_change()

    def _round(self) -> None:
        """Batch after batch until there is nothing to take, or something else to do."""
        while not self._stopping.is_set() and self._change is None:
            taken = [(lane, lane.take()) for lane in self._lanes.values()]
            taken = [(lane, deliveries) for lane, deliveries in taken if deliveries]
            if not taken:
                return
            if not self._made_durable(self._batch(taken)):
                self._unfinished = True
                return
            for lane, deliveries in taken:
                lane.client.ack(deliveries)

    def _batch(self, taken: list[tuple[Lane, list[Delivery]]]) -> Batch:
        decoded = [(lane, lane.decode(deliveries)) for lane, deliveries in taken]
        received = max(d.received for _, deliveries in taken for d in deliveries)
        entries: list[bytes] = []
        self.counters["batches"] += 1
        for drill in (False, True):
            frames = [d.frame for lane, d in decoded if lane.source.exercise == drill]
            if not frames:
                continue
            frame = Frame.concat(frames)
            made = self._writer.encode(frame, received, self.counters["entries"] + 1, drill)
            self.counters["entries"] += len(made)
            self.counters["samples"] += len(frame)
            entries += made
        return Batch(self._store, entries, [d for _, d in decoded])

    def _made_durable(self, batch: Batch) -> bool:
        """Offers the batch to the log until it is durable; False when stopped before."""
        while True:
            try:
                while not batch.durable(_SLICE_S):
                    if self._stopping.is_set() and self._clock.monotonic() > self._stop_by:
                        return False
            except LifelineError as error:
                if not self._refused:
                    self._tell("log_refuses", "", str(error))
                self._refused = str(error)
                self.counters["refused_by_log"] += 1
                if self._stopping.wait(AGENT_RETRY_S):
                    return False
                continue
            if self._refused:
                self._refused = ""
                self._tell("log_takes_again", "", "the log takes samples again")
            return True

    def _make_change(self) -> None:
        with self._changing:
            change, self._change = self._change, None
        if change is not None:
            change()

    def _between_batches(self, change: Callable[[], None], timeout_s: float) -> None:
        """Lets the worker run `change` between two batches; raises what it raises."""
        done = threading.Event()
        raised: list[BaseException] = []

        def run() -> None:
            try:
                change()
            except BaseException as error:  # noqa: BLE001  raised again, in the caller's thread
                raised.append(error)
            finally:
                done.set()

        if not self._threads[0].is_alive():
            run()
        else:
            with self._changing:
                self._change = run
            self._wake.set()
            if not done.wait(timeout_s):
                with self._changing:
                    waiting, self._change = self._change is run, None
                if waiting:
                    raise TimeoutError("the agent did not come to the end of a batch")
                done.wait()
        if raised:
            raise raised[0]

    # --- lanes, heartbeat, troubles --------------------------------------------------------------

    def _lane(self, source: SourceSpec, configuration: Configuration) -> Lane:
        return Lane(
            self.name,
            source,
            configuration,
            self._clock,
            self._wake.set,
            self._client_trouble,
            self._details,
        )

    def _keeps(self, source: SourceSpec) -> bool:
        lane = self._lanes.get(source.id)
        return lane is not None and lane.source.broker == source.broker

    def _beat(self) -> None:
        while not self._stopping.wait(HEALTH_INTERVAL_NS / SECOND_NS):
            for lane in list(self._lanes.values()):
                try:
                    lane.report("running")
                except LifelineError as error:
                    self._tell("health_unpublished", lane.source.id, str(error))

    def _client_trouble(self, source: str, trouble: Trouble) -> None:
        self._tell(trouble.kind, source, trouble.text)

    def _tell(self, kind: str, source: str, text: str) -> None:
        self.counters[f"trouble.{kind}"] += 1
        if self._on_trouble is not None:
            try:
                self._on_trouble(AgentTrouble(kind, source, text))
            except Exception:  # noqa: BLE001  foreign code in our threads, which must live
                _LOG.exception("on_trouble of agent %s raised", self.name)
                self.counters["on_trouble_raised"] += 1
