"""The comparison can fail: whichever cell of the engine's alarm table is changed, a log shows it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from battery.table_paths import NO_LOG
from lifeline.engine.alarm_table import IMPOSSIBLE, NOTHING, REFUSED, Event, table_arrays
from lifeline.engine.core import Core
from lifeline.engine.errors import InvariantError
from lifeline.engine.record import AlarmState, Transition
from oracle import table
from oracle.compare import compare
from oracle.generate import Scenario, scenario
from oracle.generate_plant import PACES
from oracle.oracle import Oracle

LOGS = 42

Cell = tuple[AlarmState, Event]


# Cells that these logs do not meet, or too rarely to count on it: `battery.table_paths` meets them all.
RARE = {
    (AlarmState.NORMAL, Event.FLAP),
    (AlarmState.ACKNOWLEDGED, Event.WITHDRAW),
    (AlarmState.SHELVED, Event.WITHDRAW),
    (AlarmState.LATCHED, Event.SHELVE),
    (AlarmState.LATCHED, Event.FLAP),
    (AlarmState.LATCHED, Event.WITHDRAW),
}


def cells() -> Iterator[Cell]:
    """Every cell that a log can lead to, but for refusals: these do not reach the oracle's table."""
    arrays = table_arrays()
    for state in AlarmState:
        for event in Event:
            met = (state, event) not in NO_LOG and (state, event) not in RARE
            if arrays[state, event, 1] not in (IMPOSSIBLE, REFUSED) and met:
                yield state, event


@cache
def log(seed: int) -> Scenario:
    """One of the logs."""
    return scenario(seed, 1_500, pace=PACES[seed % len(PACES)])


@pytest.fixture(scope="module")
def going_through() -> dict[Cell, list[int]]:
    """The logs whose alarms go through a cell, those with the fewest entries first."""
    found: dict[Cell, list[int]] = defaultdict(list)
    seen: set[tuple[str, str]] = set()
    follow = table.Alarm.move

    def watched(alarm: table.Alarm, event: str, level: int, *more: int) -> str | None:
        seen.add((alarm.state, event))
        return follow(alarm, event, level, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table.Alarm, "move", watched)
        for seed in sorted(range(LOGS), key=lambda one: len(log(one).entries)):
            seen.clear()
            oracle = Oracle()
            for position, entry in enumerate(log(seed).entries, 1):
                oracle.step(position, entry)
            for state, event in seen:
                found[AlarmState[state.upper()], Event[event.upper()]].append(seed)
    return found


def mutations(cell: Cell) -> Iterator[tuple[int, int]]:
    """Another state after, and another transition (or none, or one where nothing happened)."""
    state, transition = (int(one) for one in table_arrays()[cell])
    real = transition not in (NOTHING, REFUSED)
    yield (state + 1) % len(AlarmState), transition if real else int(Transition.LEVEL)
    if real:
        yield state, int(Transition.KNOWN if transition != Transition.KNOWN else Transition.LEVEL)
        yield state, NOTHING


def noticed(cell: Cell, changed: tuple[int, int], seeds: list[int]) -> bool:
    """Whether some log tells the changed table from the page's."""
    arrays = table_arrays().copy()
    arrays[cell] = np.array(changed, np.uint8)
    for seed in seeds:
        try:
            if compare(log(seed), Core(arrays)).difference:
                return True
        except InvariantError:
            return True  # the core itself noticed
    return False


@pytest.mark.parametrize("cell", list(cells()), ids=lambda cell: f"{cell[0].name}-{cell[1].name}")
def test_no_cell_can_be_changed_unnoticed(cell: Cell, going_through: dict[Cell, list[int]]) -> None:
    seeds = going_through[cell]
    for changed in mutations(cell):
        assert noticed(cell, changed, seeds), changed
