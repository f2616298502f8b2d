"""A ring of panes per (sensor, window): the windowed kinds' one mechanism (design §5).

The window is the last 12 panes, the current one included. A ring is one row of float64:

    [closed, head | current: K | merged: K | closed pane 0: K | … | closed pane 10: K]

Every pane starts with (pane index, offset of its first row in ns, rows); the kind names what follows.
Times are kept relative to the pane's start, since absolute ns lose the slope to rounding.
Panes are merged and never subtracted.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from typing import Final

from .kernel import kernel
from .limits import PANES

CLOSED: Final = PANES - 1
INDEX, OFFSET, ROWS = 0, 1, 2
CURRENT: Final = 2


def width(stats: int) -> int:
    """float64 places of a ring whose panes have `stats` places each."""
    return CURRENT + (2 + CLOSED) * stats


@kernel
def drop_old(ring, k, stats):
    """Forget closed panes that are outside the window of pane k; whether any was."""
    closed, head = int(ring[0]), int(ring[1])
    dropped = False
    base = CURRENT + 2 * stats
    while closed > 0 and ring[base + head * stats] < k - CLOSED:
        head = head + 1 if head + 1 < CLOSED else 0
        closed -= 1
        dropped = True
    ring[0], ring[1] = closed, head
    return dropped


@kernel
def close_current(ring, k, stats):
    """Put the current pane into the ring (unless it is outside the window of pane k)."""
    base = CURRENT + 2 * stats
    if ring[CURRENT + ROWS] == 0 or ring[CURRENT] < k - CLOSED:
        return False
    slot = int(ring[1]) + int(ring[0])
    if slot >= CLOSED:
        slot -= CLOSED
    for q in range(stats):
        ring[base + slot * stats + q] = ring[CURRENT + q]
    ring[0] += 1
    return True


@kernel
def closed_at(ring, number, stats):
    """Where the number-th oldest closed pane starts in the ring."""
    slot = int(ring[1]) + number
    if slot >= CLOSED:
        slot -= CLOSED
    return CURRENT + 2 * stats + slot * stats
