"""Laws of conversion on random values, with pint's own unit tables as the independent witness."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache

import pint
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from lifeline.engine.gases import Gas, gas, load_gases
from lifeline.engine.limits import LONGEST_DURATION_NS
from lifeline.engine.quantities import Quantity, load_catalogue, quantity
from lifeline.engine.unit_spelling import EVERYDAY, canonical
from lifeline.engine.units import (
    UnitError,
    affine,
    convert,
    difference,
    dimension,
    parse_amount,
    parse_duration,
    rate,
)

QUANTITIES = st.sampled_from(list(load_catalogue().values()))
UNITS = st.sampled_from([unit for units in EVERYDAY.values() for unit in units])
VALUES = st.floats(-1e9, 1e9)
GASES = st.sampled_from(
    [gas(f"{g.name}@{lel.basis}") for g in load_gases().values() for lel in g.lels]
)

# Our spelling: the expression in pint's own tables, for units it defines as the field does.
WITNESSED = {
    "pipe.gas.pressure": {
        "MPa": "megapascal",
        "bar": "bar",
        "psi": "psi",
        "mmHg": "mmHg",
        "kgf/cm2": "kgf / cm ** 2",
        "atm": "atm",
        "hPa": "hectopascal",
    },
    "pipe.water.flow": {"L/min": "L / min", "m3/d": "m ** 3 / day", "L/s": "L / s"},
    "weather.temp": {"degF": "degF", "K": "kelvin"},
    "bridge.tilt": {"mrad": "mrad", "rad": "rad", "arcsec": "arcsecond", "arcmin": "arcminute"},
    "dam.disp.vertical": {"in": "inch", "ft": "foot", "um": "micrometer", "km": "kilometer"},
    "weather.wind": {"km/h": "km / hour", "mm/d": "mm / day"},
    "machine.vibration.accel": {"[g]": "g_0", "Gal": "galileo", "cm/s2": "cm / s ** 2"},
    "water.cl_residual": {"mg/m3": "mg / m ** 3", "ug/L": "ug / L"},
    "bridge.cable_force": {"kgf": "kgf", "MN": "MN"},
}
WITNESS_CASES = [(n, u, e) for n, units in WITNESSED.items() for u, e in units.items()]
WITNESS_UNIT = {"Cel": "degC", "m3/h": "m ** 3 / hour", "m/s2": "m / s ** 2", "deg": "degree"}


@cache
def witness() -> pint.UnitRegistry[float]:
    return pint.UnitRegistry()


@given(case=st.sampled_from(WITNESS_CASES), value=VALUES)
def test_conversion_agrees_with_pints_own_tables(case: tuple[str, str, str], value: float) -> None:
    name, unit, expression = case
    target = quantity(name).unit
    expected = witness().Quantity(value, expression).to(WITNESS_UNIT.get(target, target)).magnitude
    assert convert(value, unit, quantity(name)) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(entry=QUANTITIES, value=VALUES)
def test_the_canonical_unit_changes_no_bit(entry: Quantity, value: float) -> None:
    assert convert(value, entry.unit, entry) == value


def fitting(entry: Quantity, unit: str, of: Gas | None) -> tuple[float, float] | None:
    try:
        return affine(unit, entry, of)
    except UnitError:
        return None


@cache
def lines() -> list[tuple[Quantity, str, Gas | None]]:
    """Every quantity with every unit that fits it, with each gas where it is one."""
    gases = [gas(f"{g.name}@{lel.basis}") for g in load_gases().values() for lel in g.lels]
    return [
        (entry, unit, of)
        for entry in load_catalogue().values()
        for of in ([None, *gases] if entry.domain == "gas" else [None])
        for units in EVERYDAY.values()
        for unit in units
        if fitting(entry, unit, of) is not None
    ]


@given(
    line=st.deferred(lambda: st.sampled_from(lines())),
    value=VALUES,
    other=VALUES,
)
def test_a_conversion_is_a_rising_straight_line(
    line: tuple[Quantity, str, Gas | None], value: float, other: float
) -> None:
    entry, unit, of = line
    scale, offset = affine(unit, entry, of)
    assert math.isfinite(scale)
    assert math.isfinite(offset)
    assert scale > 0
    assert convert(value, unit, entry, gas=of) == value * scale + offset
    assert difference(value, unit, entry, gas=of) == value * scale
    low, high = sorted((value, other))
    assert convert(low, unit, entry, gas=of) <= convert(high, unit, entry, gas=of)


@given(entry=QUANTITIES, unit=UNITS)
def test_without_a_gas_exactly_the_units_of_one_dimension_fit(entry: Quantity, unit: str) -> None:
    """Apart from the readings and the joins that the page of decisions lists."""
    assume(entry.domain != "gas" and entry.name != "pipe.gas.flow")
    assume((unit, entry.unit) not in {("g", "m/s2"), ("deg", "NTU"), ("1", "bool")})
    assume(not (entry.unit == "mg/L" and unit in ("ppm", "ppb")))
    fits = fitting(entry, unit, None) is not None
    assert fits == (dimension(unit) == dimension(entry.unit))


@given(unit=UNITS, of=GASES)
def test_only_gas_units_reach_a_gas(unit: str, of: Gas) -> None:
    fits = fitting(quantity("gas.combustible"), unit, of) is not None
    point = {"share of the lower explosive limit", "volume fraction of a gas"}
    if not of.is_mixture:
        point.add("mass concentration")
    assert fits == (dimension(unit) in point)


PAIRS = [
    ("gas.combustible", "gas.voc.pid"),  # %LEL and ppm
    ("gas.voc.pid", "gas.combustible"),
]


@given(
    of=GASES,
    pair=st.sampled_from(PAIRS),
    value=VALUES,
    temperature_c=st.floats(-60, 400),
    pressure_kpa=st.floats(10, 20_000),
)
def test_there_and_back_is_where_it_was(
    of: Gas, pair: tuple[str, str], value: float, temperature_c: float, pressure_kpa: float
) -> None:
    here, there = quantity(pair[0]), quantity(pair[1])
    state = {"temperature_c": temperature_c, "pressure_kpa": pressure_kpa}
    away = convert(value, here.unit, there, gas=of, **state)
    back = convert(away, there.unit, here, gas=of, **state)
    assert back == pytest.approx(value, rel=1e-12, abs=1e-300)


@given(
    name=st.sampled_from(["gas.h2s", "gas.co", "gas.nh3", "gas.cl2", "gas.benzene"]),
    ppm=st.floats(0, 1e5),
    temperature_c=st.floats(-60, 400),
    pressure_kpa=st.floats(10, 20_000),
)
def test_mass_concentration_is_the_ideal_gas_law(
    name: str, ppm: float, temperature_c: float, pressure_kpa: float
) -> None:
    """c = x M p / (R T), computed here in plain floats."""
    entry = quantity(name)
    molar_volume_l = 8.314462618 * (temperature_c + 273.15) / pressure_kpa
    expected = ppm * gas(entry.gas).molar_mass_g_mol / molar_volume_l
    found = convert(ppm, "ppm", entry, temperature_c=temperature_c, pressure_kpa=pressure_kpa)
    assert found == pytest.approx(expected, rel=1e-9)


@example(entry=quantity("power.ups.left"), value=3.0, time=("min", 60))
@given(
    entry=QUANTITIES,
    value=VALUES,
    time=st.sampled_from([("s", 1), ("min", 60), ("h", 3600), ("d", 86400)]),
)
def test_a_rate_in_the_canonical_unit_is_divided_by_its_time(
    entry: Quantity, value: float, time: tuple[str, int]
) -> None:
    found = rate(value, f"{entry.unit}/{time[0]}", entry)
    assert found == pytest.approx(value / time[1], rel=1e-12)


@given(unit=UNITS)
def test_spelling_twice_is_spelling_once(unit: str) -> None:
    assert canonical(canonical(unit)) == canonical(unit)


@given(text=st.text(max_size=30))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    for read in (canonical, parse_amount, parse_duration):
        try:
            read(text)
        except UnitError:
            continue


@given(value=st.floats(allow_nan=False, allow_infinity=False), unit=UNITS)
def test_an_amount_is_read_as_python_reads_its_number(value: float, unit: str) -> None:
    assume(not unit[0].isdigit())
    amount = parse_amount(f"{value!r} {unit}")
    assert (amount.value, amount.unit) == (value, unit)


@given(ns=st.integers(0, LONGEST_DURATION_NS))
def test_a_duration_keeps_every_nanosecond(ns: int) -> None:
    assert parse_duration(f"{ns}ns") == ns
    whole, rest = divmod(ns, 1_000_000_000)
    assert parse_duration(f"{whole}.{rest:09d}s") == ns
    assert parse_duration(f"{whole}s{rest}ns") == ns
    minutes, seconds = divmod(Fraction(ns, 1_000_000_000), 60)
    if seconds.denominator == 1:
        assert parse_duration(f"{minutes}m{seconds}s") == ns
