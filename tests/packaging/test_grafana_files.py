"""The dashboards are what deploy/grafana/build.py makes, hang together, and name what there is."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from grafana_screens import DASHBOARDS, dashboards, queries, variables
from lifeline.engine.metrics.catalogue import CATALOGUE
from servers.deployed import DEPLOY

GRAFANA = DEPLOY / "grafana"
LANGUAGES = ("influxql", "flux")
ALL = [(lang, name) for lang in LANGUAGES for name in dashboards(lang)]
CHINESE = re.compile(r"[\u4e00-\u9fff]")
#: Grafana's own.
GLOBAL = {"__from", "__to"}


def provisioned(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((GRAFANA / "provisioning" / name).read_text())
    return found


def test_the_files_are_what_the_program_makes(tmp_path: Path) -> None:
    before = {p.relative_to(DASHBOARDS): p.read_bytes() for p in DASHBOARDS.rglob("*.json")}
    code = (
        f"import sys, pathlib; sys.path.insert(0, {str(GRAFANA)!r}); import build;"
        f"build.HERE = pathlib.Path({str(tmp_path)!r}); build.main()"
    )
    subprocess.run([sys.executable, "-P", "-B", "-c", code], check=True, timeout=180)
    made = tmp_path / "dashboards"
    assert {p.relative_to(made): p.read_bytes() for p in made.rglob("*.json")} == before
    assert len(before) == 10


@pytest.mark.parametrize(("language", "name"), ALL)
def test_a_dashboard_hangs_together(language: str, name: str) -> None:
    dashboard = dashboards(language)[name]
    assert dashboard["uid"] == f"lifeline-{name}-{language}"
    assert len(dashboard["uid"]) <= 40  # Grafana's longest
    assert dashboard["schemaVersion"] >= 39
    assert CHINESE.search(dashboard["title"])
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (place["x"] + i, place["y"] + j) for i in range(place["w"]) for j in range(place["h"])
        }
        assert not cells & taken
        taken |= cells
        assert CHINESE.search(panel["title"])
        assert re.search(r"[A-Za-z]", panel["title"])
        for each in (panel, *panel["targets"]):
            assert each["datasource"] == {"type": "influxdb", "uid": "${datasource}"}


@pytest.mark.parametrize(("language", "name"), ALL)
def test_a_query_uses_variables_that_stand_before_it(language: str, name: str) -> None:
    dashboard = dashboards(language)[name]
    known = set(GLOBAL)
    for variable in variables(dashboard):
        assert set(re.findall(r"\$\{(\w+)", variable.text)) <= known
        known.add(variable.where)
    for asked in queries(dashboard):
        assert set(re.findall(r"\$\{(\w+)", asked.text)) <= known, asked.where


@pytest.mark.parametrize("language", LANGUAGES)
def test_links_lead_to_dashboards_of_the_same_language(language: str) -> None:
    text = json.dumps(dashboards(language))
    uids = {dashboard["uid"] for dashboard in dashboards(language).values()}
    named = set(re.findall(r"/d/([\w-]+)\?", text))
    assert named
    assert named <= uids
    for dashboard in dashboards(language).values():
        (link,) = dashboard["links"]
        assert set(link["tags"]) <= set(dashboard["tags"])


def test_both_languages_have_the_same_panels() -> None:
    def panels(language: str) -> dict[str, list[Any]]:
        return {
            name: [(p["title"], p["type"], p["gridPos"], len(p["targets"])) for p in d["panels"]]
            for name, d in dashboards(language).items()
        }

    assert panels("influxql") == panels("flux")


def test_engine_health_asks_for_figures_that_exist() -> None:
    asked = json.dumps([list(map(str, queries(d))) for d in (dashboards("influxql")["engine"],)])
    names = set(re.findall(r'last\([\\"]+(\w+)', asked))
    assert len(names) > 10
    fields = {name.removeprefix("lifeline_") for name in CATALOGUE} | {"state_is"}
    assert {re.sub(r"_(sum|count)$", "", name) for name in names} <= fields


def test_data_sources_are_those_that_dashboards_choose() -> None:
    sources = provisioned("datasources/lifeline.yaml")["datasources"]
    by_uid = {source["uid"]: source for source in sources}
    for language in LANGUAGES:
        for dashboard in dashboards(language).values():
            first = dashboard["templating"]["list"][0]
            assert (first["type"], first["query"]) == ("datasource", "influxdb")
            chosen = by_uid[first["current"]["value"]]
            pattern = re.compile(first["regex"].split("/")[1])
            assert [s["name"] for s in sources if pattern.search(s["name"])] == [chosen["name"]]
            flux = chosen["jsonData"].get("version") == "Flux"
            assert flux == (language == "flux")


def test_no_secret_stands_in_a_file_and_compose_gives_what_is_asked_for() -> None:
    sources = provisioned("datasources/lifeline.yaml")["datasources"]
    secrets = [value for source in sources for value in source["secureJsonData"].values()]
    assert secrets
    assert all(re.fullmatch(r"(\$\{\w+\}:?)+", value) for value in secrets)
    asked = set(re.findall(r"\$\{(LIFELINE_\w+)\}", json.dumps(sources)))
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    grafana = compose["services"]["grafana"]
    assert asked <= set(grafana["environment"])
    influx = compose["services"]["influxdb"]["environment"]
    assert influx["INFLUXDB_READ_USER"] == grafana["environment"]["LIFELINE_INFLUX_READ_USER"]
    assert {s["jsonData"].get("dbName", "lifeline") for s in sources} == {influx["INFLUXDB_DB"]}


def test_dashboards_are_mounted_where_they_are_looked_for() -> None:
    providers = provisioned("dashboards/lifeline.yaml")["providers"]
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    mounted = dict(v.split(":")[1::-1] for v in compose["services"]["grafana"]["volumes"])
    (root,) = (path for path, source in mounted.items() if source == "./grafana/dashboards")
    paths = {p["options"]["path"].removeprefix(f"{root}/") for p in providers}
    assert paths == set(LANGUAGES)
    assert mounted["/etc/grafana/provisioning"] == "./grafana/provisioning"


def test_every_panel_is_explained() -> None:
    page = (DEPLOY.parent / "docs" / "dashboards.md").read_text(encoding="utf-8")
    for dashboard in dashboards("influxql").values():
        for panel in dashboard["panels"]:
            title = panel["title"].removeprefix("${sensor}：")
            assert title in page, f"{dashboard['uid']}: {title}"
