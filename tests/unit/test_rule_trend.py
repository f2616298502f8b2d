"""trend's robust and significance options: published tables, outliers, noise."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from lifeline.engine import layout as at
from lifeline.engine.config.authored import AuthoredErrors
from lifeline.engine.errors import SpecError
from lifeline.rules.trend_spec import CONFIDENCES
from lifeline.rules.trend_tables_kernels import critical_s, critical_t
from oracle import robust as exact
from rule_figures import compiled, figures

DAY = 86_400.0


def trend(**keys: Any) -> Any:
    plain = {"rising": {"red": "1 mm/d"}, "window": "12d", "min_points": 3, "min_span": "0s"}
    one = compiled("trend", "slope.disp", **{**plain, **keys})
    one.options.setdefault("confidence", 0.0)
    one.options.setdefault("robust", 0.0)
    return one


def slopes(rule: Any, told: Any) -> list[float]:
    """In mm/d, after each row."""
    return [x * DAY for x in figures("trend", rule, told)]


def daily(values: Any) -> list[tuple[float, float]]:
    return [(n * DAY + 60.0, float(v)) for n, v in enumerate(values)]


@pytest.mark.parametrize("confidence", CONFIDENCES.values())
def test_the_table_of_t_is_students(confidence: float) -> None:
    for freedom in (*range(1, 31), 40, 60, 120):
        value = stats.t.ppf(1 - (1 - confidence) / 2, freedom)
        assert 0 <= critical_t(confidence, float(freedom)) - value < 0.001001
    for freedom in (33, 59, 61, 119, 121, 999, 1000, 10**9):
        value = critical_t(confidence, float(freedom))
        assert value == float(exact.critical_t(confidence, freedom))


def test_the_table_of_s_is_the_exact_distribution() -> None:
    for confidence in CONFIDENCES.values():
        for n in range(2, 13):
            assert critical_s(confidence, n) == exact.critical_s(confidence, n)
    # Kendall's table, two-sided 5 %: S of 10 points must reach 23, of 8 points 18.
    assert (critical_s(0.95, 10), critical_s(0.95, 8), critical_s(0.95, 5)) == (23, 18, 10)
    assert critical_s(0.95, 4) == 7, "four points are never significant: S is 6 at most"


def test_sens_slope_of_scipy() -> None:
    values = np.random.default_rng(2).normal(0.0, 3.0, 12) + np.arange(12)
    found = slopes(trend(robust=True), daily(values))
    assert math.isnan(found[1])
    for n in range(3, 13):
        expected = stats.theilslopes(values[:n], np.arange(n))[0]
        assert found[n - 1] == pytest.approx(expected, rel=1e-9)


def test_a_third_of_the_window_may_be_wrong() -> None:
    values = np.arange(12.0) * 0.5
    values[[4, 7, 9]] = 500.0, -300.0, 900.0
    assert slopes(trend(robust=True), daily(values))[-1] == pytest.approx(0.5)
    assert abs(slopes(trend(), daily(values))[-1]) > 10


def test_panes_of_many_rows_are_points() -> None:
    told = [(n * 3600.0, n / 24 * 0.5 + (n % 2)) for n in range(400)]
    assert slopes(trend(robust=True), told)[-1] == pytest.approx(0.5, abs=0.02)


def test_noise_is_a_trend_as_often_as_the_confidence_says() -> None:
    noise = np.random.default_rng(3).normal(size=(2_000, 12))
    for robust, low, high in ((False, 0.03, 0.07), (True, 0.02, 0.07)):
        rule = trend(confidence="95 %", robust=robust, min_points=12)
        found = [slopes(rule, daily(values))[-1] != 0.0 for values in noise]
        assert low < np.mean(found) < high


def test_a_significant_slope_is_told_whole() -> None:
    values = np.arange(12.0) + np.random.default_rng(4).normal(0.0, 0.5, 12)
    fit = stats.linregress(np.arange(12), values)
    found = slopes(trend(confidence="99.9 %"), daily(values))[-1]
    assert fit.slope / fit.stderr > 4.587
    assert found == pytest.approx(fit.slope, rel=1e-9)


def test_a_suspect_row_is_tried_and_leaves_no_trace() -> None:
    plain = daily(np.arange(12.0))
    spoiled = [x for row in plain for x in (row, (row[0] + 60, 99.0, at.SUSPECT))]
    found = slopes(trend(robust=True), spoiled)
    assert found[::2] == pytest.approx(slopes(trend(robust=True), plain), nan_ok=True, abs=0)


def test_a_rule_that_asks_for_neither_is_the_rule_that_it_was() -> None:
    plain = compiled("trend", "slope.disp", rising={"red": "1 mm/d"}, window="1d")
    assert set(plain.options) == {"window", "min_points", "min_span", "significance"}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"significance": 3, "confidence": "95 %"}, "no meaning beside confidence"),
        ({"significance": 3, "robust": True}, "no meaning beside robust"),
        ({"confidence": "94 %"}, "90 %"),
    ],
)
def test_what_cannot_be_meant_is_refused(keys: dict[str, Any], expected: str) -> None:
    with pytest.raises((SpecError, AuthoredErrors, ValueError), match=expected):
        trend(**keys)
