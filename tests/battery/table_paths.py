"""One short log to every cell of the alarm table that a log can reach.

A path drives a core until the cell's event meets the cell's state, and no further. `NO_LOG` says why
no log leads to the other cells; these can only be forced on the kernel.
"""

from __future__ import annotations

from functools import partial

from lifeline.engine.alarm_table import AWAY, Event
from lifeline.engine.record import AlarmState as S

from .drive import Drive
from .table_states import (
    CALM,
    ENDS,
    FLAPPING,
    FLAPPING_LATCHING,
    KEPT,
    LIGHTLY,
    LONGER,
    OPEN,
    RED,
    STATES,
    YELLOW,
    Cell,
    Path,
    To,
    _catch_up,
    _command,
    _expire,
    _hold_ends_in_maintenance,
    _maintain,
    _maintain_longer,
    _no_longer_latching,
    _realarm,
    _remove,
    _removed_later,
    _say,
    _shelve,
    _shelved_later,
    _silence,
    _speak_again,
    _withdraw,
    acknowledged,
    again,
    back,
    backlog,
    broken,
    cleared,
    kept,
    latched,
    latching,
    maintained,
    normal,
    out,
    quietly,
    red,
    red_acknowledged,
    returned,
    shelved,
    suppressed,
    unacknowledged,
    under,
    yellow_out,
    yellow_shelved,
)


def _end(state: S, to: To) -> Path:
    return partial(_command, ENDS[state], to)


PATHS: dict[Cell, tuple[Path, ...]] = {
    (S.NORMAL, Event.RISE): (
        partial(_say, normal, YELLOW),
        partial(_say, partial(maintained, shelf=LONGER), RED),
    ),
    (S.NORMAL, Event.RISE_COVERED): (partial(_say, maintained, YELLOW),),
    (S.UNACKNOWLEDGED, Event.RISE): (partial(_say, unacknowledged, RED),),
    (S.ACKNOWLEDGED, Event.RISE): (partial(_say, acknowledged, RED),),
    (S.RETURNED_UNACKNOWLEDGED, Event.RISE): (partial(_say, returned, YELLOW),),
    (S.LATCHED, Event.RISE): (partial(_say, latched, YELLOW),),
    (S.UNACKNOWLEDGED, Event.FALL): (partial(_say, red, YELLOW),),
    (S.ACKNOWLEDGED, Event.FALL): (partial(_say, red_acknowledged, YELLOW),),
    (S.UNACKNOWLEDGED, Event.RETURN): (partial(_say, unacknowledged, CALM),),
    (S.ACKNOWLEDGED, Event.RETURN): (partial(_say, acknowledged, CALM),),
    (S.UNACKNOWLEDGED, Event.RETURN_LATCHING): (
        partial(_say, partial(latching, unacknowledged), CALM),
    ),
    (S.ACKNOWLEDGED, Event.RETURN_LATCHING): (
        partial(_say, partial(latching, acknowledged), CALM),
    ),
    (S.ACKNOWLEDGED, Event.REALARM): (_realarm,),
    (S.NORMAL, Event.FLAP): (partial(again, partial(under, FLAPPING, cleared)),),
    (S.RETURNED_UNACKNOWLEDGED, Event.FLAP): (partial(again, partial(under, FLAPPING, returned)),),
    (S.LATCHED, Event.FLAP): (partial(again, partial(latched, rules=FLAPPING_LATCHING)),),
    (S.SUPPRESSED_BY_DESIGN, Event.FLAP): (
        partial(again, partial(under, FLAPPING, partial(maintained, value=YELLOW))),
    ),
    (S.UNACKNOWLEDGED, Event.END_ACTIVE): (partial(_command, "unshelve", unacknowledged),),
    (S.ACKNOWLEDGED, Event.END_ACTIVE): (partial(_command, "unshelve", acknowledged),),
    **{
        (state, Event.END_NORMAL): (partial(_command, "unshelve", STATES[state]),)
        for state in (S.NORMAL, S.RETURNED_UNACKNOWLEDGED, S.LATCHED)
    },
    # Red broke the maintenance; what it has fallen to would be covered by it.
    (S.UNACKNOWLEDGED, Event.END_KEPT): (partial(_command, "unshelve", broken),),
    (S.ACKNOWLEDGED, Event.END_KEPT): (
        partial(_command, "unshelve", partial(broken, answered=True)),
    ),
    **{
        (state, Event.RISE): (
            partial(_say, LIGHTLY[state], RED),
            partial(_say, partial(back, LIGHTLY[state]), RED),
        )
        for state in AWAY
    },
    **{
        (state, Event.RISE_COVERED): (
            partial(_say, calm, YELLOW),
            partial(_say, yellow, RED),
        )
        for state, (calm, yellow, _) in KEPT.items()
    },
    **{
        (state, Event.FALL): (partial(_say, at_red, YELLOW),)
        for state, (*_, at_red) in KEPT.items()
    },
    **{
        (state, Event.RETURN): (partial(_say, yellow, CALM),)
        for state, (_, yellow, _) in KEPT.items()
    },
    **{
        (state, Event.RETURN_LATCHING): (partial(_say, partial(latching, yellow), CALM),)
        for state, (_, yellow, _) in KEPT.items()
    },
    **{(state, Event.END_ACTIVE): (_end(state, yellow),) for state, (_, yellow, _) in KEPT.items()},
    (S.SHELVED, Event.END_ACTIVE): (
        _end(S.SHELVED, yellow_shelved),
        partial(_expire, partial(shelved, value=YELLOW, shelf=20)),
    ),
    (S.SUPPRESSED_BY_DESIGN, Event.END_ACTIVE): (
        _end(S.SUPPRESSED_BY_DESIGN, quietly),
        partial(_expire, partial(suppressed, shelf=20)),
        # Set anew for longer, it covers no red any more.
        partial(_maintain_longer, partial(suppressed, to=red)),
    ),
    (S.OUT_OF_SERVICE, Event.END_ACTIVE): (
        _end(S.OUT_OF_SERVICE, yellow_out),
        partial(_expire, partial(out, value=YELLOW, shelf=20)),
    ),
    (S.SHELVED, Event.END_NORMAL): (
        _end(S.SHELVED, shelved),
        partial(_expire, partial(shelved, shelf=20)),
        _end(S.SHELVED, partial(back, yellow_shelved)),
    ),
    (S.SUPPRESSED_BY_DESIGN, Event.END_NORMAL): (
        _end(S.SUPPRESSED_BY_DESIGN, partial(back, quietly)),
        partial(_expire, partial(back, partial(maintained, shelf=20, value=YELLOW))),
    ),
    (S.OUT_OF_SERVICE, Event.END_NORMAL): (
        _end(S.OUT_OF_SERVICE, out),
        partial(_expire, partial(out, shelf=20)),
    ),
    (S.SUPPRESSED_BY_DESIGN, Event.END_UNANSWERED): (
        _end(S.SUPPRESSED_BY_DESIGN, partial(back, suppressed)),
        _end(S.SUPPRESSED_BY_DESIGN, partial(suppressed, to=returned)),
    ),
    (S.OUT_OF_SERVICE, Event.END_UNANSWERED): (_end(S.OUT_OF_SERVICE, partial(back, yellow_out)),),
    (S.SHELVED, Event.END_LATCHED): (
        _end(S.SHELVED, partial(back, partial(latching, yellow_shelved))),
        _end(S.SHELVED, partial(_shelved_later, latched)),
    ),
    (S.SUPPRESSED_BY_DESIGN, Event.END_LATCHED): (
        _end(S.SUPPRESSED_BY_DESIGN, partial(back, partial(latching, quietly))),
        _end(S.SUPPRESSED_BY_DESIGN, partial(suppressed, to=latched)),
    ),
    (S.OUT_OF_SERVICE, Event.END_LATCHED): (
        _end(S.OUT_OF_SERVICE, partial(_removed_later, latched)),
    ),
    (S.SHELVED, Event.END_KEPT): (_end(S.SHELVED, partial(kept, yellow_shelved)),),
    (S.OUT_OF_SERVICE, Event.END_KEPT): (
        _end(S.OUT_OF_SERVICE, partial(kept, yellow_out)),
        _end(S.OUT_OF_SERVICE, partial(kept, partial(_removed_later, latched))),
    ),
    (S.SUPPRESSED_BY_DESIGN, Event.END_KEPT): (_hold_ends_in_maintenance,),
    (S.UNACKNOWLEDGED, Event.ACTUAL): (partial(_catch_up, normal),),
    (S.ACKNOWLEDGED, Event.ACTUAL): (partial(_catch_up, lambda d: d.acknowledge(102)),),
    (S.SHELVED, Event.ACTUAL): (partial(_catch_up, lambda d: d.shelve(102, 3600)),),
    (S.SUPPRESSED_BY_DESIGN, Event.ACTUAL): (partial(_catch_up, lambda d: d.maintain(102, 3600)),),
    (S.OUT_OF_SERVICE, Event.ACTUAL): (partial(_catch_up, lambda d: d.remove(102, 3600)),),
    **{
        (state, Event.ACKNOWLEDGE): (partial(_command, "acknowledge", to),)
        for state, to in STATES.items()
    },
    (S.LATCHED, Event.ACKNOWLEDGE): (
        partial(_command, "acknowledge", partial(_no_longer_latching, latched)),
    ),
    **{
        (state, Event.ACKNOWLEDGE_LATCHING): (
            partial(_command, "acknowledge", partial(latching, to)),
        )
        for state, to in STATES.items()
    },
    **{(state, Event.RESET): (partial(_command, "reset", to),) for state, to in STATES.items()},
    **{(state, Event.SHELVE): (partial(_shelve, to),) for state, to in STATES.items()},
    **{(state, Event.REMOVE): (partial(_remove, to),) for state, to in STATES.items()},
    **{
        (state, Event.SUPPRESS): (partial(_maintain, STATES[state]),)
        for state in OPEN
        if state is not S.NORMAL
    },
    **{(state, Event.UNKNOWN): (partial(_silence, to),) for state, to in STATES.items()},
    **{(state, Event.KNOWN): (partial(_speak_again, to),) for state, to in STATES.items()},
    **{
        (state, Event.WITHDRAW): (partial(_withdraw, to),)
        for state, to in STATES.items()
        if state is not S.NORMAL
    },
}

NO_LOG: dict[Cell, str] = {
    (S.UNACKNOWLEDGED, Event.RISE_COVERED): "nothing is covered before somebody answered",
    (S.ACKNOWLEDGED, Event.RISE_COVERED): "the cover is the level itself: it falls with it",
    (S.RETURNED_UNACKNOWLEDGED, Event.RISE_COVERED): "nothing is covered after a return",
    (S.LATCHED, Event.RISE_COVERED): "nothing is covered after a return",
    (S.NORMAL, Event.WITHDRAW): "only what stands is withdrawn",
    **{
        (state, Event.END_ACTIVE): "no level stands"
        for state in (S.NORMAL, S.RETURNED_UNACKNOWLEDGED, S.LATCHED)
    },
    **{(state, Event.END_NORMAL): "a level stands" for state in (S.UNACKNOWLEDGED, S.ACKNOWLEDGED)},
    **{
        (state, event): "nothing is owed by what is not kept away"
        for state in OPEN
        for event in (Event.END_UNANSWERED, Event.END_LATCHED)
    },
    **{
        (state, Event.END_KEPT): "neither does a level stand nor is anything owed"
        for state in (S.NORMAL, S.RETURNED_UNACKNOWLEDGED, S.LATCHED)
    },
    (S.SHELVED, Event.END_UNANSWERED): "who shelves an alarm has seen it: no answer is owed",
    (S.NORMAL, Event.SUPPRESS): "what is normal is covered, and not told",
    **{(state, Event.SUPPRESS): "what is kept away stays so" for state in AWAY},
    **{
        (state, Event.REALARM): "the timer runs in acknowledged only"
        for state in S
        if state is not S.ACKNOWLEDGED
    },
    (S.SHELVED, Event.FLAP): "a shelf is not replaced by a hold",
    (S.OUT_OF_SERVICE, Event.FLAP): "out of service is not replaced by a hold",
}

# Cells that must never be met, and where they would be: a log, after which the state is planted,
# and the entry that then meets the cell.
_LATCHING_RED = partial(latching, red)
PLANTED: dict[Cell, tuple[Path, Path]] = {
    **{
        cell: pair
        for state in (S.NORMAL, S.RETURNED_UNACKNOWLEDGED, S.LATCHED)
        for cell, pair in {
            (state, Event.FALL): (red, partial(_say, normal, YELLOW)),
            (state, Event.RETURN): (red, partial(_say, normal, CALM)),
            (state, Event.RETURN_LATCHING): (_LATCHING_RED, partial(_say, normal, CALM)),
            (state, Event.ACTUAL): (backlog, partial(Drive.tick, second=112)),
        }.items()
    },
    **{
        (state, Event.FLAP): (
            partial(under, FLAPPING, cleared),
            partial(_say, normal, YELLOW),
        )
        for state in (S.UNACKNOWLEDGED, S.ACKNOWLEDGED)
    },
}
