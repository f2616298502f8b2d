"""Earthquakes: Brune's source, the formulas of intensity, and stations under the pack `earthquake`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from lifeline.engine.config.packs.library import installed
from lifeline.engine.limits import DAY_NS, SECOND_NS
from lifeline.simulators.cause import Happening, kind_of, made
from lifeline.simulators.ground_motion import (
    DENSITY,
    LOW_HZ,
    RATE_HZ,
    SHEAR_M_S,
    corner,
    integrated,
    intensity,
    moment,
    motion,
    passed,
    spectrum,
)
from lifeline.simulators.quake_stations import HELD_NS, INTENSITY_LIMITS, STATIONS, quake_stations
from lifeline.simulators.sites import site_named
from watched_scenario import happening, heard

SITE = site_named("quake")
START = 20_600 * DAY_NS


def struck(kind: str, where: str, at_s: float, size: float | None = None) -> Happening:
    onset = START + round(at_s * 1000) * 1_000_000
    usual = kind_of(SITE, kind).usual if size is None else size
    return Happening(kind, where, onset, onset + 60 * SECOND_NS, usual)


def test_the_source_is_brune_s() -> None:
    """Displacement's plateau C M₀ / R, its half at the corner (1 %); M₀ and fc of magnitude 6."""
    assert moment(6.0) == pytest.approx(10**18.1)
    assert corner(6.0) == pytest.approx(0.49 * 3500.0 * (1e7 / 10**18.1) ** (1.0 / 3.0))
    f = np.array([1e-4, corner(6.0)])
    displacement = spectrum(6.0, 20_000.0, f) / (2.0 * np.pi * f) ** 2
    plateau = 0.55 * 2.0 * 0.707 / (4.0 * np.pi * DENSITY * SHEAR_M_S**3) * moment(6.0) / 20_000.0
    assert displacement[0] == pytest.approx(plateau, rel=1e-3)
    loss = np.exp(-np.pi * f[1] * (20_000.0 / (300.0 * 3500.0) + 0.035))
    assert displacement[1] == pytest.approx(0.5 * plateau * loss, rel=1e-6)


@pytest.mark.parametrize(("magnitude", "distance"), [(5.0, 15e3), (6.5, 50e3)])
def test_records_have_the_spectrum_s_energy(magnitude: float, distance: float) -> None:
    """∫ a² dt = 2 ∫ |A|² df (Parseval), mean of forty records: 8 %; one shakes as long as it must."""
    records = [motion(magnitude, distance, np.random.default_rng(i)) for i in range(40)]
    told = np.mean([np.sum(r.acceleration**2) / RATE_HZ for r in records])
    f = np.arange(LOW_HZ, RATE_HZ / 2.0, 0.01)
    assert told == pytest.approx(
        2.0 * np.trapezoid(spectrum(magnitude, distance, f) ** 2, f), rel=0.08
    )
    lasts = 1.0 / corner(magnitude) + 5e-5 * distance
    shape = np.mean([r.acceleration**2 for r in records], axis=0).cumsum()
    # A filter that starts at 0 rings a little past the record's end and back to its beginning.
    assert shape[round(1.2 * lasts * RATE_HZ)] > 0.9 * shape[-1]


def test_velocity_is_the_integral() -> None:
    """A cosine of 2 Hz: its peak over 2 π f, within 10⁻⁹; a record's difference is its acceleration."""
    count, f = 1024, 100.0 / 1024 * 20
    time = np.arange(count) / RATE_HZ
    transform = np.fft.rfft(0.5 * np.cos(2.0 * np.pi * f * time))
    frequency = np.fft.rfftfreq(count, 1.0 / RATE_HZ)
    velocity = np.fft.irfft(integrated(transform, frequency), count)
    assert velocity == pytest.approx(0.5 * np.sin(2.0 * np.pi * f * time) / (2.0 * np.pi * f))
    record = motion(6.0, 20e3, np.random.default_rng(1))
    by_difference = np.gradient(record.velocity, 1.0 / RATE_HZ)
    assert np.corrcoef(by_difference, record.acceleration)[0, 1] > 0.95


def test_intensity_is_that_of_the_pack_s_limits() -> None:
    """The pack's accelerations and velocities of V, VI and VII give these grades within 0.1."""
    rules = {
        r["id"]: r for r in yaml.safe_load(installed()["earthquake"].read_text("utf-8"))["rules"]
    }

    def high(rule: str) -> dict[str, float]:
        return {level: float(str(x).split()[0]) for level, x in rules[rule]["high"].items()}

    assert high("intensity") == INTENSITY_LIMITS
    for level, grade in (("yellow", 5.0), ("orange", 6.0), ("red", 7.0)):
        assert float(intensity(high("pga")[level], high("pgv")[level])) == pytest.approx(
            grade, abs=0.1
        )
    # VI and more by both: the velocity decides; else the mean.
    assert float(intensity(3.0, 0.119)) == pytest.approx(7.0, abs=0.05)
    assert float(intensity(3.0, 0.026)) == pytest.approx(
        (3.17 * np.log10(3.0) + 6.59 + 5.0) / 2, abs=0.1
    )
    assert [float(x) for x in intensity(np.array([0.0, 90.0]), np.array([0.0, 40.0]))] == [
        1.0,
        12.0,
    ]


def test_intensity_is_made_of_what_is_slower_than_ten_hertz() -> None:
    """0.3 m/s² at 25 Hz, which unfiltered would be III, is felt by nobody; what is slow passes whole."""
    assert float(passed(10.0)) == pytest.approx(0.5**0.5)
    assert float(passed(1.0)) == pytest.approx(1.0, abs=1e-6)
    velocity = 0.3 / (2.0 * np.pi * 25.0)
    assert float(intensity(0.3, velocity)) >= 3.0
    assert float(intensity(0.3 * passed(25.0), velocity * passed(25.0))) == 1.0
    record = motion(6.0, 20e3, np.random.default_rng(1))
    spectra = np.abs(np.fft.rfft([record.acceleration, record.banded_acceleration]))
    f = np.fft.rfftfreq(len(record.acceleration), 1.0 / RATE_HZ)
    assert spectra[1][f < 5.0] == pytest.approx(spectra[0][f < 5.0], rel=0.01)
    assert spectra[1][f > 25.0].max() < 0.03 * spectra[0][f > 25.0].max()
    assert np.abs(record.banded_velocity).max() == pytest.approx(record.pgv, rel=0.2)


def test_it_shakes_more_near_and_by_magnitude() -> None:
    def felt(magnitude: float, distance: float) -> float:
        records = [motion(magnitude, distance, np.random.default_rng(i)) for i in range(10)]
        return float(np.mean([intensity(r.pga, r.pgv) for r in records]))

    assert felt(6.0, 15e3) > felt(6.0, 45e3) + 1.0 > felt(6.0, 160e3) + 2.0
    assert felt(7.0, 45e3) > felt(6.0, 45e3) + 1.0
    # In the order of what is observed: magnitude 6 at 15 km is VI to VII.
    assert 5.5 < felt(6.0, 15e3) < 7.5


def test_earthquakes_are_found_and_confirmed_and_blasts_are_not(tmp_path: Path) -> None:
    what = [
        struck("earthquake", "far", 300.0, 4.5),
        struck("blast", "s1", 900.0, 0.3),
        struck("blast", "s3", 1200.0, 0.2),
        struck("earthquake", "near", 3600.0, 6.4),
        struck("earthquake", "middle", 7200.0, 6.4),
    ]
    found = heard(tmp_path, happening(SITE, START, 3.0 * 3600.0, 5, what))
    assert [d.incident.level for d in found.detections][:1] in (["orange"], ["red"])
    for detection in found.detections:
        assert detection.delay_s is not None, detection.incident
        assert detection.delay_s < 60.0
    confirmed = [r for r in found.records if r.rule == "earthquake.confirmed"]
    assert confirmed
    assert confirmed[0].time > START + 3600 * SECOND_NS
    before = [r for r in found.raised("yellow") if r.time < START + 3600 * SECOND_NS]
    assert before == []


def test_a_calm_week_is_silent(tmp_path: Path) -> None:
    week = happening(quake_stations(interval_s=30.0), START, 7 * 86_400.0, 6)
    assert heard(tmp_path, week).records == []


def test_each_station_hears_its_own_and_forgets_it() -> None:
    it = struck("earthquake", "near", 60.0, 6.0)
    times = START + np.arange(600, dtype=np.int64) * SECOND_NS
    told = happening(SITE, START, 600.0, 5, [it]).script.world().advance(times)
    peaks = [told[f"{station}_pga"].max() for station in STATIONS]
    assert len(set(peaks)) == len(STATIONS)
    rising = told["s1_pga"][60 : 60 + HELD_NS // SECOND_NS]
    assert np.all(np.diff(rising[10:]) >= -1e-3)
    assert told["s1_pga"][-1] < 0.002
    assert float(told["s1_int"][0]) == 1.0
    again = happening(SITE, START, 600.0, 5, [it]).script.world().advance(times[100:200])
    assert np.array_equal(again["s2_pgv"], told["s2_pgv"][100:200])


def test_small_ones_have_no_label_and_a_story_has_its_kinds() -> None:
    assert made(SITE, struck("earthquake", "far", 0.0, 3.0), 1)[0] == []
    assert made(SITE, struck("blast", "s1", 0.0), 1)[0] == []
    (label,) = made(SITE, struck("earthquake", "near", 0.0, 7.4), 1)[0]
    assert label.level == "red"
    run = SITE.scenario(START, 7200.0, 3)
    assert [h.kind for h in run.script.happenings].count("blast") == 3
    with pytest.raises(ValueError, match="whole number of seconds"):
        quake_stations(interval_s=0.3)
