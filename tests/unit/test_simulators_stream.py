"""Streams are deterministic, numbered, stamped without collision, and broken exactly as labelled."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest

from lifeline.engine.errors import SpecError
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.quantities import quantity
from lifeline.engine.units import affine, find_gas
from lifeline.simulators.batch import FLAG_FAULT, FLAG_OVER, Batch
from lifeline.simulators.breaker import BACKLOG_PACE
from lifeline.simulators.cause import Happening, Run
from lifeline.simulators.city_gas import city_gas
from lifeline.simulators.faults import FaultKind, SensorFault
from lifeline.simulators.pipeline import pipeline
from lifeline.simulators.plant import Scenario, Script, Site
from lifeline.simulators.script import scripted
from lifeline.simulators.sites import SITES, all_sites, site_named
from lifeline.simulators.stream import Stream
from lifeline.simulators.tailings import tailings

START = 1_800_000_000 * SECOND_NS
EVERY_SITE = pytest.mark.parametrize("build", [pytest.param(b, id=n) for n, b in SITES.items()])
Build = Callable[[], Site]


def whole(scenario: Scenario) -> Batch:
    return Batch.concat(list(scenario.samples()))


def index_of(site: Site, sensor: str) -> int:
    return [p.id for p in site.points].index(sensor)


def of(site: Site, rows: Batch, sensor: str) -> Batch:
    return rows.take(rows.sensor == index_of(site, sensor))


@EVERY_SITE
def test_the_same_arguments_give_the_same_samples(build: Build) -> None:
    one, two = (whole(build().scenario(START, 120.0, 5)) for _ in range(2))
    assert one.same_as(two)
    assert not one.same_as(whole(build().scenario(START, 120.0, 6)))


@EVERY_SITE
def test_samples_are_due_in_order_and_numbered_from_one(build: Build) -> None:
    site = build()
    rows = whole(site.scenario(START, 180.0, 3))
    assert np.all(np.diff(rows.due) >= 0)
    for sensor in range(len(site.points)):
        numbers = np.unique(rows.number[rows.sensor == sensor])
        assert numbers.tolist() == list(range(1, len(numbers) + 1))
        assert len(numbers) > 0


@EVERY_SITE
@pytest.mark.parametrize("seed", range(4))
def test_no_two_samples_of_a_sensor_bear_one_stamp(build: Build, seed: int) -> None:
    """Not even with a clock set back: the audit knows samples by (sensor, time)."""
    site = build()
    rows = whole(site.scenario(START, 300.0, seed, intensity=2))
    for sensor in range(len(site.points)):
        mine = rows.take(rows.sensor == sensor)
        assert len(np.unique(mine.time)) == len(np.unique(mine.number))


@EVERY_SITE
def test_stamps_have_the_resolution_of_the_payload(build: Build) -> None:
    site = build()
    rows = whole(site.scenario(START + 123, 60.0, 3))
    assert np.all(rows.time % site.resolution_ns == 0)
    quiet = whole(site.scenario(START + 123, 60.0, 3, intensity=0))
    assert np.all((quiet.due >= quiet.time) & (quiet.due - quiet.time < site.resolution_ns))
    assert quiet.due.min() >= START + SECOND_NS  # a start is moved up to a whole second


@EVERY_SITE
def test_a_quiet_run_has_no_labels_no_flags_and_no_gaps(build: Build) -> None:
    site = build()
    scenario = site.scenario(START, 120.0, 3, intensity=0)
    rows = whole(scenario)
    assert scenario.labels == ()
    assert not rows.flag.any()
    assert np.isfinite(rows.value).all()
    for sensor, point in enumerate(site.points):
        if point.reports == "periodic":
            gaps = np.diff(rows.time[rows.sensor == sensor])
            assert set(gaps.tolist()) == {round(site.gap_s(point) * SECOND_NS)}


@EVERY_SITE
def test_a_live_run_begins_and_ends_on_time(build: Build) -> None:
    scenario = build().scenario(START, 60.0, 3, intensity=0)
    rows = whole(scenario)
    assert rows.due.min() < START + 2 * SECOND_NS
    assert START + 55 * SECOND_NS < rows.due.max() < START + 61 * SECOND_NS


@EVERY_SITE
def test_units_are_those_that_the_engine_converts_back(build: Build) -> None:
    for point in build().points:
        gas = find_gas(point.gas) if point.gas else None
        scale, offset = affine(point.unit, quantity(point.quantity), gas=gas)
        assert scale * point.gain == pytest.approx(1.0)
        assert point.zero * scale + offset == pytest.approx(0.0, abs=1e-9)


def test_the_three_sites_speak_three_shapes_and_many_units() -> None:
    sites = all_sites()
    assert [s.shape for s in sites] == ["single", "points", "wide"]
    assert {"ppm", "%VOL", "%LEL", "MPa", "kPa", "mbar", "°C", "°F", "NTU", "mm", "m", "mm/h"} | {
        "L/s",
        "m3/h",
    } <= {p.unit for s in sites for p in s.points}


def test_sites_grow_by_argument() -> None:
    assert len(city_gas(manholes=30).gateways) == 10
    assert len(pipeline(lines=3).points) == 27
    assert len(tailings(sections=4).points) == 30


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: city_gas(manholes=2),
        lambda: pipeline(lines=0),
        lambda: tailings(sections=10),
        lambda: tailings(interval_s=0.5),
        lambda: city_gas().scenario(START, 60.0, 1, intensity=-1),
        lambda: list(city_gas().scenario(START, 60.0, 1).samples(0.0)),
    ],
)
def test_impossible_sites_and_runs_are_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="found"):
        wrong()


def test_an_unknown_site_is_answered_with_the_known_ones() -> None:
    with pytest.raises(SpecError, match=r"city-gas, .*pipeline, .*tailings, .*weather"):
        site_named("city-gass")


def test_event_points_speak_only_when_something_changes() -> None:
    site = city_gas()
    scenario = site.scenario(START, 60.0, 7)
    rows = whole(scenario)
    opened = {s for i in scenario.incidents if i.kind == "cover" for s in i.sensors}
    for place in range(6):
        cover = f"m0{place + 1}-cover"
        values = of(site, rows, cover).value.tolist()
        assert values in ([0.0, 35.0], [0.0, 35.0, 0.0]) if cover in opened else values == [0.0]


def test_on_change_points_repeat_themselves_after_a_heartbeat() -> None:
    site = pipeline()
    rows = whole(site.scenario(START, 600.0, 7, intensity=0))
    valve = of(site, rows, "XV-101")
    assert set(np.diff(valve.due).tolist()) == {60 * SECOND_NS}
    assert set(valve.value.tolist()) == {1.0}


# --- faults --------------------------------------------------------------------------------------


def broken(kind: FaultKind, *sensors: str, amount: float = 0.0) -> tuple[Site, Batch, Batch]:
    """A quiet pipeline run, whole and with one fault from second 20 to 40."""
    site = pipeline()
    scenario = site.scenario(START, 80.0, 3, intensity=0)
    fault = SensorFault(
        "f", site.id, kind, sensors, START + 20 * SECOND_NS, START + 40 * SECOND_NS, "", "", amount
    )
    script = Script((), (fault,), scenario.script.world)
    return site, whole(scenario), whole(dataclasses.replace(scenario, script=script))


def during(rows: Batch) -> np.ndarray:
    return (rows.due >= START + 20 * SECOND_NS) & (rows.due < START + 40 * SECOND_NS)


def test_a_stuck_sensor_repeats_its_last_healthy_value() -> None:
    site, healthy, faulty = broken("stuck", "PT-101")
    before, after = of(site, healthy, "PT-101"), of(site, faulty, "PT-101")
    inside = during(after)
    assert set(after.value[inside].tolist()) == {float(before.value[~during(before)][19])}
    assert after.value[~inside].tolist() == before.value[~inside].tolist()
    assert len(after) == len(before)


def test_a_silent_sensor_sends_nothing_and_goes_on_counting_without_a_gap() -> None:
    site, healthy, faulty = broken("silent", "PT-101", "PT-102")
    after = of(site, faulty, "PT-102")
    assert not during(after).any()
    assert len(after) == len(of(site, healthy, "PT-102")) - 20
    assert after.number.tolist() == list(range(1, len(after) + 1))


def test_spikes_go_to_the_end_of_the_range_every_so_many_samples() -> None:
    site, _, faulty = broken("spike", "FT-101", amount=5.0)
    after = of(site, faulty, "FT-101")
    assert (after.value[during(after)] == 5000.0).sum() == 4
    assert (after.value[~during(after)] == 5000.0).sum() == 0


def test_drift_grows_to_its_amount() -> None:
    site, healthy, faulty = broken("drift", "FT-202", amount=10.0)
    moved = of(site, faulty, "FT-202").value - of(site, healthy, "FT-202").value
    inside = during(of(site, healthy, "FT-202"))
    assert np.all(np.diff(moved[inside]) > 0.0)
    assert moved[inside][-1] == pytest.approx(9.5, abs=0.3)
    assert np.abs(moved[~inside]).max() == 0.0


def test_a_declared_fault_has_its_flag_and_no_value() -> None:
    site, _, faulty = broken("declared", "AT-101")
    after = of(site, faulty, "AT-101")
    assert np.isnan(after.value[during(after)]).all()
    assert set(after.flag[during(after)].tolist()) == {FLAG_FAULT}
    assert np.isfinite(after.value[~during(after)]).all()


def test_over_range_pegs_and_says_so() -> None:
    site, _, faulty = broken("over_range", "PT-101")
    after = of(site, faulty, "PT-101")
    assert set(after.value[during(after)].tolist()) == {1.0}
    assert set(after.flag[during(after)].tolist()) == {FLAG_OVER}


def test_a_set_clock_shifts_stamps_and_nothing_else() -> None:
    site, healthy, faulty = broken("clock", "LT-101", amount=-127.031)
    before, after = of(site, healthy, "LT-101"), of(site, faulty, "LT-101")
    shift = np.where(during(before), -127_031_000_000, 0)
    assert (after.time - before.time).tolist() == shift.tolist()
    assert after.due.tolist() == before.due.tolist()
    assert after.value.tolist() == before.value.tolist()


def test_redelivery_sends_the_same_samples_a_little_later() -> None:
    site, healthy, faulty = broken("duplicate", "FT-201", amount=0.4)
    after = of(site, faulty, "FT-201")
    assert len(after) == len(of(site, healthy, "FT-201")) + 20
    numbers, counts = np.unique(after.number, return_counts=True)
    for number in numbers[counts == 2].tolist():
        pair = after.take(after.number == number)
        assert pair.time[0] == pair.time[1]
        assert pair.value[0] == pair.value[1]
        assert pair.due[1] - pair.due[0] == 400_000_000


def test_a_backlog_comes_late_in_order_and_whole() -> None:
    site, healthy, faulty = broken("backlog", "PT-101", "PT-102")
    before, after = of(site, healthy, "PT-101"), of(site, faulty, "PT-101")
    assert after.number.tolist() == before.number.tolist()
    assert after.time.tolist() == before.time.tolist()
    assert np.all(np.diff(after.due) > 0)
    assert not during(after).any()
    late = after.due - before.due
    assert late.max() > 19 * SECOND_NS
    drained = 20 + 20 * BACKLOG_PACE / (BACKLOG_PACE - 1)
    assert np.all(late[before.due > START + round(drained * SECOND_NS)] == 0)


def test_a_drop_out_loses_its_share_by_chance() -> None:
    site = pipeline()
    quiet = site.scenario(START, 3000.0, 3, intensity=0)
    lost = SensorFault(
        "f", site.id, "dropout", ("PT-101", "PT-102"), START, START + 3000 * SECOND_NS, "", "", 0.2
    )
    rows = whole(dataclasses.replace(quiet, script=Script((), (lost,), quiet.script.world)))
    kept = [set(of(site, rows, s).due.tolist()) for s in ("PT-101", "PT-102")]
    for some in kept:
        assert len(some) == pytest.approx(2400, abs=4 * math.sqrt(3000 * 0.2 * 0.8))
    # By chance for each sensor: both lose a sample in a 25th of all cases.
    both = 3000 - len(kept[0] | kept[1])
    assert both == pytest.approx(120, abs=4 * math.sqrt(3000 * 0.04 * 0.96))
    runs = np.diff(sorted(kept[0])) // SECOND_NS
    assert 2 <= runs.max() < 12
    again = dataclasses.replace(quiet, seed=4, script=Script((), (lost,), quiet.script.world))
    assert set(of(site, whole(again), "PT-101").due.tolist()) != kept[0]


def test_a_poisoned_bead_sees_less_and_is_replaced() -> None:
    """It loses half of its sensitivity in a third of the time, and pegs where that half is full."""
    site = city_gas(manholes=3)
    leak = Happening("leak", "m01", START, START + 600 * SECOND_NS, 1.5)
    run = Run(START, 600.0, 3)
    bad = SensorFault(
        "f", site.id, "poisoned", ("m01-lel",), START, START + 300 * SECOND_NS, "", "", 0.5
    )
    seen, weak = (
        of(
            site,
            whole(
                Scenario(site, START, 600.0, 3, scripted(site, run, [leak], list(faults)), 600.0)
            ),
            "m01-lel",
        ).value
        for faults in ((), (bad,))
    )
    lost = 0.5 * np.minimum(np.arange(600) / 100.0, 1.0)
    lost[300:] = 0.0
    clear = (seen > 20.0) & (seen < 99.0)
    # The bead's own lag follows the loss of sensitivity, and its replacement.
    clear[295:340] = False
    assert clear[:300].sum() > 20
    assert weak[clear] == pytest.approx(((1.0 - lost) * seen)[clear], abs=2.0)
    pegged = seen[:295] == 110.0
    assert pegged.any()
    assert weak[:295][pegged].max() < 110.0
    assert weak[-1] == seen[-1] == 110.0


def test_a_clock_that_runs_away_is_off_by_its_amount_and_is_set_right() -> None:
    site, healthy, faulty = broken("clock_drift", "LT-101", amount=-8.0)
    before, after = of(site, healthy, "LT-101"), of(site, faulty, "LT-101")
    off_s = (after.time - before.time) / SECOND_NS
    inside = during(before)
    assert np.all(off_s[~inside] == 0.0)
    assert off_s[inside] == pytest.approx(-8.0 * np.arange(10) / 10.0, abs=0.1)
    assert np.all(after.time % site.resolution_ns == 0)
    assert after.value.tolist() == before.value.tolist()
    assert after.due.tolist() == before.due.tolist()


def test_a_lost_gateway_is_silent_and_keeps_nothing() -> None:
    mine = [p.id for p in pipeline().points if p.gateway == 0]
    site, healthy, faulty = broken("gateway_lost", *mine)
    gateway = np.array([p.gateway for p in site.points])
    lost = (gateway[faulty.sensor] == 0) & during(faulty)
    assert not lost.any()
    assert len(faulty) == len(healthy) - ((gateway[healthy.sensor] == 0) & during(healthy)).sum()


def test_late_samples_come_in_order_and_those_out_of_order_do_not() -> None:
    site, healthy, late = broken("late", "PT-101", amount=30.0)
    before, after = of(site, healthy, "PT-101"), of(site, late, "PT-101")
    sent = np.sort(after.due[np.isin(after.time, before.time[during(before)])])
    assert (sent - before.due[during(before)]).tolist() == [30 * SECOND_NS] * 20
    site, healthy, mixed = broken("out_of_order", "PT-101", amount=10.0)
    before, after = of(site, healthy, "PT-101"), of(site, mixed, "PT-101")
    assert sorted(after.number.tolist()) == before.number.tolist()
    assert (np.diff(after.time) < 0).sum() > 3
    delay = (after.due - after.time) - (before.due[0] - before.time[0])
    assert delay.min() == 0
    assert 8 * SECOND_NS < delay.max() < 10 * SECOND_NS
    assert sorted(after.value.tolist()) == sorted(before.value.tolist())


def test_faults_of_one_sensor_leave_the_others_alone() -> None:
    site, healthy, faulty = broken("stuck", "PT-101")
    for point in site.points:
        if point.id != "PT-101":
            assert of(site, healthy, point.id).same_as(of(site, faulty, point.id))


def test_a_stream_can_be_taken_in_any_steps_and_ends() -> None:
    scenario = city_gas().scenario(START, 30.0, 2)
    stream = Stream(scenario)
    assert len(stream.take(START)) == 0
    first = stream.take(START + 10 * SECOND_NS)
    assert len(stream.take(START + 10 * SECOND_NS)) == 0
    rest = stream.take(START + 100 * SECOND_NS)
    assert stream.exhausted
    assert Batch.concat([first, rest]).same_as(whole(scenario))
