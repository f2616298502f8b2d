"""What a configuration compiles to: indices, units, routes, outputs; the same bytes each time."""

import csv
import hashlib
import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lifeline.engine.config import InfluxSpec, MonitoringSpec, check, load
from lifeline.engine.config.authored import RESERVED_SITES
from lifeline.engine.config.cells import Cells
from lifeline.engine.config.columns import COLUMNS, HEADINGS, folded
from lifeline.engine.configuration import Sensor, continued
from lifeline.engine.core import ENGINE_SITE
from lifeline.engine.errors import SpecError
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.payload import compile_decoder
from lifeline.engine.quality import Quality
from plant_files import HEAD, SOURCES, TAGS, PlantFiles

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "plant" / "lifeline.yaml"
PLANT = PlantFiles()


def sensor(path: Path, site: str, sensor_id: str) -> Sensor:
    configuration = load(path).configuration
    ids = [(configuration.sites[s.site].id, s.id) for s in configuration.sensors]
    return configuration.sensors[ids.index((site, sensor_id))]


def with_row(
    row: str, heading: str = "id,site,quantity,unit,low,high,reports,max_rate,stale"
) -> PlantFiles:
    return replace(PLANT, tags=f"{heading}\n{row}\n", rules="")


def test_the_example_has_no_mistake_and_known_contents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFELINE_INFLUX_TOKEN", "x")
    assert check(EXAMPLE) == []
    plant = load(EXAMPLE)
    configuration = plant.configuration
    assert [(s.id, s.tenant, s.area) for s in configuration.sites] == [
        ("gas-east", "hefei-gas", "hefei/shushan/east"),
        ("gas-west", "hefei-gas", "hefei/shushan/west"),
        ("corridor-3", "hefei-corridor", "hefei/baohe/binhu"),
    ]
    assert [(x.site, x.source) for x in configuration.links] == [
        (0, "gas-mqtt"),
        (1, "gas-mqtt"),
        (2, "corridor-plc"),
    ]
    assert len(configuration.sensors) == 13
    assert [rule.id for rule in configuration.rules][:2] == ["engine.stale", "engine.clock"]
    assert all(rule.judgements for rule in configuration.rules)
    assert set(plant.timezones.values()) == {"Asia/Shanghai"}
    assert plant.storage.directory == EXAMPLE.parent / "lifeline-data"
    assert plant.outputs.mqtt is not None
    assert plant.outputs.influx is not None


def test_the_same_files_give_the_same_bytes_in_any_place(tmp_path: Path) -> None:
    here, there = tmp_path / "a", tmp_path / "b"
    for directory in (here, there):
        directory.mkdir()
        for name in ("lifeline.yaml", "sensors.csv"):
            (directory / name).write_bytes((EXAMPLE.parent / name).read_bytes())
    first, second = (load(d / "lifeline.yaml").configuration.encode() for d in (here, there))
    assert first == second
    assert hashlib.blake2b(first).digest() == hashlib.blake2b(second).digest()


def test_ranges_are_given_in_the_units_of_the_plant() -> None:
    inlet = sensor(EXAMPLE, "gas-east", "PT-101")
    assert (inlet.unit, inlet.low, inlet.high) == ("kPa", 0.0, 4000.0)
    same_name = sensor(EXAMPLE, "gas-west", "PT-101")
    assert (same_name.low, same_name.high) == (0.0, 1600.0)
    methane = sensor(EXAMPLE, "corridor-3", "CH4-7")
    assert (methane.unit, methane.gas, methane.high) == ("%VOL", "methane@NFPA", 5.0)


def test_what_a_row_leaves_out_is_the_catalogues(tmp_path: Path) -> None:
    heading = "id,site,quantity,reports"
    bare = sensor(with_row("A,east,gas.co,on_change 60s", heading).write(tmp_path), "east", "A")
    assert (bare.low, bare.high, bare.max_rate) == (0.0, 1250.0, 200.0)
    assert (bare.reports, bare.interval, bare.stale) == (
        "on_change",
        60 * SECOND_NS,
        180 * SECOND_NS,
    )
    assert bare.gas == "carbon monoxide@NFPA"


@pytest.mark.parametrize(
    ("quantity", "reports", "interval_s"),
    [
        ("gas.co", "periodic", 30),
        ("tank.flame", "on_change", 60),
        ("bridge.axle_load", "event", 0),
        ("tunnel.ppv", "event", 0),
        ("water.acoustic", "periodic", 86_400),
    ],
)
def test_a_missing_reports_is_the_catalogues_longest_interval(
    tmp_path: Path, quantity: str, reports: str, interval_s: int
) -> None:
    path = with_row(f"A,east,{quantity},", "id,site,quantity,reports").write(tmp_path)
    found = sensor(path, "east", "A")
    assert (found.reports, found.interval) == (reports, interval_s * SECOND_NS)
    assert check(path)[0].severity == "warning"


@pytest.mark.parametrize(
    ("cells", "rate"),
    [
        ("MPa,0,4,5s,0.5,", 500.0),
        ("MPa,0,4,5s,60 kPa/min,", 1.0),
        ("MPa,0,4,5s,,", 500.0),
    ],
)
def test_the_greatest_change(tmp_path: Path, cells: str, rate: float) -> None:
    found = sensor(with_row(f"A,east,pipe.gas.pressure,{cells}").write(tmp_path), "east", "A")
    assert found.max_rate == pytest.approx(rate, rel=1e-12)


def test_a_rate_in_percent_of_full_scale_needs_the_sensors_own_range(tmp_path: Path) -> None:
    own = with_row("A,east,pipe.gas.flow,Sm3/h,0,2000,5s,,").write(tmp_path)
    assert sensor(own, "east", "A").max_rate == 1000.0
    none = with_row("A,east,pipe.gas.flow,Sm3/h,,,5s,,").write(tmp_path)
    assert sensor(none, "east", "A").max_rate is None


def test_one_column_range_and_own_staleness(tmp_path: Path) -> None:
    heading = "id,site,quantity,unit,range,reports,stale"
    for text in ("-20..60", "-20 ~ 60", "-20 to 60", "-20至60", "-4..140 °F"):
        path = with_row(f"A,east,weather.temp,℃,{text},1 min,10min", heading).write(tmp_path)
        found = sensor(path, "east", "A")
        assert found.low == pytest.approx(-20.0)
        assert found.high == pytest.approx(60.0)
        assert found.stale == 600 * SECOND_NS


@pytest.mark.parametrize(
    ("cell", "reports", "interval_s"),
    [
        ("periodic 10s", "periodic", 10),
        ("10s", "periodic", 10),
        ("PERIODIC: 10 s", "periodic", 10),
        ("周期 10秒", "periodic", 10),
        ("on-change 60s", "on_change", 60),
        ("On Change (60s)", "on_change", 60),
        ("变化 1分钟", "on_change", 60),
        ("event", "event", 0),
        ("事件", "event", 0),
    ],
)
def test_ways_of_saying_how_a_sensor_reports(
    tmp_path: Path, cell: str, reports: str, interval_s: int
) -> None:
    path = with_row(f"A,east,gas.co,mg/m3,0,100,{cell},,").write(tmp_path)
    found = sensor(path, "east", "A")
    assert (found.reports, found.interval) == (reports, interval_s * SECOND_NS)


def test_the_lel_basis_of_a_sensor_counts(tmp_path: Path) -> None:
    heading = "id,site,quantity,unit,low,high,reports,gas,lel_basis"
    row = "A,east,gas.combustible,%VOL,0,4.4,10s,甲烷,IEC 60079-20-1"
    path = with_row(row, heading).write(tmp_path)
    found = sensor(path, "east", "A")
    assert (found.gas, found.high) == ("methane@IEC 60079-20-1", pytest.approx(100.0))
    assert load(path).sources[0].routes[0].scale == pytest.approx(100 / 4.4)


def test_indices_continue_when_rows_move(tmp_path: Path) -> None:
    before = load(PLANT.write(tmp_path)).configuration
    heading, first, second, third = TAGS.splitlines()
    moved = "\n".join([heading, third, "N-1,west,gas.co,mg/m3,0,100,10s,", first])
    after = continued(before, load(replace(PLANT, tags=moved).write(tmp_path)).configuration)
    names = [(after.sites[s.site].id, s.id, s.retired) for s in after.sensors]
    assert names == [
        ("east", "GD-1", False),
        ("east", "PT-1", True),
        ("west", "GD-1", False),
        ("west", "N-1", False),
    ]
    assert all(after.links[s.link].site == s.site for s in after.sensors)
    assert second.startswith("PT-1")


def test_messages_of_the_example_reach_their_sensors() -> None:
    plant = load(EXAMPLE)
    configuration = plant.configuration
    point, wide = (compile_decoder(source, configuration) for source in plant.sources)
    decoded = point.decode(
        [
            (
                "city-gas/gas-west/PT-101/telemetry",
                b'{"ts": 1717171717000, "data": {"v": 2.5, "q": "M"}}',
                0,
            ),
            (
                "city-gas/gas-east/ZS-101/telemetry",
                b'{"ts": 1717171717000, "data": {"v": true, "q": "N"}}',
                0,
            ),
            ("city-gas/gas-west/PT-102/telemetry", b'{"ts": 1, "data": {"v": 1}}', 0),
        ]
    )
    frame = decoded.frame
    names = [configuration.sensors[i].id for i in frame.sensor]
    assert names == ["PT-101", "ZS-101"]
    assert configuration.sites[configuration.sensors[frame.sensor[0]].site].id == "gas-west"
    assert frame.value.tolist() == [250.0, 1.0]
    assert frame.time.tolist() == [1717171717 * SECOND_NS] * 2
    assert frame.quality.tolist() == [Quality.MAINTENANCE, Quality.GOOD]
    assert decoded.dead == []
    assert sum(decoded.unknown_sensors.values()) == 1

    message = b'{"time": "2024-06-01 08:00:05", "values": {"ch4": 20, "o2": 20.8, "sump": 150}}'
    frame = wide.decode([("corridor/3/section-7", message, 0)]).frame
    assert [configuration.sensors[i].id for i in frame.sensor] == ["CH4-7", "O2-7", "LT-7"]
    assert frame.value.tolist() == pytest.approx([1.0, 20.8, 1.5])
    assert set(frame.time.tolist()) == {1717200005 * SECOND_NS}


WIDE = """\
sources:
  - id: gas
    topics: ["{topics}"]
    {site}
    payload: {{shape: wide{sensor}, time: {{path: ts}}}}
"""


@pytest.mark.parametrize(
    ("topics", "site", "sensor_template", "topic", "key"),
    [
        # The site alone names the message: one object a site.
        ("plant/{station}", 'site: "{station}"', "", "", "east"),
        # A template of the site's name needs no `site`.
        ("plant/{station}/all", "qos: 1", ', sensor: "{station}"', "", "east"),
        # One topic is one object.
        ("plant/all", "qos: 1", "", "", "plant/all"),
        # The tag list says it.
        ("plant/{unit}", "qos: 1", ', sensor: "{unit}"', "U7", "U7"),
        # Site and part together.
        ("plant/{station}/{unit}", 'site: "{station}"', ', sensor: "{unit}"', "U7", "east/U7"),
    ],
)
def test_places_of_the_wide_form(
    tmp_path: Path, topics: str, site: str, sensor_template: str, topic: str, key: str
) -> None:
    sources = WIDE.format(topics=topics, site=site, sensor=sensor_template)
    tags = f"id,site,quantity,reports,topic,field\nA.1,east,gas.co,10s,{topic},\n"
    tags += f"B,east,gas.co,10s,{topic},values.co\n"
    plant = replace(PLANT, sources=sources, tags=tags, rules="")
    path = plant.write(tmp_path)
    assert [p.text() for p in check(path) if "has no sensor" not in p.message] == []
    routes = load(path).sources[0].routes
    assert [(route.key, route.field) for route in routes] == [(key, "A\\.1"), (key, "values.co")]


def test_two_sensors_in_one_place_collide(tmp_path: Path) -> None:
    tags = "id,site,quantity,reports,topic\nA,east,gas.co,10s,X\nB,east,gas.co,10s,X\n"
    problems = check(replace(PLANT, tags=tags, rules="").write(tmp_path))
    assert problems[0].text() == (
        "sensors.csv:3: two sensors are read from the same place; found 'east/X'; "
        "expected a topic or field of its own; the first is at sensors.csv:2"
    )


def test_site_and_source_may_be_empty_where_only_one_is_possible(tmp_path: Path) -> None:
    plant = replace(
        PLANT,
        sites="sites:\n  - {id: only, area: a/b/c}\n",
        sources=SOURCES.replace('    site: "{station}"\n', ""),
        tags="id,quantity,reports\nA,gas.co,10s\n",
        rules="",
    )
    configuration = load(plant.write(tmp_path)).configuration
    assert configuration.sensors[0].site == 0
    assert configuration.links[0].source == "gas"


def test_a_file_may_name_site_and_source_for_its_rows(tmp_path: Path) -> None:
    (tmp_path / "west.csv").write_text("id,quantity,reports\nX,gas.co,10s\n", encoding="utf-8")
    sensors = "sensors:\n  - sensors.csv\n  - {file: west.csv, site: west, source: gas}\n"
    configuration = load(replace(PLANT, sensors=sensors).write(tmp_path)).configuration
    last = configuration.sensors[-1]
    assert (last.id, configuration.sites[last.site].id) == ("X", "west")


def test_own_rules_are_added_replaced_and_switched_off(tmp_path: Path) -> None:
    def ids(plant: PlantFiles) -> list[str]:
        return [rule.id for rule in load(plant.write(tmp_path)).configuration.rules]

    assert ids(PLANT) == ["engine.stale", "engine.clock", "gas.high"]
    off = replace(PLANT, head=HEAD + "defaults: {stale: off}\n")
    assert ids(off) == ["engine.clock", "gas.high"]
    own = replace(PLANT, rules="rules:\n  - {id: silent, kind: stale, level: red}\n")
    assert ids(own) == ["engine.clock", "silent"]
    some = replace(PLANT, rules="rules: [{id: s, kind: stale, select: {site: east}}]\n")
    assert ids(some) == ["engine.stale", "engine.clock", "s"]


def test_rules_that_are_not_enabled_are_checked_and_left_out(tmp_path: Path) -> None:
    disabled = replace(PLANT, rules=PLANT.rules + "    enabled: false\n")
    assert [r.id for r in load(disabled.write(tmp_path)).configuration.rules] == [
        "engine.stale",
        "engine.clock",
    ]
    wrong = replace(disabled, rules=disabled.rules.replace("50 %LEL", "50 kPa"))
    assert len(check(wrong.write(tmp_path))) == 1


def test_rules_may_stand_in_files_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "pack.yaml").write_text(
        "- id: a\n  kind: stale\n  select: {site: east}\n- id: b\n  kind: stal\n",
        encoding="utf-8",
    )
    plant = replace(PLANT, rules="rules:\n  - pack.yaml\n")
    assert [problem.where for problem in check(plant.write(tmp_path))] == ["pack.yaml:5"]


def test_the_tenant_of_a_source_is_that_of_its_sites_if_they_have_one(tmp_path: Path) -> None:
    assert load(PLANT.write(tmp_path)).sources[0].tenant == ""
    east_only = replace(PLANT, tags="\n".join(TAGS.splitlines()[:3]) + "\n")
    assert load(east_only.write(tmp_path)).sources[0].tenant == "acme"


def test_secrets_and_files_are_relative_to_the_configuration(tmp_path: Path) -> None:
    broker = "{username: u, password_file: secret.txt, tls: {ca_file: ca.pem}}"
    plant = replace(PLANT, head=HEAD.replace("{host: 127.0.0.1}", broker))
    path = plant.write(tmp_path)
    spec = load(path).sources[0].broker
    assert spec.password_file == str(tmp_path / "secret.txt")
    assert spec.tls is not None
    assert spec.tls.ca_file == str(tmp_path / "ca.pem")
    missing = sorted(problem.message for problem in check(path))
    assert missing == [
        "ca_file: no such file on this machine",
        "password_file: no such file on this machine",
    ]


def test_without_outputs_alerts_go_to_the_files_own_broker(tmp_path: Path) -> None:
    plant = replace(PLANT, head=HEAD.replace("outputs: {mqtt: {}}\n", ""))
    outputs = load(plant.write(tmp_path)).outputs
    assert outputs.mqtt is not None
    assert outputs.influx is None


def test_a_database_of_influxdb_1_with_its_login(tmp_path: Path) -> None:
    database = (
        "{url: 'http://10.2.0.7:8086/', database: plant, retention_policy: kept, username: u, "
        "password_file: secret.txt}"
    )
    head = HEAD.replace("{mqtt: {}}", "{influx: " + database + "}")
    path = replace(PLANT, head=head).write(tmp_path)
    assert load(path).outputs.influx == InfluxSpec(
        "http://10.2.0.7:8086",
        database="plant",
        retention_policy="kept",
        username="u",
        password_file=str(tmp_path / "secret.txt"),
    )
    assert [p.message for p in check(path)] == ["password_file: no such file on this machine"]


def test_a_thousand_mistakes_are_shown_and_the_rest_counted(tmp_path: Path) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["id", "site", "quantity", "unit", "reports"])
    writer.writerows([f"S{i}", f"nowhere-{i}", "gas.co", "kPa", "10s"] for i in range(1_500))
    path = replace(PLANT, tags=out.getvalue(), rules="").write(tmp_path)
    problems = check(path)
    assert len(problems) == 1_001
    assert problems[-1].text() == "and 1 more"
    # Two a row; reading ends where no further mistake would be shown.
    assert {problem.where for problem in problems[:1_000]} == {
        f"sensors.csv:{line}" for line in range(2, 502)
    }
    with pytest.raises(SpecError) as caught:
        load(path)
    assert len(str(caught.value).splitlines()) == 1_001


def test_mistakes_in_one_place_do_not_hide_those_elsewhere(tmp_path: Path) -> None:
    plant = PlantFiles(
        head=HEAD.replace("tenant: acme", "tenant: a/b"),
        sites="sites:\n  - {id: east, area: hefei}\n  - {id: west, area: a/b/c}\n",
        sources=SOURCES.replace("path: ts", "pth: ts"),
        rules="rules:\n  - {id: x, kind: limit, select: {sensor: PT-1}, high: {rde: 1 kPa}}\n",
        tags=TAGS.replace("MPa", "mpa"),
    )
    assert [problem.where for problem in check(plant.write(tmp_path))] == [
        "lifeline.yaml:2",
        "lifeline.yaml:6",
        "lifeline.yaml:13",
        "lifeline.yaml:15",
        "sensors.csv:3",
    ]


def test_the_columns_and_a_rows_cells_are_the_same_list() -> None:
    assert Cells._fields == tuple(column.name for column in COLUMNS)
    spellings = [folded(s) for column in COLUMNS for s in (column.name, *column.aliases)]
    assert len(spellings) == len(set(spellings)) == len(HEADINGS)


def test_the_engines_own_site_is_reserved() -> None:
    assert ENGINE_SITE in RESERVED_SITES


def imported_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=180
    )
    return set(run.stdout.split())


def test_a_process_that_is_handed_a_plant_needs_no_heavy_library() -> None:
    modules = imported_after("from lifeline.engine.config import Plant, load")
    assert not modules & {"pydantic", "pint", "yaml", "numpy", "numba"}


def test_canonical_units_load_without_pint(tmp_path: Path) -> None:
    tags = TAGS.replace("MPa", "kPa").replace("%VOL", "%LEL")
    path = replace(PLANT, tags=tags).write(tmp_path)
    modules = imported_after(f"from lifeline.engine.config import load\nload({str(path)!r})")
    assert "pydantic" in modules
    assert not modules & {"pint", "numba"}


@pytest.mark.parametrize(
    ("section", "spec"),
    [
        ("", None),
        ("monitoring: {}\n", MonitoringSpec("127.0.0.1", 9464)),
        ("monitoring: {host: '::1', port: 9999}\n", MonitoringSpec("::1", 9999)),
    ],
)
def test_monitoring_is_served_only_where_it_is_asked_for(
    tmp_path: Path, section: str, spec: MonitoringSpec | None
) -> None:
    plant = replace(PLANT, head=HEAD + section).write(tmp_path)
    assert load(plant).monitoring == spec
    assert check(plant) == []
