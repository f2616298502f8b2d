"""The SKAB example end to end: a real broker, the engine, a real InfluxDB, counted back."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from lifeline.engine.record import decode_record, first_break
from servers.fixtures import StartInflux
from servers.influx import InfluxV2
from skab_files import EXAMPLE, FIELDS, plant, playing, report, run, write_folder

COMMAND = (sys.executable, str(EXAMPLE / "run.py"))
ROWS = 2_400 + 400 + 400
SAMPLES = ROWS * len(FIELDS)


def test_every_sample_and_every_record_arrives_in_influxdb(
    influx: InfluxV2, tmp_path: Path
) -> None:
    folder, out = write_folder(tmp_path / "skab"), tmp_path / "out"
    told: list[str] = []
    target = plant.Influx(influx.url, influx.org, influx.bucket)
    outcome = run.run(folder, "valve1", out, target, told.append)

    assert outcome.holds, (report.text(outcome), told)
    assert (outcome.messages, outcome.audit.sent) == (ROWS, SAMPLES)
    series = set(influx.measurements()) - {"alert", "engine", "limit"}
    assert series == {"machine", "motor", "pipe"}
    assert sum(influx.count(name) for name in series) == SAMPLES
    assert outcome.influx["series:influx"] == SAMPLES
    # The engine goes on until it is stopped; what it had written when everything was delivered.
    assert influx.count("alert", "seq") >= outcome.influx["alert:influx"] > 0
    where = "site = 'skab-valve1-0' AND sensor = 'flow'"
    flow = influx.rows(f"SELECT min(value) AS low, max(value) AS high FROM pipe WHERE {where}")
    assert 20 * 0.06 < flow[0]["low"] < 40 * 0.06 < 50 * 0.06 < flow[0]["high"] < 70 * 0.06

    closing, calm = outcome.scores["all"]
    (segment,) = closing.outcomes
    assert segment.delay_s is not None
    assert 0 <= segment.delay_s <= 30
    assert (calm.recording, calm.outcomes) == ("valve1-10", ())


def test_what_is_written_down_is_what_was_heard(tmp_path: Path) -> None:
    folder, out = write_folder(tmp_path / "skab"), tmp_path / "out"
    outcome = run.run(folder, "valve1", out)
    assert outcome.holds, report.text(outcome)
    lines = (out / "records.jsonl").read_bytes().splitlines()
    records = [decode_record(line) for line in lines]
    assert len(records) == outcome.records
    for site in {record.site for record in records}:
        assert first_break(r for r in records if r.site == site) is None
    with (out / "records.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert [(row["site"], row["seq"]) for row in table] == [(r.site, str(r.seq)) for r in records]
    valve = [
        row for row in table if row["alarm"] == "band.flow~flow" and row["site"].endswith("-0")
    ]
    # Row 200 is 10:03:21 by the recording's clock, and the on-delay is ten seconds.
    assert (valve[0]["recorded"], valve[0]["transition"]) == ("2021-03-09 10:03:31", "raised")


def test_the_command_gives_the_same_scores_twice(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "skab")
    found = []
    for name in ("one", "two"):
        done = subprocess.run(
            [*COMMAND, str(folder), "--json", "--out", str(tmp_path / name)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        found.append(msgspec.json.decode(done.stdout))
    first, second = found
    assert first["holds"]
    assert first["recordings"] == second["recordings"]
    assert first["rules"] == second["rules"]
    assert first["anomaly_free"] == second["anomaly_free"]


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    folder, out = write_folder(tmp_path / "skab"), tmp_path / "out"
    (out / "lifeline-data").mkdir(parents=True)
    for arguments, said in (
        ([str(tmp_path)], "not a folder of SKAB"),
        ([str(folder), "--part", "valve2"], "expected valve1"),
        ([str(folder), "--out", str(out)], "data of an earlier run"),
    ):
        done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (1, "")
        assert said in done.stderr
        assert "Traceback" not in done.stderr


def test_an_influxdb_that_is_away_delays_nothing_and_is_told(
    start_influx: StartInflux, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    influx = start_influx()
    influx.stop()
    monkeypatch.setattr(playing, "SETTLE_S", 15.0)
    folder, told = write_folder(tmp_path / "skab"), list[str]()
    target = plant.Influx(influx.url, influx.org, influx.bucket)
    outcome = run.run(folder, "valve1", tmp_path / "out", target, told.append)
    assert (outcome.delivered, outcome.holds) == (False, False)
    assert "STILL BEHIND" in report.text(outcome)
    assert outcome.unheard == 0
    assert outcome.audit.holds
    assert outcome.scores["all"][0].missed == 0
