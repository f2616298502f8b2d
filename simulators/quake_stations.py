"""Strong-motion stations of a plant: three of them, each with peak acceleration, peak velocity and
intensity of the event that it hears, under the pack `earthquake`.

The peaks of an event grow as it shakes and are held for two minutes, then the station is at rest
again. A lorry or a blast shakes one station only, fast and short: much acceleration, little velocity,
and less intensity, which the standard makes of what is slower than 10 Hz.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from lifeline.engine.frame import Float64, Int64
from lifeline.engine.limits import SECOND_NS

from .cause import CauseKind, Happening, Label, Run
from .ground_motion import RATE_HZ, SHEAR_M_S, intensity, motion, passed
from .incidents import Level
from .lattice import key_of, noise
from .plant import Gateway, Point, Site, World
from .script import Chapter, storyteller
from .sensor import Instrument
from .stream import generator_of

PGA: Final = Instrument(0.0, 20.0, 0.001)
PGV: Final = Instrument(0.0, 3.0, 0.0001)
INTENSITY: Final = Instrument(0.0, 12.0, 0.1)
CENTRE: Final = (31.8650, 117.2800)
#: Stations and how far each lies from the middle, m.
STATIONS: Final = {"s1": 0.0, "s2": 900.0, "s3": -1400.0}
#: Faults and their distance from the middle, m (hypocentre).
FAULTS: Final = {"near": 14_000.0, "middle": 45_000.0, "far": 160_000.0}
HELD_NS: Final = 120 * SECOND_NS
REST_PGA: Final = 0.0008
REST_PGV: Final = 0.00003
HEARTBEAT_S: Final = 30.0
#: A lorry or blast shakes with one of these frequencies (deep-hole blasting in GB 6722-2014, from memory; a
#: lorry's lie within): velocity is acceleration over 2 π f.
BLAST_HZ: Final = (10.0, 60.0)
BLAST_NS: Final = 4 * SECOND_NS
INTENSITY_LIMITS: Final[dict[Level, float]] = {
    "blue": 3.0,
    "yellow": 5.0,
    "orange": 6.0,
    "red": 7.0,
}


@dataclass(frozen=True, slots=True)
class Shaking:
    """What one station hears: from when on, and the peaks and the intensity so far at each second
    after."""

    station: str
    begin_ns: int
    pga: Float64
    pgv: Float64
    felt: Float64

    def near(self, times_ns: Int64) -> bool:
        """Whether anything of it may be heard between the first and the last of these times."""
        end_ns = self.begin_ns + len(self.pga) * SECOND_NS + HELD_NS
        return bool(times_ns[0] <= end_ns and self.begin_ns <= times_ns[-1])


def quake_stations(site_id: str = "quake", *, interval_s: float = 1.0) -> Site:
    """Three stations that look every `interval_s` and speak when something changes."""
    if interval_s < 1.0 or interval_s != round(interval_s):
        raise ValueError(f"a station looks every whole number of seconds, found {interval_s}")
    step_ns = round(interval_s) * SECOND_NS
    return Site(
        name="quake",
        id=site_id,
        tenant="binhe-chemical",
        area="binhe/east/harbour",
        title="滨河化工园区强震台",
        domain="earthquake",
        shape="points",
        lat=CENTRE[0],
        lon=CENTRE[1],
        step_ns=step_ns,
        resolution_ns=1_000_000,
        window_ns=step_ns,
        gateways=tuple(Gateway(name, 120_000_000 * (i + 1)) for i, name in enumerate(STATIONS)),
        points=tuple(p for i, name in enumerate(STATIONS) for p in _points(i, name)),
        write_script=storyteller(_tell),
        causes=CAUSES,
        make_world=_world,
        packs=({"pack": "earthquake"},),
    )


def _points(gateway: int, station: str) -> tuple[Point, ...]:
    point = partial(
        Point,
        gateway=gateway,
        asset=station,
        lat=CENTRE[0],
        lon=round(CENTRE[1] + STATIONS[station] / 95_000.0, 6),
        reports="on_change",
        heartbeat_s=HEARTBEAT_S,
    )
    return (
        point(
            id=f"{station}_pga",
            quantity="quake.pga",
            unit="m/s2",
            name=f"{station}台峰值加速度",
            instrument=PGA,
        ),
        point(
            id=f"{station}_pgv",
            quantity="quake.pgv",
            unit="m/s",
            name=f"{station}台峰值速度",
            instrument=PGV,
        ),
        point(
            id=f"{station}_int",
            quantity="quake.intensity",
            unit="1",
            name=f"{station}台仪器烈度",
            instrument=INTENSITY,
        ),
    )


class Ground:
    """The world: at rest, or the peaks of what is heard. A pure function of time."""

    def __init__(self, seed: int, shakings: tuple[Shaking, ...]) -> None:
        self._seed = seed
        self._shakings = shakings

    def advance(self, times_ns: Int64) -> Mapping[str, Float64]:
        """See `plant.World`."""
        truth: dict[str, Float64] = {}
        for station in STATIONS:
            restless = noise(key_of(self._seed, "quake", station), times_ns, 40 * SECOND_NS)
            calm = np.exp(0.1 * restless)
            pga, pgv = REST_PGA * calm, REST_PGV * calm
            felt = intensity(pga, pgv)
            for it in self._shakings:
                if it.station == station and it.near(times_ns):
                    pga = np.maximum(pga, _heard(it.pga, it.begin_ns, times_ns))
                    pgv = np.maximum(pgv, _heard(it.pgv, it.begin_ns, times_ns))
                    felt = np.maximum(felt, _heard(it.felt, it.begin_ns, times_ns))
            truth[f"{station}_pga"], truth[f"{station}_pgv"] = pga, pgv
            truth[f"{station}_int"] = felt
        return truth


def _heard(peaks: Float64, begin_ns: int, times_ns: Int64) -> Float64:
    """The peak so far, held until HELD_NS after the record; 0 else."""
    second = (times_ns - begin_ns) // SECOND_NS
    last = len(peaks) - 1
    there = (second >= 0) & (second <= last + HELD_NS // SECOND_NS)
    return np.where(there, peaks[np.clip(second, 0, last)], 0.0)


def _world(site: Site, run: Run, causes: tuple[tuple[Shaking, ...], ...]) -> World:
    return Ground(run.seed, tuple(shaking for cause in causes for shaking in cause))


def shaken(site_id: str, it: Happening) -> tuple[Shaking, ...]:
    """What each station hears of an earthquake: a record of its own of the same source."""
    found: list[Shaking] = []
    for station, off in STATIONS.items():
        distance = math.hypot(FAULTS[it.where], off)
        dice = generator_of(it.onset_ns, site_id, it.where, station)
        record = motion(it.size, distance, dice)
        begin = it.onset_ns + round(distance / SHEAR_M_S * 1000) * 1_000_000
        felt = intensity(_peaks(record.banded_acceleration), _peaks(record.banded_velocity))
        pga, pgv = _peaks(record.acceleration), _peaks(record.velocity)
        found.append(Shaking(station, begin, pga, pgv, felt))
    return tuple(found)


def _peaks(of: Float64) -> Float64:
    """The peak so far, at each whole second (the last one may be short)."""
    rate = round(RATE_HZ)
    so_far = np.maximum.accumulate(np.abs(of))
    return np.asarray(np.append(so_far[::rate], so_far[-1]), np.float64)


def _earthquake(site: Site, it: Happening) -> tuple[tuple[Label, ...], tuple[Shaking, ...]]:
    """The level that the second strongest station reaches: an instrument's tenth to spare."""
    shakings = shaken(site.id, it)
    felt = sorted(float(s.felt[-1]) for s in shakings)[-2]
    reached = [level for level, limit in INTENSITY_LIMITS.items() if felt - 0.1 >= limit][-1:]
    sensors = tuple(f"{station}_int" for station in STATIONS)
    end = it.onset_ns + 240 * SECOND_NS
    return tuple(Label(sensors, level, "", None, end) for level in reached), shakings


def _blast(site: Site, it: Happening) -> tuple[tuple[Label, ...], tuple[Shaking, ...]]:
    seconds = np.arange(BLAST_NS // SECOND_NS)
    pga = np.minimum(it.size, it.size * (seconds + 1.0) / 2.0)
    hertz = float(generator_of(it.onset_ns, site.id, it.where, "blast").uniform(*BLAST_HZ))
    pgv = pga / (2.0 * np.pi * hertz)
    felt = intensity(pga * passed(hertz), pgv * passed(hertz))
    return (), (Shaking(it.where, it.onset_ns, pga, pgv, felt),)


CAUSES: Final[tuple[CauseKind[Any], ...]] = (
    CauseKind(
        kind="earthquake",
        measure="moment magnitude",
        usual=6.4,
        least=2.5,
        most=7.8,
        what_en="an earthquake of magnitude {size} on the fault {where}",
        what_zh="{where}断层发生{size}级地震",
        places=lambda site: tuple(FAULTS),
        make=_earthquake,
    ),
    CauseKind(
        kind="blast",
        measure="peak acceleration at one station, m/s2",
        usual=0.2,
        least=0.01,
        most=0.3,
        what_en="a blast or lorry shakes station {where} with {size} m/s2",
        what_zh="爆破或车辆引起{where}台振动{size} m/s²",
        places=lambda site: tuple(STATIONS),
        make=_blast,
    ),
)


def _tell(chapter: Chapter) -> None:
    """A small one far away, blasts that are none, then one that matters; a station falls silent."""
    dice = chapter.dice
    stations = tuple(STATIONS)

    def once(kind: str, where: str, fraction: float, size: float) -> None:
        onset = chapter.at(fraction)
        chapter.happens(kind, where, (onset, onset + 60 * SECOND_NS), size)

    once("earthquake", "far", 0.15, float(dice.uniform(4.0, 5.0)))
    for i in range(3):
        where = stations[int(dice.integers(len(stations)))]
        once("blast", where, 0.3 + 0.1 * i, float(dice.uniform(0.05, 0.28)))
    once("earthquake", "middle", 0.65, float(dice.uniform(5.8, 6.6)))
    once("earthquake", "near", 0.82, float(dice.uniform(5.6, 6.8)))
    chapter.breaks("silent", ["s3_pga", "s3_pgv", "s3_int"], (0.9, 0.97), ("is down", "离线"))
