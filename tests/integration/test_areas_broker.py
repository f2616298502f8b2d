"""Area alarms through a real broker: under the site level -, retained, and commanded."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from embedded_runs import plant, until
from lifeline.engine.embedded import Engine
from lifeline.engine.entry import Entry, Header, encode
from lifeline.engine.frame import Frame
from lifeline.engine.mqtt import EmbeddedBroker, MqttClient
from mqtt_hearing import Subscriber

HEAD = """\
version: 1
node: plant-a
tenant: acme
broker: {{host: 127.0.0.1, port: {port}}}
outputs: {{mqtt: {{}}}}
areas:
  - path: hefei/shushan
    name: 蜀山区
    ladders: [{{id: gas.ladder, select: {{rule: gas.high}}, count: points, off_delay: 1s}}]
    halt_work: [{{id: rain.halt, when: {{rule: gas.high}}, level: red, release_after: 1s}}]
"""
AREA = "hefei/shushan/-/-"


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        yield running


@pytest.fixture
def subscriber(broker: EmbeddedBroker) -> Iterator[Subscriber]:
    made = Subscriber(MqttClient(broker.spec(), "regulator", subscriptions=[("lifeline/v1/#", 1)]))
    yield made
    made.stop()


@pytest.fixture
def duty(broker: EmbeddedBroker) -> Iterator[MqttClient]:
    made = MqttClient(broker.spec(), "duty")
    made.start()
    assert made.wait_ready(180.0)
    yield made
    made.stop()


def send(engine: Engine, *values: tuple[int, float]) -> None:
    now, made = engine.clock.wall(), engine.core.plan
    assert made is not None
    frame = Frame.of([s for s, _ in values], [now] * len(values), [v for _, v in values])
    header = Header("acme", "test", 0, now, registry=made.version)
    engine.store.append([encode(Entry(header, frame))]).wait(180)


def test_an_area_is_heard_and_commanded_as_a_site_is(
    tmp_path: Path, broker: EmbeddedBroker, subscriber: Subscriber, duty: MqttClient
) -> None:
    files = plant(tmp_path, head=HEAD.format(port=broker.port_v5))
    engine = Engine(files, agents=False)
    engine.start()
    try:
        send(engine, (0, 60.0), (2, 60.0))
        until(lambda: any(t.startswith(f"{AREA}/area/red") for t, _ in subscriber.of("alert")))
        until(lambda: any(t == f"{AREA}/gas.ladder~area" for t, _ in subscriber.of("state")))
        records = [p for t, p in subscriber.of("record") if t == AREA]
        ladder = next(p for p in records if p["rule"] == "gas.ladder")
        assert (ladder["site"], ladder["site_name"]) == ("area:hefei/shushan", "蜀山区")
        assert ladder["text"]["zh"].startswith("红色报警：蜀山区")

        def halted() -> set[str]:
            return {t for t, p in subscriber.of("state") if p and "rain.halt" in t}

        until(lambda: len(halted()) == 3)
        assert halted() == {
            f"{AREA}/rain.halt~area",
            "hefei/shushan/east/east/rain.halt~area:hefei%2Fshushan",
            "hefei/shushan/west/west/rain.halt~area:hefei%2Fshushan",
        }
        said = {"id": "c-1", "action": "acknowledge", "alarm": "gas.ladder~area"}
        topic = "lifeline/v1/command/area:hefei%2Fshushan/joe"
        duty.publish(topic, msgspec.json.encode(said)).wait(180.0)
        until(lambda: any(t.endswith("joe/reply") for t, _ in subscriber.of("command")))
        (reply,) = (p for t, p in subscriber.of("command") if t.endswith("joe/reply"))
        assert (reply["id"], reply["outcome"]) == ("c-1", "done")
        health = [p["status"] for _, p in subscriber.of("health") if p]
        assert set(health) == {"running"}
    finally:
        engine.stop()
    assert [p["status"] for _, p in subscriber.of("health") if p][-1] == "stopped"
