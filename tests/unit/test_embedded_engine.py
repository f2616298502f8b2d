"""An engine over several lives: what it logs, what it tells, that it judges like a replay."""

import threading
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from embedded_runs import EAGER, RULES, Run, plant, replay, until
from lifeline.engine.command import Command
from lifeline.engine.config import Plant
from lifeline.engine.configuration import Configuration
from lifeline.engine.embedded import Engine, read_status
from lifeline.engine.entry import Tick, decode
from lifeline.engine.errors import LogError, SpecError
from lifeline.engine.frame import Frame
from lifeline.engine.limits import HOUR_NS, MINUTE_NS, SECOND_NS
from lifeline.engine.log import Inbox, LogInUse, LogReader, Nondeterminism
from lifeline.engine.record import decode_record


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(plant(tmp_path))


def same_as_replay(run: Run, engine: Engine) -> None:
    """Claim (a): the outbox and digest of what ran are those of one replay of the log."""
    found = replay(run.plant.storage.directory)
    assert found.outbox == found.records
    assert found.digest == engine.core.digest()


def test_a_first_start_logs_the_configuration_then_the_time(run: Run) -> None:
    with run.engine() as engine:
        assert engine.state == "running"
        assert engine.core.configuration == run.plant.configuration
    assert replay(run.plant.storage.directory).kinds == ["config", "tick"]
    assert run.records == []
    assert run.troubles == []


def test_the_same_configuration_is_not_logged_again(run: Run) -> None:
    for _ in range(3):
        with run.engine() as engine:
            run.pass_time(engine, 3)
    assert replay(run.plant.storage.directory).kinds.count("config") == 1


def test_alarms_are_told_once_durable_and_survive_any_number_of_lives(run: Run) -> None:
    run.pace = EAGER
    with run.engine() as engine:
        run.send(engine, 10.0, 30.0, 60.0)
    assert run.names() == ["gas.high:raised:orange", "gas.high:level:red"]
    stored = LogReader.open(run.plant.storage.directory)
    assert [decode_record(row.data) for row in stored.records(0, 99)] == run.records
    stored.close()
    for values in ((60.0,), (10.0, 10.0), (30.0,)):  # the fall is believed when seen twice
        with run.engine() as engine:
            assert engine.status().snapshot["restored_from"] > 0
            run.send(engine, *values)
    assert [r.seq for r in run.records if r.site == "east"] == list(range(1, 5))
    assert run.names()[2:] == ["gas.high:returned:normal", "gas.high:raised:orange"]
    same_as_replay(run, engine)


def test_a_delay_runs_over_a_restart_by_ticks_alone(run: Run) -> None:
    with run.engine() as engine:
        run.send(engine, 21.0)
        run.pass_time(engine, 4)
        assert run.records == []
    run.clock.advance(SECOND_NS)
    with run.engine() as engine:
        run.pass_time(engine, 12)
    raised = [r for r in run.records if r.rule == "gas.held"]
    assert [(r.transition, r.time - r.onset) for r in raised] == [("raised", 10 * SECOND_NS)]
    same_as_replay(run, engine)


def test_a_timer_gets_its_tick_when_the_core_stands_at_the_end(run: Run) -> None:
    with run.engine() as engine:
        run.send(engine, 21.0)
        due = engine.clock.wall() + 12 * SECOND_NS  # on_delay and the source's grace
        while engine.clock.wall() < due - SECOND_NS // 2:
            run.clock.advance(SECOND_NS // 2)
            until(lambda: engine.core.wall > engine.clock.wall() - 2 * SECOND_NS)
        run.clock.advance(SECOND_NS // 2)
        until(lambda: bool(run.records))
        assert engine.core.wall == due, "not at the next regular tick"


def test_an_hour_away_makes_one_blind_and_no_storm(run: Run) -> None:
    with run.engine() as engine:
        for sensor, value in ((0, 21.0), (1, 1.0), (2, 1.0)):
            run.send(engine, value, sensor=sensor)
    run.clock.advance(HOUR_NS)
    with run.engine() as engine:
        (blind,) = run.records
        assert (blind.site, blind.rule) == ("_engine", "engine.blind")
        assert blind.value == (blind.time - blind.onset) / SECOND_NS
        assert blind.time == engine.clock.wall()
        ticks = [decode(data).payload for _, data in engine.store.read(0, 99)]
        assert [t.resumed for t in ticks if isinstance(t, Tick)].count(True) == 1
        # What the broker kept meanwhile, at the sensor's own pace.
        ages = range(3600, -1, -10)
        times = [engine.clock.wall() - age * SECOND_NS for age in ages]
        values = [60.0 + age / 1e4 for age in ages]
        run.send_frame(engine, Frame.of([0] * len(times), times, values))
    raised, actual = (r for r in run.records if r.rule == "gas.high")
    assert (raised.transition, raised.historic) == ("raised", True), "calls nobody"
    assert (actual.transition, actual.historic) == ("actual", False), "it stands now"
    assert actual.time == times[-7], "the first sample no older than a minute"
    assert "engine.stale" not in {r.rule for r in run.records}
    same_as_replay(run, engine)


def test_changed_files_are_logged_at_start_and_keep_what_is_unchanged(
    run: Run, tmp_path: Path
) -> None:
    with run.engine() as engine:
        run.send(engine, 60.0)
    run.plant = plant(tmp_path, rules=RULES.replace("orange: 25 %LEL, red: 50", "red: 40"))
    run.clock.advance(SECOND_NS)
    with run.engine() as engine:
        assert [s.state for s in engine.core.standing()] == ["unacknowledged"]
        run.send(engine, 45.0)
    assert run.names() == ["gas.high:raised:red"], "45 %LEL is still beyond the new limit"
    assert replay(run.plant.storage.directory).kinds.count("config") == 2
    same_as_replay(run, engine)


def test_reload_changes_rules_on_the_running_engine(run: Run, tmp_path: Path) -> None:
    with run.engine() as engine:
        run.send(engine, 21.0)
        engine.reload(plant(tmp_path, rules=RULES.replace("orange: 25", "orange: 20")))
        run.send(engine, 21.5)
        assert run.names() == ["gas.high:raised:orange"]
        engine.reload(plant(tmp_path, rules="rules: []\n"))
        run.stepped(engine)
        assert run.names()[1:] == ["gas.high:withdrawn:normal"]
        before = engine.store.end()
        engine.reload(plant(tmp_path, rules="rules: []\n"))
        kinds = [decode(d).kind.name for _, d in engine.store.read(before, 99)]
        assert "CONFIG" not in kinds, "nothing has changed"
    same_as_replay(run, engine)


def test_what_needs_a_restart_is_refused_and_changes_nothing(run: Run, tmp_path: Path) -> None:
    with run.engine() as engine:
        with pytest.raises(SpecError, match="node changes only with a restart"):
            engine.reload(replace(run.plant, node="another"))
        run.send(engine, 30.0)
        assert run.names() == ["gas.high:raised:orange"]


def test_a_configuration_that_cannot_run_never_reaches_the_log(run: Run) -> None:
    rules = run.plant.configuration.rules
    strange = msgspec.structs.replace(rules[0], kind="from-tomorrow")
    configuration = msgspec.structs.replace(run.plant.configuration, rules=(strange,))
    with run.engine() as engine:
        with pytest.raises(SpecError, match="unknown rule kind"):
            engine.reload(with_configuration(run.plant, configuration))
        run.send(engine, 30.0)
        assert run.names() == ["gas.high:raised:orange"]
    run.plant = with_configuration(run.plant, configuration)
    with pytest.raises(SpecError, match="unknown rule kind"), run.engine():
        pass
    kinds = replay(run.plant.storage.directory).kinds
    assert kinds.count("config") == 1


def with_configuration(plant: Plant, configuration: Configuration) -> Plant:
    return replace(plant, configuration=configuration)


def command(number: int, action: str = "acknowledge", **fields: object) -> Command:
    return msgspec.convert(
        {
            "id": f"c{number}",
            "action": action,
            "site": "east",
            "alarm": "gas.high~GD-1",
            "principal": "joe",
            **fields,
        },
        Command,
    )


def test_a_command_is_answered_with_its_record_and_a_repeat_is_harmless(run: Run) -> None:
    with run.engine() as engine:
        assert engine.act(command(1)).outcome == "refused"
        run.send(engine, 60.0)
        done = engine.act(command(2))
        assert (done.outcome, done.seq) == ("done", 2)
        assert engine.act(command(2)).outcome == "repeated"
        expires = engine.clock.wall() + MINUTE_NS
        assert engine.act(command(3, "shelve", expires=expires)).outcome == "done"
        run.pass_time(engine, 62)
    transitions = [r.transition for r in run.records if r.rule == "gas.high"]
    assert [t for t in transitions if t != "unknown"] == [
        "raised",
        "acknowledged",
        "shelved",
        "unshelved",
    ]
    same_as_replay(run, engine)


def test_another_process_commands_by_the_inbox_also_while_the_engine_is_away(run: Run) -> None:
    with run.engine() as engine:
        run.send(engine, 60.0)
        inbox = Inbox(run.plant.storage.directory)
        inbox.submit(command(1))
        reply = inbox.wait_reply("c1", 30.0)
        assert reply is not None
        assert reply.outcome == "done"
    expires = run.clock.wall() + MINUTE_NS
    inbox.submit(command(2, "shelve", expires=expires))
    with run.engine() as engine:
        reply = inbox.wait_reply("c2", 30.0)
        assert reply is not None
        assert reply.outcome == "done"
        assert inbox.wait_reply("c1", 0.0).outcome == "done"  # type: ignore[union-attr]
    inbox.close()
    assert run.names()[-1] == "gas.high:shelved:red"
    same_as_replay(run, engine)


def test_one_engine_to_a_directory(run: Run) -> None:
    with run.engine(), pytest.raises(LogInUse), run.engine():
        pass
    with run.engine() as engine:
        assert engine.state == "running"


def test_the_status_file_tells_how_it_is_and_how_it_ended(run: Run) -> None:
    directory = run.plant.storage.directory
    assert read_status(directory) is None
    with run.engine() as engine:
        run.send(engine, 60.0)
        status = engine.status()
        assert status.state == "running"
        assert status.core["position"] == engine.store.end()
        assert status.standing == {
            "by_level": {"red": 1},
            "by_state": {"unacknowledged": 1},
            "by_level_and_state": {"red": {"unacknowledged": 1}},
            "in_drills": 0,
        }
        assert engine.health()["state"] == "running"
        written = read_status(directory)
        assert written is not None
        assert written.core == status.core
    last = read_status(directory)
    assert last is not None
    assert (last.state, last.failure) == ("stopped", "")
    assert last.snapshot["position"] == last.core["position"]
    (directory / "status.json").write_text("{")
    with pytest.raises(LogError, match="cannot be read"):
        read_status(directory)


def test_a_record_that_differs_from_the_stored_one_ends_the_engine(run: Run) -> None:
    with run.engine() as engine:
        run.send(engine, 10.0)
        forged = b'{"hash":"00"}'
        engine.store.append_records(1, [("east", 1, forged)]).wait()
        run.send(engine, 60.0)
        assert engine.wait(180.0)
        until(lambda: engine.state == "failed")
        end = engine.store.end()
        assert isinstance(engine.error, Nondeterminism)
        assert engine.failure.startswith("nondeterminism: ")
        with pytest.raises(LogError, match="nondeterminism"):
            engine.submit(command(1))
        run.clock.advance(MINUTE_NS)
        threading.Event().wait(1.0)
        assert engine.store.end() == end, "nothing more is appended"
        assert engine.health()["failure"] == engine.failure
    assert [t.kind for t in run.troubles] == ["nondeterminism"]
    assert run.names() == []
    status = read_status(run.plant.storage.directory)
    assert status is not None
    assert (status.state, status.snapshot["position"]) == ("failed", 0)
    with pytest.raises(Nondeterminism), run.engine():
        pass


def test_cursors_of_outputs_that_are_gone_hold_nothing_back(tmp_path: Path) -> None:
    run = Run(plant(tmp_path))
    with run.engine() as engine:
        engine.store.set_cursor("series:influx", 1).wait()
    with run.engine() as engine:
        until(lambda: not engine.store.cursors())
    assert [(t.kind, t.source) for t in run.troubles] == [("output_dropped", "series:influx")]
