"""What a rule is allowed to say and probably does not mean."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ..level import LEVELS
from ..limits import PANES, SECOND_NS
from ..rule import Judgement, LevelLimits
from .authored import AuthoredRule
from .problems import Problems
from .selection import Group


def check_judgements(
    where: str,
    model: AuthoredRule,
    judgements: Sequence[Judgement],
    groups: Sequence[Group],
    problems: Problems,
) -> None:
    """Note as warnings what the rule would do against expectation with the sensors it selects."""
    for judgement in judgements:
        if _deadband_covers_step(judgement, model, where, problems):
            break
    if model.kind == "flatline":
        _silent_by_design(model, groups, where, problems)
        if _window_beside_panes(judgements, groups, where, problems):
            return
    if model.kind == "accumulate":
        _held_too_short(judgements, groups, where, problems)
    _window_too_short(model, judgements, groups, where, problems)


def _deadband_covers_step(
    judgement: Judgement, model: AuthoredRule, where: str, problems: Problems
) -> bool:
    used = [(name, level) for name, level in zip(LEVELS[1:], judgement.levels, strict=True)]
    highs = [(name, level, level.high) for name, level in used if level.high is not None]
    lows = [(name, level, level.low) for name, level in used if level.low is not None]
    for ladder in (highs, lows):
        for (milder, _, before), (name, level, limit) in pairwise(ladder):
            step = abs(limit - before)
            if level.deadband and level.deadband >= step:
                _told_deadband(name, milder, level, step, judgement, where, problems)
                return True
    return False


def _told_deadband(
    name: str,
    milder: str,
    level: LevelLimits,
    step: float,
    judgement: Judgement,
    where: str,
    problems: Problems,
) -> None:
    problems.warning(
        where,
        f"the deadband reaches over the next limit: {name} returns only beyond {milder}",
        found=f"{level.deadband * judgement.scale:g} {judgement.unit}",
        expected=f"less than {step * judgement.scale:g} {judgement.unit}",
    )


def _silent_by_design(
    model: AuthoredRule, groups: Sequence[Group], where: str, problems: Problems
) -> None:
    quantities = sorted({group.quantity for group in groups if group.reports != "periodic"})
    if quantities:
        problems.warning(
            where,
            "sensors that speak on change only are flat by design",
            found=f"{model.id} on {', '.join(quantities)}",
            expected="select: {reports: periodic}",
        )


def _window_beside_panes(
    judgements: Sequence[Judgement], groups: Sequence[Group], where: str, problems: Problems
) -> bool:
    """A flatline wants samples that span all panes but one. Where an interval is longer than a pane,
    the first and the last sample of a window never lie so far apart, or only now and then.
    """
    for judgement in judgements:
        window = judgement.options["window"]
        slow = max(
            (
                group.interval
                for group in groups
                if group.quantity == judgement.quantity and group.reports == "periodic"
            ),
            default=0,
        )
        if slow * PANES > window:
            problems.warning(
                where,
                f"the window is shorter than {PANES} intervals of {judgement.quantity}: it may never"
                " be judged",
                found=f"{window / SECOND_NS:g} s for samples every {slow / SECOND_NS:g} s",
                expected=f"at least {slow * PANES / SECOND_NS:g} s",
            )
            return True
    return False


def _held_too_short(
    judgements: Sequence[Judgement], groups: Sequence[Group], where: str, problems: Problems
) -> None:
    """Where values hold for a small part of the time only, there is never enough data to judge."""
    for judgement in judgements:
        held, coverage = judgement.options["max_gap"], judgement.options["coverage"]
        slow = max((g.interval for g in groups if g.quantity == judgement.quantity), default=0)
        if held < coverage * slow:
            problems.warning(
                where,
                f"samples of {judgement.quantity} come further apart than a value holds: the window"
                " never has the data that it asks for",
                found=f"a sample every {slow / SECOND_NS:g} s, held {held / SECOND_NS:g} s",
                expected=f"max_gap of at least {coverage * slow / SECOND_NS:g} s, or less coverage",
            )
            return


def _window_too_short(
    model: AuthoredRule,
    judgements: Sequence[Judgement],
    groups: Sequence[Group],
    where: str,
    problems: Problems,
) -> None:
    for judgement in judgements:
        window = judgement.options.get("window", 0.0)
        points = judgement.options.get("min_points", 0.0)
        if not window or not points:
            continue
        slow = max((g.interval for g in groups if g.quantity == judgement.quantity), default=0)
        if slow * (points - 1) > window:
            problems.warning(
                where,
                f"the window holds too few samples of {judgement.quantity}: it is never judged",
                found=f"{window / SECOND_NS:g} s for samples every {slow / SECOND_NS:g} s",
                expected=f"at least {points:g} samples",
            )
            return
