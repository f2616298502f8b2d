"""When and where the workers of a run are killed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from lifeline.engine.cluster import failpoints

# Needs ticks, or checkpoints that lay for a minute: no life here comes there.
_OUT_OF_REACH: Final = ("tick.before_send", "tick.landed", "checkpoint.deleted")
# How often a life passes a point within a second or two.
_PASSES: Final = {"step": 60, "alerts": 20, "checkpoint": 3}


def points() -> list[str]:
    """Every named point that a life of a run comes to."""
    return [point for point in failpoints.points() if point not in _OUT_OF_REACH]


@dataclass(frozen=True, slots=True)
class Death:
    """At a named point, or `after_s` seconds after it took its partitions up."""

    point: str = ""
    after_s: float = 0.0


def deaths(kills: int, seed: int) -> list[Death]:
    """Half of them at points, each point before any comes again, half anywhere."""
    chance = random.Random(seed)
    named: list[str] = []
    while len(named) < kills // 2:
        some = points()
        chance.shuffle(some)
        named += some
    planned = [Death(f"{p}:{_passes(p, chance)}") for p in named[: kills // 2]]
    planned += [Death(after_s=_seconds(chance)) for _ in range(kills - len(planned))]
    chance.shuffle(planned)
    return planned


def _passes(point: str, chance: random.Random) -> int:
    return chance.randint(1, _PASSES.get(point.partition(".")[0], 1))


def _seconds(chance: random.Random) -> float:
    """Mostly soon after the others, so that one session's wait is for several; some live longer."""
    return chance.uniform(0.2, 3.0) if chance.random() < 0.7 else chance.uniform(5.0, 9.0)
