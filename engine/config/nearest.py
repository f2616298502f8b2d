"""The nearest valid names to one that is not."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from heapq import nlargest
from typing import Final

from ..errors import SpecError
from .problems import quoted

# More than three suggestions are a list to read, not a hint.
_MOST: Final = 3
_CUTOFF: Final = 0.6
# What is much less alike than the best is no help beside it.
_BEHIND: Final = 0.15
# Comparing with every one of a province's 100,000 names takes a second for each mistake; of more
# than these, those that begin alike are compared.
_COMPARED: Final = 1_000
# Wrong names of one list that get suggestions: a column that is shifted has thousands.
_SUGGESTED: Final = 100
_LISTED: Final = 8


def nearest(name: str, valid: Iterable[str]) -> tuple[str, ...]:
    """Up to three of `valid` that `name` may have been meant to be, the best first.

    >>> nearest("gas.combustable", ["gas.combustible", "gas.co", "tank.level"])
    ('gas.combustible',)
    """
    wanted = name.casefold()
    folded: dict[str, str] = {}
    for word in valid:
        folded.setdefault(word.casefold(), word)
    words = list(folded)
    if len(words) > _COMPARED:
        words = nlargest(_COMPARED, words, key=lambda word: _shared(word, wanted))
    close = difflib.get_close_matches(wanted, words, n=_MOST, cutoff=_CUTOFF)
    likeness = [difflib.SequenceMatcher(None, word, wanted).ratio() for word in close]
    return tuple(
        folded[word]
        for word, like in zip(close, likeness, strict=True)
        if like > likeness[0] - _BEHIND
    )


def _shared(word: str, name: str) -> int:
    """How many characters two words share at their beginning."""
    count = 0
    for mine, other in zip(word, name, strict=False):
        if mine != other:
            break
        count += 1
    return count


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


class Names:
    """The valid names of one kind, and the errors for those that are not.

    `what` is the word for messages. Equal names give the same error; beyond the first hundred
    wrong names there are no more suggestions.
    """

    def __init__(self, what: str, valid: Iterable[str]) -> None:
        self.what = what
        self.valid = valid if isinstance(valid, set | frozenset | dict) else frozenset(valid)
        self._sorted: list[str] | None = None
        self._known: dict[str, SpecError] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.valid

    def unknown(self, name: str) -> SpecError:
        """What is wrong with a name that is not valid, or is missing."""
        if self._sorted is None:
            self._sorted = sorted(self.valid)
        if not name:
            return SpecError(f"the {self.what} is missing", expected=listed(self._sorted))
        if name in self._known:
            return self._known[name]
        close = nearest(name, self._sorted) if len(self._known) < _SUGGESTED else ()
        error = SpecError(
            f"unknown {self.what}", found=quoted(name), expected=listed(self._sorted), nearest=close
        )
        if close:
            self._known[name] = error
        return error
