"""What the figures of alarm performance may take, and why.

Here and not in `engine/limits.py`: that file is compiled into the kernels, and none of this is.
"""

from __future__ import annotations

from typing import Final

from ..limits import DAY_NS, MINUTE_NS, SECOND_NS

#: The interval of the standards: regular ten minutes, here aligned to UTC.
INTERVAL_NS: Final = 10 * MINUTE_NS
#: What a running engine looks back on; a month, which the standards ask for, is the command's.
LIVE_SPAN_NS: Final = DAY_NS
#: What `lifeline performance` looks back on unless told: ISA-18.2 wants at least 30 days of data.
REPORT_SPAN_NS: Final = 30 * DAY_NS
#: Intervals with an alarm that are kept of a site: a year and a day. The oldest go first.
MAX_INTERVALS: Final = 366 * 144
#: Sites, more than one partition is sized for; a site without an alarm takes nothing.
MAX_SITES: Final = 200_000
#: Names of alarms in intervals, some 200 bytes each. Beyond it alarms count and are not named.
MAX_NAMED: Final = 500_000
#: Answered alarms whose time is kept, 40 bytes each.
MAX_ANSWERS: Final = 500_000
#: Episodes that stand at once, some 300 bytes each: every sensor of two large cities.
MAX_OPEN: Final = 200_000
#: Alarms whose last raises are remembered, for chattering.
MAX_RECENT: Final = 200_000
#: Floods, worst and oldest alarms that one set of figures names.
NAMED_FLOODS: Final = 10
NAMED_WORST: Final = 10
NAMED_OLDEST: Final = 10

#: An interval is told so long after its end: what is not historic is at most a minute old (§4 of
#: the design), unless its sensor speaks more seldom than every 20 s.
SETTLE_NS: Final = MINUTE_NS
#: How soon a running engine notices that an interval has ended.
LOOK_NS: Final = 5 * SECOND_NS
#: Records that are taken at once; some 15 ms.
RECORDS_AT_ONCE: Final = 1_000
#: Points of one interval to InfluxDB: 10,000 sites, their areas and positions.
ROUND_POINTS: Final = 20_000
#: Rounds that wait while InfluxDB is away: a day of them; and what they may take.
ROUNDS_WAITING: Final = 144
BYTES_WAITING: Final = 16 * 1024 * 1024
#: Operator positions among the metrics, 16 figures each; InfluxDB gets all of them.
METRIC_POSITIONS: Final = 100
