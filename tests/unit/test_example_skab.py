"""The SKAB example without a broker: reading, calibration, and the engine under its rules."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import UTC
from pathlib import Path

import msgspec
import numpy as np
import pytest

from lifeline.engine.config import check, load
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header
from lifeline.engine.errors import SpecError
from lifeline.engine.payload import compile_decoder
from lifeline.engine.record import Record
from lifeline.engine.source import BrokerSpec
from skab_files import (
    BEGIN,
    EXAMPLE,
    FIELDS,
    FLOW,
    S,
    calibrate,
    closed,
    csv_text,
    marked,
    normal_rows,
    plant,
    recording,
    recordings,
    report,
    rows,
    scoring,
    telemetry,
    write,
    write_folder,
    write_run,
)

# --- reading -------------------------------------------------------------------------------------


def test_a_recording_is_read_as_it_stands(tmp_path: Path) -> None:
    values = rows(5, 1)
    labels = {"anomaly": [0, 0, 1, 1, 0], "changepoint": [0, 0, 1, 0, 0]}
    path = write(tmp_path / "0.csv", csv_text(values, labels, every=lambda row: 2 - row % 2))
    found = recordings.read(path, "valve1-0")
    assert found.labels is not None
    assert found.labels.anomaly.tolist() == [False, False, True, True, False]
    assert found.labels.changepoint.tolist() == [False, False, True, False, False]
    assert [(t - found.time[0]) // S for t in found.time] == [0, 1, 3, 4, 6]
    assert found.time[0] == (int(BEGIN.replace(tzinfo=UTC).timestamp()) + 2) * S
    assert found.values == pytest.approx(np.array(values), rel=1e-5)
    assert found.column("Volume Flow RateRMS") == pytest.approx([v[FLOW] for v in values], rel=1e-5)


def test_the_anomaly_free_recording_has_no_labels(tmp_path: Path) -> None:
    path = write(tmp_path / "n.csv", "\ufeff" + csv_text(rows(3, 1)))
    assert recordings.read(path, "anomaly-free").labels is None


@pytest.mark.parametrize(
    ("old", "new", "where", "what"),
    [
        ("datetime", "time", ":1", "heading"),
        ("Current", "Strom", ":1", "heading"),
        ("10:00:02", "10:00:01", ":3", "time does not go on"),
        ("10:00:02", "ten o'clock", ":3", "not a time"),
        (";60", ";", ":3", "not a number"),
        (";60", ";nan", ":3", "not a number"),
        (";60", "", ":3", "not as long as the heading"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(
    tmp_path: Path, old: str, new: str, where: str, what: str
) -> None:
    values = [[*[1.0] * 7, 7.0], [*[1.0] * 7, 60.0], [*[1.0] * 7, 8.0]]
    path = write(tmp_path / "bad.csv", csv_text(values).replace(old, new))
    with pytest.raises(SpecError, match=what) as refused:
        recordings.read(path, "bad")
    assert refused.value.where == f"{path}{where}"


def test_bytes_that_are_no_text_are_a_mistake_of_a_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(csv_text(rows(2, 1)).encode() + b"\xff\xfe;1\r\n")
    with pytest.raises(SpecError, match=r"bad.csv:4: a row is not as long"):
        recordings.read(path, "bad")


def test_a_folder_that_is_not_skab_and_a_part_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="not a folder of SKAB"):
        recordings.normal_file(tmp_path)
    folder = write_folder(tmp_path)
    assert recordings.normal_file(folder).name == "anomaly-free.csv"
    write(folder / "valve1" / "2.csv", "x")
    assert [path.stem for path in recordings.part_files(folder, "valve1")] == ["0", "2", "10"]
    with pytest.raises(SpecError, match=r"no such part.*'valve9'.*expected valve1"):
        recordings.part_files(folder, "valve9")


# --- calibration ---------------------------------------------------------------------------------


def test_slopes_are_lines_through_the_last_twelve_panes() -> None:
    dice = random.Random(4)
    time = np.cumsum([dice.choice((1, 1, 1, 2)) for _ in range(300)]) * S
    value = np.array([dice.gauss(0, 1) for _ in time])
    found = calibrate.slopes(time, value, 60, 50)
    valid = 0
    for row, at in enumerate(time.tolist()):
        content = [
            (t / S, v)
            for t, v in zip(time[: row + 1].tolist(), value.tolist(), strict=False)
            if t // (5 * S) >= at // (5 * S) - 11
        ]
        if content[-1][0] - content[0][0] < 50:
            assert np.isnan(found[row])
            continue
        slope = np.polynomial.Polynomial.fit(*zip(*content, strict=True), 1).convert().coef[1]
        assert found[row] == pytest.approx(slope, abs=1e-9)
        valid += 1
    assert valid > 200


@pytest.mark.parametrize(
    ("away", "held"),
    [
        ([0, 0, 5, 5, 5, 0, 0], 5.0),
        ([0, 0, 5, 5, 0, 5, 0], 0.0),  # two rows are not three seconds
        ([0, 0, 5, -4, 5, 0, 0], 4.0),  # across to the other side is still away
        ([0, 0, 0, 0, 5, 5, 5], 0.0),  # the recording ends before it is known
        ([1, 2, 3, 4, 3, 2, 1], 3.0),
    ],
)
def test_what_counts_is_what_was_held(away: list[float], held: float) -> None:
    time = np.arange(7, dtype=np.int64) * S
    assert calibrate.held_excursion(time, np.array(away, float) + 10.0, 10.0, 3) == held


def test_the_last_quarter_has_no_say() -> None:
    calm = recording(2_400, values=normal_rows())
    wild_values = np.array(normal_rows())
    wild_values[1_800:] *= 40.0
    wild = recording(2_400, values=wild_values.tolist())
    assert calibrate.calibrate(calm).rules() == calibrate.calibrate(wild).rules()


def test_a_drift_that_calibration_did_not_see_drops_the_band_and_keeps_the_slope() -> None:
    values = np.array(normal_rows())
    values[:, FLOW] += np.maximum(0.0, np.arange(2_400) - 1_200) * 0.01  # 6 L/min in ten minutes
    found = calibrate.calibrate(recording(2_400, values=values.tolist()))
    verdicts = {f"{c.kind}.{c.tag.sensor}": c.verdict for c in found.candidates}
    assert verdicts["band.flow"] == "dropped: would alarm in normal running"
    assert verdicts["slope.flow"] == "kept"
    assert "band.flow" not in {rule["id"] for rule in found.rules()}


def test_a_sensor_that_never_moves_gives_no_scale() -> None:
    values = np.array(normal_rows())
    values[:, FLOW] = 60.0
    found = calibrate.calibrate(recording(2_400, values=values.tolist()))
    assert {c.verdict for c in found.candidates if c.tag.sensor == "flow"} == {
        "dropped: never moves in normal running, so there is no scale"
    }


def test_a_recording_that_is_too_short_is_refused() -> None:
    with pytest.raises(SpecError, match="too short to calibrate from"):
        calibrate.calibrate(recording(500))


def test_the_script_writes_the_rules_and_sees_nothing_but_the_anomaly_free_file(
    tmp_path: Path,
) -> None:
    folder = write_folder(tmp_path / "skab")
    for path in (folder / "valve1").iterdir():
        path.write_text("whoever reads this has looked")
    target = tmp_path / "rules.yaml"
    script = [sys.executable, str(EXAMPLE / "calibrate.py")]
    done = subprocess.run(
        [*script, str(folder), str(target)], capture_output=True, text=True, check=True
    )
    assert "slope.flow" in done.stdout
    assert target.read_text().count("- id: ") == done.stdout.count(", kept")
    again = subprocess.run([*script, str(tmp_path), str(target)], capture_output=True, text=True)
    assert again.returncode == 1
    assert "not a folder of SKAB" in again.stderr


# --- the plant and the engine under it ----------------------------------------------------------


def judged(directory: Path, playing: recordings.Recording, shift: int) -> list[Record]:
    """The records of a recording whose messages are decoded and stepped here, as a replay."""
    loaded = load(directory / "lifeline.yaml")
    core, decoder = Core(), compile_decoder(loaded.sources[0], loaded.configuration)
    registry = loaded.configuration.version()
    records = list(core.step(1, Entry(Header(registry=registry), loaded.configuration)))
    topic = plant.TOPIC.format(site=plant.site_of(playing.name))
    for position, payload in enumerate(telemetry.messages(playing, shift), 2):
        decoded = decoder.decode([(topic, payload, 0)])
        assert not decoded.dead
        header = Header(registry=registry, self_clocked=True)
        records += core.step(position, Entry(header, decoded.frame))
    return records


def test_the_example_is_a_configuration_without_a_mistake(tmp_path: Path) -> None:
    path = write_run(tmp_path, ["anomaly-free", "valve1-0", "valve1-10"], normal_rows())
    assert [problem.text() for problem in check(path)] == []
    loaded = load(path)
    assert [site.id for site in loaded.configuration.sites] == [
        "skab-anomaly-free",
        "skab-valve1-0",
        "skab-valve1-10",
    ]
    assert len(loaded.configuration.sensors) == 3 * len(FIELDS)
    assert loaded.outputs.mqtt is not None
    assert loaded.outputs.influx is None


def test_influx_is_written_to_only_where_it_is_named(tmp_path: Path) -> None:
    write_run(tmp_path, ["valve1-0"], normal_rows())
    named = plant.Influx("http://127.0.0.1:8086", "-", "lifeline/autogen", "TOKEN")
    loaded = load(plant.write_plant(tmp_path, ["valve1-0"], BrokerSpec(), named))
    assert loaded.outputs.influx is not None
    assert loaded.outputs.influx.bucket == "lifeline/autogen"
    assert loaded.outputs.influx.token_env == "TOKEN"


def test_the_data_of_an_earlier_run_are_not_gone_on_from(tmp_path: Path) -> None:
    (tmp_path / "lifeline-data").mkdir()
    with pytest.raises(SpecError, match="data of an earlier run"):
        plant.fresh(tmp_path)


@pytest.mark.parametrize("seed", [1, 6, 7])
def test_the_engine_raises_nothing_where_the_procedure_says_so(tmp_path: Path, seed: int) -> None:
    """Numpy's measures and the engine's must be the same, or limits would mean something else."""
    values = rows(2_400, seed)
    write_run(tmp_path, ["anomaly-free"], values)
    normal = recording(2_400, values=values, name="anomaly-free")
    calibration = calibrate.calibrate(normal)
    found = report.verified(normal, judged(tmp_path, normal, 0), 0, calibration)
    assert (found.calibrate, found.select) == (0, 0)
    assert found.far["all"] < 5.0


def test_a_closing_valve_is_alerted_by_band_and_slope(tmp_path: Path) -> None:
    write_run(tmp_path, ["valve1-0"], normal_rows())
    marks = marked(400, [(200, 299)])
    played = recording(400, marks, values=rows(400, 2, closed(200, 299)))
    records = judged(tmp_path, played, 60 * S)
    for group in ("all", "band", "slope"):
        (outcome,) = scoring.score(played, records, 60 * S, group).outcomes  # type: ignore[arg-type]
        assert outcome.delay_s is not None
        assert 0 <= outcome.delay_s <= 30
        assert outcome.alarm.endswith(".flow~flow")
    flow = [r for r in records if r.alarm == "band.flow~flow" and r.transition == "raised"]
    assert [r.unit for r in flow] == ["m3/h"]
    assert flow[0].value == pytest.approx(30 * 0.06, rel=0.2)  # 30 L/min are left


@pytest.mark.parametrize("ahead_s", [0, 1, 59, 61, 3_599])
def test_a_recording_ends_within_the_last_minute_and_keeps_its_phase(ahead_s: int) -> None:
    played = recording(50)
    now = int(played.time[-1]) + 10**6 * 60 * S + ahead_s * S + 17
    shift = telemetry.shift_to(played, now)
    assert 0 <= now - (int(played.time[-1]) + shift) < 60 * S
    assert shift % (60 * S) == 0


def test_messages_carry_the_recording_and_no_labels() -> None:
    played = recording(3, [0, 1, 0])
    first = msgspec.json.decode(next(telemetry.messages(played, 60 * S)))
    assert first.pop("datetime") == "1970-01-01 00:17:40"
    assert first == dict(zip(FIELDS, played.values[0].tolist(), strict=True))
