"""The outputs beside the log that every InfluxDB gets: the engine's health, and the limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ..clock import Clock
from ..configuration import Configuration
from ..metrics import Reading
from .influx_health import HEALTH, HealthOutput
from .influx_http import InfluxSender
from .influx_limits import LIMITS, LimitsOutput
from .influx_room import room_for_samples
from .influx_target import InfluxTarget
from .owner import Output, Wanted

if TYPE_CHECKING:
    from ..config import InfluxSpec


def asides(
    spec: InfluxSpec,
    node: str,
    role: str,
    readings: Callable[[], Iterable[Reading]],
    in_force: Callable[[], Configuration | None],
    clock: Clock,
) -> Wanted:
    """By name, as `OutputOwner.prepare` wants them; see `HealthOutput` and `LimitsOutput`."""

    target, room = InfluxTarget.of(spec), room_for_samples(spec.max_series)

    def health() -> Output:
        sender = InfluxSender(target, clock)
        return HealthOutput(readings, node, role, sender.send, clock, close=sender.close)

    def limits() -> Output:
        sender = InfluxSender(target, clock)
        return LimitsOutput(in_force, sender.send, clock, room=room, close=sender.close)

    return {HEALTH: (target, health), LIMITS: (spec, limits)}
