"""accumulate: the worked cases of the conventions, gaps, and what the written form refuses."""

import math
from typing import Any

import pytest

from lifeline.engine import layout as at
from lifeline.engine.config.authored import AuthoredErrors
from lifeline.engine.errors import SpecError
from lifeline.engine.limits import HOUR_NS, MINUTE_NS
from rule_figures import compiled, figures

H2S = "gas.h2s"
MINUTE, HOUR = 60.0, 3600.0


def steps(*stretches: tuple[float, float], every: float) -> list[tuple[float, float]]:
    """Samples of (value, for how long) one after the other, and one more at the end."""
    told, at_second = [], 0.0
    for value, long in stretches:
        for _ in range(round(long / every)):
            told.append((at_second, value))
            at_second += every
    return [*told, (at_second, 0.0)]


def twa(**keys: Any) -> Any:
    return compiled("accumulate", H2S, of="twa", window="8h", high={"red": "10 mg/m3"}, **keys)


def test_the_eight_hour_average_is_the_sum_of_concentration_times_time_by_eight_hours() -> None:
    """29 CFR 1910.1000(d)(1)(ii) works E = (2 × 150 + 2 × 75 + 4 × 50) / 8 = 81.25."""
    told = steps((150, 2 * HOUR), (75, 2 * HOUR), (50, 4 * HOUR), every=5 * MINUTE)
    # One step before the end, the panes of the eighth hour's window are the eight hours.
    *_, before_the_end, _ = figures("accumulate", twa(), told)
    last = 8 * HOUR - 5 * MINUTE
    exact = (2 * 150 + 2 * 75 + (last / HOUR - 4) * 50) / (last / HOUR)
    assert before_the_end == pytest.approx(exact, rel=1e-12)
    assert 81.25 < before_the_end < 82.0


def test_what_was_not_measured_counts_as_no_exposure_until_there_is_enough_of_the_window() -> None:
    """GBZ 2.1: the reference time is 8 h. An hour at 80 mg/m³ is an E of at least 10."""
    found = figures("accumulate", twa(), steps((80, HOUR), every=MINUTE))
    assert found[0] == 0.0
    assert found == sorted(found)
    assert 10.0 <= found[-1] <= 10.0 * 12 / 11


def test_a_short_average_reads_a_constant_concentration_as_itself() -> None:
    stel = compiled("accumulate", H2S, of="twa", window="15min", high={"red": "10 mg/m3"})
    found = figures("accumulate", stel, steps((7.5, 30 * MINUTE), every=10))
    assert found[-1] == pytest.approx(7.5, rel=1e-12)
    assert max(found) == pytest.approx(7.5, rel=1e-12)


def test_a_peak_of_fifteen_minutes_is_found_whatever_the_panes() -> None:
    stel = compiled("accumulate", H2S, of="twa", window="15min", high={"red": "10 mg/m3"})
    for shift in range(0, 75, 10):
        told = steps((0.0, HOUR + shift), (10.0, 15 * MINUTE), (0.0, HOUR), every=1)
        peak = max(figures("accumulate", stel, told))
        assert peak == pytest.approx(10.0, rel=1e-9)


def test_a_gap_does_not_let_a_dose_fall() -> None:
    """Ten hours of silence after a dose: the figure stays until three quarters are known again."""
    told = steps((20, 8 * HOUR), every=MINUTE)[:-1]
    dose = figures("accumulate", twa(), told)[-1]
    after = [(18 * HOUR + second, 0.0) for second in range(0, 10 * 3600, 60)]
    found = figures("accumulate", twa(), [*told, *after])[len(told) :]
    held = [x for x in found if x == dose]
    assert dose == pytest.approx(20.0)
    # The silence left the value held for one gap of 40 min; then nothing was known.
    assert 5.2 * 60 < len(held) < 6.2 * 60
    assert found[-1] == 0.0


def test_an_average_over_the_covered_time_is_not_judged_where_too_little_is_known() -> None:
    judged = figures("accumulate", twa(over="covered"), steps((80, 8 * HOUR), every=MINUTE))
    assert math.isnan(judged[5 * 60])
    assert judged[6 * 60 + 30] == pytest.approx(80.0)


def test_rain_of_a_day_is_the_integral_of_its_intensity() -> None:
    rain = compiled("accumulate", "weather.rain", of="integral", window="24h",
                    high={"blue": "50 mm", "red": "100 mm"}, max_gap="20min")  # fmt: skip
    told = steps((0.0, 2 * HOUR), (12.0, 3 * HOUR), (0.0, 24 * HOUR), every=10 * MINUTE)
    found = [x * rain.scale for x in figures("accumulate", rain, told)]
    assert (rain.unit, rain.levels[0].high) == ("mm", pytest.approx(50 * 3600))
    assert max(found) == pytest.approx(36.0)
    assert found[round(26 * HOUR / 600)] == pytest.approx(36.0)  # at least 24 h, at most 26.2
    # Once the start-up gap is over the rain leaves the window.
    assert found[-1] < 36.0


def test_a_total_counts_each_report() -> None:
    total = compiled("accumulate", "weather.rain", of="total", window="1h",
                     high={"blue": "3 mm/h"}, coverage=0.0)  # fmt: skip
    found = figures("accumulate", total, [(60.0 * n, 0.25) for n in range(120)])
    # The hour and the two elevenths of five minutes that the panes add.
    assert found[:3] == [0.25, 0.5, 0.75]
    assert all(60 <= round(x / 0.25) <= 66 for x in found[70:])


def test_the_quietest_two_hours_of_a_day_are_the_night_flow() -> None:
    night = compiled("accumulate", "pipe.water.flow", of="quietest", window="24h",
                     high={"yellow": "40 m3/h"})  # fmt: skip
    least = compiled("accumulate", "pipe.water.flow", of="minimum", window="24h",
                     high={"yellow": "40 m3/h"})  # fmt: skip

    def told(leak: float) -> list[tuple[float, float]]:
        made = []
        for minute in range(0, 3 * 24 * 60, 5):
            hour = minute / 60 % 24
            flow = 20.0 if 1.5 <= hour < 5 else 100.0
            odd = 1.0 if minute % 1440 == 720 else 0.0  # a meter that drops out once a day
            made.append((minute * 60.0, flow + leak - odd * (flow + leak)))
        return made

    assert figures("accumulate", night, told(0.0))[-1] == pytest.approx(20.0)
    assert figures("accumulate", night, told(25.0))[-1] == pytest.approx(45.0)
    assert figures("accumulate", least, told(25.0))[-1] == 0.0


def test_a_suspect_value_leaves_no_trace() -> None:
    plain = steps((5, HOUR), every=MINUTE)
    spoiled = [row for one in plain for row in (one, (one[0] + 30, 99.0, at.SUSPECT))]
    found = figures("accumulate", twa(), spoiled)[::2]
    assert found == figures("accumulate", twa(), plain)


def test_defaults_and_windows() -> None:
    average, night = (
        compiled("accumulate", H2S, of=of, window="24h", high={"red": "1 mg/m3"})
        for of in ("twa", "minimum")
    )
    assert average.options["window"] == 24 * HOUR_NS
    assert average.options["max_gap"] == 2 * HOUR_NS
    assert (average.options["bound"], night.options["bound"]) == (1.0, 0.0)
    assert night.options["window"] * 11 // 12 >= 24 * HOUR_NS
    low = compiled("accumulate", H2S, of="twa", window="15min", low={"red": "1 mg/m3"})
    assert low.options["bound"] == 0.0, "a part of a sum says nothing about a low limit"
    assert low.options["max_gap"] == 1.25 * MINUTE_NS


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"of": "mean", "over": "covered"}, "mean divides by nothing"),
        ({"of": "minimum", "coverage": 0.0}, "the minimum of nothing is no value"),
        ({"of": "mean", "max_gap": "25h"}, "max_gap is longer than the window"),
        ({"of": "mean", "max_gap": "0s"}, "max_gap must not be zero"),
        ({"of": "mean", "window": "0s"}, "window must not be zero"),
        ({"of": "integral", "high": {"red": "3 mm/h"}}, "mm/h is not weather.rain over time"),
        ({"of": "mean", "high": {"red": "3 mm"}}, "mm"),
        ({"of": "mean", "high": None}, "the rule has no limit"),
    ],
)
def test_what_cannot_be_meant_is_refused(keys: dict[str, Any], expected: str) -> None:
    plain: dict[str, Any] = {"window": "24h", "high": {"red": "3 mm/h"}}
    with pytest.raises((SpecError, AuthoredErrors), match=expected):
        compiled("accumulate", "weather.rain", **{**plain, **keys})
