"""What an embedded engine tells those who watch it, in each state that it can be in."""

import http.client
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from embedded_runs import EAGER, START, Run, plant, until
from lifeline.engine.config import MonitoringSpec
from lifeline.engine.embedded import Engine
from lifeline.engine.entry import Entry, Header, encode
from lifeline.engine.errors import SpecError
from lifeline.engine.frame import Frame
from lifeline.engine.limits import LIVE_TURN_NS, READY_LAG_NS, SECOND_NS
from lifeline.engine.metrics.catalogue import CATALOGUE
from plant_files import HEAD
from servers.ports import free_port

WITHIN_S = 180.0
Figures = dict[str, dict[tuple[str, ...], float]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    spec = MonitoringSpec("127.0.0.1", free_port())
    return Run(replace(plant(tmp_path), monitoring=spec))


def got(run: Run, path: str) -> tuple[int, str]:
    spec = run.plant.monitoring
    assert spec is not None
    connection = http.client.HTTPConnection(spec.host, spec.port, timeout=WITHIN_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def checks(run: Run, path: str) -> tuple[int, dict[str, str]]:
    """Status, and of each check that fails why."""
    status, body = got(run, path)
    answer = json.loads(body)
    failing = {check["name"]: check["text"] for check in answer["checks"] if not check["ok"]}
    assert answer["ok"] is not bool(failing)
    assert answer["role"] == "engine"
    return status, failing


def figures(run: Run) -> Figures:
    """Metric → values of its labels, in the catalogue's order → figure."""
    status, text = got(run, "/metrics")
    assert status == 200
    found: Figures = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            metric = CATALOGUE.get(sample.name)
            labels = metric.labels if metric is not None else tuple(sorted(sample.labels))
            assert metric is None or set(labels) == set(sample.labels)
            key = tuple(sample.labels[label] for label in labels)
            found.setdefault(sample.name, {})[key] = sample.value
    return found


def test_the_figures_are_what_was_done(run: Run) -> None:
    run.pace = EAGER
    with run.engine() as engine:
        run.send(engine, 10.0, 30.0, 60.0)
        run.pass_time(engine, 3)
        status = engine.status()
        found = figures(run)
    assert found["lifeline_samples_total"]["0", "judged"] == 3
    assert found["lifeline_records_total"] == {
        ("orange", "raised"): 1,
        ("red", "level"): 1,
    }
    assert found["lifeline_standing_alarms"] == {("0", "red", "unacknowledged"): 1}
    assert found["lifeline_log_position"]["0",] == status.core["position"]
    assert found["lifeline_lag_entries"]["0",] == 0
    assert found["lifeline_lag_seconds"]["0",] <= 2
    assert found["lifeline_step_seconds_count"][()] == status.core["stepped"]
    assert found["lifeline_entries_total"][()] == status.core["stepped"]
    assert found["lifeline_ticks_total"]["0", "appended"] == status.ticks["appended"] >= 2
    assert found["lifeline_checkpoint_position"]["0",] == status.snapshot["position"] > 0
    assert found["lifeline_checkpoints_total"][()] >= 1
    assert found["lifeline_checkpoint_bytes"]["0",] > 0
    cut = found["lifeline_checkpoint_timestamp_seconds"]["0",]
    assert START / SECOND_NS <= cut <= engine.clock.wall() / SECOND_NS
    assert found["lifeline_state"]["running",] == 1
    assert found["lifeline_configured"]["sensors",] == 3
    assert engine.core.plan is not None
    assert found["lifeline_configuration_info"] == {("0", engine.core.plan.version.hex()): 1}


def test_every_figure_is_of_the_catalogue(run: Run) -> None:
    with run.engine() as engine:
        run.send(engine, 60.0)
        engine.status()
        ours = {name for name in figures(run) if name.startswith("lifeline_")}
    suffixes = ("_bucket", "_count", "_sum")
    histograms = {m.name + s for m in CATALOGUE.values() if m.kind == "histogram" for s in suffixes}
    assert ours - set(CATALOGUE) - histograms == set()


def test_the_records_of_a_life_before_are_not_counted_again(run: Run) -> None:
    with run.engine() as engine:
        run.send(engine, 60.0)
    with run.engine() as engine:
        engine.status()
        found = figures(run)
    assert "lifeline_records_total" not in found
    assert found["lifeline_standing_alarms"] == {("0", "red", "unacknowledged"): 1}


def test_how_the_alarms_perform_is_told_after_a_restart_from_what_the_outbox_holds(
    run: Run,
) -> None:
    with run.engine() as engine:
        run.send(engine, 10.0, 30.0, 60.0)
    run.clock.advance(460 * SECOND_NS)  # START lies 200 s in its ten minutes, told a minute late
    position = ("hefei/shushan/east",)
    with run.engine() as engine:
        until(lambda: "lifeline_performance_flooding" in figures(run))
        found = figures(run)
    assert found["lifeline_performance_alarms"][(*position, "orange")] == 1
    assert found["lifeline_performance_alarms"][(*position, "red")] == 1
    assert found["lifeline_performance_alarms_per_interval"][(*position, "last")] == 2
    assert found["lifeline_performance_standing"][(*position, "unacknowledged")] == 1
    assert found["lifeline_performance_standing"]["hefei/shushan/west", "standing"] == 0


def test_a_running_engine_is_alive_and_ready(run: Run) -> None:
    with run.engine():
        assert checks(run, "/livez") == (200, {})
        assert checks(run, "/readyz") == (200, {})


class Held:
    """Blocks the stepping thread at the next record, until it is let go."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, records: Any) -> None:
        self.reached.set()
        self.go_on.wait(WITHIN_S)


def held(run: Run, engine: Engine) -> Held:
    """The engine with its loop held."""
    holder = Held()
    engine._on_records = holder
    sender = threading.Thread(target=run.send, args=(engine, 60.0))
    sender.start()
    assert holder.reached.wait(WITHIN_S)
    return holder


def test_a_loop_that_hangs_is_not_alive_once_its_time_is_over(run: Run) -> None:
    with run.engine() as engine:
        holder = held(run, engine)
        try:
            assert checks(run, "/livez") == (200, {})
            run.clock.advance(LIVE_TURN_NS + SECOND_NS)
            status, failing = checks(run, "/livez")
            assert status == 503
            assert failing == {"stepping": "the stepping loop turned 31 s ago, allowed are 30 s"}
        finally:
            holder.go_on.set()
        until(lambda: checks(run, "/livez")[0] == 200)


def test_who_is_behind_is_not_ready_and_says_by_how_much(run: Run) -> None:
    with run.engine() as engine:
        holder = held(run, engine)
        try:
            run.clock.advance(READY_LAG_NS + 5 * SECOND_NS)
            engine.status()
            status, failing = checks(run, "/readyz")
            assert status == 503
            assert list(failing) == ["caught_up"]
            assert failing["caught_up"].endswith("behind, allowed are 10 s")
            assert checks(run, "/livez")[0] == 200, "a restart would not make it faster"
        finally:
            holder.go_on.set()


def test_a_status_that_nobody_renews_is_not_believed(run: Run) -> None:
    with run.engine() as engine:
        engine.status()
        last = engine.monitored._status()
        assert last is not None
        engine.monitored._status = lambda: last
        for _ in range(20):
            run.pass_time(engine, 1)
        status, failing = checks(run, "/readyz")
        assert (status, list(failing)) == (503, ["status"])


def test_an_engine_that_failed_says_why_until_it_ends(run: Run) -> None:
    with run.engine() as engine:
        assert engine.core.plan is not None
        unheard_of = engine.core.plan.version[::-1]
        header = Header("acme", "test", 1, engine.clock.wall(), registry=unheard_of)
        engine.store.append([encode(Entry(header, Frame.of([0], [START], [1.0])))]).wait(WITHIN_S)
        assert engine.wait(WITHIN_S)
        for path in ("/livez", "/readyz"):
            status, failing = checks(run, path)
            assert status == 503
            assert failing["not_failed"] == engine.failure != ""
        assert figures(run)["lifeline_state"]["failed",] == 1
    with pytest.raises(OSError, match="refused"):
        got(run, "/livez")


def test_who_starts_is_alive_and_not_ready(run: Run) -> None:
    seen: list[tuple[int, dict[str, str]]] = []
    with run.engine() as engine:
        run.send(engine, 10.0, 60.0)

    def look(what: str, done: int, total: int) -> None:
        seen.extend((checks(run, "/livez"), checks(run, "/readyz")))
        assert figures(run)["lifeline_state"]["starting",] == 1

    engine = Engine(run.plant, clock=run.clock, on_progress=look, agents=False, outputs=False)
    engine.start()
    engine.stop()
    assert seen
    assert seen[0::2] == [(200, {})] * len(seen[0::2])
    assert seen[1::2] == [(503, {"running": "the engine is starting"})] * len(seen[1::2])


def test_sources_that_are_not_connected_are_named(run: Run) -> None:
    engine = Engine(run.plant, clock=run.clock, outputs=False)  # its broker does not exist
    engine.start()
    try:
        status, failing = checks(run, "/readyz")
        assert (status, list(failing)) == (503, ["sources"])
        assert failing["sources"].startswith("gas: ")
        assert checks(run, "/livez")[0] == 200
        engine.status()
        assert figures(run)["lifeline_source_connected"] == {("gas",): 0}
    finally:
        engine.stop()


def test_an_engine_whose_address_is_taken_does_not_start_and_leaves_nothing(run: Run) -> None:
    with run.engine():
        other = Engine(run.plant, clock=run.clock, agents=False, outputs=False)
        with pytest.raises(SpecError, match="address of 'monitoring' cannot be used"):
            other.start()
        assert other.state == "stopped"
        assert checks(run, "/livez") == (200, {})


def test_a_start_that_fails_frees_the_address(run: Run) -> None:
    with run.engine():
        elsewhere = replace(run.plant, monitoring=MonitoringSpec(port=free_port()))
        other = Engine(elsewhere, clock=run.clock, agents=False, outputs=False)
        with pytest.raises(Exception, match="another engine"):
            other.start()  # on the same data directory
    run.plant = elsewhere
    with run.engine():
        assert checks(run, "/livez") == (200, {})


def test_the_address_changes_only_with_a_restart(run: Run) -> None:
    with run.engine() as engine, pytest.raises(SpecError, match="monitoring changes only"):
        engine.reload(replace(run.plant, monitoring=None))


def test_nothing_is_served_unless_it_is_asked_for(run: Run) -> None:
    run.plant = replace(run.plant, monitoring=None)
    with run.engine():
        assert "lifeline-monitoring" not in {thread.name for thread in threading.enumerate()}


def test_the_second_stage_has_figures_of_its_own(tmp_path: Path) -> None:
    rules = "rules: [{id: gas.high, kind: limit, select: {}, high: {blue: 25 %LEL}}]\n"
    rules = rules.replace("select: {}", "select: {quantity: gas.combustible}")
    ladder = "ladders: [{id: gas.ladder, count: points, counts: {yellow: 1}, off_delay: 5s}]"
    head = HEAD + f"areas: [{{path: hefei/shushan, {ladder}}}]\n"
    spec = MonitoringSpec(port=free_port())
    run = Run(replace(plant(tmp_path, head=head, rules=rules), monitoring=spec))
    with run.engine() as engine:
        run.send(engine, 60.0)
        standing = {
            ("0", "blue", "unacknowledged"): 1,
            ("areas", "yellow", "unacknowledged"): 1,
        }

        def shown() -> bool:
            engine.status()
            return figures(run).get("lifeline_standing_alarms") == standing

        until(shown)
        found = figures(run)
        assert checks(run, "/readyz") == (200, {})
    assert found["lifeline_area_events_total"]["heard",] >= 1
    assert found["lifeline_configured"]["areas",] == 1
    assert found["lifeline_lag_entries"]["areas",] == 0
