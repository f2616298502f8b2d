"""The call sink without a server: a mirror that is filled by hand, a webhook, and restarts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from call_messages import asked, call_records, recorded, told
from embedded_runs import plant as plant_of
from embedded_runs import until
from lifeline.engine.cluster.following import InForce
from lifeline.engine.cluster.mirror_store import Taken
from lifeline.engine.cluster.sink_calls import CallSink
from lifeline.engine.cluster.spec import ClusterSpec
from lifeline.engine.command import Command
from lifeline.engine.config import Plant
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header, Payload
from lifeline.engine.errors import SinkError, SpecError
from lifeline.engine.frame import Frame
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.record import Record
from plant_files import HEAD
from receiving import Webhook, webhook

AWAY = ClusterSpec(servers=("127.0.0.1:9",), partitions=1, area_partitions=1, replication=1)
PLACE = ("lifeline.alerts", 0)
CALLS = "calls: {roster: roster.yaml, rounds: 1}\n"


@dataclass
class City:
    """A worker's core, the topic that it writes, and a sink that reads it."""

    plant: Plant
    topic: list[bytes] = field(default_factory=list)
    now: int = 1_760_000_000 * SECOND_NS
    core: Core = field(default_factory=lambda: Core(engine_site="_engine.0"))

    def __post_init__(self) -> None:
        self._step(self.plant.configuration)

    def _step(self, payload: Payload) -> list[Record]:
        self.now += 60 * SECOND_NS
        version = self.plant.configuration.version()
        header = Header("acme", "test", 0, self.now, self.now, version)
        found = list(self.core.step(self.core.position + 1, Entry(header, payload)))
        self.topic += [record.encode() for record in found]
        return found

    def value(self, value: float) -> None:
        self._step(Frame.of([0], [self.now + 60 * SECOND_NS], [value]))

    def acknowledge(self, principal: str) -> None:
        name = f"c-{self.core.position}"
        self._step(Command(name, "acknowledge", "east", "gas.high~GD-1", principal, "operator"))

    @contextmanager
    def sink(self, *, behind: bool = True) -> Iterator[CallSink]:
        """A life of a sink, Kafka out of reach; `behind`: it has taken what is on the topic."""
        sink = CallSink(self.plant)
        sink.start()
        try:
            configuration = self.plant.configuration
            sink._changed(InForce(configuration.version(), 1, configuration))
            sink.mirror._local.begin()
            if not sink.mirror._local.complete:  # what `Mirror._rebuild` does
                self.pass_on(sink)
                sink.mirror._local.completed(sink.cursor)
            sink.mirror.ready = True
            sink._start_outputs()
            if behind:
                self.pass_on(sink)
                settled(sink)
            yield sink
        finally:
            sink.stop()
            assert sink.error is None

    def pass_on(self, sink: CallSink) -> None:
        """What is on the topic and was not taken."""
        following = sink.mirror._local.following(PLACE)
        new = [Taken(n, data) for n, data in enumerate(self.topic) if n >= following]
        if new:
            sink.mirror._take(PLACE, new, 0)


def settled(sink: CallSink) -> None:
    """The call log has what was taken, everybody is told, and that is recorded."""
    stage = sink.stage
    until(
        lambda: (
            bool(sink.failure)
            or (
                stage.feed.behind() == 0
                and stage.core.position >= stage.store.end()
                and stage.caller.position >= stage.store.outbox_end()
                and not stage.stepper.open_positions
            )
        )
    )
    assert not sink.failure


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as running:
        yield running


@pytest.fixture
def city(tmp_path: Path, hook: Webhook) -> City:
    roster = (
        f'version: 1\npersons:\n  - {{id: zhang, channels: ["{hook.url("zhang")}"], '
        "verified: 2026-10-01}\nchains: [{site: east, call: [zhang]}]\n"
    )
    (tmp_path / "roster.yaml").write_text(roster, encoding="utf-8")
    made = plant_of(tmp_path, head=HEAD.replace("mqtt: {}", "") + CALLS)
    return City(replace(made, cluster=AWAY))


def log_of(city: City) -> Path:
    return city.plant.storage.directory / "sink-calls" / "calls"


def test_what_stands_is_called_for_what_is_answered_is_not_and_a_restart_calls_nobody_again(
    city: City, hook: Webhook
) -> None:
    city.value(60.0)
    city.acknowledge("li")
    with city.sink():
        assert hook.messages == [], "it was answered before anybody was there to call"
        city.value(5.0)
        city.value(60.0)  # closed in between: an alarm of its own
    with city.sink() as sink:
        assert len(hook.messages) == 1
        status = sink.status()
        assert (status.calls["open"], status.calls["caller"]["told"]) == (1, 1)
        assert status.role == "sink-calls"
        sink._last = status
        assert [r.value for r in sink.readings() if r.metric.name == "lifeline_calls_open"] == [1]
    with city.sink() as sink:
        assert len(hook.messages) == 1, "a restart calls nobody twice"
        city.acknowledge("li")
        city.pass_on(sink)
        settled(sink)
        assert sink.stage.core.open_calls() == []
    records = call_records(log_of(city))
    assert [r.rule for r in records] == ["call.due", "call.called", "call.answered"]
    assert records[-1].detail["principal"] == "li"
    assert {pair[1] for pair in asked(records)} == {"zhang"}
    assert set(recorded(records)) == asked(records)


def test_an_empty_directory_begins_with_what_stands(city: City, hook: Webhook) -> None:
    city.value(60.0)
    with city.sink(behind=False) as sink:
        settled(sink)
        assert len(hook.messages) == 1
        assert sink.stage.feed.heard == 0, "from the standing alarms, not from the past"


def test_records_that_come_again_after_a_crash_call_nobody_again(city: City, hook: Webhook) -> None:
    with city.sink() as sink:
        city.value(60.0)
        city.pass_on(sink)
        settled(sink)
        # The cursors of a killed process lie behind what it has done.
        sink.store.set_cursor(sink.cursor, 0).wait()
        sink.stage.feed.wake()
        settled(sink)
        sink.mirror._take(PLACE, [Taken(n, data) for n, data in enumerate(city.topic)], 0)
        settled(sink)
        assert sink.stage.core.counters()["repeated"] > 0
    assert len(hook.messages) == 1
    assert told(hook.messages) == [set()], "without links there is none in the message"


def test_a_reload_takes_another_roster_and_refuses_what_needs_a_restart(
    city: City, hook: Webhook, tmp_path: Path
) -> None:
    with city.sink() as sink:
        with pytest.raises(SpecError, match="node"):
            sink.reload(replace(city.plant, node="other"))
        with pytest.raises(SpecError, match="no roster"):
            sink.reload(replace(city.plant, calls=None))
        roster = tmp_path / "roster.yaml"
        roster.write_text(roster.read_text().replace("zhang", "li"), encoding="utf-8")
        wanted = plant_of(tmp_path, head=HEAD.replace("mqtt: {}", "") + CALLS)
        sink.reload(replace(wanted, cluster=AWAY))
        city.value(60.0)
        city.pass_on(sink)
        settled(sink)
        assert [m.to for m in hook.messages] == ["li"]


def test_without_kafka_and_roster_it_says_so(city: City) -> None:
    sink = CallSink(replace(city.plant, calls=None))
    with pytest.raises(SpecError, match="no roster"):
        sink.start()
    waiting = CallSink(city.plant)
    waiting.start()
    try:
        with pytest.raises(SinkError, match="does not run yet"):
            waiting.reload(city.plant)
        assert waiting.status().calls == {}
    finally:
        waiting.stop()
