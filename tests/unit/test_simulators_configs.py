"""The configuration written for simulated sites is one that the engine accepts and reads them by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lifeline.engine.config import Plant, check, load
from lifeline.engine.errors import SpecError
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.payload import compile_decoder
from lifeline.engine.quality import Quality, quality_class
from lifeline.simulators.audit import Logged, compare, names_in
from lifeline.simulators.batch import FLAG_FAULT, FLAG_OVER, Batch
from lifeline.simulators.city_gas import city_gas
from lifeline.simulators.configs import plausible_rate, write_config
from lifeline.simulators.ledger import Ledger, LedgerWriter
from lifeline.simulators.pipeline import pipeline
from lifeline.simulators.plant import Scenario
from lifeline.simulators.shapes import messages
from lifeline.simulators.sites import SITES, all_sites
from lifeline.simulators.tailings import tailings

START = 1_800_000_000 * SECOND_NS


def scenarios(duration_s: float = 60.0) -> list[Scenario]:
    return [site.scenario(START, duration_s, 5) for site in all_sites()]


def plant(directory: Path, runs: list[Scenario]) -> Plant:
    return load(write_config(directory, runs, "127.0.0.1", 1883))


@pytest.mark.parametrize("duration_s", [20.0, 60.0, 3600.0, 30 * 86_400.0])
def test_it_is_accepted_without_a_single_remark(tmp_path: Path, duration_s: float) -> None:
    path = write_config(tmp_path, scenarios(duration_s), "127.0.0.1", 1883)
    assert [p.text() for p in check(path)] == []


def test_many_sites_of_one_kind_fit_one_file(tmp_path: Path) -> None:
    runs = [
        site.scenario(START, 60.0, 1)
        for site in (
            city_gas("gas-1", manholes=30),
            city_gas("gas-2"),
            pipeline("main-1", lines=9),
            tailings("dam-1", sections=9),
            tailings("dam-2", interval_s=5.0),
        )
    ]
    path = write_config(tmp_path, runs, "127.0.0.1", 1883)
    assert [p.text() for p in check(path)] == []
    assert len(load(path).configuration.sensors) == sum(len(r.site.points) for r in runs)


def test_every_sensor_has_its_route_range_and_interval(tmp_path: Path) -> None:
    runs = scenarios()
    configuration = plant(tmp_path, runs).configuration
    points = {p.id: (r.site, p) for r in runs for p in r.site.points}
    assert {s.id for s in configuration.sensors} == set(points)
    for sensor in configuration.sensors:
        site, point = points[sensor.id]
        assert (sensor.quantity, sensor.reports) == (point.quantity, point.reports)
        low, high = (
            (x - point.zero) / point.gain for x in (point.instrument.low, point.instrument.high)
        )
        assert sensor.low == pytest.approx(low, abs=1e-9)
        assert sensor.high == pytest.approx(high)
        if point.reports == "periodic":
            assert sensor.interval == round(site.gap_s(point) * SECOND_NS)


@pytest.mark.parametrize("name", sorted(SITES))
def test_the_engine_decodes_every_message_and_the_audit_finds_every_sample(
    tmp_path: Path, name: str
) -> None:
    scenario = SITES[name]().scenario(START, 120.0, 5)
    rows = Batch.concat(list(scenario.samples()))
    sent = messages(scenario.site, rows)
    writer = LedgerWriter(tmp_path / "ledger", scenario.site, 5)
    number = np.empty(len(rows), np.int64)
    for i, message in enumerate(sent):
        number[message.rows] = i
    writer.record(number, rows)
    writer.acknowledged(list(range(len(sent))))
    writer.close()

    loaded = plant(tmp_path, [s for s in scenarios() if s.site.name != name] + [scenario])
    decoder = compile_decoder(loaded.sources[-1], loaded.configuration)
    decoded = decoder.decode([(m.topic, m.payload, m.due) for m in sent])
    assert (decoded.dead, dict(decoded.unknown_topics), dict(decoded.unknown_sensors)) == (
        [],
        {},
        {},
    )
    frame = decoded.frame
    names = names_in(loaded.configuration, scenario.site.id)
    assert len([n for n in names if n is not None]) == len(scenario.site.points) < len(names)
    logged = Logged(names, frame.sensor, frame.time, frame.value)
    audit = compare(Ledger.read(tmp_path / "ledger"), [logged])
    assert audit.examples == ()
    assert audit.drained
    assert audit.duplicated == len(rows) - audit.sent
    assert (audit.duplicated > 0) == any(f.kind == "duplicate" for f in scenario.faults)
    bad = [quality_class(q) == "bad" for q in frame.quality.tolist()]
    assert sum(bad) == (rows.flag == FLAG_FAULT).sum() > 0 or name == "pipeline"
    over = (frame.quality == Quality.OVER_RANGE).sum()
    # A wide object has no room for codes: there the range itself tells.
    assert over == (0 if name == "tailings" else (rows.flag == FLAG_OVER).sum())


def test_plausible_rates_follow_the_compression_and_never_undercut_the_noise() -> None:
    fast = tailings().scenario(START, 60.0, 1)
    slow = tailings(interval_s=600.0).scenario(START, 20 * 86_400.0, 1)
    well = fast.site.points[0]
    fast_rate, slow_rate = plausible_rate(fast, well), plausible_rate(slow, slow.site.points[0])
    assert slow_rate == pytest.approx(1.0 / 3600.0)
    assert fast_rate == pytest.approx(14_400.0 / 3600.0)
    for run in [*scenarios(), slow]:
        rows = Batch.concat(list(run.site.scenario(START, 300.0, 1, intensity=0).samples()))
        for index, point in enumerate(run.site.points):
            most = plausible_rate(run, point)
            value = rows.value[rows.sensor == index]
            if most is not None and len(value) > 1:
                assert np.abs(np.diff(value)).max() / run.site.gap_s(point) < most


def test_a_login_and_other_outputs_are_written_as_given(tmp_path: Path) -> None:
    path = write_config(
        tmp_path,
        scenarios()[:1],
        "127.0.0.1",
        18830,
        username="engine",
        password_env="LIFELINE_PASSWORD",
        node="n1",
        outputs={"influx": {"url": "http://127.0.0.1:8086", "bucket": "b"}},
    )
    loaded = load(path)
    broker = loaded.sources[0].broker
    assert (broker.port, broker.username, broker.password_env) == (
        18830,
        "engine",
        "LIFELINE_PASSWORD",
    )
    assert loaded.node == "n1"
    assert loaded.outputs.mqtt is None
    assert loaded.outputs.influx is not None


def test_the_same_site_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="twice"):
        write_config(tmp_path, scenarios()[:1] * 2, "127.0.0.1", 1883)
