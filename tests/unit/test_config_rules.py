"""Each kind's written form becomes canonical levels and options."""

import math
from typing import Any

import pytest

from lifeline.engine.config.authored import AuthoredErrors
from lifeline.engine.errors import SpecError
from lifeline.engine.kinds import load_kinds
from lifeline.engine.level import LEVELS
from lifeline.engine.limits import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from lifeline.engine.quantities import quantity
from lifeline.engine.rule import Flapping, Judgement, LevelLimits


def compiled(kind: str, of: str, gas: str = "", **keys: Any) -> Judgement:
    found = load_kinds()[kind]
    model = found.author_model.model_validate({"id": "r", "kind": kind, **keys})
    judgement = found.compile(model, quantity(of), gas)
    assert isinstance(judgement, Judgement)
    return judgement


def levels(judgement: Judgement) -> dict[str, LevelLimits]:
    named = zip(LEVELS[1:], judgement.levels, strict=True)
    return {name: level for name, level in named if level.used}


def test_limit_in_another_unit_of_the_gas() -> None:
    judgement = compiled(
        "limit",
        "gas.combustible",
        "methane@IEC 60079-20-1",
        high={"orange": "1.1 %VOL", "red": "2.2 %VOL"},
        deadband="0.044 %VOL",
        on_delay={"default": "3s", "red": "0s"},
        off_delay="30s",
    )
    orange, red = levels(judgement).values()
    assert (judgement.quantity, judgement.gas) == ("gas.combustible", "methane@IEC 60079-20-1")
    assert (judgement.unit, judgement.scale) == ("%LEL", 1.0)
    assert orange.high == pytest.approx(25.0)
    assert red.high == pytest.approx(50.0)
    assert orange.deadband == pytest.approx(1.0)
    assert (orange.on_delay, red.on_delay) == (3 * SECOND_NS, 0)
    assert (orange.off_delay, red.off_delay) == (30 * SECOND_NS, 30 * SECOND_NS)


def test_limit_of_a_temperature_shifts_its_limits_but_not_its_deadband() -> None:
    judgement = compiled(
        "limit", "corridor.temp", high={"yellow": "104 °F"}, deadband={"yellow": "1.8 °F"}
    )
    (yellow,) = levels(judgement).values()
    assert yellow.high == pytest.approx(40.0)
    assert yellow.deadband == pytest.approx(1.0)


def test_limit_of_a_state_needs_no_unit() -> None:
    judgement = compiled("limit", "tank.flame", high={"red": 1})
    assert levels(judgement) == {"red": LevelLimits(high=1.0)}


def test_low_limits_grow_graver_downward() -> None:
    judgement = compiled("limit", "dam.freeboard", low={"yellow": "1.2 m", "red": "100 cm"})
    yellow, red = levels(judgement).values()
    assert (yellow.low, red.low) == (1.2, 1.0)
    with pytest.raises(SpecError, match="larger low limit"):
        compiled("limit", "dam.freeboard", low={"yellow": "1 m", "red": "1.2 m"})


def test_rate_is_per_second_and_speaks_the_authors_unit() -> None:
    judgement = compiled(
        "rate",
        "dam.disp.horizontal",
        rising={"blue": "5 mm/d", "red": "5 cm/d"},
        falling={"blue": "5 mm/d"},
        deadband="1 mm/d",
        span="1d",
    )
    blue, red = levels(judgement).values()
    assert judgement.unit == "mm/d"
    assert judgement.scale == pytest.approx(86_400.0)
    assert blue.high == pytest.approx(5 / 86_400)
    assert blue.low == pytest.approx(-5 / 86_400)
    assert red.high == pytest.approx(50 / 86_400)
    assert blue.deadband * judgement.scale == pytest.approx(1.0)
    assert judgement.options == {"window": DAY_NS, "min_span": DAY_NS / 2, "min_points": 2.0}


def test_trend_options_and_their_defaults() -> None:
    plain = compiled("trend", "slope.disp", rising={"red": "10 mm/d"}, window="6h")
    assert plain.options == {
        "window": 6 * HOUR_NS,
        "min_points": 4.0,
        "min_span": 3 * HOUR_NS,
        "significance": 0.0,
    }
    chosen = compiled(
        "trend",
        "slope.disp",
        rising={"red": "10 mm/d"},
        window="6h",
        min_points=10,
        min_span="5h",
        significance=3,
    )
    assert chosen.options == {
        "window": 6 * HOUR_NS,
        "min_points": 10.0,
        "min_span": 5 * HOUR_NS,
        "significance": 3.0,
    }


def test_flatline_is_a_low_limit_on_the_spread() -> None:
    judgement = compiled("flatline", "tank.temperature", window="12h", tolerance="0.18 °F")
    (blue,) = levels(judgement).items()
    assert blue[0] == "blue"
    assert blue[1].low == pytest.approx(0.1)
    assert blue[1].high is None
    assert judgement.options == {
        "window": 12 * HOUR_NS,
        "min_points": 4.0,
        "min_span": 11 * HOUR_NS,
    }


@pytest.mark.parametrize(("kind", "level"), [("stale", "yellow"), ("clock", "blue")])
def test_stale_and_clock_are_the_same_for_every_quantity(kind: str, level: str) -> None:
    judgement = compiled(kind, "gas.co", "carbon monoxide@NFPA")
    assert judgement == compiled(kind, "tank.level")
    assert (judgement.quantity, judgement.gas, judgement.unit) == ("", "", "1")
    assert levels(judgement) == {level: LevelLimits(high=1.0)}
    assert list(levels(compiled(kind, "gas.co", level="red"))) == ["red"]


def test_every_mistake_of_a_rule_is_told_at_once() -> None:
    with pytest.raises(AuthoredErrors) as caught:
        compiled(
            "limit",
            "tank.level",
            high={"orange": "80", "red": "90 kPa"},
            deadband="1 s",
            on_delay={"blue": "1s"},
        )
    assert [getattr(error, "at", ()) for error in caught.value.errors] == [
        ("high", "orange"),
        ("high", "red"),
        ("on_delay", "blue"),
        ("deadband", "default"),
        ("deadband", "default"),
    ]


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("rate", {"rising": {"red": "1 %/min"}, "span": "0s"}),
        ("rate", {"span": "1min"}),
        ("trend", {"rising": {"red": "0 %/min"}, "window": "1h"}),
        ("trend", {"rising": {"red": "1 %/min"}, "window": "1h", "min_points": 2}),
        ("trend", {"rising": {"red": "1 %/min"}, "window": "1h", "significance": -1}),
        ("trend", {"rising": {"red": "1 %/min"}, "window": "1h", "min_span": "61min"}),
        ("flatline", {"window": "1h", "tolerance": "-1 %"}),
        ("flatline", {"window": "1h", "tolerance": "1 kPa"}),
        ("flatline", {"window": "1h"}),
        ("stale", {"level": "purple"}),
        ("limit", {"high": {"red": True}}),
        ("limit", {"high": {"red": "1 %"}, "off_delay": 3}),
    ],
)
def test_what_a_kind_refuses(kind: str, keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        compiled(kind, "tank.level", **keys)


def test_limits_and_scales_are_finite_and_positive_for_every_quantity() -> None:
    for name in ("gas.ch4.space", "pipe.gas.flow", "bridge.strain", "weather.rain"):
        unit = quantity(name).unit
        judgement = compiled("rate", name, rising={"red": f"1 {unit}/min"}, span="5min")
        assert judgement.scale == pytest.approx(60.0)
        assert judgement.options["window"] == 5 * MINUTE_NS
        assert all(math.isfinite(level.high or 0.0) for level in judgement.levels)


def life_cycle(**keys: Any) -> dict[str, Any]:
    model = load_kinds()["limit"].author_model
    found: dict[str, Any] = model.model_validate({"id": "r", "kind": "limit", **keys}).life_cycle()
    return found


def test_a_rule_says_how_its_alarms_live() -> None:
    plain = {"latching": False, "realarm": 0, "flapping": None, "first_out": ""}
    assert life_cycle(high={"red": 1}) == plain
    assert life_cycle(
        high={"red": 1},
        latching=True,
        realarm="4h",
        flapping={"raises": 5, "within": "10min"},
        first_out="asset",
    ) == {
        "latching": True,
        "realarm": 4 * HOUR_NS,
        "flapping": Flapping(5, 10 * MINUTE_NS),
        "first_out": "asset",
    }


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"realarm": "59s"}, "before anybody could have done anything"),
        ({"flapping": {"raises": 5, "within": "61min"}}, "held for too long"),
    ],
)
def test_a_life_that_helps_nobody_is_refused(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        life_cycle(high={"red": 1}, **keys)
