"""What is wrong with a name."""

from __future__ import annotations

from collections.abc import Iterable

from ...errors import SpecError
from ..nearest import listed, nearest
from ..problems import quoted


def unknown(what: str, name: str, valid: Iterable[str]) -> SpecError:
    """What is wrong with a name that is none of `valid`."""
    names = list(valid)
    return SpecError(
        f"unknown {what}",
        found=quoted(name),
        expected=listed(names) or f"none: there is no {what}",
        nearest=nearest(name, names),
    )
