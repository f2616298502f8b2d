"""Labels of what a run's own state reaches, whoever or nobody ordered it: hot days, gales, dry fuel.

Weather alarms rightly where it reaches what a signal stands for. So a site says what its signals
stand for, and the true state of the run (no instrument, no noise) is looked through for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from lifeline.engine.frame import Bool, Float64, Int64
from lifeline.engine.limits import HOUR_NS, SECOND_NS

from .incidents import Incident, Level

if TYPE_CHECKING:
    from .cause import Run
    from .plant import Site, World

#: Spells nearer to each other than this are one: a gale takes breath, a cloud passes.
APART_NS: Final = 3 * HOUR_NS
#: Steps of the world at once.
BLOCK_STEPS: Final = 16_384


@dataclass(frozen=True, slots=True)
class Signal:
    """What a colour stands for at a point, in its canonical unit.

    `limits` are reached from below, or from above where `falls`. `of`: the value, which has to hold
    for `window_s`, or the mean or the sum (of a rate per hour) of `window_s`. An instrument may miss
    the share `spare` of a limit: a label begins and ends by so much earlier and later, and asks for a
    graver level only beyond so much more. An alarm stands until the truth is back by the `deadband`.
    """

    point: str
    kind: str
    limits: Mapping[Level, float]
    measure: str
    what_en: str
    what_zh: str
    of: Literal["value", "mean", "sum"] = "value"
    window_s: float = 0.0
    falls: bool = False
    spare: float = 0.0
    deadband: float = 0.0


@dataclass(slots=True)
class Spell:
    """From when to when a signal was near; the least level that must be said, and the peak."""

    onset_ns: int
    end_ns: int
    level: int
    peak: float


def reached(
    site: Site, run: Run, world: Callable[[], World], known: Sequence[Incident]
) -> list[Incident]:
    """An incident for each spell of the site's signals that no `known` one covers."""
    if not site.signals:
        return []
    times, truth = _truth(site, run, world())
    gravest = tuple(level for level, _ in _gravity())
    found: list[Incident] = []
    for (point, kind), signals in _by_kind(site.signals).items():
        spells = [s for signal in signals for s in _spells(signal, times, truth[point])]
        asset = next(p.asset for p in site.points if p.id == point)
        first = signals[0]
        for spell in _joined(spells):
            if any(
                point in i.sensors and i.onset_ns <= spell.onset_ns and spell.end_ns <= i.end_ns
                for i in known
            ):
                continue
            words = {"size": f"{spell.peak:.3g}"}
            found.append(
                Incident(
                    id=f"{site.id}/{kind}-{len(found) + 1}",
                    site=site.id,
                    domain=site.domain,
                    kind=kind,
                    sensors=(point,),
                    onset_ns=spell.onset_ns,
                    end_ns=spell.end_ns,
                    level=gravest[spell.level],
                    what_en=first.what_en.format(**words),
                    what_zh=first.what_zh.format(**words),
                    where=asset,
                    size=spell.peak,
                    measure=first.measure,
                )
            )
    return found


def _gravity() -> tuple[tuple[Level, int], ...]:
    return (("blue", 0), ("yellow", 1), ("orange", 2), ("red", 3))


def _by_kind(signals: Sequence[Signal]) -> dict[tuple[str, str], list[Signal]]:
    found: dict[tuple[str, str], list[Signal]] = {}
    for signal in signals:
        found.setdefault((signal.point, signal.kind), []).append(signal)
    return found


def _truth(site: Site, run: Run, world: World) -> tuple[Int64, dict[str, Float64]]:
    """The true values of the points that have signals, at every step of the run."""
    steps = round(run.duration_s * SECOND_NS) // site.step_ns
    times = run.start_ns + np.arange(steps, dtype=np.int64) * site.step_ns
    points = {signal.point for signal in site.signals}
    parts: dict[str, list[Float64]] = {point: [np.zeros(0)] for point in sorted(points)}
    for first in range(0, steps, BLOCK_STEPS):
        told = world.advance(times[first : first + BLOCK_STEPS])
        for point, part in parts.items():
            part.append(told[point])
    return times, {point: np.concatenate(part) for point, part in parts.items()}


def _spells(signal: Signal, times: Int64, truth: Float64) -> Iterator[Spell]:
    """The spells in which the signal is reached."""
    if len(times) < 2:
        return
    step_ns = int(times[1] - times[0])
    over = max(1, round(signal.window_s * SECOND_NS / step_ns))
    series = _series(signal, truth, over, step_ns)
    sign = -1.0 if signal.falls else 1.0
    order = dict(_gravity())
    limits = sorted(((order[level], x) for level, x in signal.limits.items()), key=lambda x: x[0])
    least, first = limits[0]

    def met(limit: float) -> Bool:
        hit = sign * series >= sign * limit
        return _held(hit, over) if signal.of == "value" else hit

    back = max(signal.deadband, signal.spare * abs(first))
    near = np.flatnonzero(sign * series >= sign * first - back)
    if not len(near):
        return
    sure = [(k, met(x + sign * signal.spare * abs(x))) for k, x in limits[1:]]
    whole = met(first)
    breaks = np.flatnonzero(np.diff(near) * step_ns > APART_NS) + 1
    for part in np.split(near, breaks):
        span = slice(int(part[0]), int(part[-1]) + 1)
        if not whole[span].any():
            continue
        level = max([least, *(k for k, hit in sure if hit[span].any())])
        peak = sign * float(np.nanmax(sign * series[span]))
        yield Spell(int(times[span.start]), int(times[span.stop - 1]) + step_ns, level, peak)


def _series(signal: Signal, truth: Float64, over: int, step_ns: int) -> Float64:
    """The value; or the mean or the sum of the window that ends there."""
    if signal.of == "value":
        return truth
    total = np.concatenate([[0.0], np.cumsum(truth)])
    begin = np.maximum(np.arange(1, len(total)) - over, 0)
    within = total[1:] - total[begin]
    if signal.of == "sum":
        return np.asarray(within * (step_ns / HOUR_NS), np.float64)
    # A mean of less than its window says nothing yet.
    return np.where(np.arange(len(truth)) >= over - 1, within / over, np.nan)


def _held(hit: Bool, over: int) -> Bool:
    """Whether it has been so for the whole window."""
    total = np.concatenate([[0], np.cumsum(hit)])
    begin = np.arange(1, len(total)) - over
    return np.asarray((begin >= 0) & (total[1:] - total[np.maximum(begin, 0)] == over), np.bool_)


def _joined(spells: Sequence[Spell]) -> list[Spell]:
    """Spells that touch as one, with the graver level: rain of 3 and of 24 h is one rain."""
    found: list[Spell] = []
    for spell in sorted(spells, key=lambda s: (s.onset_ns, s.end_ns)):
        if found and spell.onset_ns <= found[-1].end_ns:
            last = found[-1]
            last.end_ns = max(last.end_ns, spell.end_ns)
            if spell.level > last.level:
                last.level, last.peak = spell.level, spell.peak
        else:
            found.append(spell)
    return found
