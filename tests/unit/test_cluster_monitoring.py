"""What a worker tells those who watch it; a service manager hears of it on a real socket."""

import json
import socket
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from embedded_runs import Run, plant, until
from lifeline.engine.clock import ManualClock
from lifeline.engine.cluster.worker_monitoring import MonitoredWorker
from lifeline.engine.cluster.worker_status import (
    Counters,
    PartStatus,
    State,
    WorkerStatus,
    standing_counts,
)
from lifeline.engine.config import MonitoringSpec
from lifeline.engine.limits import LIVE_TURN_NS, READY_LAG_NS, SECOND_NS
from lifeline.engine.metrics.catalogue import CATALOGUE
from servers.ports import free_port

START = 1_700_000_000 * SECOND_NS
WITHIN_S = 180.0
PART = PartStatus(
    partition=4,
    generation=3,
    following=120,
    log_end=123,
    lag=3,
    caught_up=True,
    wall=START - SECOND_NS,
    sites=2,
    sensors=10,
    checkpoint_offset=100,
    checkpoint_age=7 * SECOND_NS,
    checkpoint_bytes=5_000,
    open=2,
    ticks=9,
    ticks_resumed=1,
    version="abcd",
    outcomes={"judged": 50, "late": 1},
    standing=lambda: {"red": {"unacknowledged": 2}},
)
STATUS = WorkerStatus(
    node="w-1",
    state="running",
    failure="",
    turned_at=0,
    generation=3,
    clock_apart=0,
    clock_probes=2,
    checkpoints=5,
    refused_commits=1,
    last_checkpoint_ns=200_000_000,
    longest_cut_ns=7_000_000,
    counters=Counters(
        entries=120,
        samples=51,
        seen_before=4,
        rebalances=2,
        records=Counter({("red", "raised"): 2}),
        put_aside=Counter({"checksum": 1}),
    ),
    parts=(PART,),
    trouble_counts={"torn_entry": 1},
)


class Watched:
    """A worker in the state that a test gives it."""

    def __init__(self, monitor: MonitoringSpec | None, *, areas: bool = False) -> None:
        self.clock = ManualClock(START)
        self.status = STATUS
        self.monitor = MonitoredWorker(lambda: self.status, monitor, self.clock, areas=areas)
        self.url = f"http://127.0.0.1:{monitor.port if monitor else 0}"

    def part(self, **changes: object) -> None:
        self.status = replace(STATUS, parts=(replace(PART, **changes),))  # type: ignore[arg-type]

    def checks(self, path: str) -> tuple[int, dict[str, str]]:
        try:
            with urllib.request.urlopen(self.url + path, timeout=WITHIN_S) as answer:
                status, body = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, body = error.code, error.read()
        failing = {c["name"]: c["text"] for c in json.loads(body)["checks"] if not c["ok"]}
        return status, failing

    def figures(self) -> dict[str, dict[tuple[str, ...], float]]:
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=WITHIN_S) as answer:
            text = answer.read().decode()
        found: dict[str, dict[tuple[str, ...], float]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if (metric := CATALOGUE.get(sample.name)) is not None:
                    key = tuple(sample.labels[label] for label in metric.labels)
                    found.setdefault(sample.name, {})[key] = sample.value
        return found


@pytest.fixture
def worker() -> Iterator[Watched]:
    watched = Watched(MonitoringSpec(port=free_port()))
    with watched.monitor:
        yield watched


def test_a_worker_that_keeps_up_is_alive_and_ready(worker: Watched) -> None:
    assert worker.checks("/livez") == (200, {})
    assert worker.checks("/readyz") == (200, {})


def test_a_member_without_a_partition_is_ready_to_take_one(worker: Watched) -> None:
    worker.status = replace(STATUS, state="standing_by", parts=())
    assert worker.checks("/readyz") == (200, {})


@pytest.mark.parametrize("state", ["starting", "joining", "restoring", "rebalancing", "stopping"])
def test_who_joins_or_restores_is_alive_and_not_ready(worker: Watched, state: State) -> None:
    worker.status = replace(STATUS, state=state)
    worker.clock.advance(10 * LIVE_TURN_NS)  # a long restore is work
    assert worker.checks("/livez") == (200, {})
    status, failing = worker.checks("/readyz")
    assert (status, failing["running"]) == (503, f"the worker is {state}")


def test_a_partition_that_is_behind_is_named(worker: Watched) -> None:
    worker.part(wall=START - READY_LAG_NS - SECOND_NS, lag=2_000)
    assert worker.checks("/readyz") == (503, {"caught_up": "behind: 4 (2000 entries, 11 s)"})
    worker.part(caught_up=False)
    assert worker.checks("/readyz")[0] == 503
    worker.part(wall=None)
    assert worker.checks("/readyz")[0] == 200, "nobody has ticked there yet"


def test_a_loop_that_does_not_turn_is_not_alive(worker: Watched) -> None:
    worker.clock.advance(LIVE_TURN_NS + SECOND_NS)
    status, failing = worker.checks("/livez")
    assert status == 503
    assert failing == {"stepping": "the main loop turned 31 s ago, allowed are 30 s"}


def test_a_worker_that_failed_says_why(worker: Watched) -> None:
    worker.status = replace(STATUS, state="failed", failure="a gap after offset 7")
    for path in ("/livez", "/readyz"):
        status, failing = worker.checks(path)
        assert (status, failing["not_failed"]) == (503, "a gap after offset 7")


def test_the_figures_of_a_worker_have_the_names_of_an_engine(worker: Watched) -> None:
    STATUS.counters.steps.add(2_000_000)
    found = worker.figures()
    assert found["lifeline_log_position"] == {("4",): 120}
    assert found["lifeline_log_end_position"] == {("4",): 123}
    assert found["lifeline_lag_entries"] == {("4",): 3}
    assert found["lifeline_lag_seconds"] == {("4",): 1}
    assert found["lifeline_samples_total"] == {("4", "judged"): 50, ("4", "late"): 1}
    assert found["lifeline_records_total"] == {("red", "raised"): 2}
    assert found["lifeline_standing_alarms"] == {("4", "red", "unacknowledged"): 2}
    assert found["lifeline_ticks_total"] == {("4", "appended"): 9, ("4", "resumed"): 1}
    assert found["lifeline_checkpoint_timestamp_seconds"] == {("4",): START / SECOND_NS - 7}
    assert found["lifeline_checkpoint_seconds"] == {(): 0.2}
    assert found["lifeline_rebalances_total"] == {(): 2}
    assert found["lifeline_partitions_held"] == {(): 1}
    assert found["lifeline_commits_refused_total"] == {(): 1}
    assert found["lifeline_log_records_skipped_total"]["checksum",] == 1
    assert found["lifeline_configuration_info"] == {("4", "abcd"): 1}
    assert found["lifeline_state"]["running",] == 1
    assert set(found["lifeline_state"]) >= {("restoring",), ("standing_by",)}


def test_a_worker_of_areas_names_its_partitions_and_counts_what_it_heard() -> None:
    watched = Watched(MonitoringSpec(port=free_port()), areas=True)
    two = replace(PART, partition=5, outcomes={"judged": 7})
    watched.status = replace(STATUS, parts=(PART, two))
    with watched.monitor:
        found = watched.figures()
    assert set(found["lifeline_log_position"]) == {("areas-4",), ("areas-5",)}
    assert "lifeline_samples_total" not in found
    assert found["lifeline_area_events_total"] == {("judged",): 57, ("late",): 1}


def test_standing_alarms_are_counted_as_the_core_names_them(tmp_path: Path) -> None:
    run = Run(plant(tmp_path))
    with run.engine() as engine:
        assert standing_counts(engine.core) == {}
        run.send(engine, 30.0)
        run.send(engine, 60.0, sensor=2)  # 60 %VOL of the other site
        listed = Counter((s.level, s.state) for s in engine.core.standing())
        counted = standing_counts(engine.core)
    assert sum(listed.values()) >= 2
    assert {(x, y): n for x, by in counted.items() for y, n in by.items()} == dict(listed)


def test_a_service_manager_hears_ready_alive_and_stopping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = str(tmp_path / "notify")
    heard: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(WITHIN_S)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        watched = Watched(None)
        watched.part(caught_up=False)
        listener = threading.Thread(target=lambda: _hear(manager, heard))
        listener.start()
        with watched.monitor:
            until(lambda: "WATCHDOG=1" in heard)
            assert "READY=1" not in heard, "it restores what it was given first"
            watched.status = STATUS
            until(lambda: "READY=1" in heard)
            watched.clock.advance(LIVE_TURN_NS + SECOND_NS)
            until(lambda: _quiet(heard))
        listener.join(WITHIN_S)
    assert heard.count("READY=1") == 1
    assert heard[-1] == "STOPPING=1"


def _hear(manager: socket.socket, heard: list[str]) -> None:
    while "STOPPING=1" not in heard:
        heard.append(manager.recv(100).decode())


def _quiet(heard: list[str]) -> bool:
    """Whether nothing came for three beats: a worker that hangs is not said to live."""
    before = len(heard)
    threading.Event().wait(3.5)
    return len(heard) == before
