"""A network and a server that do everything wrong, and what the engine does meanwhile."""

from __future__ import annotations

import contextlib
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faults.influx.campaign import target
from faults.influx.city import LiveCity, until
from faults.influx.faulty import FAULTS, Faulty
from faults.influx.stored import differences, in_influx, logged
from lifeline.engine.outputs import influx_http, influx_retry
from lifeline.engine.outputs.influx_output import ALERTS, SERIES
from servers.fixtures import StartInflux, StartInfluxV1
from servers.influx import Influx, InfluxV1

_MILLISECOND = 1_000_000
#: A minute of the city, some 5,000 samples.
SECONDS = 60.0
#: InfluxDB lays out some 50 MB before the first point.
DISK_MB = 128

Start = Callable[[], Influx]


@pytest.fixture(params=["1.6.7", "1.8.10"])
def start(
    request: pytest.FixtureRequest, start_influx: StartInflux, start_influx_v1: StartInfluxV1
) -> Start:
    """Starts a server of each version."""
    chosen: Start = start_influx_v1 if request.param == "1.6.7" else start_influx
    return chosen


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time-outs and waits of some tens of milliseconds."""
    monkeypatch.setattr(influx_http, "INFLUX_TIMEOUT_NS", 300 * _MILLISECOND)
    monkeypatch.setattr(influx_retry, "INFLUX_RETRY_FIRST_NS", 10 * _MILLISECOND)
    monkeypatch.setattr(influx_retry, "INFLUX_RETRY_LAST_NS", 50 * _MILLISECOND)
    monkeypatch.setattr(influx_retry, "INFLUX_PROBE_NS", 200 * _MILLISECOND)


def through(server: Influx, faulty: Faulty) -> dict[str, object]:
    """The section `outputs` that reaches a server by way of what is faulty."""
    section = target(server)
    section["influx"]["url"] = faulty.url
    return section


@pytest.mark.usefixtures("hurried")
def test_every_fault_of_the_way_again_and_again_loses_nothing(start: Start, tmp_path: Path) -> None:
    server = start()
    chance = random.Random(2)
    due = iter([fault for _ in range(4) for fault in chance.sample(FAULTS, len(FAULTS))])
    with Faulty(server.url, lambda: next(due, "") if chance.random() < 0.7 else "") as faulty:
        city = LiveCity(tmp_path / "city", through(server, faulty), seconds=SECONDS)
        with city.engine() as engine:
            while city.play(engine, 3.0):
                city.delivered(engine)  # so that each two seconds are requests of their own
            city.delivered(engine)
            outputs = engine.status().outputs
        assert len({fault for fault in FAULTS if faulty.told[fault]}) >= 5
    assert [outputs[name]["counters"]["dead"] for name in (SERIES, ALERTS)] == [0, 0]
    assert differences(logged(city.storage), in_influx(server)) == []


@pytest.mark.usefixtures("hurried")
def test_alarms_go_on_while_a_server_accepts_and_hangs(influx_v1: InfluxV1, tmp_path: Path) -> None:
    """Every write hangs from the beginning, and the city is judged to its end all the same."""
    with Faulty(influx_v1.url, lambda: "hang") as faulty:
        city = LiveCity(tmp_path / "city", through(influx_v1, faulty), seconds=SECONDS)
        with city.engine() as engine:
            until(lambda: city.play(engine, 1.0) and faulty.hanging > 0, 0.0)
            while city.play(engine, SECONDS):
                pass
            outputs = engine.status().outputs
            assert engine.core.position == engine.store.end()
            assert engine.store.outbox_end() > 100
            assert [outputs[name]["counters"]["taken"] for name in (SERIES, ALERTS)] == [0, 0]
            assert {t["kind"] for t in outputs[SERIES]["troubles"]} <= {"unreachable"}
    assert in_influx(influx_v1).samples == {}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own; mounting one needs root and a kernel that lets it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.integration
@pytest.mark.usefixtures("hurried")
def test_a_disk_that_is_full_is_told_and_waited_for(small_disk: Path, tmp_path: Path) -> None:
    with InfluxV1(small_disk) as server:
        city = LiveCity(tmp_path / "city", target(server), seconds=SECONDS)
        filler = small_disk / "filler"
        with city.engine() as engine:
            city.play(engine, 1.0)
            city.delivered(engine)
            _fill(filler)
            while city.play(engine, SECONDS):
                pass
            until(lambda: bool(engine.status().outputs[SERIES]["troubles"]))
            (trouble,) = engine.status().outputs[SERIES]["troubles"]
            assert "no space left" in trouble["text"]
            filler.unlink()
            server.restart()  # 1.6 does not find back by itself from a full disk
            city.delivered(engine)
            assert engine.status().outputs[SERIES]["counters"]["dead"] == 0
        assert differences(logged(city.storage), in_influx(server)) == []


def _fill(file: Path) -> None:
    """Takes all that is left of the file's disk."""
    with file.open("wb", buffering=0) as out, contextlib.suppress(OSError):
        while out.write(b"x" * 4096):
            pass
