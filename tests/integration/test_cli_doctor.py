"""The doctor asks real servers as the engine would: logins, access rules, tokens, buckets."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from lifeline.engine.cli import reach
from lifeline.engine.cli.findings import Finding
from lifeline.engine.config import InfluxSpec
from lifeline.engine.mqtt import EmbeddedBroker
from lifeline.engine.outputs.acl import AclSpec, Listener, write_files
from lifeline.engine.source import BrokerSpec, MqttVersion
from servers.fixtures import StartInflux, StartMosquitto
from servers.influx import InfluxV2
from servers.ports import free_port

SPEC = AclSpec(engine="engine", publishers={"gateway": ("gas/#",)})


def asked(broker: BrokerSpec, *filters: str) -> list[Finding]:
    return list(reach.ask_broker(broker, filters))


@pytest.fixture
def guarded(
    tmp_path: Path, start_mosquitto: StartMosquitto, monkeypatch: pytest.MonkeyPatch
) -> BrokerSpec:
    """A broker with logins and rules, and how the engine reaches it."""
    folder = tmp_path / "files"
    passwords = write_files(folder, SPEC, Listener(port=1))
    # Started by root, Mosquitto becomes a user who may not read these files.
    broker = start_mosquitto(
        {"user": getpass.getuser(), "allow_anonymous": False},
        password_file=folder / "passwords",
        acl_file=folder / "acl",
    )
    monkeypatch.setenv("ENGINE_PASSWORD", passwords["engine"])
    monkeypatch.setenv("GATEWAY_PASSWORD", passwords["gateway"])
    monkeypatch.setenv("WRONG_PASSWORD", "wrong")
    return BrokerSpec(port=broker.port, username="engine", password_env="ENGINE_PASSWORD")


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_login_that_may_read_is_well(guarded: BrokerSpec, version: MqttVersion) -> None:
    from msgspec.structs import replace

    (finding,) = asked(replace(guarded, version=version), "gas/#")
    assert finding.state == "ok"
    assert "as engine" in finding.what


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_wrong_password_is_told(guarded: BrokerSpec, version: MqttVersion) -> None:
    from msgspec.structs import replace

    (finding,) = asked(replace(guarded, password_env="WRONG_PASSWORD", version=version), "gas/#")
    assert finding.state == "wrong"
    assert "refused" in finding.found
    assert "lifeline acl" in finding.todo


def test_a_password_that_is_not_there_is_told(guarded: BrokerSpec) -> None:
    from msgspec.structs import replace

    (finding,) = asked(replace(guarded, password_env="NO_SUCH_VARIABLE"), "gas/#")
    assert finding.state == "wrong"
    assert "NO_SUCH_VARIABLE" in finding.found


def test_the_embedded_broker_answers_in_both_versions() -> None:
    with EmbeddedBroker() as broker:
        for version in ("5", "3.1.1"):
            (finding,) = asked(broker.spec(version), "gas/#")
            assert finding.state == "ok"


def test_a_port_where_nobody_listens_is_unreachable() -> None:
    (finding,) = asked(BrokerSpec(port=free_port()), "gas/#")
    assert finding.state == "unreachable"


def spec(server: InfluxV2, **changed: str) -> InfluxSpec:
    return InfluxSpec(**{"url": server.url, "org": "-", "bucket": server.bucket, **changed})


def test_influxdb_takes_writes_and_nothing_is_written(influx: InfluxV2) -> None:
    assert reach.influx(spec(influx)).state == "ok"
    assert influx.measurements() == []


def test_influxdb_that_refuses_or_lacks_the_bucket_is_told(
    start_influx: StartInflux, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_influx(login=("admin", "secret"))
    monkeypatch.setenv("TOKEN", "admin:wrong")
    wrong = reach.influx(spec(server, token_env="TOKEN"))
    assert wrong.state == "wrong"
    assert "401" in wrong.found
    monkeypatch.setenv("TOKEN", server.token)
    assert reach.influx(spec(server, token_env="TOKEN")).state == "ok"
    assert reach.influx(spec(server, token_env="NOT_SET")).state == "wrong"


def test_influxdb_that_is_away_is_unreachable() -> None:
    away = InfluxSpec(f"http://127.0.0.1:{free_port()}", "-", "lifeline/autogen")
    assert reach.influx(away).state == "unreachable"
