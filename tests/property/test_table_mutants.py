"""Every state × event cell of the alarm table is hit, and a change of any cell is noticed.

Three witnesses look at a table: short logs through the core (`battery.table_paths`), the kernel that
applies one cell, and the page docs/semantics.md. A cell that a log can reach must betray a
change to the log's outcome; the others to the kernel; what a cell says where it does nothing, to
the page.
"""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from battery.drive import Drive
from battery.table_paths import NO_LOG, PATHS, PLANTED
from battery.table_states import Cell, start
from lifeline.engine import layout as at
from lifeline.engine.alarm_table import (
    AWAY,
    CELLS,
    IMPOSSIBLE,
    NOTHING,
    REFUSED,
    Event,
    table_arrays,
)
from lifeline.engine.core import Core
from lifeline.engine.errors import InvariantError
from lifeline.engine.record import AlarmState as S
from lifeline.engine.record import Transition as T
from lifeline.engine.transit_kernels import transit
from oracle.generate import scenario
from oracle.generate_plant import PACES

PAGE = Path(__file__).parents[2] / "docs" / "semantics.md"
ALL = [(state, event) for state in S for event in Event]
SILENT = (NOTHING, REFUSED, IMPOSSIBLE)
HAPPENINGS = (*(t.value for t in T), *SILENT)
RISES = (Event.RISE, Event.RISE_COVERED, Event.FLAP)
ENDS = tuple(event for event in Event if event.name.startswith("END_"))
ACKNOWLEDGEMENTS = (Event.ACKNOWLEDGE, Event.ACKNOWLEDGE_LATCHING)
COMMANDS = (*ACKNOWLEDGEMENTS, *ENDS, Event.RESET, Event.SHELVE, Event.REMOVE)
LETTERS = dict(zip("NUARSLDO", S, strict=True))


def named(cell: Cell) -> str:
    return f"{cell[0].name}-{cell[1].name}".lower()


def mutated(cell: Cell, after: S | None = None, happening: int | None = None) -> Any:
    """The table with one cell changed."""
    cells = copy.deepcopy(CELLS)
    state, transition = cells[cell[0]][cell[1]]
    cells[cell[0]][cell[1]] = (
        state if after is None else after,
        transition if happening is None else happening,
    )
    return table_arrays(cells)


def says(cell: Cell) -> int:
    """What the shipped table records in a cell."""
    return int(CELLS[cell[0]][cell[1]][1])


def same_by_definition(cell: Cell, happening: int) -> bool:
    """Two ways to write one cell: a rise from a level above normal is recorded as `level`, however
    it is written, and only a command can be refused: what just happens does nothing."""
    if cell[1] in (Event.RISE, Event.RISE_COVERED) and cell[0] in (
        S.UNACKNOWLEDGED,
        S.ACKNOWLEDGED,
    ):
        return {says(cell), happening} == {T.RAISED, T.LEVEL}
    asked = cell[1] in COMMANDS and (cell[1] not in ENDS or cell[0] is not S.SUPPRESSED_BY_DESIGN)
    return not asked and {says(cell), happening} == {NOTHING, REFUSED}


# --- the page -------------------------------------------------------------------------------------
def page_table() -> dict[Cell, tuple[S, int]]:
    """The table of docs/semantics.md §6, in the words of the engine."""
    lines = PAGE.read_text("utf-8").splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("| state \\ event |"))
    events = [Event[name.upper()] for name in _parts(lines[head])[1:]]
    found: dict[Cell, tuple[S, int]] = {}
    for line in lines[head + 2 : head + 2 + len(S)]:
        name, *rest = _parts(line)
        for event, text in zip(events, rest, strict=True):
            found[S[name.upper()], event] = _read(S[name.upper()], event, text)
    return found


def _parts(line: str) -> list[str]:
    return [part.strip() for part in line.strip("|").split("|")]


def _read(state: S, event: Event, text: str) -> tuple[S, int]:
    if text == "refused":
        return state, REFUSED
    if text in ("–", "(nothing)"):
        return state, IMPOSSIBLE if text == "–" else NOTHING
    after, transition = text.split()
    rises = "raised" if event in RISES else "level"
    return (
        LETTERS[after],
        T[transition.split("/")[0].replace("level", rises).upper()],
    )


def test_the_table_is_the_page() -> None:
    assert page_table() == {cell: CELLS[cell[0]][cell[1]] for cell in ALL}


def test_kernels_read_the_table_as_it_is_written() -> None:
    table = table_arrays()
    assert table.shape == (len(S), len(Event), 2)
    assert not table.flags.writeable
    for state, event in ALL:
        assert tuple(table[state, event]) == CELLS[state][event]


# --- logs -----------------------------------------------------------------------------------------
def run(cell: Cell, table: Any = None) -> list[Any]:
    """What anyone can see of the logs that end in the cell; an invariant that broke included."""
    seen: list[Any] = []
    for path in PATHS[cell]:
        try:
            drive = start(table)
            path(drive)
            seen.append(drive.outcome())
        except InvariantError as error:
            seen.append(str(error))
    return seen


@cache
def expected(cell: Cell) -> list[Any]:
    return run(cell)


def test_each_cell_is_reached_by_a_log_or_has_a_reason() -> None:
    impossible = {cell for cell in ALL if says(cell) == IMPOSSIBLE}
    assert sorted([*PATHS, *NO_LOG, *PLANTED]) == ALL
    assert impossible <= {*PLANTED, *NO_LOG}
    assert set(PLANTED) <= impossible


@pytest.mark.parametrize("cell", PATHS, ids=named)
def test_a_log_reaches_the_cell(cell: Cell) -> None:
    # A cell that must never happen is a probe: the core stops where it is met.
    probe = mutated(cell, happening=IMPOSSIBLE)
    for path in PATHS[cell]:
        with pytest.raises(InvariantError, match="cannot happen"):
            path(start(probe))


@pytest.mark.parametrize("cell", PATHS, ids=named)
def test_a_log_notices_every_other_next_state_and_transition(cell: Cell) -> None:
    unnoticed = [
        f"transition {happening}"
        for happening in HAPPENINGS
        if happening != says(cell)
        and not same_by_definition(cell, happening)
        and run(cell, mutated(cell, happening=happening)) == expected(cell)
    ]
    if says(cell) not in SILENT:
        unnoticed += [
            f"next state {after.name}"
            for after in S
            if after != CELLS[cell[0]][cell[1]][0]
            and run(cell, mutated(cell, after=after)) == expected(cell)
        ]
    assert unnoticed == []


def planted(cell: Cell, table: Any = None) -> Drive:
    before, last = PLANTED[cell]
    drive = start(table)
    before(drive)
    assert drive.core.state is not None
    drive.core.state.judge["state"] = cell[0]
    last(drive)
    return drive


@pytest.mark.parametrize("cell", PLANTED, ids=named)
def test_what_cannot_happen_stops_the_core(cell: Cell) -> None:
    with pytest.raises(InvariantError, match="cannot happen"):
        planted(cell)


@pytest.mark.parametrize("cell", PLANTED, ids=named)
def test_a_cell_that_no_longer_stops_the_core_is_noticed(cell: Cell) -> None:
    for happening in HAPPENINGS:
        if happening != IMPOSSIBLE:
            planted(cell, mutated(cell, happening=happening))  # the test above would fail


def test_no_random_log_meets_a_cell_that_has_no_log() -> None:
    cells = copy.deepcopy(CELLS)
    for state, event in NO_LOG:
        if CELLS[state][event][1] != REFUSED:
            cells[state][event] = (state, IMPOSSIBLE)
    for seed in range(21):
        core, guarded = Core(), Core(table_arrays(cells))
        log = scenario(seed, 300, pace=PACES[seed % len(PACES)])
        for position, entry in enumerate(log.entries, 1):
            found, others = core.step(position, entry), guarded.step(position, entry)
            assert found.encoded() == others.encoded()


# --- the kernel -----------------------------------------------------------------------------------
LEVEL_BEFORE = {
    S.NORMAL: 0,
    S.UNACKNOWLEDGED: 3,
    S.ACKNOWLEDGED: 3,
    S.RETURNED_UNACKNOWLEDGED: 0,
    S.LATCHED: 0,
}
CALM_ENDS = (Event.END_NORMAL, Event.END_UNANSWERED, Event.END_LATCHED)


def forced(cell: Cell, table: Any = None) -> tuple[int, Any, Any]:
    """(emissions, emission, alarm afterwards) of the kernel that applies one cell."""
    state, event = cell
    before = LEVEL_BEFORE.get(state, 0 if event in (*RISES, *CALM_ENDS) else 3)
    level = {
        Event.RISE: 4,
        Event.RISE_COVERED: 4,
        Event.FLAP: 3,
        Event.FALL: 2,
        Event.RETURN: 0,
        Event.RETURN_LATCHING: 0,
        Event.WITHDRAW: 0,
    }.get(event, before)
    judge = np.zeros(1, at.JUDGE)
    judge["state"], judge["level"], judge["cover"] = state, before, 3
    judge["onset"], judge["shelf"] = 50, 90
    out = np.zeros(1, at.EMISSION)
    shipped = table_arrays() if table is None else table
    n = transit(
        judge, 0, int(event), level, shipped, out, 0, 1, 2, 3, 4, 5, 6, 70, 8.0, 9.0, 0, 60
    )  # fmt: skip
    return n, out, judge


@pytest.mark.parametrize("cell", ALL, ids=named)
def test_the_kernel_does_what_the_page_says(cell: Cell) -> None:
    after, happening = page_table()[cell]
    n, (e,), (j,) = forced(cell)
    if happening in (NOTHING, REFUSED):
        assert (n, j["state"], j["cover"], j["shelf"]) == (0, cell[0], 3, 90)
        return
    assert n == 1
    if happening == IMPOSSIBLE:
        assert e["transition"] == IMPOSSIBLE
        return
    levels = happening == T.RAISED and e["level_before"] > 0
    recorded = T.LEVEL if levels else happening
    assert (e["transition"], e["state_before"], e["state_after"]) == (recorded, cell[0], after)
    assert j["state"] == after
    timed = after in (*AWAY, S.ACKNOWLEDGED) and cell[1] is not Event.SUPPRESS
    assert e["until"] == (90 if timed and after in AWAY else 0)
    assert j["shelf"] == (90 if timed else at.NEVER)
    assert j["owes"] == _owes(cell, after)
    opens = cell[0] == S.NORMAL and after != S.NORMAL
    rose = cell[1] in (*RISES, Event.REALARM)
    assert e["marks"] == opens * at.E_OPENS | rose * at.E_ROSE
    assert e["onset"] == j["onset"] == (60 if opens else 50)
    assert (e["time"], e["value"], e["limit"], e["site"]) == (70, 8.0, 9.0, 6)
    assert j["cover"] == _cover(cell, after)


def _cover(cell: Cell, after: S) -> int:
    """Page §6: set by an acknowledgement, falls with the level, kept by what keeps away, but for a
    maintenance, which has its own (none here; a hold covers orange), else gone."""
    if after == S.SUPPRESSED_BY_DESIGN:
        return 0 if cell[1] is Event.SUPPRESS else 3
    if after in AWAY:
        return 3
    if after == S.ACKNOWLEDGED:
        return 2 if cell[1] is Event.FALL else 3
    return 0


def _owes(cell: Cell, after: S) -> int:
    """Page §6, of a rule that does not latch."""
    if after not in AWAY:
        return 0
    answer = cell[0] in (S.UNACKNOWLEDGED, S.RETURNED_UNACKNOWLEDGED)
    owed = at.OWES_ANSWER if answer and cell[1] is not Event.SHELVE else 0
    return owed | (at.OWES_RESET if cell[0] == S.LATCHED else 0)


@pytest.mark.parametrize("cell", ALL, ids=named)
def test_the_kernel_notices_every_other_next_state_and_transition(cell: Cell) -> None:
    before = [one.tobytes() for one in forced(cell)[1:]]

    def unnoticed(table: Any) -> bool:
        return [one.tobytes() for one in forced(cell, table)[1:]] == before

    silent = says(cell) in (NOTHING, REFUSED)
    missed = [
        h
        for h in HAPPENINGS
        if h != says(cell)
        and not same_by_definition(cell, h)
        and not (silent and h in (NOTHING, REFUSED))
        and unnoticed(mutated(cell, happening=h))
    ]
    assert missed == []
    if says(cell) not in SILENT:
        after = CELLS[cell[0]][cell[1]][0]
        assert not any(unnoticed(mutated(cell, after=s)) for s in S if s != after)
