"""What must be stored, what is stored, and where the two differ.

What must be stored is read from log and outbox without the outputs' own encoding. A further kind of
store is compared by a function that returns its `Contents`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from lifeline.engine.configuration import Configuration
from lifeline.engine.entry import decode
from lifeline.engine.frame import Frame
from lifeline.engine.level import LEVELS
from lifeline.engine.log import LogReader
from lifeline.engine.record import Record, decode_record
from servers.influx import Influx

TAGS: Final = ("tenant", "area", "site", "asset", "sensor", "quantity")
ALERT_TAGS: Final = (*TAGS, "rule", "transition")
#: What the engine writes beside samples and records.
BESIDE: Final = frozenset({"engine", "limit"})
_MILLISECOND: Final = 1_000_000
_SHOWN: Final = 5

#: (measurement, tags in the order of TAGS, time): a sample's point.
Point: TypeAlias = tuple[str, tuple[str, ...], int]


@dataclass
class Contents:
    """Samples and records by their points.

    samples    (value, None where it is no number; quality) by point
    records    fields by (tags in the order of ALERT_TAGS, time)
    rows       how many samples were logged for each point; a store knows none
    """

    samples: dict[Point, tuple[float | None, int]] = field(default_factory=dict)
    records: dict[tuple[tuple[str, ...], int], dict[str, Any]] = field(default_factory=dict)
    rows: Counter[Point] = field(default_factory=Counter)

    def without(self, points: Callable[[Point], bool]) -> Contents:
        """The same without these samples."""
        kept = {point: said for point, said in self.samples.items() if not points(point)}
        return Contents(kept, self.records)


def differences(wanted: Contents, found: Contents) -> list[str]:
    """What is missing, too much, or has another value; empty where they are equal."""
    return [
        *_compared("samples", wanted.samples, found.samples),
        *_compared("records", wanted.records, found.records),
    ]


def _compared(what: str, wanted: dict[Any, Any], found: dict[Any, Any]) -> Iterator[str]:
    missing = [key for key in wanted if key not in found]
    foreign = [key for key in found if key not in wanted]
    other = [key for key in wanted if key in found and wanted[key] != found[key]]
    for kind, keys in (("missing", missing), ("foreign", foreign), ("other values", other)):
        if keys:
            shown = [(key, wanted.get(key), found.get(key)) for key in keys[:_SHOWN]]
            yield f"{len(keys)} {what} of {len(wanted)} {kind}: {shown}"


# --- log and outbox ------------------------------------------------------------------------------


def logged(storage: Path) -> Contents:
    """What the log and the outbox of a stopped engine hold."""
    reader = LogReader.open(storage)
    contents = Contents()
    try:
        configurations: dict[bytes, Configuration] = {}
        position = 0
        while entries := reader.read(position, 1_000):
            position = entries[-1][0]
            for _, data in entries:
                entry = decode(data)
                if isinstance(entry.payload, Configuration):
                    configurations[entry.payload.version()] = entry.payload
                elif isinstance(entry.payload, Frame):
                    _add(contents, entry.payload, configurations[entry.header.registry])
        for row in reader.records(0, 1_000_000):
            record = decode_record(row.data)
            contents.records[_alert_point(record)] = _alert_fields(record)
    finally:
        reader.close()
    return contents


def _add(contents: Contents, frame: Frame, configuration: Configuration) -> None:
    columns = (frame.sensor, frame.time, frame.value, frame.quality)
    for index, time, value, quality in zip(*(c.tolist() for c in columns), strict=True):
        sensor = configuration.sensors[index]
        site = configuration.sites[sensor.site]
        tags = (site.tenant, site.area, site.id, sensor.asset, sensor.id, sensor.quantity)
        point = sensor.quantity.partition(".")[0], tags, time
        # A later line at the same point overwrites the fields that it has.
        before, _ = contents.samples.get(point, (None, 0))
        contents.samples[point] = (value if math.isfinite(value) else before, quality)
        contents.rows[point] += 1


def _alert_point(record: Record) -> tuple[tuple[str, ...], int]:
    tags = (
        record.tenant, record.area, record.site, record.asset, record.subject, record.quantity,
        record.rule, record.transition,
    )  # fmt: skip
    return tags, point_time(record.time, record.seq)


def point_time(event: int, seq: int) -> int:
    """The time of a record's point: no two of one rule and sensor have the same."""
    return event - event % _MILLISECOND + seq % _MILLISECOND


def _alert_fields(record: Record) -> dict[str, Any]:
    return {
        "seq": record.seq,
        "level": LEVELS.index(record.level_after),
        "level_before": LEVELS.index(record.level_before),
        "episode": record.episode,
        "event": record.time,
        "onset": record.onset,
        "value": record.value,
        "limit": record.limit,
        "state": record.state_after,
        "unit": record.unit,
        "message": record.message,
        "hash": record.hash,
        "historic": record.historic,
        "uncertain": record.uncertain,
    }


# --- InfluxDB ------------------------------------------------------------------------------------


def in_influx(server: Influx) -> Contents:
    """Everything in the server's database, by InfluxQL."""
    contents = Contents()
    for measurement in server.measurements():
        if measurement == "alert":
            _read_alerts(server, contents)
        elif measurement not in BESIDE:
            for row in server.rows(f'SELECT value, quality FROM "{measurement}" GROUP BY *'):
                tags = tuple(row.get(name, "") for name in TAGS)
                contents.samples[measurement, tags, row["time"]] = row["value"], row["quality"]
    return contents


def _read_alerts(server: Influx, contents: Contents) -> None:
    fields = (
        "seq", "level", "level_before", "episode", "event", "onset", "value", "limit", "state",
        "unit", "message", "hash", "historic", "uncertain",
    )  # fmt: skip
    names = ", ".join(f'"{name}"' for name in fields)
    for row in server.rows(f"SELECT {names} FROM alert GROUP BY *"):
        tags = tuple(row.get(name, "") for name in ALERT_TAGS)
        contents.records[tags, row["time"]] = {name: row[name] for name in fields}


# --- lines that were refused ---------------------------------------------------------------------


def point_of(line: bytes) -> Point:
    """The point of a line of this city, whose names need no escaping."""
    head, _, time = line.decode().split(" ")
    measurement, *pairs = head.split(",")
    tags = dict(pair.split("=") for pair in pairs)
    return measurement, tuple(tags.get(name, "") for name in TAGS), int(time)
