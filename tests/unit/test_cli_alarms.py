"""alerts, ack, shelve, digest and replay beside a data directory, with and without an engine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lifeline.engine.cli.app import app
from lifeline.engine.cli.exits import ExitCode
from lifeline.engine.cli.standing import find_alarm
from lifeline.engine.clock import ManualClock
from lifeline.engine.command import Command, Reply
from lifeline.engine.config import load
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header, Payload, Tick, decode, encode
from lifeline.engine.errors import SpecError
from lifeline.engine.frame import Frame
from lifeline.engine.log import Inbox, LogStore
from lifeline.engine.outputs.standing import standing_changes
from plant_files import PlantFiles

T0 = 1_717_200_000 * 1_000_000_000
SECOND = 1_000_000_000
GAS, PRESSURE, WEST = 0, 1, 2


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


@dataclass
class Plant:
    """A plant that has run: its file, its data directory, its log while it is open."""

    config: Path
    data: Path

    def run(self, *arguments: object) -> Result:
        return run(*arguments, "--config", self.config)


def story(plant: Plant) -> None:
    """Writes a log, and the records that it leads to, as an engine does."""
    configuration = load(plant.config).configuration
    registry = configuration.version()
    clock = ManualClock(T0)
    store = LogStore.open(plant.data, clock)
    core = Core()

    def log(payload: Payload, at_s: int) -> None:
        clock.step_wall(T0 + at_s * SECOND - clock.wall())
        header = Header("", "test", 0, T0 + at_s * SECOND, registry=registry)
        store.append([encode(Entry(header, payload))]).wait(180)
        for position, data in store.read(core.position, 10):
            records = list(core.step(position, decode(data)))
            rows = [(r.site, r.seq, r.encode()) for r in records]
            if rows:
                store.append_records(position, rows, standing_changes(records)).wait(180)

    def sample(sensor: int, at_s: int, value: float) -> None:
        log(Frame.of([sensor], [T0 + at_s * SECOND], [value]), at_s)

    log(configuration, 0)
    log(Tick(T0), 0)
    for at_s, east, west in [(10, 5, 5), (20, 30, 5), (30, 60, 30), (40, 60, 5)]:
        sample(GAS, at_s, east)
        sample(WEST, at_s, west)
        sample(PRESSURE, at_s, 400)
    store.close()


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Plant:
    directory = tmp_path_factory.mktemp("plant")
    plant = Plant(PlantFiles().write(directory), directory / "lifeline-data")
    story(plant)
    return plant


# --- alerts ------------------------------------------------------------------------------------------


def test_what_stands_is_printed_with_its_name_and_level(plant: Plant) -> None:
    done = plant.run("alerts", "--lang", "en")
    assert done.exit_code == 0
    (red, orange) = done.stdout.splitlines()
    assert red.startswith("RED    红色  east/gas.high~GD-1  [unacknowledged]")
    assert "is 60 %LEL, limit 50 %LEL" in red
    assert orange.startswith("NORMAL 正常  west/gas.high~GD-1  [returned unacknowledged]")


def test_alarms_are_chosen_by_site_and_by_level(plant: Plant) -> None:
    assert len(plant.run("alerts", "--site", "west").stdout.splitlines()) == 1
    assert len(plant.run("alerts", "--level", "orange").stdout.splitlines()) == 2
    assert "east" in plant.run("alerts", "--level", "red").output
    assert len(plant.run("alerts", "--level", "red").stdout.splitlines()) == 1
    assert plant.run("alerts", "--level", "violet").exit_code == ExitCode.FOUND


def test_calm_is_said(plant: Plant) -> None:
    assert plant.run("alerts", "--site", "north", "--lang", "en").stdout == "No alarm stands.\n"
    assert plant.run("alerts", "--site", "north", "--lang", "zh").stdout == "没有报警。\n"


def test_the_last_records_are_printed_in_order_in_either_language(plant: Plant) -> None:
    lines = plant.run("alerts", "--last", "10", "--lang", "zh").stdout.splitlines()
    assert [line.split()[2] for line in lines] == ["ORANGE", "RED", "ORANGE", "NORMAL"]
    assert "橙色报警" in lines[0]
    assert plant.run("alerts", "--last", "1", "--lang", "zh").stdout.splitlines() == lines[-1:]


def test_json_is_the_document_of_the_topics(plant: Plant) -> None:
    lines = plant.run("alerts", "--last", "10", "--json").stdout.splitlines()
    records = [json.loads(line) for line in lines]
    assert [(r["site"], r["seq"]) for r in records] == [
        ("east", 1),
        ("east", 2),
        ("west", 1),
        ("west", 2),
    ]
    assert set(records[0]["text"]) == {"en", "zh"}
    assert records[1]["alarm"] == "gas.high~GD-1"


def test_without_a_terminal_there_are_no_control_characters(plant: Plant) -> None:
    for arguments in (["alerts"], ["alerts", "--last", "10"], ["check"], ["digest"]):
        output = (
            plant.run(*arguments).output
            if arguments != ["check"]
            else run("check", plant.config).output
        )
        assert [c for c in output if ord(c) < 32 and c != "\n"] == []


def test_a_directory_without_a_log_is_told(tmp_path: Path) -> None:
    config = PlantFiles().write(tmp_path)
    done = run("alerts", "--config", config)
    assert done.exit_code == ExitCode.STORAGE
    assert "has the engine of this plant run yet?" in done.output
    assert run("alerts", "--config", tmp_path / "none.yaml").exit_code == ExitCode.FOUND
    assert run("alerts", "--data", tmp_path).exit_code == ExitCode.STORAGE


# --- ack, shelve, unshelve -------------------------------------------------------------------------------


class Answering:
    """The engine's side of the inbox: holds the directory, answers by what it is told to."""

    def __init__(self, directory: Path, outcome: str) -> None:
        self.commands: list[Command] = []
        self._store = LogStore.open(directory)
        self._inbox = Inbox(directory)
        self._outcome = outcome
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()

    def _answer(self) -> None:
        while not self._stop.wait(0.01):
            for command in self._inbox.poll():
                self.commands.append(command)
                reason = "it rose" if self._outcome == "refused" else ""
                outcome: object = self._outcome
                self._inbox.reply(
                    Reply(command.id, outcome, reason, command.site, command.alarm, 3)  # type: ignore[arg-type]
                )

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._inbox.close()
        self._store.close()


@pytest.fixture
def engine(plant: Plant) -> Iterator[Answering]:
    answering = Answering(plant.data, "done")
    yield answering
    answering.close()


@pytest.fixture
def refusing(plant: Plant) -> Iterator[Answering]:
    answering = Answering(plant.data, "refused")
    yield answering
    answering.close()


def test_an_acknowledgement_covers_what_stood_when_it_was_asked(
    plant: Plant, engine: Answering
) -> None:
    done = plant.run("ack", "east/gas.high~GD-1", "--reason", "seen", "--as", "wang")
    assert done.exit_code == 0, done.output
    (command,) = engine.commands
    assert (command.action, command.site, command.alarm) == ("acknowledge", "east", "gas.high~GD-1")
    assert (command.episode, command.seq) == (1, 2)
    assert (command.principal, command.reason, command.role) == ("wang", "seen", "cli")


def test_shelving_names_its_end(plant: Plant, engine: Answering) -> None:
    done = plant.run("shelve", "east/gas.high~GD-1", "--for", "8h", "--reason", "repair", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["outcome"] == "done"
    (command,) = engine.commands
    assert command.action == "shelve"
    assert command.expires - command.issued == pytest.approx(8 * 3600 * SECOND, rel=1e-3)
    assert (command.episode, command.seq) == (0, 0)


def test_unshelving_needs_no_more_than_the_name(plant: Plant, engine: Answering) -> None:
    assert plant.run("unshelve", "gas.high~GD-1", "--site", "west").exit_code == 0
    assert [(c.action, c.site) for c in engine.commands] == [("unshelve", "west")]


def test_maintenance_names_what_is_worked_on_how_long_and_why(
    plant: Plant, engine: Answering
) -> None:
    begin = ("--for", "4h", "--reason", "permit 17")
    assert plant.run("maintenance", "east", "--asset", "T-1", *begin).exit_code == 0
    assert plant.run("maintenance", "east", "--sensor", "GD-1", *begin).exit_code == 0
    assert plant.run("maintenance", "east", *begin).exit_code == 0
    assert plant.run("maintenance", "east", "--end").exit_code == 0
    assert [(c.action, c.site, c.alarm) for c in engine.commands] == [
        ("maintenance", "east", "maintenance~asset:T-1"),
        ("maintenance", "east", "maintenance~sensor:GD-1"),
        ("maintenance", "east", "maintenance~site"),
        ("end_maintenance", "east", "maintenance~site"),
    ]
    first = engine.commands[0]
    assert first.expires - first.issued == pytest.approx(4 * 3600 * SECOND, rel=1e-3)
    assert (first.reason, engine.commands[-1].expires) == ("permit 17", 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("eats", "--end"), "east"),
        (("--end",), "must be named"),
        (("east",), "--for"),
        (("east", "--for", "4h", "--end"), "--for"),
        (("east", "--for", "4h"), "--reason"),
        (("east", "--asset", "A", "--sensor", "S", "--end"), "not both"),
    ],
)
def test_a_maintenance_that_is_not_clear_is_refused_before_it_is_sent(
    plant: Plant, engine: Answering, arguments: tuple[str, ...], said: str
) -> None:
    done = plant.run("maintenance", *arguments)
    assert done.exit_code != 0
    assert said in done.output
    assert engine.commands == []


def test_an_alarm_or_a_whole_sensor_goes_out_of_service_and_back(
    plant: Plant, engine: Answering
) -> None:
    begin = ("--for", "20d", "--reason", "cell ordered")
    assert plant.run("out-of-service", "east/gas.high~GD-1", *begin).exit_code == 0
    assert plant.run("out-of-service", "sensor:GD-1", "--site", "east", *begin).exit_code == 0
    assert plant.run("out-of-service", "east/sensor:GD-1", "--end").exit_code == 0
    assert plant.run("reset", "east/gas.high~GD-1", "--reason", "tight").exit_code == 0
    assert [(c.action, c.site, c.alarm) for c in engine.commands] == [
        ("out_of_service", "east", "gas.high~GD-1"),
        ("out_of_service", "east", "sensor:GD-1"),
        ("in_service", "east", "sensor:GD-1"),
        ("reset", "east", "gas.high~GD-1"),
    ]


def test_a_refusal_is_told_and_is_an_exit_code(plant: Plant, refusing: Answering) -> None:
    done = plant.run("ack", "east/gas.high~GD-1", "--lang", "en")
    assert done.exit_code == ExitCode.FOUND
    assert "refused: it rose" in done.output


def test_without_an_engine_nothing_is_left_behind(plant: Plant) -> None:
    done = plant.run("ack", "east/gas.high~GD-1")
    assert done.exit_code == ExitCode.UNREACHABLE
    assert "no engine runs" in done.output
    inbox = Inbox(plant.data)
    assert inbox.poll() == []
    inbox.close()


def test_a_duration_that_is_none_is_refused(plant: Plant, engine: Answering) -> None:
    done = plant.run("shelve", "east/gas.high~GD-1", "--for", "soon", "--reason", "x")
    assert done.exit_code == ExitCode.FOUND
    assert engine.commands == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("gas.high~GD-1", "more than one site"),
        ("gas.hihg~GD-1", "east/gas.high~GD-1?"),
        ("GD-1", "<site>/<rule>~<sensor>"),
    ],
)
def test_an_alarm_that_is_none_or_two_is_refused(plant: Plant, text: str, told: str) -> None:
    done = plant.run("ack", text)
    assert done.exit_code == ExitCode.FOUND
    assert told in done.output


def test_an_alarm_that_does_not_stand_is_at_the_only_site() -> None:
    assert find_alarm("r~s", "", [], {"east": None}).site == "east"
    assert find_alarm("west/r~s", "", [], {"east": None}).site == "west"
    with pytest.raises(SpecError):
        find_alarm("r~s", "", [], {"east": None, "west": None})
    with pytest.raises(SpecError):
        find_alarm("west/r~s", "east", [], {})


# --- digest and replay of a log ----------------------------------------------------------------------------


def test_the_log_leads_to_its_records(plant: Plant) -> None:
    done = plant.run("digest", "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["holds"]
    assert {s["site"]: (s["seq"], s["verdict"]) for s in report["sites"]} == {
        "east": (2, "equal"),
        "west": (2, "equal"),
    }
    again = run("replay", plant.data, "--quiet")
    assert report["digest"] in again.output
    beside = run("digest", plant.data)
    assert f"digest {report['digest']}" in beside.output


def test_records_that_the_log_does_not_lead_to_are_found(tmp_path: Path) -> None:
    plant = Plant(PlantFiles().write(tmp_path), tmp_path / "lifeline-data")
    story(plant)
    store = LogStore.open(plant.data)
    forged = store.records_of("west", 1, 1)[0].data.replace(b'"orange"', b'"red"')
    store.append_records(1, [("north", 1, forged)]).wait(180)
    store.close()
    done = plant.run("digest", "--json")
    assert done.exit_code == ExitCode.FOUND
    verdicts = {s["site"]: s["verdict"] for s in json.loads(done.stdout)["sites"]}
    assert verdicts == {"east": "equal", "north": "not replayed", "west": "equal"}
    assert "does not lead to the stored records" in plant.run("digest").output


def test_a_log_is_judged_by_other_rules(plant: Plant, tmp_path: Path) -> None:
    same = run("replay", plant.data, "--config", plant.config, "--json").stdout.splitlines()
    verbatim = run("replay", plant.data, "--json").stdout.splitlines()
    assert same == verbatim
    files = PlantFiles()
    files.rules = files.rules.replace("orange: 25", "orange: 55").replace("red: 50", "red: 90")
    other = run("replay", plant.data, "--config", files.write(tmp_path), "--json").output
    records = [json.loads(line) for line in other.splitlines()]
    assert [(r["site"], r["level_after"]) for r in records[:-1]] == [("east", "orange")]


def test_files_are_replayed_to_an_equal_digest(plant: Plant, tmp_path: Path) -> None:
    lines = [f"2024-06-01T00:00:{s:02d}Z,{s},{s / 10}" for s in range(60)]
    text = "\n".join(["time,east/GD-1,PT-1", *lines]) + "\n"
    path = tmp_path / "day.csv"
    path.write_text(text)
    arguments = ("replay", path, "--config", plant.config, "--json")
    first, second = run(*arguments), run(*arguments, "--speed", "1000000")
    assert first.exit_code == 0, first.output
    summaries = [json.loads(r.stdout.splitlines()[-1])["summary"] for r in (first, second)]
    assert summaries[0] == summaries[1]
    assert summaries[0]["counters"]["judged"] == 120
    assert summaries[0]["alarms"] == {"orange": 1, "red": 1}


def test_files_need_rules_and_a_log_stands_alone(plant: Plant, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("time,PT-1\n2024-06-01T00:00:00Z,1\n")
    assert "--config" in run("replay", path).output
    assert "alone" in run("replay", path, plant.data, "-c", plant.config).output
