"""deviation: what may be written, and by hand what a reference is as of now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from lifeline.engine.config import check, load
from lifeline.engine.core import Core
from lifeline.engine.errors import SpecError
from lifeline.engine.level import LEVELS
from lifeline.engine.limits import HOUR_NS, MINUTE_NS
from lifeline.engine.quantities import quantity
from lifeline.engine.rule import Judgement, Profile, Reference, Rule
from lifeline.rules.deviation_spec import DeviationRule, compile
from oracle.bench import START, Bench, brief, level, rule, sensor
from oracle.compare import compare
from oracle.generate import Scenario
from plant_files import PlantFiles

BEYOND = {"yellow": "5 %", "red": "10 %"}


def compiled(of: str = "tank.level", **keys: Any) -> Judgement:
    model = DeviationRule.model_validate({"id": "x", "kind": "deviation", **keys})
    return compile(model, quantity(of), "")


def test_beyond_is_a_limit_on_both_sides() -> None:
    one = compiled(reference="LT-2", beyond=BEYOND, deadband="1 %", max_age="10 min")
    used = dict(zip(LEVELS[1:], one.levels, strict=True))
    assert (used["yellow"].high, used["yellow"].low, used["yellow"].deadband) == (5.0, -5.0, 1.0)
    assert (used["red"].high, used["red"].low) == (10.0, -10.0)
    assert one.options == {"from": 0.0, "max_age": 10 * MINUTE_NS}


def test_a_set_point_is_a_value_and_a_distance_is_a_difference() -> None:
    one = compiled("tank.temperature", set_point="50 °F", above={"red": "18 °F"})
    assert one.options["set_point"] == pytest.approx(10.0)
    assert one.levels[3].high == pytest.approx(10.0)
    assert one.levels[3].low is None


def test_spreads_are_plain_numbers() -> None:
    one = compiled(
        profile="x.toml", in_spreads=True, floor="0.5 %", below={"orange": 6}, min_count=20
    )
    assert (one.unit, one.levels[2].low) == ("1", -6.0)
    assert one.options == {"from": 3.0, "min_count": 20.0, "floor": 0.5}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"beyond": BEYOND}, "from one thing"),
        ({"reference": "A", "set_point": "5 %", "beyond": BEYOND}, "from one thing"),
        ({"reference": {"same_asset": True}, "beyond": BEYOND}, "every sensor"),
        ({"reference": "A", "beyond": BEYOND, "above": BEYOND}, "stands for above and below"),
        ({"reference": "A"}, "no limit"),
        ({"reference": "A", "above": {"red": "0 %"}}, "more than zero"),
        ({"reference": "A", "above": BEYOND, "min_count": 3}, "belongs to a profile"),
        ({"set_point": "5 %", "above": BEYOND, "max_age": "1s"}, "belongs to a reference"),
        ({"reference": "A", "above": {"red": 3}, "in_spreads": True}, "only a profile"),
        ({"profile": "x", "above": {"red": 3}, "in_spreads": True}, "has no spread"),
        (
            {"profile": "x", "above": {"red": "3 %"}, "in_spreads": True, "floor": "1 %"},
            "plain number",
        ),
    ],
)
def test_what_is_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        compiled(**keys)


# --- in the files ---------------------------------------------------------------------------------
RULES = """rules:
  - id: apart
    kind: deviation
    select: {{quantity: gas.combustible}}
    reference: {reference}
    beyond: {{yellow: 10 %LEL}}
"""


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("GD-9", "no sensor is the reference"),
        ("{sensor: GD-1}", "no sensor is the reference"),  # never the subject itself
        ("{sensor: [GD-1, PT-1]}", ""),
    ],
)
def test_check_says_which_sensors_have_no_reference(
    tmp_path: Path, reference: str, message: str
) -> None:
    config = PlantFiles(rules=RULES.format(reference=reference)).write(tmp_path)
    told = " ".join(p.text() for p in check(config))
    if message:
        assert message in told
        assert "west/GD-1" in told
    else:
        assert "east/GD-1" not in told
    (one,) = [r for r in load(config).configuration.rules if r.id == "apart"]
    assert one.reference is not None


# --- by hand --------------------------------------------------------------------------------------
TWO = (sensor(0), sensor(1))


def from_other(max_age_s: float = 30.0) -> Rule:
    options = {"from": 0.0, "max_age": max_age_s * 1e9}
    made = rule("deviation", yellow=level(high=2.0, low=-2.0), options=options)
    select = msgspec.structs.replace(made.select, sensor=("S0",))
    return msgspec.structs.replace(made, select=select, reference=Reference(("S1",)))


def both_agree(bench: Bench) -> None:
    """The core makes of the bench's log what the oracle made of it."""
    difference = compare(Scenario(tuple(bench.entries)), Core()).difference
    assert not difference, difference


def test_a_reference_is_compared_with_as_of_now() -> None:
    bench = Bench(from_other(), sensors=TWO)
    assert bench.row(0, 9.0) == []  # nothing is heard of it yet
    bench.row(1, 5.0, sensor=1)
    made = bench.row(2, 7.0)
    assert brief(made) == [("raised", "yellow", 2.0)]
    assert (made[0].subject, made[0].value, made[0].limit) == ("S0", 2.0, 2.0)
    # Its next value is nobody's row: the subject is judged at its own.
    assert bench.row(3, 7.0, sensor=1) == []
    assert brief(bench.row(4, 7.0)) == [("returned", "normal", 4.0)]
    both_agree(bench)


def test_a_silent_reference_says_nothing_and_what_stands_stays() -> None:
    bench = Bench(from_other(), sensors=TWO)
    bench.row(0, 5.0, sensor=1)
    assert brief(bench.row(30, 9.0)) == [("raised", "yellow", 30.0)]
    assert bench.row(31, 5.0) == []  # 31 s old: neither returned nor raised
    bench.row(32, 5.0, sensor=1)
    assert brief(bench.row(33, 5.0)) == [("returned", "normal", 33.0)]
    both_agree(bench)


def test_a_bad_reference_is_void_until_it_is_good_and_a_suspect_one_is_passed_over() -> None:
    bench = Bench(from_other(), sensors=TWO)
    bench.row(0, 5.0, sensor=1)
    bench.row(1, 50.0, sensor=1, quality=0x40)
    assert bench.row(2, 6.0) == []  # still 5
    bench.row(3, 5.0, sensor=1, quality=0x80)
    assert bench.row(4, 99.0) == []
    bench.row(5, 5.0, sensor=1)
    assert brief(bench.row(6, 99.0)) == [("raised", "yellow", 6.0)]
    both_agree(bench)


def test_a_late_row_of_the_reference_changes_nothing() -> None:
    bench = Bench(from_other(), sensors=TWO)
    bench.row(10, 5.0, sensor=1)
    bench.row(9, 0.0, received=11, sensor=1)
    assert bench.row(12, 6.0) == []
    both_agree(bench)


def test_a_backlog_of_the_subject_is_not_compared_with_a_reference_of_now() -> None:
    bench = Bench(from_other(), sensors=TWO)
    bench.row(500, 5.0, sensor=1)
    assert bench.row(400, 99.0, received=501) == []
    both_agree(bench)


def test_a_profile_knows_the_local_hour_and_too_few_samples_say_nothing() -> None:
    quiet, busy = (10.0, 1.0, 20), (50.0, 2.0, 20)
    # START is a Tuesday, 22:13:24 UTC; 1:46:36 later it is Wednesday 00:00 UTC, 08:00 at +8.
    week = [quiet] * 168
    week[2 * 24 + 8] = busy
    week[2 * 24 + 9] = (0.0, 0.0, 1)
    profile = Profile("learned", ((-(2**63), 8 * HOUR_NS),), {"site-0/S0": tuple(week)})
    options = {"from": 3.0, "min_count": 8.0, "floor": 0.5}
    made = rule("deviation", yellow=level(high=4.0, low=-4.0), options=options)
    bench = Bench(msgspec.structs.replace(made, profile=profile))
    until = 24 * 3600 - (START // 10**9) % 86_400
    assert bench.row(until - 1, 13.0) == []
    found = bench.row(until, 13.0)
    assert brief(found) == [("raised", "yellow", float(until))]
    assert found[0].value == -18.5
    assert bench.row(until + 3_600, 50.0) == []  # one sample of that hour is no profile
    assert brief(bench.row(until + 7_200, 12.0)) == [("returned", "normal", until + 7_200.0)]
    both_agree(bench)
