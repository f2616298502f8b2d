"""shift: the published examples, how a test ends, and what the written form refuses."""

import math
from typing import Any

import numpy as np
import pytest

from lifeline.engine import layout as at
from lifeline.engine.config.authored import AuthoredErrors
from lifeline.engine.errors import SpecError
from rule_figures import compiled, figures

LEVEL = "drain.level"
# NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.3: 20 means, target 325, h = 4.1959,
# k = 0.3175 in the units of the data (σ = 1). The sums are those of its table.
NIST_CUSUM = (
    (324.93, 324.68, 324.73, 324.35, 325.35, 325.23, 324.13, 324.53, 325.23, 324.60,
     324.63, 325.15, 328.33, 327.25, 327.83, 328.50, 326.68, 327.78, 326.88, 328.35),
    (0, 0, 0, 0, 0.03, 0, 0, 0, 0, 0, 0, 0, 3.01, 4.94, 7.45, 10.63, 11.99, 14.45, 16.02, 19.05),
)  # fmt: skip
# The same, 6.3.2.4: target 50, σ = 2.0539, λ = 0.3; the moving averages of its table.
NIST_EWMA = (
    (52.0, 47.0, 53.0, 49.3, 50.1, 47.0, 51.0, 50.1, 51.2, 50.5,
     49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1),
    (50.60, 49.52, 50.56, 50.18, 50.16, 49.21, 49.75, 49.85, 50.26, 50.33,
     50.11, 49.36, 49.52, 50.05, 49.38, 49.92, 50.73, 51.23, 51.94, 51.99),
)  # fmt: skip


def shift(**keys: Any) -> Any:
    plain = {"target": "10 m", "sigma": "1 m", "beyond": {"yellow": 5}}
    return compiled("shift", LEVEL, **{**plain, **keys})


def told(values: Any) -> list[tuple[float, float]]:
    return [(10.0 * n, float(v)) for n, v in enumerate(values)]


def test_the_cusum_of_the_nist_handbook() -> None:
    values, sums = NIST_CUSUM
    rule = shift(target="325 m", slack=0.3175, direction="up", beyond={"red": 4.1959})
    found = figures("shift", rule, told(values))
    # The handbook's sums go on beyond the limit; ours end one σ above it.
    for x, expected in zip(found, sums, strict=True):
        assert x == pytest.approx(min(expected, 5.1959), abs=0.011)
    assert next(n for n, x in enumerate(found, 1) if x >= 4.1959) == 14


def test_the_moving_averages_of_the_nist_handbook() -> None:
    values, averages = NIST_EWMA
    rule = shift(method="ewma", target="50 m", sigma="2.0539 m", weight=0.3, beyond={"red": 3})
    found = figures("shift", rule, told(values))
    for i, (x, expected) in enumerate(zip(found, averages, strict=True), 1):
        exact = 2.0539 * math.sqrt(0.3 / 1.7 * (1 - 0.7 ** (2 * i)))
        assert x * exact + 50 == pytest.approx(expected, abs=0.006)
    assert max(abs(x) for x in found) < 3, "the handbook: the process is in control"


def test_the_first_value_of_a_chart_has_the_limits_of_a_single_value() -> None:
    """λσ at i = 1: the time-varying limits, not those of a long run."""
    rule = shift(method="ewma", weight=0.2, beyond={"red": 3})
    assert figures("shift", rule, told([13.0])) == pytest.approx([3.0])


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_small_lasting_shift_is_found_and_noise_is_not(side: float) -> None:
    """Average run lengths of k = ½, h = 5 (Montgomery, table 9.3): 465 in control, 10.4 at 1 σ."""
    noise = np.random.default_rng(5).normal(10.0, 1.0, 40_000)
    rule = shift(beyond={"red": 5}, deadband=4.9)
    calm = figures("shift", rule, told(noise))
    risen = [n for n in range(1, len(calm)) if abs(calm[n]) >= 5 > abs(calm[n - 1])]
    assert 350 < 40_000 / len(risen) < 600
    runs = [
        next(n for n, x in enumerate(figures("shift", rule, told(part + side)), 1) if x * side >= 5)
        for part in noise.reshape(400, 100)
    ]
    assert 9.4 < np.mean(runs) < 11.4


def test_it_ends_soon_after_a_long_shift_and_starts_anew() -> None:
    rule = shift(beyond={"yellow": 5, "red": 8})
    found = figures("shift", rule, told([10.0] * 5 + [12.0] * 1000 + [10.0] * 30))
    assert found[5:12] == [1.5, 3.0, 4.5, 6.0, 7.5, 9.0, 9.0]
    assert found[1004] == 9.0, "one σ beyond the gravest limit"
    back = found[1005:]
    assert back[12] == 2.5
    assert back[13:] == [0.0] * 17, "below half of yellow the evidence is forgotten"


def test_evidence_that_ended_an_alarm_does_not_help_the_next() -> None:
    rule = shift(beyond={"yellow": 5}, deadband=1)
    found = figures("shift", rule, told([12.0] * 4 + [10.0] * 4 + [12.0] * 2))
    assert found == [1.5, 3.0, 4.5, 6.0, 5.5, 5.0, 4.5, 4.0, 5.5, 6.0]
    found = figures("shift", rule, told([12.0] * 4 + [10.0] * 5 + [12.0] * 2))
    assert found[-3:] == [0.0, 1.5, 3.0]


def test_page_hinkley_finds_the_mean_by_itself_and_takes_a_new_one_for_normal_in_time() -> None:
    rule = shift(method="page_hinkley", target=None, memory=100, beyond={"red": 10})
    found = figures("shift", rule, told([3.0] * 200 + [5.0] * 600))
    assert all(math.isnan(x) for x in found[:29])
    assert found[29:200] == [0.0] * 171
    first = next(n for n, x in enumerate(found[200:], 1) if x >= 10)
    assert 7 <= first <= 9, "evidence of nearly 1.5 σ a value"
    assert found[-1] == 0.0


@pytest.mark.parametrize("method", ["cusum", "ewma"])
def test_sides(method: str) -> None:
    for direction, values, limits in (
        ("up", [8.0] * 20, (5.0, None)),
        ("down", [12.0] * 20, (None, -5.0)),
    ):
        rule = shift(method=method, direction=direction)
        assert set(figures("shift", rule, told(values))) == {0.0}
        assert (rule.levels[1].high, rule.levels[1].low) == limits
    rule = shift(method=method)
    assert figures("shift", rule, told([8.0] * 20))[-1] < -5
    assert (rule.levels[1].high, rule.levels[1].low, rule.levels[1].deadband) == (5, -5, 2.5)


@pytest.mark.parametrize("method", ["cusum", "page_hinkley", "ewma"])
def test_a_suspect_value_is_tried_and_leaves_no_trace(method: str) -> None:
    target = None if method == "page_hinkley" else "10 m"
    rule = shift(method=method, target=target)
    values = told(np.random.default_rng(1).normal(10.5, 1.0, 60))
    spoiled = [x for one in values for x in (one, (one[0] + 5, 99.0, at.SUSPECT))]
    found = figures("shift", rule, spoiled)
    assert found[::2] == pytest.approx(figures("shift", rule, values), nan_ok=True, abs=0)
    assert found[-1] > 5


def test_amounts_are_read_in_the_quantitys_units() -> None:
    rule = compiled("shift", "tank.temperature", target="212 °F", sigma="1.8 °F",
                    beyond={"orange": 4})  # fmt: skip
    assert rule.options["target"] == pytest.approx(100.0)
    assert rule.options["sigma"] == pytest.approx(1.0)
    assert (rule.options["mild"], rule.options["back"], rule.options["cap"]) == (4.0, 2.0, 5.0)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"sigma": "0 m"}, "sigma is not positive"),
        ({"sigma": "1 kPa"}, "kPa"),
        ({"target": None}, "cusum needs a target"),
        ({"method": "ewma", "target": None}, "ewma needs a target"),
        ({"method": "page_hinkley"}, "page_hinkley has no target: it compares with the mean"),
        ({"method": "ewma", "slack": 0.5}, "ewma has no slack"),
        ({"weight": 0.5}, "cusum has no weight"),
        ({"memory": 100}, "cusum has no memory"),
        ({"beyond": {"red": "5 m"}}, "not a number of sigmas"),
        ({"beyond": {"red": -5}}, "a limit in sigmas is positive"),
        ({"beyond": {}}, "the rule has no limit"),
        ({"beyond": {"blue": 5, "red": 4}}, "must not have a smaller high limit"),
        ({"deadband": 6}, "no value at which"),
    ],
)
def test_what_cannot_be_meant_is_refused(keys: dict[str, Any], expected: str) -> None:
    with pytest.raises((SpecError, AuthoredErrors), match=expected):
        shift(**keys)
