"""Rule kinds: what they are to the core, and how they are found.

A kind registers under the entry point group `lifeline.rules` as an object `KIND`. It brings an
author's model with its compiler (loaded only when rules are read) and a measure: how one number
per row comes about that the levels are judged by. Everything after the measure is common to all
kinds (`judge_kernels`).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Final

from .errors import SpecError
from .layout import CLOCK as CLOCK
from .layout import GROUPED as GROUPED
from .layout import MEASURED as MEASURED
from .layout import STALENESS as STALENESS

GROUP: Final = "lifeline.rules"
# What feeds a kind: the rows of its own sensor, the rows of a group's sensors, records (of kinds of
# earlier stages, so that no alarm can depend on itself).
OF_SENSORS, OF_ROWS = 0, 1


@dataclass(frozen=True, slots=True)
class Kind:
    """One rule kind.

    `authored` names the module with `MODEL` (the pydantic model of the written rule) and
    `compile(rule, quantity, gas) -> Judgement`. `kernels` names the module with
    `measure(rows, ptr, first, param, options, rings, bits, out) -> int` (`bits`: the memory of the rings as
    int64), or is "" where the measure is the
    value itself or comes from the sensor's state (`style`). `width` is how many float64 of state
    one instance has; `options` the names of the judgement's options in the order in which the kernel
    reads them; `geometry` those whose change empties the window; `cached` the places of the state that are
    computed with options, and are set to 0 where any of these changes. `beside`: it compares with other
    sensors or with a profile, and its kernel takes a `beside.Beside`'s arrays last. A kind that can say why it
    gives no measure names where its state keeps that: `says` numbers by name, `reason_at` the place of a
    number that counts in `reasons`; numbers of `says_member` are places of a group's members, told by their sensor.

    A kind of a later `stage` judges groups (`groups.Groups`), those of rows or those of records; it has `feed`
    instead of `measure` (`group_kernels`), and `table` numbers of its own for each group, which
    `table(rule, members, configuration)` of the module `tables` gives. One fed by rows that has more to say of a
    moment than a number packs it into `stale_deadline` of its row (not 0); `detail(told)` of the light module
    `tells` makes the words of it that stand in the records of that moment.

    A kind `of_time` judges sites, at ticks and by nothing else: its number is how long nobody stepped the log before
    a tick, in seconds, 0 where that is no gap. It has no kernel.
    """

    name: str
    authored: str
    kernels: str = ""
    style: int = MEASURED
    width: int = 0
    options: tuple[str, ...] = ()
    geometry: tuple[str, ...] = ()
    cached: tuple[int, ...] = ()
    beside: bool = False
    says: tuple[tuple[str, int], ...] = ()
    says_member: tuple[str, ...] = ()
    reason_at: int = -1
    reasons: tuple[str, ...] = ()
    stage: int = OF_SENSORS
    table: int = 0
    tables: str = ""
    tells: str = ""
    of_time: bool = False

    @property
    def author_model(self) -> type[Any]:
        """The pydantic model of the written rule."""
        model: type[Any] = importlib.import_module(self.authored).MODEL
        return model

    @property
    def compile(self) -> Callable[..., Any]:
        """`compile(rule, quantity, gas) -> Judgement`; raises SpecError."""
        function: Callable[..., Any] = importlib.import_module(self.authored).compile
        return function

    @property
    def measure(self) -> Callable[..., int]:
        """The measure kernel. Importing it imports numba."""
        function: Callable[..., int] = importlib.import_module(self.kernels).measure
        return function

    @property
    def feed(self) -> Callable[..., int]:
        """The kernel of a kind that judges groups. Importing it imports numba."""
        function: Callable[..., int] = importlib.import_module(self.kernels).feed
        return function

    @property
    def tabulate(self) -> Callable[..., Sequence[float]]:
        """`table(rule, members, configuration)`: `table` numbers for one group."""
        function: Callable[..., Sequence[float]] = importlib.import_module(self.tables).table
        return function

    @property
    def detail(self) -> Callable[[int], dict[str, str]]:
        """`detail(told)`: what the records of a moment say beside their numbers."""
        function: Callable[[int], dict[str, str]] = importlib.import_module(self.tells).detail
        return function


@cache
def load_kinds() -> dict[str, Kind]:
    """Every installed kind by name, in the order of names. Raises SpecError for a broken one."""
    kinds: dict[str, Kind] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda p: p.name):
        kind = point.load()
        if not isinstance(kind, Kind) or kind.name != point.name:
            raise SpecError(
                "a rule kind is registered wrongly", found=point.value, expected="an object KIND"
            )
        kinds[kind.name] = kind
    return kinds


def kind_named(name: str) -> Kind:
    """The kind. Raises SpecError where it is not installed."""
    kinds = load_kinds()
    if name not in kinds:
        raise SpecError("unknown rule kind", found=repr(name), expected=", ".join(kinds))
    return kinds[name]
