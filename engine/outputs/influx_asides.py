"""The outputs beside the log that every InfluxDB gets: the engine's health, the limits, and how the
alarms perform."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from ..clock import Clock
from ..configuration import Configuration
from ..metrics import Reading
from .influx_health import HEALTH, HealthOutput
from .influx_http import InfluxSender
from .influx_limits import LIMITS, LimitsOutput
from .influx_performance import PERFORMANCE, PerformanceOutput
from .influx_room import room_for_samples
from .influx_target import InfluxTarget
from .owner import Output, Wanted
from .performing import PerformanceKeeper

_PERFORMANCE: Final = "lifeline_performance_"

if TYPE_CHECKING:
    from ..config import InfluxSpec


def asides(
    spec: InfluxSpec,
    node: str,
    role: str,
    readings: Callable[[], Iterable[Reading]],
    in_force: Callable[[], Configuration | None],
    clock: Clock,
    keeper: PerformanceKeeper | None = None,
) -> Wanted:
    """By name, as `OutputOwner.prepare` wants them; see `HealthOutput`, `LimitsOutput` and
    `PerformanceOutput`, which there is with a keeper."""

    def own() -> Iterable[Reading]:
        """Alarm performance has a measurement of its own."""
        return (r for r in readings() if not r.metric.name.startswith(_PERFORMANCE))

    target, room = InfluxTarget.of(spec), room_for_samples(spec.max_series)

    def health() -> Output:
        sender = InfluxSender(target, clock)
        return HealthOutput(own, node, role, sender.send, clock, close=sender.close)

    def limits() -> Output:
        sender = InfluxSender(target, clock)
        return LimitsOutput(in_force, sender.send, clock, room=room, close=sender.close)

    found: Wanted = {HEALTH: (target, health), LIMITS: (spec, limits)}
    if keeper is None:
        return found

    def performance() -> Output:
        sender = InfluxSender(target, clock)
        return PerformanceOutput(keeper, node, sender.send, clock, close=sender.close)

    return {**found, PERFORMANCE: (target, performance)}
