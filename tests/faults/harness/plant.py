"""Simulated sites that are never calm: limits in the middle of each sensor's own noise.

A fault shows only where something happens. So beside the sites' own rules every sensor has one that
its noise crosses again and again, some with delays, so that at any moment timers run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml

from lifeline.simulators.batch import Batch
from lifeline.simulators.city_gas import city_gas
from lifeline.simulators.configs import write_config
from lifeline.simulators.pipeline import pipeline
from lifeline.simulators.plant import Point, Scenario, Site
from lifeline.simulators.tailings import tailings

NODE: Final = "faulty"
# Some samples long, so that a timer runs most of the time and fires now and then.
DELAY: Final = "1500ms"
# A sensor whose value stands still has no middle that it crosses.
LEAST_DISTINCT: Final = 5
KINDS: Final = ("limit", "rate", "trend", "flatline")
# What the sensors' rules are like, in turn.
_TURNS: Final = ("at once", "raised late", "cleared late", "rate")


@dataclass(frozen=True, slots=True)
class Plant:
    """What a campaign runs: scenarios, and the file that configures an engine for them."""

    scenarios: tuple[Scenario, ...]
    config: Path

    @property
    def storage(self) -> Path:
        """Where the engine keeps its log."""
        return self.config.parent / "lifeline-data"

    def scenario(self, site: str) -> Scenario:
        """The scenario of a site."""
        return next(s for s in self.scenarios if s.site.id == site)


def three_sites() -> tuple[Site, ...]:
    """Gas every 0.4 s, water and a dam once: single values, arrays of points, wide objects."""
    return city_gas(interval_s=0.4), pipeline(lines=1), tailings(sections=1)


def write_plant(
    directory: Path,
    sites: Sequence[Site],
    start_ns: int,
    seconds: float,
    seed: int,
    port: int,
    *,
    stories: int = 1,
    kinds: Sequence[str] = KINDS,
    noisy: bool = True,
) -> Plant:
    """Scenarios from `start_ns` on, and their configuration, with rules within the noise if `noisy`.

    `stories` is how often the sites' incidents and faults play within the run; rules of other
    kinds than `kinds` are left out.
    """
    scenarios = tuple(site.scenario(start_ns, seconds, seed, stories) for site in sites)
    path = write_config(directory, scenarios, "127.0.0.1", port, node=NODE)
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    noise = [rule for s in scenarios for rule in noise_rules(s)] if noisy else []
    rules = document["rules"] + noise
    document["rules"] = [rule for rule in rules if rule["kind"] in kinds]
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    path.write_text(text, encoding="utf-8")
    return Plant(scenarios, path)


def noise_rules(scenario: Scenario) -> list[dict[str, Any]]:
    """A rule for each sensor that moves, its limits within what the sensor says in this run."""
    rows = Batch.concat(list(scenario.samples()))
    said = [rows.value[rows.sensor == i] for i in range(len(scenario.site.points))]
    moving = [
        (point, values[np.isfinite(values)])
        for point, values in zip(scenario.site.points, said, strict=True)
        if point.reports == "periodic" and len(np.unique(values)) >= LEAST_DISTINCT
    ]
    return [
        _rule(scenario.site, point, values, kind)
        for kind, (point, values) in zip(cycle(_TURNS), moving, strict=False)
    ]


def _rule(site: Site, point: Point, values: np.ndarray, kind: str) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "id": f"noise.{site.id}.{point.id}",
        "kind": "limit",
        "select": {"site": site.id, "sensor": point.id},
        "basis": "fault harness",
    }
    if kind == "rate":
        change = float(np.quantile(np.abs(np.diff(values)), 0.6))
        per_s = max(change, point.instrument.resolution) / site.gap_s(point)
        span_s = 4.0 * site.gap_s(point)
        return rule | {
            "kind": "rate",
            "rising": {"yellow": f"{per_s / 2:.9f} {point.unit}/s"},
            "span": f"{span_s:g}s",
            "min_span": f"{site.gap_s(point):g}s",
        }
    usual = (0.15, 0.25) if kind == "raised late" else (0.45, 0.6)
    blue, yellow = (float(np.quantile(values, q)) for q in usual)
    rule["high"] = {"blue": f"{blue:.9f} {point.unit}", "yellow": f"{yellow:.9f} {point.unit}"}
    if kind == "raised late":
        rule["on_delay"] = DELAY
    if kind == "cleared late":
        rule["off_delay"] = DELAY
    return rule
