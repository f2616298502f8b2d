"""The catalogue of quantities: what may be measured, in which unit, within which bounds.

Rows live in `quantities.csv`. Every figure carries a *mark*, a text that begins with where the
figure comes from:

    F: source    found in the source named (mostly third-party copies of a standard)
    M: how       computed or measured by this project
    K: note      engineering default, not verified; never to be called "per standard"

All of them are defaults that an owner overrides by sensor. The catalogue loads without pint.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from csv import DictReader
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from .errors import InvariantError, SpecError

_RATE: Final = re.compile(r"(?P<amount>[\d.]+) ?(?P<of>%FS|%)?/(?P<count>\d+ )?(?P<time>s|min|h|d)")
_SECONDS: Final = {"s": 1, "min": 60, "h": 3600, "d": 86400}


class UnknownQuantityError(SpecError, LookupError):
    """No such quantity in the catalogue; `nearest` holds the closest names."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One measurable quantity. Numbers are in `unit`, the canonical one; NaN means "none".

    `low`/`high` is the range of believable values; NaN where it is relative to the site (see
    `range_note`), so that the sensor's own range is needed. At most one of the three rates is
    set, all per second: `max_rate` in `unit`, `max_rate_fs` as a fraction of the sensor's
    own span, `max_rate_relative` as a fraction of the value. `interval_low_s`/`interval_high_s` is
    the normal reporting interval: a low of 0 means on event or continuous, a high of NaN that
    nothing is promised. `limits_text` is for people: default limits with their marks in brackets,
    never read by a rule. `gas` names the gas a toxic quantity is of, else "".
    """

    name: str
    zh: str
    en: str
    unit: str
    unit_basis: str
    gas: str
    low: float
    high: float
    range_note: str
    range_basis: str
    max_rate: float
    max_rate_fs: float
    max_rate_relative: float
    rate_text: str
    rate_basis: str
    interval_text: str
    interval_low_s: float
    interval_high_s: float
    interval_basis: str
    limits_text: str

    @property
    def domain(self) -> str:
        """First part of the name: "gas" of "gas.combustible"."""
        return self.name.partition(".")[0]

    @property
    def needs_sensor_range(self) -> bool:
        """True where the valid range is relative to the site and a tag must state its own."""
        return math.isnan(self.low) or math.isnan(self.high)

    def plausible_rate(self, low: float = math.nan, high: float = math.nan) -> float:
        """Greatest believable change in `unit` per second of a sensor with range `low`..`high`.

        NaN means that the rate is not to be checked. A rate in % of full scale needs the sensor's
        own range: without one it is NaN, since the catalogue's range is no sensor's span. A rate
        in % of the value becomes that share of the greatest magnitude in range (the
        sensor's, else the catalogue's): a bound that no true change exceeds, loose for small
        values, but one number per sensor and without the division by a value near zero.
        """
        if not math.isnan(self.max_rate_fs):
            return self.max_rate_fs * (high - low)
        if not math.isnan(self.max_rate_relative):
            low = self.low if math.isnan(low) else low
            high = self.high if math.isnan(high) else high
            return self.max_rate_relative * max(abs(low), abs(high))
        return self.max_rate


@cache
def load_catalogue() -> Mapping[str, Quantity]:
    """Every quantity by name, in the order of the catalogue; read-only and read once."""
    text = files(__package__).joinpath("quantities.csv").read_text(encoding="utf-8")
    found = (_quantity(row) for row in DictReader(text.splitlines()))
    return MappingProxyType({entry.name: entry for entry in found})


def quantity(name: str) -> Quantity:
    """The quantity of this name. Raises `UnknownQuantityError` with the nearest valid names.

    >>> quantity("gas.combustible").unit
    '%LEL'
    """
    catalogue = load_catalogue()
    if name in catalogue:
        return catalogue[name]
    raise UnknownQuantityError(
        "unknown quantity",
        found=repr(name),
        expected="a name of the catalogue, docs/quantities.md",
        nearest=_nearest(name, catalogue),
    )


def _nearest(name: str, catalogue: Mapping[str, Quantity]) -> tuple[str, ...]:
    """Closest names; a Chinese or English title finds its name too."""
    titles = {title: entry.name for entry in catalogue.values() for title in (entry.zh, entry.en)}
    words = [*catalogue, *titles]
    close = difflib.get_close_matches(name.strip().lower(), words, n=4, cutoff=0.5)
    return tuple(dict.fromkeys(titles.get(word, word) for word in close))[:3]


def _quantity(row: dict[str, str]) -> Quantity:
    absolute, of_span, of_value = _rates(row["max_rate"])
    return Quantity(
        name=row["name"],
        zh=row["zh"],
        en=row["en"],
        unit=row["unit"],
        unit_basis=row["unit_basis"],
        gas=row["gas"],
        low=_number(row["low"]),
        high=_number(row["high"]),
        range_note=row["range_note"],
        range_basis=row["range_basis"],
        max_rate=absolute,
        max_rate_fs=of_span,
        max_rate_relative=of_value,
        rate_text=row["max_rate"],
        rate_basis=row["rate_basis"],
        interval_text=row["interval"],
        interval_low_s=_number(row["interval_low_s"]),
        interval_high_s=_number(row["interval_high_s"]),
        interval_basis=row["interval_basis"],
        limits_text=row["limits"],
    )


def _number(text: str) -> float:
    return float(text) if text else math.nan


def _rates(text: str) -> tuple[float, float, float]:
    """Rate per second as (in the unit, fraction of full scale, fraction of the value)."""
    if text == "-":
        return math.nan, math.nan, math.nan
    match = _RATE.fullmatch(text)
    if match is None:
        raise InvariantError(f"quantities.csv: rate {text!r}")
    per_second = Fraction(match["amount"]) / (int(match["count"] or 1) * _SECONDS[match["time"]])
    if match["of"] is None:
        return float(per_second), math.nan, math.nan
    fraction = float(per_second / 100)
    return (
        (math.nan, fraction, math.nan) if match["of"] == "%FS" else (math.nan, math.nan, fraction)
    )


_HEAD: Final = """\
# Quantities

What a sensor may measure. A tag names one of these; values are converted to the canonical unit
when they enter. Range, rate and interval are defaults that a tag overrides.

Every figure carries a mark: **F** found in the source named (mostly third-party copies of a
standard, not the official text), **M** computed or measured by this project, **K** engineering
default, not verified. A figure marked K is never "per standard"; a bare [K] is a default of this
project without any source.

A value beyond its range or faster than its rate is *suspect*. A rate in %FS is of the sensor's
own span and checked only where the tag states its range; a rate in % is of the value and
checked against the greatest magnitude in range. `-` means not checked.

This page is written from the catalogue; change `engine/quantities.csv`.
"""


def as_markdown(entries: Iterable[Quantity]) -> str:
    """The page docs/quantities.md: one table per domain, then the marks of each figure."""
    domains: dict[str, list[Quantity]] = {}
    for entry in entries:
        domains.setdefault(entry.domain, []).append(entry)
    sections = [_HEAD]
    for domain, members in domains.items():
        lines = [
            f"\n## {domain}\n",
            "| quantity | 中文 | unit | range | fastest change | interval | usual limits |",
            "|---|---|---|---|---|---|---|",
            *(_line(entry) for entry in members),
        ]
        sections.append("\n".join(lines) + "\n")
    return "".join(sections)


def _line(entry: Quantity) -> str:
    bounds = "" if entry.needs_sensor_range else f"{entry.low:.10g} to {entry.high:.10g}"
    bounds = "; ".join(part for part in (bounds, entry.range_note) if part)
    cells = (
        f"`{entry.name}`<br>{entry.en}",
        entry.zh,
        f"`{entry.unit}` [{entry.unit_basis}]",
        f"{bounds} [{entry.range_basis}]",
        f"{entry.rate_text} [{entry.rate_basis}]",
        f"{entry.interval_text} [{entry.interval_basis}]",
        entry.limits_text,
    )
    line = "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    return line.replace("[K: engineering default]", "[K]")
