"""Call and respond on a cluster: `lifeline sink calls` against real Kafka, Mosquitto and a webhook."""

from __future__ import annotations

import http.client
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from typer.testing import CliRunner

from call_messages import asked, call_records, recorded, repeats, so_far, told
from cluster_kafka import EAGER, WorkerProcess
from cluster_plants import Judges, city_file, committed, make_cluster, spec_of
from lifeline.engine.calls.limits import IN_FLIGHT
from lifeline.engine.cli.app import app
from lifeline.engine.clock import SystemClock
from lifeline.engine.cluster.agent import AgentNode
from lifeline.engine.cluster.sink_calls import CallSink
from lifeline.engine.cluster.spec import ClusterSpec
from lifeline.engine.cluster.topics import Topics, partition_of
from lifeline.engine.config import load
from receiving import Webhook, webhook
from servers.kafka import Kafka
from servers.mosquitto import Mosquitto, MosquittoSub, mosquitto_pub
from servers.process import wait_until

CHILD = Path(__file__).with_name("calls_sink_child.py")
WITHIN_S = 180.0
KILLS = 3
PERSONS = [f"p{n}" for n in range(6)]
A_LIFE = 8
SITES = tuple(f"s{n}" for n in range(1 + A_LIFE * KILLS))
CALLS = "lifeline/v1/record/+/+/+/+"


@pytest.fixture
def cluster(kafka: Kafka, kafka_prefix: str) -> ClusterSpec:
    return msgspec.structs.replace(spec_of(kafka.bootstrap, kafka_prefix), worker=EAGER)


def city_that_calls(
    directory: Path,
    broker: Mosquitto,
    cluster: ClusterSpec,
    hook: Webhook,
    sites: tuple[str, ...],
    persons: list[str],
) -> Path:
    """A city where an alarm calls all persons at once, each by their path of the webhook."""
    lines = [f'  - {{id: {p}, channels: ["{hook.url(p)}"], verified: 2026-10-01}}' for p in persons]
    chain = f"  - {{area: hefei, call: [[{', '.join(persons)}]]}}"
    roster = ["version: 1", "persons:", *lines, "chains:", chain, ""]
    (directory / "roster.yaml").write_text("\n".join(roster), encoding="utf-8")
    more = "calls: {roster: roster.yaml, rounds: 1, links: {port: 0}}\n"
    return city_file(directory, broker, sites=sites, cluster=cluster, more=more)


class Life:
    """One life of the sink, ended by kill -9 unless it is stopped."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(CHILD), str(path)], stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Life:
        assert self._said() == "ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(180)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def until(self, what: Callable[[], bool], why: str) -> None:
        """Waits for it while this lives."""
        give_up = time.monotonic() + WITHIN_S
        while not what():
            assert self.process.poll() is None, "it ended by itself"
            assert time.monotonic() < give_up, why
            threading.Event().wait(0.002)

    def stop(self) -> None:
        """In order."""
        self.process.terminate()
        assert self._said() == "stopped\n"
        assert self.process.wait(180) == 0

    def _said(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


@contextmanager
def saying(judges: Judges, sites: Sequence[str]) -> Iterator[None]:
    """One red alarm after another comes from the workers meanwhile."""

    def say() -> None:
        for site in sites:
            judges.say(judges.judge(site, 60.0))

    thread = threading.Thread(target=say)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_kills_forget_nobody_and_repeat_no_more_than_was_on_its_way(
    tmp_path: Path, mosquitto: Mosquitto, cluster: ClusterSpec
) -> None:
    log = tmp_path / "data" / "sink-calls" / "calls"
    with webhook() as hook:
        path = city_that_calls(tmp_path, mosquitto, cluster, hook, SITES, PERSONS)
        configuration = load(path).configuration
        make_cluster(cluster, configuration)
        judges = Judges(cluster, configuration)
        judges.say(judges.judge(SITES[0], 60.0))  # stands before the first start
        for n in range(KILLS):
            with saying(judges, SITES[1 + A_LIFE * n :][:A_LIFE]), Life(path) as sink:
                enough = len(hook.messages) + 2 + n
                sink.until(lambda: len(hook.messages) >= enough, "nobody is called")  # noqa: B023
        with Life(path) as sink:
            wanted = len(SITES) * len(PERSONS)
            sink.until(lambda: len(recorded(so_far(log))) == wanted, "somebody is forgotten")
            sink.stop()
        messages, records = told(hook.messages), call_records(log)
    due = asked(records)
    assert len(due) == wanted
    assert {pair for message in messages for pair in message} == due
    assert recorded(records) == Counter(due)
    again = repeats(messages)
    print(f"{len(due)} asked, {len(messages)} messages, {again} of them again")
    # One message a person is on its way, and IN_FLIGHT of them together.
    assert again <= KILLS * min(IN_FLIGHT, len(PERSONS))
    topic = Topics(cluster.prefix).alerts
    ends = {p: sum(partition_of(r.site, 3) == p for r in judges.said) for p in range(3)}
    assert committed(cluster, "sink-calls", topic) == ends, "its own group, its own place"


def posted(link: str) -> str:
    """What pressing the button gives."""
    parts = urlsplit(link)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=180)
    connection.request("POST", parts.path)
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def test_a_link_answers_through_the_worker_and_a_drill_is_called(
    tmp_path: Path, mosquitto: Mosquitto, cluster: ClusterSpec
) -> None:
    """Agent, worker and sink together: a sample calls a person, the button acknowledges it."""
    with webhook() as hook, MosquittoSub(mosquitto, CALLS, tmp_path / "calls") as witness:
        path = city_that_calls(tmp_path, mosquitto, cluster, hook, ("tank", "mine"), ["zhang"])
        plant = replace(load(path), cluster=cluster)
        make_cluster(cluster, plant.configuration)
        sink, agent = CallSink(plant), AgentNode(plant)
        with WorkerProcess(cluster, tmp_path / "worker"), ExitStack() as ending:
            for node in (sink, agent):
                node.start()
                ending.callback(node.stop)
            assert agent.wait_ready(WITHIN_S)
            wait_until(lambda: bool(sink.status().calls), "the stage", within_s=WITHIN_S)
            now = SystemClock().wall() // 1_000_000
            mosquitto_pub(mosquitto, "gas/tank/GD-1", b'{"value": 60, "ts": %d}' % now)
            wait_until(lambda: bool(hook.messages), "the call", within_s=180.0)
            (link,) = hook.messages[0].links()
            assert "zhang 已应答" in posted(link)
            wait_until(lambda: said(witness)[-1:] == ["answered"], "the answer", within_s=WITHIN_S)
            assert said(witness) == ["due", "called", "answered"]
            assert "已使用" in posted(link)
            listed = lifeline("calls", "--json", "--config", str(path))
            assert [(c["alarm"], list(c["answered"])) for c in listed] == [
                ("gas.high~GD-1", ["person:zhang"])
            ]
            lifeline("roster", "drill", "mine", "--no-wait", "--json", "--config", str(path))
            wait_until(lambda: len(hook.messages) == 2, "the drill", within_s=WITHIN_S)
            assert "【演练】" in hook.messages[1].title
            assert sink.status().calls["counters"]["begun"] == 2
    assert said(witness)[3] == "drill"


def said(witness: MosquittoSub) -> list[str]:
    """What the call records say that came by MQTT, in order."""
    documents = [msgspec.json.decode(m.payload) for m in witness.messages() if m.payload]
    return [d["rule"].removeprefix("call.") for d in documents]


def lifeline(*arguments: str) -> Any:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return msgspec.json.decode(done.stdout)


pytestmark = pytest.mark.integration
