"""Publishing through a real broker (iotcore), counted back by an independent paho subscriber."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import numpy as np
import paho.mqtt.client as mqtt
import pytest
from iotcore import Broker
from paho.mqtt.enums import CallbackAPIVersion

from lifeline.engine.clock import ManualClock
from lifeline.engine.errors import SpecError
from lifeline.engine.limits import HISTORIC_AGE_NS, SECOND_NS
from lifeline.simulators.batch import Batch
from lifeline.simulators.gateway import Connection
from lifeline.simulators.ledger import Ledger
from lifeline.simulators.publish import publish_site, start_for
from lifeline.simulators.sites import SITES, site_named
from servers.ports import free_port

START = 1_800_000_000 * SECOND_NS
HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with Broker(port=free_port(), listen=HOST) as broker:
        yield broker.port


@contextmanager
def listening(port: int) -> Iterator[Queue[tuple[str, bytes]]]:
    """Every message of the broker, through a client that shares nothing with the publisher."""
    inbox: Queue[tuple[str, bytes]] = Queue()
    ready = threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="witness")
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda _client, _data, m: inbox.put((m.topic, m.payload))
    # Behind the broker's answer, and again should the connection be made anew.
    client.on_connect = lambda made, *_: made.subscribe("#", qos=1)
    client.connect(HOST, port)
    client.loop_start()
    assert ready.wait(180.0)
    try:
        yield inbox
    finally:
        client.disconnect()
        client.loop_stop()


def taken(inbox: Queue[tuple[str, bytes]], count: int) -> list[tuple[str, bytes]]:
    """`count` messages, and whatever else is there already."""
    found = [inbox.get(timeout=180.0) for _ in range(count)]
    while True:
        try:
            found.append(inbox.get_nowait())
        except Empty:
            return found


def numbers(site_name: str, topic: str, payload: bytes) -> list[tuple[str, int]]:
    """(sensor, n) of every sample in a message, read as a stranger would."""
    body: Any = json.loads(payload)
    if site_name == "city-gas":
        return [(topic.split("/")[2], body["n"])]
    if site_name == "pipeline":
        return [(p["tag"], p["n"]) for p in body]
    return [(k.removesuffix("_n"), n) for k, n in body.items() if k.endswith("_n")]


@pytest.mark.parametrize("name", sorted(SITES))
def test_every_sample_arrives_with_its_number_and_is_acknowledged(
    tmp_path: Path, port: int, name: str
) -> None:
    path = tmp_path / "ledger"
    with listening(port) as inbox:
        result = publish_site(
            name, HOST, port, speed=None, seconds=60.0, seed=4, ledger_path=path, start_ns=START
        )
        found = taken(inbox, result.messages)
    assert (result.resent, result.stopped, result.gave_up) == (0, False, "")
    assert result.acked_messages == result.messages == len(found)
    assert result.connects == len(site_named(name).gateways)

    scenario = site_named(name).scenario(START, 60.0, 4)
    rows = Batch.concat(list(scenario.samples()))
    arrived = Counter(pair for message in found for pair in numbers(name, *message))
    ids = [p.id for p in scenario.site.points]
    sent = Counter(
        (ids[s], n) for s, n in zip(rows.sensor.tolist(), rows.number.tolist(), strict=True)
    )
    assert arrived == sent

    ledger = Ledger.read(path)
    assert ledger.acked.all()
    assert result.samples == result.acked_samples == len(ledger) == len(rows)
    assert ledger.messages == result.messages
    assert ledger.counts() == {i: max([n for s, n in sent if s == i], default=0) for i in ids}


def test_a_speed_compresses_time_and_the_run_ends_now(tmp_path: Path, port: int) -> None:
    result = publish_site(
        "city-gas", HOST, port, speed=20.0, seconds=40.0, seed=4, ledger_path=tmp_path / "a"
    )
    assert result.wall_s >= 1.9  # 40 s at 20 times; a machine under load may take longer
    assert result.acked_samples == result.samples


def test_no_run_overtakes_the_clock() -> None:
    now = START
    assert start_for(now, 60.0, 1.0) == now
    assert start_for(now, 60.0, 0.5) == now
    assert start_for(now, 60.0, 60.0) == now - 59 * SECOND_NS
    assert start_for(now, 60.0, None) == now - 60 * SECOND_NS
    assert start_for(now, 600.0, 2.0) + 600 * SECOND_NS == now + 300 * SECOND_NS
    assert now - start_for(now, 30.0, None) < HISTORIC_AGE_NS


def test_stopping_leaves_a_ledger_of_exactly_what_was_sent(tmp_path: Path, port: int) -> None:
    stop = threading.Event()

    def stop_when_something_came() -> None:
        while inbox.empty():
            threading.Event().wait(0.01)
        stop.set()

    with listening(port) as inbox:
        waiting = threading.Thread(target=stop_when_something_came)
        waiting.start()
        result = publish_site(
            "city-gas", HOST, port, seconds=3600.0, seed=4, ledger_path=tmp_path / "a", stop=stop
        )
        waiting.join()
        found = taken(inbox, result.messages)
    ledger = Ledger.read(tmp_path / "a")
    assert result.stopped
    assert 0 < result.messages == len(found) == ledger.messages == len(ledger)
    assert ledger.acked.all()


def test_a_broker_that_restarts_gets_what_it_had_not_acknowledged_again(tmp_path: Path) -> None:
    """Started after its publishers and killed in between: everything is acknowledged at last."""
    port = free_port()
    results: Queue[Any] = Queue()
    path, stop = tmp_path / "a", threading.Event()

    def publish() -> None:
        results.put(
            publish_site(
                "pipeline",
                HOST,
                port,
                speed=10.0,
                seconds=3600.0,
                seed=4,
                ledger_path=path,
                stop=stop,
            )
        )

    publisher = threading.Thread(target=publish)
    publisher.start()
    for _ in range(2):
        with Broker(port=port, listen=HOST), listening(port) as inbox:
            inbox.get(timeout=180.0)
    with Broker(port=port, listen=HOST), listening(port) as inbox:
        inbox.get(timeout=180.0)
        stop.set()
        result = results.get(timeout=180.0)
    publisher.join()
    assert result.gave_up == ""
    assert result.acked_samples == result.samples > 0
    assert result.connects > 2
    assert Ledger.read(path).acked.all()


def until(connection: Connection, done: Callable[[], bool]) -> None:
    """Wait for news until `done`; the suite's own time-out ends what never comes."""
    for _ in range(600):
        if done():
            return
        connection.wait(0.1)
    raise AssertionError("nothing came within a minute")


def test_a_lost_connection_repeats_what_was_not_acknowledged_and_counts_it() -> None:
    """The broker is paused, so that it takes messages without an answer, and then killed."""
    port = free_port()
    connection = Connection("gateway", HOST, port, window=5)
    connection.open()
    with Broker(port=port, listen=HOST) as broker:
        until(connection, lambda: connection.connects == 1)
        connection.send(0, "t", b"0")
        until(connection, lambda: connection.waiting() == 0)
        assert connection.settled() == ([0], [])
        pid = broker._process.pid
        os.kill(pid, signal.SIGSTOP)
        for number in range(1, 6):
            assert connection.room()
            connection.send(number, "t", b"%d" % number)
        assert not connection.room()
        os.kill(pid, signal.SIGKILL)
        until(connection, lambda: connection.drops == 1)
    with Broker(port=port, listen=HOST):
        until(connection, lambda: connection.waiting() == 0)
        acked, resent = connection.settled()
        assert (sorted(acked), sorted(resent)) == ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])
        connection.close()


def test_what_is_handed_over_while_the_broker_is_away_is_not_called_resent() -> None:
    port = free_port()
    connection = Connection("gateway", HOST, port, window=5)
    connection.open()
    with Broker(port=port, listen=HOST):
        until(connection, lambda: connection.connects == 1)
    until(connection, lambda: connection.drops == 1)
    connection.send(1, "t", b"1")
    with Broker(port=port, listen=HOST):
        until(connection, lambda: connection.waiting() == 0)
        assert connection.settled() == ([1], [])
        connection.close()
    assert connection.connects == 2


def test_without_a_broker_it_gives_up_after_its_patience(tmp_path: Path) -> None:
    class Hasty(ManualClock):
        """Ten seconds pass at every look."""

        def monotonic(self) -> int:
            self.advance(10 * SECOND_NS)
            return super().monotonic()

    result = publish_site(
        "city-gas",
        HOST,
        free_port(),
        speed=None,
        seconds=60.0,
        seed=4,
        ledger_path=tmp_path / "a",
        clock=Hasty(START),
    )
    assert "no acknowledgement" in result.gave_up or "did not come" in result.gave_up
    assert result.acked_messages == 0
    ledger = Ledger.read(tmp_path / "a")
    assert not ledger.acked.any()
    assert ledger.messages == result.messages


@pytest.mark.parametrize(("speed", "seconds"), [(0.0, 60.0), (-1.0, 60.0), (1.0, 0.0)])
def test_impossible_speeds_and_lengths_are_refused(
    tmp_path: Path, speed: float, seconds: float
) -> None:
    with pytest.raises(SpecError, match="must be positive"):
        publish_site(
            "city-gas", HOST, 1, speed=speed, seconds=seconds, seed=1, ledger_path=tmp_path / "a"
        )
    assert not (tmp_path / "a").exists()


def test_it_runs_in_a_process_of_its_own(tmp_path: Path, port: int) -> None:
    path = tmp_path / "a"
    process = multiprocessing.get_context("spawn").Process(
        target=publish_site,
        args=("tailings", HOST, port),
        kwargs={"speed": None, "seconds": 30.0, "seed": 4, "ledger_path": path},
    )
    process.start()
    process.join(180.0)
    assert process.exitcode == 0
    ledger = Ledger.read(path)
    assert len(ledger) > 0
    assert ledger.acked.all()
    assert np.unique(ledger.sensor).tolist() == list(range(len(site_named("tailings").points)))
