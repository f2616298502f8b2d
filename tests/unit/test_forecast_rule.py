"""forecast: what may be written, what it is compiled to, and lines that can be worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from lifeline.engine.core import Core
from lifeline.engine.errors import SpecError
from lifeline.engine.level import LEVELS
from lifeline.engine.limits import DAY_NS, HOUR_NS
from lifeline.engine.quantities import quantity
from lifeline.engine.rule import Judgement
from lifeline.rules.forecast_spec import ForecastRule, compile
from oracle.bench import Bench, brief, level, rule
from oracle.compare import compare
from oracle.generate import Scenario

FILLING = {"rises_to": "95 %", "window": "4h", "min_r2": 0.8}
CREEP = {"method": "inverse_velocity", "window": "10d", "noise": "1 mm"}


def compiled(of: str = "tank.level", **keys: Any) -> Judgement:
    model = ForecastRule.model_validate({"id": "x", "kind": "forecast", **keys})
    return compile(model, quantity(of), "")


def test_a_trend_is_compiled_to_seconds_and_told_in_the_unit_of_its_shortest_time() -> None:
    one = compiled(**FILLING, within={"yellow": "4h", "red": "90 min"}, deadband="10 min")
    used = dict(zip(LEVELS[1:], one.levels, strict=True))
    assert (used["yellow"].low, used["red"].low) == (4 * 3600.0, 5400.0)
    assert used["red"].deadband == 600.0
    assert (one.unit, one.scale) == ("h", 1 / 3600)
    assert one.options == {
        "window": 4 * HOUR_NS,
        "horizon": 8 * 3600.0,
        "method": 0.0,
        "limit": 95.0,
        "side": 1.0,
        "min_points": 4.0,
        "min_span": 2 * HOUR_NS,
        "min_r2": 0.8,
        "significance": 0.0,
    }


def test_an_inverse_velocity_has_strict_gates_unless_it_says_otherwise() -> None:
    one = compiled("slope.disp", **CREEP, within={"red": "2d"}, noise_gate=5)
    assert one.unit == "d"
    assert one.options == {
        "window": 10 * DAY_NS,
        "horizon": 20 * 86400.0,
        "method": 1.0,
        "noise": 1.0,
        "noise_gate": 5.0,
        "max_error": 0.25,
        "min_points": 6.0,
        "min_r2": 0.8,
        "significance": 4.0,
    }


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({**FILLING, "within": {}}, "no limit"),
        ({**FILLING, "within": {"red": "8h"}}, "red never returns"),
        ({**FILLING, "within": {"yellow": "1h", "red": "2h"}}, "more time left"),
        ({**FILLING, "within": {"red": "1h"}, "falls_to": "5 %"}, "one limit"),
        ({"window": "4h", "min_r2": 0.5, "within": {"red": "1h"}}, "one limit"),
        ({"window": "4h", "rises_to": "95 %", "within": {"red": "1h"}}, "noise is forecast"),
        ({**FILLING, "within": {"red": "1h"}, "noise": "1 %"}, "belongs to method"),
        ({**CREEP, "within": {"red": "1h"}, "rises_to": "1 mm"}, "belongs to method"),
        ({**CREEP, "within": {"red": "1h"}, "noise": "0 %"}, "more than zero"),
        ({**CREEP, "within": {"red": "1h"}, "noise": "1 %", "min_points": 11}, "so many speeds"),
        (
            {"method": "inverse_velocity", "window": "9d", "within": {"red": "1d"}},
            "needs the sensor's noise",
        ),
        ({**FILLING, "within": {"red": "1h"}, "deadband": {"blue": "1 min"}}, "without a limit"),
        ({**FILLING, "within": {"red": "1h"}, "deadband": "1 %"}, "not a duration"),
        ({**FILLING, "within": {"red": "1h"}, "min_span": "5h"}, "longer than the window"),
    ],
)
def test_what_is_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        compiled(**keys)


# --- by hand: the oracle's word, and the core's on the same log ------------------------------------
OPTIONS = {
    "window": 120.0,
    "min_span": 20.0,
    "min_points": 3.0,
    "min_r2": 0.9,
    "significance": 0.0,
    "horizon": 1000.0,
    "limit": 20.0,
    "side": 1.0,
}


def both_agree(bench: Bench) -> None:
    """The core makes of the bench's log what the oracle made of it."""
    difference = compare(Scenario(tuple(bench.entries)), Core()).difference
    assert not difference, difference


def test_a_straight_line_meets_its_limit() -> None:
    """1 per 10 s from 0: at 40 s it is 4, and 160 s are left until 20. Then it stands still."""
    bench = Bench(rule("forecast", yellow=level(low=165.0, deadband=5.0), options=OPTIONS))
    made = bench.rows(*((10.0 * n, float(n)) for n in range(5)))
    assert brief(made) == [("raised", "yellow", 40.0)]
    assert (made[0].value, made[0].limit) == (160.0, 165.0)
    # 0 1 2 3 4 4: slope 6/7 per 10 s, R² 0.96, level 94/21 at 50 s.
    made = bench.row(50, 4.0)
    assert brief(made) == [("returned", "normal", 50.0)]
    assert made[0].value == pytest.approx((20 - 94 / 21) / (6 / 70))
    # … 4 4: R² is 0.89, so that there is no forecast; nothing changes by that.
    assert bench.rows((60, 4.0), (70, 4.0)) == []
    both_agree(bench)


def test_beyond_the_limit_nothing_is_left() -> None:
    bench = Bench(rule("forecast", red=level(low=1.0), options={**OPTIONS, "limit": 2.5}))
    made = bench.rows(*((10.0 * n, float(n)) for n in range(5)))
    assert brief(made) == [("raised", "red", 30.0)]
    assert made[0].value == 0.0
    both_agree(bench)


def test_falling_is_the_same_on_the_other_side() -> None:
    options = {**OPTIONS, "side": -1.0, "limit": -20.0}
    bench = Bench(rule("forecast", yellow=level(low=165.0), options=options))
    made = bench.rows(*((10.0 * n, -float(n)) for n in range(5)))
    assert [one.value for one in made] == [160.0]
    both_agree(bench)


def test_half_a_window_is_waited_for_and_a_suspect_row_is_only_tried() -> None:
    bench = Bench(rule("forecast", yellow=level(low=999.0), options=OPTIONS))
    assert bench.row(0, 0.0) == bench.row(10, 1.0) == []
    assert brief(bench.row(20, 2.0, quality=0x40)) == [("raised", "yellow", 20.0)]
    assert bench.row(20.5, 2.05) == []
    both_agree(bench)


def test_a_harmonic_creep_fails_when_its_inverse_velocity_is_zero() -> None:
    """Speeds 1/12, 1/11, … over steps of 10 s, one row at the beginning of each pane.

    The speed between rows n and n + 1, at 11 + 10 n s, is 1 / (12 − n): its inverse is 0 at 131 s. Six
    speeds of closed panes are there at row 7, at 76 s.
    """
    options = {
        "window": 120.0, "min_points": 6.0, "min_r2": 0.9, "significance": 3.0, "horizon": 500.0,
        "method": 1.0, "noise": 1 / 1024, "noise_gate": 3.0, "max_error": 0.5,
    }  # fmt: skip
    bench = Bench(rule("forecast", yellow=level(low=60.0), options=options))
    value, made = 0.0, []
    for n in range(9):
        made += bench.row(6.0 + 10 * n, value)
        value += 10.0 / (12 - n)
    assert brief(made) == [("raised", "yellow", 76.0)]
    assert made[0].value == pytest.approx(55.0)
    both_agree(bench)


def test_changed_gates_hold_from_the_next_row_within_a_pane_too() -> None:
    options = {
        "window": 120.0, "min_points": 6.0, "min_r2": 0.9, "significance": 1e9, "horizon": 500.0,
        "method": 1.0, "noise": 1 / 1024, "noise_gate": 3.0, "max_error": 0.5,
    }  # fmt: skip
    strict = rule("forecast", yellow=level(low=60.0), options=options)
    loose = rule("forecast", yellow=level(low=60.0), options={**options, "significance": 3.0})
    bench = Bench(strict)
    value = 0.0
    for n in range(8):
        assert bench.row(6.0 + 10 * n, value) == []
        value += 10.0 / (12 - n)
    assert bench.change(77, loose) == []
    assert brief(bench.row(78, value)) == [("raised", "yellow", 78.0)]
    both_agree(bench)
