"""Alarm performance as points of the measurement `performance`: one of each site, area and operator
position every ten minutes.

Tags: `scope` (site, area, position), `name`, `world`, `node`. The point's time is the end of its
interval. `last` is of that interval, what stands is of its end, all else of the day before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..clock import Clock
from ..level import LEVELS
from ..performance import Figures
from ..performance.limits import BYTES_WAITING, ROUND_POINTS, ROUNDS_WAITING
from .influx_retry import Answer
from .influx_rounds import RoundsOutput, WaitingRounds
from .lineprotocol import line, prefix, string_field
from .performing import PerformanceKeeper, Round

PERFORMANCE: Final = "performance:influx"
MEASUREMENT: Final = "performance"
_COUNTS: Final = (
    *("alarms", "last", "peak", "above", "flood_count", "chattering", "chatters", "fleeting"),
    *("fleetings", "standing", "stale", "unacknowledged", "shelved", "suppressed"),
    "out_of_service",
)
_SHARES: Final = ("average", "above_share", "flood_share", "worst_share")


def performance_line(f: Figures, node: str) -> str:
    """One point. Times to acknowledge, in seconds, and the worst alarm are left out where there is none."""
    tags = {"node": node, "scope": f.scope, "name": f.name, "world": f.world}
    fields = {name: f"{getattr(f, name)}i" for name in _COUNTS}
    fields |= {name: repr(float(getattr(f, name))) for name in _SHARES}
    fields |= {level: f"{n}i" for level, n in zip(LEVELS[1:], f.levels, strict=True)}
    fields["flooding"] = "true" if f.flooding else "false"
    fields["answered"], fields["late"] = f"{f.answers.count}i", f"{f.answers.late}i"
    for name in ("mean", "median", "p95", "longest"):
        seconds = getattr(f.answers, name)
        if seconds is not None:
            fields[f"answer_{name}"] = repr(float(seconds))
    if f.worst:
        fields["worst"] = string_field(f"{f.worst[0].site}/{f.worst[0].alarm}")
        fields["worst_alarms"] = f"{f.worst[0].alarms}i"
    return line(prefix(MEASUREMENT, tags), fields, f.end)


class PerformanceOutput(RoundsOutput):
    """Sends each round that a keeper tells; while the server is away they wait, the oldest dropped
    first."""

    def __init__(
        self,
        keeper: PerformanceKeeper,
        node: str,
        send: Callable[[bytes], Answer],
        clock: Clock,
        **more: Any,
    ) -> None:
        waiting = WaitingRounds(ROUNDS_WAITING, BYTES_WAITING)
        super().__init__(PERFORMANCE, send, clock, waiting, ROUND_POINTS, **more)
        self._keeper, self._node = keeper, node
        self._leave: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begins with the latest round."""
        self._leave = self._keeper.listen(self._take)
        super().start()

    def stop(self) -> None:
        """See `InfluxAside`."""
        self._leave()
        super().stop()

    def _take(self, told: Round) -> None:
        lines = (performance_line(f, self._node) for f in told.figures)
        self.put_round(lines, len(told.figures))
