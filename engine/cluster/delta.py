"""What changed between two configurations, as small as the change. Pure.

A sequence of the later configuration is written as runs that stand in the earlier one,
`[first, count]`, and as items of its own between them. Registries are append-only, so that most
items stand where they stood; rules are found by their id wherever they went.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

import msgspec

from ..configuration import Configuration, Link, Sensor, Site
from ..errors import EntryError
from ..rule import Rule

Run: TypeAlias = tuple[int, int]
_T = TypeVar("_T", Site, Link, Sensor, Rule)


class Delta(msgspec.Struct, frozen=True, omit_defaults=True):
    """The later configuration in terms of the earlier one."""

    sites: tuple[Run | Site, ...] = ()
    links: tuple[Run | Link, ...] = ()
    sensors: tuple[Run | Sensor, ...] = ()
    rules: tuple[Run | Rule, ...] = ()


def difference(before: Configuration, after: Configuration) -> Delta:
    """The delta from `before` to `after`: `applied(before, difference(before, after))` equals
    `after`, whatever the two are."""
    rule_at = {rule.id: i for i, rule in enumerate(before.rules)}
    return Delta(
        _ops(before.sites, after.sites, _in_place),
        _ops(before.links, after.links, _in_place),
        _ops(before.sensors, after.sensors, _in_place),
        _ops(before.rules, after.rules, lambda _, rule: rule_at.get(rule.id, -1)),
    )


def applied(before: Configuration, delta: Delta) -> Configuration:
    """The later configuration. Raises EntryError where a run lies outside the earlier one."""
    return Configuration(
        _resolved(before.sites, delta.sites),
        _resolved(before.links, delta.links),
        _resolved(before.sensors, delta.sensors),
        _resolved(before.rules, delta.rules),
    )


def _in_place(index: int, _item: object) -> int:
    return index


def _ops(
    before: Sequence[_T], after: Sequence[_T], place: Callable[[int, _T], int]
) -> tuple[Run | _T, ...]:
    """`place` says where an item of `after` may stand in `before`; -1: nowhere."""
    ops: list[Run | _T] = []
    first = count = 0
    for i, item in enumerate(after):
        at = place(i, item)
        if not (0 <= at < len(before) and before[at] == item):
            if count:
                ops.append((first, count))
            ops.append(item)
            count = 0
        elif count and at == first + count:
            count += 1
        else:
            if count:
                ops.append((first, count))
            first, count = at, 1
    if count:
        ops.append((first, count))
    return tuple(ops)


def _resolved(before: Sequence[_T], ops: Sequence[Run | _T]) -> tuple[_T, ...]:
    found: list[_T] = []
    for op in ops:
        if not isinstance(op, tuple):
            found.append(op)
            continue
        first, count = op
        if first < 0 or count < 1 or first + count > len(before):
            raise EntryError(
                f"a configuration's delta refers to items {first} to {first + count - 1} of a base "
                f"that has {len(before)}"
            )
        found.extend(before[first : first + count])
    return tuple(found)
