"""Every mistake is told with file, line, what was found, what was expected, and the nearest name."""

from dataclasses import replace
from pathlib import Path

import pytest

from lifeline.engine.config import check, load
from lifeline.engine.config.nearest import listed
from lifeline.engine.errors import SpecError
from lifeline.engine.kinds import load_kinds
from plant_files import HEAD, RULES, SITES, SOURCES, TAGS, PlantFiles

PLANT = PlantFiles()
KINDS = listed(list(load_kinds()))
# Lines of the unchanged file: head 1-4, sites 5-7, sensors 8, sources 9-13, rules 14-18.
UNITS_OF_LEL = "expected %LEL, LEL or with a gas %VOL, ppm, ppb or with a gas mg/m3, ug/m3, g/m3"
NOT_A_LEL = (
    "kPa is a unit of pressure, but gas.combustible is a share of the lower explosive limit; "
    f"found 'kPa'; {UNITS_OF_LEL}"
)


def head(old: str, new: str) -> PlantFiles:
    assert old in HEAD
    return replace(PLANT, head=HEAD.replace(old, new))


def sites(old: str, new: str) -> PlantFiles:
    assert old in SITES
    return replace(PLANT, sites=SITES.replace(old, new))


def sources(old: str, new: str) -> PlantFiles:
    assert old in SOURCES
    return replace(PLANT, sources=SOURCES.replace(old, new))


def rules(old: str, new: str) -> PlantFiles:
    assert old in RULES
    return replace(PLANT, rules=RULES.replace(old, new))


def tags(old: str, new: str) -> PlantFiles:
    assert old in TAGS
    return replace(PLANT, tags=TAGS.replace(old, new))


MISTAKES = {
    # --- the file itself
    "unknown top-level key": (
        head("tenant: acme\n", "tennant: acme\ntenant: acme\n"),
        "lifeline.yaml:2: unknown key; found 'tennant'; expected version, node, tenant, storage, "
        "broker, sites, sensors, sources … (9 more); did you mean tenant?",
    ),
    "unknown version": (
        head("version: 1", "version: 2"),
        "lifeline.yaml:1: version is not valid; found 2; expected 1",
    ),
    "key twice": (
        head("tenant: acme\n", "tenant: acme\ntenant: acme\n"),
        "lifeline.yaml:3: the key stands twice; found 'tenant'; expected one only; "
        "the first is on line 2",
    ),
    "password in the file": (
        head("{host: 127.0.0.1}", "{host: 127.0.0.1, username: u, password: geheim}"),
        "lifeline.yaml:3: secrets do not stand in this file; found 'password'; expected "
        "password_file (a file with the secret) or password_env (an environment variable)",
    ),
    "port out of range": (
        head("{host: 127.0.0.1}", "{port: 70000}"),
        "lifeline.yaml:3: port is out of range; found 70000; expected at most 65535",
    ),
    "port as text": (
        head("{host: 127.0.0.1}", "{port: '1883'}"),
        "lifeline.yaml:3: port has the wrong type; found '1883'; expected a whole number",
    ),
    "password without user": (
        head("{host: 127.0.0.1}", "{password_env: X}"),
        "lifeline.yaml:3: broker: a password needs a username; expected 'username'",
    ),
    "token in the file": (
        head("{mqtt: {}}", "{influx: {url: 'http://x', bucket: b, token: t}}"),
        "lifeline.yaml:4: secrets do not stand in this file; found 'token'; expected "
        "token_file (a file with the secret) or token_env (an environment variable)",
    ),
    "neither bucket nor database": (
        head("{mqtt: {}}", "{influx: {url: 'http://x'}}"),
        "lifeline.yaml:4: influx: InfluxDB needs a bucket or a database; expected 'bucket'",
    ),
    "bucket and database": (
        head("{mqtt: {}}", "{influx: {url: 'http://x', bucket: b, database: d}}"),
        "lifeline.yaml:4: influx: bucket belongs to a bucket, database to a database of InfluxDB "
        "1.x; expected bucket with org and token, or database with username and password",
    ),
    "login without a password": (
        head("{mqtt: {}}", "{influx: {url: 'http://x', database: d, username: u}}"),
        "lifeline.yaml:4: influx: a username needs a password, and a password a username; "
        "expected username with password_file or password_env",
    ),
    "two passwords": (
        head(
            "{mqtt: {}}",
            "{influx: {url: 'http://x', database: d, username: u, password_file: f, "
            "password_env: E}}",
        ),
        "lifeline.yaml:4: influx: password_file and password_env exclude each other",
    ),
    "size without unit": (
        head("tenant: acme", "tenant: acme\nstorage: {retention: {size: 20}}"),
        "lifeline.yaml:3: size: not a size; found 20; expected a size such as 20 GB",
    ),
    "unknown storage key": (
        head("tenant: acme", "tenant: acme\nstorage:\n  retention:\n    sice: 20 GB"),
        "lifeline.yaml:5: unknown key; found 'sice'; expected age or size; did you mean size?",
    ),
    "address of monitoring with a path": (
        head("tenant: acme", "tenant: acme\nmonitoring: {host: 'http://127.0.0.1'}"),
        "lifeline.yaml:3: monitoring: host is no address; found 'http://127.0.0.1'; "
        "expected 127.0.0.1, or a host's name",
    ),
    "privileged nonsense as a port": (
        head("tenant: acme", "tenant: acme\nmonitoring: {port: 0}"),
        "lifeline.yaml:3: port is out of range; found 0; expected at least 1",
    ),
    # --- sites
    "area of two parts": (
        sites("hefei/shushan/west", "hefei/shushan"),
        "lifeline.yaml:7: area: an area has exactly three parts; found 'hefei/shushan'; "
        "expected city/district/street",
    ),
    "area with an empty part": (
        sites("hefei/shushan/west", "hefei//west"),
        "lifeline.yaml:7: area: a name is empty; found ''; expected a name without + # / ~ $ \\ \"",
    ),
    "latitude": (
        sites("id: east,", "id: east, lat: 91.5,"),
        "lifeline.yaml:6: lat is out of range; found 91.5; expected at most 90.0",
    ),
    "site twice": (
        sites("sites:\n", "sites:\n  - {id: east, area: a/b/c}\n"),
        "lifeline.yaml:7: the site stands twice; found 'east'",
    ),
    "reserved site": (
        sites("sites:\n", "sites:\n  - {id: _engine, area: a/b/c}\n"),
        "lifeline.yaml:6: the site id is the engine's own; found '_engine'",
    ),
    "wildcard in an id": (
        sites("sites:\n", "sites:\n  - {id: 'a+b', area: a/b/c}\n"),
        "lifeline.yaml:6: id: a name contains '+', which topics and ids give a meaning to; "
        "found 'a+b'; expected a name without + # / ~ $ \\ \"",
    ),
    "blank at the end of an id": (
        sites("sites:\n", "sites:\n  - {id: 'a ', area: a/b/c}\n"),
        "lifeline.yaml:6: id: a name begins or ends with a space; found 'a '; "
        'expected a name without + # / ~ $ \\ "',
    ),
    "invisible character in an id": (
        sites("sites:\n", 'sites:\n  - {id: "a\\u200bb", area: a/b/c}\n'),
        "lifeline.yaml:6: id: a name contains a character that cannot be seen; "
        "found 'a\\u200bb'; expected a name without + # / ~ $ \\ \"",
    ),
    "number as an id": (
        sites("sites:\n", "sites:\n  - {id: 12, area: a/b/c}\n"),
        "lifeline.yaml:6: id: a name must be text; found 12; expected a name in quotes",
    ),
    "no tenant": (
        head("tenant: acme\n", ""),
        "lifeline.yaml:5: the site has no tenant; found 'east'; "
        "expected 'tenant' here or at the top of the file",
    ),
    "time zone": (
        sites("id: east,", "id: east, timezone: Asia/Shangai,"),
        "lifeline.yaml:6: timezone: unknown time zone; found 'Asia/Shangai'; expected an IANA "
        "name such as Asia/Shanghai; did you mean Asia/Shanghai?",
    ),
    # --- sources
    "site of a source": (
        sources('site: "{station}"', "site: eest"),
        "lifeline.yaml:12: unknown site; found 'eest'; expected east or west; "
        "did you mean west or east?",
    ),
    "topic with # inside": (
        sources("gas/{station}/{device}", "gas/#/{station}/{device}"),
        "lifeline.yaml:11: # may only be the last level of a topic; "
        "found 'gas/#/{station}/{device}'",
    ),
    "template names no part": (
        sources('"{device}"', '"{devise}"'),
        "lifeline.yaml:13: the topic gas/{station}/{device} has no part of this name; "
        "found '{devise}'; expected {station}, {device} or {topic}; did you mean {device}?",
    ),
    "template with a loose brace": (
        sources('"{device}"', '"{device"'),
        "lifeline.yaml:13: a template has an unpaired brace; found '{station}/{device'",
    ),
    "payload path": (
        sources("path: ts", "path: a..b"),
        "lifeline.yaml:13: a payload path has an empty part; found 'a..b'; expected a.b.c",
    ),
    "time unit": (
        sources("path: ts", "path: ts, unit: sec"),
        "lifeline.yaml:13: unit is not valid; found 'sec'; expected s, ms, us, ns or iso",
    ),
    "shape": (
        sources("time: {path: ts}", "shape: wde"),
        "lifeline.yaml:13: shape is not valid; found 'wde'; expected point or wide; "
        "did you mean wide?",
    ),
    "value in the wide form": (
        sources("time: {path: ts}", "shape: wide, value: v"),
        "lifeline.yaml:13: payload: value belongs to the shape point; "
        "expected fields, or shape: point",
    ),
    "quality code": (
        sources("time: {path: ts}", "quality: {path: q, map: {C: calibraton}}"),
        "lifeline.yaml:13: C: unknown quality; found 'calibraton'; expected good, over_range, "
        "under_range, implausible_rate, conflict, clock_uncertain, uncertain, fault, "
        "calibration, maintenance, comm_fault, not_a_number, clock_fault; "
        "did you mean calibration?",
    ),
    "duration without unit": (
        sources("    site:", "    grace: 5\n    site:"),
        "lifeline.yaml:12: grace: a duration needs its unit; found 5; "
        "expected a duration such as 30s",
    ),
    "source twice": (
        replace(PLANT, sources=SOURCES + SOURCES.removeprefix("sources:\n")),
        "lifeline.yaml:14: the source stands twice; found 'gas'",
    ),
    "no source": (
        replace(PLANT, sources="sources: []\n", tags="id,quantity\n"),
        "lifeline.yaml:9: sources is empty; expected one or more",
    ),
    "no broker": (
        replace(PLANT, head="version: 1\ntenant: acme\n"),
        "lifeline.yaml:8: the source has no broker; found 'gas'; "
        "expected 'broker' here or at the top of the file",
    ),
    # --- rules
    "unknown kind": (
        rules("kind: limit", "kind: limt"),
        "lifeline.yaml:16: unknown kind of rule; found 'limt'; "
        f"expected {KINDS}; did you mean limit?",
    ),
    "no kind": (
        rules("    kind: limit\n", ""),
        f"lifeline.yaml:15: the rule has no kind; expected {KINDS}",
    ),
    "no id": (
        rules("  - id: gas.high\n    kind: limit", "  - kind: limit"),
        "lifeline.yaml:15: a key is missing; expected 'id'",
    ),
    "unknown quantity": (
        rules("quantity: gas.combustible", "quantity: gas.combustable"),
        "lifeline.yaml:17: unknown quantity; found 'gas.combustable'; "
        "expected a name of the catalogue, docs/quantities.md; "
        "did you mean gas.combustible or gas.combustible.openpath or gas.co?",
    ),
    "unknown level": (
        rules("orange:", "oragne:"),
        "lifeline.yaml:18: unknown level; found 'oragne'; "
        "expected blue, yellow, orange or red; did you mean orange?",
    ),
    "unit of another dimension": (
        rules("{orange: 25 %LEL, red: 50 %LEL}", "{red: 25 kPa}"),
        f"lifeline.yaml:18: {NOT_A_LEL}",
    ),
    "limit without unit": (
        rules("{orange: 25 %LEL, red: 50 %LEL}", "{red: 25}"),
        "lifeline.yaml:18: a unit is missing; found '25'; expected such as 25 %LEL",
    ),
    "not a ladder": (
        rules("red: 50 %LEL", "red: 20 %LEL"),
        "lifeline.yaml:15: a graver level must not have a smaller high limit; "
        "found high orange 25, high red 20",
    ),
    "no limit": (
        rules("    high: {orange: 25 %LEL, red: 50 %LEL}\n", ""),
        "lifeline.yaml:15: the rule has no limit; expected at least one level with a limit",
    ),
    "delay of an unused level": (
        replace(PLANT, rules=RULES + "    on_delay: {yellow: 3s}\n"),
        "lifeline.yaml:19: on_delay names a level without a limit; found 'yellow'; "
        "expected orange or red",
    ),
    "negative deadband": (
        replace(PLANT, rules=RULES + "    deadband: -1 %LEL\n"),
        "lifeline.yaml:15: deadbands and delays must not be negative; "
        "found high orange 25, high red 50",
    ),
    "deadband without a way back": (
        rules(
            "high: {orange: 25 %LEL, red: 50 %LEL}",
            "high: {red: 50 %LEL}\n    low: {red: 40 %LEL}\n    deadband: 5 %LEL",
        ),
        "lifeline.yaml:20: the deadband leaves no value at which red returns; "
        "found 5; expected less than 5",
    ),
    "low limit above the high one": (
        rules("orange: 25 %LEL, red: 50 %LEL}", "red: 50 %LEL}\n    low: {red: 60 %LEL}"),
        "lifeline.yaml:19: the low limit of red is not below its high limit; found low 60, high 50",
    ),
    "unknown site in a selection": (
        rules("{quantity: gas.combustible}", "{site: [east, wst]}"),
        "lifeline.yaml:17: unknown site; found 'wst'; expected east or west; did you mean west?",
    ),
    "unknown sensor in a selection": (
        rules("{quantity: gas.combustible}", "{sensor: GD-11}"),
        "lifeline.yaml:17: unknown sensor; found 'GD-11'; expected GD-1 or PT-1; "
        "did you mean GD-1?",
    ),
    "rule twice": (
        replace(PLANT, rules=RULES + RULES.removeprefix("rules:\n")),
        "lifeline.yaml:19: the rule id stands twice; found 'gas.high'; "
        "expected one only; the first is at lifeline.yaml:15",
    ),
    "no such file of rules": (
        replace(PLANT, rules="rules: [pack.yaml]\n"),
        "lifeline.yaml:14: no such file of rules; found 'pack.yaml'",
    ),
    "falling rate below zero": (
        rules(
            "kind: limit\n    select: {quantity: gas.combustible}\n"
            "    high: {orange: 25 %LEL, red: 50 %LEL}",
            "kind: rate\n    select: {quantity: pipe.gas.pressure}\n"
            "    falling: {red: -3 kPa/s}\n    span: 60s",
        ),
        "lifeline.yaml:18: a change per time must be more than zero; found '-3 kPa/s'; "
        "expected a positive number; the key falling says that it is a fall",
    ),
    "rate without time": (
        rules(
            "kind: limit\n    select: {quantity: gas.combustible}\n"
            "    high: {orange: 25 %LEL, red: 50 %LEL}",
            "kind: rate\n    select: {quantity: pipe.gas.pressure}\n"
            "    rising: {red: 3 kPa}\n    span: 60s",
        ),
        "lifeline.yaml:18: not a rate of pipe.gas.pressure; found 'kPa'; "
        "expected kPa per time, such as kPa/s or kPa/d",
    ),
    "span longer than the window": (
        rules(
            "kind: limit\n    select: {quantity: gas.combustible}\n"
            "    high: {orange: 25 %LEL, red: 50 %LEL}",
            "kind: trend\n    select: {quantity: pipe.gas.pressure}\n"
            "    rising: {red: 3 kPa/h}\n    window: 1h\n    min_span: 2h",
        ),
        "lifeline.yaml:20: min_span is longer than the window; found 7200 s; "
        "expected at most 3600 s",
    ),
    # --- the tag list
    "no such tag list": (
        replace(PLANT, sensors="sensors: [sensors.csv, more.csv]\n"),
        "lifeline.yaml:8: no such tag list; found 'more.csv'; expected a file beside this one",
    ),
    "missing column": (
        tags("quantity", "what"),
        "sensors.csv:1: a column is missing; "
        "found 'id, site, what, unit, low, high, reports, gas'; "
        "expected quantity (or measurand, 物理量, 监测量)",
    ),
    "unit in a heading": (
        tags("low,high", "low (kPa),high"),
        "sensors.csv:1: a unit in a heading is not read; found 'low (kPa)'; "
        "expected low, with the unit in the column unit",
    ),
    "two columns of one meaning": (
        tags("low,high", "low,low"),
        "sensors.csv:1: two columns hold low; found 'low'",
    ),
    "too many cells": (
        tags("periodic 5s,", "periodic 5s,,x"),
        "sensors.csv:3: the row has more cells than the heading; found 'x'; "
        "expected 8 cells; text with a separator stands in quotes",
    ),
    "open quote": (
        tags("PT-1", '"PT-1'),
        "sensors.csv:3: the row cannot be read; found unexpected end of data",
    ),
    "unknown quantity of a tag": (
        tags("pipe.gas.pressure", "pipe.gas.presure"),
        "sensors.csv:3: unknown quantity; found 'pipe.gas.presure'; "
        "expected a name of the catalogue, docs/quantities.md; "
        "did you mean pipe.gas.pressure or pipe.water.pressure or pipe.oil.pressure?",
    ),
    "unit of a tag": (
        tags("gas.combustible,%LEL", "gas.combustible,kPa"),
        f"sensors.csv:2: {NOT_A_LEL}",
    ),
    "prefix in the wrong case": (
        tags("MPa", "mpa"),
        "sensors.csv:3: unknown unit; found 'mpa'; expected a unit such as %LEL, kPa, mm or "
        "m3/h; did you mean MPa or Pa or mA?",
    ),
    "unknown gas": (
        tags("100,periodic 10s,methane", "100,periodic 10s,methan"),
        "sensors.csv:2: unknown gas; found 'methan'; "
        "expected a gas such as methane, H2S or 一氧化碳; "
        "did you mean methane or methanol or ethane?",
    ),
    "unknown site of a tag": (
        tags("GD-1,west", "GD-1,wset"),
        "sensors.csv:4: unknown site; found 'wset'; expected east or west; did you mean west?",
    ),
    "sensor twice": (
        tags("PT-1,east", "GD-1,east"),
        "sensors.csv:3: the sensor stands twice; found 'GD-1'; "
        "expected one row; the first is at sensors.csv:2",
    ),
    "slash in a sensor's id": (
        tags("PT-1", "PT/1"),
        "sensors.csv:3: a name contains '/', which topics and ids give a meaning to; "
        "found 'PT/1'; expected an id without + # / ~ $ \\ \"",
    ),
    "decimal comma": (
        tags("MPa,0,4,", 'MPa,"0,1",4,'),
        "sensors.csv:3: comma in a number; found '0,1'; expected a decimal point, 0.1",
    ),
    "not a number": (
        tags("MPa,0,4,", "MPa,zero,4,"),
        "sensors.csv:3: not a number; found 'zero'; expected a number such as 12.5",
    ),
    "not finite": (
        tags("MPa,0,4,", "MPa,0,inf,"),
        "sensors.csv:3: not a number; found 'inf'; expected a number such as 12.5",
    ),
    "range upside down": (
        tags("MPa,0,4,", "MPa,4,0,"),
        "sensors.csv:3: the range is empty; found low 4, high 0; expected low below high",
    ),
    "way of reporting": (
        tags("periodic 5s", "perodic 5s"),
        "sensors.csv:3: unknown way of reporting; found 'perodic 5s'; "
        "expected periodic 10s, on_change 60s or event; did you mean periodic?",
    ),
    "interval without unit": (
        tags("periodic 5s", "periodic 5"),
        "sensors.csv:3: not a duration; found '5'; "
        "expected a duration such as 3s, 30 min, 8h, 1d, 250ms or 1m30s",
    ),
    "interval of zero": (
        tags("periodic 5s", "periodic 0s"),
        "sensors.csv:3: an interval must not be zero; found 'periodic 0s'; "
        "expected periodic 10s, on_change 60s or event",
    ),
}


@pytest.mark.parametrize(("plant", "text"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_told_and_stops_loading(tmp_path: Path, plant: PlantFiles, text: str) -> None:
    path = plant.write(tmp_path)
    problems = check(path)
    errors = [problem.text() for problem in problems if problem.severity == "error"]
    assert errors == [text]
    with pytest.raises(SpecError) as caught:
        load(path)
    assert str(caught.value) == text


def test_the_unchanged_plant_has_no_problem(tmp_path: Path) -> None:
    assert check(PLANT.write(tmp_path)) == []


WARNINGS = {
    "column that is not used": (
        replace(PLANT, tags=TAGS.replace("gas\n", "gas,gsa\n", 1).replace("methane", "methane,")),
        "sensors.csv:1: the column is not used; found 'gsa'; did you mean gas?",
    ),
    "rule selects nothing": (
        rules("{quantity: gas.combustible}", "{quantity: gas.combustible, site: 'n*'}"),
        "lifeline.yaml:15: the rule selects no sensor; found 'gas.high'; "
        "expected quantities measured here: gas.combustible or pipe.gas.pressure",
    ),
    "no topic reaches the sensor": (
        replace(
            PLANT,
            sources=SOURCES.replace('    site: "{station}"\n', ""),
            tags="id,site,quantity,reports,topic\nA,east,gas.co,event,a/b\nB,east,gas.co,event,b\n",
            rules="",
        ),
        "sensors.csv:2: no topic of source gas reaches the sensor; found 'a/b'; "
        "expected what {device} gives for gas/{station}/{device}",
    ),
    "a field's plain name as template": (
        replace(
            PLANT,
            sources=SOURCES.replace('sensor: "{device}"', "sensor: tag"),
            tags="id,site,quantity,reports,topic\nA,east,gas.co,event,b\nB,east,gas.co,event,tag\n",
            rules="",
        ),
        "sensors.csv:2: no topic of source gas reaches the sensor; found 'east/b'; "
        "expected what {station}/tag gives for gas/{station}/{device}; "
        "did you mean {payload.tag}?",
    ),
    "interval from the catalogue": (
        tags("periodic 5s", ""),
        "sensors.csv:3: reports is missing: the catalogue's longest usual interval is taken; "
        "found pipe.gas.pressure as periodic 60s; "
        "expected how often the sensor really speaks: it becomes stale after three intervals",
    ),
    "no range known": (
        replace(PLANT, tags="id,site,quantity,reports\nL,east,dam.pond.level,10 min\n", rules=""),
        "sensors.csv:2: no valid range is known: values are not checked; "
        "found dam.pond.level; expected low and high, or range",
    ),
    "deadband over the next limit": (
        replace(PLANT, rules=RULES + "    deadband: 30 %LEL\n"),
        "lifeline.yaml:15: the deadband reaches over the next limit: red returns only beyond "
        "orange; found 30 %LEL; expected less than 25 %LEL",
    ),
    "flatline on sensors that speak on change": (
        replace(
            PLANT,
            tags=TAGS.replace("periodic 5s", "on_change 60s"),
            rules="rules:\n  - {id: flat, kind: flatline, select: {quantity: pipe.gas.pressure},"
            " window: 12h, tolerance: 1 kPa}\n",
        ),
        "lifeline.yaml:15: sensors that speak on change only are flat by design; "
        "found flat on pipe.gas.pressure; expected select: {reports: periodic}",
    ),
    "values that hold shorter than until the next": (
        replace(
            PLANT,
            rules="rules:\n  - {id: dose, kind: accumulate, select: {quantity: gas.combustible},"
            " of: twa, window: 8h, max_gap: 5s, high: {red: 5 %LEL}}\n",
        ),
        "lifeline.yaml:15: samples of gas.combustible come further apart than a value holds: the "
        "window never has the data that it asks for; found a sample every 10 s, held 5 s; "
        "expected max_gap of at least 7.5 s, or less coverage",
    ),
    "flatline window of fewer than twelve samples": (
        replace(
            PLANT,
            rules="rules:\n  - {id: flat, kind: flatline, select: {quantity: gas.combustible},"
            " window: 119s, tolerance: 1 %LEL}\n",
        ),
        "lifeline.yaml:15: the window is shorter than 12 intervals of gas.combustible: it may never "
        "be judged; found 119 s for samples every 10 s; expected at least 120 s",
    ),
    "window shorter than the samples": (
        rules(
            "kind: limit\n    select: {quantity: gas.combustible}\n"
            "    high: {orange: 25 %LEL, red: 50 %LEL}",
            "kind: trend\n    select: {quantity: gas.combustible}\n"
            "    rising: {red: 3 %LEL/min}\n    window: 20s",
        ),
        "lifeline.yaml:15: the window holds too few samples of gas.combustible: it is never "
        "judged; found 20 s for samples every 10 s; expected at least 4 samples",
    ),
    "site without sensors": (
        sites("sites:\n", "sites:\n  - {id: north, area: a/b/c}\n"),
        "lifeline.yaml:6: the site has no sensor; found 'north'",
    ),
    "no output": (
        head("{mqtt: {}}", "{}"),
        "lifeline.yaml:4: no output: nobody is told of an alarm; "
        "expected outputs: {mqtt: {}} or outputs: {influx: …}",
    ),
    "figures for everybody": (
        head("tenant: acme", "tenant: acme\nmonitoring: {host: 0.0.0.0}"),
        "lifeline.yaml:3: everyone who reaches this address can read the figures; there is no "
        "login; found '0.0.0.0'; expected 127.0.0.1, or a network that only Prometheus reaches",
    ),
    "password file that is not there": (
        head("{host: 127.0.0.1}", "{username: u, password_env: LIFELINE_NO_SUCH_VARIABLE}"),
        "lifeline.yaml:10: password_env: the variable is not set here; "
        "found 'LIFELINE_NO_SUCH_VARIABLE'",
    ),
    "one client id for two clients": (
        head("{host: 127.0.0.1}", "{client_id: me}"),
        "lifeline.yaml:3: gas and the MQTT output use one client id: they throw each other off; "
        "found 'me'; expected none, or one for each",
    ),
}


@pytest.mark.parametrize(("plant", "text"), WARNINGS.values(), ids=WARNINGS.keys())
def test_what_is_probably_not_meant_is_a_warning_and_loads(
    tmp_path: Path, plant: PlantFiles, text: str
) -> None:
    path = plant.write(tmp_path)
    problems = check(path)
    assert [problem.severity for problem in problems] == ["warning"] * len(problems)
    assert text in [problem.text() for problem in problems]
    assert load(path).configuration.sites
