"""What `kinds` measures of each rule kind: its rule, the plant that it judges, and how calm that is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from lifeline.engine.config.normals import LearnedGroup, LearnedLimits, LearnedNormal
from lifeline.engine.configuration import Configuration
from lifeline.engine.rule import Member, Rule, Select

GAS = "gas.combustible"


@dataclass(frozen=True, slots=True)
class Case:
    """One kind. `rules`: written rules, of which the last is the kind's; `{window}` where it has one.

    quantities   what the sensors of an asset measure, in order; sensor k of asset n is `n.k`
    around, noise   the values: normal, canonical
    more         further sections of lifeline.yaml
    normal       a learned normal for the two assets, as `normal.toml`
    widen        what the kind's rule must be for the whole plant, where it names sensors one by one
    """

    rules: str
    quantities: tuple[str, ...] = (GAS, GAS)
    around: float = 20.0
    noise: float = 1.0
    more: str = ""
    normal: LearnedNormal | None = None
    widen: Callable[[Rule, Configuration], Rule] | None = None

    @property
    def windowed(self) -> bool:
        """Whether the kind has a window."""
        return "{window}" in self.rules


FLOW = "pipe.oil.flow"
FAST = "pipe.oil.pressure.fast"
ALARMS = "- {id: l, kind: limit, high: {orange: 40 %LEL, red: 60 %LEL}, deadband: 2 %LEL}\n"
MARGIN = {"99 %": 1000.0}


def _pair(asset: int) -> LearnedGroup:
    """Two sensors that have nothing to do with each other, far within their limits."""
    return LearnedGroup(
        sensors=(f"{asset}.0", f"{asset}.1"),
        units=("%LEL", "%LEL"),
        samples=1_000,
        left_out=0,
        components=1,
        mean=(20.0, 20.0),
        scale=(1.0, 1.0),
        variance=(1.0, 1.0),
        loadings=((0.6, 0.8), (0.8, -0.6)),
        t2=LearnedLimits(MARGIN, MARGIN),
        q=LearnedLimits(MARGIN, MARGIN),
    )


def _ends_of_assets(rule: Rule, _: Configuration) -> Rule:
    """A wave rule names two sensors; here it is one section for each asset."""
    ends = tuple(Member(role=n, select=Select(sensor=(f"*.{n}",))) for n in range(2))
    return msgspec.structs.replace(rule, members=ends, per="asset")


def _normal_of_assets(rule: Rule, plant: Configuration) -> Rule:
    """Every asset of the plant is as the first one was."""
    assert rule.normal is not None
    learned = next(iter(rule.normal.groups.values()))
    groups = {
        f"{plant.sites[s.site].id}/{s.asset}": msgspec.structs.replace(
            learned, sensors=(f"{s.asset}.0", f"{s.asset}.1")
        )
        for s in plant.sensors
    }
    members = (Member(select=Select()),)
    normal = msgspec.structs.replace(rule.normal, groups=groups)
    return msgspec.structs.replace(rule, members=members, normal=normal)


CASES: dict[str, Case] = {
    "limit": Case(
        "- {id: r, kind: limit, high: {orange: 40 %LEL, red: 60 %LEL}, deadband: 2 %LEL}"
    ),
    "rate": Case("- {id: r, kind: rate, rising: {red: 10000 %LEL/s}, span: '{window}'}"),
    "trend": Case("- {id: r, kind: trend, rising: {red: 1000 %LEL/s}, window: '{window}'}"),
    "forecast": Case(
        "- {id: r, kind: forecast, rises_to: 90 %LEL, within: {red: 1s}, window: '{window}', min_r2: 0.8}"
    ),
    "deviation": Case(
        "- {id: r, kind: deviation, reference: {sensor: '*', same_asset: true}, beyond: {red: 20 %LEL}}"
    ),
    "accumulate": Case(
        "- {id: r, kind: accumulate, of: twa, window: '{window}', high: {red: 50 %LEL}}"
    ),
    "shift": Case(
        "- {id: r, kind: shift, target: 20 %LEL, sigma: 1 %LEL, beyond: {yellow: 20, red: 30}}"
    ),
    "spike": Case("- {id: r, kind: spike, step: 30 %LEL, window: '{window}', count: 3}"),
    "range": Case("- {id: r, kind: range, measuring: {low: 0 %LEL, high: 100 %LEL}, failure: red}"),
    "flatline": Case("- {id: r, kind: flatline, window: '{window}', tolerance: 0.001 %LEL}"),
    "stale": Case("- {id: r, kind: stale}"),
    "clock": Case("- {id: r, kind: clock}"),
    "blind": Case("- {id: r, kind: blind, beyond: {red: 1 h}}"),
    "vote": Case(ALARMS + "- {id: r, kind: vote, of: l, per: asset, need: 2}"),
    "composite": Case(
        ALARMS + "- {id: r, kind: composite, per: asset, all: [{of: l, at_least: red}], level: red}"
    ),
    "ladder": Case(ALARMS + "- {id: r, kind: ladder, per: asset, of: l}"),
    "balance": Case(
        "- {id: r, kind: balance, inflow: {sensor: '*.0', random: 0.25 %}, "
        "outflow: {sensor: '*.1', random: 0.25 %}, window: '{window}', loss: {red: 50 %}}",
        quantities=(FLOW, FLOW),
        around=540.0,
    ),
    "wave": Case(
        "- {id: r, kind: wave, upstream: '0.0', downstream: '0.1', length: 50 km, "
        "wave_speed: 1100 m/s, drop: {red: 100 kPa}}",
        quantities=(FAST, FAST),
        around=4_000.0,
        widen=_ends_of_assets,
    ),
    "multivariate": Case(
        "- {id: r, kind: multivariate, normal: normal.toml, beyond: {red: 1}}",
        normal=LearnedNormal(
            "asset", "2026-01-01", "2026-01-02", {f"s0/{n}": _pair(n) for n in range(2)}
        ),
        widen=_normal_of_assets,
    ),
}
