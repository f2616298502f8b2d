"""One storage tank: what flows in and out, its warmth, and the gas above the liquid.

    dM/dt = in − out − leak                               level = M / ρ A H
    dT/dt = (T_sol − T)/τ + in (T_in − T)/M + reaction    T_sol = air + what the sun adds
    fixed roof    n R T_gas = (P₀ + p) V: breathing valve, vacuum side and nitrogen blanket pass
                  what their slope allows at the pressure at the step's end (implicit, exact: the
                  valves are straight lines between closed and open)
    floating roof a ventilated box above the roof, dC/dt = E (1 − C)/V − vent C/V
    refrigerated  saturation over a warm surface layer; a compressor that starts and stops

Pressures kPa gauge, temperatures Cel, flows m³/h, levels %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from .plume import GAS_CONSTANT, Vapour, evaporation
from .runaway import STYRENE, ZERO_C, Heated, heat_up

Roof = Literal["fixed", "floating", "refrigerated"]

GRAVITY: Final = 9.81
DISCHARGE: Final = 0.62
SUN_ON_WALL: Final = 0.012  # K that a white wall is warmer for a W/m²
SUN_ON_ROOF: Final = 0.03
GAS_SPACE_S: Final = 1200.0  # in which the gas space follows the roof
SEAL_OPEN: Final = 1e-4  # share of the surface that a floating roof's seals leave open
AIRED_M3_S: Final = 0.15  # through the eaves of a floating roof's tank, and as much a m/s of wind


@dataclass(frozen=True, slots=True)
class Valve:
    """Opens at `opens` kPa and lets `most` m³/h through from `full` on; both may be negative."""

    opens: float
    full: float
    most: float


@dataclass(frozen=True, slots=True)
class TankSpec:
    """A tank and its product. `settles_s` is the time constant of its heat exchange; `pump` m³/h."""

    name: str
    roof: Roof
    product: str
    vapour: Vapour
    diameter: float = 18.0
    height: float = 18.0
    pump: float = 200.0
    settles_s: float = 12.0 * 86_400.0
    starts_at: float = 20.0
    cooled_to: float | None = None
    between: tuple[float, float] = (30.0, 78.0)

    @property
    def area(self) -> float:
        """m²."""
        return math.pi / 4.0 * self.diameter**2

    @property
    def volume(self) -> float:
        """m³ from bottom to brim."""
        return self.area * self.height


BREATHES: Final = Valve(1.0, 1.3, 2000.0)
EMERGENCY: Final = Valve(2.0, 2.5, 10_000.0)
BLANKET: Final = Valve(0.3, 0.1, 1500.0)
VACUUM: Final = Valve(-0.3, -0.5, 2000.0)


def settled_pressure(
    closed: float, kpa_per_m3: float, valves: tuple[Valve, ...], hours: float
) -> float:
    """The gauge pressure after `hours` where closed valves would give `closed`, kPa.

    Each valve acts on the side on which it opens (`full` above `opens`: lets out). Pressure falls by
    `kpa_per_m3` for each m³ that leaves. The sum of the valves is a rising broken line, so there is
    one solution; it is found piece by piece.
    """
    out = closed > max((v.opens for v in valves if v.full > v.opens), default=math.inf) or any(
        v.full > v.opens and closed > v.opens for v in valves
    )
    side = [v for v in valves if (v.full > v.opens) == out]
    sign = 1.0 if out else -1.0
    corners = sorted({sign * x for v in side for x in (v.opens, v.full)})
    pressure = sign * closed
    # g(p) = p + gain · Σ flow(p) rises; walk its corners until it passes what the closed tank has.
    gain = kpa_per_m3 * hours

    def passed(at: float) -> float:
        return gain * sum(
            v.most * min(1.0, max(0.0, (at - sign * v.opens) / (sign * (v.full - v.opens))))
            for v in side
        )

    if not corners or pressure <= corners[0]:
        return closed
    low, low_sum = corners[0], corners[0] + passed(corners[0])
    for high in [*corners[1:], pressure]:
        high_sum = high + passed(high)
        if high_sum >= pressure or high == pressure:
            share = (pressure - low_sum) / (high_sum - low_sum) if high_sum > low_sum else 0.0
            return sign * (low + min(1.0, share) * (high - low))
        low, low_sum = high, high_sum
    return closed


@dataclass(slots=True)
class Upset:
    """What is wrong with a tank at this moment; all as nothing by default."""

    hole_m2: float = 0.0
    vent_blocked: float = 0.0
    open_roof: float = 0.0
    faster: float = 0.0
    compressor_lost: float = 0.0
    stops_at: float | None = None


@dataclass(frozen=True, slots=True)
class Outside:
    """The weather of a step."""

    air: float
    sun: float
    wind: float
    pressure: float


class Tank:
    """A tank in service; `step` moves it by one step."""

    def __init__(self, spec: TankSpec, level: float, pressure: float = 101.3) -> None:
        self.spec = spec
        self._area, self._volume = spec.area, spec.volume
        self.kg = level / 100.0 * self._volume * spec.vapour.density
        self.heat = Heated(spec.starts_at + ZERO_C)
        self.surface = spec.starts_at
        self.gas = spec.starts_at
        self.gauge = 0.5
        self.fraction = 0.0
        self.compressing = False
        self.barometer = pressure
        self._amount = (pressure + self.gauge) * self.free / (self.gas + ZERO_C)

    @property
    def level(self) -> float:
        """% of the height."""
        return 100.0 * self.kg / self.spec.vapour.density / self._volume

    @property
    def free(self) -> float:
        """m³ above the liquid, roof included."""
        return max(0.02, 1.05 - self.level / 100.0) * self._volume

    @property
    def celsius(self) -> float:
        """Of the product."""
        return self.heat.kelvin - ZERO_C

    def spills(self, hole_m2: float, step_s: float) -> float:
        """kg through a hole at the bottom within a step, by Torricelli: √h falls on a line."""
        density, area = self.spec.vapour.density, self._area
        root = math.sqrt(self.kg / density / area)
        falls = DISCHARGE * hole_m2 / area * math.sqrt(0.5 * GRAVITY) * step_s
        return density * area * (root**2 - max(0.0, root - falls) ** 2)

    def step(
        self, step_s: float, inflow: float, outflow: float, out: Outside, upset: Upset
    ) -> float:
        """One step; returns kg that left as liquid beside the pump: leak and overflow."""
        spec, density = self.spec, self.spec.vapour.density
        before = self.level
        came = inflow * density * step_s / 3600.0
        went = min(self.kg, outflow * density * step_s / 3600.0)
        leaks = min(self.kg + came - went, self.spills(upset.hole_m2, step_s))
        whole = self._volume * density
        kg = self.kg + came - went - leaks
        over = max(0.0, kg - whole)
        share = came / max(kg, 1.0)
        self.kg = kg - over
        self._warm(step_s, share, out, upset)
        if spec.roof == "refrigerated":
            self._boil(step_s, out, upset)
        elif spec.roof == "floating":
            self._air(step_s, out, upset)
        else:
            self._breathe(step_s, (self.level - before) / 100.0 * self._volume, out, upset)
        self.barometer = out.pressure
        return leaks + over

    def _warm(self, step_s: float, share: float, out: Outside, upset: Upset) -> None:
        spec = self.spec
        towards = out.air + SUN_ON_WALL * out.sun
        if spec.cooled_to is not None:
            towards = spec.cooled_to
        kelvin = self.heat.kelvin + share * (spec.starts_at + ZERO_C - self.heat.kelvin)
        state, pull = Heated(kelvin, self.heat.reacted), 1.0 / spec.settles_s
        if upset.faster > 0.0:
            # The cooler of a tank that sets is soon fouled: what is left is the wall.
            self.heat = heat_up(STYRENE, state, step_s, upset.faster, pull, towards + ZERO_C)
            return
        keep = math.exp(-pull * step_s)
        self.heat = Heated(towards + ZERO_C + keep * (kelvin - towards - ZERO_C), state.reacted)

    def _breathe(self, step_s: float, rises_m3: float, out: Outside, upset: Upset) -> None:
        """Gas amounts are kPa·m³/K."""
        roof = 0.5 * (out.air + SUN_ON_ROOF * out.sun + self.celsius)
        self.gas += (1.0 - math.exp(-step_s / GAS_SPACE_S)) * (roof - self.gas)
        warm = self.gas + ZERO_C
        closed = self._amount * warm / self.free - out.pressure
        passes = 1.0 - upset.vent_blocked
        valves = (
            Valve(BREATHES.opens, BREATHES.full, BREATHES.most * passes),
            EMERGENCY,
            BLANKET,
            Valve(VACUUM.opens, VACUUM.full, VACUUM.most * passes),
        )
        per_m3 = out.pressure / self.free
        self.gauge = settled_pressure(closed, per_m3, valves, step_s / 3600.0)
        self._amount = (out.pressure + self.gauge) * self.free / warm

    def _air(self, step_s: float, out: Outside, upset: Upset) -> None:
        """Volume fraction of vapour above a floating roof: exact for constant flows."""
        spec = self.spec
        open_m2 = self._area * max(SEAL_OPEN, upset.open_roof)
        flux = evaporation(spec.vapour, self.celsius, 0.5 + 0.2 * out.wind, spec.diameter)
        molar = GAS_CONSTANT * (self.celsius + ZERO_C) / (1000.0 * out.pressure)
        enters = open_m2 * flux / spec.vapour.molar_mass * molar
        airs = AIRED_M3_S * (1.0 + out.wind)
        rest = enters / (enters + airs)
        # No fuller than saturation.
        rest = min(rest, spec.vapour.pressure_at(self.celsius) / out.pressure)
        keep = math.exp(-(enters + airs) * step_s / self.free)
        self.fraction = rest + keep * (self.fraction - rest)

    def _boil(self, step_s: float, out: Outside, upset: Upset) -> None:
        """The surface layer warms by what comes through wall and roof, and boils at the pressure
        above it; the bulk below takes two days to mix with it."""
        leak_k_s = LEAKS_IN_K_S * (out.air + SUN_ON_ROOF * out.sun - self.surface) / 55.0
        if self.gauge >= STARTS_KPA:
            self.compressing = True
        elif self.gauge <= STOPS_KPA:
            self.compressing = False
        cooling = COMPRESSES_K_S * (1.0 - upset.compressor_lost) if self.compressing else 0.0
        mixing = (self.surface - self.celsius) / MIXES_S
        self.surface += (leak_k_s - cooling - mixing) * step_s
        boiling = saturated(self.surface) - out.pressure
        if boiling > RELIEF.opens:
            # The relief valve holds it: what boils off cools the surface.
            boiling = min(boiling, RELIEF.full)
            self.surface = saturated_at(boiling + out.pressure)
        self.gauge = boiling


RELIEF: Final = Valve(10.0, 11.0, 0.0)
STARTS_KPA: Final = 7.0
STOPS_KPA: Final = 4.0
LEAKS_IN_K_S: Final = 4.6e-5  # 22 kW into half a metre of a tank of 20 m
COMPRESSES_K_S: Final = 1.4e-4
MIXES_S: Final = 172_800.0


def saturated(celsius: float) -> float:
    """Vapour pressure of ammonia, kPa (Antoine's coefficients of the NIST WebBook, Stull 1947)."""
    return float(100.0 * 10.0 ** (4.86886 - 1113.928 / (celsius + ZERO_C - 10.409)))


def saturated_at(kpa: float) -> float:
    """The inverse of `saturated`, Cel."""
    return 1113.928 / (4.86886 - math.log10(kpa / 100.0)) + 10.409 - ZERO_C
