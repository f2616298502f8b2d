"""The series that the InfluxDB output wrote, by InfluxQL (1.x) or Flux (2.x)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from ..configuration import Configuration
from ..frame import Frame
from ..outputs.influx_server import InfluxServer
from ..outputs.lineprotocol import unquoted
from ..quality import Quality
from .logged import ordered
from .series import SensorKeys, SeriesSource

_TAGS: Final = ("site", "sensor", "quantity")
_GROUPED: Final = f" GROUP BY {', '.join(_TAGS)}"


def influx_series(
    server: InfluxServer, configuration: Configuration, language: str = ""
) -> SeriesSource:
    """The plant's series on this server; `language` "influxql" or "flux", "" for the server's own.

    Raises SinkError where it does not answer.
    """
    if not language:
        language = "influxql" if server.dialect().name == "influxdb-1" else "flux"
    kind = _InfluxQL if language == "influxql" else _Flux
    return kind(server, configuration)


class _Columns:
    """Rows being gathered."""

    def __init__(self) -> None:
        self.sensor: list[int] = []
        self.time: list[int] = []
        self.value: list[float] = []
        self.quality: list[int] = []

    def frame(self) -> Frame:
        found = Frame.of(
            np.array(self.sensor, np.int32),
            np.array(self.time, np.int64),
            np.array(self.value, np.float64),
            np.array(self.quality, np.uint8),
        )
        return ordered(found)


class _InfluxQL:
    def __init__(self, server: InfluxServer, configuration: Configuration) -> None:
        self.passed: Counter[str] = Counter()
        self._server = server
        self._keys = SensorKeys(configuration)
        database, policy = server.target.database_and_policy()
        before = f"{_name(database)}.{_name(policy) if policy else ''}."
        self._from = ", ".join(before + _name(domain) for domain in self._keys.domains)

    def bounds(self) -> tuple[int, int] | None:
        times = [
            series["values"][0][0]
            for which in ("first", "last")
            for series in self._server.influxql(self._select(f"{which}(quality)"))
        ]
        return (min(times), max(times)) if times else None

    def count(self, start: int, stop: int) -> int:
        text = self._select("count(quality)") + _between(start, stop)
        return sum(series["values"][0][1] for series in self._server.influxql(text))

    def read(self, start: int, stop: int) -> Frame:
        text = self._select("value, quality") + _between(start, stop) + _GROUPED
        rows = _Columns()
        for series in self._server.influxql(text):
            tags = {name: unquoted(text) for name, text in series["tags"].items()}
            sensor = self._keys.find(tags)
            if sensor is None:
                self.passed[f"{tags['site']}/{tags['sensor']}"] += len(series["values"])
                continue
            times, values, qualities = zip(*series["values"], strict=True)
            rows.sensor += [sensor] * len(times)
            rows.time += times
            rows.value += [math.nan if value is None else float(value) for value in values]
            rows.quality += map(_quality, qualities, values)
        return rows.frame()

    def _select(self, what: str) -> str:
        return f"SELECT {what} FROM {self._from}"  # noqa: S608  the names in it are quoted


def _between(start: int, stop: int) -> str:
    return f" WHERE time >= {start} AND time < {stop}"


def _name(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _quality(quality: int | None, value: float | None) -> int:
    """Points of other writers may have none."""
    if quality is not None:
        return int(quality)
    return int(Quality.GOOD if value is not None else Quality.NOT_A_NUMBER)


class _Flux:
    def __init__(self, server: InfluxServer, configuration: Configuration) -> None:
        self.passed: Counter[str] = Counter()
        self._server = server
        self._keys = SensorKeys(configuration)
        self._bucket = _text(server.target.name)
        self._those = " or ".join(f"r._measurement == {_text(d)}" for d in self._keys.domains)

    def bounds(self) -> tuple[int, int] | None:
        times = [
            row["t"]
            for which in ("first", "last")
            for row in self._server.flux(
                f'{self._rows(None, "quality")} |> group() |> sort(columns: ["_time"])'
                f" |> {which}() |> map(fn: (r) => ({{t: int(v: r._time)}}))"
            )
        ]
        return (min(times), max(times)) if times else None

    def count(self, start: int, stop: int) -> int:
        text = f"{self._rows((start, stop), 'quality')} |> group() |> count()"
        return sum(row["_value"] for row in self._server.flux(text))

    def read(self, start: int, stop: int) -> Frame:
        found: dict[tuple[int, int], list[float]] = {}
        for place, field in enumerate(("value", "quality")):
            self._gather(found, place, self._points((start, stop), field))
        rows = _Columns()
        for (time, sensor), (value, quality) in found.items():
            rows.time.append(time)
            rows.sensor.append(sensor)
            rows.value.append(value)
            said = None if math.isnan(quality) else int(quality)
            rows.quality.append(_quality(said, None if math.isnan(value) else value))
        return rows.frame()

    def _gather(
        self, found: dict[tuple[int, int], list[float]], place: int, rows: Iterable[dict[str, Any]]
    ) -> None:
        for row in rows:
            tags = {name: unquoted(row[name]) for name in _TAGS}
            sensor = self._keys.find(tags)
            if sensor is None:
                self.passed[f"{tags['site']}/{tags['sensor']}"] += place  # once for both fields
                continue
            both = found.setdefault((row["t"], sensor), [math.nan, math.nan])
            both[place] = float(row["_value"])

    def _points(self, span: tuple[int, int], field: str) -> Iterable[dict[str, Any]]:
        named = ", ".join(f"{name}: r.{name}" for name in _TAGS)
        return self._server.flux(
            f"{self._rows(span, field)}"
            f" |> map(fn: (r) => ({{{named}, t: int(v: r._time), _value: r._value}}))"
        )

    def _rows(self, span: tuple[int, int] | None, field: str) -> str:
        start, stop = span or (0, None)
        until = "" if stop is None else f", stop: time(v: {stop})"
        return (
            f"from(bucket: {self._bucket}) |> range(start: time(v: {start}){until})"
            f' |> filter(fn: (r) => ({self._those}) and r._field == "{field}")'
        )


def _text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${") + '"'
