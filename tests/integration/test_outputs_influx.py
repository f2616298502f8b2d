"""Series and alerts into a real InfluxDB 1.8.10, counted back by query."""

import math
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from lifeline.engine.clock import SystemClock
from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.entry import Entry, Header, Tick, encode
from lifeline.engine.frame import Frame
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.log import LogStore
from lifeline.engine.outputs import influx_retry
from lifeline.engine.outputs.influx_feeds import AlertFeed, SeriesFeed, alert_time
from lifeline.engine.outputs.influx_http import InfluxSender, InfluxTarget
from lifeline.engine.outputs.influx_output import ALERTS, SERIES, InfluxOutput
from lifeline.engine.outputs.influx_retry import Answer, Delivery
from lifeline.engine.outputs.lineprotocol import Lines
from lifeline.engine.outputs.ports import Place
from lifeline.engine.record import Record
from servers.fixtures import StartInflux, StartInfluxV1
from servers.influx import Influx, InfluxV2
from servers.process import wait_until

START = 1_767_225_600 * SECOND_NS
NASTY = 'T 1,a=b "x" \\ #% 气\\'
PLANT = Configuration(
    sites=(Site(id="gas-east", tenant="acme", area="hefei/shushan/east"),),
    links=(Link(site=0, source="mqtt"),),
    sensors=(
        Sensor(id="GD-1", site=0, link=0, quantity="gas.combustible", unit="%LEL", asset="M-1"),
        Sensor(id="GD-2", site=0, link=0, quantity="gas.combustible", unit="%LEL"),
        Sensor(id="P-1", site=0, link=0, quantity="water.pressure", unit="MPa", asset=NASTY),
    ),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LogStore]:
    opened = LogStore.open(tmp_path / "log")
    yield opened
    opened.close()


def target(influx: Influx, tmp_path: Path, token: str | None = None) -> InfluxTarget:
    file = tmp_path / "token"
    file.write_text((influx.token if token is None else token) + "\n")
    return InfluxTarget(influx.url, influx.org, influx.bucket, token_file=str(file))


def log_samples(store: LogStore, frames: list[Frame]) -> int:
    """The configuration, then the frames, with ticks between them; the last position."""
    version = PLANT.version()
    entries = [Entry(Header(), PLANT)]
    for frame in frames:
        entries += [Entry(Header(tenant="acme", registry=version), frame), Entry(Header(), Tick(1))]
    return store.append([encode(e) for e in entries]).wait(180)


def frames_of(rows: int, frames: int = 1) -> list[Frame]:
    """Every row with a time of its own, the sensors in turn."""
    rng = np.random.default_rng(rows)
    time = START + np.arange(rows * frames, dtype=np.int64) * 1_000_003
    sensor = np.arange(rows * frames) % 2
    value = rng.normal(20, 5, rows * frames)
    whole = Frame.of(sensor, time, value)
    return [whole.take(slice(i * rows, (i + 1) * rows)) for i in range(frames)]


def no_configuration(_version: bytes) -> Configuration | None:
    return None


class Running:
    """An output that runs while the block does."""

    def __init__(self, output: InfluxOutput) -> None:
        self.output = output

    def __enter__(self) -> InfluxOutput:
        self.output.start()
        return self.output

    def __exit__(self, *_: object) -> None:
        self.output.stop()
        assert not self.output.alive()


def series(store: LogStore, send: Callable[[bytes], Answer], close: Callable[[], None]) -> Running:
    feed = SeriesFeed(store, no_configuration)
    output = InfluxOutput(SERIES, feed, store, send, SystemClock(), close=close)
    return Running(output)


def series_to(store: LogStore, where: InfluxTarget) -> Running:
    sender = InfluxSender(where, SystemClock())
    return series(store, sender.send, sender.close)


def written(output: InfluxOutput, position: int) -> None:
    wait_until(lambda: output.position >= position, f"position {position}", within_s=180)


def test_every_sample_is_stored_once_with_its_own_number(
    influx: InfluxV2, store: LogStore, tmp_path: Path
) -> None:
    frames = frames_of(7_000, 5)
    end = log_samples(store, frames)
    with series_to(store, target(influx, tmp_path)) as output:
        written(output, end)
        assert output.troubles() == ()
    assert influx.count("gas") == 35_000
    rows = influx.rows("SELECT value, quality FROM gas GROUP BY sensor, area, site, tenant, asset")
    whole = Frame.concat(frames)
    expected = {
        (int(t), PLANT.sensors[s].id): float(v)
        for t, s, v in zip(whole.time, whole.sensor, whole.value, strict=True)
    }
    assert {(r["time"], r["sensor"]): r["value"] for r in rows} == expected
    assert {r["quality"] for r in rows} == {0}
    assert {(r["area"], r["site"], r["tenant"]) for r in rows} == {
        ("hefei/shushan/east", "gas-east", "acme")
    }
    assert store.cursor(SERIES) == end


def test_the_next_run_writes_only_what_is_new(
    influx: InfluxV2, store: LogStore, tmp_path: Path
) -> None:
    end = log_samples(store, frames_of(100))
    with series_to(store, target(influx, tmp_path)) as output:
        written(output, end)
    # A stopped output has queued its cursor; it is durable when a later one is.
    store.set_cursor("forward:other", 0).wait(180)
    assert store.cursor(SERIES) == end
    tail = Frame.of([1], [START + 10**12], [1.0])
    entry = Entry(Header(registry=PLANT.version()), tail)
    end = store.append([encode(entry)]).wait(180)
    feed = SeriesFeed(store, lambda version: PLANT if version == PLANT.version() else None)
    sender = InfluxSender(target(influx, tmp_path), SystemClock())
    again = InfluxOutput(SERIES, feed, store, sender.send, SystemClock(), close=sender.close)
    with Running(again) as output:
        written(output, end)
        assert output.counters()["taken"] == 1
    assert influx.count("gas") == 101


def test_not_a_number_is_a_quality_without_a_value(
    influx: InfluxV2, store: LogStore, tmp_path: Path
) -> None:
    frame = Frame.of(
        [0, 0, 0, 2], [START, START + 1, START + 2, START], [1.5, math.nan, math.inf, -0.25],
        [0, 0x85, 0x85, 0x41],
    )  # fmt: skip
    end = log_samples(store, [frame])
    with series_to(store, target(influx, tmp_path)) as output:
        written(output, end)
        assert output.counters()["dead"] == 0
    rows = influx.rows("SELECT value, quality FROM gas")
    assert [(r["value"], r["quality"]) for r in rows] == [(1.5, 0), (None, 0x85), (None, 0x85)]
    (water,) = influx.rows("SELECT value, quality FROM water GROUP BY *")
    assert (water["value"], water["quality"]) == (-0.25, 0x41)
    assert water["asset"] == NASTY.replace("\\", "%5C")


def test_one_poison_row_is_one_dead_letter_and_the_rest_is_stored(
    influx: InfluxV2, store: LogStore, tmp_path: Path
) -> None:
    """Somebody else wrote a text into our field, for one series in one hour of the database."""
    (frame,) = frames_of(10_000)
    poisoned = Frame.concat([frame, Frame.of([2], [START], [3.0])])
    sender = InfluxSender(target(influx, tmp_path), SystemClock())
    assert sender.send(f'water,sensor=X value="text" {START}\n'.encode()).status == 204
    end = log_samples(store, [poisoned])
    with series(store, sender.send, sender.close) as output:
        written(output, end)
        counts = output.counters()
        assert (counts["taken"], counts["dead"]) == (10_000, 1)
        assert counts["requests"] <= 2 * 14 + 2
        assert output.troubles() == ()
    assert influx.count("gas") == 10_000
    store.set_cursor(SERIES, end).wait(180)
    (letter,) = store.dead_letters(10)
    assert letter.topic == SERIES
    assert letter.payload.startswith(b"water,area=hefei/shushan/east,asset=")
    assert b"\n# partial write: field type conflict" in letter.payload
    assert store.dead_letter_counts() == {"influx_400": 1}


def test_a_server_killed_in_the_middle_loses_nothing_and_doubles_nothing(
    influx: InfluxV2, store: LogStore, tmp_path: Path
) -> None:
    first, second = frames_of(4_000, 8)[:4], frames_of(4_000, 8)[4:]
    end = log_samples(store, first)
    with series_to(store, target(influx, tmp_path)) as output:
        wait_until(lambda: output.counters()["taken"] > 0, "the first write", within_s=180)
        influx.kill9()
        version = PLANT.version()
        end = store.append(
            [encode(Entry(Header(registry=version), frame)) for frame in second]
        ).wait(180)
        wait_until(lambda: bool(output.troubles()), "a trouble", within_s=180)
        assert {t.kind for t in output.troubles()} == {"unreachable"}
        influx.start()
        written(output, end)
        assert output.troubles() == ()
        assert output.counters()["dead"] == 0
    assert influx.count("gas") == 32_000


def test_a_wrong_token_stops_tells_and_goes_on_when_it_is_right(
    start_influx: StartInflux, store: LogStore, tmp_path: Path
) -> None:
    influx = start_influx(login=("engine", "right"))
    end = log_samples(store, frames_of(50))
    with series_to(store, target(influx, tmp_path, token="engine:wrong")) as output:
        wait_until(lambda: bool(output.troubles()), "a trouble", within_s=180)
        (trouble,) = output.troubles()
        assert (trouble.kind, trouble.output) == ("refused", SERIES)
        assert trouble.text.startswith("401")
        assert "wrong" not in trouble.text
        assert output.counters()["requests"] == 1
    assert store.cursor(SERIES) == 0
    assert store.dead_letter_counts() == {}
    with series_to(store, target(influx, tmp_path)) as output:
        written(output, end)
    assert influx.count("gas") == 50


def test_a_missing_bucket_stops_and_a_small_server_makes_the_batches_smaller(
    start_influx: StartInflux, store: LogStore, tmp_path: Path
) -> None:
    influx = start_influx(overrides={"http": {"max-body-size": 6_000}})
    right = target(influx, tmp_path)
    end = log_samples(store, frames_of(5_000))
    missing = InfluxTarget(right.url, right.org, "nowhere/autogen", token_file=right.token_file)
    with series_to(store, missing) as output:
        wait_until(lambda: bool(output.troubles()), "a trouble", within_s=180)
        assert [t.kind for t in output.troubles()] == ["refused"]
    with series_to(store, right) as output:
        written(output, end)
        assert output.counters()["halved"] > 0
        assert output.counters()["dead"] == 0
    assert influx.count("gas") == 5_000


@pytest.fixture(params=["1.6.7", "1.8.10"])
def either(
    request: pytest.FixtureRequest, start_influx: StartInflux, start_influx_v1: StartInfluxV1
) -> Influx:
    """A server of each version."""
    return start_influx_v1() if request.param == "1.6.7" else start_influx()


def test_a_database_that_was_dropped_and_made_again_gets_everything_behind_the_cursor(
    either: Influx, store: LogStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(influx_retry, "INFLUX_PROBE_NS", SECOND_NS // 5)
    first, second = frames_of(200, 2)
    end = log_samples(store, [first])
    with series_to(store, target(either, tmp_path)) as output:
        written(output, end)
        either.query(f'DROP DATABASE "{either.database}"')
        end = store.append([encode(Entry(Header(registry=PLANT.version()), second))]).wait(180)
        wait_until(lambda: bool(output.troubles()), "a trouble", within_s=180)
        (trouble,) = output.troubles()
        assert (trouble.kind, trouble.text[:3]) == ("refused", "404")
        assert "database not found" in trouble.text
        either.create(either.database)
        written(output, end)
        assert output.troubles() == ()
        assert output.counters()["dead"] == 0
    assert either.count("gas") == 200


def test_a_policy_that_is_missing_is_told_and_waited_for(
    either: Influx, store: LogStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(influx_retry, "INFLUX_PROBE_NS", SECOND_NS // 5)
    end = log_samples(store, frames_of(200))
    there = target(either, tmp_path)
    bucket = f"{either.database}/later"
    where = InfluxTarget(there.url, there.org, bucket, token_file=there.token_file)
    with series_to(store, where) as output:
        wait_until(lambda: bool(output.troubles()), "a trouble", within_s=180)
        assert [t.kind for t in output.troubles()] == ["refused"]
        assert "retention policy not found" in output.troubles()[0].text
        either.create(either.database, "later")
        written(output, end)
    (counted,) = either.rows('SELECT count(value) AS n FROM "later".gas')
    assert counted["n"] == 200


@pytest.mark.parametrize("at", [0, 1, 4_999, 5_000, 8_191, 9_998, 9_999])
def test_one_poison_line_among_ten_thousand_costs_no_more_requests_than_claimed(
    at: int, either: Influx, tmp_path: Path
) -> None:
    n = 10_000
    sender = InfluxSender(target(either, tmp_path), SystemClock())
    sent = 0

    def send(body: bytes) -> Answer:
        nonlocal sent
        sent += 1
        return sender.send(body)

    assert sender.send(f'water,sensor=X value="text" {START}\n'.encode()).status == 204
    lines = Lines.of(
        f"{'water' if i == at else 'gas'},sensor=s{i % 50} value={i}.5 {START + i}"
        for i in range(n)
    )
    dead = Delivery(send, Unmoved(), lambda: 0.5).deliver(lines, 0, n)
    assert [refused.line for refused in dead] == [lines.cut(at, at + 1).rstrip()]
    assert "field type conflict" in dead[0].answer.text
    assert sent <= 2 * math.ceil(math.log2(n)) + 1
    assert either.count("gas") == n - 1


class Unmoved:
    """A patience that is never needed."""

    def wait(self, _ns: int) -> bool:
        raise AssertionError("the server makes us wait")

    def tell(self, kind: str, text: str) -> None:
        raise AssertionError(f"{kind}: {text}")

    def well(self) -> None: ...


def test_a_limit_of_the_server_stops_and_buries_nothing(
    start_influx: StartInflux, store: LogStore, tmp_path: Path
) -> None:
    """A third series is one too many for the database: no line is at fault."""
    influx = start_influx(
        overrides={"data": {"max-series-per-database": 2, "index-version": "inmem"}}
    )
    frame = Frame.of([0, 1, 2], [START, START, START], [1.0, 2.0, 3.0])
    log_samples(store, [frame])
    with series_to(store, target(influx, tmp_path)) as output:
        wait_until(lambda: bool(output.troubles()), "a trouble", within_s=180)
        (trouble,) = output.troubles()
        assert (trouble.kind, output.counters()["dead"]) == ("refused", 0)
        assert "max-series-per-database limit exceeded" in trouble.text


def test_a_400_of_whatever_stands_before_it_buries_nothing(store: LogStore) -> None:
    log_samples(store, frames_of(10))
    page = (400, {}, b"<html>The plain HTTP request was sent to HTTPS port</html>")
    with Scripted([page] * 3) as server:
        sender = InfluxSender(server.target, SystemClock())
        with series(store, sender.send, sender.close) as output:
            wait_until(lambda: bool(output.troubles()), "a trouble", within_s=180)
            assert [t.kind for t in output.troubles()] == ["refused"]
            assert output.counters()["dead"] == 0
    assert store.dead_letter_counts() == {}


def test_samples_of_a_configuration_that_nobody_knows_are_held_and_told(
    influx: InfluxV2, store: LogStore, tmp_path: Path
) -> None:
    frame = Frame.of([0], [START], [1.0])
    store.append([encode(Entry(Header(registry=b"x" * 16), frame))]).wait(180)
    with series_to(store, target(influx, tmp_path)) as output:
        wait_until(lambda: bool(output.troubles()), "a trouble", within_s=180)
        assert output.troubles()[0].kind == "unknown_registry"
        assert output.position == 0


def alert(seq: int, **changes: object) -> Record:
    fields: dict[str, object] = {
        "tenant": "acme", "site": "gas-east", "seq": seq, "episode": 1, "rule": "gas.limit",
        "rule_hash": "00" * 16, "subject": "GD-1", "area": "hefei/shushan/east",
        "quantity": "gas.combustible", "transition": "raised", "level_before": "normal",
        "level_after": "red", "state_before": "normal", "state_after": "unacknowledged",
        "onset": START, "time": START + 5, "value": 51.5, "limit": 50.0, "unit": "%LEL",
        "message": "alarm.limit", "basis": 'a "quoted"\nbasis\\', "previous": "00" * 16,
        "hash": f"{seq:032x}",
    }  # fmt: skip
    return Record(**{**fields, **changes})  # type: ignore[arg-type]


def test_alerts_of_one_instant_do_not_overwrite_each_other(
    influx: InfluxV2, store: LogStore, tmp_path: Path
) -> None:
    records = [
        alert(1),
        alert(2),  # the same rule, sensor, transition and time
        alert(3, rule="gas.other"),
        alert(4, transition="level", value=None, limit=None),
        alert(5, transition="acknowledged", detail={"principal": "zhang", "reason": "on my way"}),
    ]
    rows = [(r.site, r.seq, r.encode()) for r in records]
    store.append_records(1, rows).wait(180)
    sender = InfluxSender(target(influx, tmp_path), SystemClock())
    feed = AlertFeed(store, lambda _site: Place("hefei/shushan/east", "东区燃气"))
    output = InfluxOutput(ALERTS, feed, store, sender.send, SystemClock(), close=sender.close)
    with Running(output):
        written(output, store.outbox_end())
        assert output.troubles() == ()
    found = influx.rows("SELECT * FROM alert ORDER BY time")
    assert [r["seq"] for r in sorted(found, key=lambda r: r["seq"])] == [1, 2, 3, 4, 5]
    first = next(r for r in found if r["seq"] == 1)
    assert first["time"] == alert_time(records[0]) == START + 1
    assert first["event"] == START + 5
    assert (first["level"], first["level_before"]) == (4, 0)
    assert (first["value"], first["limit"], first["unit"]) == (51.5, 50.0, "%LEL")
    assert first["basis"] == 'a "quoted" basis\\'
    assert (first["rule"], first["transition"], first["sensor"]) == ("gas.limit", "raised", "GD-1")
    assert "51.5 %LEL" in first["text_zh"]
    acknowledged = next(r for r in found if r["seq"] == 5)
    assert (acknowledged["principal"], acknowledged["reason"]) == ("zhang", "on my way")
    assert next(r for r in found if r["seq"] == 4)["value"] is None


class Scripted:
    """A server on the loopback that answers by a script, then 204; what a real one rarely says."""

    def __init__(self, answers: list[tuple[int, dict[str, str], bytes]]) -> None:
        self.bodies: list[tuple[str, dict[str, str], bytes]] = []
        script = iter(answers)
        bodies = self.bodies

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(204, {"X-Influxdb-Version": "v2.7.1"}, b"")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if "bucket=&" in self.path:  # whether there is such a way in
                    self._answer(400, {}, b'{"message":"which bucket?"}')
                    return
                bodies.append((self.path, dict(self.headers), body))
                self._answer(*next(script, (204, {}, b"")))

            def _answer(self, status: int, headers: dict[str, str], answer: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Nothing to the terminal."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> "Scripted":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def target(self) -> InfluxTarget:
        return InfluxTarget(f"http://127.0.0.1:{self.server.server_address[1]}", "o", "b")


def test_statuses_headers_and_bodies_arrive_as_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "very-secret")
    script = [
        (429, {"Retry-After": "7"}, b'{"code":"too many requests","message":"slow down"}'),
        (503, {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, b"busy"),
        (503, {"Retry-After": "soon"}, b"<html>busy</html>"),
        (413, {}, b'{"error":"Request Entity Too Large"}'),
        (401, {}, b'{"message":"token very-secret is wrong"}'),
        (302, {"Location": "http://127.0.0.1:9/elsewhere"}, b""),
        (500, {}, b"x" * 10_000),
    ]  # fmt: skip
    with Scripted(script) as server:
        named = InfluxTarget(server.target.url, "o", "b", token_env="TOKEN")
        sender = InfluxSender(named, SystemClock())
        answers = [sender.send(b"m value=1 1\n") for _ in range(8)]
        sender.close()
    assert [a.status for a in answers] == [429, 503, 503, 413, 401, 302, 500, 204]
    assert [a.retry_after_ns for a in answers] == [7 * SECOND_NS, 0, *[None] * 6]
    assert answers[0].text == "slow down"
    assert answers[4].text == "token *** is wrong"
    assert len(answers[6].text) == 500
    path, headers, body = server.bodies[0]
    assert path == "/api/v2/write?org=o&bucket=b&precision=ns"
    assert headers["Content-Encoding"] == "gzip"
    assert headers["Authorization"] == "Token very-secret"
    import gzip

    assert gzip.decompress(body) == b"m value=1 1\n"


def test_a_server_that_is_not_there_is_no_answer() -> None:
    with Scripted([]) as server:
        gone = server.target
    answer = InfluxSender(gone, SystemClock()).send(b"m value=1 1\n")
    assert answer.status is None
    assert answer.text


def test_an_output_stops_at_once_while_it_waits(store: LogStore) -> None:
    log_samples(store, frames_of(10))
    with Scripted([(503, {"Retry-After": "500"}, b"")] * 5) as server:
        sender = InfluxSender(server.target, SystemClock())
        with series(store, sender.send, sender.close) as output:
            wait_until(lambda: bool(output.troubles()), "a trouble", within_s=180)
        assert len(server.bodies) == 1
    assert store.cursor(SERIES) == 0
