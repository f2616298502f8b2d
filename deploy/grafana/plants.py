"""The city, a site, a sensor. What each panel tells: docs/dashboards.md."""

from __future__ import annotations

import curves
import queries
from page import (
    AREA,
    ONE_SENSOR,
    SITE,
    SITES,
    TENANT,
    Dashboard,
    by_level,
    standing_table,
    url,
)
from panels import (
    BY_LEVEL,
    LEVEL_MAPPING,
    NONE_IS_GOOD,
    QUALITY_MAPPINGS,
    Language,
    Panel,
    by_colour,
    columns,
    limit_lines,
    lines,
    sorted_by,
    units,
)
from queries import ANNUNCIATED, LEVEL, SILENT, C


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


PLANTS = (city, site, sensor)
