"""The embedded store: rows/s in, and the time of a console's questions.

Rows in: Frames of 10,000 rows of 5,000 sensors through `Store.write`, batches of 50,000, each a
transaction with its cursor; roll-ups included as they fall due.

Questions: 5,000 sensors of 100 sites, a sample every 5 s, and an alarm a second, made by the
database itself; minutes and hours as the store makes them. One million rows; LIFELINE_BENCH_ROWS=100000000
makes a hundred million (1 GB of disk, some three minutes). Medians of 5 calls after one that is not
counted, each in a transaction of its own as a question over the socket is, with one thread.
"""

from __future__ import annotations

import os
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from figure import Figure, NotMeasured, Setting, grouped, seconds

from lifeline.engine.clock import SystemClock
from lifeline.engine.config import StoreSpec
from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.frame import Frame
from lifeline.engine.store.rows import sensors_table
from lifeline.engine.store.samples import keys_of
from lifeline.engine.store.store import Mark, Store

SENSORS, SITES, STEP_NS = 5_000, 100, 5_000_000_000
FRAME_ROWS, FRAMES_A_BATCH, BATCHES = 10_000, 5, 60
ROWS = int(os.environ.get("LIFELINE_BENCH_ROWS", "1000000"))
ALERTS_A_DAY = 20_000
CALLS = 5
# Bytes on disk of a sample, roll-ups included, and as much again for what is being rewritten.
BYTES_A_ROW = 20


def configuration() -> Configuration:
    """SITES sites of equally many gas detectors."""
    sites = tuple(
        Site(id=f"site-{i:03}", tenant="acme", area=f"hefei/shushan/s{i % 10}")
        for i in range(SITES)
    )
    sensors = tuple(
        Sensor(
            id=f"GD-{i:04}",
            site=i * SITES // SENSORS,
            link=0,
            quantity="gas.combustible",
            unit="%LEL",
            asset=f"M-{i // 10}",
        )
        for i in range(SENSORS)
    )
    return Configuration(sites=sites, links=(Link(site=0, source="mqtt"),), sensors=sensors)


def rows_in(folder: Path) -> list[Figure]:
    """Samples through the writer."""
    plant, rng = configuration(), np.random.default_rng(1)
    version, clock = plant.version(), SystemClock()
    start = clock.wall() // 3_600_000_000_000 * 3_600_000_000_000 - 7_200_000_000_000
    per = FRAME_ROWS // SENSORS
    frames = []
    for i in range(BATCHES * FRAMES_A_BATCH):
        time_ns = start + (i * per + np.repeat(np.arange(per), SENSORS)) * 1_000_000_000
        sensor = np.tile(np.arange(SENSORS), per)
        frames.append(Frame.of(sensor, time_ns, np.round(rng.normal(20, 5, FRAME_ROWS), 2)))
    store = Store(StoreSpec(folder / "in.duckdb"), clock)
    store.open()
    took = []
    for batch in range(BATCHES):
        some = Frame.concat(frames[batch * FRAMES_A_BATCH : (batch + 1) * FRAMES_A_BATCH])
        mark = Mark("log", "series:store", batch + 1, after=batch)

        def write(some: Frame = some, mark: Mark = mark) -> None:
            store.write([(version, plant, some)], mark)
            store.tend()

        took.append(seconds(write))
    last = seconds(lambda: store.tend(now=True))
    rows = BATCHES * FRAMES_A_BATCH * FRAME_ROWS
    again = seconds(
        lambda: store.write(
            [(version, plant, some)], Mark("log", "series:store", 99, after=BATCHES)
        )
    )
    store.close()
    size = (folder / "in.duckdb").stat().st_size
    return [
        Figure("store: rows in, roll-ups included", f"{grouped(rows / (sum(took) + last) / 1e6)} M rows/s"),
        Figure("store: a batch of 50,000", f"{statistics.median(took) * 1e3:.0f} ms, the longest {max(took) * 1e3:.0f} ms"),
        Figure("store: a batch that is there already", f"{again * 1e3:.0f} ms"),
        Figure("store: disk, minutes and hours included", f"{size / rows:.1f} bytes a sample"),
    ]  # fmt: skip


def filled(path: Path, rows: int) -> Store:
    """A store of so many samples up to now, made inside the database."""
    clock = SystemClock()
    store = Store(StoreSpec(path, memory_bytes=1_000_000_000), clock)
    store.open()
    writer = store._writer
    keys_of(writer, sensors_table(configuration()))
    steps = -(-rows // SENSORS)
    first = clock.wall() // 60_000_000_000 * 60_000_000_000 - steps * STEP_NS
    piece = max(1, 5_000_000 // SENSORS)
    for start in range(0, steps, piece):
        stop = min(start + piece, steps)
        writer.execute(
            "INSERT INTO store.samples SELECT k::INTEGER,"
            f" make_timestamp_ns({first} + t * {STEP_NS} + k * 1000),"
            " round(20 + 5 * sin(t / 100 + k) + random(), 2), 0::UTINYINT"
            f" FROM range({start}, {stop}) a(t), range({SENSORS}) b(k)"
        )
    writer.execute(
        "INSERT INTO store.touched_minutes SELECT DISTINCT"
        " make_timestamp_ns(epoch_ns(time) // 60000000000 * 60000000000) FROM store.samples"
    )
    span = steps * STEP_NS
    alerts = max(100, ALERTS_A_DAY * span // 86_400_000_000_000)
    writer.execute(
        "INSERT INTO alert (time, tenant, area, site, asset, sensor, quantity, rule, transition,"
        " level, level_before, seq, state, text_en, text_zh)"
        f" SELECT make_timestamp_ns({first} + (i * ({span} // {alerts}))::BIGINT), 'acme',"
        " 'hefei/shushan/s1', 'site-' || lpad((i % 100)::VARCHAR, 3, '0'), '',"
        " 'GD-' || lpad((hash(i) % 200)::VARCHAR, 4, '0'), 'gas.combustible', 'gas.high',"
        " CASE i % 2 WHEN 0 THEN 'raised' ELSE 'cleared' END, (i % 5)::TINYINT, 0, i // 100,"
        f" 'unacknowledged', 'Orange alarm', '橙色报警' FROM range({alerts}) t(i)"
    )
    store.tend(now=True)
    return store


QUESTIONS = {
    "the last value of every sensor of a site": (
        "SELECT sensor, time, value, quality FROM latest WHERE site = 'site-042'"
    ),
    "24 h of one sensor by minutes": (
        "SELECT time, min, mean, max FROM series_1m WHERE site = 'site-042' AND sensor = 'GD-2111'"
        " AND time > ago(INTERVAL 1 DAY) ORDER BY time"
    ),
    "an hour of one sensor's samples": (
        "SELECT time, value FROM series WHERE site = 'site-042' AND sensor = 'GD-2111'"
        " AND time > ago(INTERVAL 1 HOUR) ORDER BY time"
    ),
    "a day's alarms": (
        "SELECT time, site, sensor, level, text_zh FROM alert WHERE transition = 'raised'"
        " AND time > ago(INTERVAL 1 DAY) ORDER BY time"
    ),
    "alarms per 10 minutes of a day": (
        "SELECT time_bucket(INTERVAL 10 MINUTE, time) AS t, count(*) FROM alert"
        " WHERE transition = 'raised' AND time > ago(INTERVAL 1 DAY) GROUP BY t ORDER BY t"
    ),
    "the ten worst": (
        "SELECT site, sensor, rule, count(*) AS n FROM alert WHERE transition = 'raised'"
        " AND time > ago(INTERVAL 7 DAY) GROUP BY ALL ORDER BY n DESC LIMIT 10"
    ),
}


def asked(store: Store, sql: str) -> Callable[[], None]:
    """One question, its answer read."""

    def ask() -> None:
        with store.reading() as connection:
            connection.sql(sql).to_arrow_reader(10_000).read_all()

    return ask


def figures(setting: Setting) -> list[Figure]:
    """Rows in, then questions."""
    setting.work.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(setting.work).free
    if free < ROWS * BYTES_A_ROW:
        raise NotMeasured(f"{ROWS:,} rows need {ROWS * BYTES_A_ROW / 1e9:.1f} GB of disk")
    found = rows_in(setting.work)
    path = setting.work / "many.duckdb"
    began = time.perf_counter()
    store = filled(path, ROWS)
    made = time.perf_counter() - began
    try:
        for name, sql in QUESTIONS.items():
            ask = asked(store, sql)
            ask()
            median = statistics.median(seconds(ask) for _ in range(CALLS))
            found.append(
                Figure(f"store of {ROWS // 1_000_000} M: {name}", f"{median * 1e3:.1f} ms")
            )
    finally:
        store.close()
    size = path.stat().st_size
    text = f"{size / 1e6:,.0f} MB, made in {made:.0f} s"
    return [*found, Figure(f"store of {ROWS // 1_000_000} M: the file", text)]
