"""A scenario as a recording: files that `lifeline replay` reads, beside configuration and labels.

Long form, one row a sample, in the order in which they are due: time (UTC), site, sensor, value (in the
tag list's unit), quality (empty: good). Files of more rows than one replay takes are cut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from lifeline.engine.limits import REPLAY_ROWS
from lifeline.engine.quality import Quality

from .batch import Batch
from .configs import write_config
from .frames import qualities
from .labels import write_labels
from .plant import Scenario, Site
from .stream import Stream, offline_steps

Form = Literal["parquet", "csv"]
# Slices of event time per write: many enough for a smooth bar.
_SLICES: Final = 200
_ROW_GROUP: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was written."""

    config: Path
    labels: Path
    files: tuple[Path, ...]
    samples: int


def record(
    scenarios: Sequence[Scenario],
    directory: Path,
    form: Form = "parquet",
    tell: Callable[[float], object] = lambda done: None,
) -> Recorded:
    """Write everything into `directory` (made where it is not there); `tell` hears shares of 1.

    `lifeline.yaml`, `sensors.csv`, `labels.json`, `labels.csv`, `samples.parquet` or `samples.csv`.
    """
    directory.mkdir(parents=True, exist_ok=True)
    config = write_config(directory, scenarios, "127.0.0.1", 1883)
    labels, _ = write_labels(directory, scenarios)
    with ExitStack() as stack:
        files = _Files(directory, form, stack)
        for k, scenario in enumerate(scenarios):
            _write(scenario, files, lambda share, k=k: tell((k + share) / len(scenarios)))  # type: ignore[misc]
    return Recorded(config, labels, tuple(files.paths), files.samples)


def _write(scenario: Scenario, files: _Files, tell: Callable[[float], object]) -> None:
    stream = Stream(scenario, offline_steps(scenario.site))
    span = max(scenario.site.step_ns, (scenario.end_ns - scenario.start_ns) // _SLICES)
    until, part = scenario.start_ns, _Table(scenario.site)
    while not stream.exhausted:
        until += span
        batch = stream.take(until)
        for first in range(0, len(batch), _ROW_GROUP):
            files.write(part.of(batch.take(slice(first, first + _ROW_GROUP))))
        tell(min(1.0, (until - scenario.start_ns) / (scenario.end_ns - scenario.start_ns)))


class _Table:
    """Batches of a site as tables."""

    def __init__(self, site: Site) -> None:
        import pyarrow as pa

        self._site = site.id
        self._names = pa.array([p.id for p in site.points])
        words = [q.text if q is not Quality.GOOD else None for q in qualities(site)]
        self._words = pa.array(words, pa.string())

    def of(self, batch: Batch) -> Any:
        import pyarrow as pa

        columns = {
            "time": pa.array(batch.time, pa.timestamp("ns", "UTC")),
            "site": pa.repeat(pa.scalar(self._site), len(batch)),
            "sensor": self._names.take(pa.array(batch.sensor)),
            "value": pa.array(batch.value, mask=np.isnan(batch.value)),
            "quality": self._words.take(pa.array(batch.flag)),
        }
        return pa.table(columns)


class _Files:
    """Writes tables to one file after the other, none longer than a replay takes."""

    def __init__(self, directory: Path, form: Form, stack: ExitStack) -> None:
        self.paths: list[Path] = []
        self.samples = 0
        self._directory = directory
        self._form = form
        self._stack = stack
        self._rows = 0
        self._writer: Any = None

    def write(self, table: Any) -> None:
        if self._writer is None or self._rows + len(table) > REPLAY_ROWS:
            self._next(table.schema)
        self._writer.write_table(table)
        self._rows += len(table)
        self.samples += len(table)

    def _next(self, schema: Any) -> None:
        number = f"-{len(self.paths) + 1}" if self.paths else ""
        path = self._directory / f"samples{number}.{self._form}"
        if self._writer is not None:
            self._writer.close()
        if self._form == "csv":
            from pyarrow import csv

            self._writer = csv.CSVWriter(path, schema)
        else:
            from pyarrow import parquet

            self._writer = parquet.ParquetWriter(path, schema, compression="zstd")
        self._stack.callback(self._writer.close)
        self.paths.append(path)
        self._rows = 0
