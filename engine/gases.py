"""Gases: molar mass, lower explosive limit by basis, and exposure limits by authority.

A LEL is not one number: methane's is 5.0 %VOL by NFPA and 4.4 %VOL by IEC 60079-20-1, which moves
every %LEL by 14 %. So a gas is always taken *with* a basis, and `Gas.tag` ("methane@NFPA") is what
a sensor stores. Nor is an IDLH: the values printed in the 1970s are several times those revised in
1994, so exposure limits are kept per authority and never merged.

Marks (F/M/K) as in `quantities`; rows live in `gases.csv` and `gas_limits.csv`.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from csv import DictReader
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from .errors import InvariantError, SpecError

#: Basis of the LEL unless a tag names another. NFPA's methane (5.0 %VOL) is what Chinese practice
#: for city gas counts with (1 %VOL = 20 %LEL); see docs/decisions/0002-units.md.
DEFAULT_LEL_BASIS: Final = "NFPA"

_LEL: Final = re.compile(r"(?P<basis>[^=]+)=(?P<value>[\d.]+) \[(?P<mark>[^\]]+)\]")


class UnknownGasError(SpecError, LookupError):
    """No such gas, or no LEL of it on the basis asked for; `nearest` holds what there is."""


@dataclass(frozen=True, slots=True)
class Lel:
    """A lower explosive limit in %VOL, whose it is, and its mark."""

    basis: str
    percent_vol: float
    mark: str


@dataclass(frozen=True, slots=True)
class ExposureLimit:
    """One figure of one authority for one gas: `kind` is MAC, PC-TWA, PC-STEL, TWA, STEL, PEL,
    TLV, ceiling, OEL (kind not stated), IDLH, AL1, AL2, low or high; `unit` as printed there.
    """

    gas: str
    authority: str
    kind: str
    value: float
    unit: str
    mark: str


@dataclass(frozen=True, slots=True)
class Gas:
    """A gas with the LEL that conversions use.

    `molar_mass_g_mol` is NaN for mixtures; `lel` is None where no LEL is known; `lels` are all
    that are known.
    """

    name: str
    formula: str
    zh: str
    aliases: tuple[str, ...]
    molar_mass_g_mol: float
    molar_mass_mark: str
    lels: tuple[Lel, ...]
    lel: Lel | None

    @property
    def tag(self) -> str:
        """What a sensor stores; `gas(tag)` gives this gas back, basis included."""
        return f"{self.name}@{self.lel.basis}" if self.lel else self.name

    @property
    def is_mixture(self) -> bool:
        """True where there is no molar mass, so that ppm and mg/m3 cannot be converted."""
        return math.isnan(self.molar_mass_g_mol)


@cache
def load_gases() -> Mapping[str, Gas]:
    """Every gas by name, each with its LEL on the default basis where it has one."""
    found = (_gas(row) for row in _rows("gases.csv"))
    return MappingProxyType({entry.name: entry for entry in found})


@cache
def load_exposure_limits() -> tuple[ExposureLimit, ...]:
    """Every exposure limit, in the order of the table."""
    return tuple(
        ExposureLimit(
            gas=row["gas"],
            authority=row["authority"],
            kind=row["kind"],
            value=float(row["value"]),
            unit=row["unit"],
            mark=row["basis"],
        )
        for row in _rows("gas_limits.csv")
    )


@lru_cache(maxsize=1024)
def gas(name: str, lel_basis: str | None = None) -> Gas:
    """The gas of a name, formula, alias, Chinese name or tag, with its LEL on a basis.

    Without `lel_basis` the tag's basis counts, else `DEFAULT_LEL_BASIS` where the gas has it, else
    none: conversions to %LEL then fail and say so. Raises `UnknownGasError` for an unknown gas and
    for a basis that the gas has no figure of, naming those it has.

    >>> gas("CH4").lel.percent_vol, gas("甲烷", "IEC 60079-20-1").lel.percent_vol
    (5.0, 4.4)
    """
    spelled, _, tagged_basis = name.partition("@")
    found = _named(spelled)
    basis = lel_basis or tagged_basis
    if not basis:
        return found
    for lel in found.lels:
        if lel.basis == basis.strip():
            return replace(found, lel=lel)
    known = tuple(lel.basis for lel in found.lels)
    raise UnknownGasError(
        f"no LEL of {found.name} on this basis",
        found=repr(basis),
        expected=" or ".join(known) or f"no basis: no LEL of {found.name} is known",
        nearest=tuple(difflib.get_close_matches(basis, known, cutoff=0.3)),
    )


def exposure_limits(
    name: str, *, authority: str | None = None, kind: str | None = None
) -> tuple[ExposureLimit, ...]:
    """Limits of a gas, of all authorities unless one is named; empty where there are none.

    There is on purpose no way to ask for *the* IDLH: authorities differ by a factor of ten.
    """
    wanted = gas(name).name
    return tuple(
        limit
        for limit in load_exposure_limits()
        if limit.gas == wanted
        and (authority is None or limit.authority == authority)
        and (kind is None or limit.kind == kind)
    )


@cache
def _spellings() -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in load_gases().values():
        for spelling in (entry.name, entry.formula, entry.zh, *entry.aliases):
            if spelling:
                found[spelling.casefold()] = entry.name
    return found


def _named(spelled: str) -> Gas:
    key = " ".join(spelled.split()).casefold()
    spellings = _spellings()
    if key in spellings:
        return load_gases()[spellings[key]]
    close = difflib.get_close_matches(key, spellings, n=3, cutoff=0.5)
    raise UnknownGasError(
        "unknown gas",
        found=repr(spelled),
        expected="a gas such as methane, H2S or 一氧化碳",
        nearest=tuple(dict.fromkeys(spellings[word] for word in close)),
    )


def _gas(row: dict[str, str]) -> Gas:
    lels = tuple(_lel(text) for text in row["lel"].split("|") if text)
    default = next((lel for lel in lels if lel.basis == DEFAULT_LEL_BASIS), None)
    mass = row["molar_mass_g_mol"]
    return Gas(
        name=row["name"],
        formula=row["formula"],
        zh=row["zh"],
        aliases=tuple(alias for alias in row["aliases"].split("|") if alias),
        molar_mass_g_mol=float(mass) if mass else math.nan,
        molar_mass_mark=row["molar_mass_basis"],
        lels=lels,
        lel=default,
    )


def _lel(text: str) -> Lel:
    match = _LEL.fullmatch(text)
    if match is None:
        raise InvariantError(f"gases.csv: LEL {text!r}")
    return Lel(match["basis"], float(match["value"]), match["mark"])


def _rows(table: str) -> list[dict[str, str]]:
    text = files(__package__).joinpath(table).read_text(encoding="utf-8")
    return list(DictReader(text.splitlines()))
