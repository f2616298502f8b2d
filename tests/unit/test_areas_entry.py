"""Entries of an area log: what is written is what is read, and what is unknown is refused."""

import pytest

from area_logs import SiteAlarms
from lifeline.engine.areas.configuration import (
    Area,
    AreaConfiguration,
    AreaSite,
    Breaker,
    Ladder,
    Pick,
    prefixes,
)
from lifeline.engine.areas.core import AreaCore
from lifeline.engine.areas.entry import (
    Alive,
    AreaEntry,
    AreaPayload,
    Heard,
    Silent,
    Standing,
    decode_area,
    encode_area,
)
from lifeline.engine.command import Command
from lifeline.engine.configuration import Configuration
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header, Recovered, SiteHead, Tick, decode, encode, stamp
from lifeline.engine.errors import EntryError, InvariantError, LogError
from lifeline.engine.record import Record

CONFIGURATION = AreaConfiguration(
    (Area("hefei", "合肥市", (Ladder("gas"),), (Breaker("rain", Pick(rule=("rain",)), 3),)),),
    (AreaSite("east", "hefei/shushan/east"),),
    ("engine.stale",),
)


def records() -> tuple[Record, ...]:
    return tuple(SiteAlarms("east").set("high~一号", "orange", uncertain=True))


@pytest.mark.parametrize(
    "payload",
    [
        Heard(records()),
        Standing("east", 7, "ab" * 16, records()),
        Alive("_engine", 9, 10, (Silent("east", ("gas",), True, 3),)),
        CONFIGURATION,
        Tick(5, True),
        Command("1", "halt_work", "area:hefei", "rain~area", "duty", level="red"),
        Recovered({"area:hefei": SiteHead(3, "cd" * 16)}, "torn"),
    ],
    ids=lambda p: type(p).__name__,
)
def test_an_entry_is_read_as_it_was_written(payload: AreaPayload) -> None:
    entry = AreaEntry(Header("t", "p", 3, 4, 5, exercise=True), payload)
    data = encode_area(entry)
    assert decode_area(data) == entry
    assert decode_area(stamp(data, 77)).header.appended == 77
    assert encode_area(decode_area(data)) == data


def test_the_two_logs_do_not_read_each_other() -> None:
    with pytest.raises(EntryError, match="entry kind 64 is not known"):
        decode(encode_area(AreaEntry(Header(), Heard(()))))
    with pytest.raises(EntryError, match="entry kind 4 is not known in an area log"):
        decode_area(encode(Entry(Header(), Configuration())))
    torn = encode_area(AreaEntry(Header(), Heard(records())))[:-5]
    with pytest.raises(EntryError, match="kind 64 cannot be read"):
        decode_area(torn)
    torn = encode_area(AreaEntry(Header(), CONFIGURATION))[:-5]
    with pytest.raises(EntryError, match="configuration cannot be read"):
        decode_area(torn)


def test_equal_configurations_have_one_version() -> None:
    again = decode_area(encode_area(AreaEntry(Header(), CONFIGURATION))).payload
    assert isinstance(again, AreaConfiguration)
    assert again.version() == CONFIGURATION.version()
    assert AreaConfiguration().version() != CONFIGURATION.version()


def test_a_snapshot_that_is_none_is_refused() -> None:
    core = AreaCore()
    for data in (b"", b"nonsense", Core().snapshot(), core.snapshot()[:-3]):
        with pytest.raises(LogError):
            AreaCore.restore(data)


def test_the_log_goes_forward() -> None:
    core = AreaCore()
    core.step(3, AreaEntry(Header(), Tick(1)))
    with pytest.raises(InvariantError, match="entry 3 after 3"):
        core.step(3, AreaEntry(Header(), Tick(2)))


def test_a_path_lies_in_its_beginnings() -> None:
    assert prefixes("a/b/c") == ("a", "a/b", "a/b/c")
    assert prefixes("a") == ("a",)
