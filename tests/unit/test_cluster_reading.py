"""What becomes of a record of the log that is not an entry as this version knows it."""

from __future__ import annotations

import pytest

from lifeline.engine.cluster.reading import Torn, read_entry, stamped
from lifeline.engine.command import Command
from lifeline.engine.configuration import Configuration
from lifeline.engine.entry import (
    Entry,
    Header,
    NamedConfiguration,
    Payload,
    Recovered,
    Tick,
    encode,
)
from lifeline.engine.errors import EntryError
from lifeline.engine.frame import Frame

COMMAND = Command("c1", "acknowledge", "east", "high~G1", "anna")
FRAME = Frame.of([0, 1], [5, 6], [1.0, 2.0])
PAYLOADS: tuple[Payload, ...] = (
    FRAME,
    Tick(5),
    COMMAND,
    Configuration(),
    Recovered({}),
    NamedConfiguration(bytes(16)),
)


def encoded(payload: Payload) -> bytes:
    return encode(Entry(Header("acme", "agent", 1, 7), payload))


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda p: type(p).__name__)
def test_whole_entries_are_read(payload: Payload) -> None:
    found = read_entry(encoded(payload))
    assert isinstance(found, Entry)
    assert encode(found) == encoded(payload)


@pytest.mark.parametrize("value", [None, b""])
def test_nothing_is_torn(value: bytes | None) -> None:
    assert read_entry(value) == Torn("empty", "a record of the log without a value")


def test_other_bytes_are_torn() -> None:
    found = read_entry(b'{"a": 1}' * 20)
    assert isinstance(found, Torn)
    assert found.reason == "not_an_entry"


@pytest.mark.parametrize("payload", [FRAME, Tick(5), COMMAND], ids=lambda p: type(p).__name__)
def test_any_cut_of_a_sample_tick_or_command_is_torn(payload: Payload) -> None:
    data = encoded(payload)
    for end in range(1, len(data)):
        found = read_entry(data[:end])
        assert isinstance(found, Torn), end
        assert found.reason == "unreadable"


@pytest.mark.parametrize(
    "payload", [Configuration(), Recovered({})], ids=lambda p: type(p).__name__
)
def test_a_torn_entry_that_changes_what_later_ones_mean_stops(payload: Payload) -> None:
    with pytest.raises(EntryError):
        read_entry(encoded(payload)[:-1])


@pytest.mark.parametrize(("place", "value"), [(1, 2), (1, 255), (2, 0), (2, 7), (2, 255)])
def test_another_version_or_kind_stops(place: int, value: int) -> None:
    data = bytearray(encoded(Tick(5)))
    data[place] = value
    with pytest.raises(EntryError):
        read_entry(bytes(data))


def test_a_whole_command_that_this_version_does_not_know_stops() -> None:
    with pytest.raises(EntryError):
        read_entry(encoded(COMMAND).replace(b'"acknowledge"', b'"acquiescent"'))


def test_the_brokers_time_is_stamped_and_receipt_is_not_after_it() -> None:
    entry = Entry(Header("acme", "agent", 1, received=7_000_001), Tick(5))
    header = stamped(entry, 9).header
    assert (header.received, header.appended) == (7_000_001, 9_000_000)
    assert stamped(entry, 7).header.received == 7_000_000


def test_a_recorded_entry_is_taken_as_it_is() -> None:
    entry = Entry(Header("acme", "recorded", 1, received=20, appended=10), FRAME)
    assert stamped(entry, 9) is entry
