"""Malformed payloads, half and half with good ones, all the way into the log.

No exception, no good sample lost, every bad one counted: 100,000 through decoder, agent and log,
and some thousands through Mosquitto to the real engine.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from faults.harness.broken import Form, forms
from faults.harness.campaign import BROKER
from faults.harness.engine import EngineProcess
from faults.harness.plant import Plant, three_sites, write_plant
from faults.harness.tail import Tail
from lifeline.engine.agent import Agent, AgentTrouble
from lifeline.engine.clock import SystemClock
from lifeline.engine.config import load
from lifeline.engine.configuration import Configuration
from lifeline.engine.entry import decode
from lifeline.engine.frame import Frame
from lifeline.engine.limits import HOUR_NS, SECOND_NS
from lifeline.engine.log import LogReader, LogStore
from lifeline.engine.mqtt import Delivery
from lifeline.engine.warming import warm
from lifeline.simulators.gateway import Connection
from log_entries import quick_directory
from servers.mosquitto import Mosquitto

SEED = 20260722
MALFORMED = 100_000
THROUGH_THE_BROKER = 6_000
AT_ONCE = 1_000
START = 1_800_000_000 * SECOND_NS
_MESSAGES = [(True, False), (False, True)]


def write(directory: Path, port: int) -> Plant:
    """A plant without publishers of its own."""
    return write_plant(directory, three_sites(), START, 60.0, SEED, port, noisy=False)


def mixed(count: int, start_ns: int, seed: int) -> Iterator[tuple[Form, bool, int, float, bytes]]:
    """`count` good messages and as many bad ones: form, whether good, time, value, payload. No two
    good samples of a sensor have one time."""
    chance, known = random.Random(seed), forms(three_sites())
    for number in range(count):
        form, time, value = chance.choice(known), start_ns + number * SECOND_NS, float(number % 90)
        for good in chance.choice(_MESSAGES):
            payload = form.good(time, value) if good else form.bad(chance, time, value)
            yield form, good, time, value, payload


def rows_of(reader: LogReader, configuration: Configuration) -> list[tuple[str, str, int, float]]:
    """(site, sensor, time, canonical value) of every row in the log, in order."""
    sites = [site.id for site in configuration.sites]
    names = [(sites[sensor.site], sensor.id) for sensor in configuration.sensors]
    rows, after = [], 0
    while entries := reader.read(after, AT_ONCE):
        for position, data in entries:
            after, payload = position, decode(data).payload
            if isinstance(payload, Frame):
                columns = payload.sensor.tolist(), payload.time.tolist(), payload.value.tolist()
                rows += [(*names[s], t, v) for s, t, v in zip(*columns, strict=True)]
    return rows


def check(
    rows: list[tuple[str, str, int, float]], expected: dict[tuple[str, str, int], float]
) -> None:
    """Every good sample is there, once, with its value, and nothing else."""
    assert len(rows) == len(expected)
    assert {row[:3] for row in rows} == expected.keys()
    for site, sensor, time, value in rows:
        assert math.isclose(value, expected[site, sensor, time], rel_tol=1e-12, abs_tol=1e-12)


POINTS = {(site.id, point.id): point for site in three_sites() for point in site.points}


def canonical(form: Form, value: float) -> float:
    """What the log should hold of a value that was sent."""
    point = POINTS[form.site, form.sensor]
    return (value - point.zero) / point.gain


def test_a_hundred_thousand_malformed_payloads_cost_no_good_one_on_the_way_into_the_log(
    tmp_path: Path,
) -> None:
    plant = load(write(tmp_path, 1883).config)
    troubles: list[AgentTrouble] = []
    expected: dict[tuple[str, str, int], float] = {}
    with quick_directory() as directory, ExitStack() as stack:
        store = LogStore.open(directory)
        stack.callback(store.close)
        agent = Agent(
            "a", plant.sources, plant.configuration, store, SystemClock(), troubles.append
        )
        lanes = {source.id: agent._lanes[source.id] for source in plant.sources}
        waiting: dict[str, list[Delivery]] = {name: [] for name in lanes}
        for number, (form, good, time, value, payload) in enumerate(
            mixed(MALFORMED, START, SEED), 1
        ):
            if good:
                expected[form.site, form.sensor, time] = canonical(form, value)
            waiting[f"{form.site}-mqtt"].append(Delivery(form.topic, payload, time, 1, 0))
            if number % AT_ONCE == 0:
                batch = agent._batch([(lanes[n], d) for n, d in waiting.items() if d])
                assert agent._made_durable(batch)
                waiting = {name: [] for name in lanes}
        assert len(expected) == MALFORMED
        check(rows_of(store, plant.configuration), expected)
        assert sum(store.dead_letter_counts().values()) == MALFORMED
        assert sum(sum(lane.refused.values()) for lane in lanes.values()) == MALFORMED
        assert not any(lane.unknown[kind] for lane in lanes.values() for kind in lane.unknown)
        assert troubles == []


@pytest.mark.integration
def test_malformed_payloads_through_mosquitto_leave_the_engine_and_every_good_sample_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    warm()
    expected: dict[tuple[str, str, int], float] = {}
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(tmp_path / "broker", BROKER))
        plant = write(tmp_path, broker.port)
        engine = stack.enter_context(EngineProcess(plant, broker))
        engine.start()
        assert engine.wait_subscribed()
        client = Connection("malformed", broker.host, broker.port, window=500)
        client.open()
        stack.callback(client.close)
        start = SystemClock().wall() // SECOND_NS * SECOND_NS - 2 * HOUR_NS
        sent = enumerate(mixed(THROUGH_THE_BROKER, start, SEED))
        for number, (form, good, time, value, payload) in sent:
            if good:
                expected[form.site, form.sensor, time] = canonical(form, value)
            while not client.room():
                client.wait(0.1)
            client.send(number, form.topic, payload)
        Tail(plant.storage).drain(len(expected), engine.alive)
        assert engine.alive(), engine.said()
        assert engine.stop() == 0, engine.said()
    reader = LogReader.open(plant.storage)
    counts = reader.dead_letter_counts()
    with capsys.disabled():
        print(f"\nmalformed: {THROUGH_THE_BROKER} good, as many bad: refused {counts}", flush=True)
    check(rows_of(reader, load(plant.config).configuration), expected)
    assert sum(counts.values()) == THROUGH_THE_BROKER
    reader.close()
