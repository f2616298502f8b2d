"""Random configurations, and random changes of one."""

from __future__ import annotations

from typing import Literal

import msgspec

from lifeline.engine.configuration import (
    Configuration,
    Link,
    ReportsKind,
    Sensor,
    Site,
    continued,
)
from lifeline.engine.limits import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from lifeline.engine.rule import (
    Flapping,
    Judgement,
    LevelLimits,
    Member,
    Profile,
    Reference,
    Rule,
    Select,
)

from .choices import Choices
from .generate_groups import balanced, flows, vectors
from .windows import sec

MS = 1_000_000
PACES = (SECOND_NS, 10 * MS, 100 * MS, 10 * SECOND_NS, MINUTE_NS, HOUR_NS, DAY_NS)
KINDS = (
    "limit", "rate", "trend", "flatline", "stale", "clock", "accumulate", "shift", "spike", "range", "vote", "composite",
    "ladder",
)  # fmt: skip
# What judges sites at ticks; groups of sensors by their rows, and of alarms.
OF_TIME = ("blind",)
BY_ROWS = ("wave",)
BY_RECORDS = ("vote", "composite", "ladder")
# What a plant has several of; of the others it has one or none.
BASIC = KINDS[:6]
QUANTITIES = (("gas.combustible", "methane"), ("gas.combustible", "hydrogen"), ("water.level", ""))
AREAS = ("city/east/one", "city/east/two", "city/west/one", "town/east/one")
DRILL = 3  # the fourth site is a drill
# Slopes are judged by inexact arithmetic: limits that no data meets exactly leave no ties.
ODD = 0.3183098861837907
UNUSED = LevelLimits()
Per = Literal["site", "asset"]
Four = tuple[LevelLimits, LevelLimits, LevelLimits, LevelLimits]


def plant(choices: Choices, pace: int) -> Configuration:
    """1 to 4 sites, 1 to 3 links, 1 to 8 sensors, 1 to 7 rules; sensors speak at about `pace`."""
    n_links = choices.number(1, 3)
    n_sites = choices.number(1, 4)
    sites = tuple(
        Site(f"site-{i}", choices.pick(("acme", "borough")), AREAS[i], exercise=i == DRILL)
        for i in range(n_sites)
    )
    links = tuple(_link(choices, pace, i, n_sites) for i in range(max(n_links, n_sites)))
    sensors = tuple(sensor(choices, pace, i, links) for i in range(choices.number(1, 8)))
    rules = tuple(rule(choices, pace, i) for i in range(choices.number(1, 6)))
    if choices.chance(70):
        rules = (*rules, rule(choices, pace, len(rules), choices.pick(KINDS[4:])))
    return Configuration(sites, links, sensors, rules)


def _link(choices: Choices, pace: int, index: int, n_sites: int) -> Link:
    return Link(
        site=index % n_sites,
        source=f"source-{index}",
        grace=choices.pick((0, 2 * SECOND_NS, pace // 2)),
        reorder=choices.pick((0, 0, 2 * pace, 2 * MINUTE_NS)),
        heartbeat=choices.pick((5 * pace, 0, 2 * pace)),
    )


def sensor(choices: Choices, pace: int, number: int, links: tuple[Link, ...]) -> Sensor:
    """A new sensor on one of the links."""
    link = choices.number(0, len(links) - 1)
    reports: ReportsKind = choices.pick(("periodic", "periodic", "on_change", "event"))
    interval = 0 if reports == "event" else choices.pick((pace, pace, 2 * pace, 3 * pace))
    quantity, gas = choices.pick(QUANTITIES)
    low, high = choices.pick(((None, None), (-8.0, 10.0), (0.0, 8.0)))
    plausible = None if interval == 0 else choices.pick((None, 8 / sec(interval)))
    return Sensor(
        id=f"S{number}",
        site=links[link].site,
        link=link,
        quantity=quantity,
        gas=gas,
        unit="u",
        asset=choices.pick(("", "tank-1", "tank-2")),
        low=low,
        high=high,
        max_rate=plausible,
        reports=reports,
        interval=interval,
        stale=interval * choices.pick((3, 3, 0, 10)),
    )


def rule(choices: Choices, pace: int, number: int, kind: str = "") -> Rule:
    """A rule of any kind."""
    kind = kind or choices.pick(BASIC)
    made = Rule(
        id=f"R{number}",
        kind=kind,
        select=_select(choices),
        judgements=_judgements(choices, pace, kind),
        basis=choices.pick(("", "GB 1")),
        message=choices.pick(("", "leak")),
        latching=choices.chance(35),
        first_out=choices.pick(("", "", "asset", "burst")),
        realarm=pace * choices.pick((0, 0, 5, 20)),
        flapping=choices.pick(
            (None, None, Flapping(1, 6 * pace), Flapping(2, 20 * pace), Flapping(3, 7 * pace))
        ),
    )
    return whole(choices, made)


def whole(choices: Choices, rule: Rule) -> Rule:
    """The rule with what its kind has beside its judgements."""
    if rule.kind == "deviation":
        return compared(choices, rule)
    if rule.kind in BY_RECORDS:
        return among(choices, rule)
    if rule.kind in OF_TIME:
        return msgspec.structs.replace(rule, members=(Member(),))
    if rule.kind == "balance":
        return balanced(choices, rule)
    if rule.kind == "wave":
        return between(choices, rule)
    return rule


def between(choices: Choices, rule: Rule) -> Rule:
    """A wave between two of the first sensors, perhaps with others outside of them."""
    ends = choices.pick(((0, 1), (1, 0), (0, 2), (2, 1), (1, 3), (3, 0)))
    outer = [n for n in range(8) if n not in ends]
    names = [f"S{n}" for n in (*ends, choices.pick(outer[:3]), choices.pick(outer[3:]))]
    members = tuple(
        Member(role=role, select=Select(sensor=(name,)), needed=role < 2)
        for role, name in enumerate(names[: choices.pick((2, 2, 3, 4))])
    )
    return msgspec.structs.replace(rule, select=Select(), members=members)


def among(choices: Choices, rule: Rule) -> Rule:
    """A rule over groups of alarms: of all rules of earlier stages, or of some."""
    roles = (0,)
    if rule.kind == "composite":
        roles = choices.pick(((0, 1), (0, 0, 1, 2), (2, 3), (0, 1, 1), (1, 2)))
    members = tuple(
        Member(
            role=role,
            select=choices.pick((Select(), Select(), Select(sensor=("S[0-4]",)))),
            needed=choices.chance(80),
            rule=choices.pick((("R*",), ("R[0-3]", "under"), ("R*",))),
            level=choices.number(1, 3),
        )
        for role in roles
    )
    per: Per = choices.pick(("site", "asset"))
    return msgspec.structs.replace(rule, members=members, per=per)


def compared(choices: Choices, rule: Rule) -> Rule:
    """A deviation with what it may be from: a reference, a profile, or both where one is not used."""
    reference = choices.pick(
        (
            Reference(sensor=("S0",)),
            Reference(sensor=("S[1-2]",)),
            Reference(quantity=("gas.*",), same_asset=True),
            None,
        )
    )
    return msgspec.structs.replace(rule, reference=reference, profile=_profile(choices))


def _profile(choices: Choices) -> Profile:
    """Of some sensors, hour by hour; the zone changes its offset twice within a log."""
    start = 1_700_000_000 * SECOND_NS
    jumps = (choices.number(0, 40) * MINUTE_NS, choices.number(60, 99) * MINUTE_NS)
    offsets = (
        (-(2**63), 8 * HOUR_NS),
        (start + jumps[0], 9 * HOUR_NS),
        (start + jumps[1], -3 * HOUR_NS),
    )
    hours = tuple(
        (choices.number(-4, 16) / 4, choices.number(0, 4) / 4, choices.number(0, 9))
        for _ in range(7)
    )
    week = tuple(hours[hour % 7] for hour in range(168))
    # Few of them: a profile is in every configuration of the log, and these are made over and over.
    first = choices.number(0, 3)
    names = [f"site-{i}/S{n}" for i in range(4) for n in (first, first + 4)]
    return Profile("learned", offsets, dict.fromkeys(names, week))


def _select(choices: Choices) -> Select:
    return choices.pick(
        (
            Select(),
            Select(),
            Select(),
            Select(quantity=("gas.*",)),
            Select(sensor=("S[0-3]", "S7")),
            Select(site=("site-0", "site-2"), reports=("periodic", "on_*")),
            Select(area="city/east"),
            Select(tenant=("acme",), asset=("tank-?", "")),
        )
    )


def _judgements(choices: Choices, pace: int, kind: str) -> tuple[Judgement, ...]:
    one = judgement(choices, pace, kind, "", "")
    if kind in ("stale", *OF_TIME, *BY_ROWS, *BY_RECORDS) or not choices.chance(25):
        return (one,)
    quantity, gas = choices.pick(QUANTITIES)
    special = judgement(choices, pace, kind, quantity, choices.pick(("", gas)))
    return (special, one) if choices.chance(60) else (special,)


def judgement(choices: Choices, pace: int, kind: str, quantity: str, gas: str) -> Judgement:
    """Limits and options for one kind."""
    window = pace * choices.pick((12, 6, 24, 4))
    points = float(choices.number(2, 4))
    options: dict[str, float] = {"window": float(window), "min_points": points}
    match kind:
        case "limit":
            return Judgement(quantity, gas, "u", _ladder(choices, pace, 0.25))
        case "rate":
            levels = _ladder(choices, pace, 0.25 / sec(pace))
            options["min_points"] = 2.0
            options["min_span"] = float(choices.pick((0, window // 2)))
            return Judgement(quantity, gas, "u/s", levels, options)
        case "trend":
            levels = _ladder(choices, pace, ODD / sec(pace))
            options["min_span"] = float(choices.pick((0, window // 2)))
            options["significance"] = choices.pick((0.0, 0.0, 2.0))
            if choices.chance(30):
                options["significance"] = 0.0
                options["confidence"] = choices.pick((0.0, 0.9, 0.95, 0.0, 0.99, 0.999))
                options["robust"] = choices.pick((0.0, 1.0))
            return Judgement(quantity, gas, "u/s", levels, options)
        case "deviation":
            levels = _ladder(choices, pace, 0.25)
            compared_with = {
                "from": choices.pick((0.0, 0.0, 1.0, 2.0, 3.0)),
                "set_point": choices.number(-4, 8) / 4,
                "max_age": float(choices.pick((0, pace // 2, 2 * pace, HOUR_NS))),
                "min_count": float(choices.number(0, 4)),
                "floor": choices.pick((0.0, 0.5)),
            }
            return Judgement(quantity, gas, "u", levels, compared_with)
        case "forecast":
            return _forecast(choices, pace, quantity, gas, options)
        case "flatline":
            options["min_span"] = float(window * 11 // 12)
            low = LevelLimits(
                low=choices.pick((0.0, 0.125, 0.5)),
                on_delay=_delay(choices, pace),
                off_delay=_delay(choices, pace),
            )
            return Judgement(quantity, gas, "u", _only(choices, low), options)
        case "accumulate":
            return Judgement(quantity, gas, "u", *_accumulated(choices, pace, window))
        case "shift":
            return Judgement(quantity, gas, "1", *_shifted(choices, pace))
        case "spike":
            return Judgement(quantity, gas, "1", *_spikes(choices, pace, window))
        case "range":
            return Judgement(quantity, gas, "1", *_ranged(choices, pace))
        case "balance":
            return flows(choices, window)
        case "multivariate":
            return vectors(choices, pace)
        case "wave":
            return Judgement(quantity, gas, "u", *_waves(choices, pace))
        case "blind":
            return Judgement(quantity, gas, "s", _gaps(choices, pace))
        case "vote":
            return Judgement(quantity, gas, "1", _counts(choices, pace))
        case "composite":
            term = LevelLimits(
                high=1.0, on_delay=_delay(choices, pace), off_delay=_delay(choices, pace)
            )
            return Judgement(quantity, gas, "1", _only(choices, term))
        case "ladder":
            return Judgement(quantity, gas, "1", *_promotion(choices, pace))
        case _:
            return Judgement(quantity, gas, "1", _only(choices, LevelLimits(high=1.0)))


def _gaps(choices: Choices, pace: int) -> Four:
    """Beyond some of the times for which the engine stands still."""
    longest = (5.0, 10.0, 15 * sec(pace), 25 * sec(pace), 1_800.0)
    highs = sorted(choices.pick(longest) + ODD for _ in range(4))
    first, second, third, fourth = (
        UNUSED if choices.chance(30) else LevelLimits(high=high, off_delay=_delay(choices, pace))
        for high in highs
    )
    return first, second, third, fourth


def _forecast(
    choices: Choices, pace: int, quantity: str, gas: str, options: dict[str, float]
) -> Judgement:
    """Loose gates, so that random values are forecast now and then."""
    within = sorted((choices.number(1, 40) * ODD * sec(pace) for _ in range(4)), reverse=True)
    levels = [
        UNUSED
        if choices.chance(30)
        else LevelLimits(
            low=low,
            deadband=sec(pace) * choices.pick((0, 0, 2)),
            on_delay=_delay(choices, pace),
            off_delay=_delay(choices, pace),
        )
        for low in within
    ]
    first, second, third, fourth = levels
    options |= {
        "min_points": float(choices.number(3, 4)),
        "min_span": float(choices.pick((0, 2 * pace))),
        "min_r2": choices.pick((0.0, ODD)),
        "significance": choices.pick((0.0, 1.0, 2.0)),
        "horizon": 100.125 * sec(pace),
        "method": choices.pick((0.0, 1.0)),
        "limit": choices.pick((10 + ODD, 12 + ODD)),
        "side": choices.pick((1.0, -1.0)),
        "noise": 1 / 128,
        "noise_gate": choices.pick((1.0, 3.0)),
        "max_error": choices.pick((0.5, 100.0)),
    }
    return Judgement(quantity, gas, "s", (first, second, third, fourth), options)


def _accumulated(choices: Choices, pace: int, window: int) -> tuple[Four, dict[str, float]]:
    of = choices.number(0, 6)
    unit = ODD * {0: 2.0, 1: sec(window) / 2}.get(of, 1.0)
    levels = _ladder(choices, pace, unit)
    sums = of in (0, 1, 3) and all(level.low is None for level in levels)
    options = {
        "window": float(window),
        "max_gap": float(choices.pick((window // 12, pace, 2 * pace, window))),
        "coverage": choices.pick((0.75, 0.5, 0.01)),
        "of": float(of),
        "bound": float(sums),
    }
    return levels, options


def _shifted(choices: Choices, pace: int) -> tuple[Four, dict[str, float]]:
    levels = _ladder(choices, pace, ODD)
    edges = [abs(x) for level in levels for x in (level.high, level.low) if x is not None]
    mild = min(edges, default=1.0)
    options = {
        "method": float(choices.number(0, 2)),
        "target": choices.pick((1.0, 0.0)),
        "sigma": choices.pick((2.0, 1.0, 0.7)),
        "weight": choices.pick((0.5, 0.2)),
        "memory": choices.pick((40.0, 30.0, 1000.0)),
        "mild": mild,
        "back": mild * choices.pick((0.5, 0.9)),
        "cap": max(edges, default=1.0) + 1.0,
        "side": choices.pick((0.0, 1.0, -1.0)),
    }
    return levels, options


def _spikes(choices: Choices, pace: int, window: int) -> tuple[Four, dict[str, float]]:
    high = LevelLimits(
        high=choices.pick((1.0, 2.0)),
        on_delay=_delay(choices, pace),
        off_delay=_delay(choices, pace),
    )
    options = {
        "window": float(window),
        "step": choices.pick((0.5, 1.0, 2.0)),
        "sigmas": choices.pick((0.0, 3.0)),
        "points": float(choices.pick((5, 1, 4, 11))),
        "longest": float(choices.number(1, 3)),
    }
    return _only(choices, high), options


def _ranged(choices: Choices, pace: int) -> tuple[Four, dict[str, float]]:
    loop = choices.chance(50)
    ends = (20.5, 3.8) if loop else (1.0, -1.0)
    level = LevelLimits(
        high=ends[0], low=ends[1], on_delay=_delay(choices, pace), off_delay=_delay(choices, pace)
    )
    return _only(choices, level), {"loop": float(loop), "low": -4.0, "span": 12.0}


def _waves(choices: Choices, pace: int) -> tuple[Four, dict[str, float]]:
    """A section that a wave needs some tens of bins for; nearly every step of the data is a drop."""
    levels = [
        UNUSED if choices.chance(30) else LevelLimits(high=high * ODD)
        for high in sorted(choices.number(1, 9) for _ in range(4))
    ]
    bin_ns = choices.pick((pace // 2, pace // 2, pace))
    length = 1000.0 * choices.pick((1, 20, 400))
    speed = length / (sec(bin_ns) * choices.pick((10, 20, 40)))
    first, second, third, fourth = levels
    options = {
        "bin": float(bin_ns),
        "length": length,
        "speed": speed,
        "flow": speed * choices.pick((0.0, 0.002, -0.003)),
        "speed_error": speed * choices.pick((0.0, 0.01)),
        "clock_error": 0.0,
        "margin": length / choices.pick((50, 10)),
        "gate": choices.pick((1.0, 3.0)),
        "noise": choices.pick((0.0, ODD / 64, ODD / 4)),
        "least": choices.pick((ODD / 100, ODD / 2)),
        "hold": float(choices.pick((5, 30, 1000)) * pace),
        "ratio": choices.pick((2.0, 10.0, 100.0)),
        "up_spacing": choices.pick((0.0, 0.0, length / 20)),
        "down_spacing": choices.pick((0.0, 0.0, length / 10)),
        "start": choices.pick((0.0, -ODD, 12345.0)),
        "ascending": choices.pick((1.0, -1.0)),
    }
    return (first, second, third, fourth), options


def _counts(choices: Choices, pace: int) -> Four:
    """How many are needed of each level; a graver one may need fewer."""
    first, second, third, fourth = (
        UNUSED
        if choices.chance(25)
        else LevelLimits(
            high=float(choices.pick((1, 2, 2, 3))),
            on_delay=_delay(choices, pace),
            off_delay=_delay(choices, pace),
        )
        for _ in range(4)
    )
    return first, second, third, fourth


def _promotion(choices: Choices, pace: int) -> tuple[Four, dict[str, float]]:
    blue, yellow, orange = (float(choices.number(1, 3)) for _ in range(3))
    on, off = _delay(choices, pace), _delay(choices, pace)
    limits = [
        LevelLimits(high=count, on_delay=on, off_delay=off) for count in (blue, yellow, orange)
    ]
    options = {
        "by_asset": float(choices.chance(40)),
        "items": float(choices.chance(50)),
        "first_hand": float(choices.chance(30)),
        "blue": blue,
        "yellow": yellow,
        "orange": orange,
    }
    return (UNUSED, limits[0], limits[1], limits[2]), options


def _only(choices: Choices, level: LevelLimits) -> Four:
    at = choices.number(0, 3)
    first, second, third, fourth = (level if i == at else UNUSED for i in range(4))
    return first, second, third, fourth


def _delay(choices: Choices, pace: int) -> int:
    return choices.pick((0, 0, pace // 2, pace, 5 * pace // 2, 5 * pace))


def _ladder(choices: Choices, pace: int, unit: float) -> Four:
    """Levels that grow graver outward; on a middle level a side or the whole may be missing."""
    highs, lows = choices.chance(80), choices.chance(35)
    highs = highs or not lows
    levels: list[LevelLimits] = []
    high, low = choices.number(4, 16), choices.number(-8, 0)
    for _ in range(4):
        high, low = high + choices.number(0, 6), low - choices.number(0, 6)
        if choices.chance(30):
            levels.append(UNUSED)
            continue
        levels.append(
            LevelLimits(
                high=high * unit if highs and not choices.chance(15) else None,
                low=low * unit if lows and not choices.chance(15) else None,
                deadband=unit * choices.pick((0, 0, 1, 4)),
                on_delay=_delay(choices, pace),
                off_delay=_delay(choices, pace),
            )
        )
    first, second, third, fourth = levels
    return first, second, third, fourth


def changed(choices: Choices, pace: int, before: Configuration, names: int) -> Configuration:
    """One change that an operator could make; `names` is a number no sensor or rule has yet."""
    sensors = tuple(one for one in before.sensors if not one.retired)
    wanted = msgspec.structs.replace(before, sensors=sensors)
    what = choices.pick(
        ("limits", "rules", "retire", "add", "revive", "order", "range", "latching")
    )
    rules = list(before.rules)
    at = choices.number(0, max(0, len(rules) - 1))
    if what == "limits" and rules:
        anew = _judgements(choices, pace, rules[at].kind)
        rules[at] = msgspec.structs.replace(rules[at], judgements=anew)
    elif what == "rules":
        if rules and choices.chance(50):
            del rules[at]
        else:
            rules.insert(at, rule(choices, pace, names))
    elif what == "latching" and rules:
        rules[at] = msgspec.structs.replace(rules[at], latching=not rules[at].latching)
    elif what == "order":
        rules.reverse()
    elif what == "retire" and len(sensors) > 1:
        gone = choices.number(0, len(sensors) - 1)
        sensors = sensors[:gone] + sensors[gone + 1 :]
    elif what == "revive":
        sensors = tuple(msgspec.structs.replace(one, retired=False) for one in before.sensors)
    elif what == "range":
        at = choices.number(0, len(sensors) - 1)
        narrow = msgspec.structs.replace(sensors[at], high=6.0)
        sensors = (*sensors[:at], narrow, *sensors[at + 1 :])
    elif what == "add":
        sensors = (*sensors, sensor(choices, pace, names, before.links))
    wanted = msgspec.structs.replace(wanted, sensors=sensors, rules=tuple(rules))
    return continued(before, wanted)
