"""wave in the core: records that say where, whatever the Frames; silence, unknown, a held alarm."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest

from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header, Tick, decode, encode
from lifeline.engine.frame import Frame
from lifeline.engine.kinds import load_kinds
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.outputs.text import render
from lifeline.engine.record import Record, verify
from lifeline.engine.rule import Rule, Select
from pressure_waves import FAST, PLAIN, START, Line, compiled


def _rule(**keys: Any) -> Rule:
    kind = load_kinds()["wave"]
    written = {"id": "line.wave", "kind": "wave", **PLAIN, **keys}
    model = kind.author_model.model_validate(written)
    return Rule(
        "line.wave", "wave", Select(quantity=(FAST,)), (compiled(**keys),), **model.beside(None)
    )


def _plant(**keys: Any) -> Configuration:
    sensors = tuple(
        Sensor(name, 0, 0, FAST, "kPa", interval=SECOND_NS // 50, stale=SECOND_NS)
        for name in ("U", "D")
    )
    site = Site("line", "acme", "city/east/one")
    return Configuration((site,), (Link(0, "source"),), sensors, (_rule(**keys),))


@cache
def _frame() -> Frame:
    rows = Line(260.0, rate=50.0).front(40.0, 23_400.0, 3.0).front(200.0, 31_000.0, 12.0).rows()
    return Frame.of(rows["sensor"], rows["time"], rows["value"])


def _run(frames: list[Frame], crash: bool = False, **keys: Any) -> tuple[list[Record], Core]:
    plant = _plant(**keys)
    header = Header(registry=plant.version(), self_clocked=True)
    core, records = Core(), []
    log = [Entry(header, plant), *(Entry(header, frame) for frame in frames)]
    for position, entry in enumerate(log, 1):
        records += list(core.step(position, decode(encode(entry))))
        if crash:
            core = Core.restore(core.snapshot())
    return records, core


def test_the_record_says_where_the_leak_is() -> None:
    records, core = _run([_frame()])
    assert [(one.transition, one.level_after) for one in records] == [
        ("unknown", "normal"),
        ("known", "normal"),
        ("raised", "orange"),
        ("level", "red"),
    ][-len(records) :]
    raised, risen = records[-2:]
    for record, place in ((raised, 23.4), (risen, 31.0)):
        found = float(record.detail["position"].removesuffix(" km"))
        error = float(record.detail["uncertainty"].removesuffix(" km"))
        assert abs(found - place) <= error < 0.2
    assert raised.value == pytest.approx(3.0, rel=0.05)
    assert (raised.limit, raised.unit, raised.quantity) == (1.0, "kPa", FAST)
    said = core.said("line", "line.wave~site")
    assert said["position_m"] == pytest.approx(31_000.0, abs=60.0)
    assert said["reason"] == ""


def test_people_read_the_place() -> None:
    records, _ = _run([_frame()])
    raised = records[-2]
    where, error = raised.detail["position"], raised.detail["uncertainty"]
    assert f"near km {where.removesuffix(' km')} (± {error})" in render(raised, "en")
    assert f"{where} 附近（± {error}）" in render(raised, "zh")
    nowhere = msgspec.structs.replace(raised, detail={})
    assert "±" not in render(nowhere, "en")


@pytest.mark.parametrize("crash", [False, True])
def test_any_frames_give_the_same_records(crash: bool) -> None:
    frame, random = _frame(), np.random.default_rng(5)
    whole, core = _run([frame])
    cuts = [0, *sorted(random.integers(0, len(frame), 300).tolist()), len(frame)]
    parts = [frame.take(slice(a, b)) for a, b in pairwise(cuts)]
    found, other = _run(parts, crash)
    assert [one.encode() for one in found] == [one.encode() for one in whole]
    assert core.digest() == other.digest()
    assert {one.detail.get("position", "") for one in whole[-2:]} != {""}


def test_a_chain_covers_what_is_said() -> None:
    records, _ = _run([_frame()])
    raised = records[-2]
    assert verify(raised)
    moved = msgspec.structs.replace(raised, detail={**raised.detail, "position": "1.0 km"})
    assert not verify(moved)


def test_silence_of_an_end_makes_it_unknown_and_clears_nothing() -> None:
    plant = _plant(hold="30s")
    header = Header(registry=plant.version())
    core, records, frame = Core(), [], _frame()
    core.step(1, Entry(header, plant))
    second = (frame.time - START) // SECOND_NS
    for now in range(150):
        mine = (second == now) & ((frame.sensor == 0) | (now < 90))
        wall = START + (now + 1) * SECOND_NS
        live = Header(received=wall, appended=wall, registry=plant.version())
        records += list(core.step(core.position + 1, Entry(live, frame.take(np.flatnonzero(mine)))))
        records += list(core.step(core.position + 1, Entry(live, Tick(wall))))
    changes = [(one.transition, one.level_after) for one in records]
    assert changes[-2:] == [("raised", "orange"), ("unknown", "orange")]
    assert [(one.level, one.unknown) for one in core.standing()] == [("orange", True)]
