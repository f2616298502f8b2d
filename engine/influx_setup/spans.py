"""How long raw samples, minutes and hours are kept, as people write it and as InfluxDB says it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from ..amounts import parse_duration
from ..errors import SpecError
from ..limits import DAY_NS, MINUTE_NS, SECOND_NS
from .limits import HOUR_KEPT_NS, HOUR_NS, MINUTE_KEPT_NS, RAW_NS, SHORTEST_NS, YEAR_NS

#: Kept for ever; 0 is InfluxDB's own word for it.
FOREVER: Final = 0
_FOREVER: Final = frozenset({"inf", "forever", "永久"})
_YEARS: Final = re.compile(r"(\d{1,2})\s*(?:y|yr|year|years|a|年)")
_GO_STEP: Final = re.compile(r"(\d+)(h|m|s)")
_GO_NS: Final = {"h": HOUR_NS, "m": MINUTE_NS, "s": SECOND_NS}


@dataclass(frozen=True, slots=True)
class Spans:
    """Retention in ns; 0 for ever. None: as it is, and the default where it is made new."""

    raw: int | None = None
    minute: int | None = None
    hour: int | None = None

    def __post_init__(self) -> None:
        """Raises SpecError where coarser rows would be kept for less time than finer ones."""
        named = tuple(zip(("raw", "minute", "hour"), self.or_default, strict=True))
        for (finer, short), (coarser, long) in pairwise(named):
            if long != FOREVER and (short == FOREVER or short > long):
                raise SpecError(
                    f"--{coarser} keeps less than --{finer}: what it is made of outlives it",
                    found=f"--{finer} {span_text(short)}, --{coarser} {span_text(long)}",
                    expected="raw ≤ minute ≤ hour",
                )

    @property
    def or_default(self) -> tuple[int, int, int]:
        """Raw, minute and hour with the defaults of `limits` where nothing is said."""
        return (
            RAW_NS if self.raw is None else self.raw,
            MINUTE_KEPT_NS if self.minute is None else self.minute,
            HOUR_KEPT_NS if self.hour is None else self.hour,
        )


def parse_span(text: str, option: str) -> int | None:
    """ns of "30d", "1y", "10年" or "forever" (0); None for "". Raises SpecError.

    >>> parse_span("1y", "--minute") == 365 * DAY_NS
    True
    """
    cleaned = text.strip().lower()
    if not cleaned:
        return None
    if cleaned in _FOREVER:
        return FOREVER
    years = _YEARS.fullmatch(cleaned)
    ns = int(years[1]) * YEAR_NS if years else parse_duration(text)
    if ns < SHORTEST_NS or ns % SECOND_NS:
        raise SpecError(
            f"{option}: InfluxDB keeps nothing for so long",
            found=repr(text),
            expected="whole seconds, an hour or more, or forever",
        )
    return ns


def span_text(ns: int) -> str:
    """For a person: in the largest unit that divides it.

    >>> span_text(720 * HOUR_NS), span_text(0), span_text(90 * MINUTE_NS)
    ('30d', 'forever', '90m')
    """
    if ns == FOREVER:
        return "forever"
    for unit, size in (("y", YEAR_NS), ("d", DAY_NS), ("h", HOUR_NS), ("m", MINUTE_NS)):
        if ns % size == 0:
            return f"{ns // size}{unit}"
    return f"{ns // SECOND_NS}s"


def parse_go_duration(text: str) -> int:
    """ns of the durations in answers of 1.x: `720h0m0s`, `0s`. Raises ValueError.

    >>> parse_go_duration("720h0m0s") == 30 * DAY_NS
    True
    """
    if not re.fullmatch(r"(\d+[hms])+", text):
        raise ValueError(f"no duration: {text!r}")
    return sum(int(n) * _GO_NS[unit] for n, unit in _GO_STEP.findall(text))
