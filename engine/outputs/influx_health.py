"""The engine's own figures as points of the measurement `engine`, for dashboards beside the plant's.

They are those of `engine/metrics`: a metric `lifeline_<name>` is the field `<name>`, its labels are
tags, and what shares its labels shares a point (`lifeline_state` is `state_is`, beside the tag). Of a histogram there are `<name>_sum` and
`<name>_count`, and its counts as `<name>_bucket` under the tag `le`.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable
from typing import Any, Final

from ..clock import Clock
from ..limits import OUTPUT_STOP_NS, SECOND_NS
from ..metrics import Reading
from .influx_retry import Answer
from .influx_rounds import RoundsOutput, WaitingRounds
from .lineprotocol import line, prefix, string_field

HEALTH: Final = "health:influx"
MEASUREMENT: Final = "engine"
#: As often as Prometheus asks in deploy/, so that both tell the same story.
INTERVAL_NS: Final = 15 * SECOND_NS
#: Rounds that wait while the server is away: an hour of them; what was before matters to nobody.
ROUNDS_WAITING: Final = 240
#: Bytes that wait: an engine with 50 sources has some 20 kB a round, an hour of them 5 MB.
BYTES_WAITING: Final = 8 * 1024 * 1024
#: Points of one round: 64 partitions and as many sources have some 1,500.
ROUND_POINTS: Final = 5_000
#: Labels that change with every version or configuration: as tags each value would be a new series.
_AS_FIELDS: Final = frozenset({"version", "python"})
#: Labels that every point has anyway.
_OWN: Final = frozenset({"node", "role"})
_PREFIX: Final = "lifeline_"

Tags = tuple[tuple[str, str], ...]


def health_lines(readings: Iterable[Reading], node: str, role: str, time: int) -> list[str]:
    """Readings as lines of one time, those with equal labels in one line. What is not finite is
    left out: InfluxDB has no NaN."""
    points: dict[Tags, dict[str, str]] = {}
    for reading in readings:
        name = reading.metric.name.removeprefix(_PREFIX)
        labels = dict(zip(reading.metric.labels, reading.labels, strict=True))
        if name in labels:  # a tag and a field of one name cannot be told apart in a query
            name += "_is"
        tags = tuple((k, v) for k, v in labels.items() if k not in _AS_FIELDS | _OWN)
        fields = points.setdefault(tags, {})
        for label, value in labels.items():
            if label in _AS_FIELDS:
                fields[f"{name}_{label}"] = string_field(value)
        if reading.metric.kind == "histogram":
            _histogram(points, name, tags, reading)
        elif math.isfinite(reading.value):
            fields[name] = repr(reading.value)
    head = {"node": node, "role": role}
    return [
        line(prefix(MEASUREMENT, {**head, **dict(tags)}), fields, time)
        for tags, fields in points.items()
        if fields
    ]


def _histogram(points: dict[Tags, dict[str, str]], name: str, tags: Tags, reading: Reading) -> None:
    count = float(reading.buckets[-1][1]) if reading.buckets else 0.0
    points[tags] |= {f"{name}_sum": repr(reading.value), f"{name}_count": repr(count)}
    for bound, n in reading.buckets:
        le = "+Inf" if math.isinf(bound) else f"{bound:g}"
        points.setdefault((*tags, ("le", le)), {})[f"{name}_bucket"] = repr(float(n))


class HealthOutput(RoundsOutput):
    """Takes the figures every 15 s and sends them, each in a thread of its own: a server that
    hangs delays no round, and a figure that takes long delays no sending.

    readings   everything now, must not wait
    """

    def __init__(
        self,
        readings: Callable[[], Iterable[Reading]],
        node: str,
        role: str,
        send: Callable[[bytes], Answer],
        clock: Clock,
        *,
        interval_ns: int = INTERVAL_NS,
        waiting: WaitingRounds | None = None,
        **more: Any,
    ) -> None:
        waiting = waiting or WaitingRounds(ROUNDS_WAITING, BYTES_WAITING)
        super().__init__(HEALTH, send, clock, waiting, ROUND_POINTS, **more)
        self._readings = readings
        self._node, self._role = node, role
        self._interval_ns = interval_ns
        self._taker = threading.Thread(target=self._take, name=f"taker-{HEALTH}", daemon=True)

    def start(self) -> None:
        """Begins with a round at once."""
        self._taker.start()
        super().start()

    def stop(self) -> None:
        """See `InfluxAside`."""
        super().stop()
        if self._taker.ident is not None:
            self._taker.join(OUTPUT_STOP_NS / SECOND_NS)

    def alive(self) -> bool:
        """Whether both threads run."""
        return super().alive() and self._taker.is_alive()

    def _take(self) -> None:
        try:
            while True:
                now = self._clock.wall()
                lines = health_lines(self._readings(), self._node, self._role, now)
                self.put_round(lines, len(lines))
                if self.wait(self._interval_ns):
                    return
        except Exception as error:
            self.tell("failed", f"{type(error).__name__}: {error}")
            raise
