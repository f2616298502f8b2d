"""Alarm performance while it runs: the keeper beside a real log, points, metrics."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from area_logs import SiteAlarms
from lifeline.engine.areas.configuration import Area, AreaConfiguration
from lifeline.engine.clock import ManualClock, SystemClock
from lifeline.engine.configuration import Configuration, Site
from lifeline.engine.entry import Entry, Header, Tick, encode
from lifeline.engine.log import LogStore
from lifeline.engine.metrics.performance import performance_readings
from lifeline.engine.outputs.influx_performance import PerformanceOutput, performance_line
from lifeline.engine.outputs.influx_retry import Answer
from lifeline.engine.outputs.performing import PerformanceKeeper, Round, where_of
from lifeline.engine.outputs.standing import standing_changes
from lifeline.engine.performance import Performance, Where
from lifeline.engine.performance.limits import METRIC_POSITIONS, ROUND_POINTS
from lifeline.engine.record import Record
from performance_streams import DESK, SECOND, SITES, T0, TEN_MINUTES, stream

WHERE = {site: Where(area, DESK.get(site, "")) for site, area in SITES.items()}


class Plant:
    """A log to which records are written, and its clock."""

    def __init__(self, directory: Path) -> None:
        self.clock = ManualClock(T0)
        self.store = LogStore.open(directory, self.clock)
        self.store.append([encode(Entry(Header(), Tick(T0)))]).wait(180)
        self.told: list[tuple[str, str]] = []

    def say(self, records: list[Record]) -> None:
        rows = [(r.site, r.seq, r.encode()) for r in records]
        self.store.append_records(1, rows, standing_changes(records)).wait(180)

    def until(self, ns: int) -> None:
        self.clock.step_wall(ns - self.clock.wall())

    def keeper(self) -> PerformanceKeeper:
        return PerformanceKeeper(
            [self.store], lambda: WHERE, self.clock, lambda *t: self.told.append(t)
        )


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return Plant(tmp_path)


def until(what: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 180
    while not what():
        assert time.monotonic() < give_up, "it did not come to that"
        threading.Event().wait(0.002)


def red(site: str, at_s: int) -> list[Record]:
    alarms = SiteAlarms(site, SITES[site])
    alarms.time = T0 + at_s * SECOND
    return alarms.set("gas.h~S", "red")


def test_an_interval_is_told_a_minute_after_its_end_and_once(plant: Plant) -> None:
    keeper = plant.keeper()
    rounds: list[Round] = []
    keeper.listen(rounds.append)
    plant.say(red("a", 599))
    for s in (600, 659):
        plant.until(T0 + s * SECOND)
        keeper.look()
        assert [r.end for r in rounds] in ([], [T0])
    plant.say(red("b", 598))  # it comes late, and in time
    for s in (660, 700):
        plant.until(T0 + s * SECOND)
        keeper.look()
    assert [r.end for r in rounds][-1] == T0 + TEN_MINUTES
    assert len({r.end for r in rounds}) == len(rounds)
    assert {f.name: f.last for f in rounds[-1].figures if f.scope == "site"} == {
        **{"a": 1, "b": 1, "c": 0, "d": 0}
    }
    plant.store.close()


def test_a_restart_comes_to_the_same_figures(plant: Plant) -> None:
    records = stream(3, 240)
    end = max(r.time for r in records) + TEN_MINUTES
    running = plant.keeper()
    for i in range(0, 240, 40):
        plant.say(records[i : i + 40])
        running.look()
    plant.until(end)
    running.look()
    restarted = plant.keeper()
    restarted.look()
    assert running.latest is not None
    assert restarted.latest is not None
    assert restarted.latest == running.latest
    worlds = {f.world for f in running.latest.figures}
    assert "actual" in worlds
    assert len(running.latest.figures) > len(WHERE)
    plant.store.close()


def test_what_stood_before_the_outbox_begins_stands(plant: Plant) -> None:
    plant.store.append_records(1, [], standing_changes(red("a", -200_000))).wait(180)
    plant.until(T0 + 2 * TEN_MINUTES)
    keeper = plant.keeper()
    keeper.look()
    assert keeper.latest is not None
    (site,) = [f for f in keeper.latest.figures if (f.scope, f.name) == ("site", "a")]
    assert (site.alarms, site.standing, site.stale) == (0, 1, 1)
    plant.store.close()


def test_a_log_that_cannot_be_read_is_told_once_and_harms_nobody(plant: Plant) -> None:
    plant.store.close()
    keeper = plant.keeper()
    keeper.start()
    until(lambda: bool(plant.told))
    keeper.stop()
    keeper.stop()
    assert [kind for kind, _ in plant.told] == ["performance_unread"]


def test_where_sites_and_areas_are() -> None:
    configuration = Configuration(
        sites=(Site("a", "t", "x/y/z"), Site("b", "t", "x/y/z"), Site("c", "t", "x", retired=True))
    )
    areas = AreaConfiguration(areas=(Area("x/y"),))
    assert where_of(configuration, {"b": "desk 1"}, areas) == {
        "a": Where("x/y/z"),
        "b": Where("x/y/z", "desk 1"),
        "area:x/y": Where("x/y"),
    }
    assert where_of(None, {}, AreaConfiguration()) == {}


# --- points ------------------------------------------------------------------------------------


def test_a_point_has_every_figure_of_a_group() -> None:
    made = Performance(T0)
    for record in red("a", 1):
        made.step(record)
    (figures,) = made.at(T0 + TEN_MINUTES, only=lambda scope, _: scope == "site")
    text = performance_line(figures, "n 1")
    head, fields, at = text.replace(r"\ ", "_").split(" ")
    assert head.startswith("performance,")
    assert {"name=a", "node=n_1", "scope=site", "world=actual"} <= set(head.split(","))
    assert {"alarms=1i", "red=1i", "average=1.0", "flooding=false", 'worst="a/gas.h~S"'} <= set(
        fields.split(",")
    )
    assert int(at) == T0 + TEN_MINUTES
    assert "answer_" not in fields


class Server:
    """Takes what is written, or says that it cannot."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def send(self, body: bytes) -> Answer:
        self.lines += body.decode().splitlines()
        return Answer(204)


def test_rounds_go_to_influx_until_the_output_is_stopped(plant: Plant) -> None:
    keeper, server = plant.keeper(), Server()
    plant.until(T0 + TEN_MINUTES + 60 * SECOND)
    keeper.look()
    output = PerformanceOutput(keeper, "n", server.send, SystemClock())
    output.start()
    groups = len(WHERE) + 6 + 3  # sites; areas; two areas and a desk
    until(lambda: output.position == groups)
    plant.until(T0 + 2 * TEN_MINUTES + 60 * SECOND)
    keeper.look()
    until(lambda: output.position == 2 * groups)
    output.stop()
    plant.until(T0 + 3 * TEN_MINUTES + 60 * SECOND)
    keeper.look()
    assert output.end == 2 * groups == len(server.lines)
    assert output.counters()["cut"] == 0
    plant.store.close()


def test_a_round_beyond_its_bound_is_cut_and_counted(plant: Plant) -> None:
    made = Performance(T0)
    (figures,) = made.at(T0 + TEN_MINUTES, {"a": Where("")})
    output = PerformanceOutput(plant.keeper(), "n", Server().send, SystemClock())
    output._take(Round(T0, (figures,) * (ROUND_POINTS + 7), {}))
    assert (output.end, output.counters()["cut"]) == (ROUND_POINTS, 7)
    plant.store.close()


# --- metrics -----------------------------------------------------------------------------------


def test_positions_are_metrics_up_to_a_bound() -> None:
    made = Performance(T0)
    for record in red("a", 1):
        made.step(record)
    where = {f"s{i:03}": Where("x/y/z", f"desk {i:03}") for i in range(METRIC_POSITIONS + 5)}
    figures = made.at(T0 + TEN_MINUTES, {**where, "a": Where("x/y/z", "desk 000")})
    readings = list(performance_readings(figures, {"unnamed": 3}))
    found = {(r.metric.name, r.labels): r.value for r in readings}
    assert found["lifeline_performance_alarms", ("desk 000", "red")] == 1
    assert found["lifeline_performance_alarms_per_interval", ("desk 000", "peak")] == 1
    assert found["lifeline_performance_standing", ("desk 000", "unacknowledged")] == 1
    assert found["lifeline_performance_beyond", ("positions",)] == 5
    assert found["lifeline_performance_beyond", ("unnamed",)] == 3
    assert found["lifeline_performance_timestamp_seconds", ()] == (T0 + TEN_MINUTES) / SECOND
    assert (
        len({labels[0] for name, labels in found if name.endswith("_alarms")}) == METRIC_POSITIONS
    )
