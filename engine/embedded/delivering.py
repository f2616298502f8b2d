"""The outputs of a plant: made, started, watched, changed. None of them delays anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec

from ..clock import Clock
from ..command import Reply
from ..config import InfluxSpec, OutputsSpec, Plant
from ..configuration import Configuration
from ..limits import OUTPUT_RESTART_NS
from ..log import LogStore
from ..outputs import mqtt_output
from ..outputs.influx_feeds import AlertFeed, SeriesFeed
from ..outputs.influx_http import InfluxSender, InfluxTarget
from ..outputs.influx_output import ALERTS, SERIES, InfluxOutput
from ..outputs.mqtt_commands import Engine
from ..outputs.mqtt_output import MqttOutput
from ..outputs.ports import OutputTrouble, Place

Tell = Callable[[str, str, str], None]  # kind, text, source
MQTT: Final = mqtt_output.CURSOR


class Output(Protocol):
    """What every output is to its owner."""

    def start(self) -> None:
        """Begins after its durable cursor; returns at once."""
        ...

    def stop(self) -> None:
        """Ends within a bounded time; what is not delivered is delivered after the next start."""
        ...

    def alive(self) -> bool:
        """Whether its threads run."""
        ...

    @property
    def position(self) -> int:
        """Up to where everything is delivered."""
        ...

    def troubles(self) -> tuple[OutputTrouble, ...]:
        """What stands."""
        ...

    def counters(self) -> dict[str, int]:
        """What was done."""
        ...


@dataclass(slots=True)
class _Running:
    """An output, the part of the configuration that it was made from, how to make it anew."""

    output: Output
    spec: object
    make: Callable[[], Output]
    dead_since: int | None = None


class Deliveries:
    """Owns the outputs by the name of their cursor. One caller at a time.

    engine          what the MQTT output asks of the engine
    configuration   finds a logged configuration by its version
    """

    def __init__(
        self,
        node: str,
        store: LogStore,
        clock: Clock,
        engine: Engine,
        configuration: Callable[[bytes], Configuration | None],
        tell: Tell,
    ) -> None:
        self._node = node
        self._store = store
        self._clock = clock
        self._engine = engine
        self._configuration = configuration
        self._tell = tell
        self._running: dict[str, _Running] = {}

    # --- made, changed, ended --------------------------------------------------------------------

    def prepare(self, outputs: OutputsSpec) -> Callable[[], None]:
        """Checks these outputs and makes those that are new or changed; nothing runs differently
        until the result is called. Then exactly these run: what is unchanged goes on, what is gone
        is stopped and its cursor dropped, so that nothing waits for it.

        Raises SpecError where a credential cannot be read.
        """
        wanted = self._wanted(outputs)
        changed = {
            name: _Running(make(), spec, make)
            for name, (spec, make) in wanted.items()
            if name not in self._running or self._running[name].spec != spec
        }
        return lambda: self._become(set(wanted), changed)

    def _become(self, wanted: set[str], changed: dict[str, _Running]) -> None:
        for name in [n for n in self._running if n not in wanted or n in changed]:
            self._running.pop(name).output.stop()
        for name in self._store.cursors():
            if name not in wanted:
                self._store.drop_cursor(name)
                text = f"the output {name} is not configured any more; its place in the log is left"
                self._tell("output_dropped", text, name)
        for name, running in changed.items():
            self._running[name] = running
            running.output.start()

    def _wanted(self, outputs: OutputsSpec) -> dict[str, tuple[object, Callable[[], Output]]]:
        found: dict[str, tuple[object, Callable[[], Output]]] = {}
        if (broker := outputs.mqtt) is not None:
            found[MQTT] = (
                broker,
                lambda: MqttOutput(broker, self._node, self._store, self._engine, self._clock),
            )
        if (influx := outputs.influx) is not None:
            found[SERIES] = (influx, lambda: self._series(influx))
            found[ALERTS] = (influx, lambda: self._alerts(influx))
        return found

    def _series(self, spec: InfluxSpec) -> InfluxOutput:
        feed = SeriesFeed(self._store, self._configuration)
        sender = InfluxSender(_target(spec), self._clock)
        return InfluxOutput(SERIES, feed, self._store, sender.send, self._clock, close=sender.close)

    def _alerts(self, spec: InfluxSpec) -> InfluxOutput:
        feed = AlertFeed(self._store, lambda site: self._engine.places().get(site))
        sender = InfluxSender(_target(spec), self._clock)
        return InfluxOutput(ALERTS, feed, self._store, sender.send, self._clock, close=sender.close)

    def stop(self) -> None:
        """Stops all, each within its own time."""
        for running in self._running.values():
            running.output.stop()
        self._running.clear()

    def watch(self) -> None:
        """Makes an output whose thread died anew, some time after."""
        now = self._clock.monotonic()
        for name, running in self._running.items():
            if running.output.alive():
                continue
            if running.dead_since is None:
                running.dead_since = now
                why = "; ".join(t.text for t in running.output.troubles() if t.kind == "failed")
                self._tell("output_failed", why or "its thread ended", name)
            elif now - running.dead_since >= OUTPUT_RESTART_NS:
                running.output.stop()
                running.output, running.dead_since = running.make(), None
                running.output.start()

    # --- while they run --------------------------------------------------------------------------

    @property
    def mqtt(self) -> MqttOutput | None:
        """The MQTT output, None where there is none."""
        running = self._running.get(MQTT)
        return running.output if running and isinstance(running.output, MqttOutput) else None

    def wake(self) -> None:
        """There are new alert records."""
        if (mqtt := self.mqtt) is not None:
            mqtt.wake()

    def reply(self, reply: Reply) -> None:
        """The answer to a command that came by MQTT."""
        if (mqtt := self.mqtt) is not None:
            mqtt.reply(reply)

    def reconcile(self) -> None:
        """Sites moved or were removed."""
        if (mqtt := self.mqtt) is not None:
            mqtt.reconcile()

    def drained(self) -> bool:
        """Whether every output that can deliver now has delivered what is in log and outbox.

        An output with a standing trouble is not waited for.
        """
        ends = {ALERTS: self._store.outbox_end, MQTT: self._store.outbox_end}
        return all(
            running.output.position >= ends.get(name, self._store.end)()
            for name, running in self._running.items()
            if running.output.alive() and not running.output.troubles()
        )

    def status(self) -> dict[str, Any]:
        """Each output as plain JSON values: position, how far behind, counters, troubles."""
        outbox, log = self._store.outbox_end(), self._store.end()
        found: dict[str, Any] = {}
        for name, running in list(self._running.items()):
            output = running.output
            end = log if name == SERIES else outbox
            found[name] = {
                "alive": output.alive(),
                "position": output.position,
                "behind": max(0, end - output.position),
                "counters": output.counters(),
                "troubles": [msgspec.to_builtins(t) for t in output.troubles()],
            }
        if (mqtt := self.mqtt) is not None:
            found[MQTT]["connected"] = mqtt.connected
        return found


def _target(spec: InfluxSpec) -> InfluxTarget:
    return InfluxTarget(
        spec.url, spec.org, spec.bucket, spec.token_file, spec.token_env, spec.ca_file
    )


def places_of(plant: Plant, configuration: Configuration) -> Mapping[str, Place]:
    """Every site of a configuration, retired ones included, where it is now."""
    return {
        site.id: Place(site.area, site.name, plant.timezones.get(site.id) or "UTC")
        for site in configuration.sites
    }
