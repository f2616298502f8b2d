"""The alarm that is moved one event at a time does what the kernels do with the same table."""

import random

import numpy as np
import pytest

from lifeline.engine import alarm as one
from lifeline.engine import layout as at
from lifeline.engine.alarm import Alarm, Chain
from lifeline.engine.alarm_table import CELLS, IMPOSSIBLE, Event, table_arrays
from lifeline.engine.command import Command
from lifeline.engine.errors import InvariantError
from lifeline.engine.limits import DAY_NS, HOUR_NS
from lifeline.engine.record import AlarmState, Identity, first_break, verify
from lifeline.engine.transit_kernels import transit

WHO = dict.fromkeys(Identity._fields, "x")


def drawn(rng: random.Random, alarm: Alarm) -> tuple[Event, int]:
    """An event that can happen, and the condition after it."""
    state = AlarmState(alarm.state)
    level = rng.randrange(5)
    if level > alarm.level:
        return (Event.RISE if level > alarm.cover else Event.RISE_COVERED), level
    if level < alarm.level:
        return (Event.FALL if level else Event.RETURN), level
    others = [
        e
        for e in (
            Event.ACKNOWLEDGE,
            Event.SHELVE,
            Event.END_ACTIVE if level else Event.END_NORMAL,
            Event.WITHDRAW,
        )
        if CELLS[state][e][1] != IMPOSSIBLE
    ]
    event = rng.choice(others)
    return event, 0 if event is Event.WITHDRAW else level


@pytest.mark.parametrize("seed", range(8))
def test_it_moves_as_the_kernel_moves(seed: int) -> None:
    rng = random.Random(seed)
    table, alarm = table_arrays(), Alarm()
    judge, out = np.zeros(1, at.JUDGE), np.zeros(1, at.EMISSION)
    judge["shelf"] = at.NEVER
    seq = 0
    for step in range(400):
        event, level = drawn(rng, alarm)
        if event is Event.SHELVE:
            alarm.shelf, alarm.cover = 1_000 + step, 2
            judge["shelf"], judge["cover"] = 1_000 + step, 2
        change = one.apply(alarm, event, level, step)
        n = transit(
            judge, 0, int(event), level, table, out, 0, 0, 0, 0, 0, 0, 0, step, 0.0, 0.0, 0,
            step if judge["state"][0] == 0 else int(judge["onset"][0]),
        )  # fmt: skip
        j, e = judge[0], out[0]
        assert (alarm.state, alarm.level, alarm.cover) == (j["state"], j["level"], j["cover"])
        assert alarm.shelf == (0 if j["shelf"] == at.NEVER else j["shelf"])
        assert (change is not None) == (n == 1)
        if change is None:
            continue
        seq += 1
        assert (change.transition, change.level_before, change.state_before) == (
            e["transition"],
            e["level_before"],
            e["state_before"],
        )
        assert (change.onset, change.until) == (e["onset"], e["until"])
        assert change.opens == bool(e["marks"] & at.E_OPENS)
        assert change.rose == bool(e["marks"] & at.E_ROSE)
    assert seq > 100


def test_an_impossible_cell_is_our_fault() -> None:
    with pytest.raises(InvariantError, match="NORMAL cannot meet FALL"):
        one.apply(Alarm(), Event.FALL, 1)


def test_records_are_numbered_and_chained() -> None:
    chain, alarm, made = Chain(), Alarm(), []
    for time, level in enumerate((2, 3, 1, 0)):
        change = one.move(alarm, level, time)
        assert change is not None
        made.append(one.recorded(chain, alarm, change, WHO, time, value=float(level)))
    assert [r.transition for r in made] == ["raised", "level", "level", "returned"]
    assert [(r.seq, r.episode, r.onset) for r in made] == [(i, 1, 0) for i in range(1, 5)]
    assert all(verify(r) for r in made)
    assert first_break(made) is None
    notice = one.noticed(chain, WHO, 1, 2, detail={"a": "b"})
    assert (notice.seq, notice.episode, notice.transition) == (5, 0, "notice")
    assert first_break([*made, notice]) is None
    done = one.command(alarm, Command("1", "acknowledge", "x", "x~x", "me"), 9)
    assert not isinstance(done, str)
    last = one.recorded(chain, alarm, done, WHO, 9)
    assert (last.state_after, last.episode, alarm.episode) == ("normal", 1, 0)


def test_commands_are_refused_as_at_a_sensor() -> None:
    def order(**fields: object) -> Command:
        given = {"id": "1", "action": "acknowledge", "site": "s", "alarm": "a~b", "principal": "p"}
        return Command(**(given | fields))  # type: ignore[arg-type]

    alarm, chain = Alarm(), Chain()
    assert one.command(alarm, order(), 1) == "the alarm is not in a state for acknowledge"
    for level in (2, 4):
        change = one.move(alarm, level, 0)
        assert change is not None
        one.recorded(chain, alarm, change, WHO, 0)
    assert (
        one.command(alarm, order(episode=9), 1) == "the episode is over; the alarm's episode is 1"
    )
    assert one.command(alarm, order(seq=1), 1) == "it rose to red at seq 2: acknowledge that one"
    assert "8 h at most" in str(one.command(alarm, order(action="shelve", expires=DAY_NS), 1))
    assert "in the future" in str(one.command(alarm, order(action="shelve", expires=1), 1))
    assert one.command(alarm, order(action="halt_work"), 1) == "halt_work is not for this alarm"
    done = one.command(alarm, order(action="shelve", expires=8 * HOUR_NS), 1)
    assert not isinstance(done, str)
    assert (done.until, alarm.cover) == (8 * HOUR_NS, 4)
