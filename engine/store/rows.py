"""Samples and alert records as columns for the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..configuration import Configuration
from ..frame import Bool, Float64, Frame, Int32, Int64, UInt8
from ..level import LEVELS
from ..outputs.ports import Place
from ..outputs.text import LANGUAGES, render
from ..outputs.times import zone
from ..record import Record
from .schema import ALERT_COLUMNS, DIMENSIONS

if TYPE_CHECKING:
    import pyarrow as pa

_TIMES: Final = ("time", "event", "onset", "until")


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Samples by the store's own key of their sensor, four columns of one length.

    `value` may be NaN or infinite; it is stored as NULL.
    """

    key: Int32
    time: Int64
    value: Float64
    quality: UInt8

    def __len__(self) -> int:
        return len(self.key)

    def take(self, rows: Bool | Int64) -> Rows:
        """The rows that a mask or index selects."""
        return Rows(self.key[rows], self.time[rows], self.value[rows], self.quality[rows])

    def ordered(self) -> Rows:
        """By sensor, then time; of several rows of one sensor and time the last alone."""
        order = np.lexsort((self.time, self.key))
        rows = self.take(order)
        same = (rows.key[1:] == rows.key[:-1]) & (rows.time[1:] == rows.time[:-1])
        return rows.take(np.append(~same, True)) if same.any() else rows

    def table(self) -> pa.Table:
        """As Arrow, with the number of each row as `i`."""
        import pyarrow as pa

        return pa.table(
            {
                "i": np.arange(len(self), dtype=np.int64),
                "key": self.key,
                "time": times(self.time),
                "value": pa.array(self.value, mask=~np.isfinite(self.value)),
                "quality": self.quality,
            }
        )


def times(ns: Int64) -> pa.Array:
    """ns since 1970 as Arrow timestamps."""
    import pyarrow as pa

    return pa.array(np.asarray(ns, np.int64), pa.int64()).cast(pa.timestamp("ns"))


def sensors_table(configuration: Configuration) -> pa.Table:
    """The names of every sensor of a configuration, in its order."""
    import pyarrow as pa

    sites, sensors = configuration.sites, configuration.sensors
    at = [sites[sensor.site] for sensor in sensors]
    columns = {
        "tenant": [site.tenant for site in at],
        "area": [site.area for site in at],
        "site": [site.id for site in at],
        "asset": [sensor.asset for sensor in sensors],
        "sensor": [sensor.id for sensor in sensors],
        "quantity": [sensor.quantity for sensor in sensors],
    }
    return pa.table({name: pa.array(columns[name], pa.string()) for name in DIMENSIONS})


def named_samples(frame: Frame, configuration: Configuration) -> pa.RecordBatch:
    """Samples with the names of their sensors: what `lifeline.engine.store.write` takes.

    Columns time (timestamp ns), tenant, area, site, asset, sensor, quantity (dictionaries), value
    (null where it is not finite), quality. Raises IndexError for a sensor that there is not.
    """
    import pyarrow as pa

    used, index = np.unique(frame.sensor, return_inverse=True)
    names = sensors_table(configuration).take(pa.array(used))
    place = pa.array(index.astype(np.int32))
    columns: dict[str, Any] = {"time": times(frame.time)}
    for name in DIMENSIONS:
        column = names.column(name).combine_chunks()
        columns[name] = pa.DictionaryArray.from_arrays(place, column)
    columns["value"] = pa.array(frame.value, mask=~np.isfinite(frame.value))
    columns["quality"] = pa.array(frame.quality)
    return pa.RecordBatch.from_pydict(columns)


def alerts_table(records: Sequence[Record], places: Callable[[str], Place | None]) -> pa.Table:
    """Alert records as rows of `alert`, with their text in each language."""
    import pyarrow as pa

    rows = [_alert(record, places(record.site) or Place(record.area)) for record in records]
    columns = {name: [row[name] for row in rows] for name in ALERT_COLUMNS}
    kinds = {
        "TIMESTAMP_NS": pa.timestamp("ns"),
        "VARCHAR": pa.string(),
        "TINYINT": pa.int8(),
        "BIGINT": pa.int64(),
        "DOUBLE": pa.float64(),
        "BOOLEAN": pa.bool_(),
    }
    arrays = {}
    for name, kind in ALERT_COLUMNS.items():
        if name in _TIMES:
            arrays[name] = pa.array(columns[name], pa.int64()).cast(pa.timestamp("ns"))
        else:
            arrays[name] = pa.array(columns[name], kinds[kind])
    return pa.table(arrays)


def _alert(record: Record, place: Place) -> dict[str, Any]:
    where = zone(place.zone)
    detail = record.detail
    row: dict[str, Any] = {
        name: getattr(record, name)
        for name in (
            "time", "tenant", "area", "site", "asset", "quantity", "rule", "transition", "seq",
            "episode", "onset", "value", "limit", "exercise", "historic", "uncertain", "unknown",
            "unit", "message", "basis", "hash",
        )
    }  # fmt: skip
    row |= {name: detail.get(name) for name in ("principal", "role", "reason")}
    row |= {
        "sensor": record.subject,
        "level": LEVELS.index(record.level_after),
        "level_before": LEVELS.index(record.level_before),
        "event": record.time,
        "until": record.until or None,
        "state": record.state_after,
        "command": detail.get("id"),
    }
    row |= {f"text_{speech}": render(record, speech, where, place.name) for speech in LANGUAGES}
    return row
