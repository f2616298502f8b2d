"""The weather station: what every domain is driven by, measured, and watched by the pack `weather`.

Rain (mm/h), wind of the moment (m/s), air temperature and pressure, once a minute. What happens is
weather to order. What the climate brings by itself (the heat of July, a front of 60 mm) is labelled
where the true weather reaches what the pack's signals stand for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from lifeline.engine.frame import Float64, Int64
from lifeline.engine.limits import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS

from .ahead import Ahead
from .cause import CauseKind, Happening, Label, Run
from .climate import HEFEI, SIZES, Climate, Event, EventKind
from .incidents import Level
from .plant import Gateway, Point, Site, World
from .script import Chapter, storyteller
from .sensor import Instrument
from .signals import Signal
from .weather import Weather

RAIN_GAUGE: Final = Instrument(0.0, 240.0, 0.1)
ANEMOMETER: Final = Instrument(0.0, 60.0, 0.1, noise=0.1, t90_s=3.0)
THERMOMETER: Final = Instrument(-45.0, 60.0, 0.1, noise=0.05, t90_s=60.0)
BAROMETER: Final = Instrument(60.0, 110.0, 0.01, noise=0.01)
# The limits of the pack `weather`, by what is heard: level and from which size on it is reached.
RAIN_LIMITS: Final[dict[float, dict[Level, float]]] = {
    3.0: {"orange": 50.0, "red": 100.0},
    6.0: {"yellow": 50.0},
    12.0: {"blue": 50.0},
    24.0: {"yellow": 50.0, "orange": 100.0, "red": 250.0},
}
WIND_LIMITS: Final[dict[Level, float]] = {"yellow": 17.2, "orange": 25.0}
HEAT_LIMITS: Final[dict[Level, float]] = {"yellow": 35.0, "orange": 37.0, "red": 40.0}
LEVELS: Final[tuple[Level, ...]] = ("blue", "yellow", "orange", "red")
# What rule and gauge may miss of a size: a label asks for no more than what is surely reached.
RAIN_SURE: Final = 0.93
WIND_SURE: Final = 0.93
HEAT_SPARE_C: Final = 0.8
SIGNALS: Final = (
    *(
        Signal(
            "rain",
            "heavy.rain",
            limits,
            "rain of the window, mm",
            "{size} mm of rain fall",
            "降雨{size}毫米",
            of="sum",
            window_s=3600.0 * hours,
            spare=1.0 - RAIN_SURE,
        )
        for hours, limits in RAIN_LIMITS.items()
    ),
    Signal(
        "wind",
        "strong.wind",
        WIND_LIMITS,
        "mean wind of ten minutes, m/s",
        "the wind blows with {size} m/s",
        "平均风速{size}米/秒",
        of="mean",
        window_s=600.0,
        spare=1.0 - WIND_SURE,
        deadband=1.0,
    ),
    Signal(
        "air_temp",
        "hot.day",
        HEAT_LIMITS,
        "highest temperature, Cel",
        "a hot day, up to {size} °C",
        "高温天气，最高{size}摄氏度",
        window_s=600.0,
        spare=0.01,
        deadband=0.5,
    ),
)
# Rain of 24 h is said as long as it lies within the window.
RAIN_LASTS_NS: Final = DAY_NS


@dataclass(frozen=True, slots=True)
class Words:
    """Bounds and words of one kind of weather."""

    usual: float
    least: float
    most: float
    en: str
    zh: str


WORDS: Final[dict[EventKind, Words]] = {
    "rainstorm": Words(160.0, 10.0, 500.0, "a rainstorm brings {size} mm", "暴雨，累计{size}毫米"),
    "gale": Words(21.0, 10.0, 32.0, "a gale blows with {size} m/s", "大风，平均风速{size}米/秒"),
    "typhoon": Words(
        30.0, 18.0, 50.0, "a typhoon passes with {size} m/s", "台风过境，平均风速{size}米/秒"
    ),
    "heat": Words(41.5, 32.0, 45.0, "heat, up to {size} °C", "高温，最高{size}摄氏度"),
    "cold": Words(12.0, 6.0, 20.0, "it cools by {size} °C", "寒潮，降温{size}摄氏度"),
    "fog": Words(200.0, 30.0, 1000.0, "fog, sight down to {size} m", "大雾，能见度{size}米"),
    "drought": Words(1.0, 0.2, 1.0, "rain stays away (share {size})", "少雨干旱（减少比例{size}）"),
}


def weather_station(
    site_id: str = "weather", *, climate: Climate = HEFEI, interval_s: float = 60.0
) -> Site:
    """A station under `climate` that speaks every `interval_s` (a whole number of seconds)."""
    if interval_s < 1.0 or interval_s != round(interval_s):
        raise ValueError(f"a station speaks every whole number of seconds, found {interval_s}")
    step_ns = round(interval_s) * SECOND_NS
    return Site(
        name="weather",
        id=site_id,
        tenant="binhe-weather",
        area="binhe/central/station",
        title="滨河气象站",
        domain="weather",
        shape="wide",
        lat=climate.lat,
        lon=climate.lon,
        step_ns=step_ns,
        resolution_ns=SECOND_NS,
        window_ns=step_ns,
        gateways=(Gateway("station", 0),),
        points=_points(climate),
        write_script=storyteller(_tell),
        causes=weather_kinds("station"),
        make_world=partial(_world, climate),
        packs=({"pack": "weather"},),
        signals=SIGNALS,
    )


def _points(climate: Climate) -> tuple[Point, ...]:
    point = partial(Point, gateway=0, asset="station", lat=climate.lat, lon=climate.lon)
    return (
        point(
            id="rain", quantity="weather.rain", unit="mm/h", name="降雨强度", instrument=RAIN_GAUGE
        ),
        point(id="wind", quantity="weather.wind", unit="m/s", name="风速", instrument=ANEMOMETER),
        point(
            id="air_temp",
            quantity="weather.temp",
            unit="Cel",
            name="气温",
            instrument=THERMOMETER,
        ),
        point(
            id="baro",
            quantity="weather.pressure",
            unit="kPa",
            name="气压",
            instrument=BAROMETER,
        ),
    )


def _world(climate: Climate, site: Site, run: Run, causes: tuple[Event, ...]) -> World:
    weather = Weather(climate, run.seed, causes)

    def told(times_ns: Int64) -> Mapping[str, Float64]:
        sky = weather.at(times_ns)
        return {
            # A weighing gauge tells snow as water.
            "rain": sky.precipitation,
            "wind": sky.wind,
            "air_temp": sky.temperature,
            "baro": sky.pressure,
        }

    return Ahead(told, site.step_ns)


def weather_kinds(where: str, kinds: tuple[EventKind, ...] = ()) -> tuple[CauseKind[Event], ...]:
    """Kinds of weather as a site's causes at the place `where`, all unless some are named. They are
    labelled where the site has the points `rain`, `wind` and `air_temp` under the pack `weather`."""
    return tuple(
        CauseKind(
            kind=kind,
            measure=", ".join(SIZES[kind]),
            usual=words.usual,
            least=words.least,
            most=words.most,
            what_en=words.en,
            what_zh=words.zh,
            places=lambda site: (where,),
            make=partial(_make, kind),
        )
        for kind, words in WORDS.items()
        if not kinds or kind in kinds
    )


def _make(kind: EventKind, site: Site, it: Happening) -> tuple[tuple[Label, ...], Event]:
    event = Event(kind, it.onset_ns, it.end_ns, it.size)
    return tuple(_labels(event)), event


def _labels(event: Event) -> list[Label]:
    """What the pack must say at least; cold, fog and drought drive only."""
    labels: list[Label] = []
    if event.kind in ("rainstorm", "typhoon"):
        level = rain_level(event)
        labels += (
            [Label(("rain",), level, "rain", None, event.end_ns + RAIN_LASTS_NS)] if level else []
        )
    if event.kind in ("gale", "typhoon"):
        # Long enough on its height that a mean of ten minutes sees it.
        lasts = event.end_ns - event.onset_ns >= 2 * HOUR_NS
        found = [v for v in WIND_LIMITS if WIND_SURE * event.size >= WIND_LIMITS[v]]
        labels += [Label(("wind",), found[-1], "wind")] if found and lasts else []
    if event.kind == "heat" and event.end_ns - event.onset_ns >= 2 * DAY_NS:
        found = [v for v in HEAT_LIMITS if event.size - HEAT_SPARE_C >= HEAT_LIMITS[v]]
        labels += [Label(("air_temp",), found[-1])] if found else []
    return labels


def rain_level(event: Event) -> Level | None:
    """The gravest level of the pack that the event's own rain surely reaches, by its closed form."""
    edges = np.arange(event.onset_ns - DAY_NS, event.end_ns + DAY_NS, 5 * MINUTE_NS)
    fallen = Weather(events=(event,)).ordered().fallen(edges)
    reached: list[Level] = []
    for hours, limits in RAIN_LIMITS.items():
        steps = round(hours * HOUR_NS) // (5 * MINUTE_NS)
        most = RAIN_SURE * float((fallen[steps:] - fallen[:-steps]).max())
        reached += [level for level, limit in limits.items() if most >= limit]
    return max(reached, key=LEVELS.index, default=None)


def _tell(chapter: Chapter) -> None:
    """A rainstorm, a gale, heat and fog, each at its place in the story; two faults."""
    grow = float(chapter.dice.uniform(0.9, 1.3))
    chapter.happens("rainstorm", "station", (chapter.at(0.05), chapter.at(0.15)), 160.0 * grow)
    chapter.happens("gale", "station", (chapter.at(0.25), chapter.at(0.32)), 20.0 * grow)
    chapter.happens("heat", "station", (chapter.at(0.45), chapter.at(0.75)))
    chapter.happens("cold", "station", (chapter.at(0.8), chapter.at(0.95)))
    onset = chapter.at(0.18)
    chapter.happens("fog", "station", (onset, onset + 3 * HOUR_NS))
    chapter.breaks("silent", ["baro"], (0.35, 0.40), ("says nothing", "无数据"))
    chapter.breaks("stuck", ["wind"], (0.78, 0.83), ("reading frozen", "读数冻结"))
