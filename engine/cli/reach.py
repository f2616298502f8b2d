"""What the doctor finds on the network: brokers and InfluxDB, asked as the engine would ask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from ..clock import Clock, SystemClock
from ..errors import SinkError, SpecError
from ..limits import DOCTOR_CONNECT_S, SECOND_NS
from .findings import Finding, State

if TYPE_CHECKING:
    from ..config import ClusterSpec, InfluxSpec, Plant
    from ..source import BrokerSpec

_FAILURE: Final = 0x80
_TURN_S: Final = 0.1


def brokers(plant: Plant) -> Iterator[Finding]:
    """Each broker once, with the topics that the engine reads there."""
    from ..source import TopicPattern

    wanted: dict[BrokerSpec, list[str]] = {}
    for source in plant.sources:
        filters = [TopicPattern(topic).filter for topic in source.topics]
        wanted.setdefault(_login(source.broker), []).extend(filters)
    if plant.outputs.mqtt is not None:
        from ..outputs import topics

        wanted.setdefault(_login(plant.outputs.mqtt), []).append(topics.COMMANDS)
    for broker, filters in wanted.items():
        yield from ask_broker(broker, tuple(dict.fromkeys(filters)))


def _login(broker: BrokerSpec) -> BrokerSpec:
    """The broker without what differs between our own connections."""
    from msgspec.structs import replace

    return replace(broker, client_id="", session_expiry=0)


def ask_broker(
    broker: BrokerSpec, filters: tuple[str, ...], clock: Clock | None = None
) -> Iterator[Finding]:
    """Connects, subscribes, and leaves nothing behind."""
    from ..mqtt.session import new_paho_client

    who = f" as {broker.username}" if broker.username else " without a login"
    what = f"broker {broker.host}:{broker.port}"
    try:
        client = new_paho_client(broker, f"lifeline-doctor-{uuid4().hex[:8]}", None, clean=True)
    except SpecError as error:
        yield Finding("wrong", what, str(error))
        return
    asked = _Asked(client, clock or SystemClock())
    try:
        client.reconnect()
    except OSError as error:
        yield Finding(
            "unreachable", what, f"{error.strerror or error}",
            "is it running? Check host, port and firewall",
        )  # fmt: skip
        return
    try:
        yield from asked.findings(what + who, filters, broker.version)
    finally:
        client.disconnect()


class _Asked:
    """One conversation with a broker."""

    def __init__(self, client: Any, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._answer: Any = None
        self._granted: list[Any] | None = None
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe

    def findings(self, what: str, filters: tuple[str, ...], version: str) -> Iterator[Finding]:
        """What the broker says to our login and to each filter."""
        if not self._turn(lambda: self._answer is not None):
            yield Finding(
                "unreachable", what, f"no answer to CONNECT within {DOCTOR_CONNECT_S:g} s",
                f"does it speak MQTT {version} on this port? See broker: {{version: …}}",
            )  # fmt: skip
            return
        if self._answer.is_failure:
            yield Finding(
                "wrong", what, f"refused: {self._answer}",
                "check username, password and client id; `lifeline acl` makes logins",
            )  # fmt: skip
            return
        yield Finding("ok", what, "connected")
        self._client.subscribe([(each, 1) for each in filters])
        if not self._turn(lambda: self._granted is not None):
            yield Finding("unreachable", what, "no answer to SUBSCRIBE", "see the broker's log")
            return
        assert self._granted is not None
        for each, reason in zip(filters, self._granted, strict=False):
            if reason.value >= _FAILURE:
                yield Finding(
                    "wrong", what, f"may not read {each}: {reason}",
                    "allow this login to read it; `lifeline acl` writes such rules",
                )  # fmt: skip

    def _turn(self, done: Any) -> bool:
        """Lets the client work until `done`, within the time."""
        until = self._clock.monotonic() + int(DOCTOR_CONNECT_S * SECOND_NS)
        while not done() and self._clock.monotonic() < until:
            if self._client.loop(_TURN_S) != 0 and not done():
                return False
        return bool(done())

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _props: Any) -> None:
        self._answer = reason

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, reasons: Any, _p: Any) -> None:
        self._granted = list(reasons)


def influx(spec: InfluxSpec) -> Finding:
    """Whether InfluxDB answers, and lets us write: nothing is written to find that out."""
    from ..outputs.influx_http import InfluxSender, InfluxTarget

    what = f"InfluxDB {spec.url}"
    target = InfluxTarget.of(spec)
    try:
        sender = InfluxSender(target, SystemClock())
    except SpecError as error:
        return Finding("wrong", what, str(error))
    try:
        answer = sender.send(b"")
        way = sender.way
    finally:
        sender.close()
    status = answer.status
    if status is None or status >= 500:
        return Finding(
            "unreachable", what, answer.text or f"status {status}",
            "is it running? Check outputs: {influx: {url: …}} and the firewall",
        )  # fmt: skip
    if status in (401, 403, 404):
        return Finding(
            "wrong", what, f"status {status}: {answer.text}",
            f"check {_login_keys(spec)} of outputs: {{influx: …}}",
        )  # fmt: skip
    return Finding("ok", what, f"{way}: takes writes to {target.name}")


def _login_keys(spec: InfluxSpec) -> str:
    return "database, username and password" if spec.database else "token, org and bucket"


def kafka(spec: ClusterSpec) -> Iterator[Finding]:
    """Whether Kafka lets us in, and whether the topics are as they must be; makes none."""
    import asyncio

    from ..cluster.admin import init
    from .cluster import quiet

    what = f"Kafka {', '.join(spec.servers)}"
    quiet()
    try:
        reports = asyncio.run(init(spec, make=False))
    except SinkError as error:
        state: State = "wrong" if error.permanent else "unreachable"
        yield Finding(state, what, str(error), "check cluster: {servers, tls, sasl}")
        return
    except SpecError as error:
        yield Finding("wrong", what, str(error))
        return
    missing = [each.name for each in reports if each.state == "missing"]
    if missing:
        yield Finding("wrong", what, f"no topic {', '.join(missing)}", "lifeline cluster apply")
        return
    for each in (each for each in reports if each.state == "differs"):
        told = ", ".join(f"{d.setting} is {d.found}, not {d.wanted}" for d in each.differences)
        yield Finding("wrong", f"topic {each.name}", told, each.todo)
    if all(each.state == "as it must be" for each in reports):
        yield Finding("ok", what, f"{len(reports)} topics of {spec.prefix} as they must be")
