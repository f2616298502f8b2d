"""Every named limit of the engine, with the reason for its number.

A limit that is reached is counted by whoever enforces it and told to the operator; none of them
drops an alarm. Times are in ns where the name ends in `_NS`.
"""

from __future__ import annotations

from typing import Final

SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS

# --- time and quality (design §4) ---------------------------------------------------------------
# A sample may be this far ahead of its receipt before its clock counts as faulty: NTP-less
# loggers drift by minutes a month, and a wrong time zone is off by at least 15 minutes.
FUTURE_ALLOWANCE_NS: Final = 5 * MINUTE_NS
# Network and batching delay that a timer waits for beyond its deadline unless the source names one.
GRACE_NS: Final = 2 * SECOND_NS
# A set clock must be seen on this many samples, intervals and seconds before it is believed.
CLOCK_SET_SAMPLES: Final = 3
CLOCK_SET_SPAN_NS: Final = 10 * SECOND_NS
CLOCK_SET_INTERVALS: Final = 3
# Older than this at append (or three intervals, or the source's reorder allowance): historic.
HISTORIC_AGE_NS: Final = MINUTE_NS
HISTORIC_INTERVALS: Final = 3
# A subject has caught up at the first tick this long after its last historic sample, or this long
# after its first one, whichever comes first.
CAUGHT_UP_QUIET_NS: Final = 10 * SECOND_NS
CAUGHT_UP_LATEST_NS: Final = 5 * MINUTE_NS
# A tick later than this after the one before it says `resumed`: the engine was blind.
BLIND_NS: Final = 5 * SECOND_NS
# The owner of a partition appends a tick at least this often.
TICK_INTERVAL_NS: Final = 2 * SECOND_NS
# A sensor is stale after this many of its own intervals (or heartbeats) without a sample.
STALE_INTERVALS: Final = 3

# --- windows (design §5) -------------------------------------------------------------------------
# The window is the last 12 panes, the current one included: an error of at most 1/12 of its length.
PANES: Final = 12

# --- entries and Frames (design §3) --------------------------------------------------------------
# Rows of one Frame: beyond it the columns no longer fit the second-level cache beside the state.
MAX_FRAME_ROWS: Final = 65_536
# Bytes of one entry: SQLite's own default limit for a BLOB is 1e9; a configuration of 100,000
# sensors takes about 3 MB compressed.
MAX_ENTRY_BYTES: Final = 256 * 1024 * 1024

# --- commands ------------------------------------------------------------------------------------
# Shelving always expires; the maximum by level (blue, yellow, orange, red): the graver, the shorter.
MAX_SHELVE_NS: Final = (7 * DAY_NS, 3 * DAY_NS, DAY_NS, 8 * HOUR_NS)
# Ids of commands that are remembered so that a repeat is harmless: an hour of one a second.
REMEMBERED_COMMANDS: Final = 4_096

# --- units and durations -------------------------------------------------------------------------
# No delay or window of a rule is longer: ten years, so that a deadline added to any date of this
# century still fits a 64-bit count of nanoseconds (292 years).
LONGEST_DURATION_NS: Final = 3_660 * DAY_NS
