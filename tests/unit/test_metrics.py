"""Figures have lawful names, one meaning each, and come out as Prometheus reads them."""

import re
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from lifeline.engine.errors import InvariantError
from lifeline.engine.limits import MONITORING_READINGS
from lifeline.engine.metrics import Check, Durations, Metric, Reading, catalogue, histogram
from lifeline.engine.metrics.catalogue import CATALOGUE
from lifeline.engine.metrics.exposition import Exposition, families
from lifeline.engine.metrics.metric import STEP_BOUNDS_S
from lifeline.engine.metrics.parts import STATES, agent_readings, process_readings

FRACTIONS = re.compile(r"_(milli|micro|nano)seconds|_(ms|us|ns|kb|mb|percent|minutes|hours)\b")


class Told:
    """A process that says what it is given."""

    def __init__(self, readings: Iterable[Reading]) -> None:
        self._readings = list(readings)

    def readings(self) -> Iterable[Reading]:
        return self._readings

    def liveness(self) -> Sequence[Check]:
        return []

    def readiness(self) -> Sequence[Check]:
        return []


def exposed(*readings: Reading) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """What Prometheus' own parser makes of the text."""
    text = Exposition(Told(readings)).text().decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.parametrize("metric", CATALOGUE.values(), ids=CATALOGUE.keys())
def test_a_name_says_unit_and_kind_as_prometheus_wants_it(metric: Metric) -> None:
    assert re.fullmatch(r"lifeline_[a-z]+(_[a-z]+)*", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert not FRACTIONS.search(metric.name), "base units: seconds and bytes"
    assert metric.help.endswith(".")
    assert metric.help.isascii()
    assert "\n" not in metric.help
    reserved = {"le", "quantile", "instance", "job"}
    assert all(re.fullmatch("[a-z]+", label) and label not in reserved for label in metric.labels)
    assert metric.kind != "histogram" or metric.name.endswith("_seconds")


def test_every_metric_of_the_module_is_in_the_catalogue() -> None:
    made = [value for value in vars(catalogue).values() if isinstance(value, Metric)]
    assert len(made) == len(CATALOGUE) > 40


def test_a_reading_without_its_labels_is_a_fault_of_ours() -> None:
    with pytest.raises(InvariantError, match="lifeline_log_position"):
        catalogue.LOG_POSITION(1)
    with pytest.raises(InvariantError, match="lifeline_step_seconds"):
        catalogue.STEP(1)
    with pytest.raises(InvariantError, match="lifeline_log_position"):
        histogram(catalogue.LOG_POSITION, (1.0,), (0, 0), 0.0, "0")


def test_counters_gauges_and_labels_come_out_as_they_went_in() -> None:
    odd = 'a "quoted" name\\with\nall'
    found = exposed(
        catalogue.SAMPLES(12, "3", "judged"),
        catalogue.SAMPLES(1, "3", "late"),
        catalogue.LAG_SECONDS(0.25, "3"),
        catalogue.SOURCE_CONNECTED(True, odd),
    )
    labels = frozenset({("partition", "3"), ("outcome", "judged")})
    assert found["lifeline_samples_total", labels] == 12
    assert found["lifeline_lag_seconds", frozenset({("partition", "3")})] == 0.25
    assert found["lifeline_source_connected", frozenset({("source", odd)})] == 1


def test_what_the_operating_system_says_is_there_too() -> None:
    found = exposed()
    assert found["process_resident_memory_bytes", frozenset()] > 1e6
    assert found["process_cpu_seconds_total", frozenset()] > 0


def test_a_figure_given_twice_stands_once() -> None:
    found = exposed(catalogue.LOG_POSITION(1, "0"), catalogue.LOG_POSITION(2, "0"))
    assert found["lifeline_log_position", frozenset({("partition", "0")})] == 2


def test_too_many_figures_are_left_out_and_counted() -> None:
    many = (catalogue.TROUBLES(1, f"k{n}") for n in range(MONITORING_READINGS + 7))
    troubles, dropped = families(many)
    assert len(troubles.samples) == MONITORING_READINGS
    assert [sample.value for sample in dropped.samples] == [7]


@given(st.lists(st.integers(0, 10_000_000_000)))
def test_a_histogram_counts_like_the_list_of_what_was_added(times: list[int]) -> None:
    durations = Durations()
    for time in times:
        durations.add(time)
    reading = durations.reading(catalogue.STEP)
    assert [bound for bound, _ in reading.buckets] == [*STEP_BOUNDS_S, float("inf")]
    for bound, count in reading.buckets:
        assert count == sum(time <= round(bound * 1e9) for time in times if bound < 100) or (
            bound == float("inf") and count == len(times)
        )
    assert reading.value == pytest.approx(sum(times) / 1e9)


def test_a_histogram_comes_out_with_sum_count_and_cumulative_buckets() -> None:
    found = exposed(histogram(catalogue.STEP, (0.001, 0.1), (1, 2, 3), 9.5))
    by_bound = {
        dict(labels)["le"]: value
        for (name, labels), value in found.items()
        if name == "lifeline_step_seconds_bucket"
    }
    assert by_bound == {"0.001": 1, "0.1": 3, "+Inf": 6}
    assert found["lifeline_step_seconds_count", frozenset()] == 6
    assert found["lifeline_step_seconds_sum", frozenset()] == 9.5


@pytest.mark.parametrize("state", STATES)
def test_a_process_is_in_exactly_one_state(state: str) -> None:
    found = exposed(*process_readings("engine", "n", state, 5_000_000_000))
    states = {
        dict(labels)["state"]: value
        for (name, labels), value in found.items()
        if name == "lifeline_state"
    }
    assert states == {name: float(name == state) for name in STATES}
    assert found["lifeline_start_timestamp_seconds", frozenset()] == 5


def test_a_process_without_an_agent_has_no_figures_of_one() -> None:
    assert list(agent_readings({})) == []
