"""The engine's figures and the limits at a real InfluxDB that is killed; Grafana's login reads them
and nothing else."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from lifeline.engine.clock import SystemClock
from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.errors import SinkError
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.metrics import catalogue
from lifeline.engine.outputs.influx_health import BYTES_WAITING, HealthOutput
from lifeline.engine.outputs.influx_http import InfluxSender
from lifeline.engine.outputs.influx_limits import LimitsOutput
from lifeline.engine.outputs.influx_rounds import WaitingRounds
from lifeline.engine.outputs.influx_server import InfluxServer
from lifeline.engine.outputs.influx_target import InfluxTarget
from lifeline.engine.rule import Judgement, LevelLimits, Rule, Select
from servers.deployed import DEPLOY
from servers.fixtures import StartInflux
from servers.influx import InfluxV2
from servers.process import wait_until

WITHIN_S = 180.0
NONE = LevelLimits()
JUDGED = Judgement("gas.combustible", "", "%LEL", (NONE, NONE, LevelLimits(high=25), NONE))
PLANT = Configuration(
    sites=(Site("east", "acme", "hefei/shushan/east"),),
    links=(Link(0, "mqtt"),),
    sensors=(Sensor("GD-1", 0, 0, "gas.combustible", "%LEL"),),
    rules=(Rule("gas.high", "limit", Select(), (JUDGED,)),),
)


def target(influx: InfluxV2) -> InfluxTarget:
    return InfluxTarget(influx.url, bucket=influx.bucket)


def test_figures_go_on_after_a_kill_and_the_oldest_are_dropped(influx: InfluxV2) -> None:
    clock, sender = SystemClock(), InfluxSender(target(influx), SystemClock())
    output = HealthOutput(
        lambda: [catalogue.LOG_BYTES(1)],
        "n",
        "engine",
        sender.send,
        clock,
        interval_ns=SECOND_NS // 20,
        waiting=WaitingRounds(5, BYTES_WAITING),
        close=sender.close,
    )
    output.start()
    try:
        wait_until(lambda: output.position > 3, "the first rounds", within_s=WITHIN_S)
        influx.kill9()
        wait_until(lambda: bool(output.troubles()), "a trouble", within_s=WITHIN_S)
        assert [t.kind for t in output.troubles()] == ["unreachable"]
        before = output.counters()["dropped"]
        wait_until(lambda: output.counters()["dropped"] > before + 5, "drops", within_s=WITHIN_S)
        influx.start()
        sent = output.counters()["taken"]
        wait_until(lambda: output.counters()["taken"] > sent + 10, "more", within_s=WITHIN_S)
        assert output.troubles() == ()
    finally:
        output.stop()
    counters = output.counters()
    assert output.position == counters["taken"] + counters["dropped"] <= output.end
    assert counters["dead"] == 0
    # What is written once more after an answer that never came is the same point.
    assert counters["taken"] <= influx.count("engine", "log_bytes") <= counters["taken"] + 1


def test_limits_wait_for_a_server_that_is_not_there_yet(influx: InfluxV2) -> None:
    influx.kill9()
    sender = InfluxSender(target(influx), SystemClock())
    output = LimitsOutput(lambda: PLANT, sender.send, SystemClock(), close=sender.close)
    output.start()
    try:
        wait_until(lambda: bool(output.troubles()), "a trouble", within_s=WITHIN_S)
        influx.start()
        wait_until(lambda: output.position == 1, "the limit", within_s=WITHIN_S)
    finally:
        output.stop()
    (found,) = influx.rows('SELECT value, unit FROM "limit" GROUP BY *')
    assert (found["value"], found["unit"], found["level"], found["side"]) == (
        *(25.0, "%LEL"),
        *("orange", "high"),
    )


@pytest.fixture
def locked(start_influx: StartInflux) -> InfluxV2:
    """As compose.yaml has it: an administrator, and a login that reads."""
    influx = start_influx(login=("lifeline", "everything"))
    influx.query("CREATE USER grafana WITH PASSWORD 'look'")
    influx.query("GRANT READ ON lifeline TO grafana")
    return influx


def source(uid: str, url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A provisioned data source with its environment."""
    given = {
        "LIFELINE_INFLUX_URL": url,
        "LIFELINE_INFLUX_READ_USER": "grafana",
        "LIFELINE_INFLUX_READ_PASSWORD": "look",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    file = DEPLOY / "grafana" / "provisioning" / "datasources" / "lifeline.yaml"
    text = re.sub(r"\$\{(\w+)\}", lambda m: os.environ[m[1]], file.read_text(encoding="utf-8"))
    (found,) = (s for s in yaml.safe_load(text)["datasources"] if s["uid"] == uid)
    return dict(found)


def test_the_data_sources_read_with_their_login_and_cannot_write(
    locked: InfluxV2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = tmp_path / "admin"
    admin.write_text(locked.token)
    writing = InfluxTarget(locked.url, bucket=locked.bucket, token_file=str(admin))
    assert InfluxSender(writing, SystemClock()).send(b"gas,site=east value=1 1\n").status == 204

    one = source("lifeline-influxql", locked.url, monkeypatch)
    monkeypatch.setenv("PASSWORD", one["secureJsonData"]["password"])
    by_name = InfluxTarget(
        one["url"],
        database=one["jsonData"]["dbName"],
        username=one["user"],
        password_env="PASSWORD",
    )
    assert InfluxServer(by_name).influxql("SELECT value FROM gas")[0]["values"] == [[1, 1]]
    assert InfluxSender(by_name, SystemClock()).send(b"gas value=2 2\n").status == 403

    two = source("lifeline-flux", locked.url, monkeypatch)
    monkeypatch.setenv("TOKEN", two["secureJsonData"]["token"])
    options = two["jsonData"]
    by_token = InfluxTarget(
        two["url"], options["organization"], options["defaultBucket"], token_env="TOKEN"
    )
    asked = f'from(bucket: "{options["defaultBucket"]}") |> range(start: 0)'
    (row,) = InfluxServer(by_token).flux(asked)
    assert row["_value"] == 1.0
    monkeypatch.setenv("TOKEN", "grafana:wrong")
    with pytest.raises(SinkError, match=r"401|authorization|credentials"):
        list(InfluxServer(by_token).flux(asked))
