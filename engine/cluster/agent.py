"""`lifeline agent`: the plant's side of the cluster. MQTT in, a local log, Kafka out.

A message is acknowledged to the plant's broker when its samples are in the local log, which is
store and forward at once: with the link away it grows, up to its named limit; then
acknowledging stops, and the brokers keep what comes. Whoever publishes notices nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Any, Final

from msgspec.structs import replace

from ..agent import Agent, AgentTrouble
from ..config import Plant
from ..configuration import Configuration
from ..errors import InvariantError, SpecError
from ..limits import FORWARD_STOP_S, SECOND_NS
from ..source import SourceSpec
from .following import InForce
from .forward import Forwarder
from .node import Node
from .node_status import Role

_LOOK_S: Final = 0.05


class AgentNode(Node):
    """Serves a plant's sources from `start` to `stop`.

    What must hold: what was acknowledged to a broker reaches Kafka, in the order of the local log,
    however often the link or this process goes.
    """

    role: Role = "agent"

    _agent: Agent | None = None
    _forwarder: Forwarder | None = None
    _forwarding: Future[None] | None = None

    def reload(self, plant: Plant) -> None:
        """Goes on with other sources. Raises SpecError, having changed nothing, for what is wrong
        or needs a restart; TimeoutError where the log does not take the last batch in time."""
        for what in ("node", "storage", "cluster", "monitoring"):
            if getattr(self.plant, what) != getattr(plant, what):
                raise SpecError(f"{what} changes only with a restart")
        before, self.plant = self.plant, plant
        try:
            if (in_force := self.in_force) is not None:
                self._taken_up(in_force)
                self._retry_by(in_force)
        except BaseException:
            self.plant = before
            raise

    def wait_ready(self, timeout_s: float) -> bool:
        """Whether every source is connected and subscribed within the time."""
        pause = threading.Event()
        until = self.clock.monotonic() + int(timeout_s * SECOND_NS)
        while self._agent is None and self.clock.monotonic() < until:
            pause.wait(_LOOK_S)
        left = (until - self.clock.monotonic()) / SECOND_NS
        return self._agent is not None and self._agent.wait_ready(max(0.0, left))

    @property
    def forwarder(self) -> Forwarder:
        """What passes the local log on."""
        assert self._forwarder is not None, "the agent was not started"
        return self._forwarder

    # --- Node ------------------------------------------------------------------------------------

    def _begin(self, undo: ExitStack) -> None:
        self._forwarder = Forwarder(
            self.store,
            self.spec,
            self.follower.split_of,
            self.clock,
            lambda kind, text: self._tell(kind, text, "forward"),
        )
        self._forwarding = self.loop.submit(self._forwarder.run())

    def _taken_up(self, in_force: InForce) -> None:
        configuration = in_force.configuration
        sources, missing = known_routes(self.plant.sources, configuration)
        if missing:
            named = ", ".join(f"{site}/{sensor}" for site, sensor in missing[:5])
            self._tell(
                "not_applied",
                f"{len(missing)} sensors of this plant are not in the cluster's configuration "
                f"({named}): what they send is not taken; run lifeline cluster apply",
            )
        if self._agent is not None:
            self._agent.reconfigure(sources, configuration)
            return
        self._agent = Agent(
            self.plant.node,
            sources,
            configuration,
            self.store,
            self.clock,
            self._agent_trouble,
            self._health_details,
        )
        self._agent.start()

    def _sources(self, in_force: InForce) -> Sequence[SourceSpec]:
        return known_routes(self.plant.sources, in_force.configuration)[0]

    def _end(self) -> None:
        if self._agent is not None:
            self._agent.stop()
        self._send_last()
        if self._forwarding is not None:
            self._forwarding.cancel()

    def _send_last(self) -> None:
        """Gives the forwarder a bounded time for what is in the local log, if the link is there."""
        until = self.clock.monotonic() + int(FORWARD_STOP_S * SECOND_NS)
        pause = threading.Event()
        while self.forwarder.behind and self.forwarder.link == "up":
            if self.clock.monotonic() >= until:
                return
            pause.wait(_LOOK_S)

    def _link(self) -> dict[str, Any]:
        return self.forwarder.health()

    def _agent_account(self) -> dict[str, Any]:
        return {} if self._agent is None else self._agent.health()

    def _help(self) -> None:
        if self._forwarding is not None and self._forwarding.done():
            error = None if self._forwarding.cancelled() else self._forwarding.exception()
            self._fail(InvariantError(f"forwarding has ended: {error!r}"))

    def _health_details(self) -> dict[str, Any]:
        """For the plant's own broker: whether what it sends goes on to the cluster."""
        return {"link": self.forwarder.link, "behind": self.forwarder.behind}

    def _agent_trouble(self, trouble: AgentTrouble) -> None:
        source = f"agent:{trouble.source}" if trouble.source else "agent"
        self.troubles.tell(trouble.kind, trouble.text, source)


def known_routes(
    sources: Sequence[SourceSpec], configuration: Configuration
) -> tuple[tuple[SourceSpec, ...], list[tuple[str, str]]]:
    """The sources with those routes whose sensor the configuration has, and (site, sensor) of the
    others: files may be ahead of what is applied."""
    known = {(configuration.sites[s.site].id, s.id) for s in configuration.sensors}
    missing = [
        (route.site, route.sensor)
        for source in sources
        for route in source.routes
        if (route.site, route.sensor) not in known
    ]
    kept = tuple(
        replace(s, routes=tuple(r for r in s.routes if (r.site, r.sensor) in known))
        for s in sources
    )
    return kept, list(dict.fromkeys(missing))
