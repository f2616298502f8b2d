"""What is probably not meant is told as a warning, and loads."""

from dataclasses import replace
from pathlib import Path

import pytest

from lifeline.engine.config import check, load
from plant_changes import PLANT, head, rules, sites, tags
from plant_files import RULES, SOURCES, TAGS, PlantFiles


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
