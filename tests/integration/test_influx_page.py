"""Every question of docs/influxdb.md, taken from the page and asked of real servers."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from influx_samples import expected, random_frame
from lifeline.engine.clock import SystemClock
from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.frame import Frame
from lifeline.engine.influx_setup import Spans, downsample, initialise
from lifeline.engine.limits import MINUTE_NS
from lifeline.engine.outputs.influx_feeds import alert_line
from lifeline.engine.outputs.influx_http import InfluxSender
from lifeline.engine.outputs.influx_limits import limit_lines
from lifeline.engine.outputs.influx_server import InfluxServer
from lifeline.engine.outputs.influx_target import InfluxTarget
from lifeline.engine.outputs.lineprotocol import SeriesEncoder
from lifeline.engine.outputs.ports import Place
from lifeline.engine.record import Record
from lifeline.engine.rule import Judgement, LevelLimits, Rule, Select
from lifeline.engine.store.schema import ALERT_COLUMNS, statements
from servers.influx import Influx, InfluxV1, InfluxV2
from servers.influx2 import Influx2

pytestmark = pytest.mark.integration

PAGE = (Path(__file__).parents[2] / "docs" / "influxdb.md").read_text()


def questions(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)\n```", PAGE, re.DOTALL)


# --- a plant with two hours behind it -------------------------------------------------------------

NONE = LevelLimits()
RULE = Rule(
    "gas.high", "limit", Select(quantity=("gas.combustible",)),
    (Judgement("gas.combustible", "", "%LEL",
               (NONE, NONE, LevelLimits(high=25.0), LevelLimits(high=50.0))),),
)  # fmt: skip
PLANT = Configuration(
    sites=(Site(id="gas-east", tenant="acme", area="hefei/shushan/east"),),
    links=(Link(site=0, source="mqtt"),),
    sensors=(
        Sensor(id="GD-1", site=0, link=0, quantity="gas.combustible", unit="%LEL", asset="M-1"),
        Sensor(id="GD-2", site=0, link=0, quantity="gas.combustible", unit="%LEL"),
        Sensor(id="P-1", site=0, link=0, quantity="pipe.gas.pressure", unit="kPa"),
    ),
    rules=(RULE,),
)
NOW = SystemClock().wall() // MINUTE_NS * MINUTE_NS
# The page asks for the last two hours, and it may be an hour until this module's turn comes.
FRAME = random_frame(30, 60, NOW - 55 * MINUTE_NS)
FIRST, LAST = int(FRAME.time[0]), int(FRAME.time[-1])
NAMES = [sensor.id for sensor in PLANT.sensors]


def alert(seq: int, subject: str, transition: str, level: str) -> Record:
    at = NOW - 60 * MINUTE_NS + seq * MINUTE_NS
    return Record(
        tenant="acme", site="gas-east", seq=seq, episode=1, rule="gas.high", rule_hash="00" * 16,
        subject=subject, area="hefei/shushan/east", quantity="gas.combustible",
        transition=transition, level_before="normal", level_after=level, state_before="normal",
        state_after="unacknowledged", onset=at, time=at, value=51.5, limit=50.0, unit="%LEL",
        message="alarm.limit", basis="GB/T 50493", previous="00" * 16, hash=f"{seq:032x}",
    )  # fmt: skip


ALERTS = [
    alert(1, "GD-1", "raised", "red"),
    alert(2, "GD-1", "cleared", "normal"),
    alert(3, "GD-2", "raised", "orange"),
    alert(4, "GD-1", "raised", "orange"),
]


def body() -> bytes:
    place = Place("hefei/shushan/east", "东区")
    words = [*(alert_line(each, place) for each in ALERTS), *limit_lines(PLANT, NOW)]
    return SeriesEncoder(PLANT).encode(FRAME).body + "".join(f"{w}\n" for w in words).encode()


def filled(target: InfluxTarget, admin: InfluxTarget) -> None:
    list(initialise(target, admin, Spans()))
    sender = InfluxSender(target, SystemClock())
    answer = sender.send(body())
    sender.close()
    assert answer.status == 204, answer
    server = InfluxServer(admin, timeout_s=120)
    downsample(server, FIRST, LAST + 1)
    server.close()


def samples(index: int, *, usable: bool = False) -> Frame:
    chosen = FRAME.sensor == index
    if usable:
        chosen = chosen & (FRAME.quality < 128) & np.isfinite(FRAME.value)
    return FRAME.take(np.flatnonzero(chosen))


def newest() -> dict[str, float]:
    """The last value that is a number, by sensor."""
    found = {}
    for index, name in enumerate(NAMES):
        values = samples(index).value
        found[name] = float(values[np.isfinite(values)][-1])
    return found


def named(step: int, sensor: str) -> dict[int, Any]:
    """min, mean, max by time."""
    rows = expected(FRAME, step)
    return {at: (r[0], r[2], r[1]) for (name, at), r in rows.items() if name == sensor}


def mean_of(index: int) -> float:
    return float(samples(index, usable=True).value.mean())


BAD = {
    name: int((samples(index).quality >= 128).sum()) for index, name in enumerate(NAMES)
}  # fmt: skip
RAISED = [("GD-1", 4), ("GD-2", 3), ("GD-1", 3)]


# --- InfluxQL -------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[InfluxV1, InfluxV2], ids=["1.6.7", "1.8.10"])
def old(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Influx]:
    folder = tmp_path_factory.mktemp("page")
    flux = {"http": {"flux-enabled": True}} if request.param is InfluxV2 else None
    with request.param(folder, overrides=flux) as server:
        target = InfluxTarget(server.url, database="plant")
        filled(target, target)
        yield server


def asked(server: Influx, number: int) -> list[dict[str, Any]]:
    return server.rows(questions("influxql")[number], database="plant")


def test_the_page_has_as_many_questions_as_are_asked_here() -> None:
    kinds = ("influxql", "flux", "sql", "sql3")
    assert [len(questions(kind)) for kind in kinds] == [7, 5, 5, 3]


def test_influxql(old: Influx) -> None:
    number = count()
    latest = asked(old, next(number))
    assert {row["sensor"]: row["value"] for row in latest} == newest()

    minutes = asked(old, next(number))
    found = {row["time"]: (row["min"], row["mean"], row["max"]) for row in minutes}
    assert found.keys() == named(MINUTE_NS, "GD-1").keys()
    for at, row in named(MINUTE_NS, "GD-1").items():
        assert found[at] == pytest.approx(row)

    days = asked(old, next(number))
    assert {row["sensor"] for row in days} == {"GD-1", "GD-2"}
    if len({row["time"] for row in days}) == 1:  # else midnight came between
        means = {row["sensor"]: row["mean"] for row in days}
        assert means == {"GD-1": pytest.approx(mean_of(0)), "GD-2": pytest.approx(mean_of(1))}

    bad = asked(old, next(number))
    assert {row["sensor"]: row["bad"] for row in bad} == {n: BAD[n] for n in ("GD-1", "GD-2")}

    raised = asked(old, next(number))
    assert [row["level"] for row in raised] == [level for _, level in RAISED]
    assert all("东区" in row["text_zh"] for row in raised)

    alarms = asked(old, next(number))
    assert {row["sensor"]: row["alarms"] for row in alarms} == {"GD-1": 2, "GD-2": 1}

    limits = asked(old, next(number))
    assert {(row["level"], row["limit"]) for row in limits} == {("orange", 25.0), ("red", 50.0)}


# --- Flux -----------------------------------------------------------------------------------------


def flux_answers(server: InfluxServer, rename: dict[str, str]) -> None:
    def ask(number: int) -> list[dict[str, Any]]:
        text = questions("flux")[number]
        for name, there in rename.items():
            text = text.replace(f'bucket: "{name}"', f'bucket: "{there}"')
        return list(server.flux(text))

    assert {row["sensor"]: row["_value"] for row in ask(0)} == newest()
    usable = samples(0, usable=True)
    assert sorted(row["value"] for row in ask(1)) == sorted(usable.value.tolist())
    minutes = {int(r["_time"].timestamp()) * 10**9: (r["min"], r["mean"], r["max"]) for r in ask(2)}
    assert minutes.keys() == named(MINUTE_NS, "GD-1").keys()
    for at, row in named(MINUTE_NS, "GD-1").items():
        assert minutes[at] == pytest.approx(row)
    means = {row["sensor"]: row["mean"] for row in ask(3)}
    assert means == {"GD-1": pytest.approx(mean_of(0)), "GD-2": pytest.approx(mean_of(1))}
    raised = sorted(ask(4), key=lambda row: row["_time"])
    assert [(row["sensor"], row["level"]) for row in raised] == RAISED
    assert all("东区" in row["text_zh"] for row in raised)


@pytest.mark.parametrize("old", [InfluxV2], indirect=True)  # 1.6 has no Flux
def test_flux_of_1_8(old: Influx) -> None:
    target = InfluxTarget(old.url, database="plant")
    names = {
        "plant": "plant/autogen", "plant_1m": "plant/lifeline_1m", "plant_1h": "plant/lifeline_1h"
    }  # fmt: skip
    server = InfluxServer(target)
    flux_answers(server, names)
    server.close()


def test_flux_of_2(tmp_path: Path) -> None:
    with Influx2(tmp_path / "influx") as running:
        operator = tmp_path / "operator"
        operator.write_text(running.token)
        token = tmp_path / "token"
        target, admin, reader = (
            InfluxTarget(running.url, org=running.org, bucket="plant", token_file=str(file))
            for file in (token, operator, tmp_path / "token_read")
        )
        filled(target, admin)
        server = InfluxServer(reader)
        flux_answers(server, {})
        server.close()


# --- SQL ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def store() -> Iterator[duckdb.DuckDBPyConnection]:
    """The embedded store's own tables and views, with the same rows."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(statements(fresh=True))
        for key, sensor in enumerate(PLANT.sensors):
            names = ("acme", "hefei/shushan/east", "gas-east", sensor.asset, sensor.id)
            connection.execute(
                "INSERT INTO store.sensor VALUES (?, ?, ?, ?, ?, ?, ?)",
                [key, *names, sensor.quantity],
            )
        rows = [
            [int(s), int(t), float(v) if np.isfinite(v) else None, int(q)]
            for s, t, v, q in zip(FRAME.sensor, FRAME.time, FRAME.value, FRAME.quality, strict=True)
        ]
        connection.executemany(
            "INSERT INTO store.samples VALUES (?, make_timestamp_ns(?), ?, ?)", rows
        )
        connection.execute(
            "INSERT INTO store.touched_minutes SELECT DISTINCT make_timestamp_ns("
            f"epoch_ns(time) // {MINUTE_NS} * {MINUTE_NS}) FROM store.samples"
        )
        for each in ALERTS:
            known = {
                "time": datetime.fromtimestamp(each.time / 1e9, UTC).replace(tzinfo=None),
                "site": each.site, "sensor": each.subject, "rule": each.rule,
                "transition": each.transition, "text_zh": "东区",
                "level": {"normal": 0, "orange": 3, "red": 4}[each.level_after],
            }  # fmt: skip
            assert known.keys() <= ALERT_COLUMNS.keys()
            connection.execute(
                f"INSERT INTO alert ({', '.join(known)}) VALUES ({', '.join('?' * len(known))})",
                list(known.values()),
            )
        # A table for each measurement, as 3.x has them.
        connection.execute("CREATE VIEW gas AS SELECT * FROM series WHERE quantity LIKE 'gas.%'")
        yield connection


def rows_of(store: duckdb.DuckDBPyConnection, question: str) -> list[tuple[Any, ...]]:
    return store.execute(question).fetchall()


def test_sql_of_the_embedded_store(store: duckdb.DuckDBPyConnection) -> None:
    latest, minutes, means, bad, raised = (rows_of(store, q) for q in questions("sql"))
    assert {name: value for name, value, _ in latest if value is not None} == newest()
    assert len(minutes) == len(named(MINUTE_NS, "GD-1"))
    assert {name for name, *_ in means} == {"GD-1", "GD-2"}
    assert all(n > 0 for *_, n in means)
    assert dict(bad) == BAD
    assert [(sensor, level) for _, sensor, _, level in raised] == RAISED


def test_sql_of_3_is_sql(store: duckdb.DuckDBPyConnection) -> None:
    latest, minutes, raised = (rows_of(store, q) for q in questions("sql3"))
    assert [name for name, *_ in latest] == ["GD-1", "GD-2"]
    assert [n for *_, n in minutes] == [
        r[4] for (name, at), r in sorted(expected(FRAME, MINUTE_NS).items()) if name == "GD-1"
    ]
    assert sorted((sensor, level) for _, sensor, _, level, _ in raised) == sorted(RAISED)
