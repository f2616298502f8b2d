"""What a store must hold, by plain dictionaries; and a plant of few sensors to write into it."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lifeline.engine.clock import ManualClock
from lifeline.engine.config import StoreSpec
from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.frame import Frame
from lifeline.engine.limits import DAY_NS, HOUR_NS, MINUTE_NS
from lifeline.engine.store.client import plain
from lifeline.engine.store.store import Mark, Store

# On the hour, so that ages cut where a test expects it.
START = 1_767_225_600_000_000_000
PLANT = Configuration(
    sites=(
        Site(id="east", tenant="acme", area="hefei/shushan/east"),
        Site(id="西", tenant="it's", area="hefei/蜀山/west"),
    ),
    links=(Link(site=0, source="mqtt"), Link(site=1, source="mqtt")),
    sensors=(
        Sensor(id="GD-1", site=0, link=0, quantity="gas.combustible", unit="%LEL", asset="M 1"),
        Sensor(id="GD-2", site=0, link=0, quantity="gas.combustible", unit="%LEL"),
        Sensor(id="P \"1'", site=1, link=1, quantity="water.pressure", unit="MPa"),
    ),
)
VERSION = PLANT.version()
NAMES = [f"{PLANT.sites[s.site].id}/{s.id}" for s in PLANT.sensors]


@dataclass
class Oracle:
    """Samples by (sensor, time), the last one written standing."""

    samples: dict[tuple[str, int], tuple[float | None, int]] = field(default_factory=dict)

    def write(self, frame: Frame, configuration: Configuration = PLANT) -> None:
        """As `Store.write`."""
        sites, sensors = configuration.sites, configuration.sensors
        names = [f"{sites[s.site].id}/{s.id}" for s in sensors]
        rows = zip(frame.sensor, frame.time, frame.value, frame.quality, strict=True)
        for sensor, time, value, quality in rows:
            number = float(value) if math.isfinite(value) else None
            self.samples[names[sensor], int(time)] = (number, int(quality))

    def series(self) -> dict[tuple[str, int], tuple[float | None, int]]:
        """All samples."""
        return dict(self.samples)

    def rolled(self, span: int) -> dict[tuple[str, int], tuple[float, ...]]:
        """(min, max, sum, count, last) of each sensor and span that has a number that is not bad."""
        groups: dict[tuple[str, int], list[tuple[int, float]]] = {}
        for (sensor, time), (value, quality) in self.samples.items():
            if value is not None and quality < 128:
                groups.setdefault((sensor, time // span * span), []).append((time, value))
        return {key: _aggregated(sorted(rows)) for key, rows in groups.items()}

    def latest(self) -> dict[str, tuple[int, float | None, int]]:
        """The last sample of each sensor."""
        found: dict[str, tuple[int, float | None, int]] = {}
        for (sensor, time), (value, quality) in self.samples.items():
            if sensor not in found or time > found[sensor][0]:
                found[sensor] = (time, value, quality)
        return found


def _aggregated(rows: list[tuple[int, float]]) -> tuple[float, ...]:
    values = [value for _, value in rows]
    return min(values), max(values), math.fsum(values), len(values), values[-1]


def ask(store: Store, sql: str) -> list[dict[str, Any]]:
    """Rows of a question, times as ns."""
    store.open()
    with store.reading() as connection:
        return [
            row for batch in connection.sql(sql).to_arrow_reader(10_000) for row in plain(batch)
        ]


def stored(rows: Iterable[dict[str, Any]]) -> dict[tuple[str, int], tuple[float | None, int]]:
    """Rows of `series`, each (sensor, time) once."""
    found: dict[tuple[str, int], tuple[float | None, int]] = {}
    for row in rows:
        key = f"{row['site']}/{row['sensor']}", row["time"]
        assert key not in found, f"{key} stands twice"
        found[key] = row["value"], row["quality"]
    return found


def rolled(rows: Iterable[dict[str, Any]]) -> dict[tuple[str, int], tuple[float, ...]]:
    """Rows of `series_1m` or `series_1h`."""
    found = {}
    for row in rows:
        key = f"{row['site']}/{row['sensor']}", row["time"]
        assert key not in found, f"{key} stands twice"
        assert math.isclose(row["mean"], row["sum"] / row["count"])
        found[key] = tuple(row[name] for name in ("min", "max", "sum", "count", "last"))
    return found


def assert_holds(store: Store, oracle: Oracle) -> None:
    """The store answers exactly what the oracle has; sums up to the last bits."""
    assert stored(ask(store, "FROM series")) == oracle.series()
    for view, span in (("series_1m", MINUTE_NS), ("series_1h", HOUR_NS)):
        found, wanted = rolled(ask(store, f"FROM {view}")), oracle.rolled(span)
        assert found.keys() == wanted.keys(), view
        for key, values in wanted.items():
            low, high, total, count, last = found[key]
            assert (low, high, count, last) == (values[0], values[1], values[3], values[4]), key
            assert math.isclose(total, values[2], rel_tol=1e-12, abs_tol=1e-9), key
    rows = ask(store, "FROM latest")
    names = {f"{r['site']}/{r['sensor']}": (r["time"], r["value"], r["quality"]) for r in rows}
    assert len(names) == len(rows)
    assert names == oracle.latest()


def new_store(
    path: Path, clock: ManualClock | None = None, told: list[str] | None = None, **spec: Any
) -> Store:
    """A store in a file of `path` on a clock that stands still, where samples of START are young."""
    settings = {"raw_ns": 30 * DAY_NS, "threads": 1, **spec}
    heard = [] if told is None else told
    return Store(
        StoreSpec(path, **settings),
        clock or ManualClock(START + HOUR_NS),
        lambda kind, text: heard.append(f"{kind}: {text}"),
    )


def put(store: Store, frame: Frame, position: int) -> Any:
    """One Frame of PLANT at a position of a log."""
    mark = Mark("log", "series:store", position, after=position - 1)
    return store.write([(VERSION, PLANT, frame)], mark)


def crashed(store: Store, at: Path) -> None:
    """What a crash of this moment would leave of the file, as a file of its own."""
    path = store.spec.path
    shutil.copyfile(path, at)
    tail = path.with_name(path.name + ".wal")
    if tail.exists():
        shutil.copyfile(tail, at.with_name(at.name + ".wal"))


def ramp(rows: int, *, step_ns: int = 1_000_000_007, start: int = START) -> Frame:
    """Rows of all sensors in turn, each with a time of its own."""
    at = np.arange(rows, dtype=np.int64)
    return Frame.of(at % len(PLANT.sensors), start + at * step_ns, np.round(np.sin(at) * 20, 3))


def filled(path: Path) -> Oracle:
    """A closed store with some samples."""
    store, oracle = new_store(path), Oracle()
    for position, start in enumerate((START, START + 40 * MINUTE_NS), 1):
        frame = ramp(2_000, start=start)
        put(store, frame, position)
        oracle.write(frame)
    store.tend(now=True)
    store.close()
    return oracle
