"""A dashboard: its variables, and what several of them show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import curves
import queries
from panels import (
    LEVEL_NAMES,
    Language,
    Panel,
    columns,
    override,
    sorted_by,
)
from queries import ANNUNCIATED, LEVEL, Condition, Query

RANGE = "${__url_time_range}"
VARIABLES = "var-datasource=${datasource}"


def url(dashboard: str, language: Language, *also: str) -> str:
    """A dashboard for what stands in a table's row."""
    chosen = "".join(f"&var-{tag}=${{__data.fields.{tag}}}" for tag in also)
    return f"/d/lifeline-{dashboard}-{language}?{VARIABLES}{chosen}&{RANGE}"


@dataclass(frozen=True)
class Variable:
    """A template variable over a tag; `chosen` are the variables that narrow it."""

    name: str
    label: str
    chosen: Sequence[str] = ()
    several: bool = True
    source: str = "samples"

    @property
    def query(self) -> Query:
        """The values that there are."""
        return curves.tag_values(self.name, self.chosen, self.source)


TENANT = Variable("tenant", "单位 tenant")
AREA = Variable("area", "区域 area", ("tenant",))
SITES = Variable("site", "站点 site", ("tenant", "area"))
SITE = Variable("site", "站点 site", ("tenant", "area"), several=False)
ONE_SENSOR = Variable("sensor", "测点 sensor", ("tenant", "area", "site"), several=False)
NODE = Variable("node", "节点 node", source="engine")
ROLE = Variable("role", "角色 role", ("node",), source="engine")


@dataclass(frozen=True)
class Dashboard:
    """A dashboard in both languages of InfluxDB. `events` are the alarms marked in its curves."""

    name: str
    title: str
    variables: Sequence[Variable]
    panels: Sequence[Panel]
    since: str = "now-6h"
    events: Condition | None = ANNUNCIATED
    refresh: str = "30s"
    tags: Sequence[str] = field(default_factory=tuple)


def by_level(make: str, every: str = "") -> list[Query]:
    """One query for each colour, red first."""
    found = []
    for number in range(len(LEVEL_NAMES) - 1, 0, -1):
        of = LEVEL.is_(number)
        alias = LEVEL_NAMES[number]
        found.append(
            queries.standing_count(of, alias=alias)
            if make == "standing"
            else queries.alarm_counts(every, where=of, alias=alias)
        )
    return found


def standing_table(language: Language, size: tuple[int, int], *, sensor: bool = False) -> Panel:
    """Alarms that stand."""
    links = {} if sensor else {"sensor": url("sensor", language, "site", "sensor")}
    return Panel(
        "现存报警 Standing alarms",
        "table",
        [queries.standing_alarms(sensor)],
        size,
        "时间范围右端时刻仍未恢复的报警。 Alarms that stand at the right edge of the time range.",
        overrides=[
            *columns({**links, "site": url("site", language, "site")}),
            override("byName", "onset", unit="dateTimeAsIso"),
        ],
        transformations=sorted_by("level", descending=True),
    )
