"""Counting for a ladder within a site: points → item → site (GB 39496-2020, 5.5).

A *point* is a subject at the gravest level of its alarms. An *item* is a quantity (or an asset) of the group: at
its gravest point, or at the level that the counts make of its points (`engine.promotion.promoted`, which the ladders of areas
use too), whichever is graver. Level l is judged by how many members (points, or items) stand at
l − 1 or graver. A silent point counts as it stood, and might be red.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from lifeline.engine import promotion
from lifeline.engine.group_kernels import advance
from lifeline.engine.kernel import allocating, kernel

LEVELS = 4
BY_ASSET, ITEMS, FIRST_HAND, BLUE, YELLOW, ORANGE = range(6)  # options
_promoted = kernel(promotion.promoted)


@kernel
def _count(histogram, out):
    """Members at each level or graver, as what the next level is judged by."""
    at_least = histogram[LEVELS]
    for one in range(LEVELS - 1, 0, -1):
        at_least += histogram[one]
        out[one] = at_least


@kernel
def _item(histogram, counts):
    """The level of an item, or 0."""
    gravest = 0
    for one in range(LEVELS + 1):
        if histogram[one]:
            gravest = one
    return max(gravest, _promoted(histogram, counts))


@kernel
def _members(m, last, subject, member, weight, column, o, level, silent, points, items):
    """Histograms of a group's members, as they stand (0) and as they might (1)."""
    counts = (np.int64(o[BLUE]), np.int64(o[YELLOW]), np.int64(o[ORANGE]))
    items[:] = 0
    while m < last:
        item = weight[m, column]
        points[:] = 0
        while m < last and weight[m, column] == item:
            s, gravest = subject[member[m]], 0
            while m < last and subject[member[m]] == s:
                gravest = max(gravest, level[member[m]])
                m += 1
            points[0, gravest] += 1
            points[1, LEVELS if silent[s] else gravest] += 1
        for world in range(2):
            points[world, 0] = 0
            if o[ITEMS] > 0.0:
                items[world, _item(points[world], counts)] += 1
            else:
                for one in range(LEVELS + 1):
                    items[world, one] += points[world, one]


@allocating
def feed(
    asked, items, subject, member_ptr, member, role, weight, at_level, first, param, options, level,
    silent, value, most,
):  # fmt: skip
    """How many members each level is judged by, for each ask; `level` and `silent` are as the last item
    leaves them. Memberships of a group lie together by item and subject."""
    done = 0
    points, found = np.zeros((2, LEVELS + 1), np.int64), np.zeros((2, LEVELS + 1), np.int64)
    for a in range(asked.size):
        done = advance(items, done, asked[a].until, level, silent)
        g = asked[a].group
        o = options[param[first + g]]
        column = 1 if o[BY_ASSET] > 0.0 else 0
        _members(
            member_ptr[g], member_ptr[g + 1], subject, member, weight, column, o, level, silent, points,
            found,
        )  # fmt: skip
        _count(found[0], value[a])
        _count(found[1], most[a])
    advance(items, done, items.size, level, silent)
