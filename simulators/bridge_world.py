"""The world of a bridge: warmth with lag, traffic over influence lines, wind, and what breaks.

An approach on two supports, then a main span hung on cables (`beam`). Lorries drive over both.

    warmth       steel and cables follow air and sun with their time constants, by ten minutes, from
                 four days before the run; what they lift, stretch and slacken is proportional
    approach     strain and sag at mid-span: axles over the influence lines, q L²/8 of the light ones
    main span    sag at mid-span and cable forces: lorries over Hetényi's lines, light load q/k
    vibration    RMS of a second: floor, lorries on the span, wind (V²), a ship's blow that rings off
    pier         tilts with the sun and with scour; joint and bearing move with the deck's warmth

Sag is positive down. A cable's force is what its frequency says (`beam.cable_force`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from lifeline.engine.frame import Float64, Int64
from lifeline.engine.limits import MINUTE_NS, SECOND_NS

from .beam import GRAVITY, StayedGirder, cable_force, cable_frequency, expansion
from .bridge_spans import Plan, Rolling
from .cause import Happening
from .climate import smooth
from .lattice import key_of, noise, normal
from .traffic import AXLE_SHARES, Traffic, Vehicles, convoy
from .warmth import NODE_NS, Warmth
from .weather import Weather

REFERENCE_C: Final = 16.0
# A frequency is found from ten minutes of vibration, within this share.
FREQUENCY_NOISE: Final = 0.0008
AIR_DAMPING: Final = 0.03
FLOOR_M_S2: Final = 0.008
PER_TONNE_M_S2: Final = 0.0006
WIND_M_S2: Final = 3.0e-4
CONVOY: Final = 6
CONVOY_M_S: Final = 6.0
CONVOY_GAP_M: Final = 18.0
CONVOY_AXLES: Final = 9


class Bridge:
    """The true state; `told` is called with consecutive times (through `ahead.Ahead`)."""

    def __init__(
        self,
        seed: int,
        start_ns: int,
        happenings: tuple[Happening, ...],
        weather: Weather,
        plan: Plan,
    ) -> None:
        self._seed = seed
        self._plan = plan
        self._happenings = happenings
        self._weather = weather
        self._warmth = Warmth(weather, start_ns)
        self._traffic = Traffic(seed, "bridge")
        self._axle = 0.0

    def told(self, times_ns: Int64) -> Mapping[str, Float64]:
        """Every point's truth, canonical units."""
        plan = self._plan
        deck, cable, sun = self._warmth.at(times_ns)
        sky = self._weather.at(times_ns)
        vehicles = self._vehicles(times_ns)
        rolling = Rolling(plan, vehicles, times_ns)
        light = self._light(times_ns)
        moment = rolling.moment + plan.approach.moment_of_lane(light)
        sag = rolling.approach_sag + plan.approach.sag_of_lane(light)
        strain = plan.approach.strain(moment) + plan.strain_per_k * (sky.temperature - deck)
        pairs = self._pairs(times_ns, light, rolling)
        shift = self._steps("bearing", times_ns)
        truth: dict[str, Float64] = {
            "strain_1": strain,
            "strain_2": 0.94 * strain,
            "sag_approach": 1000.0 * sag,
            "sag_main": 1000.0 * (rolling.main_sag + light / plan.main.stiffness)
            + plan.sag_per_k * (cable - REFERENCE_C)
            + self._sag_of_loss(times_ns),
            "accel": self._vibration(times_ns, rolling.mass, sky.wind_mean),
            "tilt_p1": plan.tilt_per_w * sun + self._scour("p1", times_ns),
            "tilt_p2": plan.tilt_per_w * sun + self._scour("p2", times_ns),
            "joint": expansion(plan.expands, deck - REFERENCE_C) + shift,
            "freq": self._frequency(times_ns, light, deck),
            "axle": self._weighed(vehicles, times_ns),
            "wind": sky.wind,
            "air_temp": sky.temperature,
        }
        for i, (name, _) in enumerate(plan.cables):
            truth[name] = self._measured(name, times_ns, pairs[i], cable - deck)
        return truth

    def _vehicles(self, times_ns: Int64) -> Vehicles:
        """Lorries that are on the bridge at some of these times, or were just weighed."""
        back_ns = round((self._plan.length + 30.0) / CONVOY_M_S) * SECOND_NS + 40 * SECOND_NS
        first, last = int(times_ns[0]) - back_ns, int(times_ns[-1]) + 1
        found = [self._traffic.entering(first, last)]
        for it in self._of("overload"):
            heavy = convoy(it.onset_ns, CONVOY, it.size, CONVOY_M_S, CONVOY_GAP_M)
            near = (heavy.enters >= first) & (heavy.enters < last)
            found.append(Vehicles(heavy.enters[near], heavy.speed[near], heavy.mass[near]))
        return Vehicles(
            np.concatenate([v.enters for v in found]),
            np.concatenate([v.speed for v in found]),
            np.concatenate([v.mass for v in found]),
        )

    def _light(self, times_ns: Int64) -> Float64:
        load = self._traffic.light_load(times_ns)
        for it in self._of("congestion"):
            load = load + _acts(it, times_ns) * np.maximum(it.size - load, 0.0)
        for it in self._of("closure"):
            load = load * (1.0 - it.size * _acts(it, times_ns))
        return np.asarray(load, np.float64)

    def _pairs(self, times_ns: Int64, light: Float64, rolling: Rolling) -> list[Float64]:
        """The vertical force that each watched cable gives, kN: half of its pair's."""
        plan = self._plan
        dead = plan.carried * plan.cable_sine
        forces = [
            dead + 0.5 * (light * plan.main.spacing + rolling.pair(at)) for _, at in plan.cables
        ]
        for it in self._of("cable.loss"):
            hurt = [name for name, _ in plan.cables].index(it.where)
            lost = it.size / 100.0 * _stays(it, times_ns)
            # The pair's other cable is whole: half of the share is the pair's.
            freed = released(plan.main, 2.0 * dead, 0.5 * lost)
            for i, (_, at) in enumerate(plan.cables):
                distance = np.array([at - plan.cables[hurt][1]])
                more = 0.5 * float(plan.main.share(distance)[0]) * freed
                whole = forces[i] + more
                forces[i] = whole * (1.0 - lost) if i == hurt else whole
        return forces

    def _sag_of_loss(self, times_ns: Int64) -> Float64:
        """mm at the middle of the main span, of all cables that lost a share."""
        plan = self._plan
        sag = np.zeros(len(times_ns))
        places = dict(plan.cables)
        for it in self._of("cable.loss"):
            lost = it.size / 100.0 * _stays(it, times_ns)
            freed = released(plan.main, 2.0 * plan.carried * plan.cable_sine, 0.5 * lost)
            sag = sag + 1000.0 * float(plan.main.sag(np.array([places[it.where]]))[0]) * freed
        return sag

    def _measured(self, name: str, times_ns: Int64, vertical: Float64, warmer: Float64) -> Float64:
        """A cable's force as its frequency tells it, kN; one measurement in ten minutes."""
        plan = self._plan
        force = vertical / plan.cable_sine * (1.0 - plan.force_per_k * warmer)
        frequency = cable_frequency(force, plan.cable_kg_m, plan.cable_m)
        error = normal(key_of(self._seed, "bridge", name), times_ns // NODE_NS)
        found = frequency * (1.0 + FREQUENCY_NOISE * error)
        return cable_force(found, plan.cable_kg_m, plan.cable_m)

    def _vibration(self, times_ns: Int64, mass: Float64, wind: Float64) -> Float64:
        """RMS of a second at the middle of the main span, m/s²."""
        swing = 1.0 + 0.25 * noise(key_of(self._seed, "bridge", "rms"), times_ns, 4 * SECOND_NS)
        carried = PER_TONNE_M_S2 * mass * swing
        blown = WIND_M_S2 * wind**2 * swing
        square = FLOOR_M_S2**2 + carried**2 + blown**2
        ring = 2.0 * np.pi * float(self._plan.main.frequency()) * AIR_DAMPING
        for it in self._of("ship"):
            since = (times_ns - it.onset_ns) / 1e9
            blow = np.where(since >= 0.0, it.size * np.exp(-ring * np.maximum(since, 0.0)), 0.0)
            square = square + blow**2
        return np.asarray(np.sqrt(square), np.float64)

    def _frequency(self, times_ns: Int64, light: Float64, deck: Float64) -> Float64:
        """The main span's first frequency as ten minutes of vibration tell it, Hz."""
        main = self._plan.main
        places = dict(self._plan.cables)
        left = np.ones(len(times_ns))
        for it in self._of("cable.loss"):
            # What a lost pair took of the first shape's stiffness: sin² over the length, by spacing.
            shape = np.cos(np.pi * places[it.where] / main.length) ** 2
            lost = 0.5 * it.size / 100.0 * _stays(it, times_ns)
            left = left - lost * 2.0 * main.spacing / main.length * shape
        true = main.frequency(left, light / GRAVITY) * (1.0 - 2.0e-4 * (deck - REFERENCE_C))
        error = normal(key_of(self._seed, "bridge", "frequency"), times_ns // NODE_NS)
        return np.asarray(true * (1.0 + FREQUENCY_NOISE * error), np.float64)

    def _scour(self, pier: str, times_ns: Int64) -> Float64:
        """Degrees: it leans while the river digs, and stays so."""
        lean = np.zeros(len(times_ns))
        for it in self._of("scour"):
            if it.where == pier:
                x = (times_ns - it.onset_ns) / float(it.end_ns - it.onset_ns)
                lean = lean + it.size * smooth(x)
        for it in self._of("ship"):
            if it.where == pier:
                lean = lean + 0.02 * it.size * (times_ns >= it.onset_ns)
        return lean

    def _steps(self, kind: str, times_ns: Int64) -> Float64:
        """What a bearing has slipped, mm: within a minute, and it stays."""
        moved = np.zeros(len(times_ns))
        for it in self._of(kind):
            moved = moved + it.size * smooth((times_ns - it.onset_ns) / float(MINUTE_NS))
        return moved

    def _weighed(self, vehicles: Vehicles, times_ns: Int64) -> Float64:
        """The heaviest axle of the lorry weighed last, t, held until the next."""
        order = np.argsort(vehicles.enters, kind="stable")
        enters = vehicles.enters[order]
        heaviest = np.where(
            vehicles.mass > 60.0,
            vehicles.mass * 1.1 / CONVOY_AXLES,
            vehicles.mass * float(AXLE_SHARES.max()),
        )[order]
        last = np.searchsorted(enters, times_ns, side="right") - 1
        if not len(enters):
            return np.full(len(times_ns), self._axle)
        told = np.where(last >= 0, heaviest[np.maximum(last, 0)], self._axle)
        self._axle = float(told[-1])
        return np.asarray(told, np.float64)

    def _of(self, kind: str) -> tuple[Happening, ...]:
        return tuple(h for h in self._happenings if h.kind == kind)


def released(main: StayedGirder, carried: float, lost: Float64) -> Float64:
    """`StayedGirder.released` for a share that changes with time."""
    return np.asarray(lost * carried / (1.0 - lost * main.own_share), np.float64)


def _acts(it: Happening, times_ns: Int64) -> Float64:
    """0 outside, 1 within, smooth over a tenth at either end."""
    x = (times_ns - it.onset_ns) / float(it.end_ns - it.onset_ns)
    return smooth(np.minimum(x, 1.0 - x) / 0.1)


def _stays(it: Happening, times_ns: Int64) -> Float64:
    """0 before the onset, 1 from a second later until the end, when it is mended."""
    rises = smooth((times_ns - it.onset_ns) / float(SECOND_NS))
    return np.asarray(rises * (times_ns < it.end_ns), np.float64)
