"""The five dashboards. What each panel tells, and what it is held against: docs/dashboards.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import curves
import queries
from curves import figure, latest
from panels import (
    BY_LEVEL,
    LEVEL_MAPPING,
    LEVEL_NAMES,
    NONE_IS_GOOD,
    PLAIN,
    QUALITY_MAPPINGS,
    Language,
    Panel,
    by_colour,
    columns,
    limit_lines,
    lines,
    override,
    sorted_by,
    thresholds,
    units,
)
from queries import ANNUNCIATED, LEVEL, SILENT, C, Condition, Query

RANGE = "${__url_time_range}"
#: As often as the engine tells its figures.
ROUND = "15s"
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


def city(language: Language) -> Dashboard:
    """The city at a glance."""
    colours = [LEVEL_MAPPING]
    return Dashboard(
        "city",
        "城市总览 City overview",
        (TENANT, AREA, SITES),
        (
            Panel(
                "现存报警（按级别） Standing by level",
                "stat",
                by_level("standing"),
                (8, 4),
                overrides=by_colour(),
                nothing="0",
            ),
            Panel(
                "无数据测点 Silent sensors",
                "stat",
                [queries.standing_count(LEVEL > 0, SILENT)],
                (4, 4),
                "规则 stale 的现存报警数。 Standing alarms of the rules of kind stale.",
                steps=NONE_IS_GOOD,
                nothing="0",
            ),
            Panel(
                "各区域级别 Areas by level",
                "stat",
                [queries.levels_by("area")],
                (12, 4),
                steps=BY_LEVEL,
                mappings=colours,
            ),
            Panel(
                "各站点级别 Sites by level",
                "stat",
                [queries.levels_by("site")],
                (24, 5),
                steps=BY_LEVEL,
                mappings=colours,
            ),
            Panel(
                "每小时报警 Alarms per hour",
                "timeseries",
                by_level("counts", "1h"),
                (12, 8),
                custom=lines(bars=True, stacked=True),
                overrides=by_colour(),
            ),
            Panel(
                "每分钟样本 Samples per minute",
                "timeseries",
                [curves.samples_per_window()],
                (12, 8),
                "降为零的站点没有数据到达。 A site at zero sends nothing.",
                custom=lines(10),
            ),
            standing_table(language, (24, 10)),
        ),
        since="now-24h",
        events=ANNUNCIATED & (LEVEL > 2),
    )


def site(language: Language) -> Dashboard:
    """One site."""
    sensor = {"sensor": url("sensor", language, "site", "sensor")}
    return Dashboard(
        "site",
        "站点 Site",
        (TENANT, AREA, SITE),
        (
            Panel(
                "级别 Level",
                "stat",
                [queries.levels_by("site")],
                (4, 4),
                steps=BY_LEVEL,
                mappings=[LEVEL_MAPPING],
            ),
            Panel(
                "现存报警（按级别） Standing by level",
                "stat",
                by_level("standing"),
                (12, 4),
                overrides=by_colour(),
                nothing="0",
            ),
            Panel(
                "无数据测点 Silent sensors",
                "stat",
                [queries.standing_count(LEVEL > 0, SILENT)],
                (4, 4),
                steps=NONE_IS_GOOD,
                nothing="0",
            ),
            Panel(
                "报警总数 Alarms in the range",
                "stat",
                [queries.alarm_counts()],
                (4, 4),
                nothing="0",
            ),
            standing_table(language, (24, 8)),
            Panel(
                "测点曲线 Sensors",
                "timeseries",
                [curves.values("mean", "$tag_sensor $tag_quantity", queries.SCOPE)],
                (24, 10),
                custom=lines(),
                overrides=units(),
            ),
            Panel(
                "最近数据（最久未到者在先） Last heard, the longest silent first",
                "table",
                [curves.last_heard()],
                (14, 10),
                overrides=columns(sensor),
                transformations=sorted_by(
                    "Time" if language == "influxql" else "_time", descending=False
                ),
            ),
            Panel(
                "坏样本 Bad samples",
                "table",
                [curves.bad_samples()],
                (10, 10),
                "故障、标定、检修、通讯中断等。 Fault, calibration, maintenance, lost connection, …",
                overrides=columns(sensor),
                transformations=sorted_by("samples", descending=True),
            ),
            Panel(
                "报警记录 Alarm records",
                "table",
                [queries.records_of()],
                (24, 10),
                overrides=columns(sensor),
            ),
        ),
    )


def sensor(language: Language) -> Dashboard:
    """One sensor with its limits and alarms."""
    band = [curves.values(fn, "$tag_quantity $col") for fn in ("mean", "min", "max")]
    return Dashboard(
        "sensor",
        "测点 Sensor",
        (TENANT, AREA, SITE, ONE_SENSOR),
        (
            Panel(
                "${sensor}：数值与限值 value and limits",
                "timeseries",
                [*band, curves.limits()],
                (24, 12),
                "虚线为各级限值，来自配置。 Dashed: the limits of the configuration by level.",
                custom=lines(),
                overrides=[*units(), *limit_lines()],
            ),
            Panel(
                "质量 Quality",
                "state-timeline",
                [curves.quality()],
                (24, 4),
                mappings=QUALITY_MAPPINGS,
                custom={"fillOpacity": 70, "lineWidth": 0},
            ),
            standing_table(language, (24, 6), sensor=True),
            Panel(
                "报警记录 Alarm records",
                "table",
                [queries.records_of(C("sensor").chosen())],
                (24, 10),
                overrides=columns({}),
            ),
        ),
        events=C("sensor").chosen(),
    )


def performance(language: Language) -> Dashboard:
    """The alarm system itself, after EEMUA 191 and ISA-18.2."""
    hours = queries.alarm_counts("1h", ("site",))
    sensor_link = columns({"sensor": url("sensor", language, "site", "sensor")})
    per_hour = thresholds((None, "green"), (5, "yellow"), (12, "orange"), (30, "red"))
    per_window = thresholds((None, "green"), (1, "yellow"), (2, "orange"), (10, "red"))
    return Dashboard(
        "performance",
        "报警绩效 Alarm performance",
        (TENANT, AREA, SITES),
        (
            Panel(
                "每小时平均 Average per hour",
                "stat",
                [hours],
                (8, 5),
                "EEMUA 191：不超过 5。 EEMUA 191: at most 5.",
                calc="mean",
                decimals=1,
                steps=per_hour,
            ),
            Panel(
                "小时峰值 Peak hour",
                "stat",
                [hours],
                (8, 5),
                "EEMUA 191：峰值 15。 EEMUA 191: peak 15.",
                calc="max",
                steps=thresholds((None, "green"), (12, "yellow"), (15, "orange"), (30, "red")),
            ),
            Panel(
                "10 分钟峰值 Peak 10 minutes",
                "stat",
                [queries.peak("10m")],
                (4, 5),
                "超过 10 即为报警洪水。 More than 10 are a flood.",
                steps=thresholds((None, "green"), (2, "yellow"), (10, "red")),
            ),
            Panel(
                "洪水分钟数 Minutes in flood",
                "stat",
                [queries.flood_minutes()],
                (4, 5),
                "10 分钟内超过 10 次报警的时段。 Windows of 10 min with more than 10 alarms.",
                unit="m",
                steps=NONE_IS_GOOD,
                nothing="0",
            ),
            Panel(
                "每 10 分钟报警 Alarms per 10 minutes",
                "timeseries",
                [queries.alarm_counts("10m", ("site",))],
                (24, 9),
                "虚线：1 可接受，2 尚可应付，10 洪水。 Dashed: 1 acceptable, 2 manageable, 10 flood.",
                custom=lines(bars=True, limits=True),
                steps=per_window,
            ),
            Panel(
                "频次最高的十个 Worst ten",
                "table",
                [queries.worst_ten()],
                (12, 9),
                overrides=sensor_link,
                transformations=sorted_by("alarms", descending=True, most=10),
            ),
            Panel(
                "抖动报警 Chattering",
                "table",
                [queries.chattering()],
                (12, 9),
                "一分钟内响三次及以上。 Sounded three times or more within a minute.",
                overrides=sensor_link,
                transformations=sorted_by("minutes", descending=True),
            ),
            Panel(
                "按级别分布 By level",
                "piechart",
                by_level("counts"),
                (8, 8),
                "EEMUA 191 的优先级比例约 5/15/80。 EEMUA 191 wants priorities of about 5/15/80.",
                overrides=by_colour(),
            ),
            Panel(
                "每日报警 Alarms per day",
                "timeseries",
                by_level("counts", "1d"),
                (8, 8),
                custom=lines(bars=True, stacked=True, limits=True),
                overrides=by_colour(),
                steps=thresholds((None, "green"), (120, "yellow"), (150, "orange")),
            ),
            Panel("现存报警 Standing", "stat", [queries.standing_count()], (4, 8), nothing="0"),
            Panel(
                "超过 24 小时 Standing over 24 h",
                "stat",
                [queries.standing_longer(24)],
                (4, 8),
                steps=thresholds((None, "green"), (1, "yellow"), (5, "orange")),
                nothing="0",
            ),
        ),
        since="now-7d",
        events=None,
        refresh="5m",
    )


def engine(_language: Language) -> Dashboard:
    """The engine's own health."""
    half = (12, 7)
    return Dashboard(
        "engine",
        "引擎健康 Engine health",
        (NODE, ROLE),
        (
            Panel(
                "状态 State",
                "stat",
                [latest("state_is", ("state",), true=True)],
                (12, 4),
                text="name",
            ),
            Panel(
                "输出故障 Output troubles",
                "stat",
                [latest("output_troubles", ("output", "kind"))],
                (6, 4),
                steps=NONE_IS_GOOD,
                nothing="0",
            ),
            Panel(
                "死信 Dead letters",
                "stat",
                [latest("dead_letters_total", ("reason",))],
                (6, 4),
                steps=NONE_IS_GOOD,
                nothing="0",
            ),
            Panel(
                "滞后（时间） Lag in time",
                "timeseries",
                [figure("lag_seconds", ("partition",))],
                half,
                unit="s",
                steps=thresholds((None, "green"), (30, "red")),
                custom=lines(10, limits=True),
                interval=ROUND,
            ),
            Panel(
                "未判定条目 Entries not judged",
                "timeseries",
                [figure("lag_entries", ("partition",))],
                half,
                custom=lines(10),
                interval=ROUND,
            ),
            Panel(
                "样本（按结果） Samples by outcome",
                "timeseries",
                [figure("samples_total", ("partition", "outcome"), rate=True)],
                half,
                unit="cps",
                custom=lines(10),
                interval=ROUND,
            ),
            Panel(
                "每条目用时 Time per entry",
                "timeseries",
                [curves.mean_step()],
                half,
                unit="s",
                custom=lines(10),
                interval=ROUND,
            ),
            Panel(
                "待投递 Not delivered yet",
                "timeseries",
                [figure("output_behind", ("output",))],
                half,
                "报警记录条数或日志条目数。 Alert records, or entries of the log.",
                custom=lines(10),
                interval=ROUND,
            ),
            Panel(
                "数据源已连接 Sources connected",
                "timeseries",
                [figure("source_connected", ("source",))],
                half,
                steps=PLAIN,
                custom=lines(10),
                interval=ROUND,
            ),
            Panel(
                "日志占用 Log on disk",
                "timeseries",
                [figure("log_bytes"), figure("log_limit_bytes")],
                half,
                unit="bytes",
                custom=lines(10),
                interval=ROUND,
            ),
            Panel(
                "快照时间 Last snapshot",
                "stat",
                [figure("checkpoint_timestamp_seconds", ("partition",), scale=" * 1000.0")],
                (12, 7),
                unit="dateTimeFromNow",
                interval=ROUND,
            ),
            Panel(
                "现存报警 Standing alarms",
                "timeseries",
                [figure("standing_alarms", ("level", "state"))],
                half,
                custom=lines(10),
                interval=ROUND,
            ),
            Panel(
                "报警记录 Alert records",
                "timeseries",
                [figure("records_total", ("level", "transition"), rate=True)],
                half,
                unit="cps",
                custom=lines(10),
                interval=ROUND,
            ),
        ),
        events=None,
    )


ALL = (city, site, sensor, performance, engine)
