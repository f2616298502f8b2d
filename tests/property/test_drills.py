"""Between a drill and what is actual nothing passes: whatever happens in the one leaves the other as if
it had never been. On random logs with every trouble, in which one site is a drill."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from lifeline.engine.command import Command
from lifeline.engine.configuration import Configuration
from lifeline.engine.core import Core
from lifeline.engine.drills import of_world, worlds_of
from lifeline.engine.entry import Entry
from lifeline.engine.frame import Frame
from lifeline.engine.record import Record
from oracle.compare import compare
from oracle.generate import Scenario, scenario
from oracle.generate_plant import DRILL

NAME = f"site-{DRILL}"


def practises(seed: int) -> bool:
    """Whether this seed's random plant has a sensor in its fourth site, the drill."""
    (first, *_) = scenario(seed, 1).entries
    assert isinstance(first.payload, Configuration)
    return any(sensor.site == DRILL for sensor in first.payload.sensors)


SEEDS = [seed for seed in range(50) if practises(seed)]


def records_of(log: list[Entry]) -> list[Record]:
    core = Core()
    return [record for n, entry in enumerate(log, 1) for record in core.step(n, entry)]


def written(seed: int) -> list[Entry]:
    """A random log; no two sites are given one command id, since a repeated id does nothing anywhere."""
    found = []
    for entry in scenario(seed, 600).entries:
        payload = entry.payload
        if isinstance(payload, Command):
            payload = msgspec.structs.replace(payload, id=f"{payload.id} {payload.site}")
        found.append(replace(entry, payload=payload))
    return found


def without(log: list[Entry], exercise: bool) -> list[Entry]:
    """The same log, in which nobody of this world said or did anything. Every entry stays, empty where it
    must be: that time passes in the log is no deed of either."""
    found, configuration = [], Configuration()
    for entry in log:
        payload = entry.payload
        match payload:
            case Configuration():
                configuration = payload
            case Frame():
                payload = of_world(payload, worlds_of(configuration), not exercise)
            case Command() if (payload.site == NAME) == exercise:
                payload = Frame.of([], [], [])
        found.append(replace(entry, payload=payload))
    return found


def said(records: list[Record], exercise: bool) -> list[tuple[str, str]]:
    return [(r.site, r.hash) for r in records if (r.site == NAME) == exercise]


def test_the_seeds_have_drills_that_speak() -> None:
    spoke = [seed for seed in SEEDS if said(records_of(written(seed)), True)]
    assert len(spoke) > 5


@pytest.mark.parametrize("seed", SEEDS)
def test_neither_world_notices_the_other(seed: int) -> None:
    log = written(seed)
    both = records_of(log)
    for record in both:
        assert record.exercise == (record.site == NAME), record
    for exercise in (False, True):
        alone = records_of(without(log, exercise))
        assert said(alone, not exercise) == said(both, not exercise)


@pytest.mark.parametrize("seed", SEEDS[:4])
def test_the_oracle_agrees_where_the_worlds_are_mistaken_for_each_other(seed: int) -> None:
    """Every seventh entry names the other world: its rows do nothing in either."""
    log = scenario(seed, 400).entries
    wrong = [
        replace(e, header=replace(e.header, exercise=(n % 7 == 0) != e.header.exercise))
        for n, e in enumerate(log)
    ]
    core = Core()
    found = compare(Scenario(tuple(wrong)), core)
    assert found.difference == ""
    assert core.counters()["mixed"] > 0
