"""Where generated data gets its choices: numpy for size, Hypothesis for shrinking.

One generator (`generate.py`) serves both, because it only ever asks for a choice. The first of a
list, the smallest number and "no" are the plainest answers: Hypothesis shrinks towards them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from hypothesis import strategies as st

T = TypeVar("T")


class Choices(Protocol):
    """What the generator asks."""

    def pick(self, items: Sequence[T]) -> T:
        """One of them."""
        ...

    def number(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        ...

    def chance(self, percent: int) -> bool:
        """True about this often."""
        ...


class Seeded:
    """Choices by a seed: the same for ever, thousands a second."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def pick(self, items: Sequence[T]) -> T:
        """One of them, evenly."""
        return items[int(self._random.integers(len(items)))]

    def number(self, low: int, high: int) -> int:
        """Evenly between both ends."""
        return int(self._random.integers(low, high + 1))

    def chance(self, percent: int) -> bool:
        """By a fair draw."""
        return bool(self._random.random() * 100 < percent)


class Drawn:
    """Choices by Hypothesis."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self._draw = draw

    def pick(self, items: Sequence[T]) -> T:
        """One of them; shrinks to the first."""
        chosen: T = self._draw(st.sampled_from(items))
        return chosen

    def number(self, low: int, high: int) -> int:
        """Shrinks to `low`."""
        return int(self._draw(st.integers(low, high)))

    def chance(self, percent: int) -> bool:
        """Shrinks to no."""
        return int(self._draw(st.integers(0, 99))) >= 100 - percent
