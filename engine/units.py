"""Units: what fits a quantity, and the straight line that converts it.

Every conversion is affine, `canonical = value * scale + offset`, so that a decoder converts a
whole column by one multiplication and one addition. pint holds the definitions (`unit_atoms.csv`)
in exact fractions; scale and offset are rounded once, at the end, and a unit equal to the
canonical one gives exactly (1.0, 0.0). pint is imported at the first real conversion.

Three families of units are not of one dimension and are joined by the state of the gas (ideal):

    %LEL   --(LEL of the gas, by its basis)--  %VOL, ppm  --(M, T, p: c = x M p / R T)--  mg/m3
    m3/h   --(T, p absolute, to 20 °C and 101.325 kPa)-->  Sm3/h

Source of R: CODATA 2018 (exact). Molar volume at 20 °C: 24.055 L/mol; at 25 °C: 24.465 L/mol.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Final

from .amounts import Amount, parse_amount, parse_duration
from .gases import Gas
from .gases import gas as find_gas
from .quantities import Quantity
from .unit_measure import Measure, measure
from .unit_spelling import EVERYDAY, TIME_ATOMS, UnitError, canonical, factors, spelled, symbol

__all__ = [
    "STANDARD_PRESSURE_KPA",
    "STANDARD_TEMPERATURE_C",
    "Amount",
    "UnitError",
    "affine",
    "canonical",
    "convert",
    "difference",
    "dimension",
    "parse_amount",
    "parse_duration",
    "rate",
    "symbol",
]

#: Reference state of occupational limits in mg/m3 and of Sm3 (20 °C, 101.325 kPa).
STANDARD_TEMPERATURE_C: Final = 20.0
STANDARD_PRESSURE_KPA: Final = 101.325

# A gas is believed to be within these: from liquid nitrogen to a flare, from a thin vacuum to the
# highest gas storage. Beyond them a unit or a sign was confused.
_TEMPERATURES_C: Final = (-196.0, 1500.0)
_PRESSURES_KPA: Final = (1.0, 100_000.0)
_GAS_CONSTANT: Final = Fraction("8.314462618")  # J/(mol K)
_ZERO_CELSIUS_K: Final = Fraction("273.15")
_LEL: Final = "share of the lower explosive limit"
_VOLUME: Final = "volume fraction of a gas"
_MASS: Final = "mass concentration"
_PATH: Final = " along a path"

# A few spellings mean another unit beside a certain quantity; nobody writes them otherwise.
# Keyed by (as written, canonical unit of the quantity).
_READ_AS: Final[dict[tuple[str, str], str]] = {
    ("g", "m/s2"): "[g]",  # vibration sensors: gravity, not grams
    ("kg/cm2", "kPa"): "kgf/cm2",  # old pressure gauges
    ("deg", "NTU"): "NTU",  # 度, the Chinese degree of turbidity
    ("ppm", "mg/L"): "mg/L",  # by mass in water of 1 kg/L
    ("ppb", "mg/L"): "ug/L",
    ("1", "bool"): "bool",
}
# Bare % of oxygen is by volume: it has no LEL. For combustible gas % stays refused: it may be either.
_PERCENT_BY_VOLUME: Final = frozenset({"gas.o2"})


def affine(
    unit: str,
    quantity: Quantity,
    gas: Gas | None = None,
    temperature_c: float = STANDARD_TEMPERATURE_C,
    pressure_kpa: float = STANDARD_PRESSURE_KPA,
) -> tuple[float, float]:
    """(scale, offset) with canonical value = value * scale + offset.

    `gas` is needed between %LEL, %VOL/ppm and mg/m3 unless the quantity names its own;
    `temperature_c` and `pressure_kpa` (absolute) are the state of the measured gas, used for mg/m3
    and for m3/h of a gas pipe only. Scale is always positive and finite. Raises `UnitError`
    where the dimensions differ or a gas is missing, has no LEL or molar mass, or contradicts.

    >>> from lifeline.engine.quantities import quantity
    >>> affine("degF", quantity("corridor.temp"))
    (0.5555555555555556, -17.77777777777778)
    """
    gas = _gas_of(quantity, gas)
    reading = _reading(unit, quantity)
    if reading == quantity.unit:
        return 1.0, 0.0
    return _affine(reading, quantity, gas, temperature_c, pressure_kpa)


def convert(
    value: float,
    unit: str,
    quantity: Quantity,
    *,
    gas: Gas | None = None,
    temperature_c: float = STANDARD_TEMPERATURE_C,
    pressure_kpa: float = STANDARD_PRESSURE_KPA,
) -> float:
    """A value in `unit` as the quantity's canonical unit: `affine` applied, NaN stays NaN."""
    scale, offset = affine(unit, quantity, gas, temperature_c, pressure_kpa)
    return value * scale + offset


def difference(
    value: float,
    unit: str,
    quantity: Quantity,
    *,
    gas: Gas | None = None,
    temperature_c: float = STANDARD_TEMPERATURE_C,
    pressure_kpa: float = STANDARD_PRESSURE_KPA,
) -> float:
    """A deadband or tolerance in canonical units: scaled, never shifted (2 K are 2 Cel)."""
    return value * affine(unit, quantity, gas, temperature_c, pressure_kpa)[0]


def rate(
    value: float,
    unit: str,
    quantity: Quantity,
    *,
    gas: Gas | None = None,
    temperature_c: float = STANDARD_TEMPERATURE_C,
    pressure_kpa: float = STANDARD_PRESSURE_KPA,
) -> float:
    """A change per time ("mm/d", "%LEL/min", "m3/h/min") in canonical units per second.

    Raises `UnitError` where the unit is not one of the quantity per a time.
    """
    expected = f"{quantity.unit} per time, such as {quantity.unit}/s or {quantity.unit}/d"
    changed, time = _per_time(unit)
    if time is None:
        raise UnitError(f"not a rate of {quantity.name}", found=repr(unit), expected=expected)
    try:
        scale, _ = affine(changed, quantity, gas, temperature_c, pressure_kpa)
    except UnitError as error:
        raise UnitError(
            f"{unit} is {changed} per {time}, no rate of {quantity.name}: {error.message}",
            found=error.found,
            expected=expected,
        ) from error
    return value * float(Fraction(scale) / measure(time).scale)


def _per_time(unit: str) -> tuple[str, str | None]:
    """What changes, and per what time; no time where the unit is not per one."""
    parts = factors(unit)
    time = next((atom for atom in reversed(parts) if atom in TIME_ATOMS and parts[atom] < 0), None)
    if time is not None:
        rest = {atom: power + (atom == time) for atom, power in parts.items()}
        return spelled({atom: power for atom, power in rest.items() if power != 0}), time
    # A time that changes, as what a UPS will last: in "min/min" the two cancel out.
    changed, _, per = unit.rpartition("/")
    same = per.strip() in TIME_ATOMS and per.strip() == changed.strip()
    return changed, per.strip() if same else None


def dimension(unit: str) -> str:
    """What a unit measures, in words ("pressure"); units of equal dimension have equal words."""
    return measure(canonical(unit)).dimension


def _reading(unit: str, quantity: Quantity) -> str:
    reading = canonical(unit)
    if reading == "%" and quantity.name in _PERCENT_BY_VOLUME:
        return "%VOL"
    return _READ_AS.get((reading, quantity.unit), reading)


def _gas_of(quantity: Quantity, gas: Gas | None) -> Gas | None:
    if not quantity.gas:
        return gas
    own = find_gas(quantity.gas)
    if gas is None or gas.name == own.name:
        return gas or own
    raise UnitError(
        f"{quantity.name} is of {own.name}", found=f"gas {gas.name}", expected=f"gas {own.name}"
    )


@lru_cache(maxsize=4096)
def _affine(
    unit: str, quantity: Quantity, gas: Gas | None, temperature_c: float, pressure_kpa: float
) -> tuple[float, float]:
    source, target = measure(unit), measure(quantity.unit)
    if source.dimension == target.dimension:
        return (
            float(source.scale / target.scale),
            float((source.offset - target.offset) / target.scale),
        )
    kelvin, pascal = _state(temperature_c, pressure_kpa)
    if (source.dimension, target.dimension) == ("volume flow", "standard volume flow"):
        standard_k, standard_pa = _state(STANDARD_TEMPERATURE_C, STANDARD_PRESSURE_KPA)
        joint = pascal / standard_pa * standard_k / kelvin
    elif _joined_by_gas(source.dimension, target.dimension, quantity):
        over = _volume_fraction(source.dimension, unit, quantity, gas, kelvin / pascal)
        joint = over / _volume_fraction(target.dimension, unit, quantity, gas, kelvin / pascal)
    else:
        raise _misfit(unit, source, target, quantity)
    return float(source.scale * joint / target.scale), 0.0


def _joined_by_gas(source: str, target: str, quantity: Quantity) -> bool:
    if quantity.domain != "gas":
        return False
    path = source.endswith(_PATH), target.endswith(_PATH)
    ends = {source.removesuffix(_PATH), target.removesuffix(_PATH)}
    return path[0] == path[1] and ends <= {_LEL, _VOLUME, _MASS}


def _state(temperature_c: float, pressure_kpa: float) -> tuple[Fraction, Fraction]:
    """Absolute temperature in K and pressure in Pa; refuses what no sensor of ours is in."""
    low, high = _TEMPERATURES_C
    if not low <= temperature_c <= high:
        raise UnitError(
            "unbelievable gas temperature",
            found=f"{temperature_c} Cel",
            expected=f"{low:g} to {high:g} Cel",
        )
    low, high = _PRESSURES_KPA
    if not low <= pressure_kpa <= high:
        raise UnitError(
            "unbelievable gas pressure",
            found=f"{pressure_kpa} kPa",
            expected=f"{low:g} to {high:g} kPa, absolute",
        )
    return Fraction(str(temperature_c)) + _ZERO_CELSIUS_K, Fraction(str(pressure_kpa)) * 1000


def _volume_fraction(
    of: str, unit: str, quantity: Quantity, gas: Gas | None, kelvin_per_pascal: Fraction
) -> Fraction:
    """Volume fraction that one base unit of a gas dimension (1 LEL, 1 v/v, 1 g/m3) amounts to."""
    base = of.removesuffix(_PATH)
    if base == _VOLUME:
        return Fraction(1)
    between = f"{unit} into {quantity.unit} of {quantity.name}"
    if gas is None:
        raise UnitError(f"cannot convert {between} without a gas", expected="a gas such as methane")
    if base == _LEL:
        if gas.lel is None:
            known = " or ".join(f"{gas.name}@{lel.basis}" for lel in gas.lels)
            raise UnitError(
                f"cannot convert {between}: no LEL of {gas.name} is known on this basis",
                expected=known,
            )
        return Fraction(str(gas.lel.percent_vol)) / 100
    if gas.is_mixture:
        raise UnitError(f"cannot convert {between}: {gas.name} is a mixture, with no molar mass")
    return _GAS_CONSTANT * kelvin_per_pascal / Fraction(str(gas.molar_mass_g_mol))


def _misfit(unit: str, source: Measure, target: Measure, quantity: Quantity) -> UnitError:
    fitting = list(EVERYDAY.get(target.dimension, (quantity.unit,)))
    joined = [
        f"with a gas {', '.join(units[:3])}"
        for words, units in EVERYDAY.items()
        if words != target.dimension and _joined_by_gas(words, target.dimension, quantity)
    ]
    return UnitError(
        f"{unit} is a unit of {source.dimension}, but {quantity.name} is a {target.dimension}",
        found=repr(unit),
        expected=" or ".join([", ".join(fitting[:6]), *joined]),
    )
