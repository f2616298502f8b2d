"""Memory layout of the core's state: plain numpy structs, so that a snapshot is a copy of bytes.

What every sample touches lies within one cache line per sensor (`HOT`) and 16 bytes per guard;
everything else is touched only when something happens.
"""

from __future__ import annotations

from typing import Final

import numpy as np

NEVER: Final = np.iinfo(np.int64).max  # a timer that is not armed
NO_TIME: Final = np.iinfo(np.int64).min  # before every sample and tick

# --- sensors -------------------------------------------------------------------------------------
HOT: Final = np.dtype(
    [
        ("last_t", "<i8"),  # raw event time of the last accepted row
        ("last_v", "<f8"),  # its raw value
        ("low", "<f8"),
        ("high", "<f8"),
        ("max_rate", "<f8"),  # per second; inf: not checked
        ("stale", "<i8"),  # silence after which the sensor is stale; NEVER: not by itself
        ("aged_after", "<i8"),
        ("stale_due", "<i8"),
    ],
    align=True,
)
COLD: Final = np.dtype(
    [
        ("numeric_t", "<i8"),
        ("numeric_v", "<f8"),
        ("judged", "<i8"),
        ("conflict_v", "<f8"),
        ("stale_deadline", "<i8"),
        ("run_t0", "<i8"),
        ("run_r0", "<i8"),
        ("run_t", "<i8"),
        ("hist_first", "<i8"),
        ("hist_due", "<i8"),  # when the sensor counts as caught up; NEVER: not historic
        ("span", "<i8"),  # max(3 intervals, 10 s)
        ("agree", "<i8"),  # a clock agrees within this age
        ("grace", "<i8"),
        ("spoke", "<i8"),  # of a stale sensor: when it had been heard last, by receipt
        ("site", "<i4"),
        ("link", "<i4"),
        ("run_n", "<i4"),
        ("run_kind", "<i4"),
    ],
    align=True,
)
# Flags of a sensor.
HEARD: Final = 1
STALE: Final = 2
SLOW: Final = 4
RECEIPT: Final = 8
HAS_LAST: Final = 16
PLAIN: Final = 32  # last is usable and on its own clock: numeric = last, judged = last_t
CONFLICT: Final = 64
HISTORIC: Final = 128
RETIRED: Final = 256
BY_EVENT: Final = 512
ON_CHANGE: Final = 1024
RUN: Final = 2048
HAS_NUMERIC: Final = 4096
ARMED: Final = 8192
LINK_ALIVE: Final = 16384  # its link has a heartbeat, so every row must be told to the link
SHIFTED: Final = 32768  # its silence was excused: cold.stale_deadline holds the later deadline
BY_LINK: Final = 65536  # it is stale, and so is its whole link
# The flags under which a row may take the short way.
UNUSUAL: Final = (
    STALE | SLOW | RECEIPT | CONFLICT | HISTORIC | RETIRED | BY_EVENT | RUN | LINK_ALIVE | SHIFTED
)
USUAL: Final = HEARD | HAS_LAST | PLAIN

# --- how a kind comes by its measure -----------------------------------------------------------------
MEASURED: Final = 0  # by a kernel of its own, or it is the value itself
STALENESS: Final = 1
CLOCK: Final = 2
GROUPED: Final = 3

# --- rows after sensing ----------------------------------------------------------------------------
SKIP: Final = 0
GOOD: Final = 1
SUSPECT: Final = 2
BAD: Final = 3
TWIN: Final = 4  # a conflict: suspect, and it moves nothing but the judgement
# Flags of a row.
ROW_HISTORIC: Final = 1
ROW_CAUGHT_UP: Final = 2
ROW_FRESH: Final = 4
ROW_FIRST: Final = 8  # never heard before
ROW_STALE: Final = 16  # it was stale when this row came: its own staleness fired in phase 1
ROW_CLOCK_SET: Final = 32
ROW_CLOCK_AGREES: Final = 64
# Beside its verdict: which flags make a row more than a value to measured kinds, and which concern clocks.
TOLD_TO_MEASURED: Final = ROW_HISTORIC | ROW_CAUGHT_UP | ROW_STALE
TOLD_TO_CLOCKS: Final = ROW_HISTORIC | ROW_CAUGHT_UP | ROW_CLOCK_SET | ROW_CLOCK_AGREES

ROW: Final = np.dtype(
    [
        ("time", "<i8"),
        ("value", "<f8"),
        ("lag", "<i8"),
        ("stale_deadline", "<i8"),
        ("sensor", "<i4"),
        ("verdict", "u1"),
        ("flags", "u1"),
        ("clamped", "<u2"),  # of a suspect row: at which end of the sensor's range its value is
    ],
    align=True,
)
CLAMPED_HIGH: Final = 1
CLAMPED_LOW: Final = 2

# --- sensor events: what ticks and links do to sensors ---------------------------------------------
EV_STALE: Final = 1
EV_CAUGHT_UP: Final = 2
EV_LINK_FRESH: Final = 3
EV_LINK_BACK: Final = 4
# Whose silence it is: of a sensor that was never heard, of the sensor, of its whole link.
NEVER_HEARD: Final = 0
ITS_OWN: Final = 1
OF_ITS_LINK: Final = 2
SENSOR_EVENT: Final = np.dtype(
    [
        ("due", "<i8"),
        ("time", "<i8"),
        ("row", "<i4"),
        ("sensor", "<i4"),
        ("code", "u1"),
        ("heard", "u1"),
        ("historic", "u1"),
        ("pad", "u1"),
    ],
    align=True,
)

# --- instances -------------------------------------------------------------------------------------
J_UNKNOWN: Final = 1
J_MARK: Final = 2  # recorded as historic with a level standing
J_AFTER_BAD: Final = 4
J_COUNTED: Final = 8  # this sensor's silence is counted at its link
J_HIST: Final = 16  # its subject is in a backlog
J_BY_LINK: Final = 32  # this sensor's silence is counted at its silent link
J_LATCHING: Final = 64  # its rule latches
J_FIRST: Final = 128  # it was the first of its first-out group
# What a kept-away alarm owes when that ends.
OWES_ANSWER: Final = 1
OWES_RESET: Final = 2
JUDGE: Final = np.dtype(
    [
        ("onset", "<i8"),
        ("episode", "<i8"),
        ("loud", "<i8"),  # seq of the last record that rose
        (
            "shelf",
            "<i8",
        ),  # when shelf, outage of service or hold end, or it is told anew; NEVER: none
        ("kept", "<i8"),  # when the maintenance over it ends; 0: none
        ("bucket", "<i8"),  # when what its raises have filled will have run out
        ("sensor", "<i4"),
        ("ordinal", "<i4"),
        ("param", "<i4"),
        ("state", "u1"),
        ("level", "u1"),
        ("cover", "u1"),
        ("active", "u1"),  # bit mask of levels, bit 0 = blue
        ("raising", "u1"),
        ("clearing", "u1"),
        ("flags", "u1"),
        ("side", "u1"),  # 0 high, 1 low: the limit that was exceeded last
        ("doubt", "u1"),  # bit mask: the row that set the level's held value was suspect
        ("keep", "u1"),  # the gravest level that the maintenance over it covers; 0: none
        ("owes", "u1"),  # bits OWES_…, while it is kept away
    ],
    align=True,
)

# A level that raises or clears, of one instance: (4, instances) of them, which mean nothing while no bit of the
# instance's `raising` and `clearing` says so. By level, since few rules have all four.
PENDING: Final = np.dtype(
    [
        ("deadline", "<i8"),  # when it happens, by event time
        ("due", "<i8"),  # when a tick may say so; NEVER: only a row may
        ("held", "<f8"),  # the value that it will be told with
    ]
)
# What an instance of a stale rule counts at a link: the sensors that its link has never heard, or all of them.
TALLY: Final = np.dtype(
    [
        ("sensors", "<i4"),
        ("silent", "<i4"),  # of them, those whose silence is told
        ("stirred", "u1"),  # at those never heard: an alarm of the link may stand or come
    ],
    align=True,
)

PARAM: Final = np.dtype(
    [
        ("high", "<f8", 4),
        ("low", "<f8", 4),
        ("clear_high", "<f8", 4),
        ("clear_low", "<f8", 4),
        ("on", "<i8", 4),
        ("off", "<i8", 4),
        ("used", "<i8"),  # how many places from blue up may be used
        ("drip", "<i8"),  # how long a raise takes to run out; 0: flapping is not looked for
        ("brim", "<i8"),  # what is filled beyond this flaps
    ],
    align=True,
)

# --- emissions: transitions before they have a number ----------------------------------------------
E_OPENS: Final = 1
E_ROSE: Final = 2
EMISSION: Final = np.dtype(
    [
        ("key", "<i8"),  # due, deadline or 0
        ("order", "<i8"),
        ("time", "<i8"),
        ("onset", "<i8"),
        ("until", "<i8"),
        ("value", "<f8"),
        ("limit", "<f8"),
        ("row", "<i4"),
        ("sensor", "<i4"),
        ("instance", "<i4"),
        ("site", "<i4"),
        ("phase", "u1"),
        ("transition", "u1"),
        ("level_before", "u1"),
        ("level_after", "u1"),
        ("state_before", "u1"),
        ("state_after", "u1"),
        ("flags", "u1"),  # record flags
        ("marks", "u1"),  # E_OPENS, E_ROSE
    ],
    align=True,
)

NUMBERS: Final = np.dtype(
    [
        ("seq", "<i8"),
        ("episode", "<i8"),
        ("onset", "<i8"),
        ("time", "<i8"),
        ("value", "<f8"),
        ("limit", "<f8"),
        ("until", "<i8"),
        ("transition", "u1"),
        ("level_before", "u1"),
        ("level_after", "u1"),
        ("state_before", "u1"),
        ("state_after", "u1"),
        ("flags", "u1"),
    ]
)
