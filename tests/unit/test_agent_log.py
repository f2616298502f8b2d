"""What the agent promises the broker and the log, through the embedded broker and a real log."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from lifeline.engine.agent import Agent, AgentLog, AgentTrouble, Durable
from lifeline.engine.clock import SystemClock
from lifeline.engine.configuration import Configuration
from lifeline.engine.entry import Entry, decode
from lifeline.engine.errors import SpecError
from lifeline.engine.frame import Frame
from lifeline.engine.limits import BROKER_WINDOW
from lifeline.engine.log import DiskLimit, LogStore
from lifeline.engine.mqtt import EmbeddedBroker, MqttClient
from lifeline.engine.source import BrokerSpec, PayloadSpec, Route, SourceSpec, TimeSpec
from payloads import MS, configuration, source
from servers.process import wait_until

WITHIN_S = 180.0
POINT = PayloadSpec(time=TimeSpec(path="ts", unit="ms"))


@pytest.fixture(scope="module")
def running() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture
def broker(running: EmbeddedBroker) -> BrokerSpec:
    return running.spec()


class HeldLog:
    """A real log that can keep its promises back, and refuse, until it is told otherwise."""

    def __init__(self, store: LogStore) -> None:
        self._store = store
        self.open = threading.Event()
        self.open.set()
        self.refusing = False
        self.offered = 0

    def _held(self, durable: Durable) -> Durable:
        class Held:
            def wait(_self, timeout_s: float | None = None) -> int:
                if not self.open.wait(timeout_s):
                    raise TimeoutError
                return durable.wait(timeout_s)

        return Held()

    def append(self, entries: Sequence[bytes]) -> Durable:
        self.offered += 1
        if self.refusing:
            raise DiskLimit("no room")
        return self._held(self._store.append(entries))

    def dead_letters_of(self, letters: Iterable[tuple[str, bytes, str, int]]) -> Durable:
        return self._held(self._store.dead_letters_of(letters))

    def count_unknown(self, kind: Literal["topic", "sensor"], key: str, n: int) -> Durable:
        return self._held(self._store.count_unknown(kind, key, n))


class Bench:
    """A log, a publisher and agents of one test; all ended with it."""

    def __init__(self, directory: Path, broker: BrokerSpec, name: str, stack: ExitStack) -> None:
        self.name = name
        self.broker = broker
        self.troubles: list[AgentTrouble] = []
        self._stack = stack
        self.store = LogStore.open(directory)
        stack.callback(self.store.close)
        self.log = HeldLog(self.store)
        self.writer = self.client("writer")

    def client(self, name: str, *topics: str) -> MqttClient:
        client = MqttClient(
            self.broker, f"{self.name}-{name}", subscriptions=[(t, 1) for t in topics]
        )
        self._stack.callback(client.stop)
        client.start()
        assert client.wait_ready(WITHIN_S)
        return client

    def source(self, routes: Sequence[Route] = (), id: str = "src", **more: str) -> SourceSpec:
        topic = f"{self.name}/{more.pop('folder', 'v')}/{{device}}"
        return source(POINT, routes, topics=(topic,), broker=self.broker, id=id, **more)

    def agent(
        self, sources: Sequence[SourceSpec], plant: Configuration, log: AgentLog | None = None
    ) -> Agent:
        agent = Agent(
            self.name, sources, plant, log or self.log, SystemClock(), self.troubles.append
        )
        self._stack.callback(agent.stop)
        agent.start()
        assert agent.wait_ready(WITHIN_S)
        return agent

    def publish(self, device: str, value: float, *, folder: str = "v", ts: int = MS) -> None:
        payload = b'{"value": %s, "ts": %d}' % (str(value).encode(), ts)
        self.raw(f"{folder}/{device}", payload)

    def raw(self, topic: str, payload: bytes) -> None:
        self.writer.publish(f"{self.name}/{topic}", payload, timeout_s=WITHIN_S)

    def entries(self) -> list[Entry]:
        return [decode(data) for _, data in self.store.read(0, 10_000)]

    def values(self) -> list[float]:
        frames = [e.payload for e in self.entries() if isinstance(e.payload, Frame)]
        return [float(v) for frame in frames for v in frame.value]

    def told(self, kind: str) -> int:
        return sum(t.kind == kind for t in self.troubles)


@pytest.fixture
def bench(tmp_path: Path, broker: BrokerSpec, request: pytest.FixtureRequest) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(tmp_path / "log", broker, request.node.name, stack)


def until(holds: Callable[[], bool], what: str) -> None:
    wait_until(holds, what, within_s=WITHIN_S)


def test_messages_become_entries_that_say_whose_when_and_by_what_registry(bench: Bench) -> None:
    spec = bench.source()
    plant = configuration(spec)
    before = SystemClock().wall()
    bench.agent([spec], plant)
    for i in range(300):
        bench.publish("a", i)
    until(lambda: len(bench.values()) == 300, "300 samples in the log")
    assert bench.values() == [float(i) for i in range(300)]
    entries = bench.entries()
    assert [e.header.producer_seq for e in entries] == list(range(1, len(entries) + 1))
    for entry in entries:
        header = entry.header
        assert (header.tenant, header.producer) == ("tenant-s", bench.name)
        assert header.registry == plant.version()
        assert before <= header.received <= header.appended
        assert isinstance(entry.payload, Frame)
        assert set(entry.payload.sensor.tolist()) == {1}
    assert bench.troubles == []


def test_an_entry_holds_one_tenants_samples(bench: Bench) -> None:
    routes = [Route(d, f"site-{d}", d) for d in "abc"]
    spec = bench.source(routes)
    plant = configuration(spec)
    bench.agent([spec], plant)
    for i in range(90):
        bench.publish("abc"[i % 3], i)
    until(lambda: len(bench.values()) == 90, "90 samples in the log")
    by_tenant: dict[str, list[float]] = {}
    for entry in bench.entries():
        assert isinstance(entry.payload, Frame)
        sensors = {plant.sensors[i].id for i in entry.payload.sensor}
        assert {f"tenant-site-{sensor}" for sensor in sensors} == {entry.header.tenant}
        by_tenant.setdefault(entry.header.tenant, []).extend(entry.payload.value.tolist())
    expected = {
        f"tenant-site-{d}": [float(i) for i in range(k, 90, 3)] for k, d in enumerate("abc")
    }
    assert by_tenant == expected


def test_nothing_is_acknowledged_before_it_is_durable(bench: Bench) -> None:
    spec = bench.source()
    agent = bench.agent([spec], configuration(spec))
    bench.log.open.clear()
    for i in range(BROKER_WINDOW + 40):
        bench.publish("a", i)
    mqtt = agent._lanes["src"].client
    # The broker's window is all that ever comes while nothing is acknowledged.
    until(lambda: mqtt.counters["received"] == BROKER_WINDOW, "a full window")
    assert not agent.stop(timeout_s=0.5)
    again = bench.agent([spec], configuration(spec), bench.store)
    bench.publish("a", -1)
    until(lambda: -1.0 in bench.values(), "the last sample in the log")
    assert again._lanes["src"].client.counters["received"] == BROKER_WINDOW + 41
    bench.log.open.set()


def test_what_is_durable_is_acknowledged_and_does_not_come_again(bench: Bench) -> None:
    spec = bench.source()
    agent = bench.agent([spec], configuration(spec))
    for i in range(250):
        bench.publish("a", i)
    until(lambda: len(bench.values()) == 250, "250 samples in the log")
    assert agent.stop()
    bench.publish("a", 250)
    again = bench.agent([spec], configuration(spec))
    until(lambda: 250.0 in bench.values(), "the last sample in the log")
    assert bench.values() == [float(i) for i in range(251)]
    assert again._lanes["src"].client.counters["received"] == 1


def test_a_message_that_cannot_be_read_is_a_dead_letter_before_it_is_acknowledged(
    bench: Bench,
) -> None:
    spec = bench.source()
    agent = bench.agent([spec], configuration(spec))
    bench.log.open.clear()
    bench.raw("v/a", b'{"value": NaN, "ts": 1}')
    bench.raw("v/nobody", b"{}")
    until(lambda: agent.counters["batches"] >= 1, "the message")
    assert not agent.stop(timeout_s=0.5)
    bench.log.open.set()
    again = bench.agent([spec], configuration(spec))
    until(lambda: bench.store.dead_letter_counts() != {}, "the dead letter")
    bench.publish("a", 1)
    until(lambda: bench.values() == [1.0], "the good one")
    letter = bench.store.dead_letters(1)[0]
    assert (letter.reason, letter.payload) == ("value_not_a_number", b'{"value": NaN, "ts": 1}')
    assert letter.topic == f"{bench.name}/v/a"
    assert {u.key for u in bench.store.unknown("sensor", 9)} == {"nobody"}
    assert again.health()["sources"]["src"]["refused"] == {"value_not_a_number": 1}
    assert again.stop()
    third = bench.agent([spec], configuration(spec))
    bench.publish("a", 2)
    until(lambda: bench.values() == [1.0, 2.0], "the next good one")
    assert third._lanes["src"].client.counters["received"] == 1


def test_a_log_that_refuses_stops_taking_and_goes_on_by_itself_in_order(bench: Bench) -> None:
    spec = bench.source()
    agent = bench.agent([spec], configuration(spec))
    bench.log.refusing = True
    for i in range(BROKER_WINDOW + 100):
        bench.publish("a", i)
    until(lambda: bench.log.offered >= 2, "a second offer")
    assert agent.health()["state"] == "refusing"
    assert "no room" in agent.health()["log_refuses"]
    assert agent._lanes["src"].client.counters["received"] <= BROKER_WINDOW
    assert bench.values() == []
    bench.log.refusing = False
    until(lambda: len(bench.values()) == BROKER_WINDOW + 100, "everything in the log")
    assert bench.values() == [float(i) for i in range(BROKER_WINDOW + 100)]
    assert (bench.told("log_refuses"), bench.told("log_takes_again")) == (1, 1)
    assert agent.health()["state"] == "running"


def test_a_fault_of_ours_makes_the_broker_repeat_what_was_lost(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = bench.source()
    agent = bench.agent([spec], configuration(spec))
    write, failures = agent._writer.encode, iter([RuntimeError("ours")])

    def fails_once(*arguments: object) -> list[bytes]:
        for failure in failures:
            raise failure
        return write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(agent._writer, "encode", fails_once)

    def raises(trouble: AgentTrouble) -> None:
        bench.troubles.append(trouble)
        raise RuntimeError("whoever is told")

    monkeypatch.setattr(agent, "_on_trouble", raises)
    bench.publish("a", 1)
    until(lambda: bench.values() == [1.0], "the sample in the log")
    assert bench.told("agent_fault") == 1
    assert agent.counters["on_trouble_raised"] >= 1


def test_the_health_topic_is_retained_and_says_how_each_source_is(bench: Bench) -> None:
    spec = bench.source()
    agent = bench.agent([spec], configuration(spec))
    topic = f"lifeline/v1/health/{bench.name}.src"

    def status(name: str) -> str:
        client = bench.client(name, topic)
        deliveries = client.take(1, WITHIN_S)
        message = msgspec.json.decode(deliveries[0].payload)
        assert message["node"] == f"{bench.name}.src"
        if message["status"] == "running":
            assert message["mqtt"]["connected"] is True
        return str(message["status"])

    until(lambda: agent._lanes["src"].client.idle, "the first heartbeat")
    assert status("first") == "running"
    agent.stop()
    assert status("second") == "stopped"


def test_a_new_configuration_applies_from_the_next_batch_on(bench: Bench) -> None:
    old = bench.source([Route("a", "s", "a")])
    gone = bench.source([Route("g", "s", "g")], id="gone", folder="gone")
    before = configuration(old, gone)
    agent = bench.agent([old, gone], before)
    bench.publish("a", 1)
    bench.publish("b", 2)
    until(lambda: bench.store.unknown("sensor", 9) != [], "the unknown sensor")
    both = bench.source([Route("a", "s", "a"), Route("b", "s", "b")])
    new = bench.source([Route("n", "s", "n")], id="new", folder="new")
    after = configuration(old, gone, both, new)
    positions: list[int] = []
    agent.reconfigure([both, new], after, lambda: positions.append(bench.store.end()))
    assert agent.wait_ready(WITHIN_S)
    bench.publish("b", 3)
    bench.publish("n", 4, folder="new")
    bench.publish("g", 5, folder="gone")
    bench.publish("a", 6)
    until(lambda: {3.0, 4.0, 6.0} <= set(bench.values()), "samples of the new sources")
    assert 5.0 not in bench.values()
    for position, data in bench.store.read(0, 100):
        registry = decode(data).header.registry
        assert registry == (before if position <= positions[0] else after).version()
    assert sorted(agent.health()["sources"]) == ["new", "src"]


def test_a_configuration_that_makes_no_sense_changes_nothing(bench: Bench) -> None:
    spec = bench.source()
    agent = bench.agent([spec], configuration(spec))
    wrong = bench.source(key="{nobody}")
    with pytest.raises(SpecError):
        agent.reconfigure([wrong], configuration(spec))

    def fails() -> None:
        raise DiskLimit("no room for the config entry")

    extra = bench.source([Route("n", "s", "n")], id="new", folder="new")
    with pytest.raises(DiskLimit):
        agent.reconfigure([extra], configuration(spec, extra), fails)
    bench.publish("a", 1)
    until(lambda: bench.values() == [1.0], "the sample in the log")
    assert sorted(agent.health()["sources"]) == ["src"]


def test_two_sources_with_one_client_id_in_the_file_do_not_throw_each_other_off(
    bench: Bench,
) -> None:
    shared = msgspec.structs.replace(bench.broker, client_id=f"{bench.name}-plant")
    bench.broker = shared
    first = bench.source([Route("a", "s", "a")], id="one")
    second = bench.source([Route("b", "s", "b")], id="two", folder="w")
    agent = bench.agent([first, second], configuration(first, second))
    bench.publish("a", 1)
    bench.publish("b", 2, folder="w")
    until(lambda: sorted(bench.values()) == [1.0, 2.0], "both samples")
    lanes = agent._lanes.values()
    assert [lane.client.counters["connections"] for lane in lanes] == [1, 1]
