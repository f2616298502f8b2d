"""What an agent and a sink of the cluster have in common: state, directory, loop, status, checks."""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import msgspec

from ..agent.retrying import Retrier
from ..clock import Clock, SystemClock
from ..config import Plant
from ..errors import LifelineError, LogError, SpecError
from ..limits import LIVE_TURN_NS, READY_STATUS_NS, SECOND_NS, STATUS_INTERVAL_NS
from ..log import LogStore, Requests
from ..log import Trouble as LogTrouble
from ..metrics import Check, Endpoint, Reading, catalogue
from ..metrics.parts import (
    agent_readings,
    forward_readings,
    mirror_readings,
    output_readings,
    process_readings,
    trouble_readings,
)
from ..outputs.influx_target import InfluxTarget
from ..service import notify
from ..source import SourceSpec
from ..troubles import EngineTrouble, Troubles
from .following import Follower, InForce
from .loop import LoopThread
from .node_status import NodeStatus, Role, State, role_directory, write_node_status
from .spec import ClusterSpec

_UNKNOWN_LISTED: Final = 20


class Node(ABC):
    """One process beside the workers: a local log, the loop of the Kafka clients, the
    configuration in force, a status every few seconds.

    Subclasses give `_begin`, `_taken_up`, `_end` and the parts of the status. `start` once, then
    `stop` once; everything else from any thread.

    Raises SpecError where the plant has no section `cluster`.
    """

    role: Role

    def __init__(
        self,
        plant: Plant,
        clock: Clock | None = None,
        on_trouble: Callable[[EngineTrouble], None] | None = None,
    ) -> None:
        if plant.cluster is None:
            raise SpecError(
                "this plant belongs to no cluster", expected="a section 'cluster' in lifeline.yaml"
            )
        self.plant = plant
        self.spec: ClusterSpec = plant.cluster
        self.clock: Clock = clock or SystemClock()
        self.troubles = Troubles(self.clock, on_trouble)
        self.directory: Path = role_directory(plant.storage.directory, self.role)
        self.loop = LoopThread()
        self.failure = ""
        self.error: Exception | None = None
        self.in_force: InForce | None = None  # what is being taken up, or was
        self._state: State = "stopped"
        self._started = self.clock.wall()
        self._ended = threading.Event()
        self._stopping = threading.Event()
        self._store: LogStore | None = None
        self._follower: Follower | None = None
        self._retrier: Retrier | None = None
        self._endpoint: Endpoint | None = None
        self._last: NodeStatus | None = None
        self._watching = threading.Thread(target=self._watch, name="lifeline-status", daemon=True)

    # --- for the owner ---------------------------------------------------------------------------

    def start(self) -> None:
        """Returns when everything has begun; the link need not be there.

        Raises, having let go of everything: SpecError, LogError (LogInUse).
        """
        self._state = "starting"
        with ExitStack() as undo:
            undo.callback(self._set_state, "stopped")
            self._serve(undo)
            self._store = self._open_store()
            undo.callback(self._store.close)
            self._retrier = Retrier(
                self._store, Requests(self.directory), self.clock, self._tell_of_letters
            )
            undo.callback(self._retrier.close)
            self.loop.start()
            undo.callback(self.loop.stop)
            self._follower = Follower(
                self.spec, self.directory, self.loop, self._changed, self._tell
            )
            self._begin(undo)
            if (in_force := self._follower.in_force) is not None:
                self._changed(in_force)
            undo.pop_all()
        self._set_state("waiting" if self._follower.in_force is None else "running")
        self._follower.start()
        self._retrier.start()
        self._watching.start()
        notify("READY=1")

    def stop(self) -> None:
        """Ends what runs, each part within its time, and lets go of the directory."""
        if self._store is None or self._stopping.is_set():
            return
        notify("STOPPING=1")
        self._set_state("stopping")
        self._stopping.set()
        self._end()
        self.loop.stop()
        if self._watching.ident is not None:
            self._watching.join()
        self._set_state("stopped")
        self._look()
        if self._retrier is not None:
            self._retrier.close()
        self._store.close()
        if self._endpoint is not None:
            self._endpoint.stop()
        self._ended.set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Whether it has ended (failed or was stopped), waiting for that."""
        return self._ended.wait(timeout_s)

    @property
    def state(self) -> State:
        """starting, waiting, running, stopping, stopped or failed."""
        return "failed" if self.failure else self._state

    @property
    def store(self) -> LogStore:
        """The local log; open from `start` to `stop`."""
        if self._store is None:
            raise LogError(f"the {self.role} was not started")
        return self._store

    @property
    def follower(self) -> Follower:
        """Who knows the configuration in force."""
        if self._follower is None:
            raise LogError(f"the {self.role} was not started")
        return self._follower

    # --- what a subclass gives -------------------------------------------------------------------

    @abstractmethod
    def _begin(self, undo: ExitStack) -> None:
        """Makes and starts the parts that need no configuration."""

    @abstractmethod
    def _taken_up(self, in_force: InForce) -> None:
        """A configuration came into force, the first one included. Raises LifelineError."""

    @abstractmethod
    def _end(self) -> None:
        """Ends the parts, the loop still running."""

    @abstractmethod
    def _link(self) -> dict[str, Any]:
        """The status's `link`."""

    def _sources(self, in_force: InForce) -> Sequence[SourceSpec]:
        """What dead letters of MQTT are decoded by; none where no telemetry is taken."""
        return ()

    def _agent_account(self) -> dict[str, Any]:
        return {}

    def _outputs(self) -> dict[str, Any]:
        return {}

    def _calls(self) -> dict[str, Any]:
        return {}

    @abstractmethod
    def _help(self) -> None:
        """Called every few seconds: what died is made anew. Raises LifelineError."""

    # --- what is told ----------------------------------------------------------------------------

    def _tell(self, kind: str, text: str, source: str = "") -> None:
        self.troubles.tell(kind, text, source or self.role)

    def _tell_of_letters(self, kind: str, text: str) -> None:
        self._tell(kind, text, "log")

    def _log_trouble(self, trouble: LogTrouble) -> None:
        self.troubles.tell(trouble.kind, trouble.text, "log")

    def _changed(self, in_force: InForce) -> None:
        self.in_force = in_force
        self._taken_up(in_force)
        self._retry_by(in_force)
        if self._state == "waiting":
            self._set_state("running")

    def _retry_by(self, in_force: InForce) -> None:
        """Dead letters are tried by the plant and this configuration from now on."""
        if self._retrier is not None:
            influx = self.plant.outputs.influx
            target = None if influx is None else InfluxTarget.of(influx)
            self._retrier.become(self._sources(in_force), in_force.configuration, target)

    def _fail(self, error: Exception) -> None:
        """Something that nothing may go on after."""
        if not self.failure:
            self.error, self.failure = error, f"{type(error).__name__}: {error}"
            self._tell("failed", self.failure)
            self._ended.set()

    def _set_state(self, state: State) -> None:
        self._state = state

    def _open_store(self) -> LogStore:
        storage = self.plant.storage
        self.directory.mkdir(mode=0o750, parents=True, exist_ok=True)
        store = LogStore.open(
            self.directory,
            self.clock,
            retention_ns=storage.retention_ns,
            max_bytes=storage.max_bytes,
            core=False,
            on_trouble=self._log_trouble,
        )
        if store.recovery is not None:
            self.troubles.tell("log_recovered", store.recovery.text(), "log")
        return store

    # --- status ----------------------------------------------------------------------------------

    def status(self) -> NodeStatus:
        """How everything is now. Raises LogError where the log cannot be read."""
        store = self.store
        log: dict[str, Any] = msgspec.to_builtins(store.health())
        log["used"], log["limit"] = log.pop("used_bytes"), log.pop("max_bytes")
        return NodeStatus(
            role=self.role,
            node=self.plant.node,
            pid=os.getpid(),
            state=self.state,
            failure=self.failure,
            time=self.clock.wall(),
            started=self._started,
            interval=STATUS_INTERVAL_NS,
            configuration=_configuration(self.follower.in_force),
            log=log,
            link=self._link(),
            agent=self._agent_account(),
            outputs=self._outputs(),
            calls=self._calls(),
            troubles=self.troubles.recent(),
            trouble_counts=dict(self.troubles.counts),
            dead_letters=store.dead_letter_counts(),
            unknown={
                "topics": [(u.key, u.n) for u in store.unknown("topic", _UNKNOWN_LISTED)],
                "sensors": [(u.key, u.n) for u in store.unknown("sensor", _UNKNOWN_LISTED)],
            },
        )

    def _watch(self) -> None:
        while not self._stopping.wait(STATUS_INTERVAL_NS / SECOND_NS):
            self._look()

    def _look(self) -> None:
        try:
            if not self._stopping.is_set():
                self._help()
                if not self.store.health().is_alive:
                    self._fail(
                        LogError("a thread of the log has ended: see what the process wrote")
                    )
                elif self.loop.is_alive:
                    notify("WATCHDOG=1")
            self._last = self.status()
            write_node_status(self.directory, self._last)
        except (LifelineError, OSError) as error:
            self._tell("status_unwritten", str(error))

    # --- /livez, /readyz, /metrics ---------------------------------------------------------------

    def _serve(self, undo: ExitStack) -> None:
        spec = self.plant.monitoring
        if spec is not None:
            self._endpoint = Endpoint(self, self.role, spec.host, spec.port)
            undo.callback(self._endpoint.stop)
            self._endpoint.start()

    def liveness(self) -> list[Check]:
        """Not failed, and its status is fresh."""
        state = self.state
        alive = Check("not_failed", not self.failure, self.failure or f"the {self.role} is {state}")
        return [alive, self._fresh(LIVE_TURN_NS)] if state in ("waiting", "running") else [alive]

    def readiness(self) -> list[Check]:
        """Running under a configuration, Kafka reached, the local log taken by its disk."""
        checks = [
            self.liveness()[0],
            self._fresh(READY_STATUS_NS),
            Check("running", self.state == "running", f"the {self.role} is {self.state}"),
        ]
        status = self._last
        if status is not None:
            link, log = status.link, status.log
            up = link.get("link") == "up"
            checks.append(Check("link", up, link.get("why") or str(link.get("link"))))
            bad = log["failing"] or log["refused"]
            checks.append(Check("log", not bad, bad or "the log takes what comes"))
        return checks

    def readings(self) -> Iterator[Reading]:
        """Everything, as of the last status."""
        shown = "starting" if self.state == "waiting" else self.state
        yield from process_readings(self.role, self.plant.node, shown, self._started)
        status = self._last
        if status is None:
            return
        yield catalogue.STATUS_TIME(status.time / SECOND_NS)
        yield catalogue.LOG_BYTES(status.log["used"])
        yield catalogue.LOG_LIMIT(status.log["limit"])
        yield catalogue.LOG_REFUSES(bool(status.log["failing"] or status.log["refused"]), "entries")
        for reason, n in status.dead_letters.items():
            yield catalogue.DEAD_LETTERS(n, reason)
        yield from trouble_readings(status.trouble_counts)
        yield from agent_readings(status.agent)
        yield from output_readings(status.outputs)
        link = forward_readings if "oldest" in status.link else mirror_readings
        yield from link(status.link)
        yield catalogue.CONFIGURATION(1, "-", status.configuration.get("version", ""))
        for what in ("sites", "sensors"):
            yield catalogue.CONFIGURED(status.configuration.get(what, 0), what)

    def _fresh(self, limit_ns: int) -> Check:
        last = self._last
        age = self.clock.wall() - (self._started if last is None else last.time)
        allowed = limit_ns // SECOND_NS
        text = f"what is known is {age / SECOND_NS:.3g} s old, allowed are {allowed} s"
        return Check("status", age <= limit_ns, text)


def _configuration(in_force: InForce | None) -> dict[str, Any]:
    if in_force is None:
        return {}
    configuration = in_force.configuration
    return {
        "version": in_force.version.hex(),
        "partitions": in_force.n,
        "sites": sum(not site.retired for site in configuration.sites),
        "sensors": sum(not sensor.retired for sensor in configuration.sensors),
    }
