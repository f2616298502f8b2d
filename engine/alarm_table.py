"""The alarm table: states × events, after ISA-18.2 / IEC 62682. Everything that moves an alarm from
one state to another stands in this file; kernels only look it up.

An alarm is one rule on one subject. Its *condition* (the gravest active level, 0 when normal) is
judged elsewhere, with deadbands and delays. This table says what a change of the condition, a
command or the loss of the subject means for the person in front of it:

- A rise beyond what was acknowledged, shelved, suppressed or taken out of service (`cover`) is
  unacknowledged again: a person who answered yellow has not answered red. Cover falls with the
  level, so red → yellow → red sounds again.
- Closed needs normal *and* acknowledged, and where the rule latches a *reset* by a person besides
  (the latched state of the standards). What returned unseen waits in returned-unacknowledged, and
  a new raise before the close continues the episode.
- *Kept away* are the three states of the standards that silence an alarm: shelved (a person, for
  this alarm), suppressed by design (maintenance, or annunciation held because the alarm flaps),
  out of service (a person, for longer). They hide nothing from the record: levels go on being
  recorded; a rise beyond the cover breaks them; each ends at a time that is known when it begins.
- What kept an alarm away *ends* for good as it then is: active, it is annunciated anew; normal and
  with an answer owed (it stood unacknowledged when a maintenance or an outage of service began), it
  is returned-unacknowledged; with a reset owed, latched; else normal. Where a maintenance goes on
  that covers what stands or is owed, the alarm stays kept away by that.
- An acknowledged alarm that stays active longer than its rule's `realarm` is annunciated anew.
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
    RETURN_LATCHING = 4  # of a rule that latches
    ACKNOWLEDGE = 5
    ACKNOWLEDGE_LATCHING = 6
    RESET = 7
    SHELVE = 8
    SUPPRESS = 9
    REMOVE = 10  # from service
    END_ACTIVE = 11  # what kept the alarm away ends
    END_NORMAL = 12
    END_UNANSWERED = 13
    END_LATCHED = 14
    END_KEPT = 15  # and a maintenance goes on
    REALARM = 16
    FLAP = 17  # a raise too many
    WITHDRAW = 18
    UNKNOWN = 19
    KNOWN = 20
    ACTUAL = 21


NOTHING: Final = 0
REFUSED: Final = 254
IMPOSSIBLE: Final = 255

_N, _U, _A, _R, _S, _L, _D, _O = (
    S.NORMAL,
    S.UNACKNOWLEDGED,
    S.ACKNOWLEDGED,
    S.RETURNED_UNACKNOWLEDGED,
    S.SHELVED,
    S.LATCHED,
    S.SUPPRESSED_BY_DESIGN,
    S.OUT_OF_SERVICE,
)
#: The states in which an alarm is kept away.
AWAY: Final = (_S, _D, _O)
_ENDS: Final = (
    Event.END_ACTIVE,
    Event.END_NORMAL,
    Event.END_UNANSWERED,
    Event.END_LATCHED,
    Event.END_KEPT,
)

Row = dict[Event, tuple[S, int]]


def _open(state: S, **cells: tuple[S, int]) -> Row:
    """The row of a state in which the alarm is not kept away: any command may keep it away, and
    nothing that keeps away ends. `cells` are the others, by the event's name."""
    row: Row = {
        Event.SHELVE: (_S, T.SHELVED),
        Event.SUPPRESS: (_D, T.SUPPRESSED),
        Event.REMOVE: (_O, T.OUT_OF_SERVICE),
        Event.WITHDRAW: (_N, T.WITHDRAWN),
        Event.UNKNOWN: (state, T.UNKNOWN),
        Event.KNOWN: (state, T.KNOWN),
        **dict.fromkeys(_ENDS, (state, REFUSED)),
    }
    row |= {Event[name]: cell for name, cell in cells.items()}
    return {event: row[event] for event in Event}


def _away(state: S, ended: T, **cells: tuple[S, int]) -> Row:
    """The row of a state in which the alarm is kept away; `ended` is recorded when that ends."""
    row: Row = {
        Event.RISE: (_U, T.RAISED),
        Event.RISE_COVERED: (state, T.RAISED),
        Event.FALL: (state, T.LEVEL),
        Event.RETURN: (state, T.RETURNED),
        Event.RETURN_LATCHING: (state, T.RETURNED),
        Event.ACKNOWLEDGE: (state, REFUSED),
        Event.ACKNOWLEDGE_LATCHING: (state, REFUSED),
        Event.RESET: (state, REFUSED),
        Event.SHELVE: (_S, T.SHELVED),
        Event.SUPPRESS: (state, NOTHING),
        Event.REMOVE: (_O, T.OUT_OF_SERVICE),
        Event.END_ACTIVE: (_U, ended),
        Event.END_NORMAL: (_N, ended),
        Event.END_UNANSWERED: (_R, ended),
        Event.END_LATCHED: (_L, ended),
        Event.END_KEPT: (_D, ended),
        Event.REALARM: (state, IMPOSSIBLE),
        Event.FLAP: (state, IMPOSSIBLE),
        Event.WITHDRAW: (_N, T.WITHDRAWN),
        Event.UNKNOWN: (state, T.UNKNOWN),
        Event.KNOWN: (state, T.KNOWN),
        Event.ACTUAL: (state, NOTHING),
    }
    return row | {Event[name]: cell for name, cell in cells.items()}


# A rise is written RAISED here; from a level above normal it is recorded as LEVEL.
CELLS: Final[dict[S, Row]] = {
    # Nothing covers an alarm that is normal but a maintenance: a rise within that is suppressed.
    _N: _open(
        _N,
        RISE=(_U, T.RAISED),
        RISE_COVERED=(_D, T.RAISED),
        FALL=(_N, IMPOSSIBLE),
        RETURN=(_N, IMPOSSIBLE),
        RETURN_LATCHING=(_N, IMPOSSIBLE),
        ACKNOWLEDGE=(_N, REFUSED),
        ACKNOWLEDGE_LATCHING=(_N, REFUSED),
        RESET=(_N, REFUSED),
        SUPPRESS=(_N, NOTHING),
        REALARM=(_N, IMPOSSIBLE),
        FLAP=(_D, T.FLAPPING),
        WITHDRAW=(_N, NOTHING),
        UNKNOWN=(_N, NOTHING),
        KNOWN=(_N, NOTHING),
        ACTUAL=(_N, IMPOSSIBLE),
    ),
    _U: _open(
        _U,
        RISE=(_U, T.RAISED),
        RISE_COVERED=(_U, T.RAISED),
        FALL=(_U, T.LEVEL),
        RETURN=(_R, T.RETURNED),
        RETURN_LATCHING=(_R, T.RETURNED),
        ACKNOWLEDGE=(_A, T.ACKNOWLEDGED),
        ACKNOWLEDGE_LATCHING=(_A, T.ACKNOWLEDGED),
        RESET=(_U, REFUSED),
        REALARM=(_U, IMPOSSIBLE),
        FLAP=(_U, IMPOSSIBLE),
        ACTUAL=(_U, T.ACTUAL),
    ),
    _A: _open(
        _A,
        RISE=(_U, T.RAISED),
        RISE_COVERED=(_A, T.RAISED),
        FALL=(_A, T.LEVEL),
        RETURN=(_N, T.CLEARED),
        RETURN_LATCHING=(_L, T.LATCHED),
        ACKNOWLEDGE=(_A, REFUSED),
        ACKNOWLEDGE_LATCHING=(_A, REFUSED),
        RESET=(_A, REFUSED),
        REALARM=(_U, T.REALARM),
        FLAP=(_A, IMPOSSIBLE),
        ACTUAL=(_A, T.ACTUAL),
    ),
    _R: _open(
        _R,
        RISE=(_U, T.RAISED),
        RISE_COVERED=(_U, T.RAISED),
        FALL=(_R, IMPOSSIBLE),
        RETURN=(_R, IMPOSSIBLE),
        RETURN_LATCHING=(_R, IMPOSSIBLE),
        ACKNOWLEDGE=(_N, T.ACKNOWLEDGED),
        ACKNOWLEDGE_LATCHING=(_L, T.ACKNOWLEDGED),
        RESET=(_R, REFUSED),
        REALARM=(_R, IMPOSSIBLE),
        FLAP=(_D, T.FLAPPING),
        ACTUAL=(_R, IMPOSSIBLE),
    ),
    _S: _away(_S, T.UNSHELVED),
    _L: _open(
        _L,
        RISE=(_U, T.RAISED),
        RISE_COVERED=(_U, T.RAISED),
        FALL=(_L, IMPOSSIBLE),
        RETURN=(_L, IMPOSSIBLE),
        RETURN_LATCHING=(_L, IMPOSSIBLE),
        ACKNOWLEDGE=(_L, REFUSED),
        ACKNOWLEDGE_LATCHING=(_L, REFUSED),
        RESET=(_N, T.RESET),
        REALARM=(_L, IMPOSSIBLE),
        FLAP=(_D, T.FLAPPING),
        ACTUAL=(_L, IMPOSSIBLE),
    ),
    # Held and under maintenance, the first that ends changes nothing.
    _D: _away(_D, T.UNSUPPRESSED, END_KEPT=(_D, NOTHING), FLAP=(_D, T.RAISED)),
    _O: _away(_O, T.IN_SERVICE, SHELVE=(_O, REFUSED)),
}


def table_arrays(
    cells: dict[S, Row] = CELLS,
) -> npt.NDArray[np.uint8]:
    """The table as kernels read it: uint8 of shape (states, events, 2): next state, transition."""
    table = np.empty((len(S), len(Event), 2), np.uint8)
    for state in S:
        for event in Event:
            table[state, event] = cells[state][event]
    table.flags.writeable = False
    return table
