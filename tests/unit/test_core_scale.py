"""A record tells value and limit in the unit that the rule's author wrote."""

from __future__ import annotations

import pytest

from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header
from lifeline.engine.frame import Frame
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.rule import Judgement, LevelLimits, Rule, Select

PER_DAY = 86_400.0


def test_a_rate_per_second_is_told_per_day() -> None:
    levels = (LevelLimits(), LevelLimits(), LevelLimits(), LevelLimits(high=2.0 / PER_DAY))
    options = {"window": 120.0 * SECOND_NS, "min_span": 0.0, "min_points": 2.0}
    judgement = Judgement("", "", "mm/d", levels, options, scale=PER_DAY)
    plant = Configuration(
        (Site("s", "t", "a/b/c"),),
        (Link(0, "src"),),
        (Sensor("x", 0, 0, "dam.disp.vertical", "mm"),),
        (Rule("fast", "rate", Select(), (judgement,)),),
    )
    core = Core()
    core.step(1, Entry(Header(), plant))
    header = Header(registry=plant.version(), self_clocked=True)
    frame = Frame.of([0, 0], [0, 10 * SECOND_NS], [0.0, 10 * 5.0 / PER_DAY])
    (record,) = core.step(2, Entry(header, frame))
    assert record.unit == "mm/d"
    assert record.value == pytest.approx(5.0)
    assert record.limit == pytest.approx(2.0)
