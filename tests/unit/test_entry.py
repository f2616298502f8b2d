"""The entry codec: nothing is lost, nothing unknown is read, torn bytes are an EntryError."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.engine.command import ACTIONS, Command
from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.core import Core
from lifeline.engine.entry import (
    FORMAT_VERSION,
    Entry,
    EntryKind,
    Header,
    NamedConfiguration,
    Recovered,
    SiteHead,
    Tick,
    decode,
    encode,
    stamp,
)
from lifeline.engine.errors import EntryError
from lifeline.engine.frame import Frame
from oracle.choices import Drawn
from oracle.generate_plant import PACES, plant

int64 = st.integers(-(1 << 63), (1 << 63) - 1)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@st.composite
def frames(draw: Any) -> Frame:
    n = draw(st.integers(0, 12))

    def column(items: st.SearchStrategy[Any]) -> Any:
        return draw(st.lists(items, min_size=n, max_size=n))

    return Frame.of(
        column(st.integers(-(1 << 31), (1 << 31) - 1)),
        column(int64),
        column(st.floats()),
        column(st.integers(0, 255)),
    )


@st.composite
def configurations(draw: Any) -> Configuration:
    choices = Drawn(draw)
    return plant(choices, choices.pick(PACES))


commands = st.builds(
    Command,
    id=names,
    action=st.sampled_from(ACTIONS),
    site=names,
    alarm=names,
    principal=names,
    role=names,
    reason=names,
    episode=int64,
    seq=int64,
    expires=int64,
    issued=int64,
)
heads = st.dictionaries(names, st.builds(SiteHead, seq=int64, hash=names), max_size=3)
payloads = st.one_of(
    frames(),
    st.builds(Tick, int64, st.booleans()),
    commands,
    configurations(),
    st.builds(Recovered, heads, names),
    st.builds(NamedConfiguration, st.binary(min_size=16, max_size=16)),
)
headers = st.builds(
    Header,
    tenant=names,
    producer=names,
    producer_seq=st.integers(0, (1 << 64) - 1),
    received=int64,
    appended=int64,
    registry=st.binary(min_size=16, max_size=16),
    exercise=st.booleans(),
    self_clocked=st.booleans(),
)
entries = st.builds(Entry, headers, payloads)

SAMPLES = Entry(
    Header("acme", "agent-1", 7, 8, 9, bytes(range(16)), True, True),
    Frame.of([0, 1, 2], [10, 11, 12], [1.0, 2.0, np.nan], [0, 1, 0x85]),
)
ONE_OF_EACH = (
    SAMPLES,
    Entry(Header(producer="runtime"), Tick(5, True)),
    Entry(Header(), Command("c", "acknowledge", "site", "rule~P1", "li")),
    Entry(
        Header(),
        Configuration((Site("s", "t", "a/b/c"),), (Link(0, "x"),), (Sensor("P", 0, 0, "q", "u"),)),
    ),
    Entry(Header(), Recovered({"site": SiteHead(3, "ab")}, "disk")),
    Entry(Header(producer="apply"), NamedConfiguration(bytes(range(16)))),
)
each = pytest.mark.parametrize("entry", ONE_OF_EACH, ids=lambda entry: entry.kind.name)


@given(entries)
def test_what_is_encoded_is_decoded(entry: Entry) -> None:
    data = encode(entry)
    back = decode(data)
    assert back == entry
    assert back.kind is entry.kind
    assert encode(back) == data


def test_there_is_one_of_each_kind() -> None:
    assert {entry.kind for entry in ONE_OF_EACH} == set(EntryKind)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tenant", "城市燃气"),
        ("producer", "agent-2"),
        ("producer_seq", (1 << 64) - 1),
        ("received", 1 << 62),
        ("appended", -(1 << 63)),
        ("registry", b"\xff" * 16),
        ("exercise", True),
        ("self_clocked", True),
    ],
)
def test_every_field_of_the_header_is_kept_alone(name: str, value: Any) -> None:
    header = Header(**{name: value})
    found = decode(encode(Entry(header, Tick(1)))).header
    assert found == header
    assert getattr(found, name) == value != getattr(Header(), name)


def test_the_columns_of_a_frame_are_not_copied_and_lie_at_eight_bytes() -> None:
    for tenant in ("", "a", "ab", "abc", "four", "12345678"):
        data = encode(Entry(Header(tenant=tenant), SAMPLES.payload))
        frame = decode(data).payload
        assert isinstance(frame, Frame)
        whole = np.frombuffer(data, np.uint8)
        for column in (frame.sensor, frame.time, frame.value, frame.quality):
            assert np.shares_memory(column, whole)
            assert not column.flags.writeable
            assert column.flags.aligned
        assert (frame.time.ctypes.data - whole.ctypes.data) % 8 == 0


@each
def test_the_stamp_changes_the_time_of_the_append_and_nothing_else(entry: Entry) -> None:
    for appended in (0, 1_700_000_000_000_000_000, -5):
        data = stamp(encode(entry), appended)
        found = decode(data)
        assert found.header.appended == appended
        assert found.payload == entry.payload
        assert stamp(data, entry.header.appended) == encode(entry)


@each
def test_an_unknown_version_or_magic_is_refused_and_named(entry: Entry) -> None:
    data = encode(entry)
    for version in {*range(256)} - {FORMAT_VERSION}:
        with pytest.raises(EntryError, match=f"/{version} is not known"):
            decode(data[:1] + bytes([version]) + data[2:])
    with pytest.raises(EntryError, match="not known"):
        decode(b"X" + data[1:])


@each
def test_an_unknown_kind_is_refused(entry: Entry) -> None:
    data = encode(entry)
    for kind in (0, 7, 255):
        with pytest.raises(EntryError, match=f"entry kind {kind} is not known"):
            decode(data[:2] + bytes([kind]) + data[3:])


@each
def test_an_entry_torn_anywhere_is_refused(entry: Entry) -> None:
    data = encode(entry)
    for length in range(len(data)):
        with pytest.raises(EntryError):
            decode(data[:length])


@pytest.mark.parametrize("entry", [e for e in ONE_OF_EACH if e.kind is not EntryKind.CONFIG])
def test_bytes_after_an_entry_are_refused(entry: Entry) -> None:
    with pytest.raises(EntryError):
        decode(encode(entry) + b"x")


@given(entries, st.data())
def test_damaged_bytes_are_an_entry_or_an_entry_error(entry: Entry, data: Any) -> None:
    torn = bytearray(encode(entry))
    for _ in range(data.draw(st.integers(1, 4))):
        torn[data.draw(st.integers(0, len(torn) - 1))] = data.draw(st.integers(0, 255))
    del torn[data.draw(st.integers(0, len(torn))) :]
    with contextlib.suppress(EntryError):
        decode(bytes(torn))


@given(st.binary(max_size=200))
def test_any_bytes_are_an_entry_or_an_entry_error(data: bytes) -> None:
    for start in (b"", encode(SAMPLES)[:48], encode(ONE_OF_EACH[2])[:48]):
        with contextlib.suppress(EntryError):
            decode(start + data)


def test_a_frame_that_claims_more_rows_than_there_are_bytes_is_refused() -> None:
    data = encode(Entry(Header(), Frame.of([0], [1], [2.0])))
    for rows in (0, 2, 1 << 40, (1 << 64) - 1):
        with pytest.raises(EntryError, match="wrong length"):
            decode(data[:48] + rows.to_bytes(8, "little") + data[56:])


@pytest.mark.parametrize("size", [0, 15, 17])
def test_a_configuration_is_named_by_sixteen_bytes_and_nothing_else(size: int) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        NamedConfiguration(bytes(size))


def test_the_core_refuses_a_name_without_its_content() -> None:
    core = Core()
    with pytest.raises(EntryError, match=bytes(range(16)).hex()):
        core.step(1, Entry(Header(), NamedConfiguration(bytes(range(16)))))
    assert core.position == 0


def test_names_that_are_no_text_are_refused() -> None:
    data = encode(Entry(Header(tenant="acme"), Tick(1)))
    with pytest.raises(EntryError, match="not UTF-8"):
        decode(data.replace(b"acme", b"ac\xff\xfe"))


def test_a_name_that_the_header_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        encode(Entry(Header(producer="x" * 65_536), Tick(1)))
    assert decode(encode(Entry(Header(producer="x" * 65_535), Tick(1)))).payload == Tick(1)
