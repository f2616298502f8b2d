"""A real engine writes its store while it is killed, asked, exported and damaged; the log says what
must be in it."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lifeline.engine.configuration import Configuration
from lifeline.engine.entry import decode
from lifeline.engine.errors import LifelineError
from lifeline.engine.frame import Frame
from lifeline.engine.limits import HOUR_NS, MINUTE_NS
from lifeline.engine.log import LogReader
from lifeline.engine.record import decode_record
from lifeline.engine.store import client
from plant_files import PlantFiles
from store_oracle import Oracle, rolled, stored

CHILD = Path(__file__).with_name("store_child.py")
HEAD = """\
version: 1
tenant: acme
broker: {host: 127.0.0.1}
outputs: {store: {}}
"""
#: Kills of the engine; a campaign sets more.
KILLS = int(os.environ.get("LIFELINE_STORE_KILLS", "4"))
FRAMES = 2_000
PATIENCE_S = 180.0


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    return PlantFiles(head=HEAD).write(tmp_path)


def data(plant: Path) -> Path:
    return plant.parent / "lifeline-data"


class Engine:
    """A running engine in a process of its own."""

    def __init__(self, plant: Path, frames: int = FRAMES) -> None:
        self.lines: list[str] = []
        self._plant = plant
        self.process = subprocess.Popen(
            [sys.executable, str(CHILD), str(plant), str(frames)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(line.rstrip() for line in iter(self.process.stdout.readline, ""))

    def until(self, what: Callable[[], bool]) -> None:
        """Waits for it while the engine lives."""
        give_up = time.monotonic() + PATIENCE_S
        while not what():
            assert self.process.poll() is None, "\n".join(self.lines[-20:])
            assert time.monotonic() < give_up, "it did not come to that"
            time.sleep(0.02)

    def appended(self, n: int) -> None:
        """Waits for so many appends of this life."""
        self.until(lambda: sum(line.startswith("appended") for line in self.lines) >= n)

    def asked(self, sql: str) -> list[dict[str, Any]] | None:
        """An answer, None while the store is not open yet."""
        try:
            # A busy machine may take longer than a person waits.
            return client.ask(data(self._plant), sql, timeout_ns=10 * MINUTE_NS).dicts()
        except LifelineError:
            return None

    def kill(self) -> None:
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self._end()

    def stop(self) -> None:
        """SIGTERM; must end well."""
        self.process.send_signal(signal.SIGTERM)
        assert self._end() == 0, "\n".join(self.lines[-20:])

    def _end(self) -> int:
        code = self.process.wait(PATIENCE_S)
        self._reading.join(180)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def logged(directory: Path) -> tuple[Oracle, dict[tuple[str, int], str]]:
    """What the log says the store must hold: samples, and hashes of records by (site, seq)."""
    reader, oracle, position = LogReader.open(directory), Oracle(), 0
    known: dict[bytes, Configuration] = {}
    while entries := reader.read(position, 1_000):
        position = entries[-1][0]
        for _, encoded in entries:
            entry = decode(encoded)
            if isinstance(entry.payload, Configuration):
                known[entry.payload.version()] = entry.payload
            elif isinstance(entry.payload, Frame):
                oracle.write(entry.payload, known[entry.header.registry])
    records = {}
    for row in reader.records(0, 1_000_000):
        records[row.site, row.seq] = decode_record(row.data).hash
    reader.close()
    return oracle, records


def assert_whole(directory: Path) -> Oracle:
    """The store holds what the log says: samples, aggregates, records, each once."""
    oracle, records = logged(directory)
    assert stored(client.ask(directory, "FROM series").dicts()) == oracle.series()
    for view, span in (("series_1m", MINUTE_NS), ("series_1h", HOUR_NS)):
        found, wanted = rolled(client.ask(directory, f"FROM {view}").dicts()), oracle.rolled(span)
        assert found.keys() == wanted.keys()
        for key, values in wanted.items():
            assert found[key][:2] + found[key][3:] == values[:2] + values[3:]
            assert math.isclose(found[key][2], values[2], rel_tol=1e-12, abs_tol=1e-9)
    rows = client.ask(directory, "SELECT site, seq, hash FROM alert").dicts()
    assert len(rows) == len(records)
    assert {(r["site"], r["seq"]): r["hash"] for r in rows} == records
    return oracle


def caught_up(engine: Engine, directory: Path) -> None:
    """Waits until the store has what the log has."""
    reader = LogReader.open(directory)

    def done() -> bool:
        status = directory / "status.json"
        if not status.exists():
            return False
        outputs = json.loads(status.read_bytes())["outputs"]
        return (
            reader.cursor("series:store") >= reader.end() - 1
            and reader.cursor("alert:store") >= reader.outbox_end()
            and outputs.get("series:store", {}).get("alive", False)
        )

    engine.until(done)
    reader.close()


def test_kills_at_any_moment_lose_nothing_and_double_nothing(plant: Path) -> None:
    directory, rng = data(plant), random.Random(4)
    for _ in range(KILLS):
        engine = Engine(plant)
        engine.appended(20)
        time.sleep(rng.uniform(0.1, 2.5))
        engine.kill()
    engine = Engine(plant, frames=30)
    engine.appended(30)
    caught_up(engine, directory)
    engine.stop()
    oracle = assert_whole(directory)
    assert len(oracle.samples) >= KILLS * 20 * 400
    assert not list(directory.glob("damaged-*"))


def test_it_is_asked_and_exported_while_the_engine_writes(plant: Path, tmp_path: Path) -> None:
    engine, directory = Engine(plant), data(plant)
    engine.until(lambda: bool(engine.asked("FROM series LIMIT 1")))
    counts = []
    for _ in range(5):
        (row,) = engine.asked("SELECT count(*) AS n, count(DISTINCT sensor) AS s FROM series") or [
            {}
        ]
        counts.append(row["n"])
        time.sleep(0.3)
    assert counts == sorted(counts)
    answers: list[int] = []

    def many() -> None:
        found = engine.asked("SELECT count(*) AS n FROM series s JOIN latest USING (site, sensor)")
        answers.append(0 if found is None else found[0]["n"])

    threads = [threading.Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert len([n for n in answers if n > 0]) == 4
    out = tmp_path / "now.parquet"
    done = lifeline("export", str(plant), "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert out.is_file()
    shown = lifeline("query", str(plant), "SELECT site, count(*) AS n FROM series GROUP BY site")
    assert shown.returncode == 0, shown.stderr
    assert "east" in shown.stdout
    refused = lifeline("query", str(plant), "DROP TABLE alert")
    assert refused.returncode == 1
    assert "can only be asked" in refused.stderr
    caught_up(engine, directory)
    engine.stop()
    assert_whole(directory)
    during = pq.read_table(out)
    assert during.num_rows >= counts[-1]


def lifeline(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "lifeline.engine.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def test_files_hold_what_was_asked_for_in_order(plant: Path, tmp_path: Path) -> None:
    engine, directory = Engine(plant, frames=60), data(plant)
    engine.appended(60)
    caught_up(engine, directory)
    engine.stop()
    oracle, records = logged(directory)
    wanted = sorted(
        (key, t, value, quality) for (key, t), (value, quality) in oracle.samples.items()
    )
    for form in ("parquet", "arrow", "csv"):
        out = tmp_path / f"all.{form}"
        done = lifeline("export", str(plant), "--out", str(out))
        assert done.returncode == 0, done.stderr
        table = _read(out)
        rows = [
            (f"{r['site']}/{r['sensor']}", r["time"], r["value"], r["quality"])
            for batch in table.to_batches()
            for r in client.plain(batch)
        ]
        assert rows == wanted
    metadata = pq.ParquetFile(tmp_path / "all.parquet").metadata
    assert metadata.row_group(0).column(0).compression == "ZSTD"
    out = tmp_path / "some.csv"
    lifeline("export", str(plant), "--sensor", "east/GD-1", "--resolution", "1m", "-o", str(out))
    minutes = list(csv.DictReader(io.StringIO(out.read_text())))
    mine = {k: v for k, v in oracle.rolled(MINUTE_NS).items() if k[0] == "east/GD-1"}
    assert [float(r["last"]) for r in minutes] == [mine[key][4] for key in sorted(mine)]
    nothing = tmp_path / "nothing.parquet"
    lifeline("export", str(plant), "--domain", "dam", "-o", str(nothing))
    assert (pq.read_table(nothing).num_rows, len(pq.read_table(nothing).column_names)) == (0, 10)
    alerts = tmp_path / "alerts.parquet"
    lifeline("export", str(plant), "--alerts", "-o", str(alerts))
    found = pq.read_table(alerts)
    assert dict(
        zip(zip(*(found.column(n).to_pylist() for n in ("site", "seq")), strict=True),
            found.column("hash").to_pylist(), strict=True)
    ) == records  # fmt: skip
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".part")] == []


def _read(path: Path) -> pa.Table:
    if path.suffix == ".parquet":
        return pq.read_table(path)
    if path.suffix == ".arrow":
        with pa.ipc.open_file(str(path)) as file:
            return file.read_all()
    from pyarrow import csv as pc

    convert = pc.ConvertOptions(
        column_types={
            "time": pa.timestamp("ns", "UTC"),
            "value": pa.float64(),
            "quality": pa.uint8(),
        }
    )
    return pc.read_csv(path, convert_options=convert)


def test_a_damaged_store_is_told_and_filled_again_from_the_log(plant: Path) -> None:
    directory = data(plant)
    engine = Engine(plant, frames=40)
    engine.appended(40)
    caught_up(engine, directory)
    engine.stop()
    path = directory / "series.duckdb"
    broken = bytearray(path.read_bytes())
    for at in (4_096 + 100, 2 * 4_096 + 100):
        broken[at] ^= 0xFF
    path.write_bytes(broken)
    engine = Engine(plant, frames=5)
    engine.appended(5)

    def told() -> bool:
        status = json.loads((directory / "status.json").read_bytes())
        troubles = [t for o in status["outputs"].values() for t in o["troubles"]]
        return any(t["kind"] == "store_damaged" for t in troubles)

    engine.until(told)
    caught_up(engine, directory)
    engine.stop()
    assert len(list(directory.glob("damaged-*-series.duckdb"))) == 1
    assert_whole(directory)


FULL = """
import json, resource, signal, sys
from pathlib import Path
from lifeline.engine.store.errors import StoreError, StoreFullError
from store_oracle import Oracle, assert_holds, new_store, put, ramp
store, oracle, kinds = new_store(Path(sys.argv[1])), Oracle(), []
put(store, ramp(100), 1); oracle.write(ramp(100))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
position, start = 1, ramp(100).time[-1]
for n in range(30):
    frame = ramp(20_000, start=int(start) + 1 + n * 20_000 * 1_000_000_007)
    try:
        put(store, frame, position + 1)
        position += 1
        oracle.write(frame)
    except StoreError as error:
        kinds.append(error.kind)
        store.close()
        try:
            mark = store.mark("log", "series:store")
            if mark is not None and mark.position > position:
                position += 1
                oracle.write(frame)
        except StoreError as again:
            kinds.append(again.kind)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert store.mark("log", "series:store").position == position
put(store, ramp(50, start=1_600_000_000_000_000_000), position + 1)
oracle.write(ramp(50, start=1_600_000_000_000_000_000))
assert_holds(store, oracle)
store.close()
print(json.dumps({"kinds": kinds, "position": position}))
"""


def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    tests = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "series.duckdb")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(tests)},
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    said = json.loads(done.stdout)
    assert said["position"] < 30
    assert set(said["kinds"]) == {"store_full"}
    assert np.isfinite(said["position"])
