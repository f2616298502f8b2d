"""The series of the embedded store, asked for beside a running engine or without one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..configuration import Configuration
from ..frame import Frame
from .logged import ordered
from .series import SensorKeys

_SELECT_N: Final = "SELECT count(*) AS n FROM series"
_SELECT_ROWS: Final = (
    "SELECT epoch_ns(time) AS t, site, sensor, quantity, value, quality FROM series"
)


class StoredSeries:
    """See `SeriesSource`; `directory` is the plant's storage directory. Raises what the store's
    `query` raises."""

    def __init__(self, directory: Path, configuration: Configuration) -> None:
        self.passed: Counter[str] = Counter()
        self._directory = directory
        self._keys = SensorKeys(configuration)

    def bounds(self) -> tuple[int, int] | None:
        """See `SeriesSource`."""
        (row,) = self._rows("SELECT epoch_ns(min(time)) AS a, epoch_ns(max(time)) AS b FROM series")
        return None if row["a"] is None else (row["a"], row["b"])

    def count(self, start: int, stop: int) -> int:
        """See `SeriesSource`."""
        (row,) = self._rows(_SELECT_N + _between(start, stop))
        return int(row["n"])

    def read(self, start: int, stop: int) -> Frame:
        """See `SeriesSource`."""
        table = self._table(_SELECT_ROWS + _between(start, stop))
        names = zip(
            *(table.column(n).to_pylist() for n in ("site", "sensor", "quantity")), strict=True
        )
        found: dict[tuple[str, str, str], int] = {}
        sensor = np.empty(len(table), np.int32)
        for row, key in enumerate(names):
            index = found.get(key)
            if index is None:
                known = self._keys.find(dict(zip(("site", "sensor", "quantity"), key, strict=True)))
                index = found[key] = -1 if known is None else known
            if index < 0:
                self.passed[f"{key[0]}/{key[1]}"] += 1
            sensor[row] = index
        mine = sensor >= 0
        time, value, quality = (table.column(n).to_numpy() for n in ("t", "value", "quality"))
        return ordered(
            Frame.of(sensor[mine], time[mine], np.asarray(value, np.float64)[mine], quality[mine])
        )

    def _rows(self, sql: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._table(sql).to_pylist()
        return found

    def _table(self, sql: str) -> Any:
        from ..store import query

        return query(self._directory, sql).read_all()


def _between(start: int, stop: int) -> str:
    return f" WHERE time >= make_timestamp_ns({start}) AND time < make_timestamp_ns({stop})"
