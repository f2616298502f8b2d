"""The rhythm of a day: smooth curves over local time that repeat every 24 hours.

Every function takes event times (int64 ns UTC) and the zone's offset in hours, and returns an
array of the same length. They are engineering curves, drawn after the usual shape, not fitted.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from lifeline.engine.frame import Float64, Int64

DAY_S: Final = 86_400.0
BEIJING_HOURS: Final = 8.0


def hour_of_day(time_ns: Int64, offset_h: float = BEIJING_HOURS) -> Float64:
    """Local hour in [0, 24)."""
    seconds = (time_ns % 86_400_000_000_000) / 1e9 + offset_h * 3600.0
    return np.asarray(np.mod(seconds, DAY_S) / 3600.0, np.float64)


def _bump(hour: Float64, centre: float, width_h: float) -> Float64:
    """A bell around `centre` that wraps at midnight; 1 at its top."""
    phase = (hour - centre) * (2.0 * np.pi / 24.0)
    sharpness = (24.0 / (2.0 * np.pi * width_h)) ** 2
    return np.asarray(np.exp(sharpness * (np.cos(phase) - 1.0)), np.float64)


def water_demand(time_ns: Int64, offset_h: float = BEIJING_HOURS) -> Float64:
    """Demand of a town as a fraction of its mean: low at 03:00, tops at 07:30 and 19:00."""
    hour = hour_of_day(time_ns, offset_h)
    return 0.55 + 0.85 * _bump(hour, 7.5, 2.4) + 0.80 * _bump(hour, 19.0, 3.0)


def gas_demand(time_ns: Int64, offset_h: float = BEIJING_HOURS) -> Float64:
    """Demand of a gas district as a fraction of its mean: three cooking tops."""
    hour = hour_of_day(time_ns, offset_h)
    peaks = _bump(hour, 7.0, 1.5) + 0.9 * _bump(hour, 11.7, 1.4) + 1.2 * _bump(hour, 18.3, 1.8)
    return 0.5 + 0.9 * peaks


def air_temperature(
    time_ns: Int64, mean: float, swing: float, offset_h: float = BEIJING_HOURS
) -> Float64:
    """Air temperature in Cel: coldest near 05:00, warmest near 15:00."""
    hour = hour_of_day(time_ns, offset_h)
    return mean + swing * np.cos((hour - 15.0) * (2.0 * np.pi / 24.0))


def sewer_activity(time_ns: Int64, offset_h: float = BEIJING_HOURS) -> Float64:
    """Biogas from a warm sewer as a fraction of its mean: highest in the late afternoon."""
    hour = hour_of_day(time_ns, offset_h)
    return 1.0 + 0.6 * np.cos((hour - 16.5) * (2.0 * np.pi / 24.0))
