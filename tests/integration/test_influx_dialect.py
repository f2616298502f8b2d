"""Which InfluxDB answers, and that each is written to and asked in its own way."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lifeline.engine.clock import SystemClock
from lifeline.engine.errors import SinkError
from lifeline.engine.outputs.influx_http import InfluxSender, InfluxTarget
from lifeline.engine.outputs.influx_server import InfluxServer
from servers.fixtures import StartInflux, StartInfluxV1
from servers.influx import Influx, InfluxV1, InfluxV2
from servers.ports import free_port

LOGIN = ("engine", "se:cret")
LINES = "gas,sensor=甲 value=1.5 1000\ngas,sensor=a\\ b value=2.5,quality=3i 2000\n".encode()


def bucket(server: Influx, folder: Path) -> InfluxTarget:
    """As a plant with InfluxDB 2 writes it."""
    file = folder / "token"
    file.write_text(server.token + "\n")
    return InfluxTarget(server.url, bucket=server.bucket, token_file=str(file))


def database(server: Influx, folder: Path) -> InfluxTarget:
    """As a plant with InfluxDB 1.x writes it."""
    if server.login is None:
        return InfluxTarget(server.url, database=server.database)
    user, password = server.login
    file = folder / "password"
    file.write_text(password + "\n")
    return InfluxTarget(
        server.url,
        database=server.database,
        retention_policy=server.policy,
        username=user,
        password_file=str(file),
    )


Keys = Callable[[Influx, Path], InfluxTarget]


@pytest.mark.parametrize("keys", [bucket, database])
@pytest.mark.parametrize("version", ["1.6", "1.8"])
@pytest.mark.parametrize("login", [None, LOGIN])
def test_every_way_to_name_it_reaches_every_version(
    version: str,
    keys: Keys,
    login: tuple[str, str] | None,
    start_influx: StartInflux,
    start_influx_v1: StartInfluxV1,
    tmp_path: Path,
) -> None:
    start: Callable[..., Influx] = start_influx_v1 if version == "1.6" else start_influx
    server = start(login=login, policy="kept" if login else "autogen")
    target = keys(server, tmp_path)
    sender = InfluxSender(target, SystemClock())
    assert sender.way == ""
    assert sender.send(LINES).status == 204
    # What Go builds from its module does not know its version.
    expected = "1.6.7~rc0, /write" if version == "1.6" else "unknown, /api/v2/write"
    assert sender.way == f"influxdb-1 {expected}"
    assert server.rows(f'SELECT value, sensor FROM "{server.policy}".gas') == [
        {"time": 1000, "value": 1.5, "sensor": "甲"},
        {"time": 2000, "value": 2.5, "sensor": "a b"},
    ]
    sender.close()
    asking = InfluxServer(target)
    found = asking.dialect()
    assert (found.name, found.writes_v2, found.flux) == (
        "influxdb-1",
        version == "1.8",
        version == "1.8",
    )
    (series,) = asking.influxql(f'SELECT sum(value) FROM "{server.policy}".gas')
    assert series["values"] == [[0, 4.0]]
    asking.influxql('CREATE DATABASE "other"', post=True)
    assert asking.influxql("SHOW MEASUREMENTS", database="other") == []
    asking.close()


def test_flux_answers_row_by_row_and_its_words_reach_the_caller(
    influx: InfluxV2, tmp_path: Path
) -> None:
    sender = InfluxSender(bucket(influx, tmp_path), SystemClock())
    assert sender.send(LINES).status == 204
    asking = InfluxServer(bucket(influx, tmp_path))
    text = f'from(bucket: "{influx.bucket}") |> range(start: 0) |> filter(fn: (r) => '
    rows = list(asking.flux(text + 'r._field == "value")'))
    assert sorted(row["_value"] for row in rows) == [1.5, 2.5]
    with pytest.raises(SinkError, match=r'undefined identifier "unheard"$'):
        list(asking.flux("unheard()"))
    with pytest.raises(SinkError, match="error parsing query"):
        asking.influxql("SELECT")
    asking.close()


def test_a_login_that_is_wrong_is_told_without_it(
    start_influx_v1: StartInfluxV1, tmp_path: Path
) -> None:
    server = start_influx_v1(login=LOGIN)
    server.token = "engine:not-this"
    sender = InfluxSender(bucket(server, tmp_path), SystemClock())
    answer = sender.send(LINES)
    assert (answer.status, answer.text) == (401, "authorization failed")
    assert sender.dialect is None
    asking = InfluxServer(bucket(server, tmp_path))
    with pytest.raises(SinkError, match="401: authorization failed") as refused:
        asking.influxql("SHOW DATABASES")
    assert refused.value.permanent


def test_another_server_in_its_place_is_asked_anew(
    influx: InfluxV2, influx_v1: InfluxV1, tmp_path: Path
) -> None:
    """The plant puts an older one at the address: the first refusal leads to the other dialect."""
    sender = InfluxSender(bucket(influx, tmp_path), SystemClock())
    assert sender.send(LINES).status == 204
    influx.stop()
    influx_v1.stop()
    influx_v1.port, influx_v1.url = influx.port, influx.url
    influx_v1.start()
    assert [sender.send(LINES).status for _ in range(2)] == [404, 204]
    assert sender.way.endswith("/write")
    assert influx_v1.count("gas") == 2


def test_a_server_that_is_away_may_be_asked_again() -> None:
    asking = InfluxServer(InfluxTarget(f"http://127.0.0.1:{free_port()}", bucket="b"), timeout_s=5)
    for ask in (asking.dialect, lambda: asking.influxql("SHOW DATABASES")):
        with pytest.raises(SinkError, match="does not answer") as away:
            ask()
        assert not away.value.permanent
    with pytest.raises(SinkError, match="does not answer"):
        list(asking.flux("buckets()"))
