"""The digest of an alarm's identity, put together from pieces, is that of the whole."""

import numpy as np
import pytest

from lifeline.engine import identities
from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.plan import Plan
from lifeline.engine.planning import compile_plan
from lifeline.engine.rule import Judgement, LevelLimits, Rule, Select

NONE = LevelLimits()
AWKWARD = ('quote " and \\ backslash', "阀门井 7", "tab\there, comma", "", "ü\u2028\x7f")


def rule(name: str, kind: str, basis: str) -> Rule:
    levels = (NONE, NONE, NONE, LevelLimits(high=1.0))
    return Rule(name, kind, Select(), (Judgement("", "", "%LEL", levels),), basis=basis)


def plan() -> Plan:
    sites = tuple(Site(f"s{i}", "tenant", area) for i, area in enumerate(AWKWARD))
    links = tuple(Link(i, f"source {i}") for i in range(len(sites)))
    sensors = tuple(
        Sensor(
            f"x{i}", i % len(sites), i % len(sites), "gas.combustible", "%LEL", asset=AWKWARD[i % 4]
        )
        for i in range(12)
    )
    rules = tuple(
        rule(f"r{i}", "stale" if i == 2 else "limit", text) for i, text in enumerate(AWKWARD)
    )
    config = Configuration(sites, links, sensors, rules)
    return compile_plan(config, config.version())


@pytest.mark.parametrize("ahead", [0, 7, 1_000])
def test_pieces_make_the_whole(ahead: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identities, "IDENTITIES_AHEAD", ahead)
    made = plan()
    made.identities.make_ahead()
    every = np.arange(len(made.subject), dtype=np.int32)
    assert len(every) > 50
    asked = np.array([9, 3, 3, len(made.subject) - 1, 0], np.int32)
    words = made.identities.made(asked)
    assert [words[k].tobytes() for k in asked] == [made.describe(int(k)).digest() for k in asked]
    assert made.identities.made(every).tobytes() == b"".join(
        made.describe(int(k)).digest() for k in every
    )
    assert made.identities.made(asked[:0]).shape == (len(every), 2)
