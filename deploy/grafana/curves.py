"""Queries over samples, limits and the engine's own figures; see queries.py."""

# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Sequence

from queries import (
    _RANGE,
    LIMITS_HOURS,
    SCOPE,
    SENSOR,
    C,
    Condition,
    Query,
    _filter,
    _flux,
    _group,
    _grouped,
    _names,
    _window,
    _windowed,
    all_of,
)

from lifeline.engine.quantities import load_catalogue

DOMAINS = tuple(dict.fromkeys(name.partition(".")[0] for name in load_catalogue()))
#: Every measurement of samples.
SERIES = f"/^({'|'.join(DOMAINS)})$/"
_OF_SERIES = f"r._measurement =~ {SERIES}"
NODES = all_of(C("node").chosen(), C("role").chosen())

# --- samples -------------------------------------------------------------------------------------


def values(
    fn: str, alias: str, scope: Condition = SENSOR, by: Sequence[str] = ("sensor",)
) -> Query:
    """Values in windows of the screen's resolution."""
    groups = ("quantity", *by)
    return Query(
        f'SELECT {fn}("value") AS "{fn}" FROM {SERIES} WHERE $timeFilter '
        f"AND {scope.influxql}{_grouped(groups, '$__interval')} fill(none)",
        _flux(
            _RANGE,
            _filter(_OF_SERIES),
            _filter(scope.flux),
            _filter('r._field == "value"'),
            _windowed(groups),
            _window("v.windowPeriod", fn),
            f"keep(columns: [{_names(('_time', *groups, '_value'))}])",
            f'rename(columns: {{_value: "{fn}"}})',
        ),
        alias,
    )


def quality() -> Query:
    """The worst quality code of each window."""
    return Query(
        f'SELECT max("quality") AS "quality" FROM {SERIES} WHERE $timeFilter '
        f"AND {SENSOR.influxql}{_grouped(('sensor',), '$__interval')} fill(none)",
        _flux(
            _RANGE,
            _filter(_OF_SERIES),
            _filter(SENSOR.flux),
            _filter('r._field == "quality"'),
            _windowed(("sensor",)),
            _window("v.windowPeriod", "max"),
            f"keep(columns: [{_names(('_time', 'sensor', '_value'))}])",
            'rename(columns: {_value: "quality"})',
        ),
        "$tag_sensor",
    )


def samples_per_window(every: str = "1m") -> Query:
    """How many samples of each site were written."""
    return Query(
        f'SELECT count("quality") AS "samples" FROM {SERIES} WHERE $timeFilter '
        f"AND {SCOPE.influxql}{_grouped(('site',), every)} fill(0)",
        _flux(
            _RANGE,
            _filter(_OF_SERIES),
            _filter(SCOPE.flux),
            _filter('r._field == "quality"'),
            _windowed(("site",)),
            _window(every, "count", empty=True),
            f"keep(columns: [{_names(('_time', 'site', '_value'))}])",
            'rename(columns: {_value: "samples"})',
        ),
        "$tag_site",
    )


def bad_samples() -> Query:
    """Samples of the bad class (fault, calibration, maintenance, …) by sensor."""
    return Query(
        f'SELECT count("quality") AS "samples" FROM {SERIES} WHERE $timeFilter '
        f'AND {SCOPE.influxql} AND "quality" >= 128{_grouped(("site", "sensor"))}',
        _flux(
            _RANGE,
            _filter(_OF_SERIES),
            _filter(SCOPE.flux),
            _filter('r._field == "quality" and r._value >= 128'),
            _group(("site", "sensor")),
            "count()",
            'rename(columns: {_value: "samples"})',
            "group()",
        ),
        table=True,
    )


def last_heard() -> Query:
    """Every sensor's last sample in the range; who is silent longest stands first in the panel."""
    tags = ("site", "asset", "sensor", "quantity")
    return Query(
        f'SELECT last("quality") AS "quality", "value" FROM {SERIES} WHERE $timeFilter '
        f"AND {SCOPE.influxql}{_grouped(tags)}",
        _flux(
            _RANGE,
            _filter(_OF_SERIES),
            _filter(SCOPE.flux),
            _filter('r._field == "quality" or r._field == "value"'),
            "last()",
            'pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")',
            f"keep(columns: [{_names(('_time', *tags, 'quality', 'value'))}])",
            "group()",
        ),
        table=True,
    )


# --- limits --------------------------------------------------------------------------------------


def limits() -> Query:
    """A sensor's limits as lines across the whole range: what was written before its left edge is
    carried on, and beyond its right edge by an hour."""
    tags = ("quantity", "rule", "level", "side")
    before, after = f"{LIMITS_HOURS * 3_600}000000000", "3600000000000"
    start = f"time(v: ${{__from}}000000 - {before})"
    stop = f"time(v: ${{__to}}000000 + {after})"
    steps = _flux(
        f"range(start: {start}, stop: {stop})",
        _filter('r._measurement == "limit" and r._field == "value"'),
        _filter(SENSOR.flux),
        f"keep(columns: [{_names(('_time', *tags, '_value'))}])",
    )
    edge = f"map(fn: (r) => ({{r with _time: {stop}}}))"
    return Query(
        'SELECT last("value") AS "limit" FROM "limit" '
        f"WHERE time >= ${{__from}}ms - {LIMITS_HOURS}h AND time <= ${{__to}}ms + 1h "
        f"AND {SENSOR.influxql}{_grouped(tags, '1h')} fill(previous)",
        f"steps = {steps}\n"
        f"union(tables: [steps, steps |> last() |> {edge}])\n"
        f'  |> sort(columns: ["_time"])\n  |> rename(columns: {{_value: "limit"}})',
        "$tag_quantity $tag_level $tag_side",
    )


# --- the engine ----------------------------------------------------------------------------------


def figure(name: str, by: Sequence[str] = (), *, rate: bool = False, scale: str = "") -> Query:
    """A figure of engine/metrics without its prefix, or how fast it grows a second."""
    groups = ("node", *by)
    value = f'last("{name}")'
    if rate:
        value = f"non_negative_derivative({value}, 1s)"
    return Query(
        f'SELECT {value}{scale} AS "{name}" FROM "engine" WHERE $timeFilter '
        f"AND {NODES.influxql}{_grouped(groups, '$__interval')} fill(none)",
        _flux(
            *_figures((name,), groups),
            *(["derivative(unit: 1s, nonNegative: true)"] if rate else []),
            *([f"map(fn: (r) => ({{r with _value: r._value{scale}}}))"] if scale else []),
            f"keep(columns: [{_names(('_time', *groups, '_value'))}])",
            f'rename(columns: {{_value: "{name}"}})',
        ),
        " ".join(f"$tag_{tag}" for tag in groups),
    )


def _figures(names: Sequence[str], groups: Sequence[str]) -> list[str]:
    wanted = " or ".join(f'r._field == "{name}"' for name in names)
    return [
        _RANGE,
        _filter(f'r._measurement == "engine" and ({wanted})'),
        _filter(NODES.flux),
        _windowed((*groups, "_field")),
        _window("v.windowPeriod", "last"),
    ]


def mean_step() -> Query:
    """Time to decode and judge one entry, mean over the window."""
    names = ("step_seconds_sum", "step_seconds_count")
    grown = [f'non_negative_derivative(last("{name}"), 1s)' for name in names]
    return Query(
        f'SELECT {grown[0]} / {grown[1]} AS "step" FROM "engine" WHERE $timeFilter '
        f"AND {NODES.influxql}{_grouped(('node',), '$__interval')} fill(none)",
        _flux(
            *_figures(names, ("node",)),
            "derivative(unit: 1s, nonNegative: true)",
            'pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")',
            _filter("r.step_seconds_count > 0.0"),
            "map(fn: (r) => ({_time: r._time, node: r.node, "
            "step: r.step_seconds_sum / r.step_seconds_count}))",
            _group(("node",)),
        ),
        "$tag_node",
    )


def latest(name: str, by: Sequence[str] = (), *, true: bool = False) -> Query:
    """The last value of a figure in the range; `true`: only what is 1."""
    groups = ("node", *by)
    influxql = (
        f'SELECT last("{name}") AS "{name}" FROM "engine" WHERE $timeFilter '
        f"AND {NODES.influxql}{_grouped(groups)}"
    )
    if true:
        influxql = f'SELECT "{name}" FROM ({influxql}) WHERE "{name}" = 1{_grouped(groups)}'
    return Query(
        influxql,
        _flux(
            _RANGE,
            _filter(f'r._measurement == "engine" and r._field == "{name}"'),
            _filter(NODES.flux),
            _group(groups),
            'sort(columns: ["_time"])',
            "last()",
            *([_filter("r._value == 1.0")] if true else []),
            f"keep(columns: [{_names(('_time', *groups, '_value'))}])",
            f'rename(columns: {{_value: "{name}"}})',
        ),
        " ".join(f"$tag_{tag}" for tag in groups),
    )


# --- variables -----------------------------------------------------------------------------------


def tag_values(tag: str, chosen: Sequence[str], source: str = "samples") -> Query:
    """Values of a tag in samples or in `engine`, as the variables before it leave them."""
    measured, of = (
        (SERIES, _OF_SERIES)
        if source == "samples"
        else (f'"{source}"', f'r._measurement == "{source}"')
    )
    scope = all_of(*(C(name).chosen() for name in chosen)) if chosen else None
    where = f" WHERE {scope.influxql}" if scope else ""
    return Query(
        f'SHOW TAG VALUES FROM {measured} WITH KEY = "{tag}"{where}',
        _flux(
            _RANGE,
            _filter(of),
            *([_filter(scope.flux)] if scope else []),
            f"keep(columns: [{_names((tag,))}])",
            "group()",
            f'distinct(column: "{tag}")',
        ),
    )
