"""Call and respond beside the other stages: a log, an outbox and snapshots of its own.

What sites and areas recorded comes from their outboxes by a cursor, is logged, and only then
stepped; who is to be called is read from this stage's own outbox by the caller, whose results come
back as entries. Everything on any of these ways may come twice after a crash and counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final

from ..calls.call import Call
from ..calls.configuration import CallConfiguration
from ..calls.core import CallCore
from ..calls.entry import Answer, CallEntry, CallPayload, Result, Sent, decode_call, encode_call
from ..calls.hearing import Hearing, standing
from ..command import Command, Reply
from ..config import CallSpec, Plant
from ..entry import Header, Recovered
from ..limits import CONFIG_APPEND_NS, SECOND_NS, STOP_DISK_NS
from ..log import Drills, LogStore
from ..log import Trouble as LogTrouble
from ..notify.caller import CURSOR as CALLER_CURSOR
from ..notify.caller import Caller
from ..notify.desk_owner import DeskOwner
from ..outputs.mqtt_commands import Engine as Served
from ..outputs.ports import Place
from ..record import Record
from ..steady_clock import SteadyClock
from ..troubles import Troubles
from .appending import append_and_wait
from .call_feeding import CURSOR, DRILL_PRODUCER, CallFeed
from .delivering import Deliveries
from .looping import StepLoop
from .snapshotting import SnapshotPace, Snapshotter, restored_as
from .stepping import Stepper
from .ticking import Ticker

FOLDER: Final = "calls"
SOURCE: Final = "calls"
ANSWER_PRODUCER: Final = "answer"


@dataclass(frozen=True, slots=True)
class CallHooks:
    """What the stage asks of its owner.

    acknowledge   carries out a command at its site and waits for the answer. Raises LogError,
                  TimeoutError
    """

    on_records: Callable[[Sequence[Record]], None]
    on_failed: Callable[[Exception], None]
    acknowledge: Callable[[Command, float], Reply]


class CallStage:
    """Made, it holds the call log; `close` lets it go. `take_up`, then `start`, `stop`, `close`.

    directory    the call log and the key of links lie in its folder `calls`, orders of drills in it
    heard_from   the logs whose outboxes are heard
    Raises LogError where the call log cannot be used, SpecError for the key of links.
    """

    def __init__(
        self,
        directory: Path,
        heard_from: Sequence[LogStore],
        clock: SteadyClock,
        pace: SnapshotPace,
        plant: Plant,
        spec: CallSpec,
        troubles: Troubles,
        hooks: CallHooks,
        served: Served,
    ) -> None:
        self._from, self._clock, self._troubles = tuple(heard_from), clock, troubles
        self._hooks, self._served, self._spec = hooks, served, spec
        self._live = False
        self._asking: dict[str, SimpleQueue[Reply]] = {}
        with ExitStack() as undo:
            self.store = LogStore.open(
                directory / FOLDER,
                clock,
                retention_ns=plant.storage.retention_ns,
                max_bytes=plant.storage.max_bytes,
                on_trouble=self._log_trouble,
            )
            undo.callback(self.store.close)
            core, position = restored_as(self.store, CallCore)
            self.restored_from = position
            self.stepper = Stepper(
                core, self.store, self._durable, self._reply, self._refused, clock, decode_call
            )
            self.snapshotter = Snapshotter(self.store, clock, pace, position)
            self.ticker = Ticker(self.store, clock)
            self.loop = StepLoop(
                self.stepper,
                self.ticker,
                self.snapshotter,
                self.store,
                clock,
                hooks.on_failed,
                self._tell,
            )
            self._drills = Drills(directory, clock)
            undo.callback(self._drills.close)
            self.feed = CallFeed(
                self._from, self.store, self._drills, clock, hooks.on_failed, troubles.tell
            )
            self.deliveries = Deliveries(
                plant.node,
                self.store,
                clock,
                served,
                lambda _: None,
                troubles.tell,
                SOURCE,
                (CALLER_CURSOR,),
            )
            self.desk = DeskOwner(directory / FOLDER / "link.key", self, clock)
            undo.callback(self.desk.stop)
            self.caller = self._new_caller()
            undo.pop_all()

    def _new_caller(self) -> Caller:
        return Caller(
            self.store,
            self._clock,
            {contact.id: contact for contact in self._spec.contacts},
            self.places,
            self.desk.link,
            self._give,
            self._tell,
        )

    @property
    def core(self) -> CallCore:
        """The core; it belongs to the stepping thread while that runs."""
        return self.stepper.core

    # --- start -----------------------------------------------------------------------------------
    def take_up(self) -> None:
        """The call log stepped to its end, the roster in force, the time now, and what waits for an
        answer known. The call log stands at its end, nothing else appends to it."""
        self.loop.catch_up()
        self._live = True
        lost, was_empty = self.store.recovery, self.core.configuration is None
        if lost is not None:
            self._tell("log_recovered", lost.text())
            self._append(Recovered(self.store.delivered_heads(), lost.text()))
        self._first_tick()
        self.configure(self._spec)
        fresh = was_empty or any(CURSOR not in store.cursors() for store in self._from)
        damaged = lost is not None or any(store.recovery is not None for store in self._from)
        if fresh or damaged:
            self._hear_what_stands()
        open_calls = [call.key for call in self.core.open_calls()]
        self.feed.hearing = Hearing(min(self._spec.configuration.levels), open_calls)

    def _first_tick(self) -> None:
        core = self.core
        self._clock.not_before(max(core.wall, core.received, core.appended))
        self.ticker.start_from(core.wall)
        if self.ticker.wait_ns(None, at_end=True) == 0:
            self.ticker.tick().wait(CONFIG_APPEND_NS / SECOND_NS)
            self.loop.catch_up()

    def configure(self, spec: CallSpec) -> None:
        """Logs the wanted roster where it is not in force; contacts and links from now on.

        Raises SpecError where links cannot be answered as wanted, LogError.
        """
        self.desk.become(spec.links)
        if spec.configuration != self.core.configuration:
            entry = CallEntry(self._header("configuration"), spec.configuration)
            append_and_wait(self.store, encode_call(entry))
            if not self.loop.is_alive:
                self.loop.catch_up()
        self._spec = spec
        self.caller.contacts = {contact.id: contact for contact in spec.contacts}
        self.feed.hearing.least = min(spec.configuration.levels)

    def _hear_what_stands(self) -> None:
        """Nothing was heard yet, or a log lost its tail: all that waits for an answer.

        Ends before heads before rows: in a sink records come meanwhile, and one that the heads
        count must be in the rows.
        """
        ends = [(store, store.outbox_end()) for store in self._from]
        heads = [store.heads() for store in self._from]
        rows = [row.data for store in self._from for row in store.standing()]
        self._append(standing(heads, rows, min(self._spec.configuration.levels)))
        for store, end in ends:
            store.set_cursor(CURSOR, end).wait(CONFIG_APPEND_NS / SECOND_NS)

    def _append(self, payload: CallPayload) -> None:
        append_and_wait(self.store, encode_call(CallEntry(self._header("recovery"), payload)))
        self.loop.catch_up()

    def _header(self, producer: str) -> Header:
        return Header(producer=producer, received=self._clock.wall())

    def start(self, calling: bool) -> None:
        """Hears and steps from now on; `calling`: persons are told."""
        self.loop.start()
        self.feed.start()
        self.desk.start()
        if calling:
            self.caller.start()

    def watch(self) -> None:
        """A caller whose thread died is made anew."""
        if not self.caller.troubles():
            return
        self._tell("output_failed", "; ".join(t.text for t in self.caller.troubles()))
        self.caller.stop()
        self.caller = self._new_caller()
        self.caller.start()

    # --- stop ------------------------------------------------------------------------------------
    def stop(self, timeout_ns: int) -> bool:
        """Hears what was recorded last, steps it, and stops; whether all was done in time."""
        self.desk.stop()
        self.feed.stop(timeout_ns)
        self.caller.stop()
        return self.loop.stop(timeout_ns)

    def last_snapshot(self) -> None:
        """A snapshot of where it stopped. Raises LogError, TimeoutError."""
        ticket = self.snapshotter.cut(self.core)
        if ticket is not None:
            ticket.wait(STOP_DISK_NS / SECOND_NS)

    def abandon(self, wait_ns: int = 0) -> None:
        """Ends at the next entry, from any thread; waits for that if asked to."""
        self.feed.abandon()
        self.loop.abandon(wait_ns)

    def close(self) -> None:
        """Lets go of the log."""
        self.desk.stop()
        self.caller.stop()
        self._drills.close()
        self.store.close()

    # --- what answers by link ask ------------------------------------------------------------------
    def find(self, call: str) -> Call | None:
        """A call that is open, or was lately."""
        return self.core.find(call)

    def acknowledge(self, command: Command, timeout_s: float) -> Reply:
        """Acknowledges at the alarm's site. Raises LogError, TimeoutError."""
        return self._hooks.acknowledge(command, timeout_s)

    def answer(self, call: str, person: str, timeout_s: float) -> Reply:
        """Answers a drill. Raises LogError, TimeoutError."""
        name, replies = f"{call}:{person}", SimpleQueue[Reply]()
        self._asking[name] = replies
        try:
            self.feed.log(Answer(call, person), ANSWER_PRODUCER, exercise=True).wait(timeout_s)
            return replies.get(timeout=timeout_s)
        except Empty as error:
            raise TimeoutError(f"no answer to {name} in {timeout_s:g} s") from error
        finally:
            self._asking.pop(name, None)

    def places(self) -> Mapping[str, Place]:
        """Every site, where it is now."""
        return self._served.places()

    # --- what it tells ---------------------------------------------------------------------------
    def status(self) -> dict[str, Any]:
        """How the stage is, as plain JSON values."""
        core = self.core
        configuration = core.configuration or CallConfiguration()
        return {
            "position": core.position,
            "behind": max(0, self.store.end() - core.position),
            "configuration": configuration.version().hex(),
            "persons": len(configuration.persons),
            "counters": core.counters(),
            "open": len(core.open_calls()),
            "records": self.stepper.records,
            "heard": self.feed.heard,
            "feed_behind": self.feed.behind(),
            "caller": {
                **self.caller.counters(),
                "position": self.caller.position,
                "behind": max(0, self.store.outbox_end() - self.caller.position),
                "alive": self.caller.alive(),
            },
            "links": self.desk.status(),
            "outputs": self.deliveries.status(),
            "refused": self.stepper.refused,
            "restored_from": self.restored_from,
            "snapshot": self.snapshotter.position,
        }

    # --- what the parts tell ---------------------------------------------------------------------
    def _give(self, results: Sequence[Result]) -> None:
        self.feed.log(Sent(tuple(results)), "caller").wait(CONFIG_APPEND_NS / SECOND_NS)

    def _durable(self, records: Sequence[Record]) -> None:
        self.deliveries.wake()
        self.caller.wake()
        if self._live:
            self._hooks.on_records(records)

    def _reply(self, producer: str, reply: Reply) -> None:
        if producer == DRILL_PRODUCER:
            self.feed.answered(reply)
        elif (asking := self._asking.get(reply.id)) is not None:
            asking.put(reply)

    def _tell(self, kind: str, text: str) -> None:
        self._troubles.tell(kind, text, SOURCE)

    def _log_trouble(self, trouble: LogTrouble) -> None:
        self._tell(trouble.kind, trouble.text)

    def _refused(self, text: str) -> None:
        kind = "records_refused" if text else "records_taken"
        self._tell(kind, text or "call records are taken again")
