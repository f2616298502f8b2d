"""Plots of a back-test as SVG text: no script, no font and no file beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final, TypeVar

from ..level import LEVELS
from .attribution import FALSE, HISTORIC, Verdicts
from .report import Detection, RuleFigures
from .words import Language, number, seconds, word

COLOURS: Final = {
    "blue": "#2b6cb0",
    "yellow": "#d9a400",
    "orange": "#dd6b20",
    "red": "#c53030",
}
_Item = TypeVar("_Item")
_WIDTH: Final = 1_080
_LEFT: Final = 250
_RIGHT: Final = 30
_ROW: Final = 18
#: More alarms than so many in one plot are a smear; the page says how many are left out.
MAX_MARKS: Final = 2_000


def timeline(trial: Verdicts, language: Language) -> str:
    """Labels above, the alarms of each rule below, by time. False alarms have a dark frame."""
    of = trial.judged.trial
    span = max(1, of.end - of.begin)

    def x(time: int) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * min(1.0, max(0.0, (time - of.begin) / span))

    lanes: list[str] = []
    whats = sorted({(label.fault, label.what) for label in of.labels})
    for y, (fault, what) in _rows(whats):
        lanes.append(_name(y, f"{word('fault', language)}: {what}" if fault else what))
        lanes += [
            _bar(
                x(one.label.onset),
                x(one.label.end),
                y,
                "#b9a7d6" if fault else "#9aa5b1",
                f"{one.label.id} · {one.label.level} · "
                + (
                    word("missed", language)
                    if one.first is None
                    else seconds((one.first - one.label.onset) / 1e9)
                ),
                "" if fault or one.first is not None else "#c53030",
            )
            for one in trial.found
            if (one.label.fault, one.label.what) == (fault, what)
        ]
    rules = list(dict.fromkeys(alarm.rule for alarm, _, _ in trial.alarms))
    first = len(whats)
    drawn = trial.alarms[:MAX_MARKS]
    for y, rule in _rows(rules, first):
        lanes.append(_name(y, rule))
        for alarm, verdict, _ in drawn:
            if alarm.rule == rule:
                end = of.end if alarm.end is None else alarm.end
                colour = "#888" if verdict == HISTORIC else COLOURS[LEVELS[alarm.level]]
                told = f"{alarm.subject} · {LEVELS[alarm.level]} · {word(verdict, language)} · {_clock(alarm.begin)}"
                lanes.append(
                    _bar(
                        x(alarm.begin),
                        x(end),
                        y,
                        colour,
                        told,
                        "#111" if verdict == FALSE else "",
                    )
                )
    height = (first + len(rules)) * _ROW + 34
    axis = _times(of.begin, of.end, height - 24, x(of.begin), x(of.end))
    return _svg(height, [*lanes, *axis])


def delays(classes: Sequence[Detection], language: Language) -> str:
    """Each delay of each class on one logarithmic axis; the tall mark is the median."""
    every = [delay for one in classes for delay in one.each]
    if not every:
        return f"<p>{word('none', language)}</p>"
    axis = _Log(max(0.1, min(every)), max(every))
    parts: list[str] = []
    for y, one in _rows(classes):
        missed = f" · {word('missed', language)} {one.missed}" if one.missed else ""
        parts.append(_name(y, f"{one.what} ({one.found}/{one.labels}{missed})"))
        parts += [
            f'<circle cx="{axis.x(d):.1f}" cy="{y + _ROW / 2:.1f}" r="4" fill="#2b6cb0" '
            f'fill-opacity="0.45"><title>{escape(seconds(d))}</title></circle>'
            for d in one.each[:MAX_MARKS]
        ]
        if one.delay.median is not None:
            at = axis.x(one.delay.median)
            parts.append(_line(at, y + 1, at, y + _ROW - 1, "#111", 2))
    height = len(classes) * _ROW + 34
    return _svg(height, [*axis.marks(height - 24, seconds), *parts])


def rates(rules: Sequence[RuleFigures], language: Language) -> str:
    """False alarms per sensor-year of each rule with their bounds on a logarithmic axis; none seen has
    an upper bound only."""
    told = [one for one in rules if one.false.rate.high is not None]
    if not told:
        return f"<p>{word('none', language)}</p>"
    lows = [one.false.rate.low or (one.false.rate.high or 1.0) / 30 for one in told]
    axis = _Log(min(lows), max(one.false.rate.high or 0.0 for one in told))
    parts: list[str] = []
    for y, one in _rows(told):
        rate, middle = one.false.rate, y + _ROW / 2
        assert rate.high is not None
        parts.append(_name(y, f"{one.rule or word('all', language)} ({one.false.count})"))
        left, right = axis.x(rate.low) if rate.low else float(_LEFT), axis.x(rate.high)
        parts.append(_line(left, middle, right, middle, "#555", 1.5))
        parts.append(_line(right, middle - 5, right, middle + 5, "#555", 1.5))
        if rate.value:
            worst = max((k for k, n in enumerate(one.false.levels) if n), default=0)
            parts.append(
                f'<circle cx="{axis.x(rate.value):.1f}" cy="{middle:.1f}" r="5" '
                f'fill="{COLOURS[LEVELS[worst + 1]]}"><title>{number(rate.value)}</title></circle>'
            )
    height = len(told) * _ROW + 34
    return _svg(height, [*axis.marks(height - 24, number), *parts])


class _Log:
    """A logarithmic axis over whole decades."""

    def __init__(self, low: float, high: float) -> None:
        self._low = math.floor(math.log10(low))
        self._high = max(self._low + 1, math.ceil(math.log10(high)))

    def x(self, value: float) -> float:
        """Where a positive value stands; what is smaller than the axis stands at its beginning."""
        share = (math.log10(max(value, 10.0**self._low)) - self._low) / (self._high - self._low)
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * share

    def marks(self, y: float, said: Callable[[float], str]) -> list[str]:
        """Lines and labels of the decades."""
        found = []
        for power in range(self._low, self._high + 1):
            at = self.x(10.0**power)
            found.append(_line(at, 0, at, y + 4, "#ddd", 1))
            found.append(_text(at, y + 18, said(10.0**power), "middle"))
        return found


def _rows(items: Iterable[_Item], first: int = 0) -> Iterable[tuple[int, _Item]]:
    return ((_ROW * (first + n), item) for n, item in enumerate(items))


def _svg(height: float, parts: Iterable[str]) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height:.0f}" width="{_WIDTH}" height="{height:.0f}" '
        f'role="img">{"".join(parts)}</svg>'
    )


def _bar(left: float, right: float, y: float, colour: str, told: str, frame: str) -> str:
    stroke = f' stroke="{frame}" stroke-width="1.5"' if frame else ""
    return (
        f'<rect x="{left:.1f}" y="{y + 3:.1f}" width="{max(2.5, right - left):.1f}" '
        f'height="{_ROW - 6}" fill="{colour}"{stroke}><title>{escape(told)}</title></rect>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="{width:g}"/>'
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _name(y: float, text: str) -> str:
    short = text if len(text) <= 36 else f"{text[:35]}…"
    return _text(_LEFT - 8, y + _ROW - 5, short, "end")


def _times(begin: int, end: int, y: float, left: float, right: float) -> list[str]:
    found = [_line(left, y, right, y, "#999", 1)]
    for n in range(5):
        at = left + (right - left) * n / 4
        anchor = ("start", "middle", "middle", "middle", "end")[n]
        found.append(_line(at, y, at, y + 4, "#999", 1))
        found.append(_text(at, y + 18, _clock(begin + (end - begin) * n // 4), anchor))
    return found


def _clock(time: int) -> str:
    return datetime.fromtimestamp(time // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
