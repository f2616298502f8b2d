"""Alarm performance of operator positions as figures. Sites and areas go to InfluxDB only: a city
has thousands of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..level import LEVELS
from ..limits import SECOND_NS
from ..performance import Figures
from ..performance.limits import METRIC_POSITIONS
from . import catalogue
from .metric import Reading


def performance_readings(
    figures: Iterable[Figures], counters: Mapping[str, int]
) -> Iterator[Reading]:
    """Figures of positions, at most `METRIC_POSITIONS` of them by name; the rest is counted."""
    positions = [f for f in figures if f.scope == "position"]
    for f in positions[:METRIC_POSITIONS]:
        yield from _position(f)
    if positions:
        yield catalogue.PERFORMANCE_TIME(positions[0].end / SECOND_NS)
    beyond = {**counters, "positions": max(0, len(positions) - METRIC_POSITIONS)}
    for what, n in beyond.items():
        yield catalogue.PERFORMANCE_BEYOND(n, what)


def _position(f: Figures) -> Iterator[Reading]:
    for level, n in zip(LEVELS[1:], f.levels, strict=True):
        yield catalogue.PERFORMANCE_ALARMS(n, f.name, level)
    for of, rate in (("last", f.last), ("average", f.average), ("peak", f.peak)):
        yield catalogue.PERFORMANCE_RATE(rate, f.name, of)
    shares = {"above": f.above_share, "flood": f.flood_share, "worst": f.worst_share}
    for of, share in shares.items():
        yield catalogue.PERFORMANCE_SHARE(share, f.name, of)
    yield catalogue.PERFORMANCE_FLOODING(f.flooding, f.name)
    for what in ("chattering", "fleeting"):
        yield catalogue.PERFORMANCE_NUISANCE(getattr(f, what), f.name, what)
    now = ("standing", "stale", "unacknowledged", "shelved", "suppressed", "out_of_service")
    for what in now:
        yield catalogue.PERFORMANCE_NOW(getattr(f, what), f.name, what)
    for of in ("median", "p95", "longest"):
        took = getattr(f.answers, of)
        if took is not None:
            yield catalogue.PERFORMANCE_ANSWER(took, f.name, of)
    yield catalogue.PERFORMANCE_LATE(f.answers.late, f.name)
