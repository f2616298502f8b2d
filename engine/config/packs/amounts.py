"""Amounts that are written with parameters: `1.1 x {min_freeboard}`, `{design_flood_level} - 0.5 m`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ...errors import SpecError
from ...quantities import quantity
from ...units import convert, difference, parse_amount
from .models import Parameter

_FORM: Final = re.compile(
    r"(?:(?P<factor>-?[0-9]+(?:\.[0-9]+)?) *[x×] *)?\{(?P<name>[a-z0-9_-]+)\}"
    r"(?: *(?P<sign>[+-]) *(?P<offset>[0-9][^/{}]*?))?(?: */ *(?P<time>s|min|h|d))?"
)


def named(value: Any) -> Iterator[str]:
    """The parameters that a plain value is written with."""
    if isinstance(value, str):
        match = _FORM.fullmatch(value.strip())
        if match is not None:
            yield match["name"]
    elif isinstance(value, dict):
        for part in value.values():
            yield from named(part)
    elif isinstance(value, list):
        for part in value:
            yield from named(part)


def filled(value: Any, given: Mapping[str, str], parameters: Mapping[str, Parameter]) -> Any:
    """The value with amounts in place of parameters. Raises SpecError where one is unknown, or an
    amount does not fit; KeyError never: `given` has every one that `named` gives."""
    if isinstance(value, dict):
        return {key: filled(part, given, parameters) for key, part in value.items()}
    if isinstance(value, list):
        return [filled(part, given, parameters) for part in value]
    if not isinstance(value, str) or "{" not in value:
        return value
    match = _FORM.fullmatch(value.strip())
    if match is None:
        raise SpecError(
            "not an amount with a parameter",
            found=repr(value),
            expected="such as 1.1 x {name}, {name} - 0.5 m, or 0.4 x {name} /h",
        )
    name = match["name"]
    text = given[name]
    if match["factor"] is None and match["offset"] is None and match["time"] is None:
        return text
    return _computed(match, text, parameters[name])


def _computed(match: re.Match[str], text: str, parameter: Parameter) -> str:
    if not parameter.quantity:
        raise SpecError("a word cannot be reckoned with", found=repr(match[0]))
    of = quantity(parameter.quantity)
    amount = parse_amount(text, of)
    number = convert(amount.value, amount.unit, of) * float(match["factor"] or 1)
    if match["offset"] is not None:
        step = parse_amount(match["offset"], of)
        size = difference(step.value, step.unit, of)
        number += size if match["sign"] == "+" else -size
    time = f"/{match['time']}" if match["time"] else ""
    # Twelve digits: 1.1 x 0.5 m is 0.55 m and not 0.55000000000000004 m.
    return f"{number:.12g} {of.unit}{time}"


def checked(text: str, parameter: Parameter) -> None:
    """Raises SpecError where an amount is none of the parameter's quantity; a word is any."""
    if not parameter.quantity:
        return
    of = quantity(parameter.quantity)
    amount = parse_amount(text, of)
    convert(amount.value, amount.unit, of)
