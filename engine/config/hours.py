"""Hours of duty as people write them: `mon-fri 08:00-18:00`, `sat,sun`, `周一至周五 20:00-08:00`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from ..calls.configuration import WEEK_MINUTES
from ..errors import SpecError

DAY_MINUTES: Final = 24 * 60
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ZH: Final = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
_NUMBER: Final = {
    **{name: n for n, name in enumerate(_DAYS)},
    **{name: n for n, name in enumerate(_ZH)},
    "周天": 6,
}
_TIMES: Final = re.compile(r"(\d{1,2})[:：](\d{2})\s*[-–~至]\s*(\d{1,2})[:：](\d{2})$")
Span = tuple[int, int]


def read_hours(texts: Sequence[str]) -> tuple[Span, ...]:
    """Spans of the week in minutes, Monday 00:00 first, ascending and apart; raises SpecError.

    Without days it is every day, without times the whole day; times that run backward end on the
    next day.

    >>> read_hours(["sun 20:00-08:00"])
    ((0, 480), (9840, 10080))
    """
    spans: list[Span] = []
    for text in texts:
        for day, begins, ends in _written(text):
            start, end = day * DAY_MINUTES + begins, day * DAY_MINUTES + ends
            spans.append((start, min(end, WEEK_MINUTES)))
            if end > WEEK_MINUTES:
                spans.append((0, end - WEEK_MINUTES))
    return merged(spans)


def merged(spans: Sequence[Span]) -> tuple[Span, ...]:
    """The same minutes as spans that are ascending and apart."""
    found: list[Span] = []
    for begins, ends in sorted(spans):
        if found and begins <= found[-1][1]:
            found[-1] = (found[-1][0], max(ends, found[-1][1]))
        else:
            found.append((begins, ends))
    return tuple(found)


def gaps(spans: Sequence[Span]) -> list[Span]:
    """The minutes of the week that no span holds."""
    found, at = [], 0
    for begins, ends in merged(spans):
        if begins > at:
            found.append((at, begins))
        at = ends
    return [*found, *([(at, WEEK_MINUTES)] if at < WEEK_MINUTES else [])]


def shown(span: Span) -> str:
    """A span for a person.

    >>> shown((480, 1440))
    'mon 08:00 to tue 00:00'
    """
    return f"{_moment(span[0])} to {_moment(span[1])}"


def _moment(minute: int) -> str:
    minute %= WEEK_MINUTES
    return f"{_DAYS[minute // DAY_MINUTES]} {minute // 60 % 24:02}:{minute % 60:02}"


def _written(text: str) -> list[tuple[int, int, int]]:
    """(day, begins, ends) in minutes; `ends` may lie on the next day."""
    wrong = SpecError(
        "hours cannot be read", found=repr(text), expected="mon-fri 08:00-18:00, or sat,sun"
    )
    rest = text.strip().casefold()
    match = _TIMES.search(rest)
    begins, ends = 0, DAY_MINUTES
    if match is not None:
        numbers = [int(x) for x in match.groups()]
        begins, ends = numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]
        if max(begins, ends) > DAY_MINUTES or max(numbers[1], numbers[3]) > 59 or begins == ends:
            raise wrong
        ends += DAY_MINUTES * (ends < begins)
        rest = rest[: match.start()].strip()
    if not rest and match is None:
        raise wrong
    return [(day, begins, ends) for day in _days(rest, wrong)]


def _days(text: str, wrong: SpecError) -> list[int]:
    if not text:
        return list(range(len(_DAYS)))
    found: list[int] = []
    for part in re.split(r"[,，、]\s*", text):
        ends = [_NUMBER.get(x.strip()) for x in re.split(r"[-–~至到]", part)]
        if len(ends) > 2 or any(n is None for n in ends):
            raise wrong
        first, last = ends[0], ends[-1]
        assert first is not None
        assert last is not None
        found += [(first + n) % len(_DAYS) for n in range((last - first) % len(_DAYS) + 1)]
    return found
