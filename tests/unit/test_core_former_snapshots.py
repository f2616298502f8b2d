"""Snapshots that earlier versions wrote are carried over, and the alarms in them go on as they would have."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from numpy.lib import recfunctions as rfn

from battery.drive import Drive, limit, plant, quality_rule, sensor
from calm_core import CALM, LIMITS, RED, YELLOW
from lifeline.engine import layout as at
from lifeline.engine.core import Core, former
from lifeline.engine.core.state import pends
from lifeline.engine.entry import decode, encode
from lifeline.engine.errors import LogError

SILENT_S = 80  # of sensors that are stale after 60 s


def judge_2(raw: bytes) -> bytes:
    rows = np.frombuffer(raw, at.JUDGE)
    kept = rfn.repack_fields(rows[list(former.JUDGE_2.names or ())])
    return bytes(kept.astype(former.JUDGE_2).tobytes())


def as_of(data: bytes, version: int) -> bytes:
    """A snapshot as the version of that number wrote it."""
    size = int.from_bytes(data[6:14], "little")
    header = msgspec.json.decode(data[14 : 14 + size])
    offset, entries, pieces = 14 + size + header["configuration"], [], []
    judge = np.zeros(0, at.JUDGE)

    def put(name: str, raw: bytes, shape: list[int]) -> None:
        entries.append({"name": name, "size": len(raw), "shape": shape})
        pieces.append(raw)

    for array in header["arrays"]:
        name, shape = array["name"], array["shape"]
        raw = data[offset : offset + array["size"]]
        offset += array["size"]
        if name == "judge":
            judge = np.frombuffer(raw, at.JUDGE)
            put(name, judge_2(raw) if version == 2 else raw, shape)
        elif name == "pending":
            levels = np.zeros((len(judge), 4), at.PENDING)
            levels["due"] = at.NEVER
            levels.T[pends(judge)] = np.frombuffer(raw, at.PENDING)
            for column in ("deadline", "due", "held"):
                put(column, levels[column].tobytes(), list(levels.shape))
        elif name == "tally":
            rows = np.frombuffer(raw, at.TALLY)
            both = np.stack([rows["sensors"], rows["silent"]], axis=1).astype(np.int64)
            put(name, both.tobytes(), list(both.shape))
        else:
            put(name, raw, shape)
    header["arrays"] = entries
    if version == 2:
        del header["maintenance"]
    text = msgspec.json.encode(header)
    configuration = data[14 + size : 14 + size + header["configuration"]]
    prefix = b"LSNAP" + bytes([version]) + len(text).to_bytes(8, "little")
    return b"".join((prefix, text, configuration, *pieces))


def busy() -> Drive:
    """P1 raises red and stands at yellow, P2 clears, P3 is shelved, P4 was never heard, and the link was silent."""
    sensors = tuple(sensor(f"P{n}") for n in range(1, 5))
    core = Drive(
        plant(
            limit(LIMITS, on_delay=5, off_delay=25, deadband=0.5),
            quality_rule("stale", "orange"),
            sensors=sensors,
        )
    )
    core.tick(0)
    for number in range(3):
        core.say(0, CALM, sensor=number)
    core.tick(SILENT_S)
    for number in range(3):
        core.say(SILENT_S + 1, YELLOW, sensor=number)
    core.tick(SILENT_S + 10)
    core.say(SILENT_S + 11, RED, sensor=0)
    core.say(SILENT_S + 11, CALM, sensor=1)
    core.shelve(SILENT_S + 12, 3600, "high~P3")
    return core


@pytest.mark.parametrize("version", former.FORMER)
def test_a_snapshot_of_an_earlier_version_is_carried_over(version: int) -> None:
    core = busy()
    judge = core.core.state.judge  # type: ignore[union-attr]
    assert judge["raising"].any(), "a raise pends"
    assert judge["clearing"].any(), "a clear pends"
    data = core.core.snapshot()
    carried = Core.restore(as_of(data, version))
    assert carried.snapshot() == data
    assert carried.standing() == core.core.standing()


@pytest.mark.parametrize("version", former.FORMER)
def test_what_pended_and_was_silent_goes_on(version: int) -> None:
    core = busy()
    carried = Core.restore(as_of(core.core.snapshot(), version))
    before, told = len(core.log), len(core.records)
    core.tick(SILENT_S + 30)
    core.say(SILENT_S + 31, CALM, sensor=3)  # heard for the first time
    core.say(SILENT_S + 45, CALM, sensor=1)
    core.tick(SILENT_S + 200)
    found = []
    for position, entry in enumerate(core.log[before:], before + 1):
        found += list(carried.step(position, decode(encode(entry))))
    assert found == core.records[told:]
    assert {"level", "returned", "cleared"} & {r.transition for r in found}
    assert carried.snapshot() == core.core.snapshot()


@pytest.mark.parametrize("name", ["deadline", "held", "tally", "judge", "band"])
def test_an_earlier_snapshot_whose_arrays_do_not_fit_is_refused(name: str) -> None:
    data = as_of(busy().core.snapshot(), 3)
    size = int.from_bytes(data[6:14], "little")
    header = msgspec.json.decode(data[14 : 14 + size])
    start = end = 14 + size + header["configuration"]
    for array in header["arrays"]:
        end += array["size"]
        if array["name"] == name:
            array["size"] -= 8
            end -= 8
            break
    text = msgspec.json.encode(header)
    head = data[:6] + len(text).to_bytes(8, "little") + text
    assert start < end
    with pytest.raises(LogError, match="snapshot"):
        Core.restore(head + data[14 + size : end] + data[end + 8 :])


def test_bytes_of_an_unknown_version_are_refused() -> None:
    data = bytearray(busy().core.snapshot())
    data[5] = 1
    with pytest.raises(LogError, match="version 1"):
        Core.restore(bytes(data))
