"""Backfill without a server: places, paces, the embedded store, and what is read back from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from embedded_runs import START, Run, plant
from lifeline.engine.backfill.job import Job
from lifeline.engine.backfill.pacing import LIVE_BEHIND, Live, Pace
from lifeline.engine.backfill.progress import ProgressFile
from lifeline.engine.backfill.windows import FileWindow, LogWindow, Portion, Samples
from lifeline.engine.backfill.writers import InfluxWriter
from lifeline.engine.cli.app import app
from lifeline.engine.cli.exits import ExitCode
from lifeline.engine.cli.times import moment
from lifeline.engine.clock import ManualClock
from lifeline.engine.config import Plant, load
from lifeline.engine.embedded import Engine
from lifeline.engine.embedded.status import EngineStatus, write_status
from lifeline.engine.entry import Entry, Header, encode
from lifeline.engine.errors import SpecError
from lifeline.engine.frame import Frame
from lifeline.engine.limits import HOUR_NS, SECOND_NS
from lifeline.engine.log import LogReader, Requests
from lifeline.engine.outputs.influx_retry import Answer
from lifeline.engine.replay.logged import ordered
from lifeline.engine.replay.series import SLICE_ROWS, slices
from lifeline.engine.replay.tables import Reading, read_samples
from log_entries import open_store
from plant_files import HEAD, TAGS, PlantFiles

STORED = HEAD.replace(
    "{mqtt: {}}", "{store: {retention: {raw: 3650d, minute: 3650d, hour: 3650d}}}"
)
MORE = TAGS.replace(
    "GD-1,east", "GD-0,east,gas.combustible,%LEL,0,100,periodic 10s,methane\nGD-1,east", 1
)
ROWS = 90


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def frame_of(number: int) -> Frame:
    row = np.arange(ROWS) + number * ROWS
    time = START + row * SECOND_NS // 3
    value = 25.0 + 20 * np.sin(row / 37)
    time[7] -= 20 * SECOND_NS  # late
    return Frame.of(row % 3, time, value)


def story(directory: Path, head: str = STORED, frames: int = 6) -> int:
    """A log of two configurations; how many distinct samples it holds."""
    made = Run(plant(directory, head=head))
    with made.engine() as engine:
        for number in range(frames):
            made.clock.step_wall(START + (number + 1) * 30 * SECOND_NS - made.clock.wall())
            if number == frames // 2:
                engine.reload(plant(directory, head=head, tags=MORE))
            made.send_frame(engine, frame_of(number))
    whole = Frame.concat([frame_of(number) for number in range(frames)])
    return len(set(zip(whole.sensor.tolist(), whole.time.tolist(), strict=True)))


class Lines:
    """What a database keeps of line protocol: the last fields of each series and time. It refuses
    with 503 for some requests and ends the job after some."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.taken = 0

    def send(self, body: bytes) -> Answer:
        for line in body.decode().splitlines():
            series, fields, time = line.rsplit(" ", 2)
            self.kept[series, time] = fields
            self.taken += 1
        return Answer(204)


# --- places ------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(stops=st.lists(st.integers(0, 12), max_size=6))
def test_wherever_it_is_stopped_everything_is_written_in_the_end(stops: list[int]) -> None:
    with TemporaryDirectory() as folder:
        directory = Path(folder)
        server, clock = Lines(), ManualClock(START)
        made = load(PlantFiles().write(directory))
        recorded = directory / "rows.csv"
        recorded.write_text("time,east/GD-1\n" + "".join(f"{START + n},{n}\n" for n in range(95)))
        for stop in [*stops, None]:
            job = file_job(directory, made, recorded, server, clock, stop)
            finished = job.run()
            assert finished == (stop is None) or job.points == 95
            if finished:
                break
        assert len(server.kept) == 95
        assert not list((directory / "backfill").glob("*.json"))


def file_job(
    directory: Path,
    made: Plant,
    recorded: Path,
    server: Lines,
    clock: ManualClock,
    stop: int | None,
) -> Job:
    """A job of ten rows a portion that is stopped at its `stop`-th pause."""
    left = [stop]

    def pause(seconds: float) -> bool:
        clock.advance(round(seconds * SECOND_NS))
        if left[0] is None:
            return False
        left[0] -= 1
        return left[0] < 0

    window = SmallWindow([recorded], made, Reading(unit="ns"), 0, 2**62)
    writer = InfluxWriter(
        server.send, lambda: None, {}, Requests(directory), clock, pause, lambda text: None
    )
    pace = Pace(10.0, Live(directory, "influx", clock), clock, pause, lambda text: None)
    progress = ProgressFile(directory, "job")
    return Job([window], writer, pace, progress, clock, lambda done: None)


class SmallWindow(FileWindow):
    """Ten rows a portion."""

    def portions(self, after: int) -> Iterator[Portion]:
        for content, place in super().portions(after):
            assert isinstance(content, Samples)
            for start in range(0, len(content), 10):
                part = content.frame.take(slice(start, start + 10))
                behind = place - len(content) + start + len(part)
                yield Portion(Samples(content.configuration, part), behind)


def test_a_place_of_another_job_or_a_torn_one_is_no_place(tmp_path: Path) -> None:
    progress = ProgressFile(tmp_path, "a")
    progress.place.places["samples"] = 7
    progress.keep()
    assert ProgressFile(tmp_path, "a").place.places == {"samples": 7}
    assert not ProgressFile(tmp_path, "b").begun
    progress.path.write_bytes(progress.path.read_bytes()[:-3])
    assert not ProgressFile(tmp_path, "a").begun
    progress.drop()
    assert not progress.path.exists()


def test_series_without_room_are_held_as_by_the_live_output(tmp_path: Path) -> None:
    server, said = Lines(), list[str]()
    configuration = load(PlantFiles().write(tmp_path)).configuration
    writer = InfluxWriter(
        server.send, lambda: None, {}, Requests(tmp_path), ManualClock(), lambda s: False, said.append, 2
    )  # fmt: skip
    frame = Frame.of([0, 1, 2, 2], [1, 2, 3, 4], [1.0, 2.0, 3.0, 4.0])
    writer.write(Samples(configuration, frame))
    writer.write(Samples(configuration, frame))
    writer.close()
    assert (len(server.kept), writer.refused) == (2, 4)
    assert len(said) == 1
    assert "max_series" in said[0]


# --- paces -------------------------------------------------------------------------------------------


def paced(clock: ManualClock, rate: float, directory: Path, said: list[str]) -> Pace:
    def pause(seconds: float) -> bool:
        clock.advance(round(seconds * SECOND_NS))
        return False

    return Pace(rate, Live(directory, "influx", clock), clock, pause, said.append)


def test_a_rate_is_kept_and_never_made_good_by_a_burst(tmp_path: Path) -> None:
    clock = ManualClock()
    pace = paced(clock, 100.0, tmp_path, [])
    for _ in range(10):
        began = clock.monotonic()
        clock.advance(SECOND_NS // 10)
        pace.after(50, began)
    assert clock.monotonic() == 5 * SECOND_NS
    clock.advance(60 * SECOND_NS)  # a server that did not answer
    for _ in range(4):
        pace.after(50, clock.monotonic())
    assert clock.monotonic() == 67 * SECOND_NS


def test_without_a_rate_half_of_the_time_is_left(tmp_path: Path) -> None:
    clock = ManualClock()
    pace = paced(clock, 0.0, tmp_path, [])
    for took in (3, 1, 7):
        began = clock.monotonic()
        clock.advance(took)
        pace.after(1_000, began)
    assert clock.monotonic() == 22


def test_live_outputs_come_first(tmp_path: Path) -> None:
    made = Run(plant(tmp_path))
    with made.engine() as engine:
        status = replace_outputs(engine.status(), LIVE_BEHIND + 1, [])
    directory = made.plant.storage.directory
    clock, said = ManualClock(status.time), list[str]()
    write_status(directory / "status.json", status)
    pace = paced(clock, 0.0, directory, said)
    pace_pause = pace._pause

    def mended(seconds: float) -> bool:
        if clock.monotonic() > 5 * SECOND_NS:
            write_status(directory / "status.json", replace_outputs(status, 3, []))
        return pace_pause(seconds)

    pace._pause = mended
    assert pace.before() is False
    assert 5 * SECOND_NS < clock.monotonic() < 9 * SECOND_NS
    assert said == [f"live outputs come first: series:influx is {LIVE_BEHIND + 1:,} behind"]
    trouble = {"kind": "unreachable", "text": "it does not answer"}
    write_status(directory / "status.json", replace_outputs(status, 0, [trouble]))
    assert Live(directory, "influx", clock).why_wait() == "series:influx: it does not answer"
    assert Live(directory, "store", clock).why_wait() == ""
    clock.advance(HOUR_NS)  # nobody writes that file any more
    assert Live(directory, "influx", clock).why_wait() == ""


def replace_outputs(
    status: EngineStatus, behind: int, troubles: list[dict[str, str]]
) -> EngineStatus:
    output = {"alive": True, "position": 1, "behind": behind, "counters": {}, "troubles": troubles}
    return msgspec.structs.replace(status, state="running", outputs={"series:influx": output})


# --- windows -----------------------------------------------------------------------------------------


def test_samples_of_a_configuration_that_nobody_has_are_passed_by_and_counted(
    tmp_path: Path,
) -> None:
    store = open_store(tmp_path)
    configuration = load(PlantFiles().write(tmp_path)).configuration
    known = Header(registry=configuration.version())
    times = [START, START + 5, START + 10]
    store.append([
        encode(Entry(Header(registry=b"x" * 16), Frame.of([0], [START], [1.0]))),
        encode(Entry(Header(), configuration)),
        encode(Entry(known, Frame.of([0, 1, 0], times, [1.0, 2.0, 3.0]))),
    ]).wait(180)  # fmt: skip
    store.close()
    reader = LogReader.open(tmp_path)
    window = LogWindow(reader, lambda version: None, START, START + 10)
    found = [p.content for p in window.portions(window.first) if len(p.content)]
    assert [c.frame.time.tolist() for c in found if isinstance(c, Samples)] == [times[:2]]
    assert window.unnamed == 1
    assert list(window.portions(window.last)) == []
    reader.close()


def test_one_of_each_sensor_and_time_remains_the_last() -> None:
    frame = Frame.of([1, 0, 1, 1], [5, 5, 5, 2], [1.0, 2.0, 3.0, 4.0])
    assert ordered(frame) == Frame.of([1, 0, 1], [2, 5, 5], [4.0, 2.0, 3.0])


class Rows:
    """A source of rows at given times."""

    def __init__(self, times: list[int]) -> None:
        self.times = np.array(sorted(times))
        self.largest = 0

    def count(self, start: int, stop: int) -> int:
        return int(((self.times >= start) & (self.times < stop)).sum())

    def read(self, start: int, stop: int) -> Frame:
        mine = self.times[(self.times >= start) & (self.times < stop)]
        self.largest = max(self.largest, len(mine))
        return Frame.of(np.zeros(len(mine)), mine, np.zeros(len(mine)))


@settings(max_examples=30, deadline=None)
@given(
    bursts=st.lists(
        st.tuples(st.integers(0, 10**16), st.integers(1, 40_000), st.integers(1, 10**6)), max_size=5
    )
)
def test_slices_hold_every_row_once_and_never_too_many(bursts: list[tuple[int, int, int]]) -> None:
    source = Rows([at + n * gap for at, rows, gap in bursts for n in range(rows)])
    end = int(source.times[-1]) + 1 if len(source.times) else 10
    found = [frame.time for _, frame in slices(source, 0, end)]  # type: ignore[arg-type]
    assert [t for times in found for t in times.tolist()] == source.times.tolist()
    assert source.largest <= SLICE_ROWS


# --- the embedded store ------------------------------------------------------------------------------


def summary(result: Result) -> dict[str, object]:
    return dict(json.loads(result.stdout.splitlines()[-1])["summary"])


def test_the_store_takes_a_time_again_and_gives_it_back_as_it_was(tmp_path: Path) -> None:
    distinct = story(tmp_path)
    config = tmp_path / "lifeline.yaml"
    counted = run("backfill", config, "--from", "2023-11-01", "--dry-run", "--json")
    told = json.loads(counted.stdout)
    assert (told["samples"], told["output"], told["unnamed"]) == (6 * ROWS, "store", 0)
    for _ in range(2):
        done = run("backfill", config, "--from", "2023-11-01", "--json")
        assert done.exit_code == 0, done.output
        points = json.loads(done.stdout)["points"]
        assert points == told["samples"] + told["records"]
        assert stored(tmp_path, "SELECT count(*) AS n FROM series") == [{"n": distinct}]
        assert stored(tmp_path, "SELECT count(*) AS n FROM alert") == [{"n": told["records"]}]
    logged = run("replay", tmp_path / "lifeline-data", "--by-time", "-c", config, "--json")
    again = run("replay", "--from-store", "-c", config, "--json")
    assert again.stdout == logged.stdout
    assert summary(again)["alarms"]
    for form in ("parquet", "csv", "arrow"):  # canonical units, where the tag list has others
        out = tmp_path / f"all.{form}"
        assert run("export", config, "-o", out).exit_code == 0
        filed = run("replay", out, "-c", config, "--json")
        assert filed.exit_code == 0, filed.output
        assert summary(filed)["digest"] == summary(again)["digest"]
        once_more = run("backfill", config, "--source", out, "--json")
        assert json.loads(once_more.stdout)["points"] == distinct
        assert stored(tmp_path, "SELECT count(*) AS n FROM series") == [{"n": distinct}]


def test_a_running_engine_takes_it_into_its_store(tmp_path: Path) -> None:
    distinct = story(tmp_path)
    config = tmp_path / "lifeline.yaml"
    made = Run(plant(tmp_path, head=STORED, tags=MORE))
    made.clock.step_wall(HOUR_NS)
    engine = Engine(made.plant, clock=made.clock, agents=False)
    engine.start()
    try:
        done = run("backfill", config, "--from", "2023-11-01", "--output", "store", "--json")
        assert done.exit_code == 0, done.output
        assert stored(tmp_path, "SELECT count(*) AS n FROM series") == [{"n": distinct}]
    finally:
        engine.stop()


def stored(directory: Path, sql: str) -> list[dict[str, object]]:
    from lifeline.engine.store import query

    found: list[dict[str, object]] = query(directory / "lifeline-data", sql).read_all().to_pylist()
    return found


# --- the commands ------------------------------------------------------------------------------------


def test_files_of_every_form_are_the_same_samples(tmp_path: Path) -> None:
    made = load(PlantFiles().write(tmp_path))
    (tmp_path / "a.csv").write_text("time,sensor,value\n2024-06-01T00:00:01Z,PT-1,0.5\n")
    (tmp_path / "a.jsonl").write_text(
        '{"time": "2024-06-01T00:00:01Z", "sensor": "PT-1", "value": 0.5}\n'
    )
    frames = [read_samples([tmp_path / name], made).frame for name in ("a.csv", "a.jsonl")]
    assert frames[0] == frames[1]
    assert len(frames[0]) == 1


@pytest.mark.parametrize(("arguments", "code"), [
    ([], ExitCode.USAGE),
    (["--from-influx", "--from-store", "-c", "{config}"], ExitCode.USAGE),
    (["--from-influx"], ExitCode.FOUND),
    (["--from-influx", "-c", "{config}"], ExitCode.FOUND),
    (["x.csv", "--from-store", "-c", "{config}"], ExitCode.USAGE),
    (["x.csv", "--by-time", "-c", "{config}"], ExitCode.USAGE),
    (["x.csv", "--from", "2023-11-01", "-c", "{config}"], ExitCode.USAGE),
])  # fmt: skip
def test_sources_of_a_replay_that_do_not_go_together(
    tmp_path: Path, arguments: list[str], code: ExitCode
) -> None:
    config = PlantFiles(head=STORED).write(tmp_path)
    done = run("replay", *(a.format(config=config) for a in arguments))
    assert done.exit_code == code, done.output


def test_moments() -> None:
    assert moment("2023-11-14T22:13:20Z") == START
    assert moment("2023-11-15T06:13:20+08:00") == START
    assert moment("2023-11-15T06:13+08:00") == moment("2023-11-14T22:13Z") == START - 20 * SECOND_NS
    with pytest.raises(SpecError):
        moment("soon")
