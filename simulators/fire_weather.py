"""Forest fire weather: how dry fine dead fuel is, and the daily index of LY/T 1172-95.

Moisture of fine fuel is that of the Canadian system (Van Wagner 1987, its hourly form of 1977): it
goes to an equilibrium with the air by an exponential, faster in wind and warmth, and rain wets it.
The index adds temperature, humidity, days without rain and wind, less rain and green leaves; its
tables are from a copy (doi 10.12677/wjf.2020.93016), the share of the season is an engineering
default.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

#: ln-rates are for these spans: a day of the noon code, an hour of the hourly one.
PER_DAY: Final = 0.581
PER_HOUR: Final = 0.0579
WETTEST: Final = 250.0
TEMPERATURES: Final = (5.0, 10.0, 15.0, 20.0, 25.0)
HUMIDITIES: Final = (25.0, 35.0, 45.0, 55.0, 65.0)
BEAUFORT: Final = (0.3, 1.6, 3.4, 5.5, 8.0, 10.8, 13.9, 17.2)
RAINS: Final = (0.1, 10.0, 17.0, 25.0, 38.0, 75.0)
#: A day with no more than this, mm, is one without rain.
DRY_MM: Final = 0.1
MOST_DRY_DAYS: Final = 10
#: Green leaves and wet litter of the warm half-year, and half of it in the months beside.
GREEN_MONTHS: Final = (0, 0, 0, 5, 15, 20, 20, 20, 15, 10, 5, 0)


def equilibria(temperature: float, humidity: float) -> tuple[float, float]:
    """Moisture (%) to which fuel dries and to which it wets in this air."""
    warm = 0.18 * (21.1 - temperature) * (1.0 - math.exp(-0.115 * humidity))
    damp = math.exp((humidity - 100.0) / 10.0)
    drying = 0.942 * humidity**0.679 + 11.0 * damp + warm
    wetting = 0.618 * humidity**0.753 + 10.0 * damp + warm
    return drying, wetting


def wetted(moisture: float, rain_mm: float) -> float:
    """Moisture after rain (what the canopy keeps is taken off before), %, 250 at most."""
    if rain_mm <= 0.0:
        return moisture
    gained = 42.5 * rain_mm * math.exp(-100.0 / (251.0 - moisture))
    gained *= 1.0 - math.exp(-6.93 / rain_mm)
    if moisture > 150.0:
        gained += 0.0015 * (moisture - 150.0) ** 2 * math.sqrt(rain_mm)
    return min(moisture + gained, WETTEST)


def dried(
    moisture: float, temperature: float, humidity: float, wind_m_s: float, rate: float
) -> float:
    """Moisture after a span in this air, %: `rate` is PER_DAY or PER_HOUR."""
    drying, wetting = equilibria(temperature, humidity)
    if wetting <= moisture <= drying:
        return moisture
    goal, damp = (drying, humidity) if moisture > drying else (wetting, 100.0 - humidity)
    share = damp / 100.0
    pace = 0.424 * (1.0 - share**1.7) + 0.0694 * math.sqrt(3.6 * wind_m_s) * (1.0 - share**8)
    pace *= rate * math.exp(0.0365 * temperature)
    return goal + (moisture - goal) * math.pow(10.0, -pace)


def code_of(moisture: float) -> float:
    """The fine fuel moisture code, 0 to 101."""
    return 59.5 * (250.0 - moisture) / (147.2 + moisture)


def moisture_of(code: float) -> float:
    """Moisture in % of a fine fuel moisture code."""
    return 147.2 * (101.0 - code) / (59.5 + code)


def fire_index(
    hottest_c: float, humidity: float, wind_m_s: float, rain_mm: Sequence[float], month: int
) -> float:
    """The forest fire weather index of a day, 0 and more; grades begin at 26, 51, 73 and 91.

    `rain_mm` are the amounts of the days up to and with this one, at least eleven; `month` 1 to 12;
    humidity and wind those of 14:00.
    """
    warm = 4.0 * sum(hottest_c > limit for limit in TEMPERATURES)
    dry = 4.0 * (len(HUMIDITIES) - bisect_right(HUMIDITIES, humidity))
    days = 0
    for amount in reversed(rain_mm):
        if amount > DRY_MM or days == MOST_DRY_DAYS:
            break
        days += 1
    wind = 5.0 * bisect_right(BEAUFORT, wind_m_s)
    rained = bisect_right(RAINS, rain_mm[-1])
    wet = 20.0 + 5.0 * rained if rained else 0.0
    return max(0.0, warm + dry + 5.0 * days + wind - wet - GREEN_MONTHS[month - 1])
