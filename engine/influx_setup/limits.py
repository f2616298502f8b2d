"""Figures of the set-up, each with its reason."""

from __future__ import annotations

from typing import Final

from ..limits import DAY_NS, MINUTE_NS

HOUR_NS: Final = 60 * MINUTE_NS
YEAR_NS: Final = 365 * DAY_NS

#: How long raw samples, minutes and hours are kept where nobody says otherwise: the log's own
#: month; a year to compare seasons by; the ten years for which incidents are kept on file.
RAW_NS: Final = 30 * DAY_NS
MINUTE_KEPT_NS: Final = YEAR_NS
HOUR_KEPT_NS: Final = 10 * YEAR_NS
#: InfluxDB (1.x and 2.x) refuses a shorter retention.
SHORTEST_NS: Final = HOUR_NS

#: A shard is one index and one file set, dropped as a whole: small ones for a long time cost memory,
#: large ones keep data beyond its time. A year in 52 pieces, ten years in 130.
MINUTE_SHARD_NS: Final = 7 * DAY_NS
HOUR_SHARD_NS: Final = 28 * DAY_NS

#: Minutes are made every five minutes for the last twenty: a sample that arrives up to a quarter of
#: an hour late is in its minute, and each raw point is read four times.
MINUTE_EVERY_NS: Final = 5 * MINUTE_NS
MINUTE_FOR_NS: Final = 20 * MINUTE_NS
LATE_NS: Final = MINUTE_FOR_NS - MINUTE_EVERY_NS
#: Hours are made every ten minutes for the last four hours, of minutes: 240 rows a series. The
#: current hour is there from its first minutes on and complete ten minutes after its end.
HOUR_EVERY_NS: Final = 10 * MINUTE_NS
HOUR_FOR_NS: Final = 4 * HOUR_NS
#: A task of 2.x waits so long after the full minute for what is on the way.
TASK_OFFSET_NS: Final = 30 * 1_000_000_000

#: `downsample` asks for this much raw time at once: 10,000 sensors at 1 Hz are 36 M points, which a
#: server of 1.x reads in seconds.
SLICE_NS: Final = HOUR_NS
#: Flux takes 60 µs of a core for a sample (InfluxQL 5.5): five minutes of as many are 3 M points and
#: three minutes' work.
FLUX_SLICE_NS: Final = 5 * MINUTE_NS
#: One slice may take long on a slow disk; the default of 30 s is for writes.
SLICE_TIMEOUT_S: Final = 600.0
#: At most this much time by one command: beyond it the answer is a mistyped year.
LONGEST_NS: Final = 2 * YEAR_NS
