"""`lifeline sink mqtt`: alert records, alerts, states and notices by MQTT, and commands the other way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from ..command import Command, Reply
from ..errors import SinkError, SpecError
from ..log import Ticket
from ..outputs import mqtt_output
from ..outputs.mqtt_output import MqttOutput
from ..outputs.notice_output import CURSOR as NOTICES
from ..outputs.notice_output import NoticeOutput
from ..outputs.owner import Output, Wanted
from ..outputs.performing import where_of
from ..performance import Where
from ..source import BrokerSpec
from .commands import BY_MQTT, CommandSender, ReplyReader, ticket_of
from .node_status import Role
from .sink import Sink


class MqttSink(Sink):
    """One broker, one sink. Raises SpecError where the plant has no MQTT output."""

    role: Role = "sink-mqtt"
    _sender: CommandSender | None = None
    _replies: ReplyReader | None = None
    _tenants: Mapping[str, str] = {}
    _where: Mapping[str, Where] = {}

    @property
    def cursor(self) -> str:
        """The name of the MQTT output's cursor."""
        return mqtt_output.CURSOR

    # --- what the output asks ----------------------------------------------------------------------

    def submit(self, command: Command) -> Ticket:
        """A command that came by MQTT; the ticket holds its position in its partition's log."""
        if self._sender is None:
            raise SinkError("the sink was not started")
        return ticket_of(self.loop.submit(self._sender.submit(command)))

    def health(self) -> Mapping[str, Any]:
        """For the health topic; does not wait."""
        link = self.mirror.health()
        return {
            "state": self.state,
            "failure": self.failure,
            "role": self.role,
            "link": link["link"],
            "behind": link["behind"],
            "holds": [hold["site"] for hold in link["holds"]],
            "troubles": dict(self.troubles.counts),
        }

    # --- Sink ------------------------------------------------------------------------------------

    def _begin(self, undo: ExitStack) -> None:
        if self.plant.outputs.mqtt is None:
            raise SpecError("this file names no MQTT output", expected="outputs: {mqtt: …}")
        super()._begin(undo)
        name = f"{BY_MQTT}:{self.plant.node}"
        self._sender = CommandSender(self.spec, name, self._partitions, self._tenant_of, self.clock)
        group = self.topics.group(f"{self.role}.replies")
        self._replies = ReplyReader(self.spec, group, name, self._answer)
        self._tasks.append(self.loop.submit(self._replies.run()))

    def _wanted(self) -> Wanted:
        broker = self.plant.outputs.mqtt
        assert broker is not None
        wanted: dict[str, tuple[object, Callable[[], Output]]] = {
            self.cursor: (
                broker,
                lambda: MqttOutput(broker, self.plant.node, self.store, self, self.clock),
            )
        }
        if self._begin_notices():
            wanted = {**wanted, NOTICES: (broker, lambda: self._notices(broker))}
        return wanted

    def _begin_notices(self) -> bool:
        """Whether people are told. From the first time on: what was delivered before is not told
        them now. Without, nothing waits for their place in the outbox."""
        told = NOTICES in self.store.cursors()
        if self.plant.outputs.notices and not told:
            self.store.set_cursor(NOTICES, self.store.cursor(self.cursor)).wait()
        elif told and not self.plant.outputs.notices:
            self.store.drop_cursor(NOTICES).wait()
        return self.plant.outputs.notices

    def _notices(self, broker: BrokerSpec) -> NoticeOutput:
        return NoticeOutput(
            broker, self.plant.node, self.store, self.places, lambda: self._where, self.clock
        )

    def _woken(self) -> None:
        if (output := self._mqtt()) is not None:
            output.wake()

    def _moved(self) -> None:
        in_force = self.in_force
        sites = in_force.configuration.sites if in_force is not None else ()
        self._tenants = {site.id: site.tenant for site in sites}
        plant = self.plant
        self._where = where_of(
            in_force.configuration if in_force is not None else None,
            plant.positions,
            plant.areas,
            plant.desks,
        )
        if (output := self._mqtt()) is not None:
            output.reconcile()

    def _end(self) -> None:
        super()._end()
        if self._sender is not None:
            self.loop.call(self._sender.stop())

    def _answer(self, reply: Reply) -> None:
        if (output := self._mqtt()) is not None:
            output.reply(reply)

    def _partitions(self) -> int:
        in_force = self.in_force
        return self.spec.partitions if in_force is None else in_force.n

    def _tenant_of(self, site: str) -> str:
        return self._tenants.get(site, "")

    def _mqtt(self) -> MqttOutput | None:
        output = self.owner.output(self.cursor)
        return output if isinstance(output, MqttOutput) else None
