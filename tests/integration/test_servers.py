"""The harness itself: what the fault tests take for granted about the servers holds."""

from collections.abc import Callable
from pathlib import Path

import pytest

from servers.binaries import ServerMissing, influxd
from servers.fixtures import StartInflux, StartMosquitto
from servers.influx import InfluxRefused, InfluxV2
from servers.mosquitto import Login, Mosquitto, MosquittoSub, mosquitto_pub, write_passwords
from servers.process import ServerFailed


def test_a_witness_sees_the_exact_bytes_of_each_message_in_order(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    payloads = [b"plain", "压力 1".encode(), b"two\nlines", b"\x00\xff", b""]
    with MosquittoSub(mosquitto, ["plant/#", "other/+"], tmp_path / "seen") as witness:
        for payload in payloads:
            assert mosquitto_pub(mosquitto, "plant/a b", payload).returncode == 0
        seen = witness.wait_for(len(payloads))
    assert [(m.topic, m.payload, m.qos) for m in seen] == [("plant/a b", p, 1) for p in payloads]


@pytest.mark.parametrize("end", [Mosquitto.stop, Mosquitto.kill9])
def test_what_the_broker_has_saved_outlives_it(
    mosquitto: Mosquitto, tmp_path: Path, end: Callable[[Mosquitto], None]
) -> None:
    with MosquittoSub(mosquitto, "plant/#", tmp_path / "seen", client_id="absent"):
        pass
    for number in range(5):
        assert mosquitto_pub(mosquitto, "plant/n", str(number)).returncode == 0
    mosquitto_pub(mosquitto, "kept/state", "as it is", retain=True)
    port, pid = mosquitto.port, mosquitto.pid
    mosquitto.save()
    end(mosquitto)
    assert not mosquitto.is_running
    assert mosquitto_pub(mosquitto, "plant/n", "nobody there").returncode != 0
    mosquitto.start()
    assert (mosquitto.port, mosquitto.pid != pid) == (port, True)
    with MosquittoSub(mosquitto, "plant/#", tmp_path / "seen", client_id="absent") as back:
        assert [m.payload for m in back.wait_for(5)] == [b"0", b"1", b"2", b"3", b"4"]
    with MosquittoSub(mosquitto, "kept/#", tmp_path / "kept") as other:
        assert other.wait_for(1)[0] == ("kept/state", b"as it is", 1, True)


def test_a_broker_without_persistence_forgets(
    start_mosquitto: StartMosquitto, tmp_path: Path
) -> None:
    broker = start_mosquitto(persistence=False)
    mosquitto_pub(broker, "kept/state", "gone tomorrow", retain=True)
    broker.restart()
    with MosquittoSub(broker, "kept/#", tmp_path / "kept") as witness:
        mosquitto_pub(broker, "kept/end", "last")
        assert [m.payload for m in witness.wait_for(1)] == [b"last"]


def test_logins_and_topics_are_refused_as_the_files_say(
    start_mosquitto: StartMosquitto, tmp_path: Path
) -> None:
    plant, other, stranger = Login("plant", "p"), Login("other", "o"), Login("plant", "wrong")
    passwords = write_passwords(tmp_path / "passwords", [plant, other])
    acl = tmp_path / "acl"
    acl.write_text("user plant\ntopic write own/#\nuser other\ntopic read #\n")
    acl.chmod(0o600)
    broker = start_mosquitto(
        {"use_username_as_clientid": True}, password_file=passwords, acl_file=acl
    )
    assert mosquitto_pub(broker, "own/a", "x").returncode != 0, "anonymous"
    assert mosquitto_pub(broker, "own/a", "x", login=stranger).returncode != 0
    with MosquittoSub(broker, ["own/#", "foreign/#"], tmp_path / "seen", login=other) as witness:
        assert mosquitto_pub(broker, "foreign/a", "x", login=plant).returncode == 0, (
            "3.1.1 hides it"
        )
        told = mosquitto_pub(broker, "foreign/a", "x", login=plant, version="mqttv5")
        assert "Not authorized" in told.stderr + told.stdout
        mosquitto_pub(broker, "own/a", "mine", login=plant)
        assert [m.topic for m in witness.wait_for(1)] == ["own/a"]


def test_a_setting_that_the_broker_does_not_know_is_told_with_its_log(
    start_mosquitto: StartMosquitto,
) -> None:
    with pytest.raises(ServerFailed, match="no_such_setting"):
        start_mosquitto({"no_such_setting": 1})


def test_two_brokers_share_nothing(start_mosquitto: StartMosquitto, tmp_path: Path) -> None:
    one, two = start_mosquitto(), start_mosquitto()
    with MosquittoSub(two, "#", tmp_path / "two") as witness:
        mosquitto_pub(one, "a", "for one")
        mosquitto_pub(two, "a", "for two")
        assert [m.payload for m in witness.wait_for(1)] == [b"for two"]


def test_influx_takes_line_protocol_by_the_v2_api_and_keeps_it_over_a_kill(
    influx: InfluxV2,
) -> None:
    assert influx.count("gas") == 0
    assert _write(influx, "gas,sensor=a value=1.5 1000\ngas,sensor=b value=2.5 2000") == 204
    influx.kill9()
    influx.start()
    assert (influx.count("gas"), influx.count("gas", where="sensor = 'a'")) == (2, 1)
    assert influx.measurements() == ["gas"]
    assert influx.rows("SELECT value, sensor FROM gas") == [
        {"time": 1000, "value": 1.5, "sensor": "a"},
        {"time": 2000, "value": 2.5, "sensor": "b"},
    ]


def test_influx_answers_flux(influx: InfluxV2) -> None:
    from influxdb_client import InfluxDBClient

    _write(influx, "gas value=1.5 1000")
    with InfluxDBClient(influx.url, influx.token, org=influx.org) as client:
        tables = client.query_api().query(f'from(bucket: "{influx.bucket}") |> range(start: 0)')
    assert [record.get_value() for table in tables for record in table.records] == [1.5]


def test_influx_with_a_login_refuses_everybody_else(start_influx: StartInflux) -> None:
    influx = start_influx(login=("admin", "secret"), policy="forever")
    assert _write(influx, "gas value=1 1") == 204
    assert _write(influx, "gas value=2 2", token="admin:wrong") == 401
    influx.restart()
    assert influx.count("gas") == 1
    influx.login = ("admin", "wrong")
    influx.token = "admin:wrong"
    with pytest.raises(InfluxRefused, match="authorization failed"):
        influx.count("gas")


def test_influx_settings_can_be_overridden(start_influx: StartInflux) -> None:
    influx = start_influx(overrides={"http": {"max-body-size": 64}})
    assert _write(influx, "gas value=1 1") == 204
    assert _write(influx, "\n".join(f"gas value={n} {n}" for n in range(50))) == 413


def test_a_missing_server_fails_and_says_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ServerMissing, match="make integration"):
        influxd()


def _write(influx: InfluxV2, lines: str, *, token: str | None = None) -> int:
    """The status of a write by the v2 API, as the server gave it."""
    import urllib3

    answer = urllib3.request(
        "POST",
        f"{influx.url}/api/v2/write?org={influx.org}&bucket={influx.bucket}&precision=ns",
        body=lines.encode(),
        headers={"Authorization": f"Token {token or influx.token}"},
        retries=False,
    )
    return answer.status
