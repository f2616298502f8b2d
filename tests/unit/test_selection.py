"""Which sensors a rule selects, and by which judgement, beside the plain reading of the oracle."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.engine.configuration import REPORTS, Configuration, Link, Sensor, Site
from lifeline.engine.rule import Judgement, LevelLimits, Rule, Select
from lifeline.engine.selection import SensorTable
from oracle.plant import judgement_for, selects

UNUSED = (LevelLimits(), LevelLimits(), LevelLimits(), LevelLimits())
WORDS = ("P1", "P2", "PT-1", "pt-1", "gas.pressure", "gas.flow", "water.level", "a", "A", "")
PATTERNS = ("*", "P*", "P[12]", "PT-?", "gas.*", "*.level", "pt-1", "", "[!P]*", "a.b", "x|P1", "$")
AREAS = ("city/east/one", "city/east/oneplus", "city/west/one", "town/east/one")

words, patterns = st.sampled_from(WORDS), st.lists(st.sampled_from(PATTERNS), max_size=2).map(tuple)
selections = st.builds(
    Select,
    quantity=patterns,
    site=patterns,
    sensor=patterns,
    asset=patterns,
    tenant=patterns,
    area=st.sampled_from(("", "city", "city/east", "city/east/one", "city/e", "east", *AREAS)),
    reports=st.lists(st.sampled_from((*REPORTS, "on_*")), max_size=2).map(tuple),
)
judgements = st.lists(
    st.tuples(words, words).map(lambda both: Judgement(*both, "u", UNUSED)), max_size=4
).map(tuple)


@st.composite
def plants(draw: Any) -> Configuration:
    sites = tuple(
        Site(draw(words) + str(i), draw(words), draw(st.sampled_from(AREAS))) for i in range(3)
    )
    sensors = tuple(
        Sensor(
            id=draw(words) + str(i),
            site=draw(st.integers(0, 2)),
            link=0,
            quantity=draw(words),
            unit="u",
            asset=draw(words),
            gas=draw(words),
            reports=draw(st.sampled_from(REPORTS)),
            retired=draw(st.booleans()),
        )
        for i in range(draw(st.integers(0, 8)))
    )
    return Configuration(sites, (Link(0, "x"),), sensors)


@given(plants(), selections, judgements)
def test_a_rule_selects_and_judges_as_it_reads(
    config: Configuration, select: Select, judged: tuple[Judgement, ...]
) -> None:
    rule = Rule("r", "limit", select, judged)
    table = SensorTable(config)
    chosen = table.selected(rule)
    assert chosen.tolist() == [selects(select, one, config) for one in config.sensors]
    for place, one in zip(table.judgement_of(rule, chosen).tolist(), config.sensors, strict=True):
        fits = selects(select, one, config)
        expected = judgement_for(rule, one.quantity, one.gas) if fits else None
        assert (None if place < 0 else judged[place]) == expected


def one_sensor(**changed: Any) -> Configuration:
    plain: dict[str, Any] = {"id": "PT-1", "quantity": "gas.pressure", "unit": "MPa"}
    sensor = Sensor(site=0, link=0, **{**plain, **changed})
    return Configuration((Site("north", "acme", "city/east/one"),), (Link(0, "x"),), (sensor,))


@pytest.mark.parametrize(
    ("select", "chosen"),
    [
        (Select(), True),
        (Select(sensor=("PT-*",)), True),
        (Select(sensor=("pt-*",)), False),  # names are told apart by case
        (Select(sensor=("PT",)), False),
        (Select(sensor=("X", "PT-1")), True),
        (Select(area="city"), True),
        (Select(area="city/east/one"), True),
        (Select(area="city/ea"), False),  # parts of an area are whole
        (Select(area="city/east/one/two"), False),
        (Select(tenant=("acme",), site=("south",)), False),  # every field that is given
    ],
)
def test_patterns_are_matched_whole(select: Select, chosen: bool) -> None:
    table = SensorTable(one_sensor())
    assert table.selected(Rule("r", "limit", select, ())).tolist() == [chosen]


def test_a_retired_sensor_is_never_selected() -> None:
    table = SensorTable(one_sensor(retired=True))
    assert table.selected(Rule("r", "limit", Select(), ())).tolist() == [False]


def test_the_first_judgement_that_fits_is_taken() -> None:
    table = SensorTable(one_sensor(gas="methane"))

    def judged(*pairs: tuple[str, str]) -> int:
        rule = Rule("r", "limit", Select(), tuple(Judgement(*x, "u", UNUSED) for x in pairs))
        return int(table.judgement_of(rule, table.selected(rule))[0])

    assert judged(("gas.pressure", "methane"), ("", "")) == 0
    assert judged(("gas.flow", ""), ("", "propane"), ("", "")) == 2
    assert judged(("", ""), ("gas.pressure", "methane")) == 0
    assert judged(("gas.flow", ""), ("", "propane")) == -1
    assert judged() == -1


def test_a_plant_without_sensors_has_nothing_to_select() -> None:
    table = SensorTable(Configuration())
    rule = Rule("r", "limit", Select(sensor=("P*",), area="city"), ())
    assert table.selected(rule).tolist() == []
    assert table.judgement_of(rule, table.selected(rule)).tolist() == []
