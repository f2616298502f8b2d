"""The embedded runtime: everything that serves one plant, in one process.

Start, in this order, each step standing on the one before: kernels, log (told if it was damaged),
snapshot, the rest of the log stepped again, a `recovered` entry if its tail was lost, the wanted
configuration if it is not the one in force, the first tick (which says how long nobody was there),
outputs, and last the agents. Stop is the same backward.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Final

from ..agent import Agent, AgentTrouble
from ..clock import Clock, SystemClock
from ..command import Command, Reply
from ..config import OutputsSpec, Plant
from ..core import Core
from ..errors import EntryError, InvariantError, LogError
from ..limits import (
    CONFIG_APPEND_NS,
    SECOND_NS,
    STOP_STEP_NS,
)
from ..log import LogStore, Nondeterminism, Ticket
from ..metrics import Endpoint
from ..outputs.ports import Place
from ..record import Record
from ..service import notify
from ..stages.call_stage import CallStage
from ..stages.snapshotting import SnapshotPace
from ..stages.ticking import SteadyClock
from ..troubles import EngineTrouble, Troubles
from ..warming import Progress, warm
from .area_stage import PRODUCER as ORDERS
from .area_stage import AreaStage
from .assembly import Assembly, Hooks, places
from .commanding import BY_MQTT
from .configuring import append_configuration, next_configuration, refuse_move
from .monitoring import ROLE, Monitored
from .observing import Observer
from .status import EngineStatus, State, health_of

_LOOK_S: Final = 0.02


class Engine:
    """Serves a plant from `start` to `stop`.

    clock         wall and monotonic time; the machine's unless a test says otherwise
    on_records    alert records when they are durable, each site's and area's in order; from the
                  stepping threads, so it must return soon. Those stepped again from before the
                  start are not told
    on_trouble    what an operator must hear; from several threads, must return soon
    on_progress   what `start` is doing: (what, done, total)
    agents        whether to take telemetry; without, entries come by `store.append` alone
    outputs       whether to run the plant's outputs
    pace          when snapshots are cut

    What must hold: what an agent acknowledged is durable; a record is told once it is durable;
    after a `failure` nothing more is appended.
    """

    def __init__(
        self,
        plant: Plant,
        *,
        clock: Clock | None = None,
        on_records: Callable[[Sequence[Record]], None] | None = None,
        on_trouble: Callable[[EngineTrouble], None] | None = None,
        on_progress: Progress | None = None,
        agents: bool = True,
        outputs: bool = True,
        pace: SnapshotPace | None = None,
    ) -> None:
        self.plant = plant
        self.clock = SteadyClock(clock or SystemClock())
        self.troubles = Troubles(self.clock, on_trouble)
        self.failure = ""
        self.error: Exception | None = None
        self._on_records = on_records
        self._on_progress = on_progress
        self._with_agents, self._with_outputs = agents, outputs
        self._pace = pace or SnapshotPace()
        self._state: State = "stopped"
        self._live = False
        self._closed = False
        self._failing = threading.Lock()
        self._telling = threading.Lock()
        self._ended = threading.Event()
        self._told = threading.Event()
        self._changing = threading.Lock()
        self._places: Mapping[str, Place] = {}
        self._agent: Agent | None = None
        self._assembly: Assembly | None = None
        self._observer: Observer | None = None
        self._endpoint: Endpoint | None = None
        self.monitored = Monitored(
            plant.node,
            self.clock,
            self._how,
            lambda: None if self._observer is None else self._observer.last,
            lambda: None if self._assembly is None else self._assembly.loop,
            lambda: self._sources() if agents else None,
            lambda: () if self._assembly is None else self._assembly.performance.readings(),
        )

    # --- start and stop --------------------------------------------------------------------------

    def start(self) -> None:
        """Returns when agents have begun to connect. Called once.

        Raises, having let go of everything: SpecError for a configuration or credential,
        LogError (LogInUse) and EntryError for the log, InvariantError for a fault of ours.
        """
        self._state = "starting"
        with ExitStack() as undo:
            undo.callback(self._set_state, "stopped")
            self._serve(undo)
            warm(self._on_progress)
            hooks = Hooks(
                self._durable, self._tell, self._reply, self._fail, self.monitored.readings
            )
            parts = Assembly(self.plant, self.clock, self._pace, self.troubles, hooks, self)
            undo.callback(parts.close)
            self._assembly = parts
            parts.loop.catch_up(self._on_progress)
            self._live = True
            configuration = parts.take_up(self.plant.configuration)
            parts.first_tick()
            parts.take_up_areas(self.plant)
            self._places = places(configuration, self.plant)
            self._observer = observer = Observer(
                self.plant.node, parts, self.troubles, self._how, lambda: self._agent, self._fail
            )
            observer.look()
            if self._with_agents:
                self._agent = Agent(
                    self.plant.node,
                    self.plant.sources,
                    configuration,
                    parts.store,
                    self.clock,
                    self._agent_trouble,
                )
            become = parts.prepare(self._outputs(self.plant))
            undo.pop_all()
        try:
            self._run(parts, observer, become)
        except BaseException:
            self.stop()
            raise

    def _serve(self, undo: ExitStack) -> None:
        """Checks and figures, from before anything that may take long."""
        spec = self.plant.monitoring
        if spec is not None:
            self._endpoint = Endpoint(self.monitored, ROLE, spec.host, spec.port)
            undo.callback(self._endpoint.stop)
            self._endpoint.start()

    def _sources(self) -> dict[str, Any]:
        """What the agent says of its sources now; before it is made, that there is none yet."""
        found = {} if self._agent is None else self._agent.health()["sources"]
        return found or {"agent": {"mqtt": _NOT_YET}}

    def _run(self, parts: Assembly, observer: Observer, become: Callable[[], None]) -> None:
        self._set_state("running")
        become()
        parts.start_stepping(calling=self._with_outputs)
        parts.commands.start()
        observer.start()
        if self._agent is not None:
            self._agent.start()
        notify("READY=1")

    def stop(self) -> None:
        """Ends in order: agents take nothing more, what is in the log is stepped, its records are
        durable and, within a bounded time, delivered; a snapshot; the directory is free. After a
        failure nothing is stepped and no snapshot is cut. Harmless when called again.
        """
        parts, observer = self._assembly, self._observer
        if parts is None or observer is None or self._closed:
            return
        self._closed = True
        notify("STOPPING=1")
        self._set_state("stopping")
        if self._agent is not None:
            self._agent.stop()
        parts.commands.stop_taking()
        if self.failure:
            parts.abandon(STOP_STEP_NS)
        stepped = not self.failure and parts.stop_stepping(STOP_STEP_NS)
        observer.stop()
        parts.deliver_last(bool(self.failure), self._told)
        parts.stop_outputs()
        if stepped and not self.failure:
            parts.last_snapshots()
        self._set_state("stopped")
        observer.look()
        parts.close()
        if self._endpoint is not None:
            self._endpoint.stop()
        self._ended.set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Whether the engine has ended (failed or was stopped), waiting for that."""
        return self._ended.wait(timeout_s)

    def wait_ready(self, timeout_s: float) -> bool:
        """Whether every source is connected and subscribed within the time."""
        return self._agent is None or self._agent.wait_ready(timeout_s)

    # --- while it runs ---------------------------------------------------------------------------

    def reload(self, plant: Plant) -> None:
        """The engine goes on under another plant: rules, sites, sensors, sources, outputs. What is
        unchanged keeps its state, its connections and its place. Returns when it is so.

        Raises, having changed nothing: SpecError for what is wrong or needs a restart (node,
        storage, monitoring), LogError and TimeoutError where the log or the agent's last batch takes too long.
        """
        parts = self._parts
        with self._changing:
            refuse_move(self.plant, plant, with_areas=parts.areas is not None)
            following = next_configuration(parts.core.configuration, plant.configuration)
            become = parts.prepare(self._outputs(plant))
            configuration = following or parts.core.configuration
            assert configuration is not None

            def log_it() -> None:
                if following is not None:
                    now = self.clock.wall()
                    at = append_configuration(parts.store, parts.configurations, following, now)
                    self._until_stepped(at)

            if self._agent is None:
                log_it()
            else:
                self._agent.reconfigure(
                    plant.sources, configuration, log_it, CONFIG_APPEND_NS / SECOND_NS
                )
            parts.configure_areas(plant)
            self.plant, self._places = plant, places(configuration, plant)
            become()
            parts.reconcile()

    def _until_stepped(self, position: int) -> None:
        """Waits until the core is there. Raises LogError where the engine ends before."""
        pause = threading.Event()
        until = self.clock.monotonic() + CONFIG_APPEND_NS
        while self._parts.core.position < position:
            if self.failure or self.clock.monotonic() >= until:
                raise LogError(
                    f"entry {position} was not stepped: {self.failure or 'no time left'}"
                )
            pause.wait(_LOOK_S)

    def act(self, command: Command, timeout_s: float = 10.0) -> Reply:
        """Carries out a command and gives the answer. Raises LogError, TimeoutError."""
        return self._parts.commands.act(command, timeout_s)

    def status(self) -> EngineStatus:
        """How everything is now. Raises LogError where the log cannot be read."""
        if self._observer is None:
            raise LogError("the engine was not started")
        return (
            self._observer.last or self._observer.look() if self._closed else self._observer.look()
        )

    @property
    def state(self) -> State:
        """starting, running, stopping, stopped or failed."""
        return self._state

    @property
    def open_positions(self) -> int:
        """Log positions whose alert records are not known to be durable yet."""
        return self._parts.stepper.open_positions

    @property
    def core(self) -> Core:
        """The core. While the engine runs it belongs to the stepping thread: read its position,
        counters and configuration, nothing else."""
        return self._parts.core

    @property
    def areas(self) -> AreaStage | None:
        """The second stage, None where there is none. Its core belongs to its own thread."""
        return self._parts.areas

    @property
    def calls(self) -> CallStage | None:
        """Call and respond, None where there is no roster. Its core belongs to its own thread."""
        return self._parts.calls

    @property
    def store(self) -> LogStore:
        """The log; open until `stop`."""
        return self._parts.store

    @property
    def _parts(self) -> Assembly:
        if self._assembly is None:
            raise LogError("the engine was not started")
        return self._assembly

    # --- what the outputs ask --------------------------------------------------------------------

    def places(self) -> Mapping[str, Place]:
        """Every site, removed ones included, where it is now."""
        return self._places

    def submit(self, command: Command) -> Ticket:
        """A command that came by MQTT. Raises LogError."""
        if self.failure:
            raise LogError(f"the engine has stopped: {self.failure}")
        return self._parts.commands.submit(command, BY_MQTT)

    def health(self) -> Mapping[str, Any]:
        """For the health topic; does not wait."""
        last = self._observer.last if self._observer is not None else None
        found = {} if last is None else health_of(last)
        found |= {"state": self._state, "failure": self.failure}
        if self.failure:
            self._told.set()
        return found

    # --- what the parts tell ---------------------------------------------------------------------

    def _durable(self, records: Sequence[Record]) -> None:
        if not self._live:
            return
        parts = self._parts
        parts.board.note(records)
        parts.deliveries.wake()
        self._tell(records)

    def _tell(self, records: Sequence[Record]) -> None:
        """Alert records of either stage that are durable."""
        with self._telling:
            if not self._live:
                return
            self._parts.wake_stages()
            self._parts.written.note(records)
            if self._on_records is not None:
                self._on_records(records)

    def _reply(self, producer: str, reply: Reply) -> None:
        if producer == ORDERS and reply.outcome == "refused":
            text = f"{reply.principal} orders {reply.site}: {reply.reason}"
            self.troubles.tell("order_refused", text, "areas")
        self._parts.commands.answer(producer, reply)

    def _agent_trouble(self, trouble: AgentTrouble) -> None:
        source = f"agent:{trouble.source}" if trouble.source else "agent"
        self.troubles.tell(trouble.kind, trouble.text, source)

    def _fail(self, error: Exception) -> None:
        """Something that nothing may go on after; from the thread that met it."""
        with self._failing:
            if self.failure:
                return
            kind = _KINDS.get(type(error), "failed")
            self.error = error
            self.failure = f"{kind}: {error}" if str(error) else f"{kind}: {error!r}"
        self._set_state("failed")
        self._live = False
        self.troubles.tell(kind, str(error) or repr(error))
        parts = self._assembly
        if parts is not None:
            parts.commands.stop_taking()
            parts.abandon()
        if self._agent is not None:
            self._agent.stop()
        self._ended.set()

    def _how(self) -> tuple[State, str]:
        return self._state, self.failure

    def _set_state(self, state: State) -> None:
        self._state = "failed" if self.failure else state

    def _outputs(self, plant: Plant) -> OutputsSpec:
        return plant.outputs if self._with_outputs else OutputsSpec()


_NOT_YET: Final = {"connected": False, "subscribed": False, "last_reason": "not started yet"}
_KINDS: Final[dict[type[Exception], str]] = {
    Nondeterminism: "nondeterminism",
    InvariantError: "invariant",
    EntryError: "entry",
    LogError: "log",
}
