"""Made-up recordings in the form of SKAB's, and the example's own modules under test."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from lifeline.engine.source import BrokerSpec

EXAMPLE = Path(__file__).parents[1] / "examples" / "skab"
# A script's own folder is on the path: the example's modules import each other by that.
sys.path.append(str(EXAMPLE))

import audit  # noqa: E402
import calibrate  # noqa: E402
import fitted  # noqa: E402
import plant  # noqa: E402
import playing  # noqa: E402
import recordings  # noqa: E402
import report  # noqa: E402
import run  # noqa: E402
import scoring  # noqa: E402
import telemetry  # noqa: E402

__all__ = [
    "audit",
    "calibrate",
    "fitted",
    "plant",
    "playing",
    "recordings",
    "report",
    "run",
    "scoring",
    "telemetry",
]

S = 1_000_000_000

FIELDS = (
    *("Accelerometer1RMS", "Accelerometer2RMS", "Current", "Pressure"),
    *("Temperature", "Thermocouple", "Voltage", "Volume Flow RateRMS"),
)
# Middle and noise of each field of the made-up rig at rest.
RIG = ((0.2, 0.004), (0.3, 0.004), (2.5, 0.3), (1.0, 0.1), (80, 0.2), (25, 0.01), (230, 8), (60, 1))
FLOW = FIELDS.index("Volume Flow RateRMS")
BEGIN = datetime.fromisoformat("2021-03-09 10:00:00")

Change = Callable[[int, list[float]], None]


def rows(count: int, seed: int, change: Change | None = None) -> list[list[float]]:
    """`count` rows of the rig with noise; `change(row, values)` alters them."""
    dice = random.Random(seed)
    made: list[list[float]] = []
    for row in range(count):
        values = [dice.gauss(middle, noise) for middle, noise in RIG]
        if change is not None:
            change(row, values)
        made.append(values)
    return made


def closed(first: int, last: int, share: float = 0.5) -> Change:
    """The valve is closed from row `first` to row `last`: that share of the flow is left."""

    def change(row: int, values: list[float]) -> None:
        if first <= row <= last:
            values[FLOW] *= share

    return change


def csv_text(
    values: Sequence[Sequence[float]],
    labels: Mapping[str, Sequence[int]] | None = None,
    every: Callable[[int], int] = lambda row: 1,
) -> str:
    """A recording as it stands in a file; `every(row)` is how many seconds come before a row."""
    marks = labels or {}
    lines = [";".join(["datetime", *FIELDS, *marks])]
    at = BEGIN
    for row, cells in enumerate(values):
        at += timedelta(seconds=every(row))
        texts = [f"{cell:.6g}" for cell in cells] + [f"{mark[row]:.1f}" for mark in marks.values()]
        lines.append(";".join([at.strftime("%Y-%m-%d %H:%M:%S"), *texts]))
    return "\r\n".join(lines) + "\r\n"


def write(path: Path, text: str) -> Path:
    """Writes a recording byte for byte, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def marked(count: int, spans: Sequence[tuple[int, int]]) -> list[int]:
    """1 in the rows of the spans, both ends included."""
    return [int(any(first <= row <= last for first, last in spans)) for row in range(count)]


def write_folder(folder: Path) -> Path:
    """A folder with 2,400 rows of rest and two recordings of 400: one in which the valve closes
    from row 200 to row 299, as labelled, and one in which nothing happens."""
    write(folder / "anomaly-free" / "anomaly-free.csv", csv_text(rows(2_400, 1)))
    labels = {"anomaly": marked(400, [(200, 299)]), "changepoint": marked(400, [(200, 201)])}
    write(folder / "valve1" / "0.csv", csv_text(rows(400, 2, closed(200, 299)), labels))
    nothing = {"anomaly": [0] * 400, "changepoint": [0] * 400}
    write(folder / "valve1" / "10.csv", csv_text(rows(400, 3), nothing))
    return folder


def recording(
    count: int = 100,
    anomaly: list[int] | None = None,
    changepoint: list[int] | None = None,
    values: list[list[float]] | None = None,
    name: str = "valve1-0",
) -> recordings.Recording:
    """A recording of `count` rows, the first at 1,000 s."""
    labels = None
    if anomaly is not None:
        changes = changepoint or [0] * count
        labels = recordings.Labels(np.array(anomaly, bool), np.array(changes, bool))
    table = np.array(values if values is not None else rows(count, 5), np.float64)
    time = (1_000 + np.arange(count, dtype=np.int64)) * S
    return recordings.Recording(name, time, table, labels)


def normal_rows(count: int = 2_400) -> list[list[float]]:
    """The rig at rest, enough of it to calibrate from."""
    return rows(count, 1)


def write_run(directory: Path, names: list[str], values: list[list[float]]) -> Path:
    """The configuration of a run in `directory`, with rules from a recording of these values."""
    calibration = calibrate.calibrate(recording(len(values), values=values))
    calibrate.write_rules(plant.fresh(directory) / "rules.yaml", calibration)
    return plant.write_plant(directory, names, BrokerSpec(), None)
