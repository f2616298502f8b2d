"""Drills in the core: marked whatever makes their records, and nothing passes between the worlds."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from battery.drive import LINK, SITE, Drive, limit, ns, quality_rule, sensor
from lifeline.engine.agent.entries import EntryWriter
from lifeline.engine.configuration import Configuration, continued
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header, Tick, decode
from lifeline.engine.errors import EntryError, SpecError
from lifeline.engine.frame import Frame
from lifeline.engine.replay.recorded import RecordedRun

DRILL = msgspec.structs.replace(SITE, id="drill", exercise=True)
ACTUAL_SENSOR, DRILL_SENSOR = 0, 1


def both(**changed: Any) -> Configuration:
    """An actual site and its drill, a sensor P1 at each."""
    rules = (limit({"red": 9.0}, **changed), quality_rule("stale", "yellow"))
    return Configuration(
        (SITE, DRILL),
        (LINK, msgspec.structs.replace(LINK, site=1)),
        (sensor(), sensor(site=1, link=1)),
        rules,
    )


def driven(**changed: Any) -> Drive:
    drive = Drive(both(**changed))
    drive.say(0, 1.0)
    drive.exercise = True
    drive.say(0, 1.0, sensor=DRILL_SENSOR)
    return drive


def told(drive: Drive) -> list[tuple[str, str, bool]]:
    return [(r.site, f"{r.alarm}:{r.transition}", r.exercise) for r in drive.records]


def test_what_fires_by_an_actual_tick_is_marked_all_the_same() -> None:
    drive = driven(on_delay=5)
    drive.say(10, 9.5, sensor=DRILL_SENSOR)
    drive.exercise = False
    drive.say(10, 9.5, sensor=ACTUAL_SENSOR)
    drive.tick(17)
    drive.tick(200)
    assert told(drive) == [
        ("site", "high~P1:raised", False),
        ("drill", "high~P1:raised", True),
        ("site", "high~P1:unknown", False),
        ("site", "stale~P1:raised", False),
        ("drill", "high~P1:unknown", True),
        ("drill", "stale~P1:raised", True),
    ]


@pytest.mark.parametrize("exercise", [False, True])
def test_rows_of_the_other_world_do_nothing_and_are_counted(exercise: bool) -> None:
    drive = driven()
    drive.exercise = exercise
    mine, other = (1, 0) if exercise else (0, 1)
    drive.samples((mine, 1, 9.5), (other, 1, 9.5), (77, 1, 9.5))
    assert [r.exercise for r in drive.records] == [exercise]
    counted = drive.core.counters()
    assert (counted["mixed"], counted["unknown_sensor"], counted["judged"]) == (1, 1, 3)
    restored = Core.restore(drive.core.snapshot())
    assert restored.counters() == counted


def test_a_person_answers_a_drill_by_its_site() -> None:
    drive = driven()
    drive.say(10, 9.5, sensor=DRILL_SENSOR)
    drive.exercise = False
    assert drive.acknowledge(11, site="drill").outcome == "done"
    assert [r.exercise for r in drive.records] == [True, True]


def test_a_site_is_a_drill_or_not_for_as_long_as_its_id_exists() -> None:
    before = both()
    actual = (SITE, msgspec.structs.replace(DRILL, exercise=False))
    wanted = msgspec.structs.replace(before, sites=actual)
    with pytest.raises(SpecError, match="site drill was a drill until now"):
        continued(before, wanted)
    gone = continued(before, Configuration((SITE,), (LINK,), (sensor(),), before.rules))
    with pytest.raises(SpecError, match="site drill was a drill until now"):
        continued(gone, wanted)
    with pytest.raises(EntryError, match="another id"):
        Drive(before).core.step(9, Entry(Header(), wanted))


def test_a_restored_core_marks_on() -> None:
    drive = driven(on_delay=5)
    drive.say(10, 9.5, sensor=DRILL_SENSOR)
    core = Core.restore(drive.core.snapshot())
    (record,) = core.step(99, Entry(Header(received=ns(17), appended=ns(17)), Tick(ns(17))))
    assert record.exercise


def test_an_agent_names_the_world_of_its_source() -> None:
    writer = EntryWriter("agent", both())
    frame = Frame.of([0, 1], [ns(1), ns(1)], [1.0, 2.0])
    for exercise in (False, True):
        (data,) = writer.encode(frame, ns(1), 1, exercise)
        assert decode(data).header.exercise is exercise


def test_a_replay_judges_drills_as_if_they_were_alone() -> None:
    times = [ns(s) for s in (0, 0, 10, 10, 20, 20)]
    frame = Frame.of([0, 1] * 3, times, [1.0, 1.0, 9.5, 1.0, 1.0, 9.5])
    together = RecordedRun(both())
    records = list(together.step(frame))
    assert {(r.site, r.exercise) for r in records} == {("site", False), ("drill", True)}
    apart = RecordedRun(both())
    for sensor_of in (1, 0):
        apart.step(frame.take(frame.sensor == sensor_of))
    assert together.core.digest() == apart.core.digest()
    assert together.core.counters()["mixed"] == 0
