"""The corridor site under the packs it takes: each incident is found, calm stays calm.

LIFELINE_SITE_DAYS says how many quiet days are run (3).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lifeline.engine.limits import DAY_NS
from lifeline.simulators.corridor import corridor
from watched_scenario import DAY_S, HOUR_S, START, happening, heard, usual

DAYS = float(os.environ.get("LIFELINE_SITE_DAYS", "3"))
SITE = corridor(sections=1)
# How soon, in hours.
SOON = {
    "gas.leak": 1.0,
    "cable.fire": 0.25,
    "cable.overload": 2.0,
    "inert.release": 1.5,
    "sewer.gas": 2.5,
    "pipe.burst": 0.25,
    "pump.failure": 4.0,
}


@pytest.mark.parametrize("summer", [0, 180])
def test_each_incident_of_its_usual_size_is_found_by_the_packs(tmp_path: Path, summer: int) -> None:
    plan = [
        ("gas.leak", "s1-gas", 1.0, 4.0),
        ("inspection", "s1-pipes", 0.5, 2.5),
        ("cable.overload", "s1-power", 1.0, 5.0),
        ("sewer.gas", "s1-pipes", 3.0, 6.0),
        ("pump.failure", "s1-gas", 5.0, 10.0),
        ("pipe.burst", "s1-pipes", 7.0, 8.0),
        ("fan.failure", "s1-power", 6.0, 9.0),
        ("inert.release", "s1-power", 7.0, 10.0),
        ("cable.fire", "s1-power", 12.0, 12.5),
    ]
    begin = START + summer * DAY_NS
    told = [usual(SITE, k, w, begin, a * HOUR_S, b * HOUR_S) for k, w, a, b in plan]
    assert {h.kind for h in told} == {kind.kind for kind in SITE.causes}
    found = heard(tmp_path, happening(SITE, begin, 14.0 * HOUR_S, 21 + summer, told))
    assert {d.incident.kind for d in found.detections} == set(SOON)
    for one in found.detections:
        assert one.delay_s is not None, one.incident
        assert one.delay_s < SOON[one.incident.kind] * HOUR_S, one.incident
    assert {r.subject for r in found.raised("red")} <= {"s1-power-co", "s1-gas-lel"}


@pytest.mark.parametrize("month", [0, 150, 200])
def test_quiet_days_say_nothing_red_or_orange(tmp_path: Path, month: int) -> None:
    """In a humid summer the walls sweat, and the pack says so at its lowest levels."""
    found = heard(tmp_path, happening(SITE, START + month * DAY_NS, DAYS * DAY_S, 33))
    assert found.raised("orange") == []
    assert {r.rule for r in found.records} <= {"corridor.humidity"}
