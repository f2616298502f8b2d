"""Samples of a synthetic series, the same on every machine."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence

from ..config.measures import Measure
from ..errors import SpecError
from ..limits import SECOND_NS
from ..quality import Quality
from ..units import convert, difference, parse_amount
from .models import Segment

Sample = tuple[int, float, int]
#: More samples in one series are no test but a recording: `lifeline replay` reads those.
MAX_SAMPLES = 1_000_000


def samples(segments: Sequence[Segment], measure: Measure, interval: int) -> Iterator[Sample]:
    """(ns after the beginning, canonical value, quality). Raises SpecError."""
    begin = 0
    for segment in segments:
        every = segment.every or interval
        if every <= 0:
            raise SpecError("the sensor has no interval", expected="every: 10s")
        values = list(_values(segment, measure, every))
        quality = Quality[segment.quality.upper()]
        for n, value in enumerate(values):
            yield begin + n * every, value, int(quality)
        begin += segment.gap if segment.gap is not None else len(values) * every


def length(segments: Sequence[Segment], interval: int) -> int:
    """ns that a series takes."""
    return sum(
        segment.gap
        if segment.gap is not None
        else _count(segment, segment.every or interval) * (segment.every or interval)
        for segment in segments
    )


def _count(segment: Segment, every: int) -> int:
    if segment.values is not None:
        return len(segment.values)
    count = -(-(segment.span or 0) // every) * len(segment.step or (0,))
    if count > MAX_SAMPLES:
        raise SpecError(
            "too many samples for a test", found=f"{count:,}", expected="a shorter time"
        )
    return count


def _values(segment: Segment, measure: Measure, every: int) -> Iterator[float]:
    if segment.gap is not None:
        return
    count = _count(segment, every)
    if segment.values is not None:
        yield from (amount(text, measure) for text in segment.values)
    elif segment.step is not None:
        each = count // len(segment.step)
        for text in segment.step:
            yield from [amount(text, measure)] * each
    elif segment.constant is not None:
        yield from [amount(segment.constant, measure)] * count
    elif segment.ramp is not None:
        first, last = (amount(text, measure) for text in segment.ramp)
        for n in range(count):
            yield first + (last - first) * n / max(1, count - 1)
    elif segment.noise is not None:
        yield from _noise(segment, measure, count)
    else:
        yield from _wave(segment, measure, count, every)


def _noise(segment: Segment, measure: Measure, count: int) -> Iterator[float]:
    """Nearly normal: twelve uniform numbers less six, by a generator that is alike everywhere."""
    mean, sigma = amount(segment.noise or "", measure), distance(segment.sigma or "", measure)
    uniform = random.Random(segment.seed).random  # noqa: S311  no secret
    for _ in range(count):
        yield mean + sigma * (math.fsum(uniform() for _ in range(12)) - 6.0)


def _wave(segment: Segment, measure: Measure, count: int, every: int) -> Iterator[float]:
    mean, size = amount(segment.wave or "", measure), distance(segment.amplitude or "", measure)
    turn = 2.0 * math.pi * every / (segment.period or SECOND_NS)
    for n in range(count):
        # Rounded, since the last bits of a sine are the machine's.
        yield mean + size * round(math.sin(turn * n), 12)


def amount(text: str, measure: Measure) -> float:
    """An amount in canonical units; a plain number is in the sensor's unit."""
    try:
        return measure.canonical(float(text))
    except ValueError:
        found = parse_amount(text, measure.quantity)
        return convert(found.value, found.unit, measure.quantity, gas=measure.of)


def distance(text: str, measure: Measure) -> float:
    """A difference in canonical units."""
    try:
        return float(text) * measure.scale
    except ValueError:
        found = parse_amount(text, measure.quantity)
        return difference(found.value, found.unit, measure.quantity, gas=measure.of)
