"""The far end: who hears alerts, who counts messages, who hears the engine's health.

The first two are processes of their own with plain paho clients; they share no code with the
engine. Times are ns of the monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

import json
import threading
import time
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import paho.mqtt.client as paho
from figure import NotMeasured
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from plants import ALERTS, TELEMETRY

READY_S = 30.0


def client(name: str) -> paho.Client:
    """A paho client as its manual shows it."""
    return paho.Client(
        CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTProtocolVersion.MQTTv5
    )


def connect(made: paho.Client, port: int, topic: str, *, session: bool, window: int) -> None:
    """Connects and runs paho's own thread; returns when the subscription is answered.

    session   kept by the broker, as the engine's is
    window    messages that the broker may send unacknowledged
    """
    answered = threading.Event()
    made.on_connect = lambda *_: made.subscribe(topic, qos=1) and None
    made.on_subscribe = lambda *_: answered.set()
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.ReceiveMaximum = window
    properties.SessionExpiryInterval = 3600 if session else 0
    made.connect("127.0.0.1", port, clean_start=True, properties=properties)
    made.loop_start()
    if not answered.wait(READY_S):
        raise NotMeasured(f"no answer to the subscription of {topic}")


def listen_to_alerts(pipe: Connection, port: int, window: int, heard: Any, _: int) -> None:
    """Every alert: when it came, and the event time of its record in ms."""
    came: list[tuple[int, bytes]] = []

    def on_message(_client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        came.append((time.monotonic_ns(), bytes(message.payload)))
        heard.value += 1

    made = client("bench-alerts")
    made.on_message = on_message
    connect(made, port, ALERTS, session=False, window=window)
    pipe.send(True)
    while pipe.recv() is not None:
        taken, came[:] = came[:], []
        pipe.send([(at, json.loads(payload)["time"] // 1_000_000) for at, payload in taken])
    made.disconnect()


def count_messages(pipe: Connection, port: int, window: int, heard: Any, mark_every: int) -> None:
    """The bare subscriber: counts, and notes the time of each `mark_every`-th message."""
    came: list[int] = []
    count = 0

    def on_message(_client: Any, _data: Any, _message: paho.MQTTMessage) -> None:
        nonlocal count
        count += 1
        if count % mark_every == 0:
            came.append(time.monotonic_ns())
            heard.value += 1

    made = client("bench-counter")
    made.on_message = on_message
    connect(made, port, TELEMETRY, session=True, window=window)
    pipe.send(True)
    while pipe.recv() is not None:
        taken, came[:] = came[:], []
        pipe.send([(at, 0) for at in taken])
    made.disconnect()


class Receiver:
    """One of the two in a process of its own; `heard` is shared with the load."""

    def __init__(
        self, context: Any, run: Any, port: int, *, window: int, mark_every: int = 0
    ) -> None:
        self.heard = context.Value("q", 0, lock=False)
        self._pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=run, args=(theirs, port, window, self.heard, mark_every), daemon=True
        )
        self.process.start()
        theirs.close()
        self._receive()

    def take(self) -> list[tuple[int, int]]:
        """What came since the last call: when, and the event time in ms where it is known."""
        self._pipe.send(True)
        came: list[tuple[int, int]] = self._receive()
        return came

    def _receive(self) -> Any:
        if not self._pipe.poll(2 * READY_S):
            raise NotMeasured("the receiver does not answer")
        try:
            return self._pipe.recv()
        except EOFError:
            raise NotMeasured("the receiver has ended; its error is above") from None

    def stop(self) -> None:
        """Ends the process."""
        if self.process.is_alive():
            self._pipe.send(None)
            self.process.join(10.0)
        if self.process.is_alive():
            self.process.kill()
        self.process.join()


class HealthWatch:
    """Hears, in this process, when an engine's source says that it runs: connected, and every
    subscription answered by the broker."""

    def __init__(self, port: int, node: str) -> None:
        self._changed = threading.Condition()
        self._running: list[int] = []
        self._client = client("bench-health")
        self._client.on_message = self._on_message
        connect(self._client, port, f"lifeline/v1/health/{node}", session=False, window=64)

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        if message.retain or json.loads(message.payload).get("status") != "running":
            return
        with self._changed:
            self._running.append(time.monotonic_ns())
            self._changed.notify_all()

    def running_since(self, since: int, wait_s: float) -> int | None:
        """When it was first heard at or after `since`; None where it is not within `wait_s`."""
        with self._changed:
            self._changed.wait_for(lambda: any(t >= since for t in self._running), wait_s)
            return next((t for t in self._running if t >= since), None)

    def close(self) -> None:
        """Disconnects."""
        self._client.disconnect()
        self._client.loop_stop()
