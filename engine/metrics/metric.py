"""What a process tells about itself: figures under names of the catalogue, and checks with reasons."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from ..errors import InvariantError
from ..limits import SECOND_NS

Kind = Literal["counter", "gauge", "histogram"]

#: Upper bounds of the time of one step, s. A tick takes some 50 µs, a Frame of 1,000 samples about
#: 1 ms, of 100,000 about 0.1 s; what takes longer than a tick's interval is a stall.
STEP_BOUNDS_S: Final = (
    *(50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3),
    *(10e-3, 25e-3, 50e-3, 0.1, 0.25, 0.5, 1.0, 2.5),
)


@dataclass(frozen=True, slots=True)
class Metric:
    """A name with its meaning. Calling it makes a Reading.

    name     after Prometheus' conventions: base units, `_total` for what only grows
    help     what it is, for whoever reads the figures
    labels   names of the labels; every reading has a value for each
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()

    def __call__(self, value: float, *labels: str) -> Reading:
        """This figure now; `labels` in the order of `self.labels`. Raises InvariantError."""
        if len(labels) != len(self.labels) or self.kind == "histogram":
            raise InvariantError(f"{self.name} has the labels {self.labels}, not {labels}")
        return Reading(self, float(value), labels)


@dataclass(frozen=True, slots=True)
class Reading:
    """One figure; of a histogram the sum, with `buckets` as (upper bound, count up to it)."""

    metric: Metric
    value: float
    labels: tuple[str, ...]
    buckets: tuple[tuple[float, int], ...] = ()


class Durations:
    """How often something took how long. One thread adds, any may read.

    >>> steps = Durations((0.001, 0.1))
    >>> for ns in (500_000, 2_000_000, 3_000_000_000): steps.add(ns)
    >>> steps.count, steps.total_ns, steps.counts()
    (3, 3002500000, (1, 1, 1))
    """

    def __init__(self, bounds_s: Sequence[float] = STEP_BOUNDS_S) -> None:
        self.bounds_s = tuple(bounds_s)
        self._bounds_ns = [round(bound * SECOND_NS) for bound in bounds_s]
        self._counts = [0] * (len(bounds_s) + 1)
        self.total_ns = 0

    def add(self, ns: int) -> None:
        """One more that took `ns`; a bound is part of the bucket below it."""
        self._counts[bisect_left(self._bounds_ns, ns)] += 1
        self.total_ns += ns

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self._counts)

    def counts(self) -> tuple[int, ...]:
        """How many in each bucket, the last one without an upper bound."""
        return tuple(self._counts)

    def reading(self, metric: Metric, *labels: str) -> Reading:
        """As a histogram. Raises InvariantError where `metric` is none."""
        return histogram(metric, self.bounds_s, self.counts(), self.total_ns / SECOND_NS, *labels)


def histogram(
    metric: Metric, bounds: Sequence[float], counts: Sequence[int], total: float, *labels: str
) -> Reading:
    """A histogram of counts per bucket (one more than bounds). Raises InvariantError."""
    if metric.kind != "histogram" or len(labels) != len(metric.labels):
        raise InvariantError(f"{metric.name} is a {metric.kind} with the labels {metric.labels}")
    buckets = []
    seen = 0
    for bound, n in zip((*bounds, float("inf")), counts, strict=True):
        seen += n
        buckets.append((bound, seen))
    return Reading(metric, total, labels, tuple(buckets))


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold. `name` is a stable code, `text` says how it is, for a person."""

    name: str
    ok: bool
    text: str


class Observed(Protocol):
    """A process that can be asked how it is.

    Every method is called by a thread of the endpoint while the process works: it must return at
    once, wait for nothing, and change nothing. The same figure has the same name in every process.
    """

    def readings(self) -> Iterable[Reading]:
        """Every figure now."""
        ...

    def liveness(self) -> Sequence[Check]:
        """What fails only where a restart is the remedy: a loop that does not turn any more."""
        ...

    def readiness(self) -> Sequence[Check]:
        """What fails while this process does not do its work: not connected, not subscribed,
        without a configuration, behind, refused by its disk."""
        ...
