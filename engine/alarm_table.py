"""The alarm table: states × events, after ISA-18.2 / IEC 62682. Everything that moves an alarm from
one state to another stands in this file; kernels only look it up.

An alarm is one rule on one subject. Its *condition* (the gravest active level, 0 when normal) is
judged elsewhere, with deadbands and delays. This table says what a change of the condition, a
command or the loss of the subject means for the person in front of it:

- A rise beyond what was acknowledged or shelved (`cover`) is unacknowledged again: a person who
  answered yellow has not answered red. Cover falls with the level, so red → yellow → red sounds
  again.
- Closed needs normal *and* acknowledged. What returned unseen waits in
  returned-unacknowledged, and a new raise before that continues the episode.
- A shelf hides nothing from the record: levels go on being recorded; a rise beyond the
  shelf's cover breaks it; what is active when it ends is annunciated anew.
- *unknown* (silent sensor) is a flag beside the state, never a way to normal.
- *withdrawn* alone closes an unacknowledged episode.

Each cell names the next state and the transition that is recorded; NOTHING changes and records
nothing, REFUSED is a command that does not apply, IMPOSSIBLE is an error of ours.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from .record import AlarmState as S
from .record import Transition as T


class Event(IntEnum):
    """The columns of the table."""

    RISE = 0
    RISE_COVERED = 1
    FALL = 2
    RETURN = 3
    ACKNOWLEDGE = 4
    SHELVE = 5
    UNSHELVE_ACTIVE = 6
    UNSHELVE_NORMAL = 7
    WITHDRAW = 8
    UNKNOWN = 9
    KNOWN = 10
    ACTUAL = 11


NOTHING: Final = 0
REFUSED: Final = 254
IMPOSSIBLE: Final = 255

_N, _U, _A, _R, _S = (
    S.NORMAL,
    S.UNACKNOWLEDGED,
    S.ACKNOWLEDGED,
    S.RETURNED_UNACKNOWLEDGED,
    S.SHELVED,
)

# A rise is written RAISED here; from a level above normal it is recorded as LEVEL.
CELLS: Final[dict[S, dict[Event, tuple[S, int]]]] = {
    _N: {
        Event.RISE: (_U, T.RAISED),
        Event.RISE_COVERED: (_U, T.RAISED),
        Event.FALL: (_N, IMPOSSIBLE),
        Event.RETURN: (_N, IMPOSSIBLE),
        Event.ACKNOWLEDGE: (_N, REFUSED),
        Event.SHELVE: (_S, T.SHELVED),
        Event.UNSHELVE_ACTIVE: (_N, REFUSED),
        Event.UNSHELVE_NORMAL: (_N, REFUSED),
        Event.WITHDRAW: (_N, NOTHING),
        Event.UNKNOWN: (_N, NOTHING),
        Event.KNOWN: (_N, NOTHING),
        Event.ACTUAL: (_N, IMPOSSIBLE),
    },
    _U: {
        Event.RISE: (_U, T.RAISED),
        Event.RISE_COVERED: (_U, T.RAISED),
        Event.FALL: (_U, T.LEVEL),
        Event.RETURN: (_R, T.RETURNED),
        Event.ACKNOWLEDGE: (_A, T.ACKNOWLEDGED),
        Event.SHELVE: (_S, T.SHELVED),
        Event.UNSHELVE_ACTIVE: (_U, REFUSED),
        Event.UNSHELVE_NORMAL: (_U, REFUSED),
        Event.WITHDRAW: (_N, T.WITHDRAWN),
        Event.UNKNOWN: (_U, T.UNKNOWN),
        Event.KNOWN: (_U, T.KNOWN),
        Event.ACTUAL: (_U, T.ACTUAL),
    },
    _A: {
        Event.RISE: (_U, T.RAISED),
        Event.RISE_COVERED: (_A, T.RAISED),
        Event.FALL: (_A, T.LEVEL),
        Event.RETURN: (_N, T.CLEARED),
        Event.ACKNOWLEDGE: (_A, REFUSED),
        Event.SHELVE: (_S, T.SHELVED),
        Event.UNSHELVE_ACTIVE: (_A, REFUSED),
        Event.UNSHELVE_NORMAL: (_A, REFUSED),
        Event.WITHDRAW: (_N, T.WITHDRAWN),
        Event.UNKNOWN: (_A, T.UNKNOWN),
        Event.KNOWN: (_A, T.KNOWN),
        Event.ACTUAL: (_A, T.ACTUAL),
    },
    _R: {
        Event.RISE: (_U, T.RAISED),
        Event.RISE_COVERED: (_U, T.RAISED),
        Event.FALL: (_R, IMPOSSIBLE),
        Event.RETURN: (_R, IMPOSSIBLE),
        Event.ACKNOWLEDGE: (_N, T.ACKNOWLEDGED),
        Event.SHELVE: (_S, T.SHELVED),
        Event.UNSHELVE_ACTIVE: (_R, REFUSED),
        Event.UNSHELVE_NORMAL: (_R, REFUSED),
        Event.WITHDRAW: (_N, T.WITHDRAWN),
        Event.UNKNOWN: (_R, T.UNKNOWN),
        Event.KNOWN: (_R, T.KNOWN),
        Event.ACTUAL: (_R, IMPOSSIBLE),
    },
    _S: {
        Event.RISE: (_U, T.RAISED),
        Event.RISE_COVERED: (_S, T.RAISED),
        Event.FALL: (_S, T.LEVEL),
        Event.RETURN: (_S, T.RETURNED),
        Event.ACKNOWLEDGE: (_S, REFUSED),
        Event.SHELVE: (_S, T.SHELVED),
        Event.UNSHELVE_ACTIVE: (_U, T.UNSHELVED),
        Event.UNSHELVE_NORMAL: (_N, T.UNSHELVED),
        Event.WITHDRAW: (_N, T.WITHDRAWN),
        Event.UNKNOWN: (_S, T.UNKNOWN),
        Event.KNOWN: (_S, T.KNOWN),
        Event.ACTUAL: (_S, NOTHING),
    },
}


def table_arrays(
    cells: dict[S, dict[Event, tuple[S, int]]] = CELLS,
) -> npt.NDArray[np.uint8]:
    """The table as kernels read it: uint8 of shape (states, events, 2): next state, transition."""
    table = np.empty((len(S), len(Event), 2), np.uint8)
    for state in S:
        for event in Event:
            table[state, event] = cells[state][event]
    table.flags.writeable = False
    return table
