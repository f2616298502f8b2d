"""The statements that make minutes of samples and hours of minutes, in InfluxQL and Flux.

A row holds min, max, mean, sum, count and last of the samples that are not bad (`quality` below 128)
and have a value; its time is the start of its minute or hour. An hour's mean is its sum by its count:
a mean of means would weigh a minute of one sample like one of sixty. Only measurements that are
domains of the catalogue are taken, so alerts, limits and the engine's own figures are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from ..limits import MINUTE_NS, SECOND_NS
from ..outputs.times import rfc3339
from ..quality import BAD_CLASS
from ..quantities import load_catalogue
from .limits import (
    HOUR_EVERY_NS,
    HOUR_FOR_NS,
    HOUR_NS,
    MINUTE_EVERY_NS,
    MINUTE_FOR_NS,
    TASK_OFFSET_NS,
)

#: Retention policies of 1.x; in 2.x buckets end so.
MINUTE_POLICY: Final = "lifeline_1m"
HOUR_POLICY: Final = "lifeline_1h"
MINUTE_SUFFIX: Final = "_1m"
HOUR_SUFFIX: Final = "_1h"


@cache
def domains() -> tuple[str, ...]:
    """Measurements of samples, sorted: the first parts of the catalogue's names."""
    return tuple(sorted({each.domain for each in load_catalogue().values()}))


def measurements_pattern() -> str:
    """A regular expression that exactly these measurements match; their names are plain letters."""
    return f"^({'|'.join(domains())})$"


def identifier(name: str) -> str:
    """A name in double quotes, for InfluxQL."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def flux_string(text: str) -> str:
    """A text in double quotes, for Flux; `${` would be read as an expression."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${")
    return f'"{escaped}"'


def seconds(ns: int) -> str:
    """A duration that InfluxQL and Flux read alike.

    >>> seconds(90_000_000_000), seconds(HOUR_NS), seconds(5 * MINUTE_NS)
    ('90s', '1h', '5m')
    """
    for unit, size in (("h", HOUR_NS), ("m", MINUTE_NS)):
        if ns % size == 0:
            return f"{ns // size}{unit}"
    return f"{ns // SECOND_NS}s"


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of down-sampling.

    name     1m or 1h; `step`, what one row stands for; `every` and `back`, how often the server
             makes how much of it anew
    """

    name: str
    step: int
    every: int
    back: int


MINUTES: Final = Stage("1m", MINUTE_NS, MINUTE_EVERY_NS, MINUTE_FOR_NS)
HOURS: Final = Stage("1h", HOUR_NS, HOUR_EVERY_NS, HOUR_FOR_NS)

_FROM_SAMPLES: Final = (
    'min("value") AS "min", max("value") AS "max", mean("value") AS "mean", '
    'sum("value") AS "sum", count("value") AS "count", last("value") AS "last"'
)
_FROM_MINUTES: Final = (
    'min("min") AS "min", max("max") AS "max", sum("sum") / sum("count") AS "mean", '
    'sum("sum") AS "sum", sum("count") AS "count", last("last") AS "last"'
)


def select_into(stage: Stage, database: str, policy: str, times: str = "") -> str:
    """The InfluxQL that makes rows of a stage; `policy` holds the samples.

    times: a condition such as `time >= 0 AND time < 60000000000`; a continuous query has none.
    """
    of_samples = stage is MINUTES
    source = policy if of_samples else MINUTE_POLICY
    target = MINUTE_POLICY if of_samples else HOUR_POLICY
    conditions = [f'"quality" < {BAD_CLASS}'] if of_samples else []
    conditions += [times] if times else []
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    at = identifier(database)
    parts = (
        f"SELECT {_FROM_SAMPLES if of_samples else _FROM_MINUTES}",
        f"INTO {at}.{identifier(target)}.:MEASUREMENT",
        f"FROM {at}.{identifier(source)}./{measurements_pattern()}/{where}",
        f"GROUP BY time({seconds(stage.step)}), *",
    )
    return " ".join(parts)


def continuous_query(stage: Stage, database: str, policy: str) -> str:
    """The InfluxQL that lets the server make rows of a stage by itself."""
    return (
        f"CREATE CONTINUOUS QUERY {identifier(f'lifeline_{stage.name}')} ON {identifier(database)} "
        f"RESAMPLE EVERY {seconds(stage.every)} FOR {seconds(stage.back)} "
        f"BEGIN {select_into(stage, database, policy)} END"
    )


def task_name(stage: Stage, bucket: str) -> str:
    """How a task of 2.x is called."""
    return f"lifeline {bucket} {stage.name}"


def task(stage: Stage, bucket: str) -> str:
    """The Flux of a task of 2.x.

    Its range begins at a whole minute or hour: a row made of a part of it would replace the whole.
    """
    name = flux_string(task_name(stage, bucket))
    start = f"date.truncate(t: -{seconds(stage.back)}, unit: {seconds(stage.step)})"
    return (
        'import "date"\n\n'
        f"option task = {{name: {name}, every: {seconds(stage.every)}, "
        f"offset: {seconds(TASK_OFFSET_NS)}}}\n\n"
        f"{_rows(stage, bucket, f'start: {start}')}"
    )


def flux_into(stage: Stage, bucket: str, start_ns: int, stop_ns: int) -> str:
    """The Flux that makes rows of a stage once, from whole minutes or hours up to others."""
    return _rows(stage, bucket, f"start: {rfc3339(start_ns)}, stop: {rfc3339(stop_ns)}")


def _rows(stage: Stage, bucket: str, times: str) -> str:
    of_samples = stage is MINUTES
    source = bucket if of_samples else bucket + MINUTE_SUFFIX
    target = bucket + (MINUTE_SUFFIX if of_samples else HOUR_SUFFIX)
    return _TEMPLATE.format(
        source=flux_string(source),
        target=flux_string(target),
        times=times,
        pattern=measurements_pattern(),
        fields=" or ".join(f'r._field == "{f}"' for f in _FIELDS[of_samples]),
        kept=_KEPT[of_samples],
        step=seconds(stage.step),
        **_VALUES[of_samples],
    )


_FIELDS: Final = {
    True: ("value", "quality"),
    False: ("min", "max", "sum", "count", "last"),
}
_KEPT: Final = {
    True: f"exists r.value and exists r.quality and r.quality < {BAD_CLASS}",
    False: "exists r.count and exists r.sum and exists r.min and exists r.max and exists r.last",
}
_VALUES: Final = {
    True: {"low": "r.value", "high": "r.value", "sum": "r.value", "count": "1", "last": "r.value"},
    False: {"low": "r.min", "high": "r.max", "sum": "r.sum", "count": "r.count", "last": "r.last"},
}
_TEMPLATE: Final = """\
from(bucket: {source})
    |> range({times})
    |> filter(fn: (r) => r._measurement =~ /{pattern}/)
    |> filter(fn: (r) => {fields})
    |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
    |> filter(fn: (r) => {kept})
    |> window(every: {step})
    |> reduce(
        identity: {{count: 0, sum: 0.0, min: 0.0, max: 0.0, last: 0.0, at: 1677-10-01T00:00:00Z}},
        fn: (r, accumulator) => ({{
            count: accumulator.count + {count},
            sum: accumulator.sum + {sum},
            min: if accumulator.count == 0 or {low} < accumulator.min then {low} else accumulator.min,
            max: if accumulator.count == 0 or {high} > accumulator.max then {high} else accumulator.max,
            last: if r._time >= accumulator.at then {last} else accumulator.last,
            at: if r._time >= accumulator.at then r._time else accumulator.at,
        }}),
    )
    |> map(fn: (r) => ({{r with _time: r._start, mean: r.sum / float(v: r.count)}}))
    |> drop(columns: ["_start", "_stop", "at"])
    |> to(
        bucket: {target},
        fieldFn: (r) =>
            ({{min: r.min, max: r.max, mean: r.mean, sum: r.sum, count: r.count, last: r.last}}),
    )
"""
