"""How many series there may be, and who has how many of them."""

from __future__ import annotations

from typing import Final

#: What InfluxDB 1.x takes where nobody has changed its index (in memory) and its
#: `max-series-per-database`. `tsi1` and 2.x have no such limit, and pay in memory and time too.
MAX_SERIES: Final = 1_000_000
#: A tenth for alerts: 10,000 sensors with three rules each, of which each has risen, fallen and been
#: acknowledged, are 90,000 series.
_ALERT_SHARE: Final = 10


def room_for_samples(limit: int, parts: int = 1) -> int:
    """Series of samples of one output of `parts` that share them.

    >>> room_for_samples(1_000_000), room_for_samples(1_000, 4)
    (900000, 225)
    """
    return (limit - room_for_alerts(limit)) // parts


def room_for_alerts(limit: int) -> int:
    """Series of alerts."""
    return limit // _ALERT_SHARE
