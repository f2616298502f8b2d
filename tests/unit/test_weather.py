"""The weather that drives the domains: the same on every grid, and with its climate's statistics."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lifeline.engine.limits import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from lifeline.simulators.climate import (
    CLIMATES,
    HEFEI,
    NORTH,
    RIVER_BRIDGE,
    YEAR_NS,
    Climate,
    Event,
)
from lifeline.simulators.lattice import key_of, noise, uniform
from lifeline.simulators.storms import CUT
from lifeline.simulators.weather import Sky, Weather, weather_at

START = 20_000 * DAY_NS
YEARS = 12
COLUMNS = (
    "temperature",
    "pressure",
    "humidity",
    "wind_mean",
    "wind",
    "direction",
    "cloud",
    "sun",
    "rain",
    "snow",
    "visibility",
)
EVENTS = (
    Event("rainstorm", START + 3 * HOUR_NS, START + 15 * HOUR_NS, 150.0),
    Event("heat", START + DAY_NS, START + 4 * DAY_NS, 41.0),
    Event("gale", START + 2 * HOUR_NS, START + 9 * HOUR_NS, 22.0),
    Event("drought", START, START + 20 * DAY_NS, 1.0),
)


@pytest.fixture(scope="module", params=[HEFEI, NORTH], ids=["hefei", "north"])
def years(request: pytest.FixtureRequest) -> tuple[Weather, Sky]:
    weather = Weather(request.param, seed=11)
    return weather, weather.at(START + np.arange(YEARS * 8766, dtype=np.int64) * HOUR_NS)


def test_any_grid_and_any_order_give_the_same_bits() -> None:
    weather = Weather(RIVER_BRIDGE, 3, EVENTS)
    times = START + np.arange(4000, dtype=np.int64) * 37 * SECOND_NS
    whole = weather.at(times)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(times))
    shuffled = weather.at(times[order])
    cuts = np.split(np.arange(len(times)), [1, 2, 7, 39, 1000, 1033, 3999])
    for name in COLUMNS:
        told = getattr(whole, name)
        assert np.array_equal(getattr(shuffled, name), told[order]), name
        cut = np.concatenate([getattr(weather.at(times[c]), name) for c in cuts])
        assert np.array_equal(cut, told), name


def test_dense_and_sparse_times_meet_the_same_knots() -> None:
    key = key_of(1, "any")
    dense = START + np.arange(100_000, dtype=np.int64) * SECOND_NS
    sparse = dense[[0, 50_000, 99_999]]
    assert np.array_equal(
        noise(key, dense, SECOND_NS)[[0, 50_000, 99_999]], noise(key, sparse, SECOND_NS)
    )


def test_seed_and_place_make_another_weather() -> None:
    times = START + np.arange(1000, dtype=np.int64) * HOUR_NS
    one = weather_at(times, 1).temperature
    assert not np.array_equal(one, weather_at(times, 2).temperature)
    assert abs(np.corrcoef(weather_at(times, 1).wind, weather_at(times, 2).wind)[0, 1]) < 0.2


def test_no_times_no_weather() -> None:
    sky = weather_at(np.zeros(0, np.int64), 1)
    assert all(len(getattr(sky, name)) == 0 for name in COLUMNS)


def test_noise_is_normal_between_the_knots_too() -> None:
    """Mean 0 and variance 1 (3 %), 4.55 % beyond two σ (within 0.4 points), at every phase."""
    for phase in (0.0, 0.3, 0.5):
        times = START + np.arange(80_000, dtype=np.int64) * 4_000 + round(phase * 1_000)
        found = noise(key_of(5, "phase", str(phase)), times, 1_000)
        assert abs(found.mean()) < 0.02
        assert found.var() == pytest.approx(1.0, rel=0.03)
        assert (np.abs(found) > 2.0).mean() == pytest.approx(0.0455, abs=0.004)
        assert 0.0005 < (np.abs(found) > 3.0).mean() < 0.0025
    even = uniform(key_of(6, "even"), np.arange(100_000, dtype=np.int64))
    assert np.histogram(even, 10, (0.0, 1.0))[0] == pytest.approx(np.full(10, 10_000), rel=0.04)


def test_temperature_has_the_climates_mean_year_and_day(years: tuple[Weather, Sky]) -> None:
    """Mean within 0.4 °C, July less January within 6 %, the day's range within 15 % (flutter and
    swings add to it)."""
    weather, sky = years
    climate, warm = weather.climate, sky.temperature
    assert warm.mean() == pytest.approx(climate.mean_c, abs=0.4)
    wave = np.cos(2.0 * np.pi * (sky.times_ns / YEAR_NS - 200.0 / 365.2425))
    assert 2.0 * (warm * wave).mean() == pytest.approx(climate.yearly_c, rel=0.06)
    days = warm[: len(warm) // 24 * 24].reshape(-1, 24)
    assert np.ptp(days, axis=1).mean() == pytest.approx(2.0 * climate.daily_c, rel=0.15)
    hour = ((sky.times_ns / HOUR_NS + climate.solar_h) % 24.0).astype(int)
    by_hour = np.array([warm[hour == h].mean() for h in range(24)])
    assert by_hour.argmax() in (14, 15)
    assert by_hour.argmin() in (4, 5, 6)


def test_a_years_rain_is_the_climates(years: tuple[Weather, Sky]) -> None:
    """Twelve years' mean within 8 % (its own σ is 4 %); every year between half and one and a half."""
    weather, _ = years
    edges = START + np.arange(YEARS + 1, dtype=np.int64) * int(YEAR_NS)
    rain = weather.amount(edges)
    assert rain.mean() == pytest.approx(weather.climate.rain_mm, rel=0.08)
    assert np.all((rain > 0.5 * rain.mean()) & (rain < 1.5 * rain.mean()))


def test_rain_comes_with_low_pressure_and_cloud(years: tuple[Weather, Sky]) -> None:
    _, sky = years
    raining = sky.precipitation > 0.1
    assert 0.03 < raining.mean() < 0.12
    assert sky.pressure[raining].mean() < sky.pressure[~raining].mean() - 0.1
    assert sky.cloud[raining].mean() > sky.cloud[~raining].mean() + 0.05
    assert sky.humidity[raining].mean() > sky.humidity[~raining].mean() + 8.0
    assert np.all(sky.snow[sky.temperature >= 2.0] == 0.0)
    assert np.all(sky.rain[sky.temperature <= 0.0] == 0.0)
    assert np.allclose(sky.rain + sky.snow, sky.precipitation)


def test_intensity_integrates_to_the_depth_of_each_storm() -> None:
    """The closed form against the sum of minutes: 10⁻³ of the storm."""
    weather = Weather(HEFEI, 4)
    storms = weather.storms(START, START + 200 * DAY_NS)
    assert {s.kind for s in storms} == {"front", "shower"}
    assert all(a.begin_ns <= b.begin_ns for a, b in itertools.pairwise(storms))
    total = sum(s.depth_mm for s in storms)
    edges = np.array([storms[0].begin_ns, START + 201 * DAY_NS], np.int64)
    every = np.arange(edges[0], edges[1], MINUTE_NS)
    assert weather.at(every).precipitation.sum() / 60.0 == pytest.approx(
        float(weather.amount(edges)[0]), rel=1e-3
    )
    assert float(weather.amount(edges)[0]) >= total * 0.999
    assert CUT > 0.0


def test_wind_is_rayleigh_and_gusts_by_the_intensity(years: tuple[Weather, Sky]) -> None:
    """Mean within 5 %, P(v > 2 mean) = exp(−π) within a point, turbulence within 5 %, the gust of
    three seconds some 1.3 to 1.7 of the mean of ten minutes."""
    weather, sky = years
    climate = weather.climate
    assert sky.wind_mean.mean() == pytest.approx(climate.wind_m_s, rel=0.05)
    assert (sky.wind_mean > 2.0 * climate.wind_m_s).mean() == pytest.approx(
        np.exp(-np.pi), abs=0.01
    )
    fine = weather.at(START + np.arange(6 * 3600, dtype=np.int64) * SECOND_NS)
    turbulence = (fine.wind / fine.wind_mean - 1.0).std()
    assert turbulence == pytest.approx(climate.turbulence, rel=0.05)
    tens = (fine.wind / fine.wind_mean).reshape(-1, 600)
    assert 1.3 < tens.max(axis=1).mean() < 1.7


def test_the_sun_stands_where_it_must() -> None:
    """Noon at the solstices: sin(90° − φ ± 23.45°) within 10⁻³; half a day of light at the equinox."""
    climate = HEFEI
    noon = round((12.0 - climate.solar_h) * HOUR_NS)
    midsummer = round(172 / 365.2425 * YEAR_NS) // DAY_NS * DAY_NS + noon
    midwinter = round(354.6 / 365.2425 * YEAR_NS) // DAY_NS * DAY_NS + noon
    height = Weather(climate).at(np.array([midsummer, midwinter], np.int64)).sun_height
    wanted = np.sin(np.radians(90.0 - climate.lat + np.array([23.45, -23.45])))
    assert height == pytest.approx(wanted, abs=1e-3)
    day = round((172 - 91.31) / 365.2425 * YEAR_NS) // DAY_NS * DAY_NS
    light = Weather(climate).at(day + np.arange(1440, dtype=np.int64) * MINUTE_NS).sun_height > 0.0
    assert light.mean() == pytest.approx(0.5, abs=0.005)


@pytest.mark.parametrize("climate", CLIMATES.values(), ids=CLIMATES.keys())
def test_ordered_weather_reaches_its_size(climate: Climate) -> None:
    times = START + np.arange(5 * 1440, dtype=np.int64) * MINUTE_NS
    onset, end = START + 6 * HOUR_NS, START + 4 * DAY_NS

    def sky(kind: str, size: float) -> Sky:
        return Weather(climate, 9, (Event(kind, onset, end, size),)).at(times)  # type: ignore[arg-type]

    quiet = Weather(climate, 9).at(times)
    assert sky("heat", 40.0).temperature.max() == pytest.approx(40.0, abs=1.5)
    assert sky("gale", 24.0).wind_mean.max() == pytest.approx(24.0, abs=0.01)
    assert sky("fog", 120.0).visibility.min() == pytest.approx(120.0, rel=0.01)
    assert (quiet.temperature - sky("cold", 14.0).temperature).max() == pytest.approx(14.0, abs=1.5)
    typhoon = sky("typhoon", 32.0)
    assert typhoon.wind_mean.max() == pytest.approx(32.0, abs=0.01)
    assert (quiet.pressure - typhoon.pressure).max() == pytest.approx(2.88, abs=0.01)
    edges = np.array([START, times[-1]], np.int64)
    storm = Weather(climate, 9, (Event("rainstorm", onset, end, 180.0),))
    assert (storm.amount(edges) - Weather(climate, 9).amount(edges))[0] == pytest.approx(180.0)
    assert sky("drought", 1.0).precipitation[400:5700].max(initial=0.0) == pytest.approx(
        0.0, abs=1e-9
    )
