"""What the embedded store holds, in the form that is compared."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

from lifeline.engine.store import query

from .stored import ALERT_TAGS, TAGS, Contents, point_time

_FIELDS: Final = (
    "seq", "level", "level_before", "episode", "epoch_ns(event) AS event",
    "epoch_ns(onset) AS onset", "value", '"limit"', "state", "unit", "message", "hash", "historic",
    "uncertain",
)  # fmt: skip


def in_store(storage: Path) -> Contents:
    """Everything in the store of a data directory, by SQL; the engine may run or not."""
    contents = Contents()
    for row in _rows(
        storage, f"SELECT epoch_ns(time) AS t, {', '.join(TAGS)}, value, quality FROM series"
    ):
        tags = tuple(row[name] or "" for name in TAGS)
        measurement = row["quantity"].partition(".")[0]
        value = row["value"]
        number = None if value is None or not math.isfinite(value) else value
        contents.samples[measurement, tags, row["t"]] = number, row["quality"]
    names = ", ".join(ALERT_TAGS)
    for row in _rows(
        storage, f"SELECT epoch_ns(time) AS t, {names}, {', '.join(_FIELDS)} FROM alert"
    ):
        row.pop("t")  # the event's own time: rows do not overwrite each other here
        tags = tuple(row[name] or "" for name in ALERT_TAGS)
        fields = (name.partition(" AS ")[2] or name.strip('"') for name in _FIELDS)
        contents.records[tags, point_time(row["event"], row["seq"])] = {
            name: row[name] for name in fields
        }
    return contents


def _rows(storage: Path, sql: str) -> list[dict[str, Any]]:
    with query(storage, sql) as answer:
        found: list[dict[str, Any]] = []
        for batch in answer:
            found += batch.to_pylist()
        return found
