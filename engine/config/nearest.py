"""The nearest valid names to one that is not."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Final

# More than three suggestions are a list to read, not a hint.
_MOST: Final = 3
_CUTOFF: Final = 0.6
# What is much less alike than the best is no help beside it.
_BEHIND: Final = 0.15
# Comparing with every one of a province's 100,000 names would take a second for each mistake.
_COMPARED: Final = 5_000
_LISTED: Final = 8


def nearest(name: str, valid: Iterable[str]) -> tuple[str, ...]:
    """Up to three of `valid` that `name` may have been meant to be, the best first.

    >>> nearest("gas.combustable", ["gas.combustible", "gas.co", "tank.level"])
    ('gas.combustible',)
    """
    folded: dict[str, str] = {}
    for word in valid:
        folded.setdefault(word.casefold(), word)
        if len(folded) >= _COMPARED:
            break
    close = difflib.get_close_matches(name.casefold(), folded, n=_MOST, cutoff=_CUTOFF)
    likeness = [_likeness(word, name) for word in close]
    return tuple(
        folded[word]
        for word, like in zip(close, likeness, strict=True)
        if like > likeness[0] - _BEHIND
    )


def _likeness(word: str, name: str) -> float:
    return difflib.SequenceMatcher(None, word, name.casefold()).ratio()


def listed(names: Sequence[str]) -> str:
    """Names for a sentence: all of a few, else the first of them and how many more.

    >>> listed(["a", "b", "c"])
    'a, b or c'
    """
    if len(names) > _LISTED:
        return f"{', '.join(names[:_LISTED])} … ({len(names) - _LISTED} more)"
    if len(names) > 1:
        return f"{', '.join(names[:-1])} or {names[-1]}"
    return "".join(names)
