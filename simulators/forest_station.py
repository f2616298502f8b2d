"""A forest fire station on a ridge: air, wind, rain, fuel and a watching camera, under `forest.fire`.

Fuel moisture goes by the hour from five days before the run, straight between hours. The index is
worked out at 14:00 of each day from the day's weather and stands until the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import numpy as np

from lifeline.engine.frame import Float64, Int64
from lifeline.engine.limits import DAY_NS, HOUR_NS, SECOND_NS

from .ahead import Ahead
from .cause import CauseKind, Happening, Label, Run
from .climate import MOUNTAIN, SIZES, Climate, Event, EventKind
from .fire_weather import MOST_DRY_DAYS, PER_HOUR, dried, fire_index, wetted
from .plant import Gateway, Point, Site, World
from .script import Chapter, storyteller
from .sensor import Instrument
from .signals import Signal
from .weather import Weather
from .weather_station import WORDS

THERMOMETER: Final = Instrument(-45.0, 60.0, 0.1, noise=0.05, t90_s=60.0)
HYGROMETER: Final = Instrument(0.0, 100.0, 0.5, noise=0.5, t90_s=60.0)
ANEMOMETER: Final = Instrument(0.0, 60.0, 0.1, noise=0.1)
RAIN_GAUGE: Final = Instrument(0.0, 240.0, 0.1)
FUEL: Final = Instrument(0.0, 250.0, 0.1, noise=0.2)
INDEX: Final = Instrument(0.0, 200.0, 1.0)
CAMERA: Final = Instrument(0.0, 1.0, 1.0)
WARM_UP_H: Final = 120
#: 14:00 in Beijing.
INDEX_AT_NS: Final = 6 * HOUR_NS
#: So many days without rain make grade 3 whatever else: ten days, and one to see the index.
DROUGHT_NS: Final = (MOST_DRY_DAYS + 2) * DAY_NS
# What the pack `forest.fire` says of weather and fuel.
SIGNALS: Final = (
    Signal(
        "index",
        "fire.weather",
        {"yellow": 51.0, "orange": 73.0, "red": 91.0},
        "highest index",
        "the forest fire index stands at {size}",
        "森林火险天气指数{size}",
    ),
    Signal(
        "fuel",
        "dry.fuel",
        {"yellow": 15.0, "orange": 10.0},
        "least moisture of fuel, %",
        "fine fuel dries to {size} %",
        "细小可燃物含水率降至{size}%",
        window_s=3600.0,
        falls=True,
        spare=0.05,
        deadband=1.0,
    ),
    Signal(
        "humidity",
        "dry.air",
        {"yellow": 30.0, "orange": 20.0},
        "least humidity, %",
        "the air dries to {size} %",
        "相对湿度降至{size}%",
        window_s=1800.0,
        falls=True,
        spare=0.05,
        deadband=3.0,
    ),
    Signal(
        "wind",
        "strong.wind",
        {"yellow": 10.8},
        "mean wind of ten minutes, m/s",
        "the wind blows with {size} m/s",
        "平均风速{size}米/秒",
        of="mean",
        window_s=600.0,
        spare=0.07,
        deadband=1.0,
    ),
)
KINDS: Final[tuple[EventKind, ...]] = ("drought", "heat", "gale", "rainstorm", "fog", "cold")


def forest_station(
    site_id: str = "forest", *, climate: Climate = MOUNTAIN, interval_s: float = 60.0
) -> Site:
    """A station that speaks every `interval_s`, a whole number of seconds that divides an hour."""
    if interval_s < 1.0 or 3600.0 % interval_s:
        raise ValueError(f"a station's seconds divide an hour, found {interval_s}")
    step_ns = round(interval_s) * SECOND_NS
    return Site(
        name="forest",
        id=site_id,
        tenant="binhe-forest",
        area="binhe/west/ridge",
        title="西山林火监测站",
        domain="forest",
        shape="wide",
        lat=climate.lat,
        lon=climate.lon,
        step_ns=step_ns,
        resolution_ns=SECOND_NS,
        window_ns=step_ns,
        gateways=(Gateway("ridge", 0),),
        points=_points(climate, round(600.0 / interval_s) or 1),
        write_script=storyteller(_tell),
        causes=CAUSES,
        make_world=partial(_world, climate),
        packs=({"pack": "forest.fire"},),
        signals=SIGNALS,
    )


def _points(climate: Climate, ten_minutes: int) -> tuple[Point, ...]:
    point = partial(Point, gateway=0, asset="ridge", lat=climate.lat, lon=climate.lon)
    rows = (
        ("air_temp", "weather.temp", "Cel", "气温", THERMOMETER, 1),
        ("humidity", "weather.humidity", "%", "相对湿度", HYGROMETER, 1),
        ("wind", "weather.wind", "m/s", "风速", ANEMOMETER, 1),
        ("rain", "weather.rain", "mm/h", "降雨强度", RAIN_GAUGE, 1),
        ("fuel", "forest.fuel.moisture", "%", "细小可燃物含水率", FUEL, ten_minutes),
        ("index", "forest.fire.index", "1", "森林火险天气指数", INDEX, ten_minutes),
        ("camera", "forest.smoke", "bool", "视频烟火识别", CAMERA, 1),
    )
    return tuple(
        point(id=name, quantity=quantity, unit=unit, name=zh, instrument=sheet, every=every)
        for name, quantity, unit, zh, sheet, every in rows
    )


class Forest:
    """The world: weather, fuel and index of its past, fires that are seen."""

    def __init__(self, weather: Weather, start_ns: int, fires: tuple[Happening, ...]) -> None:
        self._weather = weather
        self._fires = fires
        self._first_h = start_ns // HOUR_NS - WARM_UP_H
        self._fuel = np.zeros(0)
        self._indices: dict[int, float] = {}

    def told(self, times_ns: Int64) -> Mapping[str, Float64]:
        """Every point's truth."""
        sky = self._weather.at(times_ns)
        seen = np.zeros(len(times_ns))
        for it in self._fires:
            seen = np.where((times_ns >= it.onset_ns) & (times_ns < it.end_ns), 1.0, seen)
        days = (times_ns - INDEX_AT_NS) // DAY_NS
        index = {day: self._index(day) for day in np.unique(days).tolist()}
        return {
            "air_temp": sky.temperature,
            "humidity": sky.humidity,
            "wind": sky.wind,
            "rain": sky.precipitation,
            "fuel": self._moisture(times_ns),
            "index": np.array([index[day] for day in days.tolist()], np.float64),
            "camera": seen,
        }

    def _moisture(self, times_ns: Int64) -> Float64:
        hour = times_ns // HOUR_NS
        self._extend(int(hour.max()) + 2 - self._first_h)
        share = (times_ns - hour * HOUR_NS) / float(HOUR_NS)
        i = hour - self._first_h
        return np.asarray(self._fuel[i] * (1.0 - share) + self._fuel[i + 1] * share, np.float64)

    def _extend(self, count: int) -> None:
        have = len(self._fuel)
        if count <= have:
            return
        edges = (self._first_h + np.arange(have - 1, count + 48, dtype=np.int64)) * HOUR_NS
        sky, rain = self._weather.at(edges[1:]), self._weather.amount(edges)
        moisture = float(self._fuel[-1]) if have else 15.0
        more: list[float] = []
        columns = (sky.temperature, sky.humidity, sky.wind_mean, rain)
        for warm, humid, wind, wet in zip(*(c.tolist() for c in columns), strict=True):
            moisture = dried(wetted(moisture, wet), warm, humid, wind, PER_HOUR)
            more.append(moisture)
        self._fuel = np.concatenate([self._fuel, more])

    def _index(self, day: int) -> float:
        """The index of 14:00 of a day (days from the epoch, UTC)."""
        if day not in self._indices:
            now = day * DAY_NS + INDEX_AT_NS
            hours = now - np.arange(24, dtype=np.int64)[::-1] * HOUR_NS
            sky = self._weather.at(hours)
            edges = now - np.arange(MOST_DRY_DAYS + 2, dtype=np.int64)[::-1] * DAY_NS
            rain = self._weather.amount(edges).tolist()
            month = datetime.fromtimestamp(now // SECOND_NS, UTC).month
            self._indices[day] = fire_index(
                float(sky.temperature.max()),
                float(sky.humidity[-1]),
                float(sky.wind_mean[-1]),
                rain,
                month,
            )
        return self._indices[day]


def _world(climate: Climate, site: Site, run: Run, causes: tuple[Happening | Event, ...]) -> World:
    events = tuple(c for c in causes if isinstance(c, Event))
    fires = tuple(c for c in causes if isinstance(c, Happening))
    world = Forest(Weather(climate, run.seed, events), run.start_ns, fires)
    return Ahead(world.told, site.step_ns)


def _fire(site: Site, it: Happening) -> tuple[tuple[Label, ...], Happening]:
    return (Label(("camera",), "red"),), it


def _weather(kind: EventKind, site: Site, it: Happening) -> tuple[tuple[Label, ...], Event]:
    """A whole drought that lasts makes grade 3 for sure; all else drives only."""
    event = Event(kind, it.onset_ns, it.end_ns, it.size)
    lasts = kind == "drought" and it.size >= 0.999 and it.end_ns - it.onset_ns >= DROUGHT_NS
    return ((Label(("index",), "yellow"),) if lasts else ()), event


CAUSES: Final[tuple[CauseKind[Any], ...]] = (
    CauseKind(
        kind="fire",
        measure="fires that the camera sees",
        usual=1.0,
        least=1.0,
        most=1.0,
        what_en="a forest fire is seen from the {where}",
        what_zh="瞭望发现林火",
        places=lambda site: ("ridge",),
        make=_fire,
    ),
    *(
        CauseKind(
            kind=kind,
            measure=", ".join(SIZES[kind]),
            usual=WORDS[kind].usual,
            least=WORDS[kind].least,
            most=WORDS[kind].most,
            what_en=WORDS[kind].en,
            what_zh=WORDS[kind].zh,
            places=lambda site: ("ridge",),
            make=partial(_weather, kind),
        )
        for kind in KINDS
    ),
)


def _tell(chapter: Chapter) -> None:
    """A drought, a hot and windy day at its end, a fire, and rain."""
    chapter.happens("drought", "ridge", (chapter.at(0.1), chapter.at(0.8)))
    chapter.happens("heat", "ridge", (chapter.at(0.5), chapter.at(0.7)), 36.0)
    chapter.happens("gale", "ridge", (chapter.at(0.6), chapter.at(0.65)), 15.0)
    onset = chapter.at(0.66)
    chapter.happens("fire", "ridge", (onset, onset + 3 * HOUR_NS))
    chapter.happens("rainstorm", "ridge", (chapter.at(0.85), chapter.at(0.9)), 60.0)
    chapter.breaks("silent", ["humidity"], (0.2, 0.25), ("says nothing", "无数据"))
