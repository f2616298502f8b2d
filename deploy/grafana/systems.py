"""The alarm system and the engine themselves. What each figure is held against: docs/dashboards.md."""

from __future__ import annotations

import curves
import queries
from curves import figure, latest
from page import (
    AREA,
    NODE,
    ROLE,
    SITES,
    TENANT,
    Dashboard,
    by_level,
    url,
)
from panels import (
    NONE_IS_GOOD,
    PLAIN,
    Language,
    Panel,
    by_colour,
    columns,
    lines,
    sorted_by,
    thresholds,
)

#: As often as the engine tells its figures.
ROUND = "15s"


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


SYSTEMS = (performance, engine)
