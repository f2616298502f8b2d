"""How units are written: many spellings in, one out.

A unit is a product of atoms with whole exponents ("m3/h", "mg/m3", "LEL.m"). The atoms, their
everyday, UCUM and Chinese spellings and their definitions are rows of `unit_atoms.csv`; what an
atom is worth is left to `units`. Nothing here imports pint, so a catalogue or a tag list in
canonical units loads without it.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from csv import DictReader
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

from .errors import SpecError

#: Dimension by its name in messages: units of it that are met in the field, the commonest first.
EVERYDAY: Final[dict[str, tuple[str, ...]]] = {
    "length": ("mm", "cm", "m", "km", "um", "in", "ft"),
    "time": ("s", "ms", "min", "h", "d"),
    "mass": ("t", "kg", "g", "mg"),
    "temperature": ("Cel", "K", "degF"),
    "pressure": (
        *("kPa", "MPa", "Pa", "hPa", "bar", "mbar", "mmH2O", "cmH2O", "mH2O"),
        *("mmHg", "kgf/cm2", "psi", "atm"),
    ),
    "volume": ("m3", "L", "mL"),
    "volume flow": ("m3/h", "m3/min", "m3/s", "m3/d", "L/s", "L/min", "L/h"),
    "standard volume flow": ("Sm3/h", "Nm3/h", "Sm3/d", "Nm3/d"),
    "mass flow": ("kg/h", "kg/s", "t/h"),
    "speed": ("m/s", "km/h", "cm/s", "mm/s", "mm/h", "mm/d"),
    "acceleration": ("m/s2", "cm/s2", "mm/s2", "[g]", "Gal"),
    "force": ("kN", "N", "MN", "kgf", "tf"),
    "power": ("kW", "W", "MW"),
    "angle": ("deg", "rad", "mrad", "arcmin", "arcsec"),
    "share of the lower explosive limit": ("%LEL", "LEL"),
    "volume fraction of a gas": ("%VOL", "ppm", "ppb"),
    "mass concentration": ("mg/m3", "ug/m3", "g/m3", "mg/L", "ug/L"),
    "share of the lower explosive limit along a path": ("LEL.m", "%LEL.m"),
    "volume fraction of a gas along a path": ("ppm.m", "%VOL.m"),
    "strain": ("um/m",),
    "share": ("%", "‰", "1"),
    "turbidity": ("NTU",),
    "state": ("bool",),
    "sound level": ("dB",),
    "electric current": ("A", "mA", "kA"),
    "electric voltage": ("V", "mV", "kV"),
    "frequency": ("Hz",),
}

#: Times that may stand under a rate ("mm/d").
TIME_ATOMS: Final = ("s", "ms", "us", "min", "h", "d", "wk")

_PRIVATE_USE: Final = 0xE000  # stands for spellings that contain an operator, such as um/m
_FACTOR: Final = re.compile(r"(?P<atom>.*?[^0-9+-])(?P<power>[+-]?[1-9])")
_CLEAN: Final = str.maketrans({"μ": "u", "−": "-", "⋅": ".", "·": ".", "×": ".", "*": "."})
_CHINESE_POWERS: Final = (("平方", 2), ("立方", 3))
#: What an all-capitals export of a control system may mean beyond doubt: "MV" may be two units.
_CAPITALS_DOUBTFUL: Final = frozenset({"MA", "MV", "MN", "MS", "MW"})


class UnitError(SpecError):
    """A unit, amount or duration that cannot be understood or does not fit its quantity."""


@dataclass(frozen=True, slots=True)
class Atom:
    """One row of `unit_atoms.csv`.

    `name` and `definition` are pint's, `symbol` is for people, `spellings` are all that is read.
    """

    spelling: str
    name: str
    definition: str
    symbol: str
    spellings: tuple[str, ...]


@cache
def atoms() -> dict[str, Atom]:
    """Every atom by its canonical spelling, in the order of definition."""
    text = files(__package__).joinpath("unit_atoms.csv").read_text(encoding="utf-8")
    found: dict[str, Atom] = {}
    for row in DictReader(text.splitlines()):
        spelling = row["spelling"]
        spellings = (spelling, *row["aliases"].split())
        found[spelling] = Atom(
            spelling, row["name"], row["definition"], row["symbol"] or spelling, spellings
        )
    return found


def _clean(text: str) -> str:
    """Unify what Unicode and typing habits vary: widths, superscripts, micro, minus, dots."""
    text = unicodedata.normalize("NFKC", text.replace("⁻", "-"))
    text = text.replace("**", "").replace("^", "").translate(_CLEAN)
    return "".join(text.split())


@cache
def _spellings() -> dict[str, str]:
    """Canonical atom by every spelling of it, cleaned."""
    found: dict[str, str] = {}
    for atom in atoms().values():
        for spelling in atom.spellings:
            found[_clean(spelling)] = atom.spelling
    return found


@cache
def _with_operators() -> tuple[re.Pattern[str], dict[str, str]]:
    """Pattern of the spellings that contain an operator, and their stand-ins."""
    inside = sorted((s for s in _spellings() if re.search(r"[/.]", s)), key=len, reverse=True)
    stand_in = {spelling: chr(_PRIVATE_USE + i) for i, spelling in enumerate(inside)}
    pattern = "|".join(re.escape(s) for s in inside)
    return re.compile(rf"(?:{pattern})(?![A-Za-z0-9])"), stand_in


@cache
def _capitals() -> dict[str, str]:
    """Everyday unit by its spelling in capitals."""
    return {
        unit.upper(): unit
        for units in EVERYDAY.values()
        for unit in units
        if unit.upper() not in _CAPITALS_DOUBTFUL
    }


def factors(unit: str) -> dict[str, int]:
    """The atoms of a unit with their exponents, in the order written.

    Division binds to the next factor only, and repeats divide on: "m3/h/min" is
    {"m": 3, "h": -1, "min": -1}. Raises `UnitError` with the nearest spellings.
    """
    return dict(_factors(unit))


@lru_cache(maxsize=4096)
def _factors(unit: str) -> tuple[tuple[str, int], ...]:
    cleaned = _clean(unit)
    found = _parsed(cleaned)
    if found is None and cleaned in _capitals():
        found = _parsed(_capitals()[cleaned])
    if found is None:
        raise _unknown(unit)
    return tuple(found.items())


def _parsed(cleaned: str) -> dict[str, int] | None:
    pattern, stand_in = _with_operators()
    text = pattern.sub(lambda match: stand_in[match[0]], cleaned)
    behind = {sign: spelling for spelling, sign in stand_in.items()}
    found: dict[str, int] = {}
    for i, numerator_and_rest in enumerate(text.split("/")):
        for j, factor in enumerate(numerator_and_rest.split(".")):
            parsed = _parsed_factor(behind.get(factor, factor))
            if parsed is None:
                return None
            power = -parsed[1] if i > 0 and j == 0 else parsed[1]
            found[parsed[0]] = found.get(parsed[0], 0) + power
    found = {atom: power for atom, power in found.items() if power != 0}
    return {atom: power for atom, power in found.items() if atom != "1"} or {"1": 1}


def _parsed_factor(text: str) -> tuple[str, int] | None:
    spellings = _spellings()
    if text in spellings:
        return spellings[text], 1
    for word, power in _CHINESE_POWERS:
        if text.startswith(word) and text[2:] in spellings:
            return spellings[text[2:]], power
    match = _FACTOR.fullmatch(text)
    if match is None or match["atom"] not in spellings:
        return None
    return spellings[match["atom"]], int(match["power"])


def canonical(unit: str) -> str:
    """The one spelling of a unit: canonical("㎎/㎥") == "mg/m3", canonical("℃") == "Cel".

    Raises `UnitError` naming the nearest valid spellings. Never guesses: "mpa" is refused, since
    a prefix in the wrong case is a factor of 10^9.
    """
    return spelled(factors(unit))


def spelled(parts: dict[str, int]) -> str:
    """Write factors as a unit: products first, then each division."""
    over = [_power(atom, power) for atom, power in parts.items() if power > 0]
    under = ["/" + _power(atom, -power) for atom, power in parts.items() if power < 0]
    return (".".join(over) or "1") + "".join(under)


def _power(atom: str, power: int) -> str:
    return atom if power == 1 else f"{atom}{power}"


def symbol(unit: str) -> str:
    """How people print a unit: symbol("Cel") == "°C", symbol("m3/h") == "m³/h"."""
    raised = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
    parts = factors(unit)

    def one(atom: str, power: int) -> str:
        return atoms()[atom].symbol + ("" if power == 1 else str(power).translate(raised))

    over = [one(atom, power) for atom, power in parts.items() if power > 0]
    under = ["/" + one(atom, -power) for atom, power in parts.items() if power < 0]
    return ("·".join(over) or ("1" if under else "")) + "".join(under)


@cache
def vocabulary() -> tuple[str, ...]:
    """Every spelling that a message may suggest."""
    everyday = [unit for units in EVERYDAY.values() for unit in units]
    return tuple(dict.fromkeys([*everyday, *atoms()]))


def _unknown(unit: str) -> UnitError:
    if not unit.strip():
        return UnitError("a unit is missing", expected="a unit such as %LEL, kPa, mm or m3/h")
    cleaned = _clean(unit)
    folded = {word.casefold(): word for word in vocabulary()}
    close = difflib.get_close_matches(cleaned.casefold(), folded, n=3, cutoff=0.5)
    return UnitError(
        "unknown unit",
        found=repr(unit),
        expected="a unit such as %LEL, kPa, mm or m3/h",
        nearest=tuple(folded[word] for word in close),
    )
