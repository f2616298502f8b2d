"""A scenario by MQTT, to a file and into a core: the same samples, and labels beside them."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from lifeline.engine.config import Plant, check, load
from lifeline.engine.errors import SpecError
from lifeline.engine.frame import Frame
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.payload import compile_decoder
from lifeline.engine.quality import Quality
from lifeline.engine.replay.tables import read_samples
from lifeline.simulators.batch import Batch
from lifeline.simulators.configs import write_config
from lifeline.simulators.faults import SensorFault
from lifeline.simulators.frames import Canonical
from lifeline.simulators.judging import Judging, Tally
from lifeline.simulators.labels import rows
from lifeline.simulators.plant import Scenario
from lifeline.simulators.recording import Form, record
from lifeline.simulators.shapes import messages
from lifeline.simulators.sites import SITES, site_named

START = 1_800_000_000 * SECOND_NS


def scenario(name: str, duration_s: float = 90.0) -> Scenario:
    """The story, with late and mixed samples beside its own faults."""
    told = site_named(name).scenario(START, duration_s, 5)
    sensors = tuple(p.id for p in told.site.points[:2])
    span = (START + 20 * SECOND_NS, START + 40 * SECOND_NS)
    more = (
        SensorFault("late", told.site.id, "late", sensors[:1], *span, "", "", 7.0),
        SensorFault("mixed", told.site.id, "out_of_order", sensors[1:], *span, "", "", 9.0),
    )
    return replace(told, script=replace(told.script, faults=told.faults + more))


def by_mqtt(plant: Plant, run: Scenario) -> Frame:
    """What the decoder of its source makes of all its messages."""
    decoder = compile_decoder(plant.sources[0], plant.configuration)
    sent = messages(run.site, Batch.concat(list(run.samples())))
    decoded = decoder.decode([(m.topic, m.payload, m.due) for m in sent])
    assert decoded.dead == []
    return decoded.frame


def ordered(frame: Frame) -> list[bytes]:
    """The columns, by sensor and time; a redelivered sample stands beside itself."""
    order = np.lexsort((frame.value, frame.time, frame.sensor))
    return [c[order].tobytes() for c in (frame.sensor, frame.time, frame.value, frame.quality)]


@pytest.mark.parametrize("form", ["parquet", "csv"])
@pytest.mark.parametrize("name", sorted(SITES))
def test_the_same_samples_by_mqtt_by_file_and_into_the_core(
    tmp_path: Path, name: str, form: Form
) -> None:
    run = scenario(name)
    told: list[float] = []
    written = record([run], tmp_path, form, told.append)
    assert check(written.config) == []
    plant = load(written.config)
    batch = Batch.concat(list(run.samples()))
    direct = Canonical(plant, run.site).frame(batch)
    assert ordered(direct) == ordered(by_mqtt(plant, run))
    read = read_samples(written.files, plant)
    assert not read.passed
    assert written.samples == len(read.frame) == len(batch) > 500
    # A file has no word for a fault without a value: it is no number there, and bad as well.
    quality = np.where(np.isnan(direct.value), np.uint8(Quality.NOT_A_NUMBER), direct.quality)
    assert ordered(read.frame) == ordered(replace(direct, quality=quality))
    assert told == sorted(told)
    assert told[-1] == 1.0


@pytest.mark.parametrize("name", sorted(SITES))
def test_a_core_fed_directly_finds_every_incident(tmp_path: Path, name: str) -> None:
    run = site_named(name).scenario(START, 90.0, 5)
    plant = load(write_config(tmp_path, [run], "127.0.0.1", 1883))
    judging, tally = Judging(plant, [run]), Tally()
    for judged in judging.windows():
        tally.take(judged)
    assert tally.samples == sum(len(b) for b in run.samples())
    assert all(found.delay_s is not None for found in tally.detections([run]))
    assert tally.alarms.keys() <= {"blue", "yellow", "orange", "red"}
    counters = judging.core.counters()
    assert counters["historic"] == counters["unknown_sensor"] == counters["clock_fault"] == 0


def test_a_plant_without_these_sensors_is_refused(tmp_path: Path) -> None:
    gas, dam = (site_named(n).scenario(START, 60.0, 1) for n in ("city-gas", "tailings"))
    plant = load(write_config(tmp_path, [gas], "127.0.0.1", 1883))
    with pytest.raises(SpecError, match="lacks sensors of tailings"):
        Canonical(plant, dam.site)


def test_labels_say_what_where_when_and_how_large(tmp_path: Path) -> None:
    run = scenario("tailings")
    written = record([run], tmp_path)
    document = json.loads(written.labels.read_text("utf-8"))
    assert document["runs"][0]["seed"] == 5
    labels = document["labels"]
    assert labels == json.loads(json.dumps(rows(run)))
    assert {x["type"] for x in labels} == {"incident", "fault", "harmless"}
    storm = next(x for x in labels if x["kind"] == "storm")
    assert (storm["where"], storm["size"], storm["level"]) == ("dam", 30.0, "yellow")
    assert storm["measure"] == "rain at its height, mm/h"
    assert storm["sensors"] == ["rain"]
    assert storm["onset"].startswith("2027-01-15T08:00:")
    assert [x["kind"] for x in labels if x["type"] == "harmless"] == ["drains"]
    with (tmp_path / "labels.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["id"] for row in table] == [x["id"] for x in labels]
    assert table[[r["kind"] for r in table].index("pond")]["sensors"] == "pond_level"


def test_a_recording_too_long_for_one_replay_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lifeline.simulators.recording.REPLAY_ROWS", 700)
    monkeypatch.setattr("lifeline.simulators.recording._ROW_GROUP", 300)
    run = scenario("pipeline")
    written = record([run], tmp_path)
    assert [p.name for p in written.files[:2]] == ["samples.parquet", "samples-2.parquet"]
    lengths = [parquet.read_metadata(path).num_rows for path in written.files]
    assert max(lengths) <= 700
    assert sum(lengths) == written.samples > 700
    read = read_samples(written.files, load(written.config))
    assert len(read.frame) == written.samples
