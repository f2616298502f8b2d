"""Readings in Prometheus' text form, by its own client library."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from ..limits import MONITORING_READINGS
from .catalogue import DROPPED
from .metric import Metric, Observed, Reading

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class Exposition:
    """Everything that one process tells, and what the operating system says of it."""

    def __init__(self, observed: Observed) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Readings(observed))
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """All figures now, text format 0.0.4. Raises what the process raises when asked."""
        return generate_latest(self._registry)


class _Readings(Collector):
    def __init__(self, observed: Observed) -> None:
        self._observed = observed

    def collect(self) -> Iterator[_Family]:
        """The families, in the order in which their first reading came."""
        return families(self._observed.readings())


def families(readings: Iterable[Reading]) -> Iterator[_Family]:
    """One family for each name, with at most MONITORING_READINGS readings in all; what is beyond
    is counted. Of two readings with the same labels the later one holds.
    """
    by_metric: dict[str, dict[tuple[str, ...], Reading]] = {}
    kept = dropped = 0
    for reading in readings:
        if kept == MONITORING_READINGS:
            dropped += 1
            continue
        found = by_metric.setdefault(reading.metric.name, {})
        kept += reading.labels not in found
        found[reading.labels] = reading
    by_metric[DROPPED.name] = {(): DROPPED(dropped)}
    for each in by_metric.values():
        yield _family(list(each.values()))


def _family(readings: list[Reading]) -> _Family:
    metric = readings[0].metric
    if metric.kind == "histogram":
        made = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        for reading in readings:
            buckets = [(_bound(bound), n) for bound, n in reading.buckets]
            made.add_metric(reading.labels, buckets, reading.value)
        return made
    family = _simple(metric)
    for reading in readings:
        family.add_metric(reading.labels, reading.value)
    return family


def _simple(metric: Metric) -> CounterMetricFamily | GaugeMetricFamily:
    if metric.kind == "counter":
        return CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    return GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)


def _bound(bound: float) -> str:
    return "+Inf" if bound == float("inf") else repr(bound)
