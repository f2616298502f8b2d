"""The outputs of a plant, on the log of one process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ..areas.configuration import SITE as AREA_SITE
from ..calls.configuration import SITE as CALL_SITE
from ..clock import Clock
from ..command import Reply
from ..config import InfluxSpec, OutputsSpec, StoreSpec
from ..configuration import Configuration
from ..log import LogStore
from ..outputs import mqtt_output, notice_output
from ..outputs.influx_aside import InfluxAside
from ..outputs.influx_feeds import AlertFeed, Feed, SeriesFeed
from ..outputs.influx_output import ALERTS, SERIES, InfluxOutput, output_to
from ..outputs.influx_room import room_for_alerts, room_for_samples
from ..outputs.influx_target import InfluxTarget
from ..outputs.mqtt_commands import Engine
from ..outputs.mqtt_output import MqttOutput
from ..outputs.notice_output import NoticeOutput
from ..outputs.owner import Output, OutputOwner, Tell, Wanted, output_status
from ..performance import Where
from ..source import BrokerSpec
from ..store import feeds as store_feeds
from ..store import output as store_output
from ..store.output import StoreOutput

MQTT: Final = mqtt_output.CURSOR
#: Cursors that an output has beside the one of its name.
_BESIDE: Final = {MQTT: (mqtt_output.RED_CURSOR,)}
NOTICES: Final = notice_output.CURSOR
#: Reserved sites by the name of their outbox; all others are in the first.
OUTBOX_SITES: Final = {"areas": AREA_SITE, "calls": CALL_SITE}
#: Outputs whose cursor counts positions of the log; the others count numbers of the outbox.
_OF_LOG: Final = (SERIES, store_output.SERIES)


class Deliveries:
    """Owns the outputs by the name of their cursor. One caller at a time.

    engine          what the MQTT output asks of the engine
    configuration   finds a logged configuration by its version
    second          names a further outbox of the node: its alerts go the same ways, and there is no
                    series to it
    kept            cursors of this log that are no output's
    beside          what an InfluxDB gets beside series and alerts
    where           whose each site is, by which floods are told
    """

    def __init__(
        self,
        node: str,
        store: LogStore,
        clock: Clock,
        engine: Engine,
        configuration: Callable[[bytes], Configuration | None],
        tell: Tell,
        second: str = "",
        kept: tuple[str, ...] = (),
        beside: Callable[[InfluxSpec], Wanted] = lambda _: {},
        where: Callable[[], Mapping[str, Where]] = dict,
    ) -> None:
        self._where = where
        self._beside = beside
        self._second = second
        self._kept = kept
        self._node = node
        self._store = store
        self._clock = clock
        self._engine = engine
        self._configuration = configuration
        self._tell = tell
        self._owner = OutputOwner(clock, tell)

    # --- made, changed, ended --------------------------------------------------------------------

    def prepare(self, outputs: OutputsSpec) -> Callable[[], None]:
        """Checks these outputs and makes those that are new or changed; nothing runs differently
        until the result is called. Then exactly these run: what is unchanged goes on, what is gone
        is stopped and its cursor dropped, so that nothing waits for it.

        Raises SpecError where a credential cannot be read.
        """
        wanted = self._wanted(outputs)
        become = self._owner.prepare(wanted)

        def change() -> None:
            become()
            beside = (name for output in wanted for name in _BESIDE.get(output, ()))
            used = {*wanted, *beside, *self._kept}
            for name in self._store.cursors():
                if name not in used:
                    self._leave(name)

        return change

    def _owns(self, site: str) -> bool:
        """Whether the records of a site are in this outbox."""
        if self._second:
            return site.startswith(OUTBOX_SITES[self._second])
        return not site.startswith(tuple(OUTBOX_SITES.values()))

    def _leave(self, name: str) -> None:
        self._store.drop_cursor(name)
        text = f"the output {name} is not configured any more; its place in the log is left"
        self._tell("output_dropped", text, name)

    def _wanted(self, outputs: OutputsSpec) -> dict[str, tuple[object, Callable[[], Output]]]:
        found: dict[str, tuple[object, Callable[[], Output]]] = {}
        if (broker := outputs.mqtt) is not None:
            found[MQTT] = (
                broker,
                lambda: MqttOutput(
                    broker,
                    self._node,
                    self._store,
                    self._engine,
                    self._clock,
                    self._second,
                    self._owns,
                ),
            )
            if outputs.notices:
                found[NOTICES] = (broker, lambda: self._notices(broker))
        if (influx := outputs.influx) is not None:
            if not self._second:
                found[SERIES] = (influx, lambda: self._series(influx))
            found[ALERTS] = (influx, lambda: self._alerts(influx))
            found |= self._beside(influx)
        if (store := outputs.store) is not None:
            if not self._second:
                found[store_output.SERIES] = (store, lambda: self._stored_series(store))
            found[store_output.ALERTS] = (store, lambda: self._stored_alerts(store))
        return found

    def _notices(self, broker: BrokerSpec) -> NoticeOutput:
        return NoticeOutput(
            broker,
            self._node,
            self._store,
            self._engine.places,
            self._where,
            self._clock,
            self._second,
        )

    def _stored_series(self, spec: StoreSpec) -> StoreOutput:
        feed = store_feeds.SeriesFeed(store_output.SERIES, self._store, self._configuration)
        return StoreOutput(store_output.SERIES, spec, feed, self._store, self._clock)

    def _stored_alerts(self, spec: StoreSpec) -> StoreOutput:
        feed = store_feeds.AlertFeed(
            store_output.ALERTS, self._store, lambda site: self._engine.places().get(site)
        )
        return StoreOutput(store_output.ALERTS, spec, feed, self._store, self._clock)

    def _series(self, spec: InfluxSpec) -> InfluxOutput:
        room = room_for_samples(spec.max_series)
        feed = SeriesFeed(self._store, self._configuration, room)
        return self._influx(spec, SERIES, feed, lambda at: self._store.end() - at)

    def _alerts(self, spec: InfluxSpec) -> InfluxOutput:
        room = room_for_alerts(spec.max_series)
        feed = AlertFeed(self._store, lambda site: self._engine.places().get(site), room)
        return self._influx(spec, ALERTS, feed, lambda at: self._store.outbox_end() - at)

    def _influx(
        self, spec: InfluxSpec, name: str, feed: Feed, behind: Callable[[int], int]
    ) -> InfluxOutput:
        def notice(kind: str, text: str) -> None:
            self._tell(kind, text, name)

        target = InfluxTarget.of(spec)
        return output_to(target, name, feed, self._store, self._clock, behind, notice)

    def stop(self) -> None:
        """Stops all, each within its own time."""
        self._owner.stop()

    def watch(self) -> None:
        """Makes an output whose thread died anew, some time after."""
        self._owner.watch()

    # --- while they run --------------------------------------------------------------------------

    @property
    def mqtt(self) -> MqttOutput | None:
        """The MQTT output, None where there is none."""
        output = self._owner.output(MQTT)
        return output if isinstance(output, MqttOutput) else None

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
        return all(
            output.position >= (self._store.end() if name in _OF_LOG else self._store.outbox_end())
            for name, output in self._owner.outputs().items()
            if output.alive()
            and not output.troubles()
            and not isinstance(output, InfluxAside | NoticeOutput)  # what these hold may wait
        )

    def status(self) -> dict[str, Any]:
        """Each output as plain JSON values: position, how far behind, counters, troubles."""
        outbox, log = self._store.outbox_end(), self._store.end()
        found = {
            name: output_status(
                output,
                output.end
                if isinstance(output, InfluxAside)
                else log
                if name in _OF_LOG
                else outbox,
            )
            for name, output in self._owner.outputs().items()
        }
        if (mqtt := self.mqtt) is not None:
            found[MQTT]["connected"] = mqtt.connected
        return found
