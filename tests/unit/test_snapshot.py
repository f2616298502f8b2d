"""Snapshots: restoring is never having stopped, and damage is a LogError."""

from __future__ import annotations

from contextlib import suppress
from functools import cache

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from battery.drive import Drive, limit, path, plant, sensor
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header, Tick
from lifeline.engine.errors import LogError
from oracle.generate import scenario

PREFIX = 14  # magic, version, length of the header


@cache
def busy() -> Core:
    """A core in the middle of things: pending, unacknowledged, shelved, stale, historic."""
    core = Core()
    for position, entry in enumerate(scenario(3, 300).entries, 1):
        core.step(position, entry)
    return core


@cache
def snapshot() -> bytes:
    return busy().snapshot()


def header_size(data: bytes) -> int:
    return int.from_bytes(data[6:PREFIX], "little")


def with_header(data: bytes, **changed: object) -> bytes:
    """The snapshot with other values in its header."""
    end = PREFIX + header_size(data)
    header = msgspec.json.decode(data[PREFIX:end])
    header.update(changed)
    text = msgspec.json.encode(header)
    return data[:6] + len(text).to_bytes(8, "little") + text + data[end:]


def test_a_restored_core_answers_everything_as_the_one_before() -> None:
    core, other = busy(), Core.restore(snapshot())
    assert core.standing()
    assert (other.position, other.wall) == (core.position, core.wall)
    assert other.configuration == core.configuration
    assert other.standing() == core.standing()
    assert other.counters() == core.counters()
    assert (other.digest(), other.site_digests()) == (core.digest(), core.site_digests())
    assert other.snapshot() == snapshot()


def test_a_core_without_a_configuration_has_a_snapshot_too() -> None:
    core = Core()
    assert Core.restore(core.snapshot()).snapshot() == core.snapshot()
    core.step(4, Entry(Header(received=7, appended=9), Tick(11)))
    other = Core.restore(core.snapshot())
    assert (other.position, other.wall, other.appended, other.received) == (4, 11, 9, 7)
    assert other.state is None


def test_what_pends_fires_in_the_restored_core() -> None:
    drive = Drive(plant(limit({"red": 9.0}, on_delay=30)))
    drive.steady(0, 20, 1.0)
    drive.say(30, 9.5)
    drive.core = Core.restore(drive.core.snapshot())
    assert path(drive.tick(62)) == ["raised red"]


def test_a_command_that_was_taken_before_is_remembered() -> None:
    drive = Drive(plant(limit({"red": 9.0})))
    drive.say(0, 9.5)
    assert drive.acknowledge(1, id="once").outcome == "done"
    drive.core = Core.restore(drive.core.snapshot())
    assert drive.acknowledge(2, id="once").outcome == "repeated"


def test_a_level_that_its_rule_has_no_more_is_still_judged_after_a_restore() -> None:
    drive = Drive(plant(limit({"yellow": 5.0, "red": 9.0}, off_delay=20)))
    drive.say(0, 9.5)
    drive.configure(plant(limit({"yellow": 5.0}, off_delay=20)), 1)
    drive.core = Core.restore(drive.core.snapshot())
    assert path(drive.steady(10, 60, 1.0)) == ["level yellow", "returned normal"]


@given(st.integers(0, 1 << 20), st.integers(0, 7))
def test_a_flipped_bit_is_refused_with_a_log_error_or_lies_in_a_number(
    place: int, bit: int
) -> None:
    data = bytearray(snapshot())
    data[place % len(data)] ^= 1 << bit
    with suppress(LogError):
        Core.restore(bytes(data))


def test_any_flipped_bit_of_the_frame_and_the_configuration_is_a_log_error_or_harmless() -> None:
    good = snapshot()
    refused = 0
    for place in range(PREFIX + header_size(good) + 200):
        data = bytearray(good)
        data[place] ^= 1 << place % 8
        try:
            Core.restore(bytes(data))
        except LogError:
            refused += 1
    assert refused > (PREFIX + header_size(good) + 200) // 2


@given(st.integers(0, 1 << 20))
def test_a_shortened_snapshot_is_refused(length: int) -> None:
    with pytest.raises(LogError):
        Core.restore(snapshot()[: length % len(snapshot())])


def test_a_longer_snapshot_is_refused() -> None:
    with pytest.raises(LogError, match="wrong length"):
        Core.restore(snapshot() + b"\0")


@pytest.mark.parametrize("data", [b"", b"LSNAP", b"SNAPL" + bytes(99), b"\0" * 99])
def test_what_is_no_snapshot_is_refused(data: bytes) -> None:
    with pytest.raises(LogError):
        Core.restore(data)


def test_a_snapshot_of_a_later_version_says_so() -> None:
    data = snapshot()
    with pytest.raises(LogError, match="version 9"):
        Core.restore(data[:5] + b"\x09" + data[6:])


def test_arrays_of_another_shape_are_refused() -> None:
    data = snapshot()
    arrays = msgspec.json.decode(data[PREFIX : PREFIX + header_size(data)])["arrays"]
    for place in range(len(arrays)):
        changed = [dict(one) for one in arrays]
        changed[place]["name"] = "other"
        with pytest.raises(LogError, match="other state"):
            Core.restore(with_header(data, arrays=changed))
        changed = [dict(one) for one in arrays]
        changed[place]["shape"] = [*changed[place]["shape"], 1]
        with pytest.raises(LogError, match="another shape"):
            Core.restore(with_header(data, arrays=changed))


@pytest.mark.parametrize("name", ["heads", "used"])
def test_lists_of_another_length_are_refused(name: str) -> None:
    with pytest.raises(LogError, match="another number"):
        Core.restore(with_header(snapshot(), **{name: []}))


def test_indices_that_do_not_fit_the_configuration_never_reach_a_kernel() -> None:
    one = Drive(plant(limit({"red": 9.0}), sensors=(sensor("A"), sensor("B"))))
    data = one.core.snapshot()
    assert one.core.state is not None
    for name, column in (("judge", "param"), ("judge", "sensor"), ("cold", "site")):
        array = getattr(one.core.state, name)
        before, after = array.tobytes(), bytearray(array.tobytes())
        np.frombuffer(after, array.dtype)[column][-1] += 7_000
        assert data.count(before) == 1
        with pytest.raises(LogError, match="does not fit"):
            Core.restore(data.replace(before, bytes(after)))
