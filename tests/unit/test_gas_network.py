"""The gas-network site under the packs it takes: each incident is found, calm stays calm.

LIFELINE_SITE_DAYS says how many quiet days are run (1).
"""

from __future__ import annotations

import os
from pathlib import Path

from lifeline.engine.limits import DAY_NS
from lifeline.simulators.gas_network import gas_network
from lifeline.simulators.plant import Scenario
from watched_scenario import DAY_S, HOUR_S, START, happening, heard, usual

DAYS = float(os.environ.get("LIFELINE_SITE_DAYS", "1"))
SITE = gas_network(interval_s=120.0)


def incidents() -> Scenario:
    """Every kind at its usual size, one after the other or far apart."""
    plan = [
        ("leak.corrosion", "m04", 1.0, 7.0),
        ("cover.open", "m09", 2.0, 3.0),
        ("governor.overpressure", "d05", 2.0, 4.0),
        ("leak.governor", "d09", 3.0, 5.0),
        ("governor.freeze", "d02", 5.0, 7.0),
        ("odoriser.fault", "town", 1.0, 8.0),
        ("damage.third_party", "n21", 9.0, 9.5),
        ("service.break", "b02", 10.5, 12.0),
        ("gate.overpressure", "gate-1", 13.0, 14.5),
        ("gate.freeze", "gate-2", 17.0, 19.0),
        ("sewer.gas", "m02", 1.0, 20.0),
        ("holiday", "town", 14.0, 20.0),
    ]
    told = [usual(SITE, k, where, START, a * HOUR_S, b * HOUR_S) for k, where, a, b in plan]
    assert {h.kind for h in told} == {kind.kind for kind in SITE.causes}
    return happening(SITE, START, 20.0 * HOUR_S, 21, told)


def test_each_incident_of_its_usual_size_is_found_by_the_packs(tmp_path: Path) -> None:
    found = heard(tmp_path, incidents(), tail_s=1800.0)
    delays = {d.incident.kind: d.delay_s for d in found.detections}
    assert set(delays) == {k.kind for k in SITE.causes} - {"sewer.gas", "holiday"} | {"cover"}
    for kind, delay in delays.items():
        assert delay is not None, kind
        assert delay < (2.0 * HOUR_S if kind in ("leak.corrosion", "odoriser.fault") else HOUR_S), (
            kind
        )
    # Red is said of gas that can burn and of a main that was torn, and of nothing else.
    places = {r.subject.partition("-")[0] for r in found.raised("red") if "rupture" not in r.rule}
    assert places <= {"m04", "b02", "d09"}
    torn = [r for r in found.raised("red") if "rupture" in r.rule]
    assert all(9.0 <= (r.time - START) / 3.6e12 < 10.0 for r in torn)
    # What is no danger is not spoken of.
    assert not [r for r in found.records if r.subject == "m02-ch4"]


def test_quiet_days_say_nothing(tmp_path: Path) -> None:
    quiet = happening(SITE, START + 40 * DAY_NS, DAYS * DAY_S, 33)
    assert heard(tmp_path, quiet).records == []
