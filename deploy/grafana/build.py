#!/usr/bin/env python3
"""Makes deploy/grafana/dashboards/ from plants.py and systems.py: python deploy/grafana/build.py

They are files of the repository, so that nobody needs this program to use them; a test holds them to
what it makes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, get_args

HERE: Final = Path(__file__).parent
sys.path.insert(0, str(HERE))

from page import Dashboard, Variable  # noqa: E402
from panels import COLOURS, DATASOURCE, Json, Language, Panel, target  # noqa: E402
from plants import PLANTS  # noqa: E402
from queries import events  # noqa: E402
from systems import SYSTEMS  # noqa: E402

#: The uids of provisioning/datasources/lifeline.yaml.
SOURCES: Final[dict[Language, str]] = {"influxql": "Lifeline InfluxQL", "flux": "Lifeline Flux"}
WIDTH: Final = 24
SCHEMA: Final = 39
EVENTS: Final = {"zh": "报警", "en": "Alarms"}


def documents() -> Iterator[tuple[str, Json]]:
    """Every dashboard by the path of its file below dashboards/."""
    for language in get_args(Language):
        for make in (*PLANTS, *SYSTEMS):
            found = make(language)
            yield f"{language}/{found.name}.json", document(found, language)


def document(dashboard: Dashboard, language: Language) -> Json:
    """One dashboard in Grafana's classic model."""
    tags = ["lifeline", f"lifeline-{language}"]
    return {
        "id": None,
        "uid": f"lifeline-{dashboard.name}-{language}",
        "title": f"Lifeline {dashboard.title} · {SOURCES[language].partition(' ')[2]}",
        "description": "deploy/grafana/build.py; docs/dashboards.md",
        "tags": tags,
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "time": {"from": dashboard.since, "to": "now"},
        "refresh": dashboard.refresh,
        "timepicker": {},
        "fiscalYearStartMonth": 0,
        "links": [_link(tags[1])],
        "annotations": {"list": _events(dashboard, language)},
        "templating": {
            "list": [
                _source(language),
                *(_variable(v, language) for v in dashboard.variables),
            ]
        },
        "panels": [
            panel.json(number, place, language)
            for number, (panel, place) in enumerate(_placed(dashboard.panels), start=1)
        ],
    }


def _placed(panels: Sequence[Panel]) -> Iterator[tuple[Panel, dict[str, int]]]:
    """From left to right, a new row where one is full."""
    x = y = height = 0
    for panel in panels:
        w, h = panel.size
        if x + w > WIDTH:
            x, y, height = 0, y + height, 0
        yield panel, {"x": x, "y": y, "w": w, "h": h}
        x, height = x + w, max(height, h)


def _link(tag: str) -> Json:
    return {
        "type": "dashboards",
        "tags": [tag],
        "title": "Lifeline",
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }


def _source(language: Language) -> Json:
    name = SOURCES[language]
    return {
        "name": "datasource",
        "label": "数据源 data source",
        "type": "datasource",
        "query": "influxdb",
        # Both languages are data sources of one type: they are told apart by their names.
        "regex": rf"/\b{name.partition(' ')[2]}\b/",
        "current": {"text": name, "value": name.lower().replace(" ", "-")},
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "options": [],
        "refresh": 1,
        "skipUrlSync": False,
    }


def _variable(variable: Variable, language: Language) -> Json:
    asked = variable.query.flux if language == "flux" else variable.query.influxql
    found: Json = {
        "name": variable.name,
        "label": variable.label,
        "type": "query",
        "datasource": DATASOURCE,
        "definition": asked,
        "query": {"query": asked, "refId": f"variable-{variable.name}"},
        "refresh": 2,  # when the time range changes
        "regex": "",
        "sort": 1,
        "hide": 0,
        "multi": variable.several,
        "includeAll": variable.several,
        "options": [],
        "skipUrlSync": False,
        "current": {},
    }
    if variable.several:
        found |= {"allValue": ".*", "current": {"text": ["All"], "value": ["$__all"]}}
    return found


def _events(dashboard: Dashboard, language: Language) -> list[Json]:
    """Alarms as annotations: in Chinese switched on, in English switched off."""
    if dashboard.events is None:
        return []
    found = []
    for speech, name in EVENTS.items():
        asked = events(dashboard.events, speech)
        ask = target(asked, "Anno", language)
        event: Json = {
            "name": name,
            "datasource": DATASOURCE,
            "enable": speech == "zh",
            "hide": False,
            "iconColor": COLOURS[-1],
            "target": ask,
        }
        if language == "influxql":
            shown = {
                "textColumn": "text",
                "tagsColumn": "site,sensor,rule,transition",
                "titleColumn": "",
                "timeEndColumn": "",
                "fromAnnotations": True,
                "queryType": "tags",
            }
            ask |= shown | {"resultFormat": "table"}
            event |= shown | {"query": asked.influxql}
        found.append(event)
    return found


def main() -> None:
    """Writes every file, and removes what is not made any more."""
    folder = HERE / "dashboards"
    made = dict(documents())
    for name, found in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(found, ensure_ascii=False, indent=1)
        path.write_text(text + "\n", encoding="utf-8")
    for path in folder.rglob("*.json"):
        if str(path.relative_to(folder)) not in made:
            path.unlink()


if __name__ == "__main__":
    main()
