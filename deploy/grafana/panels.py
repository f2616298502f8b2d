"""Panels of Grafana's classic dashboard model (schemaVersion 39, Grafana 11 and later)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from queries import Query

from lifeline.engine.level import LEVELS
from lifeline.engine.quantities import load_catalogue
from lifeline.engine.unit_spelling import symbol

Language = Literal["influxql", "flux"]
Json = dict[str, Any]

DATASOURCE: Json = {"type": "influxdb", "uid": "${datasource}"}
#: The four statutory colours, and green for calm.
COLOURS = ("green", "blue", "yellow", "orange", "red")
LEVEL_NAMES = ("正常 normal", "蓝 blue", "黄 yellow", "橙 orange", "红 red")
STATES = {
    "normal": "正常 normal",
    "unacknowledged": "未确认 unacknowledged",
    "acknowledged": "已确认 acknowledged",
    "returned_unacknowledged": "已恢复未确认 returned, unacknowledged",
    "shelved": "已搁置 shelved",
    "latched": "待复位 latched",
    "suppressed_by_design": "设计抑制 suppressed by design",
    "out_of_service": "停用 out of service",
}
HEADINGS = {
    "Time": "时间 time",
    "time": "时间 time",
    "_time": "时间 time",
    "site": "站点 site",
    "area": "区域 area",
    "asset": "设备 asset",
    "sensor": "测点 sensor",
    "rule": "规则 rule",
    "quantity": "参量 quantity",
    "level": "级别 level",
    "state": "状态 state",
    "onset": "始于 since",
    "value": "数值 value",
    "limit": "限值 limit",
    "quality": "质量 quality",
    "transition": "变化 transition",
    "text_zh": "说明",
    "text_en": "what",
    "alarms": "报警次数 alarms",
    "minutes": "分钟 minutes",
    "most": "每分钟最多 most a minute",
    "samples": "样本数 samples",
}
Step = tuple[float | None, str]


def thresholds(*steps: Step) -> Json:
    """Colours from values on; the first step's value is None."""
    return {"mode": "absolute", "steps": [{"value": v, "color": c} for v, c in steps]}


PLAIN = thresholds((None, "green"))
NONE_IS_GOOD = thresholds((None, "green"), (1, "orange"))
BY_LEVEL = thresholds((None, COLOURS[0]), *((i, c) for i, c in enumerate(COLOURS) if i))
LEVEL_MAPPING: Json = {
    "type": "value",
    "options": {
        str(i): {"text": name, "color": COLOURS[i], "index": i}
        for i, name in enumerate(LEVEL_NAMES)
    },
}
STATE_MAPPING: Json = {
    "type": "value",
    "options": {k: {"text": v, "index": i} for i, (k, v) in enumerate(STATES.items())},
}
QUALITY_MAPPINGS: list[Json] = [
    {
        "type": "range",
        "options": {"from": a, "to": b, "result": {"text": text, "color": colour, "index": i}},
    }
    for i, (a, b, text, colour) in enumerate(
        (
            (0, 63, "好 good", "green"),
            (64, 127, "可疑 suspect", "yellow"),
            (128, 255, "坏 bad", "red"),
        )
    )
]


def units() -> list[Json]:
    """Units by the quantity that stands in a series' name, from the catalogue of quantities."""
    by_unit: dict[str, list[str]] = {}
    for name, quantity in load_catalogue().items():
        by_unit.setdefault(symbol(quantity.unit), []).append(re.escape(name))
    return [
        override("byRegexp", rf"/(^|\s)({'|'.join(names)})(\s|$)/", unit=f"suffix:{unit}")
        for unit, names in by_unit.items()
        if unit not in ("1", "bool")
    ]


def override(matcher: str, options: str, **properties: Any) -> Json:
    """Field options for the fields that match; a name's `__` stands for a dot."""
    found = [{"id": k.replace("__", "."), "value": v} for k, v in properties.items()]
    return {"matcher": {"id": matcher, "options": options}, "properties": found}


def limit_lines() -> list[Json]:
    """Limits are dashed steps in their level's colour."""
    return [
        override(
            "byRegexp",
            rf"/ {LEVELS[i]} (high|low)$/",
            color={"mode": "fixed", "fixedColor": COLOURS[i]},
            custom__lineStyle={"fill": "dash", "dash": [10, 10]},
            custom__lineInterpolation="stepAfter",
            custom__fillOpacity=0,
            custom__spanNulls=True,
            custom__showPoints="never",
        )
        for i in range(1, len(LEVELS))
    ]


def by_colour() -> list[Json]:
    """Series named after a level have its colour."""
    return [
        override("byName", LEVEL_NAMES[i], color={"mode": "fixed", "fixedColor": COLOURS[i]})
        for i in range(1, len(LEVELS))
    ]


def columns(links: Mapping[str, str]) -> list[Json]:
    """Tables: headings in both languages, levels in colour, links from cells to dashboards."""
    found = [override("byName", name, displayName=text) for name, text in HEADINGS.items()]
    found += [
        override(
            "byName", "level", mappings=[LEVEL_MAPPING], custom__cellOptions={"type": "color-text"}
        ),
        override("byName", "state", mappings=[STATE_MAPPING]),
        override("byName", "quality", mappings=QUALITY_MAPPINGS),
    ]
    return found + [
        override("byName", name, links=[{"title": "打开 open", "url": url}])
        for name, url in links.items()
    ]


@dataclass(frozen=True)
class Panel:
    """One panel: its queries, and how they are drawn. `size` is (width of 24, height)."""

    title: str
    kind: str
    queries: Sequence[Query]
    size: tuple[int, int]
    description: str = ""
    unit: str = "short"
    decimals: int | None = None
    steps: Json = field(default_factory=lambda: PLAIN)
    calc: str = "lastNotNull"
    custom: Mapping[str, Any] = field(default_factory=dict)
    overrides: Sequence[Json] = ()
    mappings: Sequence[Json] = ()
    transformations: Sequence[Json] = ()
    interval: str = ""
    nothing: str = ""
    text: str = "auto"

    def json(self, number: int, place: Mapping[str, int], language: Language) -> Json:
        """The panel at its place; its queries in one language."""
        found: Json = {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": DATASOURCE,
            "gridPos": dict(place),
            "targets": [target(q, chr(65 + i), language) for i, q in enumerate(self.queries)],
            "fieldConfig": {"defaults": self._defaults(language), "overrides": [*self.overrides]},
            "options": self._options(),
        }
        if self.interval:
            found["interval"] = self.interval
        if self.transformations:
            found["transformations"] = [*self.transformations]
        return found

    def _defaults(self, language: Language) -> Json:
        found: Json = {
            "unit": self.unit,
            "thresholds": self.steps,
            "color": {"mode": "palette-classic" if self.kind != "stat" else "thresholds"},
            "custom": dict(self.custom),
            "mappings": [*self.mappings],
        }
        if self.decimals is not None:
            found["decimals"] = self.decimals
        if self.nothing:
            found["noValue"] = self.nothing
        alias = self.queries[0].alias
        if language == "flux" and "$tag_" in alias:
            found["displayName"] = re.sub(r"\$tag_(\w+)", r"${__field.labels.\1}", alias).replace(
                "$col", "${__field.name}"
            )
        return found

    def _options(self) -> Json:
        reduce = {"calcs": [self.calc], "fields": "", "values": False}
        tooltip = {"mode": "multi", "sort": "desc"}
        legend = {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []}
        options: dict[str, Json] = {
            "stat": {"reduceOptions": reduce, "colorMode": "background", "textMode": self.text},
            "timeseries": {"legend": legend, "tooltip": tooltip},
            "state-timeline": {"showValue": "auto", "mergeValues": True, "legend": legend},
            "piechart": {
                "reduceOptions": reduce,
                "pieType": "donut",
                "displayLabels": ["name", "percent"],
                "legend": legend,
                "tooltip": {"mode": "single"},
            },
            "table": {"showHeader": True, "cellHeight": "sm"},
        }
        return options[self.kind]


def target(query: Query, ref: str, language: Language) -> Json:
    """A query of a panel."""
    if language == "flux":
        return {"refId": ref, "datasource": DATASOURCE, "query": query.flux}
    return {
        "refId": ref,
        "datasource": DATASOURCE,
        "rawQuery": True,
        "query": query.influxql,
        "resultFormat": "table" if query.table else "time_series",
        "alias": query.alias,
    }


def sorted_by(name: str, *, descending: bool, most: int = 0) -> list[Json]:
    """Rows in order, and no more than `most`."""
    found: list[Json] = [
        {"id": "sortBy", "options": {"sort": [{"field": name, "desc": descending}], "fields": {}}}
    ]
    return [*found, {"id": "limit", "options": {"limitField": most}}] if most else found


def lines(
    fill: int = 0, *, bars: bool = False, stacked: bool = False, limits: bool = False
) -> Json:
    """How a time series is drawn; `limits` draws the thresholds as lines."""
    return {
        "drawStyle": "bars" if bars else "line",
        "fillOpacity": 60 if bars else fill,
        "lineWidth": 1,
        "showPoints": "never" if bars else "auto",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if limits else "off"},
    }
