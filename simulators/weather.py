"""The weather that drives every domain: pure functions of time, place and seed.

    weather = Weather(HEFEI, seed=7, events=(Event("rainstorm", onset, end, 120.0),))
    sky = weather.at(times_ns)                      # any times, on any grid, in any order
    sky.temperature, sky.rain, sky.wind, sky.sun …  # float64 arrays, made when first asked for

No state, no clock: any blocks give the same bits. Sites with the same climate and seed stand under
the same sky. Curves are engineering ones, with the statistics of the climate:

    temperature  year + day (less under cloud) + swings of days + flutter, cooler while it rains
    pressure     station mean, high in winter, swings of days, tide of 12 h; low brings the rain
    humidity     of a dew point that follows the slow temperature (Magnus), towards 97 % in rain
    wind         two Gaussian components of hours and days, so Rayleigh; turbulence in four bands
    sun          Cooper's declination, Haurwitz' clear sky, Kasten and Czeplak's cloud
    rain, snow   seeded storms (`storms`), as snow below 0 °C, as rain above 2 °C

An event (`climate.Event`) is a cause that somebody orders: it reaches its size in any season.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from lifeline.engine.frame import Float64, Int64
from lifeline.engine.limits import HOUR_NS, MINUTE_NS, SECOND_NS

from .climate import (
    DAY_TOP,
    HEFEI,
    Climate,
    Event,
    EventKind,
    day_shape,
    smooth,
    solar_hour,
    vapour_pressure,
    year_wave,
)
from .lattice import key_of, noise
from .storms import ORDERED, Pulses, Rains, Storm, columns

LOW_KNOT_NS: Final = 30 * HOUR_NS
WARM_KNOT_NS: Final = 36 * HOUR_NS
CLOUD_KNOT_NS: Final = 10 * HOUR_NS
FLUTTER_KNOT_NS: Final = 12 * MINUTE_NS
# Wind of days and of hours, and turbulence; the slow bands carry most (−5/3 law). Share of variance.
WIND_BANDS: Final = ((20 * HOUR_NS, 0.75), (3 * HOUR_NS, 0.25))
GUST_BANDS: Final = (
    (60 * SECOND_NS, 0.4),
    (20 * SECOND_NS, 0.3),
    (7 * SECOND_NS, 0.2),
    (5 * SECOND_NS // 2, 0.1),
)
CLOUD_MEAN: Final = 0.65
FLUTTER_C: Final = 0.25
COOLED_BY_RAIN_C: Final = 3.0
HAURWITZ_W_M2: Final = 1098.0
CLEAR_SIGHT_M: Final = 25_000.0
# A typhoon's fall of pressure and its rain go with its wind.
KPA_PER_M_S: Final = 0.09
MM_PER_M_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Weather:
    """The weather of one place under one seed, with what was ordered."""

    climate: Climate = HEFEI
    seed: int = 0
    events: tuple[Event, ...] = ()

    def at(self, times_ns: Int64) -> Sky:
        """The sky at these times (int64 ns UTC)."""
        return Sky(self, times_ns)

    def storms(self, from_ns: int, until_ns: int) -> tuple[Storm, ...]:
        """The storms of the climate (without ordered ones) that rain between two times."""
        return self.rains().storms(from_ns, until_ns)

    def amount(self, edges_ns: Int64) -> Float64:
        """mm of water that fell between each two of these rising times (one fewer): exact, so a
        coarse grid loses nothing. A drought's share is that of the interval's middle."""
        span = int(edges_ns[0]), int(edges_ns[-1])
        natural = np.diff(self.rains().pulses(*span).fallen(edges_ns))
        natural = natural * self.left_by_drought(edges_ns[:-1] + np.diff(edges_ns) // 2)
        return np.asarray(natural + np.diff(self.ordered().fallen(edges_ns)), np.float64)

    def of(self, *kinds: EventKind) -> tuple[Event, ...]:
        """The ordered events of these kinds."""
        return tuple(e for e in self.events if e.kind in kinds)

    def noise(self, name: str, times_ns: Int64, knot_ns: int) -> Float64:
        """The place's own noise of that name (`lattice.noise`)."""
        return noise(key_of(self.seed, self.climate.name, name), times_ns, knot_ns)

    def rains(self) -> Rains:
        """What decides the storms of the climate."""
        climate = self.climate
        low = key_of(self.seed, climate.name, "low")
        return Rains(self.seed, climate.name, climate.rain_mm, climate.solar_h, low, LOW_KNOT_NS)

    def ordered(self) -> Pulses:
        """The pulses of ordered rainstorms and typhoons."""
        deep = [(e, e.size) for e in self.of("rainstorm")]
        deep += [(e, MM_PER_M_S * e.size) for e in self.of("typhoon")]
        return columns([(Storm(e.kind, e.onset_ns, e.end_ns, d), ORDERED) for e, d in deep])

    def left_by_drought(self, times_ns: Int64) -> Float64:
        """The share of natural rain that falls, 0 to 1."""
        left = np.ones(len(times_ns))
        for event in self.of("drought"):
            left = left * (1.0 - event.size * event.acts(times_ns, 0.01))
        return left


class Sky:
    """The weather at given times: each property an array of their length, made once."""

    def __init__(self, weather: Weather, times_ns: Int64) -> None:
        self._weather = weather
        self._climate = weather.climate
        self.times_ns = np.ascontiguousarray(times_ns, np.int64)

    @cached_property
    def temperature(self) -> Float64:
        """Air temperature, Cel."""
        times, climate = self.times_ns, self._climate
        day = day_shape(times, climate.solar_h)
        # A clear day's range is some three times that of an overcast one.
        half = climate.daily_c * (1.0 + CLOUD_MEAN - self.cloud)
        warm = self._slow + half * day
        for event in self._weather.of("heat"):
            top = event.size + 1.2 * climate.daily_c * (day - DAY_TOP)
            warm = warm + event.acts(times) * (top - warm)
        flutter = FLUTTER_C * self._weather.noise("flutter", times, FLUTTER_KNOT_NS)
        wet = 1.0 - np.exp(-self.precipitation / 8.0)
        return np.asarray(warm + flutter - COOLED_BY_RAIN_C * wet, np.float64)

    @cached_property
    def pressure(self) -> Float64:
        """Air pressure at the station, kPa."""
        times, climate = self.times_ns, self._climate
        pressure = (
            climate.pressure_kpa
            - climate.pressure_yearly_kpa * year_wave(times, 200.0)
            + climate.pressure_swing_kpa * self._low
            + 0.08 * np.cos((solar_hour(times, climate.solar_h) - 10.0) * (np.pi / 6.0))
        )
        for event in self._weather.of("typhoon"):
            pressure = pressure - KPA_PER_M_S * event.size * event.acts(times, 0.5)
        for event in self._weather.of("cold"):
            pressure = pressure + 0.12 * event.size * event.acts(times)
        return np.asarray(pressure, np.float64)

    @cached_property
    def humidity(self) -> Float64:
        """Relative humidity, %, 3 to 100."""
        times = self.times_ns
        spread = np.exp(0.3 * self._weather.noise("dew", times, CLOUD_KNOT_NS))
        depression = self._climate.dew_depression_c * spread
        for event in self._weather.of("heat", "drought"):
            depression = depression + 4.0 * event.acts(times)
        dew = np.minimum(self._slow - depression, self.temperature)
        humid = 100.0 * vapour_pressure(dew) / vapour_pressure(self.temperature)
        wet = 1.0 - np.exp(-self.precipitation / 0.7)
        humid = humid + wet * np.maximum(97.0 - humid, 0.0)
        for event in self._weather.of("fog"):
            humid = humid + event.acts(times) * (99.5 - humid)
        return np.asarray(np.clip(humid, 3.0, 100.0), np.float64)

    @cached_property
    def wind_mean(self) -> Float64:
        """What a mean of ten minutes would be, m/s."""
        speed = np.hypot(*self._components)
        for event in self._weather.of("gale", "typhoon"):
            edge = 0.3 if event.kind == "gale" else 0.5
            speed = speed + event.acts(self.times_ns, edge) * (event.size - speed)
        for event in self._weather.of("fog"):
            speed = speed * (1.0 - 0.8 * event.acts(self.times_ns))
        return np.asarray(speed, np.float64)

    @cached_property
    def wind(self) -> Float64:
        """The wind of the moment, with its gusts, m/s; never below 0."""
        gusting = self._banded("gust", GUST_BANDS)
        blown = self.wind_mean * (1.0 + self._climate.turbulence * gusting)
        return np.asarray(np.maximum(blown, 0.0), np.float64)

    @cached_property
    def direction(self) -> Float64:
        """Whence the wind blows, degrees from north, 0 to 360."""
        east, north = self._components
        return np.asarray(np.degrees(np.arctan2(-east, -north)) % 360.0, np.float64)

    @cached_property
    def cloud(self) -> Float64:
        """Cloud cover, 0 to 1, more under low pressure."""
        own = self._weather.noise("cloud", self.times_ns, CLOUD_KNOT_NS)
        cover = np.clip(CLOUD_MEAN - 0.25 * self._low + 0.25 * own, 0.0, 1.0)
        for event in self._weather.of("rainstorm", "typhoon"):
            cover = cover + event.acts(self.times_ns) * (1.0 - cover)
        for event in self._weather.of("heat", "drought"):
            cover = cover * (1.0 - 0.8 * event.acts(self.times_ns))
        return np.asarray(cover, np.float64)

    @cached_property
    def sun(self) -> Float64:
        """Global irradiance on the level, W/m²."""
        sine = np.maximum(self.sun_height, 1e-6)
        clear = HAURWITZ_W_M2 * sine * np.exp(-0.057 / sine)
        cover = np.maximum(self.cloud, 1.0 - np.exp(-self.precipitation))
        return np.asarray(clear * (1.0 - 0.75 * cover**3.4), np.float64)

    @cached_property
    def sun_height(self) -> Float64:
        """The sine of the sun's height above the horizon (Cooper 1969; no equation of time)."""
        latitude = np.radians(self._climate.lat)
        declination = np.radians(23.45) * year_wave(self.times_ns, 172.0)
        hour = (solar_hour(self.times_ns, self._climate.solar_h) - 12.0) * (np.pi / 12.0)
        across = np.cos(latitude) * np.cos(declination) * np.cos(hour)
        return np.asarray(np.sin(latitude) * np.sin(declination) + across, np.float64)

    @cached_property
    def precipitation(self) -> Float64:
        """Rain and snow together, mm/h of water."""
        times, weather = self.times_ns, self._weather
        if not len(times):
            return np.zeros(0)
        natural = weather.rains().pulses(int(times.min()), int(times.max()) + 1)
        falling = natural.intensity(times) * weather.left_by_drought(times)
        return np.asarray(falling + weather.ordered().intensity(times), np.float64)

    @cached_property
    def rain(self) -> Float64:
        """What falls as rain, mm/h."""
        return np.asarray(self.precipitation * self._liquid, np.float64)

    @cached_property
    def snow(self) -> Float64:
        """What falls as snow, mm/h of water."""
        return np.asarray(self.precipitation * (1.0 - self._liquid), np.float64)

    @cached_property
    def visibility(self) -> Float64:
        """How far one sees, m: less in moist air and rain; in fog the event's size."""
        moist = np.maximum(self.humidity - 70.0, 0.0)
        sight = CLEAR_SIGHT_M * np.exp(-moist / 15.0) / (1.0 + 0.05 * self.precipitation)
        for event in self._weather.of("fog"):
            sight = sight * (event.size / sight) ** event.acts(self.times_ns)
        return np.asarray(sight, np.float64)

    @cached_property
    def _low(self) -> Float64:
        return self._weather.noise("low", self.times_ns, LOW_KNOT_NS)

    @cached_property
    def _slow(self) -> Float64:
        """Temperature without the day's wave, Cel."""
        times, climate = self.times_ns, self._climate
        swings = climate.swings_c(times) * self._weather.noise("warm", times, WARM_KNOT_NS)
        slow = climate.season_c(times) + swings
        for event in self._weather.of("cold"):
            # It falls within a third of the time and comes back in the last two fifths.
            x = (times - event.onset_ns) / float(event.end_ns - event.onset_ns)
            slow = slow - event.size * smooth(x * 3.0) * smooth((1.0 - x) / 0.4)
        for event in self._weather.of("typhoon"):
            slow = slow - 4.0 * event.acts(times)
        return np.asarray(slow, np.float64)

    @cached_property
    def _components(self) -> tuple[Float64, Float64]:
        """Wind towards east and north, m/s: equal σ and no mean make the speed Rayleigh's."""
        sigma = self._climate.wind_m_s / np.sqrt(np.pi / 2.0)
        return sigma * self._banded("east", WIND_BANDS), sigma * self._banded("north", WIND_BANDS)

    def _banded(self, name: str, bands: tuple[tuple[int, float], ...]) -> Float64:
        total = np.zeros(len(self.times_ns))
        for i, (knot_ns, share) in enumerate(bands):
            total += np.sqrt(share) * self._weather.noise(f"{name}-{i}", self.times_ns, knot_ns)
        return total

    @cached_property
    def _liquid(self) -> Float64:
        return np.clip(self.temperature / 2.0, 0.0, 1.0)


def weather_at(
    times_ns: Int64, seed: int, climate: Climate = HEFEI, events: tuple[Event, ...] = ()
) -> Sky:
    """`Weather.at` in one call."""
    return Weather(climate, seed, events).at(times_ns)
