"""A broker for one machine, without installing anything: rumqttd from iotcore's wheel.

It listens on 127.0.0.1 only (its own default is every address), keeps everything in memory, and
runs in a child process that ends when this process ends, however that happens: the child
holds the other end of a pipe to us and exits when it closes.

What it is not: persistent. Sessions and retained messages are lost when it ends, so an engine
that must survive the machine's restart uses Mosquitto or another broker. A subscriber that falls
behind by more than BROKER_SEGMENTS × BROKER_SEGMENT_BYTES loses the oldest messages.
"""

from __future__ import annotations

import random
import signal
import socket
import tempfile
from pathlib import Path
from typing import Self

from ..errors import LifelineError
from ..limits import (
    BROKER_CONNECTIONS,
    BROKER_SEGMENT_BYTES,
    BROKER_SEGMENTS,
    BROKER_WINDOW,
    MQTT_MAX_PACKET_BYTES,
)
from ..source import BrokerSpec, MqttVersion

_HOST = "127.0.0.1"
_LOWEST, _HIGHEST = 20_000, 32_000
_ATTEMPTS = 20

_CONFIG = """\
id = 0
[router]
id = 0
max_connections = {connections}
max_outgoing_packet_count = 200
max_segment_size = {segment_bytes}
max_segment_count = {segments}
{listeners}"""
_LISTENER = """\
[{protocol}.1]
name = "{protocol}"
listen = "{host}:{port}"
next_connection_delay_ms = 1
[{protocol}.1.connections]
connection_timeout_ms = 5000
max_payload_size = {payload_bytes}
max_inflight_count = {window}
dynamic_filters = true
"""


class BrokerError(LifelineError):
    """The embedded broker could not be started."""


class EmbeddedBroker:
    """A running broker as a context manager.

    port     for MQTT 3.1.1; 0 takes a free one
    port_v5  for MQTT 5 (rumqttd speaks one protocol per port); 0 takes a free one

        with EmbeddedBroker() as broker:
            MqttClient(broker.spec(), "me")

    Raises BrokerError where a given port is taken or the broker does not come up.
    """

    def __init__(self, port: int = 0, port_v5: int = 0) -> None:
        self.host = _HOST
        self.port = port
        self.port_v5 = port_v5
        self._broker: object | None = None
        self._directory: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Returns when both ports accept connections."""
        from iotcore import Broker  # a native library that only this needs

        self.port = self.port or _free_port()
        self.port_v5 = self.port_v5 or _free_port()
        self._directory = tempfile.TemporaryDirectory(prefix="lifeline-broker-")
        config = Path(self._directory.name) / "broker.toml"
        config.write_text(self.config())
        broker = Broker(config_path=str(config))
        # Ctrl-C reaches the whole process group; the broker must outlive us by the moment that an
        # orderly end takes, so its process starts with SIGINT blocked (a mask is inherited).
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            broker.start()
        except (OSError, RuntimeError) as error:
            self._directory.cleanup()
            raise BrokerError(f"the embedded broker did not start: {error}") from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self._broker = broker

    def stop(self) -> None:
        """Ends the broker's process and frees the ports. Safe to call twice."""
        broker, self._broker = self._broker, None
        if broker is not None:
            broker.stop()  # type: ignore[attr-defined]
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = None

    @property
    def pid(self) -> int:
        """Process id of the broker while it runs, else 0."""
        process = getattr(self._broker, "_process", None)
        return 0 if process is None else int(process.pid)

    def spec(self, version: MqttVersion = "3.1.1") -> BrokerSpec:
        """How to connect to it."""
        port = self.port if version == "3.1.1" else self.port_v5
        return BrokerSpec(host=self.host, port=port, version=version)

    def config(self) -> str:
        """The TOML that rumqttd is started with."""
        listeners = "".join(
            _LISTENER.format(
                protocol=protocol,
                host=self.host,
                port=port,
                payload_bytes=MQTT_MAX_PACKET_BYTES,
                window=BROKER_WINDOW,
            )
            for protocol, port in (("v4", self.port), ("v5", self.port_v5))
        )
        return _CONFIG.format(
            connections=BROKER_CONNECTIONS,
            segment_bytes=BROKER_SEGMENT_BYTES,
            segments=BROKER_SEGMENTS,
            listeners=listeners,
        )


def _free_port() -> int:
    """A port that nothing is bound to, below the range of outgoing connections.

    Within that range a client that reconnects while the broker is away can be given the port as
    its own source, connect to itself, and hold it.
    """
    choose = random.SystemRandom()
    for _ in range(_ATTEMPTS):
        port = choose.randrange(_LOWEST, _HIGHEST)
        with socket.socket() as probe:
            try:
                probe.bind((_HOST, port))
            except OSError:
                continue
            return port
    raise BrokerError(f"no free port between {_LOWEST} and {_HIGHEST} on {_HOST}")
