"""Every query of every dashboard in deploy/grafana against real servers that a plant has filled.

Three simulated sites publish by MQTT for twenty seconds to three engines, which write to InfluxDB
1.6.7, 1.8.10 and 2.7.11. Grafana itself is not here: what it does with a query before it
sends it is done by `grafana_screens`.
"""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from grafana_screens import Screen, dashboards, queries, rows, tells, variables
from lifeline.engine.clock import SystemClock
from lifeline.engine.config import load
from lifeline.engine.embedded import Engine
from lifeline.engine.errors import SinkError
from lifeline.engine.level import LEVELS
from lifeline.engine.limits import MINUTE_NS
from lifeline.engine.mqtt import EmbeddedBroker, MqttClient
from lifeline.engine.outputs.influx_health import HEALTH, INTERVAL_NS
from lifeline.engine.outputs.influx_limits import LIMITS
from lifeline.engine.outputs.influx_performance import PERFORMANCE
from lifeline.engine.outputs.influx_server import InfluxServer
from lifeline.engine.outputs.influx_target import InfluxTarget
from lifeline.engine.record import Record
from lifeline.engine.warming import warm
from lifeline.simulators.commands.publishers import Publishers
from lifeline.simulators.configs import write_config
from lifeline.simulators.plant import Point, Scenario
from lifeline.simulators.sites import all_sites
from servers.influx import InfluxV1, InfluxV2
from servers.influx2 import Influx2, has_influxd2
from servers.ports import free_port
from servers.process import wait_until

STORY_S = 20.0
WITHIN_S = 180.0
HOUR_MS = 3_600_000
COVER = "city-gas.cover"
OPENED = 12  # times that the cover that chatters is opened
#: What only time brings: the right edge of these is a day later.
A_DAY_LATER = "Standing over 24 h"
#: A rule for the level that the story leaves out at its end.
AJAR = {
    "id": "city-gas.cover-ajar",
    "kind": "limit",
    "select": {"site": "city-gas", "quantity": "cover.tilt"},
    "high": {"blue": "5 deg"},
}
#: (language, name of the server)
ASKED = (
    ("influxql", "1.6.7"),
    ("influxql", "1.8.10"),
    ("flux", "1.8.10"),
    *((("flux", "2.7.11"), ("influxql", "2.7.11")) if has_influxd2() else ()),
)


@dataclass(frozen=True)
class Filled:
    """The servers after the run, what was recorded beside each, and the time of the run in ms."""

    servers: dict[str, InfluxServer]
    records: dict[str, list[Record]]
    start: int
    stop: int
    sensor: str

    def screen(
        self, server: str, chosen: dict[str, str | list[str]] | None = None, later_ms: int = 0
    ) -> Screen:
        target = self.servers[server].target
        bucket = target.bucket or target.name
        stop = self.stop + later_ms
        return Screen(self.start - 60_000, stop + 1_000, bucket, dict(chosen or {}))


class Plant:
    """An engine on the simulated sites that writes to one InfluxDB."""

    def __init__(
        self,
        directory: Path,
        scenarios: list[Scenario],
        broker: EmbeddedBroker,
        target: InfluxTarget,
    ) -> None:
        directory.mkdir()
        self.records: list[Record] = []
        five = broker.spec("5")
        nobody = {"broker": {"host": "127.0.0.1", "port": free_port()}}  # a trouble that stands
        file = write_config(
            directory,
            scenarios,
            five.host,
            five.port,
            node=directory.name,
            outputs={"influx": _plain(target), "mqtt": nobody},
        )
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        document["rules"].append(AJAR)
        file.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
        self.engine = Engine(load(file), on_records=self.records.extend)

    def silent(self) -> bool:
        """Whether a sensor is silent now."""
        level = {r.alarm + r.site: r for r in list(self.records) if r.message == "alarm.stale"}
        return any(r.level_after != "normal" for r in level.values())

    def written(self, rounds: int) -> bool:
        """Whether everything is in InfluxDB, and the engine's figures so many times."""
        outputs = self.engine.status().outputs
        # Of performance there is nothing before ten minutes are over.
        influx = [o for n, o in outputs.items() if n.endswith(":influx") and n != PERFORMANCE]
        assert all(o["alive"] for o in influx), influx
        return (
            all(o["position"] > 0 for o in influx)
            and all(o["behind"] < 10 for name, o in outputs.items() if name == "series:influx")
            and outputs["alert:influx"]["behind"] == outputs[LIMITS]["behind"] == 0
            and outputs[HEALTH]["counters"]["requests"] >= rounds
        )


def _plain(target: InfluxTarget) -> dict[str, str]:
    """As `outputs.influx` of lifeline.yaml says it."""
    found = {name: getattr(target, name) for name in InfluxTarget.__struct_fields__}
    return {k: v for k, v in found.items() if v and not (k == "org" and target.database)}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """All servers, filled by the run."""
    warm()
    folder = tmp_path_factory.mktemp("grafana")
    clock = SystemClock()
    with ExitStack() as stack:
        targets = _targets(stack, folder)
        broker = stack.enter_context(EmbeddedBroker())
        start = clock.wall()
        scenarios = [site.scenario(start, STORY_S, seed=1) for site in all_sites()]
        plants = {v: Plant(folder / f"v{v}", scenarios, broker, t) for v, t in targets.items()}
        for plant in plants.values():
            stack.callback(plant.engine.stop)
            plant.engine.start()
            assert plant.engine.wait_ready(WITHIN_S)
        scenarios = [site.scenario(clock.wall(), STORY_S, seed=1) for site in all_sites()]
        with Publishers(scenarios, broker.host, broker.port, folder, 1.0) as publishers:
            wait_until(lambda: not publishers.running, "the story to end", within_s=3 * WITHIN_S)
            publishers.check()
            for publisher in publishers.all:
                publisher.process.communicate()  # closes its pipes
        sensor = _chatter(broker, scenarios[0])
        rounds = 2 + int((clock.wall() - start) // INTERVAL_NS)
        for plant in plants.values():
            wait_until(plant.silent, "a silent sensor", within_s=WITHIN_S)
            wait_until(partial(plant.written, rounds), "all written", within_s=WITHIN_S)
            plant.engine.stop()
        servers = {version: InfluxServer(target) for version, target in targets.items()}
        for server in servers.values():
            stack.callback(server.close)
        records = {version: plant.records for version, plant in plants.items()}
        yield Filled(servers, records, start // 1_000_000, clock.wall() // 1_000_000, sensor)


def _targets(stack: ExitStack, folder: Path) -> dict[str, InfluxTarget]:
    """Running servers by version."""
    one = stack.enter_context(InfluxV1(folder / "one"))
    between = stack.enter_context(InfluxV2(folder / "between"))
    found = {
        "1.6.7": InfluxTarget(one.url, database=one.database),
        "1.8.10": InfluxTarget(between.url, bucket=between.bucket),
    }
    if has_influxd2():
        two = stack.enter_context(Influx2(folder / "two"))
        token = folder / "token"
        token.write_text(two.token)
        found["2.7.11"] = InfluxTarget(two.url, org=two.org, bucket="first", token_file=str(token))
    return found


def _chatter(broker: EmbeddedBroker, scenario: Scenario) -> str:
    """A cover that is opened a dozen times within seconds and stays open, another that stays ajar,
    and a message that nobody can read; the first cover's sensor."""
    site, clock = scenario.site, SystemClock()
    first, second, *_ = (p for p in site.points if p.quantity == "cover.tilt")
    client = MqttClient(broker.spec("3.1.1"), "gateway-that-chatters")

    def publish(point: Point, *values: float) -> None:
        topic = f"{site.id}/{site.gateways[point.gateway].name}/{point.id}/telemetry"
        for value in values:
            threading.Event().wait(0.02)  # each with a time of its own
            sample = {"ts": clock.wall() // 1_000_000, "data": {"v": value, "q": 0}, "n": 1}
            client.publish(topic, json.dumps(sample).encode()).wait(WITHIN_S)

    client.start()
    try:
        assert client.wait_ready(WITHIN_S)
        publish(first, *(0.0, 60.0) * OPENED)
        publish(second, 7.0)
        nobody = f"{site.id}/{site.gateways[first.gateway].name}/{first.id}/telemetry"
        client.publish(nobody, b"{not a message").wait(WITHIN_S)
    finally:
        client.stop()
    return first.id


def chosen(filled: Filled, server: str, language: str, dashboard: dict[str, Any]) -> Screen:
    """The screen of somebody who chose one value, or two, of each variable, in their order."""
    screen = filled.screen(server)
    several = {v["name"]: v["multi"] for v in dashboard["templating"]["list"]}
    for variable in variables(dashboard):
        found = rows(filled.servers[server], language, screen.text(variable.text))
        values = sorted({str(row.get("value", row.get("_value"))) for row in found})
        assert values, f"{dashboard['uid']}: no value of {variable.where}"
        wanted = {"site": "city-gas", "sensor": filled.sensor}.get(variable.where)
        if several[variable.where]:
            screen.chosen[variable.where] = values[:3]
            assert wanted is None or wanted in values[:3]
        else:
            assert wanted in values
            screen.chosen[variable.where] = str(wanted)
    return screen


def all_chosen(filled: Filled, server: str, dashboard: dict[str, Any], one: Screen) -> Screen:
    """The screen of somebody who left the variables at All, where they have it."""
    return filled.screen(
        server,
        {
            v["name"]: ".*" if v["multi"] else one.chosen[v["name"]]
            for v in dashboard["templating"]["list"]
            if v["type"] == "query"
        },
    )


def silent_queries(
    filled: Filled, server: str, language: str, dashboard: dict[str, Any], screen: Screen
) -> list[str]:
    """Which queries give nothing to show."""
    found = []
    for asked in queries(dashboard):
        here = screen
        if A_DAY_LATER in asked.where:
            here = filled.screen(server, screen.chosen, later_ms=25 * HOUR_MS)
        text = here.text(asked.text, asked.interval)
        try:
            answer = rows(filled.servers[server], language, text)
        except SinkError as error:
            found.append(f"{asked.where}: {error}")
        else:
            if not any(tells(row) for row in answer):
                found.append(asked.where)
    return found


@pytest.mark.parametrize(("language", "server"), ASKED)
@pytest.mark.parametrize("name", ["city", "engine", "performance", "sensor", "site"])
def test_every_query_of_a_dashboard_gets_rows(
    filled: Filled, language: str, server: str, name: str
) -> None:
    dashboard = dashboards(language)[name]
    one = chosen(filled, server, language, dashboard)
    assert silent_queries(filled, server, language, dashboard, one) == []
    everything = all_chosen(filled, server, dashboard, one)
    assert silent_queries(filled, server, language, dashboard, everything) == []


@pytest.mark.parametrize(("language", "server"), [ASKED[1], ASKED[2]])
@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [("sensor", "value", "valeu"), ("performance", "seq", "sqe"), ("engine", "log_bytes", "bytes")],
)
def test_a_misspelt_field_is_found(
    filled: Filled, language: str, server: str, name: str, right: str, wrong: str
) -> None:
    dashboard = dashboards(language)[name]
    one = chosen(filled, server, language, dashboard)
    text = json.dumps(dashboard, ensure_ascii=False)
    misspelt = json.loads(text.replace(f'\\"{right}\\"', f'\\"{wrong}\\"'))
    assert misspelt != dashboard
    assert silent_queries(filled, server, language, misspelt, one)


@pytest.mark.parametrize(("language", "server"), ASKED)
def test_a_range_without_data_is_empty_and_no_error(
    filled: Filled, language: str, server: str
) -> None:
    for dashboard in dashboards(language).values():
        one = chosen(filled, server, language, dashboard)
        before = filled.start - 90 * 24 * HOUR_MS
        empty = Screen(before, before + HOUR_MS, one.bucket, one.chosen)
        for asked in queries(dashboard):
            text = empty.text(asked.text, asked.interval)
            answer = rows(filled.servers[server], language, text)
            assert not any(tells(row) for row in answer), asked.where


def test_no_dashboard_is_left_out() -> None:
    names = {"city", "engine", "performance", "sensor", "site"}
    assert set(dashboards("influxql")) == set(dashboards("flux")) == names


def test_the_panels_of_performance_count_what_the_engine_recorded(filled: Filled) -> None:
    for language, server in ASKED:
        records = [r for r in filled.records[server] if _annunciated(r)]
        worst = Counter((r.site, r.rule, r.subject) for r in records).most_common(1)[0]
        assert worst[0][1:] == (COVER, filled.sensor)
        minutes = Counter(
            r.time // MINUTE_NS for r in records if (r.site, r.rule, r.subject) == worst[0]
        )
        (found,) = _of_the_cover(filled, language, server, "Worst ten")
        assert found["alarms"] == worst[1] >= OPENED
        (found,) = _of_the_cover(filled, language, server, "Chattering")
        assert found["most"] == max(minutes.values())
        assert found["minutes"] == sum(n >= 3 for n in minutes.values())


def _annunciated(record: Record) -> bool:
    rises = LEVELS.index(record.level_after) > LEVELS.index(record.level_before)
    sounds = record.transition in ("raised", "actual") or (record.transition == "level" and rises)
    return sounds and not record.historic


def _of_the_cover(filled: Filled, language: str, server: str, title: str) -> list[dict[str, Any]]:
    """The rows of a panel about the cover that chattered."""
    panels = dashboards(language)["performance"]["panels"]
    (panel,) = (p for p in panels if title in p["title"])
    screen = filled.screen(server, {"tenant": ".*", "area": ".*", "site": ".*"})
    answer = rows(filled.servers[server], language, screen.text(panel["targets"][0]["query"]))
    return [r for r in answer if (r["rule"], r["sensor"]) == (COVER, filled.sensor)]
