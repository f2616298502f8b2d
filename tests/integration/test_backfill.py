"""A time written to real servers again, read back as a replay, and dead letters tried again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from embedded_runs import START, Run, plant, until
from lifeline.engine.cli.app import app
from lifeline.engine.cli.exits import ExitCode
from lifeline.engine.config import load
from lifeline.engine.embedded import Engine
from lifeline.engine.entry import Entry, Header, encode
from lifeline.engine.frame import Frame
from lifeline.engine.limits import HOUR_NS, MINUTE_NS, SECOND_NS
from lifeline.engine.log import LogReader, LogStore, Requests
from lifeline.engine.outputs.influx_output import ALERTS, SERIES
from lifeline.engine.outputs.influx_server import InfluxServer
from lifeline.engine.outputs.influx_target import InfluxTarget
from lifeline.engine.outputs.times import rfc3339
from lifeline.engine.replay.influx_series import influx_series
from lifeline.engine.replay.runs import SeriesRun
from lifeline.engine.replay.series import slices
from plant_files import HEAD, TAGS
from servers.influx import Influx, InfluxV1, InfluxV2
from servers.influx2 import Influx2
from servers.mosquitto import Mosquitto, mosquitto_pub
from servers.process import wait_until

SENSORS = 3
FRAMES, ROWS = 40, 300  # some minutes of three sensors
MORE = TAGS.replace(
    "GD-1,east", "GD-0,east,gas.combustible,%LEL,0,100,periodic 10s,methane\nGD-1,east", 1
)
OUTPUT_V2 = "outputs: {{influx: {{url: '{url}', bucket: lifeline/autogen}}}}\n"
OUTPUT_V1 = "outputs: {{influx: {{url: '{url}', database: lifeline}}}}\n"
TEXTS = """\
sources:
  - id: gas
    topics: ["gas/{station}/{device}"]
    site: "{station}"
    payload: {sensor: "{device}", time: {path: ts, missing: receipt}, text_numbers: true}
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def head(influx: Influx, broker: int = 1883, mqtt: bool = False) -> str:
    output = (OUTPUT_V1 if influx.version.startswith("1.6") else OUTPUT_V2).format(url=influx.url)
    if mqtt:
        output = output.replace("outputs: {", "outputs: {mqtt: {}, ")
    return HEAD.replace("outputs: {mqtt: {}}\n", output).replace(
        "127.0.0.1}", f"127.0.0.1, port: {broker}}}"
    )


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    with InfluxV1(tmp_path_factory.mktemp("first")) as server:
        yield server


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    with InfluxV2(tmp_path_factory.mktemp("second")) as server:
        yield server


@pytest.fixture(params=["1.6.7", "1.8.10"])
def influx(request: pytest.FixtureRequest) -> Influx:
    """Each server in turn, without anything of an earlier test."""
    return cleared(request.getfixturevalue({"1.6.7": "first", "1.8.10": "second"}[request.param]))


@pytest.fixture
def influx_18(second: Influx) -> Influx:
    """1.8.10, where the version does not matter."""
    return cleared(second)


def cleared(server: Influx) -> Influx:
    server.query("DROP DATABASE lifeline")
    server.create("lifeline")
    return server


def frame_of(number: int) -> Frame:
    """Each sensor in turn, a second apart; now and then a late row, one without a value, a doubtful
    one."""
    rng = np.random.default_rng(number)
    row = np.arange(ROWS) + number * ROWS
    time = START + row * SECOND_NS // SENSORS
    value = np.round(rng.normal(30, 12, ROWS), 3)
    quality = np.zeros(ROWS, np.uint8)
    value[5], quality[5] = np.nan, 0x85
    quality[9] = 0x41
    time[11] -= 90 * SECOND_NS
    return Frame.of(row % SENSORS, time, value, quality)


def story(run_: Run, directory: Path, text: str) -> int:
    """A log of two configurations with its alert records; how many distinct samples it holds."""
    with run_.engine() as engine:
        for number in range(FRAMES):
            run_.clock.step_wall(
                START + (number + 1) * ROWS * SECOND_NS // SENSORS - run_.clock.wall()
            )
            if number == FRAMES // 2:
                # A new sensor at the head of the list: the log's numbers are not the file's any more.
                engine.reload(plant(directory, head=text, tags=MORE))
            run_.send_frame(engine, frame_of(number))
    whole = Frame.concat([frame_of(number) for number in range(FRAMES)])
    return len(set(zip(whole.sensor.tolist(), whole.time.tolist(), strict=True)))


def everything(influx: Influx, what: str) -> list[dict[str, object]]:
    return sorted(
        influx.rows(f"SELECT * FROM {what}"), key=lambda row: json.dumps(row, default=str)
    )


def test_a_time_written_twice_changes_no_count_and_is_read_back_as_it_was(
    tmp_path: Path, influx: Influx
) -> None:
    text = head(influx)
    distinct = story(Run(plant(tmp_path, head=text)), tmp_path, text)
    config = tmp_path / "lifeline.yaml"
    done = run("backfill", config, "--from", "2023-11-01", "--json")
    assert done.exit_code == 0, done.output
    outbox = LogReader.open(tmp_path / "lifeline-data")
    records = len(outbox.records(0, 1_000_000))
    outbox.close()
    first = json.loads(done.stdout)
    assert (first["finished"], first["refused"], first["unnamed"]) == (True, 0, 0)
    assert first["points"] == FRAMES * ROWS + records
    samples = everything(influx, "gas") + everything(influx, "pipe")
    alerts = everything(influx, "alert")
    assert len(samples) == distinct
    assert len(alerts) == records > 0
    again = run("backfill", config, "--from", "2023-11-01", "--rate", 1e6, "--json")
    assert json.loads(again.stdout) == first
    assert everything(influx, "gas") + everything(influx, "pipe") == samples
    assert everything(influx, "alert") == alerts
    read_back(config, tmp_path, influx)


def read_back(config: Path, directory: Path, influx: Influx) -> None:
    """The database gives the records and the digest of the log's samples by time."""
    logged = run("replay", directory / "lifeline-data", "--by-time", "-c", config, "--json")
    stored = run("replay", "--from-influx", "-c", config, "--json")
    assert stored.exit_code == 0, stored.output
    assert stored.stdout == logged.stdout
    assert json.loads(stored.stdout.splitlines()[-1])["summary"]["transitions"]["raised"] > 0
    window = ("--from", rfc3339(START + 5 * MINUTE_NS), "--to", rfc3339(START + 20 * MINUTE_NS))
    logged = run(
        "replay", directory / "lifeline-data", "--by-time", "-c", config, "--json", *window
    )
    part = run("replay", "--from-influx", "-c", config, "--json", *window)
    assert part.stdout == logged.stdout != stored.stdout
    if influx.version.startswith("1.8"):
        by_flux(config, stored)


def by_flux(config: Path, expected: Result) -> None:
    made = load(config)
    assert made.outputs.influx is not None
    server = InfluxServer(InfluxTarget.of(made.outputs.influx))
    series = influx_series(server, made.configuration, "flux")
    queried = SeriesRun(series, made.configuration, 0, 2**62)
    records = [record for step in queried.steps() for record in step.records]
    summary = json.loads(expected.stdout.splitlines()[-1])["summary"]
    assert queried.core.digest() == summary["digest"]
    assert len(records) == len(expected.stdout.splitlines()) - 1
    server.close()


def test_a_server_of_2_takes_a_time_again_and_gives_it_back(tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    token = tmp_path / "token"
    with Influx2(tmp_path / "two") as server:
        token.write_text(server.token)
        output = f"{{url: '{server.url}', org: {server.org}, bucket: first, token_file: '{token}'}}"
        text = HEAD.replace("{mqtt: {}}", f"{{influx: {output}}}")
        distinct = story(Run(plant(tmp_path, head=text)), tmp_path, text)
        config = tmp_path / "lifeline.yaml"
        for _ in range(2):
            done = run("backfill", config, "--from", "2023-11-01", "--json")
            assert done.exit_code == 0, done.output
            assert json.loads(done.stdout)["refused"] == 0
        logged = run("replay", tmp_path / "lifeline-data", "--by-time", "-c", config, "--json")
        stored = run("replay", "--from-influx", "-c", config, "--json")
        assert stored.stdout == logged.stdout
        samples = json.loads(stored.stdout.splitlines()[-1])["summary"]["counters"]
        assert sum(samples.get(name, 0) for name in ("judged", "bad")) == distinct, samples


def test_slices_are_small_whatever_lies_in_them(influx_18: Influx, tmp_path: Path) -> None:
    """120,000 rows, most of them in one minute of a year, never more than a slice in memory."""
    influx = influx_18
    config = tmp_path / "lifeline.yaml"
    made = plant(tmp_path, head=head(influx))
    time = np.concatenate(
        [START + np.arange(119_990) * 500_000, START + np.arange(1, 11) * 30 * 24 * HOUR_NS]
    )
    recorded = tmp_path / "rows.csv"
    with recorded.open("w") as file:
        file.write("time,GD-1\n")
        file.writelines(f"{t},{i % 50}\n" for i, t in enumerate(time.tolist()))
    done = run("backfill", config, "--source", recorded, "--site", "east", "--time-unit", "ns")
    assert done.exit_code == 0, done.output
    assert influx.count("gas") == 120_000
    assert made.outputs.influx is not None
    server = InfluxServer(InfluxTarget.of(made.outputs.influx))
    series = influx_series(server, made.configuration)
    bounds = series.bounds()
    assert bounds == (START, int(time[-1]))
    sizes = [len(frame) for _, frame in slices(series, bounds[0], bounds[1] + 1)]
    assert sum(sizes) == 120_000
    assert max(sizes) <= 50_000
    assert len(sizes) < 100
    server.close()


def live_engine(directory: Path, influx: Influx, **changes: str) -> Engine:
    return Engine(plant(directory, head=head(influx), **changes), agents=False)


def send(engine: Engine, time: int, rows: int = 50) -> int:
    """Live samples of now; the position of their entry."""
    assert engine.core.plan is not None
    times = time + np.arange(rows) * 1_000
    frame = Frame.of(np.arange(rows) % SENSORS, times, np.full(rows, 12.5))
    header = Header("acme", "test", 1, engine.clock.wall(), registry=engine.core.plan.version)
    return engine.store.append([encode(Entry(header, frame))]).wait(180)


def written(engine: Engine, position: int) -> None:
    until(lambda: engine.store.cursor(SERIES) >= position)


def test_live_writes_go_on_while_old_ones_are_written_again(
    tmp_path: Path, influx_18: Influx
) -> None:
    influx = influx_18
    engine = live_engine(tmp_path, influx)
    engine.start()
    try:
        now = engine.clock.wall()
        old = tmp_path / "old.csv"
        times = START + np.arange(30_000) * SECOND_NS
        old.write_text("time,GD-1\n" + "".join(f"{t},1.5\n" for t in times.tolist()))
        arguments = ["backfill", str(tmp_path / "lifeline.yaml"), "--source", str(old)]
        arguments += ["--site", "east", "--time-unit", "ns", "--rate", "20000", "--json"]
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "lifeline.engine.cli", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        sent = 0
        while process.poll() is None:
            end = send(engine, now + sent * MINUTE_NS // 100)
            sent += 1
            written(engine, end)  # live is never left waiting
        out, err = process.communicate()
        assert process.returncode == 0, err
        assert json.loads(out)["points"] == 30_000
        assert sent > 1
        assert influx.count("gas", where=f"time < {START + 10**15}") == 30_000
        live = influx.count("gas", where=f"time >= {now}") + influx.count("pipe")
        assert live == sent * 50
    finally:
        engine.stop()


def test_a_backfill_that_is_interrupted_goes_on_where_it_was(
    tmp_path: Path, influx_18: Influx
) -> None:
    influx = influx_18
    plant(tmp_path, head=head(influx))
    old = tmp_path / "old.csv"
    times = START + np.arange(60_000) * SECOND_NS
    old.write_text("time,GD-1\n" + "".join(f"{t},1.5\n" for t in times.tolist()))
    arguments = ["backfill", str(tmp_path / "lifeline.yaml"), "--source", str(old)]
    arguments += ["--site", "east", "--time-unit", "ns"]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "lifeline.engine.cli", *arguments, "--rate", "4000"],
        stdout=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: influx.count("gas") > 0, "the first points", within_s=180)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=180)
    assert process.returncode == ExitCode.INTERRUPTED
    assert "the same command goes on from here" in out
    written = influx.count("gas")
    assert 0 < written < 60_000
    influx.query(f"DELETE FROM gas WHERE time < {START + 1000 * SECOND_NS}")
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    assert "60,000 samples and alert records written again" in done.stdout
    assert influx.count("gas") == 59_000  # what was written before was not written once more
    done = run(*arguments)
    assert influx.count("gas") == 60_000  # a job that is done begins anew


def test_what_lies_beyond_the_retention_is_counted_and_no_dead_letter(
    tmp_path: Path, influx: Influx
) -> None:
    plant(tmp_path, head=head(influx))
    influx.query('ALTER RETENTION POLICY "autogen" ON "lifeline" DURATION 52w')
    old = tmp_path / "old.csv"
    old.write_text(f"time,GD-1\n{START},1\n{START + 1},2\n")
    arguments = ("--source", old, "--site", "east", "--time-unit", "ns")
    done = run("backfill", tmp_path / "lifeline.yaml", *arguments)
    assert done.exit_code == ExitCode.FOUND
    assert "2 refused" in done.stdout
    assert "older than the server keeps" in done.stderr
    requests = Requests(tmp_path / "lifeline-data")
    assert requests.poll() == []
    requests.close()


# --- dead letters ------------------------------------------------------------------------------------


def test_refused_lines_of_a_backfill_and_of_live_are_tried_again(
    tmp_path: Path, influx: Influx
) -> None:
    """Somebody wrote a text into our field; when it is gone, the lines are taken."""
    assert post(influx, f'gas,sensor=X value="text" {START}\n')
    assert post(influx, f'gas,sensor=X value="text" {START + HOUR_NS * 24 * 7}\n')
    engine = live_engine(tmp_path, influx)
    engine.start()
    config = tmp_path / "lifeline.yaml"
    try:
        first = Frame.of([0, 1, 0], [START + 1, START + 2, START + 3], [1.0, 2.0, 3.0])
        assert engine.core.plan is not None
        header = Header("acme", "test", 1, engine.clock.wall(), registry=engine.core.plan.version)
        end = engine.store.append([encode(Entry(header, first))]).wait(180)
        written(engine, end)
        until(lambda: engine.store.dead_letter_counts() == {"influx_400": 2})
        old = tmp_path / "old.csv"
        week = START + HOUR_NS * 24 * 7
        old.write_text(f"time,GD-1,PT-1\n{week + 1},4,5\n{week + 2},6,7\n")
        arguments = ("--source", old, "--site", "east", "--time-unit", "ns", "--json")
        done = run("backfill", config, *arguments)
        assert done.exit_code == ExitCode.FOUND, done.output
        assert json.loads(done.stdout)["refused"] == 2
        until(lambda: engine.store.dead_letter_counts() == {"influx_400": 4})
        listed = run("deadletter", "list", "--topic", "series:*", "--json", "-c", config)
        letters = [json.loads(line) for line in listed.stdout.splitlines()]
        assert len(letters) == 4
        assert all("field type conflict" in letter["payload"] for letter in letters)
        again = run("deadletter", "retry", "--all", "--json", "-c", config)
        assert again.exit_code == ExitCode.FOUND
        assert json.loads(again.stdout)["refused"] == {"influx_400": 4}
        influx.query("DROP MEASUREMENT gas")
        mended = run("deadletter", "retry", "--reason", "influx_400", "--json", "-c", config)
        assert mended.exit_code == 0, mended.output
        assert json.loads(mended.stdout)["taken"] == 4
        assert engine.store.kept_letters(0, 10) == []
        assert influx.count("gas") == 4
        assert influx.count("pipe") == 3
        if influx.version.startswith("1.6"):
            return  # a server that is away is the same, and a person's patience takes time
        influx.stop()
        engine.store.dead_letters_of([(ALERTS, b"m v=1 1\n# x", "influx_400", 1)]).wait(180)
        away = run("deadletter", "retry", "--all", "--json", "-c", config)
        assert json.loads(away.stdout)["left"] == {"away": 1}
        assert len(engine.store.kept_letters(0, 10)) == 1
        influx.start()
    finally:
        engine.stop()


def post(influx: Influx, body: str) -> bool:
    import urllib.request

    request = urllib.request.Request(f"{influx.url}/write?db=lifeline", data=body.encode())
    with urllib.request.urlopen(request, timeout=180) as answer:
        return bool(answer.status == 204)


def test_payloads_are_read_again_by_a_mended_source_of_a_running_engine(
    tmp_path: Path, mosquitto: Mosquitto, influx_18: Influx
) -> None:
    influx = influx_18
    text = head(influx, mosquitto.port)
    engine = Engine(plant(tmp_path, head=text))
    engine.start()
    config = tmp_path / "lifeline.yaml"
    try:
        assert engine.wait_ready(180)
        before = engine.clock.wall()
        for number in range(5):
            body = {"ts": (START // SECOND_NS + number) * 1000, "value": f"{number}.5"}
            mosquitto_pub(mosquitto, "gas/east/GD-1", json.dumps(body))
        mosquitto_pub(mosquitto, "gas/east/GD-1", "{nonsense")
        until(lambda: sum(engine.store.dead_letter_counts().values()) == 6)
        received = [letter.time for letter in engine.store.kept_letters(0, 10)]
        assert all(before <= time <= engine.clock.wall() for time in received)
        engine.reload(plant(tmp_path, head=text, sources=TEXTS))
        done = run("deadletter", "retry", "--all", "--json", "-c", config)
        told = json.loads(done.stdout)
        assert (told["taken"], told["samples"], told["refused"]) == (5, 5, {"not_json": 1})
        until(lambda: influx.count("gas") == 5)
        rows = influx.rows("SELECT value FROM gas ORDER BY time")
        assert [row["value"] for row in rows] == [0.5, 1.5, 2.5, 3.5, 4.5]
        once_more = json.loads(run("deadletter", "retry", "--all", "--json", "-c", config).stdout)
        assert (once_more["total"], once_more["refused"]) == (1, {"not_json": 1})
    finally:
        engine.stop()
    store = LogStore.open(tmp_path / "lifeline-data")
    assert [letter.payload for letter in store.kept_letters(0, 10)] == [b"{nonsense"]
    store.close()
