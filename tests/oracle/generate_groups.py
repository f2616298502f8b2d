"""Random rules over groups of sensors: balances and learned normals."""

from __future__ import annotations

import msgspec

from lifeline.engine.configuration import Configuration
from lifeline.engine.rule import (
    Judgement,
    LevelLimits,
    Member,
    Normal,
    NormalGroup,
    Rule,
    Select,
)

from .choices import Choices

# What no sum of eighths meets.
ODD = 0.3183098861837907
ROLES = ("S[0258]*", "S[147]*", "S[369]*")
# Orthogonal by construction: loadings of up to four sensors in eighths of a Hadamard matrix.
HADAMARD = ((1, 1, 1, 1), (1, -1, 1, -1), (1, 1, -1, -1), (1, -1, -1, 1))


def balanced(choices: Choices, rule: Rule) -> Rule:
    """A balance of a site, or of its assets: who is what goes by the number of a sensor."""
    roles = ROLES if choices.chance(70) else ROLES[:2]
    members = tuple(
        Member(
            role=role,
            select=Select(sensor=(pattern,)),
            weight=(
                choices.pick((1.0, 0.5, 40.0)) if role == 2 else 1.0,
                choices.pick((0.0, 0.01)),
                choices.pick((0.0, 0.05)),
                choices.pick((0.1, 1.0)),
            ),
            needed=choices.chance(40),
        )
        for role, pattern in enumerate(roles)
    )
    per = choices.pick(("site", "site", "asset"))
    return msgspec.structs.replace(rule, members=members, per=per)


def flows(choices: Choices, window: int) -> Judgement:
    """Loose limits, so that random flows lose and gain now and then."""
    of = choices.number(0, 2)
    unit = ODD * (10.0, window * 1e-9, 2.0)[of]
    options = {
        "window": float(window),
        "max_gap": float(choices.pick((window // 2, window // 2, window // 12))),
        "min_span": float(choices.pick((1, window // 4, window // 2))),
        "of": float(of),
        "coverage": choices.pick((0.0, 0.7, 2.0)) if of < 2 else 1.0,
        "min_flow": choices.pick((0.0, 0.3)),
        "volume": choices.pick((3600.0, 1.0)),
    }
    levels = tuple(
        LevelLimits()
        if choices.chance(25)
        else LevelLimits(
            high=unit * (1 + n * 2),
            low=-unit * (1 + n) if choices.chance(50) else None,
            deadband=unit * choices.pick((0.0, 0.5)),
            on_delay=choices.pick((0, 0, window // 12)),
            off_delay=choices.pick((0, 0, window // 12)),
        )
        for n in range(4)
    )
    first, second, third, fourth = levels
    return Judgement("", "", "1", (first, second, third, fourth), options)


def vectors(choices: Choices, pace: int) -> Judgement:
    """Multiples of a learned limit."""
    highs = sorted(ODD * choices.number(1, 12) for _ in range(4))
    first, second, third, fourth = (
        LevelLimits()
        if choices.chance(25)
        else LevelLimits(
            high=high,
            deadband=choices.pick((0.0, ODD / 2)),
            on_delay=choices.pick((0, 0, pace)),
            off_delay=choices.pick((0, 0, pace)),
        )
        for high in highs
    )
    options = {
        "max_age": float(choices.pick((3 * pace, 10 * pace, 1000 * pace))),
        "of": float(choices.number(0, 2)),
    }
    return Judgement("", "", "1", (first, second, third, fourth), options)


def learned(choices: Choices, rule: Rule, configuration: Configuration) -> Rule:
    """The rule with a normal of the sensors that it selects at each site, or at most of them."""
    groups = {}
    for number, site in enumerate(configuration.sites):
        names = [
            one.id
            for one in configuration.sensors
            if one.site == number and not one.retired and one.id in ("S0", "S1", "S2", "S3")
        ]
        if names and choices.chance(90):
            groups[site.id] = _normal(choices, tuple(names))
    members = (Member(select=Select(sensor=("S[0-3]",))),)
    normal = Normal("learned", "site", groups)
    return msgspec.structs.replace(
        rule, select=Select(), members=members, per="site", normal=normal
    )


def _normal(choices: Choices, names: tuple[str, ...]) -> NormalGroup:
    kept = choices.number(1, len(names))
    turned = names[::-1] if choices.chance(50) else names
    return NormalGroup(
        sensors=turned,
        mean=tuple(choices.number(-4, 16) / 4 for _ in names),
        scale=tuple(choices.pick((0.5, 1.0, 2.0)) for _ in names),
        variance=tuple(choices.pick((0.5, 1.0, 3.0)) for _ in range(kept)),
        loadings=tuple(tuple(HADAMARD[j][i] / 2 for i in range(kept)) for j in range(len(names))),
        limit_t2=choices.pick((2.0, 6.0)),
        limit_q=choices.pick((1.0, 4.0)),
    )
