"""What Grafana does with a dashboard before a server sees it: variables, macros, every query.

After Grafana's own rules (its documentation on variables and on InfluxDB): `${name:regex}` is the
value with what means something in a pattern escaped, several as `(a|b)`, the custom value of "All"
as it stands; `$timeFilter`, `$__interval`, `v.timeRangeStart`, … are made from the time range.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from servers.deployed import DEPLOY

DASHBOARDS = DEPLOY / "grafana" / "dashboards"
#: Points that a panel of usual width asks for.
WIDTH = 1_000
_SPECIAL = re.compile(r"[\\^$*+?.()|\[\]{}/]")
_VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}")
#: Columns that count something: a zero in them is as good as nothing.
COUNTS = frozenset({"alarms", "minutes", "most", "samples", "peak"})


class Server(Protocol):
    """What is asked: `InfluxServer`."""

    def influxql(self, text: str, *, epoch: str = "ns") -> list[dict[str, Any]]: ...

    def flux(self, text: str) -> Iterator[dict[str, Any]]: ...


@dataclass(frozen=True)
class Asked:
    """One query of a dashboard and where it stands in it."""

    where: str
    text: str
    interval: str = ""


@dataclass
class Screen:
    """A dashboard before somebody's eyes: a time range in ms, a bucket, what the variables say."""

    start: int
    stop: int
    bucket: str
    chosen: dict[str, str | list[str]] = field(default_factory=dict)

    def text(self, query: str, interval: str = "") -> str:
        """The query as the server gets it. Fails where something is left that only Grafana knows."""
        seconds = max((self.stop - self.start) / 1_000 / WIDTH, _seconds(interval), 0.001)
        every = f"{int(seconds * 1_000)}ms" if seconds < 1 else f"{int(seconds)}s"
        for macro, value in (
            ("$timeFilter", f"time >= {self.start}ms and time <= {self.stop}ms"),
            ("$__interval_ms", str(int(seconds * 1_000))),
            ("$__interval", every),
            ("v.timeRangeStart", _rfc3339(self.start)),
            ("v.timeRangeStop", _rfc3339(self.stop)),
            ("v.windowPeriod", every),
            ("v.defaultBucket", json.dumps(self.bucket)),
        ):
            query = query.replace(macro, value)
        query = _VARIABLE.sub(self._value, query)
        left = re.sub(r"\$/", "", query)  # the end of a pattern
        assert "$" not in left, query
        assert not re.search(r"\bv\.[a-z]", left), query
        return query

    def _value(self, found: re.Match[str]) -> str:
        name, form = found[1], found[2]
        if name in ("__from", "__to"):
            return str(self.start if name == "__from" else self.stop)
        value = self.chosen[name]
        assert form == "regex", found[0]
        if isinstance(value, str):
            return value if value == ".*" else escaped(value)
        quoted = [escaped(each) for each in value]
        return quoted[0] if len(quoted) == 1 else f"({'|'.join(quoted)})"


def escaped(value: str) -> str:
    r"""A value in a pattern.

    >>> print(escaped("hefei/shushan/east"))
    hefei\/shushan\/east
    """
    return _SPECIAL.sub(lambda m: "\\" + m[0], value)


def _seconds(duration: str) -> float:
    return float(duration.removesuffix("s")) if duration else 0.0


def _rfc3339(ms: int) -> str:
    at = datetime.fromtimestamp(ms / 1_000, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1_000:03d}Z"


def dashboards(language: str) -> dict[str, dict[str, Any]]:
    """The files of one language by name."""
    files: Sequence[Path] = sorted((DASHBOARDS / language).glob("*.json"))
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}


def queries(dashboard: dict[str, Any]) -> Iterator[Asked]:
    """Every query of panels and annotations, however it is written."""
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            where = f"{dashboard['uid']}: {panel['title']} {target['refId']}"
            yield Asked(where, target["query"], panel.get("interval", ""))
    for event in dashboard["annotations"]["list"]:
        assert event.get("query", event["target"]["query"]) == event["target"]["query"]
        yield Asked(f"{dashboard['uid']}: {event['name']}", event["target"]["query"])


def variables(dashboard: dict[str, Any]) -> Iterator[Asked]:
    """The queries of the variables in their order; `where` is the variable's name."""
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield Asked(variable["name"], variable["query"]["query"])


def rows(server: Server, language: str, text: str) -> list[dict[str, Any]]:
    """What the server answers, as rows by column. Raises what the server refuses."""
    if language == "flux":
        return list(server.flux(text))
    return [
        {**series.get("tags", {}), **dict(zip(series["columns"], values, strict=True))}
        for series in server.influxql(text, epoch="ms")
        for values in series.get("values", [])
    ]


_NOT_DATA = frozenset({"time", "_time", "_start", "_stop", "result", "table", "key"})


def tells(row: dict[str, Any]) -> bool:
    """Whether a row has something to show: a value beside its time, and a count above zero."""
    shown = {k: v for k, v in row.items() if k not in _NOT_DATA and v is not None}
    return bool(shown) and all(v for k, v in shown.items() if k in COUNTS)
