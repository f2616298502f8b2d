"""Rules that name a learned file are compiled once for each sensor that they select."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from ..configuration import Sensor
from ..quantities import quantity
from ..rule import Judgement
from .authored import AuthoredError, AuthoredRule
from .learned import LearnedSensor

_SHOWN: Final = 3


def of_each_sensor(
    model: AuthoredRule,
    compile_one: Callable[..., Judgement],
    learned: Mapping[str, LearnedSensor],
    selected: Iterable[tuple[str, Sensor]],
) -> tuple[tuple[Judgement, ...], list[str]]:
    """(judgements, sensors that the file does not know). Raises SpecError, naming the sensor."""
    found, unknown = [], []
    for name, sensor in selected:
        one = learned.get(name)
        if one is None:
            unknown.append(name)
            continue
        try:
            judgement = compile_one(model.told(one), quantity(sensor.quantity), sensor.gas)
        except AuthoredError as error:
            raise AuthoredError(
                error.at,
                error.message,
                found=f"{name}: {error.found}",
                expected=error.expected,
                nearest=error.nearest,
            ) from error
        found.append(msgspec.structs.replace(judgement, sensor=name))
    return tuple(found), unknown


def shown(names: list[str]) -> str:
    """A few of them."""
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def amount(value: float, unit: str) -> str:
    """A learned number as a person would write it, every digit kept."""
    return f"{value!r} {unit}"
