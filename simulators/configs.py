"""The configuration that reads simulated sites: `lifeline.yaml` beside `sensors.csv`.

Written for people to learn from: one source per site in its own payload shape, the tag list with the
plant's own units, and rules with their basis.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from lifeline.engine.errors import SpecError
from lifeline.engine.limits import SECOND_NS

from .plant import Point, Scenario
from .policies import rules_for, seconds
from .shapes import ZONE, source_description

COLUMNS: Final = (
    "id",
    "site",
    "source",
    "quantity",
    "unit",
    "asset",
    "name",
    "lat",
    "lon",
    "low",
    "high",
    "reports",
    "stale",
    "topic",
    "field",
    "gas",
    "lel_basis",
    "max_rate",
)
# The simulated beads are calibrated for methane at 5 %VOL.
LEL_BASIS: Final = "NFPA"
# Two samples of pure noise differ by more than this many σ less than once in 10^11 pairs.
NOISE_SIGMAS: Final = 10.0
# A gateway is heard at least this often, in grid steps; event sensors live by that.
HEARTBEAT_STEPS: Final = 5


def write_config(
    directory: Path,
    scenarios: Sequence[Scenario],
    broker_host: str,
    broker_port: int,
    *,
    username: str = "",
    password_env: str = "",
    node: str = "demo",
    outputs: dict[str, Any] | None = None,
) -> Path:
    """Write `lifeline.yaml` and `sensors.csv` into `directory` (which must exist) and return the
    path of the former. Existing files of these names are replaced.

    Scenarios, not sites, because delays and windows follow the run's length; each site once.
    `outputs` is the section of that name; without it alerts go to the same broker.
    """
    import yaml

    ids = [s.site.id for s in scenarios]
    if len(set(ids)) != len(ids):
        raise SpecError("a site stands twice", found=", ".join(ids), expected="each site once")
    broker: dict[str, Any] = {"host": broker_host, "port": broker_port}
    if username:
        broker |= {"username": username}
    if password_env:
        broker |= {"password_env": password_env}
    document = {
        "version": 1,
        "node": node,
        "storage": {"directory": "lifeline-data"},
        "broker": broker,
        "sites": [_site(s) for s in scenarios],
        "sensors": "sensors.csv",
        "sources": [_source(s) for s in scenarios],
        "rules": [rule for s in scenarios for rule in rules_for(s)],
        "outputs": {"mqtt": {}} if outputs is None else outputs,
    }
    _write_tags(directory / "sensors.csv", scenarios)
    path = directory / "lifeline.yaml"
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    path.write_text(f"# Simulated sites: {', '.join(ids)}.\n{text}", encoding="utf-8")
    return path


def _site(scenario: Scenario) -> dict[str, Any]:
    site = scenario.site
    return {
        "id": site.id,
        "tenant": site.tenant,
        "area": site.area,
        "name": site.title,
        "lat": site.lat,
        "lon": site.lon,
        "timezone": ZONE,
        **({"packs": [dict(take) for take in site.packs]} if site.packs else {}),
    }


def source_id(scenario: Scenario) -> str:
    """The id of a site's source."""
    return f"{scenario.site.id}-mqtt"


def _source(scenario: Scenario) -> dict[str, Any]:
    site = scenario.site
    step_s, window_s = site.step_ns / SECOND_NS, site.window_ns / SECOND_NS
    return {
        "id": source_id(scenario),
        "site": site.id,
        **source_description(site),
        # A message waits for the end of its gateway's window, a whole-second stamp is up to one
        # second old, and the network takes its time.
        "grace": seconds(1.0 + window_s),
        "heartbeat": seconds(HEARTBEAT_STEPS * step_s),
    }


def _write_tags(path: Path, scenarios: Sequence[Scenario]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        for scenario in scenarios:
            table.writerows(_row(scenario, p) for p in scenario.site.points)


def _row(scenario: Scenario, point: Point) -> dict[str, str]:
    site, wide = scenario.site, scenario.site.shape == "wide"
    rate = plausible_rate(scenario, point)
    return {
        "id": point.id,
        "site": site.id,
        "source": source_id(scenario),
        "quantity": point.quantity,
        "unit": point.unit,
        "asset": point.asset,
        "name": point.name,
        "lat": "" if point.lat is None else str(point.lat),
        "lon": "" if point.lon is None else str(point.lon),
        "low": f"{point.instrument.low:g}",
        "high": f"{point.instrument.high:g}",
        "reports": _reports(scenario, point),
        "stale": seconds(point.stale_s) if point.stale_s else "",
        "topic": site.gateways[point.gateway].name if wide else "",
        "field": point.id if wide else "",
        "gas": point.gas,
        "lel_basis": LEL_BASIS if point.gas else "",
        "max_rate": "" if rate is None else f"{rate:.6g}",
    }


def _reports(scenario: Scenario, point: Point) -> str:
    if point.reports == "periodic":
        return f"periodic {seconds(scenario.site.gap_s(point))}"
    return "event" if point.reports == "event" else f"on_change {seconds(point.heartbeat_s)}"


def plausible_rate(scenario: Scenario, point: Point) -> float | None:
    """The greatest plausible change, in the plant's unit per second; None: the catalogue's.

    A point's own rate is that of its process, times the run's compression. Where samples come so
    fast that noise alone would exceed the rate, the noise sets it.
    """
    from lifeline.engine.quantities import quantity

    sheet = point.instrument
    noise = NOISE_SIGMAS * math.sqrt(2.0) * sheet.noise / scenario.site.gap_s(point)
    if point.max_rate is not None:
        return max(point.max_rate * point.gain * scenario.script.compression, noise)
    low, high = ((x - point.zero) / point.gain for x in (sheet.low, sheet.high))
    usual = quantity(point.quantity).plausible_rate(low, high) * point.gain
    return noise if usual < noise else None
