"""The metro site under the packs it takes: each incident is found, calm stays calm.

LIFELINE_SITE_DAYS says how many quiet days are run (30).
"""

from __future__ import annotations

import os
from pathlib import Path

from lifeline.simulators.metro import metro
from watched_scenario import DAY_S, START, happening, heard, usual

DAYS = float(os.environ.get("LIFELINE_SITE_DAYS", "30"))
SITE = metro(sections=4, interval_s=1800.0)
# How soon, in days: what is dug takes its time.
SOON = {
    "excavation": 30.0,
    "dewatering": 3.0,
    "seepage": 5.0,
    "bed.void": 20.0,
    "gas.seep": 0.5,
    "piling": 0.1,
}


def test_each_incident_of_its_usual_size_is_found_by_the_packs(tmp_path: Path) -> None:
    plan = [
        ("excavation", "r02", 2.0, 37.0),
        ("dewatering", "r04", 3.0, 25.0),
        ("seepage", "r03", 5.0, 20.0),
        ("bed.void", "r01", 4.0, 30.0),
        ("gas.seep", "r01", 6.0, 8.0),
        ("piling", "r03", 10.0, 10.3),
        ("grinding", "r01", 12.0, 14.0),
        ("fans.off", "line", 15.0, 17.0),
    ]
    told = [usual(SITE, k, w, START, a * DAY_S, b * DAY_S) for k, w, a, b in plan]
    assert {h.kind for h in told} == {kind.kind for kind in SITE.causes}
    found = heard(tmp_path, happening(SITE, START, 38.0 * DAY_S, 21, told))
    assert {d.incident.kind for d in found.detections} == set(SOON)
    for one in found.detections:
        assert one.delay_s is not None, one.incident
        assert one.delay_s < SOON[one.incident.kind] * DAY_S, one.incident
    assert {r.subject for r in found.raised("red")} <= {"r01-lel", "r03-ppv", "r02-settlement"}


def test_quiet_days_say_nothing(tmp_path: Path) -> None:
    assert heard(tmp_path, happening(SITE, START, DAYS * DAY_S, 33)).records == []
