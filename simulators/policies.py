"""The rules that go with each simulated site: limits with their basis, delays fit for the run.

Limits are those of the standards named in `basis`, or marked as engineering defaults. What scales
with a run is said in the rule itself: windows and off-delays follow the length of the story, and on a
dam that lives ten days in a minute, millimetres per day are multiplied by that compression.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lifeline.engine.limits import PANES

from .plant import Scenario

Rule = dict[str, Any]

DEFAULT: Final = "engineering default"
# Windows and delays for plants that run in real time; shorter runs take a share of their story.
USUAL_OFF_DELAY_S: Final = 30.0
USUAL_WINDOW_S: Final = 900.0
USUAL_TREND_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Pace:
    """What a run leaves time for; all in seconds of event time."""

    story_s: float
    step_s: float
    compression: float

    @classmethod
    def of(cls, scenario: Scenario) -> Pace:
        """The pace of a scenario."""
        step_s = scenario.site.step_ns / 1e9
        return cls(scenario.story_s, step_s, scenario.script.compression)

    def off_delay(self) -> str:
        """30 s, or a twelfth of a short story."""
        return seconds(min(USUAL_OFF_DELAY_S, max(2.0, self.story_s / 12.0)))

    def window(self, share: float, usual_s: float, least_steps: int) -> float:
        """A share of the story between `least_steps` samples and `usual_s`, whole seconds."""
        return float(round(max(least_steps * self.step_s, min(usual_s, share * self.story_s))))


def seconds(value: float) -> str:
    """A duration as the configuration writes it."""
    return f"{round(value, 1):g}s"


def rules_for(scenario: Scenario) -> list[Rule]:
    """The site's rules, ready to be written as YAML; ids begin with the site's. Sites that take packs
    have few of their own."""
    site = scenario.site
    policy = _POLICY.get(site.name)
    rules = policy(Pace.of(scenario)) if policy else site.rules
    return [_of_site(site.id, rule) for rule in rules]


def _of_site(site_id: str, rule: Mapping[str, Any]) -> Rule:
    named = dict(rule)
    named["id"] = f"{site_id}.{rule['id']}"
    named["select"] = {"site": site_id, **rule["select"]}
    return named


def _city_gas(pace: Pace) -> list[Rule]:
    off = pace.off_delay()
    return [
        {
            "id": "combustible",
            "kind": "limit",
            "select": {"quantity": "gas.combustible"},
            "high": {"orange": "25 %LEL", "red": "50 %LEL"},
            "deadband": "2 %LEL",
            "on_delay": "3s",
            "off_delay": off,
            "basis": "GB/T 50493-2019 5.5.2",
        },
        {
            "id": "ch4-space",
            "kind": "limit",
            "select": {"quantity": "gas.ch4.space"},
            # A tenth of the lower explosive limit, below the pack's levels: sewer gas brings 0.35 %VOL here.
            "high": {
                "blue": "0.5 %VOL",
                "yellow": "1 %VOL",
                "orange": "2.5 %VOL",
                "red": "5 %VOL",
            },
            "deadband": "0.1 %VOL",
            "on_delay": "3s",
            "off_delay": off,
            "basis": f"{DEFAULT}: practice of adjacent-space monitoring; blue above this site's sewer gas",
        },
        {
            "id": "oxygen",
            "kind": "limit",
            "select": {"quantity": "gas.o2"},
            "low": {"orange": "19.5 %VOL"},
            "high": {"orange": "23.5 %VOL"},
            "deadband": "0.2 %VOL",
            "on_delay": "3s",
            "off_delay": off,
            "basis": "GB/T 50493-2019 5.5.2",
        },
        {
            "id": "governor-outlet",
            "kind": "limit",
            "select": {"quantity": "pipe.gas.pressure", "sensor": "s*-outlet"},
            "high": {"yellow": "3.5 kPa", "orange": "4 kPa"},
            "deadband": "0.2 kPa",
            "on_delay": "2s",
            "off_delay": off,
            "basis": f"{DEFAULT}: set point 2.5 kPa",
        },
        {
            "id": "cover",
            "kind": "limit",
            "select": {"quantity": "cover.tilt"},
            "high": {"yellow": "10 deg"},
            "deadband": "2 deg",
            "basis": DEFAULT,
        },
        {
            "id": "chamber-temperature",
            "kind": "limit",
            "select": {"quantity": "corridor.temp"},
            "high": {"yellow": "40 Cel"},
            "low": {"yellow": "-5 Cel"},
            "deadband": "1 Cel",
            "basis": "GB/T 51274 (copy: jxxtfz.com.cn 2661)",
        },
        _flatline("oxygen-frozen", "gas.o2", "0 %VOL", pace),
    ]


def _pipeline(pace: Pace) -> list[Rule]:
    off = pace.off_delay()
    span_s = pace.window(1.0 / 6.0, USUAL_WINDOW_S, 8)
    return [
        {
            "id": "pressure-low",
            "kind": "limit",
            "select": {"quantity": "pipe.water.pressure"},
            "low": {"orange": "140 kPa", "red": "80 kPa"},
            "deadband": "5 kPa",
            "on_delay": "2s",
            "off_delay": off,
            "basis": f"{DEFAULT}: least pressure at end users",
        },
        {
            "id": "pressure-drop",
            "kind": "rate",
            "select": {"quantity": "pipe.water.pressure"},
            # A tenth of the working pressure of 450 kPa within the span; a fifth, which no demand makes.
            "falling": {
                "yellow": f"{45.0 / span_s * 60.0:g} kPa/min",
                "orange": f"{90.0 / span_s * 60.0:g} kPa/min",
            },
            "span": seconds(span_s),
            "min_span": seconds(max(2.0, span_s / 4.0)),
            "off_delay": off,
            "basis": f"{DEFAULT}: PHMSA valve rule 2022, 10 % within 15 min, orange twice that; span {span_s:g} s here",
        },
        {
            "id": "turbidity",
            "kind": "limit",
            "select": {"quantity": "water.turbidity"},
            "high": {"yellow": "1 NTU", "orange": "5 NTU"},
            "deadband": "0.1 NTU",
            "off_delay": off,
            "basis": f"{DEFAULT}: GB 5749, 1 NTU",
        },
        {
            "id": "bearing",
            "kind": "limit",
            "select": {"quantity": "machine.temperature"},
            "high": {"yellow": "40 Cel", "orange": "70 Cel"},
            "deadband": "2 Cel",
            "on_delay": "2s",
            "off_delay": off,
            "basis": DEFAULT,
        },
        {
            "id": "tank",
            "kind": "limit",
            "select": {"quantity": "tank.level"},
            "high": {"yellow": "85 %", "orange": "90 %"},
            "low": {"yellow": "10 %", "orange": "5 %"},
            "deadband": "1 %",
            "basis": DEFAULT,
        },
        _flatline("pressure-frozen", "pipe.water.pressure", "0 kPa", pace),
    ]


def _tailings(pace: Pace) -> list[Rule]:
    off = pace.off_delay()
    return [
        {
            "id": "phreatic",
            "kind": "limit",
            "select": {"quantity": "dam.phreatic.depth"},
            "low": {"blue": "5.2 m", "yellow": "4.8 m", "orange": "4.4 m", "red": "4 m"},
            "deadband": "0.05 m",
            "off_delay": off,
            "basis": "GB 51108-2015 8.3: orange 1.1 x red; red 4 m by site; 1.2 x and 1.3 x default",
        },
        _creep_rule(pace),
        {
            "id": "pond",
            "kind": "limit",
            "select": {"quantity": "dam.pond.level"},
            "high": {"blue": "151.5 m", "yellow": "151.7 m", "orange": "151.85 m", "red": "152 m"},
            "deadband": "0.02 m",
            "off_delay": off,
            "basis": f"{DEFAULT}: design flood level 152 m",
        },
        {
            "id": "rain",
            "kind": "limit",
            "select": {"quantity": "weather.rain"},
            "high": {"yellow": "16 mm/h", "orange": "50 mm/h"},
            "deadband": "1 mm/h",
            "off_delay": off,
            "basis": DEFAULT,
        },
        {
            "id": "seepage",
            "kind": "limit",
            "select": {"quantity": "dam.seepage.flow"},
            "high": {"yellow": "18 L/s"},
            "deadband": "0.5 L/s",
            "off_delay": off,
            "basis": f"{DEFAULT}: twice the 9 L/s of a wet season",
        },
        {
            "id": "seepage-turbid",
            "kind": "limit",
            "select": {"quantity": "dam.seepage.turbidity"},
            "high": {"yellow": "10 NTU", "orange": "40 NTU"},
            "deadband": "0.5 NTU",
            "off_delay": off,
            "basis": f"{DEFAULT}: twice the ordinary 5 NTU",
        },
        _flatline("piezometer-frozen", "dam.phreatic.depth", "0 m", pace),
    ]


def _creep_rule(pace: Pace) -> Rule:
    factor = pace.compression
    window_s = pace.window(1.0 / 10.0, USUAL_TREND_S, 6)
    told = "" if factor == 1.0 else f"; x {factor:g}, since this run tells {factor:g} s in one"
    levels = {"blue": 5, "yellow": 10, "orange": 20, "red": 50}
    return {
        "id": "creep",
        "kind": "trend",
        "select": {"quantity": ["dam.disp.horizontal", "dam.disp.vertical"]},
        "rising": {level: f"{mm_d * factor:g} mm/d" for level, mm_d in levels.items()},
        "window": seconds(window_s),
        "min_span": seconds(window_s / 2.0),
        "deadband": f"{1.0 * factor:g} mm/d",
        "off_delay": pace.off_delay(),
        "basis": f"{DEFAULT}: 5/10/20/50 mm/d{told}",
    }


def _flatline(name: str, quantity: str, tolerance: str, pace: Pace) -> Rule:
    return {
        "id": name,
        "kind": "flatline",
        "select": {"quantity": quantity},
        # At least a sample a pane: a window of fewer never spans the eleven panes it must.
        "window": seconds(pace.window(1.0 / 5.0, USUAL_WINDOW_S, PANES)),
        "tolerance": tolerance,
        "level": "blue",
        "basis": DEFAULT,
    }


_POLICY: Final[dict[str, Callable[[Pace], list[Rule]]]] = {
    "city-gas": _city_gas,
    "pipeline": _pipeline,
    "tailings": _tailings,
}
