"""Names of any signs go through real servers and come back: 1.6.7, 1.8.10 and 2.7.11."""

import random
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest

from lifeline.engine.clock import SystemClock
from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.frame import Frame
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.outputs.influx_feeds import alert_line
from lifeline.engine.outputs.influx_http import InfluxSender
from lifeline.engine.outputs.influx_server import InfluxServer
from lifeline.engine.outputs.influx_target import InfluxTarget
from lifeline.engine.outputs.lineprotocol import SeriesEncoder
from lifeline.engine.outputs.ports import Place
from lifeline.engine.record import Record
from servers.fixtures import StartInflux, StartInfluxV1
from servers.influx2 import Influx2

pytestmark = pytest.mark.integration

SIGNS = ",= \"\\\n\r\t\0#%'A0b1é气\U0001f6a8\x7f\u2028"
NAMES = [
    "\n", "a\nb", ",", "a,b", " ", " a ", '"', 'a"b', "\\", "a\\", "a\\b", "a\\,b", "\\\\", "\\n",
    "#", "#a", "=", "a=b", "=a=", "气体", "T-101 储罐", "\t", "\0", "\x7f", "%", "%0A", "%41",
    "%%0A", "'", "$", "a, b=c\\ \"d\" #%\n气\\", "\U0001f6a8", "value=1 1", "_field", "time",
]  # fmt: skip
START = SystemClock().wall() // SECOND_NS * SECOND_NS - 1_000 * SECOND_NS


def names() -> list[str]:
    """The corners, and as many names that chance makes of the same signs."""
    rng = random.Random(6)
    drawn = {"".join(rng.choices(SIGNS, k=rng.randint(1, 8))) for _ in range(200)}
    return NAMES + sorted(drawn - set(NAMES))


ALL = names()
PLANT = Configuration(
    sites=tuple(
        Site(id=name, tenant=ALL[-1 - i], area="hefei/shushan/east") for i, name in enumerate(ALL)
    ),
    links=(Link(site=0, source="mqtt"),),
    sensors=tuple(
        Sensor(id=f"{name}{i}", site=i, link=0, quantity="gas.combustible", unit="%LEL", asset=name)
        for i, name in enumerate(ALL)
    ),
)
FRAME = Frame.of(
    range(len(ALL)), [START + i for i in range(len(ALL))], [float(i) for i in range(len(ALL))]
)
Found = dict[tuple[str, str, str, str], float]
WANTED: Found = {
    (name, f"{name}{i}", name, ALL[-1 - i]): float(i) for i, name in enumerate(ALL)
}  # fmt: skip


def plain(tags: dict[str, str]) -> tuple[str, str, str, str]:
    site, sensor, asset, tenant = (
        unquote(tags[key], errors="surrogatepass") for key in ("site", "sensor", "asset", "tenant")
    )
    return site, sensor, asset, tenant


def alert(word: str) -> Record:
    return Record(
        tenant="acme", site="east", seq=1, episode=1, rule=word, rule_hash="00" * 16,
        subject=word, area="hefei/shushan/east", quantity="gas.combustible", transition="raised",
        level_before="normal", level_after="red", state_before="normal",
        state_after="unacknowledged", onset=START, time=START, value=1.0, limit=0.5, unit="%LEL",
        message="alarm.limit", basis=word, previous="00" * 16, hash="00" * 16,
    )  # fmt: skip


def body() -> bytes:
    place = Place("hefei/shushan/east")
    alerts = "".join(f"{alert_line(alert(word), place)}\n" for word in ALL)
    return SeriesEncoder(PLANT).encode(FRAME).body + alerts.encode()


def kept(text: str) -> str:
    """What a string field keeps."""
    return "".join(" " if char in "\r\n\0" else char for char in text)


def through(target: InfluxTarget) -> None:
    sender = InfluxSender(target, SystemClock())
    answer = sender.send(body())
    sender.close()
    assert answer.status == 204, answer


@pytest.mark.parametrize("version", ["1.6.7", "1.8.10"])
def test_every_name_comes_back_from_1(
    version: str, start_influx: StartInflux, start_influx_v1: StartInfluxV1
) -> None:
    start: Callable[[], object] = start_influx if version == "1.8.10" else start_influx_v1
    target = InfluxTarget(start().url, database="lifeline")  # type: ignore[attr-defined]
    through(target)
    server = InfluxServer(target)
    found = {
        plain(each["tags"]): each["values"][0][1]
        for each in server.influxql("SELECT value FROM gas GROUP BY *")
    }
    assert found == WANTED
    alerts = server.influxql("SELECT basis FROM alert GROUP BY *")
    said = {unquote(each["tags"]["rule"]): each["values"][0][1] for each in alerts}
    assert said == {word: kept(word) for word in ALL}
    server.close()


def test_every_name_comes_back_from_2(tmp_path: Path) -> None:
    token = tmp_path / "token"
    with Influx2(tmp_path / "influx") as running:
        token.write_text(running.token)
        target = InfluxTarget(running.url, org=running.org, bucket="first", token_file=str(token))
        through(target)
        server = InfluxServer(target)
        everything = 'from(bucket: "first") |> range(start: -1h) |> filter(fn: (r) => {})'
        rows = server.flux(everything.format('r._measurement == "gas" and r._field == "value"'))
        assert {plain(row): row["_value"] for row in rows} == WANTED
        rows = server.flux(everything.format('r._measurement == "alert" and r._field == "basis"'))
        assert {unquote(r["rule"]): r["_value"] for r in rows} == {w: kept(w) for w in ALL}
        server.close()
