"""A core under one limit whose sensors are calm: where the tests of an alarm's life begin."""

from __future__ import annotations

from typing import Any

import msgspec

from battery.drive import Drive, days, limit, plant
from lifeline.engine.configuration import Configuration
from lifeline.engine.limits import HOUR_NS, SECOND_NS
from lifeline.engine.record import Record

LIMITS = {"yellow": 5.0, "orange": 7.0, "red": 9.0}
CALM, YELLOW, ORANGE, RED = 1.0, 6.0, 8.0, 9.5
DAY = days(1)
HOUR = HOUR_NS / SECOND_NS


def drive(*configured: Configuration, **options: Any) -> Drive:
    """A core whose sensors are calm; `options` are of the limit's rule."""
    plain = plant(msgspec.structs.replace(limit(LIMITS), **options))
    found = Drive(configured[0] if configured else plain)
    found.tick(0)
    for number in range(len(found.configuration.sensors)):
        found.say(0, CALM, sensor=number)
    return found


def states(records: list[Record]) -> list[str]:
    """Records as `<rule>~<subject> <transition> <state after>`."""
    return [f"{r.rule}~{r.subject} {r.transition} {r.state_after}" for r in records]
