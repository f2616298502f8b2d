"""The MQTT output through a real Mosquitto, seen by an independent mosquitto_sub."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lifeline.engine.clock import SystemClock
from lifeline.engine.command import Command, Reply
from lifeline.engine.entry import Entry, Header, encode
from lifeline.engine.limits import HOUR_NS, OUTPUT_WINDOW, SECOND_NS
from lifeline.engine.log import LogStore, Ticket
from lifeline.engine.mqtt import EmbeddedBroker, MqttClient
from lifeline.engine.outputs.mqtt_output import CURSOR, RED_CURSOR, MqttOutput
from lifeline.engine.outputs.mqtt_red import RED_WINDOW
from lifeline.engine.outputs.payload import record_payload
from lifeline.engine.outputs.ports import Place
from lifeline.engine.outputs.standing import standing_changes
from lifeline.engine.record import Record
from lifeline.engine.source import BrokerSpec
from servers.fixtures import StartMosquitto
from servers.mosquitto import Message, Mosquitto, MosquittoSub, mosquitto_pub
from servers.process import wait_until

AREA = "hefei/shushan/east"
START = 1_767_225_600 * SECOND_NS


class PlantEngine:
    """The engine as the output sees it: a real log, places that can change, commands kept."""

    def __init__(self, store: LogStore) -> None:
        self.store = store
        self.sites: dict[str, Place] = {"gas-east": Place(AREA, "东区燃气", "Asia/Shanghai")}
        self.commands: list[Command] = []

    def places(self) -> Mapping[str, Place]:
        return dict(self.sites)

    def submit(self, command: Command) -> Ticket:
        self.commands.append(command)
        return self.store.append([encode(Entry(Header(), command))])

    def health(self) -> Mapping[str, Any]:
        return {"standing": len(self.store.standing())}


def records(site: str, first: int, count: int, area: str = AREA) -> list[Record]:
    """Episodes of three records: raised orange, promoted to red, cleared."""
    steps = (
        ("raised", "normal", "orange", "unacknowledged"),
        ("level", "orange", "red", "unacknowledged"),
        ("cleared", "red", "normal", "normal"),
    )
    return [
        Record(
            tenant="acme", site=site, seq=seq, episode=(seq - 1) // 3 * 3 + 1, rule="gas.limit",
            rule_hash="00" * 16, subject=f"GD-{(seq - 1) // 3 % 5}", area=area,
            quantity="gas.combustible", transition=step[0], level_before=step[1],
            level_after=step[2], state_before="normal", state_after=step[3], onset=START,
            time=START + seq * SECOND_NS, value=27.0, limit=25.0, unit="%LEL",
            message="alarm.limit", basis="", previous="00" * 16, hash=f"{seq:032x}",
        )
        for seq in range(first, first + count)
        for step in [steps[(seq - 1) % 3]]
    ]  # fmt: skip


def commit(store: LogStore, position: int, some: list[Record]) -> None:
    rows = [(r.site, r.seq, r.encode()) for r in some]
    store.append_records(position, rows, standing_changes(some)).wait(180)


def seqs(messages: list[Message]) -> list[int]:
    return [json.loads(m.payload)["seq"] for m in messages]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LogStore]:
    opened = LogStore.open(tmp_path / "log")
    yield opened
    opened.close()


class Running:
    """An output that runs while the block does, and is settled when the block begins."""

    def __init__(self, broker: BrokerSpec, engine: PlantEngine, node: str = "plant-a") -> None:
        self.output = MqttOutput(broker, node, engine.store, engine, SystemClock())
        self.store = engine.store

    def __enter__(self) -> MqttOutput:
        self.output.start()
        return self.output

    def __exit__(self, *_: object) -> None:
        self.output.stop()
        assert not self.output.alive()
        assert [t for t in self.output.troubles() if t.kind == "failed"] == []


def spec(broker: Mosquitto) -> BrokerSpec:
    return BrokerSpec(host=broker.host, port=broker.port)


def delivered(output: MqttOutput, store: LogStore) -> None:
    wait_until(
        lambda: output.settled and output.position >= store.outbox_end(),
        "everything to be delivered",
        within_s=180,
    )


def retained(broker: Mosquitto, tmp_path: Path, topic: str, name: str) -> dict[str, bytes]:
    """What the broker keeps now, as a fresh client hears it; ends at a marker."""
    out = tmp_path / f"{name}.txt"
    with MosquittoSub(broker, [topic, f"mark/{name}"], out) as witness:
        mosquitto_pub(broker, f"mark/{name}", "end")
        wait_until(
            lambda: any(m.topic == f"mark/{name}" for m in witness.messages()),
            "the marker",
            within_s=180,
        )
        return {m.topic: m.payload for m in witness.messages() if m.retained}


def test_a_witness_sees_every_record_in_order_and_every_alert_under_its_levels(
    mosquitto: Mosquitto, store: LogStore, tmp_path: Path
) -> None:
    some = records("gas-east", 1, 90)
    with MosquittoSub(mosquitto, "lifeline/v1/#", tmp_path / "all.txt") as witness:
        with Running(spec(mosquitto), PlantEngine(store)) as output:
            commit(store, 1, some[:40])
            output.wake()
            delivered(output, store)
            commit(store, 2, some[40:])
            output.wake()
            delivered(output, store)
            assert output.troubles() == ()
        wait_until(
            lambda: any(b"stopped" in m.payload for m in witness.messages()),
            "goodbye",
            within_s=180,
        )
        messages = witness.messages()
    by_kind = Counter(m.topic.split("/")[2] for m in messages)
    kept = [m for m in messages if m.topic == f"lifeline/v1/record/{AREA}/gas-east"]
    assert seqs(kept) == list(range(1, 91))
    alerts = Counter(
        (m.topic.split("/")[-1], json.loads(m.payload)["transition"])
        for m in messages
        if m.topic.startswith(f"lifeline/v1/alert/{AREA}/gas-east/gas/")
    )
    assert alerts == {
        ("orange", "raised"): 30, ("orange", "level"): 30, ("red", "level"): 30,
        ("red", "cleared"): 30,
    }  # fmt: skip
    assert by_kind["health"] >= 2
    payload = json.loads(kept[0].payload)
    assert payload["text"]["zh"].startswith("橙色报警：东区燃气")
    assert payload["event_local"] == "2026-01-01T08:00:01.000+08:00"
    store.set_cursor("alert:other", 0).wait(180)
    assert store.cursor(CURSOR) == store.cursor(RED_CURSOR) == store.outbox_end()


def test_states_are_retained_as_they_stand_and_emptied_when_closed(
    mosquitto: Mosquitto, store: LogStore, tmp_path: Path
) -> None:
    some = records("gas-east", 1, 11)
    with Running(spec(mosquitto), PlantEngine(store)) as output:
        wait_until(lambda: output.settled, "the states to be compared", within_s=180)
        commit(store, 1, some)
        delivered(output, store)
    states = retained(mosquitto, tmp_path, "lifeline/v1/state/#", "states")
    assert {t.split("/")[-1]: json.loads(p)["seq"] for t, p in states.items()} == {
        "gas.limit~GD-3": 11
    }


def test_retained_states_are_brought_back_to_what_stands(
    mosquitto: Mosquitto, store: LogStore, tmp_path: Path
) -> None:
    """Missing, outdated, orphaned, moved and removed ones; another engine's stay."""
    engine = PlantEngine(store)
    some = records("gas-east", 1, 2) + records("moved", 1, 2, "hefei/old/place")
    engine.sites |= {"moved": Place("hefei/new/place"), "removed": Place("hefei/shushan/gone")}
    commit(store, 1, some)
    store.set_cursor(CURSOR, store.outbox_end()).wait(180)
    state = "lifeline/v1/state"
    old = records("gas-east", 1, 1)[0]
    for topic in (
        f"{state}/{AREA}/gas-east/gas.limit~GD-0",  # outdated
        f"{state}/{AREA}/gas-east/closed~long-ago",  # closed while we were away
        f"{state}/hefei/old/place/moved/gas.limit~GD-0",  # the site moved
        f"{state}/hefei/shushan/gone/removed/gas.limit~GD-9",  # the site was removed
        f"{state}/{AREA}/another-engine/gas.limit~GD-0",  # not ours
    ):
        payload = record_payload(old, Place(AREA))
        assert mosquitto_pub(mosquitto, topic, payload, retain=True).returncode == 0
    with Running(spec(mosquitto), engine) as output:
        wait_until(lambda: output.settled, "the states to be compared", within_s=180)
        found = retained(mosquitto, tmp_path, f"{state}/#", "first")
        assert {topic: json.loads(p)["seq"] for topic, p in found.items()} == {
            f"{state}/{AREA}/gas-east/gas.limit~GD-0": 2,
            f"{state}/hefei/new/place/moved/gas.limit~GD-0": 2,
            f"{state}/{AREA}/another-engine/gas.limit~GD-0": 1,
        }
        assert output.counters()["states_corrected"] == 5
        engine.sites["moved"] = Place("hefei/newer/place")
        output.reconcile()
        wait_until(
            lambda: output.settled and output.counters()["states_corrected"] == 7,
            "the move",
            within_s=180,
        )
        found = retained(mosquitto, tmp_path, f"{state}/+/+/+/moved/#", "second")
        assert list(found) == [f"{state}/hefei/newer/place/moved/gas.limit~GD-0"]


def test_a_broker_that_dies_and_forgets_gets_everything_again(
    mosquitto: Mosquitto, store: LogStore, tmp_path: Path
) -> None:
    """The session and retained states of the broker are lost with it; nothing of ours is."""
    some = records("gas-east", 1, 302)
    with Running(spec(mosquitto), PlantEngine(store)) as output:
        commit(store, 1, some[:152])
        delivered(output, store)
        mosquitto.kill9()
        commit(store, 2, some[152:])
        wait_until(lambda: bool(output.troubles()), "a trouble", within_s=180)
        for file in (mosquitto.directory / "data").iterdir():
            file.unlink()
        mosquitto.start()
        delivered(output, store)
        assert output.troubles() == ()
        states = retained(mosquitto, tmp_path, "lifeline/v1/state/#", "states")
        assert {json.loads(p)["seq"] for p in states.values()} == {302}
    assert output.counters()["published"] >= 302


def test_a_durable_witness_misses_nothing_over_a_broker_restart(
    mosquitto: Mosquitto, store: LogStore, tmp_path: Path
) -> None:
    out = tmp_path / "durable.txt"
    with MosquittoSub(mosquitto, "lifeline/v1/record/#", out, client_id="regulator") as witness:
        with Running(spec(mosquitto), PlantEngine(store)) as output:
            commit(store, 1, records("gas-east", 1, 200))
            witness.wait_for(50)
            mosquitto.restart()
            commit(store, 2, records("gas-east", 201, 200))
            delivered(output, store)
        wait_until(
            lambda: set(seqs(witness.messages())) >= set(range(1, 401)),
            "every seq",
            within_s=180,
        )
        first_seen = list(dict.fromkeys(seqs(witness.messages())))
    assert first_seen == list(range(1, 401))


CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_outputs_mqtt import PlantEngine, Running
from lifeline.engine.log import LogStore
from lifeline.engine.source import BrokerSpec
store = LogStore.open(Path(sys.argv[1]))
with Running(BrokerSpec(port=int(sys.argv[2]), keepalive=5), PlantEngine(store)) as output:
    print("running", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def child(mosquitto: Mosquitto, tmp_path: Path) -> Iterator["Child"]:
    started = Child(mosquitto, tmp_path)
    yield started
    started.kill()


class Child:
    """An engine's output in a process of its own, to be killed."""

    def __init__(self, broker: Mosquitto, tmp_path: Path) -> None:
        here = Path(__file__).parent
        code = CHILD.format(tests=str(here))
        self._command = [sys.executable, "-c", code, str(tmp_path / "log"), str(broker.port)]
        self._environment = {**os.environ, "PYTHONPATH": f"{here.parent}"}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self._environment
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"running\n"

    def kill(self) -> None:
        """As a power cut would."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.communicate()


def test_after_a_kill_at_most_the_window_comes_again_and_the_will_tells(
    mosquitto: Mosquitto, child: Child, tmp_path: Path
) -> None:
    total = 1_500
    with closing(LogStore.open(tmp_path / "log")) as store:
        commit(store, 1, records("gas-east", 1, total))
    out, red, lost = tmp_path / "w.txt", tmp_path / "red.txt", tmp_path / "will.txt"
    reds = [seq for seq in range(1, total + 1) if seq % 3 != 1]  # promoted to red, cleared of it
    with (
        MosquittoSub(mosquitto, "lifeline/v1/record/#", out, client_id="w") as witness,
        MosquittoSub(mosquitto, "lifeline/v1/alert/+/+/+/+/+/red", red, client_id="r") as siren,
        MosquittoSub(mosquitto, "lifeline/v1/health/+", lost) as will,
    ):
        kills = 0
        for wanted in (100, 400, 700, 1_000):
            child.start()
            witness.wait_for(wanted, within_s=180)
            child.kill()
            kills += 1
        wait_until(
            lambda: sum(b'"lost"' in m.payload for m in will.messages()) >= 1,
            "the last will",
            within_s=180,
        )
        child.start()
        wait_until(
            lambda: set(seqs(witness.messages())) == set(range(1, total + 1)),
            "every seq",
            within_s=180,
        )
        wait_until(lambda: set(seqs(siren.messages())) == set(reds), "every red", within_s=180)
        found, sounded = seqs(witness.messages()), seqs(siren.messages())
    assert list(dict.fromkeys(found)) == list(range(1, total + 1))
    assert list(dict.fromkeys(sounded)) == reds
    assert len(found) - total <= kills * OUTPUT_WINDOW
    assert len(sounded) - len(reds) <= kills * RED_WINDOW


class Desk:
    """A person with a broker login: sends commands, hears the answers."""

    def __init__(self, broker: Mosquitto, tmp_path: Path) -> None:
        self.broker = broker
        self.witness = MosquittoSub(broker, "lifeline/v1/command/+/+/reply", tmp_path / "r.txt")

    def __enter__(self) -> "Desk":
        self.witness.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.witness.stop()

    def send(
        self, payload: dict[str, Any] | str, site: str = "gas-east", retain: bool = False
    ) -> None:
        text = payload if isinstance(payload, str) else json.dumps(payload)
        topic = f"lifeline/v1/command/{site}/zhang"
        done = mosquitto_pub(self.broker, topic, text, retain=retain)
        assert done.returncode == 0

    def answers(self, count: int) -> list[dict[str, Any]]:
        return [json.loads(m.payload) for m in self.witness.wait_for(count)]


def test_a_command_is_logged_under_the_name_in_its_topic_and_answered(
    mosquitto: Mosquitto, store: LogStore, tmp_path: Path
) -> None:
    engine = PlantEngine(store)
    body = {"id": "c-1", "action": "acknowledge", "alarm": "gas.limit~GD-0", "seq": 2}
    with Running(spec(mosquitto), engine) as output, Desk(mosquitto, tmp_path) as desk:
        wait_until(lambda: output.settled, "the output", within_s=180)
        desk.send(body)
        wait_until(lambda: store.end() == 1, "the command in the log", within_s=180)
        (command,) = engine.commands
        assert (command.principal, command.site, command.seq) == ("zhang", "gas-east", 2)
        output.reply(Reply("c-1", "done", "", "gas-east", command.alarm, 3, "zhang"))
        (answer,) = desk.answers(1)
        assert (answer["id"], answer["outcome"], answer["seq"]) == ("c-1", "done", 3)
        shelve = {**body, "id": "c-2", "action": "shelve", "expires": "8h"}
        desk.send(shelve)
        wait_until(lambda: store.end() == 2, "the second command", within_s=180)
        assert engine.commands[1].expires == engine.commands[1].issued + 8 * HOUR_NS


def test_what_is_no_command_is_answered_and_never_logged(
    mosquitto: Mosquitto, store: LogStore, tmp_path: Path
) -> None:
    engine = PlantEngine(store)
    body = {"id": "c-1", "action": "acknowledge", "alarm": "a~b"}
    with Running(spec(mosquitto), engine) as output, Desk(mosquitto, tmp_path) as desk:
        wait_until(lambda: output.settled, "the output", within_s=180)
        desk.send("{")
        desk.send({**body, "principal": "li"})
        desk.send(body, site="gas-west")
        desk.send({**body, "reason": "x" * 20_000})
        answers = desk.answers(4)
        assert [a["outcome"] for a in answers] == ["refused"] * 4
        assert [a["id"] for a in answers] == ["", "c-1", "c-1", ""]
        assert "unknown field `principal`" in answers[1]["reason"]
        assert answers[2]["site"] == "gas-west"
        assert all(a["text"]["zh"].startswith("已拒绝") for a in answers)
        assert output.counters()["commands_refused"] == 4
    assert engine.commands == []
    assert store.end() == 0


def test_a_retained_command_is_refused_at_every_connect(
    mosquitto: Mosquitto, store: LogStore, tmp_path: Path
) -> None:
    engine = PlantEngine(store)
    with Desk(mosquitto, tmp_path) as desk:
        desk.send({"id": "c-1", "action": "acknowledge", "alarm": "a~b"}, retain=True)
        with Running(spec(mosquitto), engine):
            (answer,) = desk.answers(1)[:1]
            assert "retained" in answer["reason"]
    assert engine.commands == []


def test_a_command_sent_while_the_engine_is_away_arrives_when_it_is_back(
    mosquitto: Mosquitto, store: LogStore, tmp_path: Path
) -> None:
    engine = PlantEngine(store)
    with Running(spec(mosquitto), engine) as output:
        wait_until(lambda: output.settled, "the output", within_s=180)
    with Desk(mosquitto, tmp_path) as desk:
        desk.send({"id": "c-1", "action": "acknowledge", "alarm": "a~b"})
        with Running(spec(mosquitto), engine):
            wait_until(lambda: store.end() == 1, "the command in the log", within_s=180)
    assert [c.id for c in engine.commands] == ["c-1"]


def test_the_embedded_broker_serves_the_same_contract(store: LogStore) -> None:
    engine = PlantEngine(store)
    with EmbeddedBroker() as broker:
        commit(store, 1, records("gas-east", 1, 61))
        with Running(broker.spec(), engine) as output:
            delivered(output, store)
            commit(store, 2, records("gas-east", 62, 61))
            output.wake()
            delivered(output, store)
            assert output.troubles() == ()
        with Running(broker.spec("5"), engine, "plant-b") as again:
            wait_until(lambda: again.settled, "the states to be compared", within_s=180)
            assert again.counters()["states_corrected"] == 0
            assert again.counters()["published"] == 0


def test_commands_and_refusals_mixed_do_not_cost_the_connection(store: LogStore) -> None:
    """rumqttd hangs up on acknowledgements out of order; commands are acknowledged late."""
    engine = PlantEngine(store)
    good = json.dumps({"id": "c", "action": "acknowledge", "alarm": "a~b"}).encode()
    with EmbeddedBroker() as broker, Running(broker.spec(), engine) as output:
        wait_until(lambda: output.settled, "the output", within_s=180)
        sender = MqttClient(broker.spec(), "sender")
        sender.start()
        for i in range(120):
            sender.publish("lifeline/v1/command/gas-east/zhang", good if i % 3 else b"{")
        wait_until(lambda: len(engine.commands) == 80, "every command", within_s=180)
        wait_until(lambda: output.counters()["replies"] == 40, "every refusal", within_s=180)
        sender.stop()
        assert output.troubles() == ()
        assert output.counters()["commands"] == 80


def test_a_publication_that_the_broker_refuses_is_told_and_kept(
    start_mosquitto: StartMosquitto, store: LogStore, tmp_path: Path
) -> None:
    """MQTT 5 has a word for it; the cursor stays, so that nothing is lost."""
    rules = tmp_path / "acl"
    rules.write_text("topic read lifeline/v1/command/+/+\ntopic write lifeline/v1/health/#\n")
    mosquitto = start_mosquitto(acl_file=rules)
    engine = PlantEngine(store)
    commit(store, 1, records("gas-east", 1, 30))
    strict = BrokerSpec(host=mosquitto.host, port=mosquitto.port, version="5")
    with Running(strict, engine) as output:
        wait_until(
            lambda: any(t.kind == "refused" for t in output.troubles()), "a trouble", within_s=180
        )
        assert output.position == 0
    rules.write_text("topic readwrite #\n")
    mosquitto.restart()
    with MosquittoSub(mosquitto, "lifeline/v1/record/#", tmp_path / "w.txt") as witness:
        with Running(strict, engine) as output:
            delivered(output, store)
        assert seqs(witness.messages()) == list(range(1, 31))


def test_an_output_whose_broker_is_away_delays_nobody(store: LogStore) -> None:
    """Committing to the outbox goes on; the output tells, and stops when asked."""
    with Running(BrokerSpec(port=9), PlantEngine(store)) as output:
        for i in range(20):
            commit(store, i + 1, records("gas-east", 1 + 30 * i, 30))
        wait_until(lambda: bool(output.troubles()), "a trouble", within_s=180)
        assert output.troubles()[0].kind == "unreachable"
        assert output.position == 0
    assert store.outbox_end() - store.records(0, 1)[0].number == 599
