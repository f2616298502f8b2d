"""What a unit is worth: its dimension and its place on the scale of base units, by pint.

The registry holds the atoms of `unit_atoms.csv` and nothing else, in exact fractions, so that a
round trip through base units loses nothing. %LEL, %VOL, strain, angle, standard volume and the like
are dimensions of their own: no number converts into another kind by accident.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from .unit_spelling import EVERYDAY, atoms, factors

if TYPE_CHECKING:
    from pint import UnitRegistry


@dataclass(frozen=True, slots=True)
class Measure:
    """A unit in base units: base = value * scale + offset; `dimension` in words."""

    dimension: str
    scale: Fraction
    offset: Fraction


@lru_cache(maxsize=4096)
def measure(unit: str) -> Measure:
    """What a unit in canonical spelling is worth. Raises `UnitError` for an unknown one."""
    zero, one = _in_base_units(0, unit), _in_base_units(1, unit)
    dimensionality = _dimensionality(unit)
    words = _dimensions().get(dimensionality, " ".join(sorted(dimensionality)))
    return Measure(words, one - zero, zero)


@cache
def _registry() -> UnitRegistry[Fraction]:
    """The one pint registry: our atoms only, in exact fractions. Imported here since it is slow."""
    import pint

    registry: UnitRegistry[Fraction] = pint.UnitRegistry(None, non_int_type=Fraction)
    for atom in atoms().values():
        registry.define(f"{atom.name} = {atom.definition}")
    return registry


@cache
def _dimensions() -> dict[frozenset[str], str]:
    """Words for pint's dimensionalities."""
    return {_dimensionality(units[0]): words for words, units in EVERYDAY.items()}


def _expression(unit: str) -> str:
    """The unit as pint reads it; a temperature inside a product is a difference."""
    parts = factors(unit)
    product = len(parts) > 1 or any(power != 1 for power in parts.values())
    names = []
    for atom, power in parts.items():
        name = atoms()[atom].name
        delta = "delta_" if product and atom in ("Cel", "degF") else ""
        names.append(f"{delta}{name} ** {power}" if power != 1 else f"{delta}{name}")
    return " * ".join(names)


def _dimensionality(unit: str) -> frozenset[str]:
    powers = _registry().get_dimensionality(_expression(unit))
    return frozenset(f"{name}^{power}" for name, power in powers.items())


def _in_base_units(value: int, unit: str) -> Fraction:
    registry = _registry()
    magnitude = registry.Quantity(Fraction(value), _expression(unit)).to_base_units().magnitude
    assert isinstance(magnitude, Fraction), "the registry counts in fractions"
    return magnitude
