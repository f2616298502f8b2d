"""What `lifeline influx init` says and writes, where no database is needed to see it."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lifeline.engine.cli.app import app
from lifeline.engine.cli.findings import series_room
from lifeline.engine.config import check, load
from lifeline.engine.errors import SinkError, SpecError
from lifeline.engine.influx_setup import Spans, initialise
from lifeline.engine.influx_setup import steps as told
from lifeline.engine.influx_setup.downsample import downsample
from lifeline.engine.influx_setup.limits import HOUR_NS, YEAR_NS
from lifeline.engine.influx_setup.logins import reading
from lifeline.engine.influx_setup.sampling import (
    HOURS,
    MINUTES,
    domains,
    flux_string,
    identifier,
    select_into,
    task,
)
from lifeline.engine.influx_setup.secrets import (
    new_secret,
    others_read,
    read_secret,
    replace_secret,
    write_secret,
)
from lifeline.engine.influx_setup.spans import parse_go_duration, parse_span, span_text
from lifeline.engine.limits import DAY_NS, SECOND_NS
from lifeline.engine.outputs.influx_server import InfluxServer
from lifeline.engine.outputs.influx_target import InfluxTarget
from plant_files import HEAD, PlantFiles


@pytest.mark.parametrize(
    ("text", "ns"),
    [("30d", 30 * DAY_NS), ("1y", YEAR_NS), ("10年", 10 * YEAR_NS), ("1h", HOUR_NS),
     ("forever", 0), ("INF", 0), ("永久", 0), ("", None), (" 2 y ", 2 * YEAR_NS)],
)  # fmt: skip
def test_times_as_people_write_them(text: str, ns: int | None) -> None:
    assert parse_span(text, "--raw") == ns


@pytest.mark.parametrize("text", ["59m", "0s", "30", "1.5y", "soon", "-1d", "1h0.5s"])
def test_times_that_influxdb_cannot_keep(text: str) -> None:
    with pytest.raises(SpecError):
        parse_span(text, "--raw")


def test_coarser_rows_outlive_finer_ones() -> None:
    assert Spans().or_default == (30 * DAY_NS, YEAR_NS, 10 * YEAR_NS)
    Spans(raw=DAY_NS, minute=DAY_NS, hour=0)
    for wrong in ({"raw": 2 * YEAR_NS}, {"raw": 0}, {"minute": 0}, {"hour": DAY_NS}):
        with pytest.raises(SpecError, match="keeps less than"):
            Spans(**wrong)


@pytest.mark.parametrize("ns", [0, HOUR_NS, 36 * HOUR_NS, 30 * DAY_NS, YEAR_NS, 5_400 * SECOND_NS])
def test_times_of_answers_are_read(ns: int) -> None:
    seconds = ns // SECOND_NS
    go = f"{seconds // 3600}h{seconds % 3600 // 60}m{seconds % 60}s" if ns else "0s"
    assert parse_go_duration(go) == ns
    if ns:
        assert parse_span(span_text(ns), "--raw") == ns


def test_a_secret_is_its_owners_and_never_overwrites(tmp_path: Path) -> None:
    file = tmp_path / "new" / "secret"
    secret = new_secret()
    write_secret(file, secret)
    assert (read_secret(file), stat.S_IMODE(file.stat().st_mode)) == (secret, 0o600)
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert not others_read(file)
    with pytest.raises(SpecError):
        write_secret(file, "another")
    assert read_secret(file) == secret
    file.chmod(0o640)
    assert others_read(file)
    replace_secret(file, "another")
    assert (read_secret(file), others_read(file)) == ("another", False)
    assert [each.name for each in file.parent.iterdir()] == ["secret"]
    assert read_secret(tmp_path / "nowhere") is None
    assert len({new_secret() for _ in range(100)}) == 100


def test_names_are_quoted() -> None:
    assert identifier('a"b\\c\nd') == '"a\\"b\\\\c\\nd"'
    assert flux_string('a"b\\${c}') == '"a\\"b\\\\\\${c}"'


def test_only_measurements_of_samples_are_sampled() -> None:
    assert {"gas", "dam", "pipe"} <= set(domains())
    assert not {"alert", "limit", "engine"} & set(domains())
    assert all(name.isalpha() for name in domains())
    for stage in (MINUTES, HOURS):
        assert f"/^({'|'.join(domains())})$/" in select_into(stage, "plant", "autogen")
        assert f"/^({'|'.join(domains())})$/" in task(stage, "plant")


def test_every_sentence_is_there_in_both_languages() -> None:
    words = dict.fromkeys(
        ("name", "url", "kept", "found", "what", "every", "back", "late", "purpose", "file",
         "variable", "quoted", "database", "wanted", "on", "todo"), "x",
    )  # fmt: skip
    for key in told._TEXTS:
        step = told.step("made", key, **words)
        english, chinese = step.text("en"), step.text("zh")
        assert english
        assert chinese != english
        assert any("\u4e00" <= char <= "\u9fff" for char in chinese)
    for table in (told.STATES, told.WOULD):
        assert all(set(labels) == {"en", "zh"} for labels in table.values())


# --- servers that cannot be had -------------------------------------------------------------------


@contextmanager
def answering(headers: dict[str, str], answers: dict[str, tuple[int, object]]) -> Iterator[str]:
    """A server that gives fixed answers by path; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = self.path.partition("?")[0]
            status, body = answers.get(path, (404, {"code": "not found", "message": "no"}))
            text = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "application/json"}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Nothing to the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_what_3_makes_by_itself_is_told_and_nothing_is_done() -> None:
    with answering({"X-Influxdb-Version": "3.1.0"}, {"/ping": (200, {"version": "3.1.0"})}) as url:
        target = InfluxTarget(url, database="plant")
        steps = list(initialise(target, target, Spans()))
        assert [(s.state, s.key) for s in steps] == [("right", "server"), ("cannot", "v3")]
        assert "influxdb3 create database" in steps[1].text("zh")
        with pytest.raises(SinkError, match="neither InfluxQL nor Flux"):
            downsample(InfluxServer(target), 1, 2)


def test_a_server_of_2_without_a_first_user_is_told() -> None:
    headers = {"X-Influxdb-Version": "2.7.11", "X-Influxdb-Build": "OSS"}
    with answering(headers, {"/ping": (200, {}), "/api/v2/setup": (200, {"allowed": True})}) as url:
        target = InfluxTarget(url, org="acme", bucket="plant")
        steps = list(initialise(target, target, Spans()))
        assert [s.key for s in steps] == ["server", "not_set_up"]


def test_a_refusal_of_2_is_in_its_own_words_without_the_token(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("very-secret")
    headers = {"X-Influxdb-Version": "2.7.11", "X-Influxdb-Build": "OSS"}
    refusal = {"code": "unauthorized", "message": "very-secret is not allowed"}
    with answering(headers, {"/ping": (200, {}), "/api/v2/orgs": (401, refusal)}) as url:
        target = InfluxTarget(url, org="acme", bucket="plant", token_file=str(token))
        with pytest.raises(SinkError, match=r"401: \*\*\* is not allowed") as refused:
            list(initialise(target, target, Spans()))
        assert refused.value.permanent


def test_a_server_that_is_not_there_is_told() -> None:
    with answering({}, {}) as url:
        pass
    with pytest.raises(SinkError, match="does not answer"):
        list(initialise(InfluxTarget(url, database="p"), InfluxTarget(url, database="p"), Spans()))


@pytest.mark.parametrize(("start", "stop"), [(5, 5), (6, 5), (0, 3 * YEAR_NS)])
def test_a_stretch_of_time_must_be_one(start: int, stop: int) -> None:
    server = InfluxServer(InfluxTarget("http://127.0.0.1:1", database="p"))
    with pytest.raises(SpecError, match="no stretch of time"):
        downsample(server, start, stop)


# --- the command line -----------------------------------------------------------------------------


def plant(folder: Path, influx: str) -> Path:
    return PlantFiles(head=HEAD.replace("{mqtt: {}}", f"{{influx: {influx}}}")).write(folder)


@pytest.mark.parametrize("command", ["init", "downsample"])
def test_each_command_teaches_by_example(command: str) -> None:
    text = CliRunner().invoke(app, ["influx", command, "--help"]).output
    assert f"  lifeline influx {command} " in text


def test_logins_of_an_administrator_are_whole(tmp_path: Path) -> None:
    config = plant(tmp_path, '{url: "http://127.0.0.1:1", database: plant}')
    for arguments in (
        ["--admin-user", "root"],
        ["--admin-password-file", "x"],
        ["--admin-user", "root", "--admin-password-file", "x", "--admin-token-file", "y"],
    ):
        done = CliRunner().invoke(app, ["influx", "init", str(config), *arguments])
        assert done.exit_code == 1
        assert "--admin-user and" in done.output or "exclude each other" in done.output


def test_who_only_asks_takes_the_readers_login_where_it_lies_beside(tmp_path: Path) -> None:
    token, password = tmp_path / "influx.token", tmp_path / "influx.pw"
    by_token = InfluxTarget("http://127.0.0.1:1", bucket="plant", token_file=str(token))
    by_name = InfluxTarget(
        "http://127.0.0.1:1", database="plant", username="lifeline", password_file=str(password)
    )
    for target in (by_token, by_name, InfluxTarget("http://127.0.0.1:1", database="plant")):
        assert reading(target) == target
    (tmp_path / "influx.token_read").write_text("plant_read:asks\n")
    (tmp_path / "influx.pw_read").write_text("asks\n")
    assert reading(by_token).token() == "plant_read:asks"
    assert reading(by_name).token() == "lifeline_read:asks"


def test_a_plant_without_influxdb_is_told(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["influx", "init", str(PlantFiles().write(tmp_path))])
    assert done.exit_code == 1
    assert "names no InfluxDB" in done.output


def test_check_and_doctor_warn_before_series_run_out(tmp_path: Path) -> None:
    few = plant(tmp_path, '{url: "http://127.0.0.1:1", database: plant, max_series: 100}')
    assert [p for p in check(few) if "series" in p.text() and p.severity == "warning"]
    finding = series_room(load(few).configuration, 100)
    assert (finding.state, finding.what) == ("warning", "series")
    assert finding.found.startswith("3 of samples, up to ")
    many = plant(tmp_path, '{url: "http://127.0.0.1:1", database: plant}')
    assert not [p for p in check(many) if "series" in p.text()]
    assert series_room(load(many).configuration, 1_000_000).state == "ok"
