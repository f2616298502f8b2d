"""`lifeline influx init` and `downsample` against real servers: 1.6.7 and 1.8.10."""

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from influx_samples import (
    START,
    Rows,
    encoded,
    expected,
    plain_states,
    random_frame,
    same,
    sent,
)
from lifeline.engine.cli.app import app
from lifeline.engine.clock import SystemClock
from lifeline.engine.errors import SinkError
from lifeline.engine.frame import Frame
from lifeline.engine.influx_setup import Spans, Step, downsample, initialise
from lifeline.engine.influx_setup.limits import HOUR_EVERY_NS, HOUR_NS
from lifeline.engine.limits import DAY_NS, MINUTE_NS
from lifeline.engine.outputs.influx_http import InfluxSender
from lifeline.engine.outputs.influx_server import InfluxServer
from lifeline.engine.outputs.influx_target import InfluxTarget
from plant_files import HEAD, PlantFiles
from servers.influx import Influx, InfluxV1, InfluxV2
from servers.process import wait_until

pytestmark = pytest.mark.integration

ADMIN = ("root", 'a"secret"word')
FOREVER = Spans(raw=0, minute=0, hour=0)

VERSIONS = (InfluxV1, InfluxV2)
NAMED = ("1.6.7", "1.8.10")
#: Continuous queries are looked at each second, so that their first turn comes soon.
SOON = {"continuous_queries": {"run-interval": "1s"}}


@pytest.fixture(scope="module", params=VERSIONS, ids=NAMED)
def guarded_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Influx]:
    with request.param(tmp_path_factory.mktemp("guarded"), login=ADMIN) as server:
        yield server


@pytest.fixture(scope="module", params=VERSIONS, ids=NAMED)
def open_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Influx]:
    with request.param(tmp_path_factory.mktemp("open"), overrides=SOON) as server:
        yield server


@pytest.fixture
def guarded(guarded_server: Influx) -> Iterator[Influx]:
    """A server that asks who one is, without anything of an earlier test."""
    yield guarded_server
    cleared(guarded_server)


@pytest.fixture
def unguarded(open_server: Influx) -> Iterator[Influx]:
    """A server that lets everybody in, without anything of an earlier test."""
    yield open_server
    cleared(open_server)


def cleared(server: Influx) -> None:
    server.query("DROP DATABASE plant")
    for series in server.query("SHOW USERS"):
        for user, _admin in series.get("values", ()):
            if user != ADMIN[0]:
                server.query(f"DROP USER {user}")


def plant_target(server: Influx, folder: Path) -> InfluxTarget:
    """A database that the server does not have yet."""
    password = folder / "secrets" / "influx.password"
    return InfluxTarget(
        server.url, database="plant", retention_policy="kept",
        username="lifeline", password_file=str(password),
    )  # fmt: skip


def admin_target(server: Influx, folder: Path) -> InfluxTarget:
    file = folder / "admin.password"
    file.write_text(ADMIN[1] + "\n")
    return InfluxTarget(
        server.url, database="plant", retention_policy="kept",
        username=ADMIN[0], password_file=str(file),
    )  # fmt: skip


def set_up(server: Influx, folder: Path, spans: Spans = Spans(), **how: bool) -> list[Step]:
    target = plant_target(server, folder)
    return list(initialise(target, admin_target(server, folder), spans, **how))


def policies(server: Influx) -> dict[str, str]:
    return {r["name"]: r["duration"] for r in server.rows("SHOW RETENTION POLICIES ON plant")}


def test_everything_is_made_once_and_found_right_ever_after(
    guarded: Influx, tmp_path: Path
) -> None:
    server = guarded
    first = set_up(server, tmp_path)
    made = [text for text, state in plain_states(first).items() if state == "made"]
    assert len(made) == len(plain_states(first)) - 1 == 10, first  # all but "server"
    assert policies(server) == {
        "kept": "720h0m0s", "lifeline_1m": "8760h0m0s", "lifeline_1h": "87600h0m0s"
    }  # fmt: skip
    secrets = [tmp_path / "secrets" / f"influx.password{s}" for s in ("", "_read")]
    before = [file.read_text() for file in secrets]
    assert [stat.S_IMODE(file.stat().st_mode) for file in secrets] == [0o600, 0o600]
    said = " ".join(step.text(language) for step in first for language in ("en", "zh"))
    assert not any(secret.strip() in said for secret in before)

    state = server.query("SHOW CONTINUOUS QUERIES"), server.query("SHOW USERS")
    assert set(plain_states(set_up(server, tmp_path)).values()) == {"right"}
    assert (server.query("SHOW CONTINUOUS QUERIES"), server.query("SHOW USERS")) == state
    assert [file.read_text() for file in secrets] == before


def test_one_login_only_writes_and_the_other_only_reads(guarded: Influx, tmp_path: Path) -> None:
    server = guarded
    set_up(server, tmp_path, FOREVER)
    writer = plant_target(server, tmp_path)
    reader = InfluxTarget(
        server.url, database="plant", username="lifeline_read",
        password_file=writer.password_file + "_read",
    )  # fmt: skip
    sent(writer, Frame.of([0], [START], [1.5]))
    rows = InfluxServer(reader).influxql('SELECT value FROM "kept".gas')
    assert rows[0]["values"] == [[START, 1.5]]
    refusal = InfluxSender(reader, SystemClock()).send(encoded(Frame.of([0], [START], [2.0])))
    assert refusal.status == 403
    for forbidden in ('SELECT value FROM "kept".gas', "DROP MEASUREMENT gas"):
        with pytest.raises(SinkError, match="not authorized"):
            InfluxServer(writer).influxql(forbidden, post=True)
    for forbidden in ("DROP MEASUREMENT gas", "DROP DATABASE plant", "CREATE DATABASE mine"):
        with pytest.raises(SinkError, match="not authorized"):
            InfluxServer(reader).influxql(forbidden, post=True)


def test_times_change_where_they_are_given_and_shorter_ones_ask_first(
    guarded: Influx, tmp_path: Path
) -> None:
    server = guarded
    set_up(server, tmp_path)
    longer = set_up(server, tmp_path, Spans(raw=60 * DAY_NS))
    assert plain_states(longer)["retention policy plant.kept: 60d"] == "changed"
    assert policies(server)["kept"] == "1440h0m0s"
    assert set(plain_states(set_up(server, tmp_path)).values()) == {"right"}  # not given: as it is

    now = SystemClock().wall()
    sent(plant_target(server, tmp_path), Frame.of([0], [now], [1.0]))
    refused = set_up(server, tmp_path, Spans(raw=DAY_NS))
    assert [s.key for s in refused if s.state == "differs"] == ["kept_longer"]
    assert policies(server)["kept"] == "1440h0m0s"
    set_up(server, tmp_path, Spans(raw=DAY_NS), shorten=True)
    assert policies(server)["kept"] == "24h0m0s"


def test_a_dry_run_says_all_and_does_nothing(guarded: Influx, tmp_path: Path) -> None:
    server = guarded
    dry = set_up(server, tmp_path, act=False)
    assert "plant" not in {row["name"] for row in server.rows("SHOW DATABASES")}
    assert not (tmp_path / "secrets").exists()
    assert plain_states(dry) == plain_states(set_up(server, tmp_path))


def test_what_somebody_changed_is_mended_or_told(guarded: Influx, tmp_path: Path) -> None:
    server = guarded
    set_up(server, tmp_path)
    server.query('DROP CONTINUOUS QUERY "lifeline_1m" ON plant')
    server.query(
        'CREATE CONTINUOUS QUERY "lifeline_1m" ON plant BEGIN SELECT mean(value) INTO '
        'plant.lifeline_1m.gas FROM plant."kept".gas GROUP BY time(1m) END'
    )
    server.query("GRANT ALL ON plant TO lifeline_read")
    file = tmp_path / "secrets" / "influx.password"
    file.chmod(0o644)
    (tmp_path / "secrets" / "influx.password_read").unlink()
    found = [(s.state, s.key) for s in set_up(server, tmp_path) if s.state not in ("right", "note")]
    assert found == [
        ("changed", "downsampling"), ("differs", "mode"),
        ("differs", "login_unknown"), ("differs", "login_more"),
    ]  # fmt: skip

    file.chmod(0o600)
    file.write_text("another\n")
    assert "login_refused" in [s.key for s in set_up(server, tmp_path) if s.state == "differs"]
    server.query("GRANT READ ON plant TO lifeline_read")
    renewed = [(s.state, s.key) for s in set_up(server, tmp_path, renew=True)]
    assert renewed.count(("changed", "login")) == 2
    assert set(plain_states(set_up(server, tmp_path)).values()) == {"right"}


def test_a_server_that_lets_everybody_in_is_told(unguarded: Influx, tmp_path: Path) -> None:
    server = unguarded
    target = plant_target(server, tmp_path)
    steps = list(initialise(target, InfluxTarget(server.url, database="plant"), Spans()))
    assert "auth_off" in [step.key for step in steps]
    assert {row["user"] for row in server.rows("SHOW USERS")} == {"lifeline", "lifeline_read"}


@pytest.mark.parametrize("guarded_server", [InfluxV2], indirect=True)
def test_the_keys_of_2_name_a_database_of_1_8(guarded: Influx, tmp_path: Path) -> None:
    server = guarded
    token = tmp_path / "token"
    target = InfluxTarget(server.url, bucket="plant/kept", token_file=str(token))
    admin = tmp_path / "admin"
    admin.write_text(":".join(ADMIN))
    root = InfluxTarget(server.url, bucket="plant/kept", token_file=str(admin))
    list(initialise(target, root, FOREVER))
    assert token.read_text().startswith("plant_write:")
    sent(target, Frame.of([0], [START], [1.5]))
    assert set(plain_states(list(initialise(target, root, Spans()))).values()) == {"right"}
    reader = InfluxTarget(server.url, bucket="plant/kept", token_file=f"{token}_read")
    assert InfluxServer(reader).influxql('SELECT value FROM "kept".gas')


@pytest.mark.parametrize("guarded_server", [InfluxV2], indirect=True)
def test_the_command_speaks_and_its_exit_code_tells(guarded: Influx, tmp_path: Path) -> None:
    server = guarded
    config = gas_plant_file(
        tmp_path,
        f"{{url: {server.url}, database: plant, username: lifeline, password_file: secret}}",
    )
    (tmp_path / "admin").write_text(ADMIN[1])
    login = ["--admin-user", ADMIN[0], "--admin-password-file", str(tmp_path / "admin")]

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(app, ["influx", *arguments])

    stranger = run("init", str(config))
    assert stranger.exit_code == 3
    assert "401" in stranger.output
    done = run("init", str(config), *login, "--lang", "zh", "--raw", "45d")
    assert done.exit_code == 0, done.output
    assert re.search(r"已建 +保留策略 plant\.autogen：45d", done.output)
    assert (tmp_path / "secret").read_text().strip() not in done.output
    again = run("init", str(config), *login, "--json")
    document = json.loads(again.output)
    assert {step["state"] for step in document["steps"]} == {"right", "note"}
    too_short = run("init", str(config), *login, "--raw", "400d")
    assert too_short.exit_code == 1
    assert "--minute keeps less than --raw" in too_short.output

    now = SystemClock().wall() // MINUTE_NS * MINUTE_NS
    frame = random_frame(60, 20, now - 2 * HOUR_NS)
    sent(InfluxTarget(server.url, database="plant", username=ADMIN[0],
                         password_file=str(tmp_path / "admin")), frame)  # fmt: skip
    made = run("downsample", str(config), "--from", "3h", *login)
    assert made.exit_code == 0, made.output
    rows = expected(frame, MINUTE_NS)
    assert made.output.startswith(f"{len(rows)} rows of a minute, ")


def gas_plant_file(folder: Path, influx: str) -> Path:
    head = HEAD.replace("{mqtt: {}}", f"{{influx: {influx}}}")
    return PlantFiles(head=head).write(folder)


# --- down-sampling --------------------------------------------------------------------------------


def stored(server: Influx, policy: str) -> Rows:
    fields = ("min", "max", "mean", "sum", "count", "last")
    columns = ", ".join(f'"{f}"' for f in fields)
    rows = server.rows(f'SELECT {columns} FROM plant."{policy}"./.*/ GROUP BY *')
    return {(r["sensor"], r["time"]): tuple(r[f] for f in fields) for r in rows}


def test_minutes_and_hours_are_those_of_numpy_and_making_them_again_changes_nothing(
    unguarded: Influx, tmp_path: Path
) -> None:
    server = unguarded
    target = InfluxTarget(server.url, database="plant")
    list(initialise(target, target, FOREVER))
    frame = random_frame(4 * 60, 40)
    sent(target, frame)
    sender = InfluxSender(target, SystemClock())
    assert sender.send(f"alert,sensor=GD-1 value=1,quality=0i {START}\n".encode()).status == 204
    told: list[int] = []
    done = downsample(InfluxServer(target), START + 5, START + 4 * HOUR_NS - 5, told.append)
    minutes, hours = expected(frame, MINUTE_NS), expected(frame, HOUR_NS)
    same(stored(server, "lifeline_1m"), minutes)
    same(stored(server, "lifeline_1h"), hours)
    assert (done.minutes, done.hours) == (len(minutes), len(hours))
    assert (done.start_ns, done.stop_ns) == (START, START + 4 * HOUR_NS)
    assert told == sorted(told)
    assert told[-1] == 4 * HOUR_NS - 10
    names = {row["name"] for row in server.rows("SHOW MEASUREMENTS ON plant")}
    assert names == {"alert", "gas", "pipe"}
    assert server.rows('SELECT * FROM plant."lifeline_1m".alert') == []

    # An outage's samples come late: the rows of their minutes and hours become right.
    late = Frame.of([0, 0], [START + HOUR_NS, START + HOUR_NS + 1], [1e6, -1e6])
    sent(target, late)
    whole = Frame.concat([frame, late])
    whole = whole.take(np.argsort(whole.time, kind="stable"))
    downsample(InfluxServer(target), START + HOUR_NS, START + HOUR_NS + 1)
    same(stored(server, "lifeline_1m"), expected(whole, MINUTE_NS))
    same(stored(server, "lifeline_1h"), expected(whole, HOUR_NS))


def test_the_server_itself_makes_minutes_and_hours(unguarded: Influx, tmp_path: Path) -> None:
    """A continuous query's first turn after a start comes at once, for the twenty minutes (four
    hours) before; it reaches an hour that is under way when a turn of it is over."""
    server = unguarded
    now = SystemClock().wall() // MINUTE_NS * MINUTE_NS
    target = InfluxTarget(server.url, database="plant")
    server.create("plant")
    frame = random_frame(12, 40, now - 14 * MINUTE_NS)
    sent(target, frame)
    list(initialise(target, target, Spans()))
    minutes = expected(frame, MINUTE_NS)
    server.restart()
    wait_until(lambda: len(stored(server, "lifeline_1m")) == len(minutes), "minutes", within_s=180)
    same(stored(server, "lifeline_1m"), minutes)
    begun = (SystemClock().wall() + HOUR_NS - HOUR_EVERY_NS) // HOUR_NS * HOUR_NS
    hours = {key: row for key, row in expected(frame, HOUR_NS).items() if key[1] < begun}
    assert hours
    server.restart()  # the hour's first turn may have come before the minutes

    def made() -> Rows:
        return {key: row for key, row in stored(server, "lifeline_1h").items() if key in hours}

    wait_until(
        lambda: {k: r[4] for k, r in made().items()} == {k: r[4] for k, r in hours.items()},
        "hours",
        within_s=180,
    )
    same(made(), hours)


def test_without_its_policies_it_says_what_is_missing(unguarded: Influx, tmp_path: Path) -> None:
    server = unguarded
    target = InfluxTarget(server.url, database=server.database)
    sent(target, Frame.of([0], [START], [1.0]))
    with pytest.raises(SinkError, match="retention policy not found"):
        downsample(InfluxServer(target), START, START + MINUTE_NS)


def test_writing_a_day_again_changes_no_count(unguarded: Influx, tmp_path: Path) -> None:
    """Series, and alerts of one instant: each point is its own, and is itself when it comes twice."""
    server = unguarded
    target = InfluxTarget(server.url, database="plant")
    list(initialise(target, target, FOREVER))
    frame = random_frame(24 * 60, 10)

    def counts() -> tuple[Any, ...]:
        n = 'SELECT count(value), sum(value), count(quality) FROM plant."autogen"./.*/ GROUP BY *'
        return server.rows(n), stored(server, "lifeline_1m"), stored(server, "lifeline_1h")

    sent(target, frame)
    downsample(InfluxServer(target), START, START + DAY_NS)
    before = counts()
    total = sum(row["count_1"] for row in before[0])
    assert total == len(frame)
    sent(target, frame)
    downsample(InfluxServer(target), START, START + DAY_NS)
    assert counts() == before
