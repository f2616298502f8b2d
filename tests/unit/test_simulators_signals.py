"""What a run's own state reaches is labelled: spells by hand, and a July that nobody ordered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from lifeline.engine.config.packs.library import installed
from lifeline.engine.frame import Float64, Int64
from lifeline.engine.limits import DAY_NS, HOUR_NS, MINUTE_NS
from lifeline.simulators.cause import Happening, Run
from lifeline.simulators.forest_station import SIGNALS
from lifeline.simulators.incidents import Incident
from lifeline.simulators.signals import Signal, reached
from lifeline.simulators.sites import site_named
from watched_scenario import happening, heard

STATION = site_named("weather")
#: The fifth of July 2026, 16:00 UTC.
JULY = 20_639 * DAY_NS + 16 * HOUR_NS
HEAT = Signal(
    "air_temp", "hot.day", {"yellow": 35.0, "red": 40.0}, "Cel", "{size}", "{size}", window_s=600.0
)


class Given:
    """A world whose temperature is given minute by minute."""

    def __init__(self, minutes: list[float]) -> None:
        self._minutes = np.array(minutes)

    def advance(self, times_ns: Int64) -> Mapping[str, Float64]:
        return {"air_temp": self._minutes[(times_ns - JULY) // MINUTE_NS]}


def spells(
    minutes: list[float], *signals: Signal, known: tuple[Incident, ...] = ()
) -> list[tuple[int, int, str, float]]:
    site = replace(STATION, signals=signals or (HEAT,))
    run = Run(JULY, 60.0 * len(minutes), 1)
    found = reached(site, run, lambda: Given(minutes), known)
    return [
        ((i.onset_ns - JULY) // MINUTE_NS, (i.end_ns - JULY) // MINUTE_NS, i.level, i.size)
        for i in found
    ]


def test_a_value_has_to_hold_for_its_time() -> None:
    assert spells([30.0] * 20 + [36.0] * 9 + [30.0] * 20) == []
    assert spells([30.0] * 20 + [36.0] * 10 + [30.0] * 20) == [(20, 30, "yellow", 36.0)]
    # Forty degrees for nine minutes are no red.
    assert spells([36.0] * 30 + [41.0] * 9 + [36.0] * 30) == [(0, 69, "yellow", 41.0)]
    assert spells([36.0] * 30 + [41.0] * 10 + [36.0] * 30) == [(0, 70, "red", 41.0)]


def test_spells_near_each_other_are_one() -> None:
    day = [36.0] * 20
    assert len(spells(day + [30.0] * 179 + day)) == 1
    assert len(spells(day + [30.0] * 181 + day)) == 2


def test_what_an_instrument_may_miss_moves_the_edges_and_asks_for_no_graver_level() -> None:
    spared = replace(HEAT, spare=0.01)
    assert spells([34.7] * 15 + [40.2] * 15 + [34.7] * 15, spared) == [(0, 45, "yellow", 40.2)]
    assert spells([34.9] * 60, spared) == []
    assert spells([34.7] * 15 + [40.5] * 15, spared) == [(0, 30, "red", 40.5)]
    stands = replace(HEAT, deadband=0.5)
    assert spells([30.0] * 5 + [36.0] * 15 + [34.6] * 300, stands) == [(5, 320, "yellow", 36.0)]


def test_means_sums_and_what_falls() -> None:
    mean = Signal("air_temp", "m", {"yellow": 10.0}, "", "", "", of="mean", window_s=600.0)
    assert spells([0.0] * 10 + [20.0] * 4 + [0.0] * 10, mean) == []
    # The mean of ten minutes is 10 after five of 20, until ten after the fifth.
    assert spells([0.0] * 10 + [20.0] * 5 + [0.0] * 10, mean) == [(14, 20, "yellow", 10.0)]
    rain = Signal("air_temp", "r", {"orange": 30.0}, "", "", "", of="sum", window_s=3600.0)
    assert spells([60.0] * 29 + [0.0] * 60, rain) == []
    ((onset, end, level, fell),) = spells([60.0] * 30 + [0.0] * 60, rain)
    assert (onset, end, level) == (29, 60, "orange")
    assert fell == pytest.approx(30.0)
    dry = Signal("air_temp", "d", {"yellow": 30.0, "orange": 20.0}, "", "", "", falls=True)
    assert spells([50.0] * 5 + [25.0] * 5 + [50.0] * 5, dry) == [(5, 10, "yellow", 25.0)]
    assert spells([50.0] * 5 + [15.0] * 5 + [50.0] * 5, dry) == [(5, 10, "orange", 15.0)]


def test_windows_of_one_kind_are_one_label_and_a_known_one_goes_before() -> None:
    short = replace(HEAT, limits={"orange": 37.0}, window_s=1200.0)
    assert spells([36.0] * 30 + [38.0] * 30, HEAT, short) == [(0, 60, "orange", 38.0)]
    known = Incident("x", "s", "d", "heat", ("air_temp",), JULY, JULY + HOUR_NS, "red", "", "")
    assert spells([36.0] * 30, known=(known,)) == []
    assert spells([36.0] * 30, known=(replace(known, sensors=("wind",)),)) != []
    assert spells([36.0] * 61, known=(known,)) == [(0, 61, "yellow", 36.0)]


def test_what_july_and_a_short_heat_bring_is_labelled_found_and_nothing_else_alarms(
    tmp_path: Path,
) -> None:
    """Too short a heat for a label of its own, and a gale just below one: the true weather tells."""
    what = [
        Happening("heat", "station", JULY + 2 * DAY_NS, JULY + 3 * DAY_NS + 12 * HOUR_NS, 41.5),
        Happening("gale", "station", JULY + 5 * DAY_NS, JULY + 5 * DAY_NS + 9 * HOUR_NS, 18.2),
    ]
    found = heard(tmp_path, happening(STATION, JULY, 8 * 86_400.0, 5, what))
    kinds = [d.incident.kind for d in found.detections]
    assert kinds.count("hot.day") >= 2
    assert kinds.count("strong.wind") == 1
    for one in found.detections:
        assert one.delay_s is not None, one.incident
    for record in found.records:
        if record.transition == "raised" and record.rule.startswith("weather."):
            assert any(
                d.incident.onset_ns <= record.time <= d.incident.end_ns + 10 * MINUTE_NS
                for d in found.detections
            ), record


def test_the_forest_s_signals_are_those_of_its_pack() -> None:
    whole = yaml.safe_load(installed()["forest.fire"].read_text("utf-8"))["rules"]
    rules = {rule["id"]: rule for rule in whole}
    of = {"index": "index", "fuel": "moisture", "humidity": "humidity", "wind": "wind"}
    for signal in SIGNALS:
        limits = rules[of[signal.point]]["low" if signal.falls else "high"]
        assert {k: float(str(x).split()[0]) for k, x in limits.items()} == signal.limits
