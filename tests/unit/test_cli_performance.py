"""lifeline performance and replay --performance, beside a data directory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from area_logs import SiteAlarms
from lifeline.engine.alarm_table import Event
from lifeline.engine.cli.app import app
from lifeline.engine.cli.exits import ExitCode
from lifeline.engine.clock import ManualClock
from lifeline.engine.entry import Entry, Header, Tick, encode
from lifeline.engine.limits import DAY_NS
from lifeline.engine.log import LogStore
from lifeline.engine.outputs.standing import standing_changes
from lifeline.engine.outputs.times import rfc3339
from lifeline.engine.performance import Performance
from lifeline.engine.record import Record, decode_record
from performance_streams import SECOND, T0, TEN_MINUTES, stream
from plant_files import PlantFiles

SITES = """\
sites:
  - {id: east, area: hefei/shushan/east, timezone: Asia/Shanghai, position: 调度一台}
  - {id: west, area: hefei/shushan/west, timezone: Asia/Shanghai, tenant: other}
"""
DAY = ("--from", "2026-01-01", "--to", "2026-01-01")  # T0, to the end of the day


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def store_records(data: Path, records: list[Record]) -> None:
    """A log that an engine has left at T0, and these records."""
    store = LogStore.open(data, ManualClock(T0))
    store.append([encode(Entry(Header(), Tick(T0)))]).wait(180)
    for i, record in enumerate(records):
        rows = [(record.site, record.seq, record.encode())]
        store.append_records(1, rows, standing_changes(records[i : i + 1])).wait(180)
    store.close()


def story() -> list[Record]:
    """Twelve blue alarms at east in the first ten minutes, one answered; red at west, standing."""
    east, west = SiteAlarms("east"), SiteAlarms("west", "hefei/shushan/west")
    records: list[Record] = []
    for i in range(12):
        east.time = T0 + 40 * i * SECOND
        records += east.set("gas.high~GD-1", "blue") + east.set("gas.high~GD-1", "normal")
    east.time = T0 + 500 * SECOND
    records += east.event("gas.high~GD-1", Event.ACKNOWLEDGE)
    west.time = T0 + 700 * SECOND
    records += west.set("gas.high~GD-1", "red")
    west.time = T0 + 800 * SECOND
    return records + west.set("drill~GD-1", "red", exercise=True)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("plant")
    config = PlantFiles(sites=SITES).write(directory)
    store_records(directory / "lifeline-data", story())
    return config


def document(*arguments: object) -> Any:
    done = run("performance", *arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_every_position_area_and_site_has_figures(config: Path) -> None:
    figures = {(f["scope"], f["name"]): f for f in document(config, *DAY)["figures"]}
    assert set(figures) == {
        *(("site", "east"), ("site", "west"), ("area", "hefei"), ("area", "hefei/shushan")),
        *(("area", "hefei/shushan/east"), ("area", "hefei/shushan/west")),
        *(("position", "调度一台"), ("position", "hefei/shushan/west")),
    }
    desk = figures["position", "调度一台"]
    assert (desk["alarms"], desk["peak"], desk["intervals"]) == (12, 12, 144)
    assert desk["average"] == 12 / 144
    assert desk["begin"] == "2026-01-01T00:00:00.000+00:00"
    assert desk["floods"][0]["end"] == "2026-01-01T00:10:00.000+00:00"
    assert desk["answers"] | {"mean": 0, "p95": 0, "longest": 0} == {
        **{"count": 1, "mean": 0, "median": 500.0, "p95": 0, "longest": 0, "late": 0}
    }
    assert desk["bands"]["peak"] == "manageable"
    west = figures["position", "hefei/shushan/west"]
    assert (west["levels"], west["standing"], west["unacknowledged"]) == ([0, 0, 0, 1], 1, 1)


def test_drills_are_counted_apart_and_can_be_asked_for(config: Path) -> None:
    assert document(config, *DAY)["apart"] == {"exercise": 1, "historic": 0}
    drills = document(config, *DAY, "--world", "exercise", "--site", "west")
    assert [f["alarms"] for f in drills["figures"]] == [1]


def test_a_period_has_whole_ten_minutes(config: Path) -> None:
    later = ("--from", "2026-01-01T00:05:00Z", "--to", "2026-01-01T00:12:00Z")
    (west,) = document(config, *later, "--site", "west")["figures"]
    assert (west["intervals"], west["alarms"], west["begin"][11:16]) == (1, 1, "00:10")
    (east,) = document(config, *later, "--site", "east")["figures"]
    assert (east["alarms"], east["standing"]) == (0, 0)


def test_nothing_is_known_of_before_the_log(config: Path) -> None:
    (figures,) = document(
        config, "--from", "2025-12-01", "--to", "2026-01-01T00:20:00Z", "--site", "east"
    )["figures"]
    assert figures["intervals"] == 2


def test_people_read_a_line_each_and_all_about_what_they_name(config: Path) -> None:
    text = run("performance", config, *DAY, "--lang", "en").stdout
    assert "position 调度一台" in text
    assert "2026-01-01 08:00 to 2026-01-02 08:00 Asia/Shanghai, 144 periods of 10 min" in text
    assert "counted apart: exercise 1" in text
    page = run("performance", config, *DAY, "--position", "调度一台", "--lang", "en").stdout
    lines = page.splitlines()
    assert lines[0] == "position 调度一台"
    assert any("alarms per 10 min, peak" in x and "manageable" in x and "[F]" in x for x in lines)
    assert "        12 100.0 %  east/gas.high~GD-1" in page
    assert "2026-01-01 08:00 – 2026-01-01 08:10  12 alarms, peak 12" in page


def test_the_page_is_chinese_for_chinese(config: Path) -> None:
    page = run("performance", config, *DAY, "--area", "hefei/shushan", "--lang", "zh").stdout
    assert page.startswith("区域 hefei/shushan\n")
    for word in (
        "每10分钟报警数（峰值）",
        "可应对",
        "最频繁十条",
        "泛滥",
        "持续最久",
        "另计: 演练 1",
    ):
        assert word in page


def test_without_a_terminal_there_are_no_control_characters(config: Path) -> None:
    output = run("performance", config, *DAY).output
    assert [c for c in output if ord(c) < 32 and c != "\n"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--site", "eest"), "east"),
        (("--position", "调度二台"), "调度一台"),
        (("--world", "drill"), "exercise"),
        (("--from", "2026-01-02", "--to", "2026-01-01"), "ends before it begins"),
        (("--from", "yesterday"), "not a time"),
    ],
)
def test_what_is_wrong_is_told_with_what_is_right(
    config: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = run("performance", config, *arguments)
    assert done.exit_code == ExitCode.FOUND
    assert said in done.output


def test_what_stands_since_before_the_first_record_is_told(tmp_path: Path) -> None:
    """Its first record was trimmed; the table of standing alarms has the last."""
    config = PlantFiles(sites=SITES).write(tmp_path)
    east = SiteAlarms("east")
    east.time = T0 - 40 * DAY_NS
    raised = east.set("gas.high~GD-1", "blue")
    east.time = T0 - 39 * DAY_NS
    store = LogStore.open(tmp_path / "lifeline-data", ManualClock(T0))
    store.append([encode(Entry(Header(), Tick(T0)))]).wait(180)
    acknowledged = east.event("gas.high~GD-1", Event.ACKNOWLEDGE)
    store.append_records(1, [], standing_changes(raised + acknowledged)).wait(180)
    store.close()
    (figures,) = document(config, *DAY, "--site", "east")["figures"]
    assert (figures["alarms"], figures["standing"], figures["stale"]) == (0, 1, 1)
    assert figures["oldest"][0]["since"].startswith("2025-11-22")


def test_the_outbox_gives_what_the_records_gave(tmp_path: Path) -> None:
    """The same as stepping the records as they came: a restart changes nothing."""
    records = stream(7, 150)
    config = PlantFiles(sites="sites:\n  - {id: east, area: hefei/shushan/east}\n").write(tmp_path)
    store_records(tmp_path / "lifeline-data", records)
    end = max(r.time for r in records)
    live = Performance(T0)
    for record in records:
        live.step(decode_record(record.encode()))
    found = document(config, "--from", "2026-01-01", "--to", rfc3339(end + SECOND))
    wanted = live.at(-(-(end + SECOND) // TEN_MINUTES) * TEN_MINUTES)
    told = {(f["scope"], f["name"]): f for f in found["figures"]}
    for figures in wanted:
        got = told[figures.scope, figures.name]
        for name in ("alarms", "standing", "stale", "worst_share", "chatters", "flood_share"):
            assert got[name] == getattr(figures, name)
        assert got["answers"] == msgspec.to_builtins(figures.answers)


# --- replay ------------------------------------------------------------------------------------------


def recording(directory: Path) -> Path:
    """An hour of GD-1 at east, above the limit for a minute; nothing else."""
    rows = ["time,sensor,value"]
    for s in range(0, 3_600, 10):
        value = 60 if 1_200 <= s < 1_260 else 5
        rows.append(f"{T0 // SECOND + s},east/GD-1,{value}")
    path = directory / "hour.csv"
    path.write_text("\n".join(rows))
    return path


def test_a_replay_says_how_its_alarms_would_have_performed(tmp_path: Path) -> None:
    config = PlantFiles(sites=SITES).write(tmp_path)
    arguments = ("replay", recording(tmp_path), "-c", config, "--time-unit", "s", "--performance")
    done = run(*arguments, "--json", "--quiet")
    assert done.exit_code == 0, done.output
    (told,) = [json.loads(line) for line in done.stdout.splitlines() if "summary" in line]
    figures = {(f["scope"], f["name"]): f for f in told["summary"]["performance"]["figures"]}
    desk = figures["position", "调度一台"]
    assert (desk["intervals"], desk["alarms"], desk["levels"]) == (
        6,
        2,
        [0, 1, 0, 1],
    )  # PT-1 never spoke
    assert figures["site", "west"]["alarms"] == 0
    text = run(*arguments, "--quiet", "--lang", "zh")
    assert "操作岗位 调度一台" in text.stdout


def test_a_replay_without_the_option_says_nothing_of_it(tmp_path: Path) -> None:
    config = PlantFiles(sites=SITES).write(tmp_path)
    done = run("replay", recording(tmp_path), "-c", config, "--time-unit", "s", "--json")
    assert "performance" not in done.output
