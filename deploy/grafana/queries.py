"""What the dashboards ask, written once and rendered in InfluxQL and in Flux.

A condition is said in columns (`C("level") > 0`) and has both forms; a query is one function that
gives both texts. Flux keeps to what InfluxDB 1.8 (Flux 0.65) and 2.x both have.
"""

# No value of anybody's comes into these texts but Grafana's variables, which it escapes.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: What stands now is looked for so far back: an alarm that nobody touched for longer is not shown.
STANDING_DAYS = 30
#: The feed writes limits each day (engine/outputs/influx_limits.py).
LIMITS_HOURS = 25
ALARM = ("site", "rule", "sensor")
SCOPE_TAGS = ("tenant", "area", "site")


@dataclass(frozen=True)
class Query:
    """One target of a panel. `alias` names series in InfluxQL, as `$tag_site`, `$col`; in Flux the
    columns of the group key do. `table` rows are shown as they are."""

    influxql: str
    flux: str
    alias: str = ""
    table: bool = False


# --- conditions ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Condition:
    """A condition in both languages; `field` whether Flux must have pivoted fields before it."""

    influxql: str
    flux: str
    field: bool = False

    def __and__(self, other: Condition) -> Condition:
        return _joined((self, other), " AND ", " and ")


class C:
    """A column: a tag, or with `field=True` a field."""

    def __init__(self, name: str, *, field: bool = False) -> None:
        self.name, self.field = name, field

    def _held(self, operator: str, other: C | str | int | bool) -> Condition:
        flux_operator = {"=": "=="}.get(operator, operator)
        left, right = f'"{self.name}" {operator}', f"r.{self.name} {flux_operator}"
        if isinstance(other, C):
            return Condition(f'{left} "{other.name}"', f"{right} r.{other.name}", True)
        if isinstance(other, bool):
            word = "true" if other else "false"
            return Condition(f"{left} {word}", f"{right} {word}", self.field)
        if isinstance(other, str):
            return Condition(f"{left} '{other}'", f'{right} "{other}"', self.field)
        return Condition(f"{left} {other}", f"{right} {other}", self.field)

    def is_(self, other: str | bool | int) -> Condition:
        """Equal to a constant."""
        return self._held("=", other)

    def __gt__(self, other: C | int) -> Condition:
        return self._held(">", other)

    def __lt__(self, other: C | int) -> Condition:
        return self._held("<", other)

    def __ge__(self, other: C | int) -> Condition:
        return self._held(">=", other)

    def chosen(self) -> Condition:
        """As the dashboard's variable of this name says."""
        pattern = f"=~ /^${{{self.name}:regex}}$/"
        return Condition(f'"{self.name}" {pattern}', f"r.{self.name} {pattern}")


def any_of(*conditions: Condition) -> Condition:
    """At least one of them."""
    both = _joined(conditions, " OR ", " or ")
    return Condition(f"({both.influxql})", f"({both.flux})", both.field)


def all_of(*conditions: Condition) -> Condition:
    """Every one of them."""
    return _joined(conditions, " AND ", " and ")


def _joined(conditions: Sequence[Condition], influxql: str, flux: str) -> Condition:
    return Condition(
        influxql.join(c.influxql for c in conditions),
        flux.join(c.flux for c in conditions),
        any(c.field for c in conditions),
    )


LEVEL = C("level", field=True)
#: Where the dashboard looks: its variables tenant, area and site.
SCOPE = all_of(*(C(tag).chosen() for tag in SCOPE_TAGS))
SENSOR = SCOPE & C("sensor").chosen()
#: What sounds: raised, risen to a graver level, or found to stand when a backlog was over. What was
#: raised from old samples (`historic`) called nobody.
ANNUNCIATED = all_of(
    any_of(
        C("transition").is_("raised"),
        C("transition").is_("actual"),
        all_of(C("transition").is_("level"), C("level_before", field=True) < LEVEL),
    ),
    C("historic", field=True).is_(False),
)
_ANY = Condition("", "true")
SILENT = C("message", field=True).is_("alarm.stale")

# --- the pieces of both languages ----------------------------------------------------------------

_RANGE = "range(start: v.timeRangeStart, stop: v.timeRangeStop)"


def _ago(days: int) -> tuple[str, str]:
    """The days before the right edge of the dashboard, so that its past can be looked at too."""
    start = f"time(v: ${{__to}}000000 - {days * 86_400}000000000)"
    return (
        f"time > ${{__to}}ms - {days}d AND time <= ${{__to}}ms",
        f"range(start: {start}, stop: time(v: ${{__to}}000000))",
    )


def _names(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _grouped(names: Sequence[str], every: str = "") -> str:
    parts = [*([f"time({every})"] if every else []), *(f'"{name}"' for name in names)]
    return f" GROUP BY {', '.join(parts)}" if parts else ""


def _flux(*steps: str) -> str:
    return "\n  |> ".join(("from(bucket: v.defaultBucket)", *steps))


def _filter(condition: str) -> str:
    return f"filter(fn: (r) => {condition})"


def _group(names: Sequence[str]) -> str:
    return f"group(columns: [{_names(names)}])"


def _windowed(names: Sequence[str]) -> str:
    """Grouping that keeps the range, without which there are no empty windows."""
    return _group(("_start", "_stop", *names))


def _window(every: str, fn: str, column: str = "_value", *, empty: bool = False) -> str:
    return (
        f'aggregateWindow(every: {every}, fn: {fn}, column: "{column}", timeSrc: "_start", '
        f"createEmpty: {'true' if empty else 'false'})"
    )


_PIVOT = 'pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")'


def _records(where: Condition, fields: Sequence[str], time: str) -> list[str]:
    """Steps to alert records as rows with `fields` as columns."""
    wanted = " or ".join(f'r._field == "{name}"' for name in fields)
    return [
        time,
        _filter('r._measurement == "alert"'),
        _filter(SCOPE.flux),
        _filter(wanted),
        _PIVOT,
        _filter(where.flux),
    ]


_COUNTED = ("seq", "level", "level_before", "historic")

# --- alarms --------------------------------------------------------------------------------------


def alarm_counts(
    every: str = "", by: Sequence[str] = (), where: Condition | None = None, *, alias: str = ""
) -> Query:
    """How many alarms sounded, in windows of `every` (all at once where it is ""), by tags."""
    wanted = ANNUNCIATED if where is None else ANNUNCIATED & where
    select = f'SELECT count("seq") AS "alarms" FROM "alert" WHERE $timeFilter AND {SCOPE.influxql}'
    fill = " fill(0)" if every else ""
    influxql = f"{select} AND {wanted.influxql}{_grouped(by, every)}{fill}"
    rows = _records(wanted, _COUNTED, _RANGE)
    if every:
        steps = [_windowed(by), _window(every, "count", "seq", empty=True)]
        keep = ["_time", *by, "seq"]
    else:
        steps = [_group(by), 'count(column: "seq")']
        keep = [*by, "seq"]
    # In Flux a series without labels is known by its column.
    name = alias if alias and not by else "alarms"
    last = [f"keep(columns: [{_names(keep)}])", f'rename(columns: {{seq: "{name}"}})']
    return Query(influxql, _flux(*rows, *steps, *last), alias or " ".join(f"$tag_{t}" for t in by))


def _of_counts(inner: Query, influxql: str, *steps: str, by: Sequence[str] = ()) -> Query:
    flux = inner.flux + "".join(f"\n  |> {step}" for step in steps)
    return Query(influxql.format(inner.influxql) + _grouped(by), flux, inner.alias)


def peak(every: str) -> Query:
    """The most alarms that sounded in one window at one site."""
    inner = alarm_counts(every, ("site",))
    return _of_counts(
        inner, 'SELECT max("alarms") AS "peak" FROM ({})', "group()", 'max(column: "alarms")'
    )


def flood_minutes() -> Query:
    """Minutes of windows of 10 min with more than 10 alarms, by site."""
    inner = alarm_counts("10m", ("site",))
    return _of_counts(
        inner,
        'SELECT count("alarms") * 10 AS "minutes" FROM ({}) WHERE "alarms" > 10',
        _filter("r.alarms > 10"),
        _group(("site",)),
        'count(column: "alarms")',
        "map(fn: (r) => ({site: r.site, minutes: r.alarms * 10}))",
        by=("site",),
    )


def worst_ten() -> Query:
    """The ten alarms that sounded most often."""
    inner = alarm_counts(by=ALARM)
    influxql = f'SELECT top("alarms", 10) AS "alarms", {_names(ALARM)} FROM ({inner.influxql})'
    steps = ["group()", 'sort(columns: ["alarms"], desc: true)', "limit(n: 10)"]
    return Query(influxql, _of_counts(inner, "", *steps).flux, table=True)


def chattering() -> Query:
    """Alarms that sounded at least three times within a minute: in how many minutes, how often."""
    inner = alarm_counts("1m", ALARM)
    counted = inner.influxql.replace("fill(0)", "fill(none)")
    influxql = (
        'SELECT count("alarms") AS "minutes", max("alarms") AS "most" '
        f'FROM ({counted}) WHERE "alarms" >= 3{_grouped(ALARM)}'
    )
    flux = inner.flux.replace("createEmpty: true", "createEmpty: false")
    reduced = (
        "reduce(identity: {minutes: 0, most: 0}, fn: (r, accumulator) => ({"
        "minutes: accumulator.minutes + 1, "
        "most: if r.alarms > accumulator.most then r.alarms else accumulator.most}))"
    )
    steps = (_filter("r.alarms >= 3"), _group(ALARM), reduced, "group()")
    return Query(influxql, flux + "".join(f"\n  |> {s}" for s in steps), table=True)


_TOLD = ("onset", "state", "text_zh", "text_en")


def _standing(
    where: Condition | None, fields: Sequence[str] = (), by: Sequence[str] = ALARM
) -> tuple[str, list[str]]:
    """The last record of every alarm, whatever its level, in both languages."""
    influxql_time, flux_time = _ago(STANDING_DAYS)
    more = f" AND {where.influxql}" if where is not None else ""
    also = f", {_names(fields)}" if fields else ""
    influxql = (
        f'SELECT last("level") AS "level"{also} FROM "alert" '
        f"WHERE {influxql_time} AND {SCOPE.influxql}{more}{_grouped(by)}"
    )
    rows = _records(where or _ANY, ("level", *fields, "message"), flux_time)
    last = 'sort(columns: ["_time"])', 'last(column: "level")'
    return influxql, [*rows, _group(by), *last]


def standing_alarms(sensor: bool = False) -> Query:
    """Every alarm that stands at the right edge of the dashboard, as rows."""
    where = C("sensor").chosen() if sensor else None
    inner, rows = _standing(where, _TOLD)
    keep = ["_time", *ALARM, "level", *_TOLD]
    # Grafana's times are in ms.
    columns = '"level", "onset" / 1000000 AS "onset", "state", "text_zh", "text_en"'
    return Query(
        f"SELECT {columns} FROM ({inner}) WHERE {(LEVEL > 0).influxql}{_grouped(ALARM)}",
        _flux(
            *rows,
            _filter((LEVEL > 0).flux),
            f"keep(columns: [{_names(keep)}])",
            "group()",
            "map(fn: (r) => ({r with onset: r.onset / 1000000}))",
        ),
        table=True,
    )


def standing_count(
    condition: Condition = LEVEL > 0,
    where: Condition | None = None,
    *,
    alias: str = "",
    fields: Sequence[str] = (),
) -> Query:
    """How many alarms stand, of those for which `condition` holds; `fields` it needs beside level."""
    inner, rows = _standing(where, fields)
    return Query(
        f'SELECT count("level") AS "alarms" FROM ({inner}) WHERE {condition.influxql}',
        _flux(
            *rows,
            _filter(condition.flux),
            "group()",
            'count(column: "level")',
            f'rename(columns: {{level: "{alias or "alarms"}"}})',
        ),
        alias,
    )


def standing_longer(hours: int) -> Query:
    """How many have stood for longer than so many hours."""
    edge = f"${{__to}}000000 - {hours * 3_600}000000000"
    late = Condition(f'"onset" < {edge}', f"r.onset < {edge}", True)
    return standing_count((LEVEL > 0) & late, fields=("onset",))


def levels_by(tag: str) -> Query:
    """The gravest level that stands, by site or area; 0 where the last alarm is over."""
    inner, rows = _standing(None, by=tuple(dict.fromkeys((*ALARM, tag))))
    return Query(
        f'SELECT max("level") AS "level" FROM ({inner}){_grouped((tag,))}',
        _flux(
            *rows,
            _group((tag,)),
            'max(column: "level")',
            f"keep(columns: [{_names((tag, 'level'))}])",
        ),
        f"$tag_{tag}",
    )


def records_of(condition: Condition | None = None) -> Query:
    """Alert records as rows, newest first."""
    more = "" if condition is None else f" AND {condition.influxql}"
    fields = ("level", "value", "limit", "state", "text_zh", "text_en")
    tags = (*ALARM, "transition")
    keep = ["_time", *tags, *fields]
    return Query(
        f'SELECT {_names(tags)}, {_names(fields)} FROM "alert" WHERE $timeFilter '
        f"AND {SCOPE.influxql}{more} ORDER BY time DESC LIMIT 200",
        _flux(
            *_records(condition or _ANY, fields, _RANGE),
            f"keep(columns: [{_names(keep)}])",
            "group()",
            'sort(columns: ["_time"], desc: true)',
            "limit(n: 200)",
        ),
        table=True,
    )


def events(condition: Condition, language: str) -> Query:
    """Alert records as Grafana's annotations: the sentence that the record says, and tags."""
    tags = (*ALARM, "transition")
    said = ' + "," + '.join(f"r.{tag}" for tag in tags)
    return Query(
        f'SELECT "text_{language}" AS "text", {_names(tags)} FROM "alert" WHERE $timeFilter '
        f"AND {SCOPE.influxql} AND {condition.influxql} ORDER BY time DESC LIMIT 500",
        _flux(
            *_records(condition, (f"text_{language}", *_COUNTED), _RANGE),
            f"map(fn: (r) => ({{_time: r._time, text: r.text_{language}, tags: {said}}}))",
            "group()",
            'sort(columns: ["_time"], desc: true)',
            "limit(n: 500)",
        ),
    )
