"""spike and range: what is one, what is none, and what the written forms refuse."""

import math
from typing import Any

import pytest

from battery.drive import Drive, plant, sensor
from lifeline.engine import layout as at
from lifeline.engine.config.authored import AuthoredErrors
from lifeline.engine.errors import SpecError
from lifeline.engine.rule import Judgement, Rule, Select
from rule_figures import compiled, figures


def spike(**keys: Any) -> Judgement:
    return compiled("spike", "pipe.water.pressure", **{"step": "50 kPa", "window": "1h", **keys})


def counts(rule: Judgement, *values: float | tuple[float, int]) -> list[float]:
    """Spikes known after each value, one every ten seconds."""
    rows = [x if isinstance(x, tuple) else (x, at.GOOD) for x in values]
    return figures("spike", rule, [(10.0 * n, *row) for n, row in enumerate(rows)])


CALM = (300.0, 302.0, 299.0, 301.0, 300.0)


def test_a_value_that_leaps_and_comes_back_is_a_spike() -> None:
    assert counts(spike(), *CALM, 400.0, 301.0, 300.0) == [0] * 6 + [1, 1]
    assert counts(spike(), *CALM, 400.0, 410.0, 200.0, 301.0) == [0] * 8 + [1]


def test_a_step_is_no_spike_and_the_new_level_is_accepted() -> None:
    found = counts(spike(), *CALM, *[400.0] * 10, 300.0, 400.0)
    assert found[:-1] == [0] * 16
    assert found[-1] == 1, "a leap down from the new level is one"


def test_a_slow_change_is_followed() -> None:
    assert set(counts(spike(), *(300.0 + 10 * n for n in range(100)))) == {0.0}


def test_one_accepted_value_alone_is_a_step_and_return_test() -> None:
    rule = spike(points=1)
    assert counts(rule, 300.0, 340.0, 380.0, 440.0, 381.0) == [0, 0, 0, 0, 1]


def test_hampels_identifier_widens_with_the_noise_but_not_below_the_step() -> None:
    noisy = (300.0, 360.0, 330.0, 390.0, 345.0, 315.0, 375.0)
    rule = spike(points=7, step="20 kPa", sigmas=3)
    # Median 345, median distance 30: odd beyond 3 × 1.4826 × 30 = 133.4 from it.
    assert counts(rule, *noisy, 478.0, 345.0)[-1] == 0
    assert counts(rule, *noisy, 479.0, 345.0)[-1] == 1
    assert counts(rule, *[300.0] * 7, 319.0, 300.0)[-1] == 0
    assert counts(rule, *[300.0] * 7, 321.0, 300.0)[-1] == 1


def test_spikes_leave_with_the_window() -> None:
    rule = spike(count=2)
    told = [(10.0 * n, 400.0 if n in (6, 12) else 300.0) for n in range(400)]
    found = figures("spike", rule, told)
    assert max(found) == 2.0
    assert found[13] == 2.0
    assert found[-1] == 0.0
    assert rule.levels[0].high == 2.0


def test_what_makes_a_spike_suspect_does_not_hide_it() -> None:
    """The implausible rate of the leap and of the way back makes both suspect."""
    suspect = at.SUSPECT
    found = counts(spike(), *CALM, (400.0, suspect), (301.0, suspect), 300.0)
    assert found == [0] * 6 + [1, 1]
    assert counts(spike(), *CALM, (400.0, at.TWIN), 301.0)[-1] == 0, "a conflict is another row"
    assert math.isnan(counts(spike(), *CALM, (400.0, at.BAD))[-1])


def test_through_the_core_a_disturbed_line_has_one_alarm() -> None:
    rule = Rule("it", "spike", Select(), (spike(count=2, level="yellow"),))
    drive = Drive(plant(rule, sensors=(sensor(quantity="pipe.water.pressure", max_rate=5.0),)))
    for n in range(60):
        drive.tick(10 * n)
        drive.say(10 * n, 400.0 if n in (20, 30) else 300.0)
    raised = [one for one in drive.records if one.rule == "it"]
    assert [(x.transition, x.time, x.value) for x in raised] == [("raised", raised[0].time, 2.0)]
    assert raised[0].uncertain, "the row that showed it came implausibly fast"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"step": "0 kPa"}, "the step is not positive"),
        ({"step": "1 m3/h"}, "m3/h"),
        ({"sigmas": 3, "points": 2}, "a deviation needs three values"),
        ({"window": "0s"}, "window must not be zero"),
    ],
)
def test_spikes_that_cannot_be_meant_are_refused(keys: dict[str, Any], expected: str) -> None:
    with pytest.raises((SpecError, AuthoredErrors), match=expected):
        spike(**keys)


# --- range ------------------------------------------------------------------------------------------
LOOP = {"low": "0 %LEL", "high": "100 %LEL"}


def ranged(**keys: Any) -> Judgement:
    return compiled("range", "gas.combustible", "methane", **keys)


def driven(rule: Judgement, *values: float) -> list[tuple[str, str, float | None]]:
    """What is recorded of values every ten seconds, the sensor's valid range being -5..110."""
    one = sensor(quantity="gas.combustible", gas="methane", low=-5, high=110)
    drive = Drive(plant(Rule("it", "range", Select(), (rule,)), sensors=(one,)))
    for n, value in enumerate(values):
        drive.say(10 * n, value)
    return [(x.transition, x.level_after, x.value) for x in drive.records if x.rule == "it"]


def test_beyond_the_valid_range_of_the_registry() -> None:
    rule = ranged(level="orange")
    assert driven(rule, 50, 110, 110.5, 112, 109) == [
        ("raised", "orange", 1.0), ("returned", "normal", 0.0),
    ]  # fmt: skip
    assert driven(rule, 50, -5, -5.5) == [("raised", "orange", -1.0)]


def test_a_loop_that_breaks_reads_below_four_milliamperes() -> None:
    """NAMUR NE 43: 3.8 to 20.5 mA is measurement, 3.6 mA and less or 21 mA and more is failure."""
    rule = ranged(measuring=LOOP, level="yellow", failure="orange")
    at_3_6, at_21 = (3.6 - 4) / 16 * 100, (21 - 4) / 16 * 100
    assert driven(rule, 0, 100, -1.0, 103.0) == []
    assert driven(rule, 0, at_3_6)[0][:2] == ("raised", "orange")
    assert [x[1] for x in driven(rule, 0, 103.2, at_21 + 0.01, 104, 100)] == [
        "yellow", "orange", "yellow", "normal",
    ]  # fmt: skip
    assert (rule.unit, rule.levels[1].high, rule.levels[2].low) == ("mA", 20.5, 3.6)


def test_beyond_the_valid_range_is_no_measurement_even_where_the_loop_would_still_measure() -> None:
    rule = ranged(measuring={"low": "0 %LEL", "high": "200 %LEL"})
    assert driven(rule, 50, 111)[0] == ("raised", "yellow", 20.5)
    assert driven(rule, 50, -6)[0][:2] == ("raised", "yellow")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"failure": "red"}, "failure currents need the values at 4 and 20 mA"),
        ({"measuring": LOOP, "failure": "yellow"}, "failure is not graver than level"),
        ({"measuring": {"low": "5 %LEL", "high": "5 %LEL"}}, "stand for the same value"),
        ({"measuring": {"low": "5 %LEL", "high": "5 kPa"}}, "kPa"),
    ],
)
def test_ranges_that_cannot_be_meant_are_refused(keys: dict[str, Any], expected: str) -> None:
    with pytest.raises((SpecError, AuthoredErrors), match=expected):
        ranged(**keys)
