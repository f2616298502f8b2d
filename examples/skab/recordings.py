"""Reads the recordings of a SKAB folder.

A recording is a CSV file with `;` between its cells, a heading, and a row about every second:
`datetime` without an offset, eight measured values, and in the recordings with faults the labels
`anomaly` and `changepoint` (0 or 1). The labels are for the report alone; nothing else reads them.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from lifeline.engine.errors import SpecError
from lifeline.engine.frame import Bool, Float64, Int64

SECOND_NS: Final = 1_000_000_000
TIME: Final = "datetime"
FIELDS: Final = (
    "Accelerometer1RMS",
    "Accelerometer2RMS",
    "Current",
    "Pressure",
    "Temperature",
    "Thermocouple",
    "Voltage",
    "Volume Flow RateRMS",
)
LABELS: Final = ("anomaly", "changepoint")
NORMAL: Final = Path("anomaly-free", "anomaly-free.csv")


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """What the makers of the data say about each row."""

    anomaly: Bool
    changepoint: Bool


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One file. `time` is its own clock read as UTC, ns, strictly increasing; `values` has a column
    for each of FIELDS, in the file's units; `labels` is None where the file has none."""

    name: str
    time: Int64
    values: Float64
    labels: Labels | None

    def __len__(self) -> int:
        return len(self.time)

    def column(self, field: str) -> Float64:
        """The values of one field."""
        column: Float64 = self.values[:, FIELDS.index(field)]
        return column


def normal_file(folder: Path) -> Path:
    """The recording without faults of a SKAB folder. Raises SpecError where there is none."""
    path = folder / NORMAL
    if not path.is_file():
        raise SpecError("not a folder of SKAB", found=str(folder), expected=f"{NORMAL} in it")
    return path


def part_files(folder: Path, part: str) -> list[Path]:
    """The recordings of one part (`valve1`), by number. Raises SpecError where there are none."""
    parts = sorted({path.parent.name for path in folder.glob("*/*.csv")} - {NORMAL.parent.name})
    if part not in parts:
        raise SpecError(
            "no such part", where=str(folder), found=repr(part), expected=" or ".join(parts)
        )
    return sorted((folder / part).glob("*.csv"), key=lambda path: (len(path.stem), path.stem))


def read(path: Path, name: str) -> Recording:
    """One recording. Raises SpecError with file and line for whatever is not of the form."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.reader(file, delimiter=";")
        heading = next(rows, [])
        labelled = heading == [TIME, *FIELDS, *LABELS]
        if not labelled and heading != [TIME, *FIELDS]:
            raise SpecError(
                "the heading is not a recording's",
                where=f"{path}:1",
                found=";".join(heading)[:200],
                expected=";".join((TIME, *FIELDS)),
            )
        times: list[int] = []
        cells: list[list[float]] = []
        for row in rows:
            where = f"{path}:{rows.line_num}"
            if len(row) != len(heading):
                raise SpecError(
                    "a row is not as long as the heading", where=where, found=f"{len(row)} cells"
                )
            times.append(_time(row[0], where, times[-1] if times else None))
            cells.append([_number(text, where) for text in row[1:]])
    if not times:
        raise SpecError("the recording has no rows", where=str(path))
    table = np.array(cells, np.float64)
    width = len(FIELDS)
    labels = Labels(table[:, width] != 0.0, table[:, width + 1] != 0.0) if labelled else None
    return Recording(name, np.array(times, np.int64), table[:, :width].copy(), labels)


def _time(text: str, where: str, before: int | None) -> int:
    try:
        read_time = datetime.fromisoformat(text)
    except ValueError:
        raise SpecError("not a time", where=where, found=repr(text)) from None
    time = int(read_time.replace(tzinfo=UTC).timestamp()) * SECOND_NS
    if before is not None and time <= before:
        raise SpecError("time does not go on", where=where, found=text)
    return time


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise SpecError("not a number", where=where, found=repr(text))
    return value
