"""The second stage in a running engine: heard, judged, ordered, over several lives."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from embedded_runs import EAGER, START, Run, plant, replay, until
from lifeline.engine.areas.core import AreaCore
from lifeline.engine.areas.entry import AreaKind, Heard, decode_area
from lifeline.engine.command import Command
from lifeline.engine.config import Plant
from lifeline.engine.embedded import Engine, read_status
from lifeline.engine.entry import EntryKind, opened
from lifeline.engine.errors import SpecError
from lifeline.engine.frame import Frame
from lifeline.engine.limits import HOUR_NS, SECOND_NS
from lifeline.engine.log import LogReader
from lifeline.engine.record import Record, decode_record, first_break
from plant_files import AREA_RULES, AREA_TAGS, HEAD

AREAS = """\
areas:
  - path: hefei/shushan
    name: 蜀山区
    ladders: [{id: gas.ladder, select: {rule: gas.high}, count: points, off_delay: 5s}]
    halt_work:
      - {id: rain.halt, when: {rule: rain.high}, release_after: 5s}
  - path: hefei
    ladders: [{id: city.ladder, count: areas, counts: {yellow: 1, orange: 1}, off_delay: 5s}]
"""
EAST_GAS, EAST_RAIN, WEST_GAS = range(3)
HERE = "area:hefei/shushan"


def with_areas(directory: Path, areas: str = AREAS) -> Plant:
    return plant(directory, head=HEAD + areas, rules=AREA_RULES, tags=AREA_TAGS)


def area_replay(directory: Path) -> tuple[AreaCore, dict[tuple[str, int], bytes], list[int]]:
    """One core over the whole area log, its records, and the kinds of the entries."""
    reader, core = LogReader.open(directory / "areas"), AreaCore()
    records: dict[tuple[str, int], bytes] = {}
    kinds = []
    while entries := reader.read(core.position, 1_000):
        for position, data in entries:
            kinds.append(opened(data)[0])
            for record in core.step(position, decode_area(data)):
                records[record.site, record.seq] = record.encode()
    outbox = {(row.site, row.seq): row.data for row in reader.records(0, 1_000_000)}
    reader.close()
    assert outbox == records
    return core, records, kinds


@dataclass
class Areas:
    """A run whose area records are looked at by themselves."""

    run: Run
    seen: int = 0
    engines: list[Engine] = field(default_factory=list)

    def settled(self, engine: Engine) -> None:
        """Both stages stand at the ends of their logs, and nothing is on its way."""
        stage = engine.areas
        assert stage is not None

        def still() -> bool:
            fed = all(
                s.cursor("alert:areas") >= s.outbox_end() for s in (engine.store, stage.store)
            )
            stepped = stage.core.position >= stage.store.end()
            first = engine.core.position >= engine.store.end() and not engine.open_positions
            ticked = stage.core.wall > engine.clock.wall() - 2 * SECOND_NS
            return fed and stepped and first and ticked and not stage.stepper.open_positions

        until(lambda: bool(engine.failure) or still())
        assert not engine.failure

    def send(self, engine: Engine, *rows: tuple[int, float]) -> None:
        """One sample of each of these sensors, heard to the end."""
        self.run.clock.advance(SECOND_NS)
        now = engine.clock.wall()
        sensors, values = zip(*rows, strict=True)
        self.run.send_frame(engine, Frame.of(list(sensors), [now] * len(rows), list(values)))
        self.settled(engine)

    def pass_time(self, engine: Engine, seconds: int) -> None:
        for _ in range(seconds):
            self.run.pass_time(engine, 1)
            self.settled(engine)

    def told(self) -> list[str]:
        """What was recorded since the last look: `site alarm:transition:level`."""
        new = sorted(self.run.records[self.seen :], key=lambda r: (r.site, r.seq))
        self.seen = len(self.run.records)
        return [f"{r.site} {r.alarm}:{r.transition}:{r.level_after}" for r in new]


@pytest.fixture
def areas(tmp_path: Path) -> Areas:
    return Areas(Run(with_areas(tmp_path)))


def same_as_replay(areas: Areas) -> None:
    """Claim (a), for both logs; and the chain of every site and area is whole."""
    directory = areas.run.plant.storage.directory
    found = replay(directory)
    assert found.outbox == found.records
    core, records, _ = area_replay(directory)
    assert core.digest()
    by_site: dict[str, list[Record]] = {}
    for data in (*found.records.values(), *records.values()):
        record = decode_record(data)
        by_site.setdefault(record.site, []).append(record)
    for each in by_site.values():
        assert first_break(sorted(each, key=lambda r: r.seq)) is None


def test_two_sites_make_an_area_alarm_and_a_city_hears_it(areas: Areas) -> None:
    with areas.run.engine() as engine:
        areas.send(engine, (EAST_GAS, 30.0), (WEST_GAS, 30.0))
        assert areas.told() == [
            "area:hefei city.ladder~area:raised:orange",
            "area:hefei/shushan gas.ladder~area:raised:red",
            "east gas.high~GD-1:raised:orange",
            "west gas.high~GD-1:raised:orange",
        ]
        areas.send(engine, (EAST_GAS, 1.0), (WEST_GAS, 30.0))
        areas.send(engine, (EAST_GAS, 1.0), (WEST_GAS, 30.0))
        assert areas.told() == ["east gas.high~GD-1:returned:normal"]
        areas.pass_time(engine, 7)
        assert areas.told() == ["area:hefei/shushan gas.ladder~area:returned:normal"]
        areas.pass_time(engine, 7)
        assert areas.told() == ["area:hefei city.ladder~area:returned:normal"]
        standing = engine.status().areas["standing"]["by_state"]
        assert standing == {"returned_unacknowledged": 2}
    same_as_replay(areas)


def test_rain_halts_the_work_of_every_site_and_its_end_lets_it_resume(areas: Areas) -> None:
    with areas.run.engine() as engine:
        areas.send(engine, (EAST_RAIN, 60.0))
        assert areas.told() == [
            "area:hefei/shushan rain.halt~area:raised:orange",
            "east rain.high~RG-1:raised:orange",
            f"east rain.halt~{HERE}:raised:orange",
            f"west rain.halt~{HERE}:raised:orange",
        ]
        order = next(r for r in areas.run.records if r.site == "west")
        assert (order.tenant, order.detail["principal"]) == ("other", HERE)
        seen = Command("1", "acknowledge", "west", f"rain.halt~{HERE}", "duty")
        assert engine.act(seen).outcome == "done"
        for _ in range(2):
            areas.send(engine, (EAST_RAIN, 0.0))
        areas.pass_time(engine, 7)
        assert areas.told() == [
            "area:hefei/shushan rain.halt~area:returned:normal",
            "east rain.high~RG-1:returned:normal",
            f"east rain.halt~{HERE}:returned:normal",
            f"west rain.halt~{HERE}:acknowledged:orange",
            f"west rain.halt~{HERE}:cleared:normal",
        ]
    same_as_replay(areas)


def test_people_act_on_areas_as_on_sites(areas: Areas) -> None:
    with areas.run.engine() as engine:
        areas.send(engine, (EAST_GAS, 30.0), (WEST_GAS, 30.0))
        done = engine.act(Command("1", "acknowledge", HERE, "gas.ladder~area", "duty"))
        assert (done.outcome, done.seq) == ("done", 2)
        assert engine.act(Command("1", "acknowledge", HERE, "gas.ladder~area", "duty")).outcome == (
            "repeated"
        )
        halt = Command("2", "halt_work", HERE, "rain.halt~area", "duty", reason="forecast")
        assert engine.act(halt).outcome == "done"
        areas.settled(engine)
        assert areas.told() == [
            "area:hefei city.ladder~area:raised:orange",
            "area:hefei/shushan gas.ladder~area:raised:red",
            "area:hefei/shushan gas.ladder~area:acknowledged:red",
            "area:hefei/shushan rain.halt~area:raised:orange",
            "east gas.high~GD-1:raised:orange",
            f"east rain.halt~{HERE}:raised:orange",
            "west gas.high~GD-1:raised:orange",
            f"west rain.halt~{HERE}:raised:orange",
        ]
        reasons = [r.detail["reason"] for r in areas.run.records if r.rule == "rain.halt"]
        assert reasons == ["forecast"] * 3
        assert engine.act(Command("3", "resume_work", HERE, "rain.halt~area", "duty")).outcome == (
            "done"
        )
        areas.settled(engine)
        assert engine.act(Command("4", "acknowledge", "area:x", "a~area", "duty")).reason == (
            "no area 'area:x'"
        )
    same_as_replay(areas)


def test_it_goes_on_where_it_was_over_any_number_of_lives(areas: Areas) -> None:
    areas.run.pace = EAGER
    with areas.run.engine() as engine:
        areas.send(engine, (EAST_GAS, 30.0), (EAST_RAIN, 60.0))
    areas.told()
    for value in (30.0, 30.0):
        with areas.run.engine() as engine:
            status = engine.status().areas
            assert status["restored_from"] > 0
            areas.send(engine, (WEST_GAS, value), (EAST_RAIN, 60.0))
    assert areas.told() == [
        "area:hefei city.ladder~area:raised:orange",
        "area:hefei/shushan gas.ladder~area:raised:red",
        "west gas.high~GD-1:raised:orange",
    ]
    same_as_replay(areas)


def test_what_stood_before_the_first_area_is_known_to_it(tmp_path: Path) -> None:
    before = Run(plant(tmp_path, rules=AREA_RULES, tags=AREA_TAGS))
    with before.engine() as engine:
        now = START + SECOND_NS
        before.clock.advance(SECOND_NS)
        before.send_frame(engine, Frame.of([EAST_GAS, WEST_GAS], [now, now], [30.0, 30.0]))
    assert not (before.plant.storage.directory / "areas").exists()
    areas = Areas(Run(with_areas(tmp_path), clock=before.clock))
    with areas.run.engine() as engine:
        areas.settled(engine)
        stored = LogReader.open(areas.run.plant.storage.directory / "areas")
        found = [decode_record(row.data) for row in stored.records(0, 99)]
        stored.close()
        assert [(r.site, r.level_after) for r in found] == [
            (HERE, "red"),
            ("area:hefei", "orange"),
        ]
        assert found[0].detail["by"] in ("east#1", "west#1")
    _, _, kinds = area_replay(areas.run.plant.storage.directory)
    assert kinds.count(AreaKind.STANDING) == 3
    with areas.run.engine() as engine:
        areas.settled(engine)
    _, _, kinds = area_replay(areas.run.plant.storage.directory)
    assert kinds.count(AreaKind.STANDING) == 3, "only once"


def test_a_crash_between_the_two_logs_loses_and_doubles_nothing(areas: Areas) -> None:
    """The cursor is behind what the area log has: the same records are logged and heard again."""
    with areas.run.engine() as engine:
        areas.send(engine, (EAST_GAS, 30.0), (WEST_GAS, 30.0))
        areas.send(engine, (EAST_RAIN, 60.0))
        told = areas.told()
    with areas.run.engine() as engine:
        stage = engine.areas
        assert stage is not None
        stage.feed.stop(SECOND_NS)
        for store in (engine.store, stage.store):
            store.set_cursor("alert:areas", 0).wait()
    with areas.run.engine() as engine:
        areas.settled(engine)
        assert engine.status().areas["counters"]["repeated"] >= 4
        areas.send(engine, (EAST_GAS, 30.0))
    assert areas.told() == []
    assert len(told) == 8
    same_as_replay(areas)


def test_orders_that_are_given_again_change_nothing(areas: Areas) -> None:
    """No snapshot of the areas: the whole area log is stepped again, its orders come again."""
    with areas.run.engine() as engine:
        areas.send(engine, (EAST_RAIN, 60.0))
    areas.told()
    (areas.run.plant.storage.directory / "areas" / "snapshots.db").unlink()
    with areas.run.engine() as engine:
        areas.settled(engine)
        assert engine.status().areas["restored_from"] == 0
        assert engine.status().areas["orders"] == 2
    assert areas.told() == []
    assert [t.kind for t in areas.run.troubles] == []
    same_as_replay(areas)


def test_a_reload_changes_areas_and_a_first_one_needs_a_restart(
    areas: Areas, tmp_path: Path
) -> None:
    with areas.run.engine() as engine:
        areas.send(engine, (EAST_GAS, 30.0), (WEST_GAS, 30.0))
        areas.told()
        engine.reload(with_areas(tmp_path, AREAS.replace("gas.ladder,", "gas.other,")))
        areas.settled(engine)
        assert areas.told() == [
            "area:hefei/shushan gas.ladder~area:withdrawn:normal",
            "area:hefei/shushan gas.other~area:raised:red",
        ]
        assert "area:hefei/shushan" in engine.places()
        engine.reload(plant(tmp_path, rules=AREA_RULES, tags=AREA_TAGS))
        areas.settled(engine)
        assert engine.status().areas["standing"]["by_state"] == {}
    same_as_replay(areas)
    none = tmp_path / "none"
    none.mkdir()
    run = Run(plant(none, rules=AREA_RULES, tags=AREA_TAGS))
    with run.engine() as engine, pytest.raises(SpecError, match="only with a restart"):
        engine.reload(with_areas(none))


def test_a_silent_site_is_one_area_alarm(areas: Areas) -> None:
    with areas.run.engine() as engine:
        areas.send(engine, (EAST_GAS, 1.0), (EAST_RAIN, 1.0), (WEST_GAS, 1.0))
        for _ in range(5):
            areas.pass_time(engine, 8)
            areas.send(engine, (WEST_GAS, 1.0))
        until(lambda: any(r.rule == "area.silence" for r in areas.run.records))
        areas.settled(engine)
        silent = [r for r in areas.run.records if r.rule == "area.silence"]
        assert [(r.site, r.subject, r.detail["sensors"]) for r in silent] == [
            ("area:hefei", "east", "2"),
            (HERE, "east", "2"),
        ]
        areas.send(engine, (EAST_GAS, 1.0))
        areas.pass_time(engine, 4)
        until(lambda: areas.run.records[-1].rule == "area.silence")
        assert areas.run.records[-1].transition == "returned"
    same_as_replay(areas)


def test_an_hour_away_blames_nobody(areas: Areas) -> None:
    with areas.run.engine() as engine:
        areas.send(engine, (EAST_GAS, 30.0), (WEST_GAS, 30.0))
        areas.told()
    areas.run.clock.advance(HOUR_NS)
    with areas.run.engine() as engine:
        areas.settled(engine)
        areas.pass_time(engine, 4)
        alarms = [line for line in areas.told() if "engine.blind" not in line]
        assert alarms == []
    same_as_replay(areas)


def test_entries_are_of_the_area_log_alone(areas: Areas) -> None:
    with areas.run.engine() as engine:
        areas.send(engine, (EAST_GAS, 30.0))
    _, _, kinds = area_replay(areas.run.plant.storage.directory)
    assert kinds[:2] == [EntryKind.TICK, AreaKind.AREA_CONFIG]
    assert set(kinds) == {
        EntryKind.TICK,
        AreaKind.AREA_CONFIG,
        AreaKind.RECORDS,
        AreaKind.ALIVE,
    }
    status = read_status(areas.run.plant.storage.directory)
    assert status is not None
    assert status.areas["areas"] == 2
    reader = LogReader.open(areas.run.plant.storage.directory / "areas")
    batches = [decode_area(data).payload for _, data in reader.read(0, 999)]
    reader.close()
    assert [len(b.records) for b in batches if isinstance(b, Heard)] == [1]


def test_the_command_line_shows_areas_beside_sites_and_proves_their_log(
    areas: Areas, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from lifeline.engine.cli.app import app

    monkeypatch.setenv("COLUMNS", "200")
    with areas.run.engine() as engine:
        areas.send(engine, (EAST_GAS, 30.0), (WEST_GAS, 30.0))
    data = ["--data", str(areas.run.plant.storage.directory)]
    config = ["--config", str(areas.run.plant.storage.directory.parent / "lifeline.yaml")]
    run = CliRunner()
    shown = run.invoke(app, ["alerts", *data, *config]).output
    assert "蜀山区" in shown
    assert "GD-1" in shown
    last = run.invoke(app, ["alerts", "--last", "3", "--json", *data]).output
    assert sorted('"site":"area:' in line for line in last.splitlines()) == [False, True, True]
    directory = str(areas.run.plant.storage.directory)
    proved = run.invoke(app, ["digest", directory, "--json"])
    assert proved.exit_code == 0
    document = msgspec.json.decode(proved.output)
    assert [(s["site"], s["verdict"]) for s in document["areas"]["sites"]] == [
        ("area:hefei", "equal"),
        ("area:hefei/shushan", "equal"),
    ]


def test_a_lost_area_log_begins_with_what_stands(areas: Areas) -> None:
    with areas.run.engine() as engine:
        areas.send(engine, (EAST_GAS, 30.0), (WEST_GAS, 30.0))
    shutil.rmtree(areas.run.plant.storage.directory / "areas")
    with areas.run.engine() as engine:
        areas.settled(engine)
        assert engine.areas is not None
        assert [(s.site, s.level) for s in engine.areas.core.standing()] == [
            ("area:hefei", "orange"),
            (HERE, "red"),
        ]
        assert "doubts" not in engine.areas.core.counters()


def test_without_areas_nothing_waits_for_them(areas: Areas, tmp_path: Path) -> None:
    with areas.run.engine() as engine:
        areas.send(engine, (EAST_GAS, 30.0))
        assert "alert:areas" in engine.store.cursors()
    shutil.rmtree(areas.run.plant.storage.directory / "areas")
    run = Run(plant(tmp_path, rules=AREA_RULES, tags=AREA_TAGS), clock=areas.run.clock)
    with run.engine() as engine:
        assert engine.areas is None
        until(lambda: "alert:areas" not in engine.store.cursors())
        assert engine.status().areas == {}


def test_a_site_that_comes_with_a_reload_is_known_before_its_first_record(
    areas: Areas, tmp_path: Path
) -> None:
    sites = (
        "sites:\n  - {id: east, area: hefei/shushan/east}\n"
        "  - {id: west, area: hefei/shushan/west, tenant: other}\n"
        "  - {id: north, area: hefei/shushan/north}\n"
    )
    tags = AREA_TAGS + "GD-1,north,gas.combustible,%LEL,0,100,periodic 10s,methane\n"
    with areas.run.engine() as engine:
        areas.send(engine, (EAST_RAIN, 60.0))
        areas.told()
        engine.reload(plant(tmp_path, head=HEAD + AREAS, rules=AREA_RULES, tags=tags, sites=sites))
        areas.settled(engine)
        assert areas.told() == [f"north rain.halt~{HERE}:raised:orange"]
        areas.send(engine, (3, 30.0), (EAST_GAS, 30.0))
        assert "area:hefei/shushan gas.ladder~area:raised:red" in areas.told()
        assert engine.areas is not None
        assert "doubts" not in engine.areas.core.counters()
    same_as_replay(areas)
