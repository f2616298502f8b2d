"""The oil line as a site under its pack: what leaks is found, what a dispatcher does raises nothing.

LIFELINE_OIL_DAYS says how many days of stories without a danger are judged (0: an hour or two).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from lifeline.engine.backtest import Verdicts, judge, verdicts
from lifeline.engine.config import load
from lifeline.engine.config.packs.library import installed
from lifeline.engine.level import LEVELS
from lifeline.engine.limits import HOUR_NS, MINUTE_NS, SECOND_NS
from lifeline.engine.record import Record
from lifeline.simulators.cause import Happening, Run, kind_of, made
from lifeline.simulators.configs import write_config
from lifeline.simulators.faults import SensorFault
from lifeline.simulators.judging import Judging, Tally
from lifeline.simulators.labels import rows
from lifeline.simulators.oil_causes import CAUSES, MISSING, SHAKEN, share_of
from lifeline.simulators.oil_pipeline import oil_pipeline
from lifeline.simulators.oil_world import OilLine
from lifeline.simulators.plant import Scenario
from lifeline.simulators.script import scripted
from lifeline.simulators.sites import site_named
from lifeline.simulators.trials import labels_of, trial_of

SITE = site_named("oil-line")
START = 1_800_000_000 * SECOND_NS
DAYS = int(os.environ.get("LIFELINE_OIL_DAYS", "0"))
HARMLESS = ("pump.trip", "throttle", "line.stop", "batch")


def it(kind: str, where: str, at_h: float, hours: float, size: float | None = None) -> Happening:
    usual = kind_of(SITE, kind).usual if size is None else size
    onset, end = (START + round(h * 3600) * SECOND_NS for h in (at_h, at_h + hours))
    return Happening(kind, where, onset, end, usual)


def run_of(hours: float, seed: int, what: Sequence[Happening]) -> Scenario:
    script = scripted(SITE, Run(START, 3600.0 * hours, seed), what, [])
    return Scenario(SITE, START, 3600.0 * hours, seed, script, 3600.0 * hours)


def heard(directory: Path, scenario: Scenario) -> Verdicts:
    plant = load(write_config(directory, [scenario], "127.0.0.1", 1883))
    return verdicts(judge(trial_of(scenario, plant)), 3 * MINUTE_NS)


def test_what_a_dispatcher_does_raises_nothing(tmp_path: Path) -> None:
    """A trip, a throttled delivery, a stop and a start, a batch front under way, in two hours."""
    what = [
        it("batch", "line", 0.05, 9.0),
        it("pump.trip", "station", 0.2, 0.3),
        it("throttle", "delivery", 0.75, 0.25),
        it("line.stop", "line", 1.15, 0.4),
    ]
    assert {h.kind for h in what} == set(HARMLESS)
    found = heard(tmp_path, run_of(2.1, 31, what))
    assert found.judged.trial.labels == ()
    assert found.alarms == ()


@pytest.mark.parametrize(("seed", "where"), [(32, "km-09"), (33, "km-37")])
def test_a_leak_is_found_by_balance_and_a_rupture_by_its_wave(
    tmp_path: Path, seed: int, where: str
) -> None:
    what = [
        it("leak", where, 1.1, 1.3),
        it("rupture", where, 2.7, 0.25),
    ]
    found = heard(tmp_path, run_of(3.0, seed, what))
    leak, rupture = found.found
    assert leak.first is not None
    assert leak.first - leak.label.onset < HOUR_NS
    assert set(leak.by_rule) >= {"pipe.oil.balance"}
    assert rupture.label.level == "red"
    assert rupture.by_rule["pipe.oil.wave"] - rupture.label.onset < 2 * MINUTE_NS
    assert rupture.by_rule["oil-line.rupture"] - rupture.label.onset < 15 * MINUTE_NS
    assert {verdict for _, verdict, _ in found.alarms} == {"incident"}


def test_what_a_meter_told_while_it_drifted_is_about_its_drift_for_an_hour(tmp_path: Path) -> None:
    """The hour's window is full of the drift when the meter is right again: the balance turns orange minutes later."""
    onset, end = START + 36 * MINUTE_NS, START + 151 * MINUTE_NS
    drift = SensorFault("drift", SITE.id, "drift", ("FT-IN",), onset, end, "", "", 15.0)
    lost = SensorFault("lost", SITE.id, "silent", ("FT-OUT",), end, end + MINUTE_NS, "", "")
    calm = run_of(3.6, 42, [])
    scenario = replace(calm, script=replace(calm.script, faults=(drift, lost)))
    assert [label.end for label in labels_of(scenario)] == [end + HOUR_NS, lost.end_ns]
    assert [row["end_ns"] for row in rows(scenario)] == [end + HOUR_NS, lost.end_ns]
    short = replace(scenario, duration_s=3 * 3600.0)
    assert labels_of(short)[0].end == short.end_ns
    ((alarm, verdict, _),) = heard(
        tmp_path, replace(scenario, script=replace(calm.script, faults=(drift,)))
    ).alarms
    assert alarm.rule == "pipe.oil.balance"
    assert [LEVELS[rise.level] for rise in alarm.rises] == ["yellow", "orange"]
    assert alarm.rises[-1].time > end + 3 * MINUTE_NS
    assert verdict == "fault"


def test_the_wave_tells_the_kilometre(tmp_path: Path) -> None:
    scenario = run_of(0.2, 34, [it("rupture", "km-31", 0.1, 0.1)])
    plant = load(write_config(tmp_path, [scenario], "127.0.0.1", 1883))
    judging = Judging(plant, [scenario], 10.0)
    tally, records = Tally(), list[Record]()
    for window in judging.windows():
        tally.take(window)
        records += window.records
    (first,) = (r for r in records if r.transition == "raised" and r.rule == "pipe.oil.wave")
    assert first.level_after == "red"
    place = judging.core.said("oil-line", "pipe.oil.wave~site")["position_m"]
    assert float(place) == pytest.approx(31_000.0, abs=500.0)
    (found,) = tally.detections([scenario])
    assert found.delay_s is not None  # an alarm of a group counts for its members


def test_what_the_machines_suffer_is_found(tmp_path: Path) -> None:
    what = [
        it("bearing", "pump-1", 0.3, 1.0),
        it("vibration", "pump-2", 0.3, 1.0),
        it("rectifier", "posts", 0.1, 3.0),
        it("strainer", "station", 1.6, 0.5),
        it("valve.closed", "delivery", 2.5, 0.3),
    ]
    found = heard(tmp_path, run_of(3.2, 35, what))
    assert {f.label.what for f in found.found} == {h.kind for h in what}
    for one in found.found:
        assert one.first is not None, one.label
    assert {verdict for _, verdict, _ in found.alarms} == {"incident"}


def test_no_cut_of_the_grid_changes_a_bit() -> None:
    what = [it("leak", "km-20", 0.02, 0.5), it("pump.trip", "station", 0.03, 0.2)]
    times = START + np.arange(4000, dtype=np.int64) * SITE.step_ns

    def world() -> object:
        return run_of(0.2, 4, what).script.world()

    whole = world().advance(times)  # type: ignore[attr-defined]
    cut = world()
    parts = [cut.advance(p) for p in np.split(times, [1, 33, 700, 1024, 2900])]  # type: ignore[attr-defined]
    for point in SITE.points:
        told = np.concatenate([p[point.id] for p in parts])
        assert np.array_equal(told, whole[point.id]), point.id


def test_what_leaves_the_line_is_what_a_hole_lets_out() -> None:
    """Half an hour after it opened the meters differ by the share that the label was made with."""
    leak = it("leak", "km-25", 0.1, 2.0, 20.0)
    world = OilLine(Run(START, 7200.0, 7), SITE.step_ns, (leak,))
    told = world.told(START + np.arange(36_000, dtype=np.int64) * SITE.step_ns)
    late = slice(-600, None)
    share = (told["FT-IN"] - told["FT-OUT"])[late].mean() / told["FT-IN"][late].mean()
    # The meters' own errors are 0.1 % each; the leak lowers the pressure that drives it.
    assert share == pytest.approx(share_of("km-25", 20.0), abs=0.006)


def test_levels_follow_from_size_and_place() -> None:
    def levels(kind: str, where: str, hours: float, size: float) -> list[str]:
        return [i.level for i in made(SITE, it(kind, where, 0.0, hours, size), 1)[0]]

    assert [levels("leak", "km-25", 3.0, mm) for mm in (2.0, 9.0, 14.0)] == [
        ["yellow"],
        ["yellow"],
        ["orange"],
    ]
    assert share_of("km-05", 14.0) > share_of("km-45", 14.0) > 0.02
    assert levels("valve.closed", "delivery", 0.1, 0.0) == []
    assert [levels("bearing", "pump-1", 2.0, k) for k in (20.0, 30.0, 42.0)] == [
        [],
        ["yellow"],
        ["orange"],
    ]
    assert [levels("strainer", "station", 1.0, kpa) for kpa in (100.0, 160.0, 200.0)] == [
        [],
        ["yellow"],
        ["orange"],
    ]
    assert levels("rectifier", "posts", 1.0, 90.0) == []
    for kind in HARMLESS:
        where = kind_of(SITE, kind).places(SITE)[0]
        assert levels(kind, where, 1.0, kind_of(SITE, kind).usual) == []


def test_the_labels_limits_are_those_of_the_pack() -> None:
    rules = {
        r["id"]: r for r in yaml.safe_load(installed()["pipe.oil"].read_text("utf-8"))["rules"]
    }

    def figures(found: dict[str, str]) -> dict[str, float]:
        return {level: float(text.split()[0]) for level, text in found.items()}

    assert figures(rules["vibration"]["high"]) == SHAKEN
    assert figures(rules["balance"]["loss"]) == {k: 100.0 * x for k, x in MISSING.items()}


def test_what_is_otherwise_than_in_the_pack_has_its_reason(tmp_path: Path) -> None:
    plant = load(write_config(tmp_path, [run_of(1.0, 1, [])], "127.0.0.1", 1883))
    basis = {rule.id: rule.basis for rule in plant.configuration.rules}
    assert "quiet within 0.5 kPa" in basis["pipe.oil.wave"]
    assert "some a day" in basis["pipe.oil.rupture"]


def test_intervals_are_checked_and_faster_ones_tell_the_same_line() -> None:
    for wrong in (0.01, 0.03, 1.0):
        with pytest.raises(ValueError, match="divides a second"):
            oil_pipeline(interval_s=wrong)
    fast = oil_pipeline(interval_s=0.02)
    assert fast.step_ns == 20_000_000
    for one, other in zip(SITE.points, fast.points, strict=True):
        slow = other.id not in ("PT-U", "PT-D")
        assert (fast.gap_s(other) == SITE.gap_s(one)) is slow


def test_a_story_has_every_kind_and_its_faults() -> None:
    run = SITE.scenario(START, 86_400.0, 3)
    assert {h.kind for h in run.script.happenings} == {k.kind for k in CAUSES}
    assert {f.kind for f in run.faults} == {"stuck", "spike", "silent", "late", "drift"}
    assert run.script.happenings == SITE.scenario(START, 86_400.0, 3).script.happenings


@pytest.mark.skipif(not DAYS, reason="LIFELINE_OIL_DAYS asks for days")
def test_days_without_a_danger_raise_nothing_but_about_faults(tmp_path: Path) -> None:
    base = SITE.scenario(START, 86_400.0 * DAYS, 36, DAYS)
    calm = [h for h in base.script.happenings if h.kind in HARMLESS]
    faults: tuple[SensorFault, ...] = base.faults
    script = scripted(SITE, Run(START, base.duration_s, 36), calm, faults)
    scenario = Scenario(SITE, START, base.duration_s, 36, script, 86_400.0)
    assert len(calm) == 4 * DAYS
    assert {verdict for _, verdict, _ in heard(tmp_path, scenario).alarms} == {"fault"}
