"""What the demo runs on: an embedded broker, an engine on a data directory, a listener by MQTT."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from lifeline.engine.config import load
from lifeline.engine.embedded import Engine
from lifeline.engine.errors import SinkError
from lifeline.engine.mqtt import EmbeddedBroker, MqttClient
from lifeline.engine.record import Record, decode_record
from lifeline.engine.source import BrokerSpec

from ..configs import write_config
from ..plant import Scenario

READY_S: Final = 30.0
RECORDS: Final = "lifeline/v1/record/#"
_AT_ONCE: Final = 256
_WAIT_S: Final = 0.1


class Listener:
    """Hears every record by MQTT, as a regulator would, and hands it on as it comes.

    `heard` is the (site, seq) of each record that came, once or more often.
    """

    def __init__(self, broker: BrokerSpec, on_record: Callable[[Record], None]) -> None:
        self.heard: set[tuple[str, int]] = set()
        self.unreadable = 0
        self._on_record = on_record
        self._client = MqttClient(broker, "lifeline-demo-regulator", subscriptions=((RECORDS, 1),))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="demo-listener", daemon=True)

    def start(self) -> None:
        """Connects; returns when it is subscribed. Raises SinkError where that takes too long."""
        self._client.start()
        self._thread.start()
        if not self._client.wait_ready(READY_S):
            raise SinkError("the listener could not subscribe at the embedded broker")

    def stop(self) -> None:
        """Disconnects."""
        self._stopping.set()
        self._thread.join()
        self._client.stop()

    def _listen(self) -> None:
        while not self._stopping.is_set():
            deliveries = self._client.take(_AT_ONCE, _WAIT_S)
            for delivery in deliveries:
                self._take(delivery.payload)
            self._client.ack(deliveries)

    def _take(self, payload: bytes) -> None:
        try:
            record = decode_record(payload)
        except msgspec.MsgspecError:
            self.unreadable += 1
            return
        key = (record.site, record.seq)
        if key not in self.heard:  # at least once: what comes again is known by its seq
            self.heard.add(key)
            self._on_record(record)


class Stage:
    """Broker, listener and engine in `directory`, up while the block runs.

    `config` is the plant's file, `data` its data directory, `port` where gateways publish (MQTT
    3.1.1). When the block begins the engine has subscribed; when it ends everything has stopped,
    the engine first.
    """

    def __init__(
        self, directory: Path, scenarios: Sequence[Scenario], on_record: Callable[[Record], None]
    ) -> None:
        self._directory = directory
        self._scenarios = scenarios
        self._on_record = on_record
        self._stack = ExitStack()
        self.host = ""
        self.port = 0
        self.config = directory / "lifeline.yaml"
        self.data = directory / "lifeline-data"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            broker = stack.enter_context(EmbeddedBroker())
            self.host, self.port = broker.host, broker.port
            five = broker.spec("5")
            self.config = write_config(self._directory, self._scenarios, five.host, five.port)
            self.listener = Listener(broker.spec("3.1.1"), self._on_record)
            stack.callback(self.listener.stop)
            self.listener.start()
            plant = load(self.config)
            self.data = plant.storage.directory
            self.engine = Engine(plant)
            stack.callback(self.engine.stop)
            self.engine.start()
            if not self.engine.wait_ready(READY_S):
                raise SinkError("the engine could not subscribe at the embedded broker")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
