"""The configuration: one hashed value, whose indices never move and are never used again."""

from __future__ import annotations

import re
import zlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from battery.drive import limit, plant, sensor
from lifeline.engine.configuration import (
    Configuration,
    Link,
    Sensor,
    Site,
    continued,
    pack,
    unpack,
    version_of,
)
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header
from lifeline.engine.errors import EntryError
from lifeline.engine.rule import Judgement, LevelLimits, check_levels

SITES = ("north", "south", "east")
SOURCES = ("mqtt", "modbus")
NAMES = ("P1", "P2", "T1", "T2")


@st.composite
def wanted(draw: Any) -> Configuration:
    """Some sites, links and sensors, in any order; each known by its own name only once."""
    sites = draw(st.lists(st.sampled_from(SITES), unique=True, min_size=1))
    places = [(site, source) for site in range(len(sites)) for source in SOURCES]
    links = draw(st.lists(st.sampled_from(places), unique=True, min_size=1))
    points = [(link, name) for link in range(len(links)) for name in NAMES]
    sensors = draw(
        st.lists(st.sampled_from(points), unique_by=lambda x: (links[x[0]][0], x[1]), max_size=6)
    )
    unit = draw(st.sampled_from(("MPa", "kPa")))
    return Configuration(
        tuple(Site(name, "acme", "a/b/c") for name in sites),
        tuple(Link(site, source) for site, source in links),
        tuple(Sensor(name, links[link][0], link, "gas.pressure", unit) for link, name in sensors),
    )


def who(config: Configuration) -> tuple[list[Any], list[Any], list[Any]]:
    """By what sites, links and sensors are known, in the order of their indices."""
    return (
        [site.id for site in config.sites],
        [(config.sites[link.site].id, link.source) for link in config.links],
        [(config.sites[one.site].id, one.id) for one in config.sensors],
    )


@given(st.lists(wanted(), min_size=1, max_size=6))
def test_indices_never_move_and_are_never_used_again(history: list[Configuration]) -> None:
    current: Configuration | None = None
    for want in history:
        before, current = current, continued(current, want)
        columns = who(current)
        assert all(len(set(column)) == len(column) for column in columns)
        if before is not None:
            for old, new in zip(who(before), columns, strict=True):
                assert new[: len(old)] == old


@given(st.lists(wanted(), min_size=2, max_size=4))
def test_what_is_wanted_lives_and_everything_else_is_retired(history: list[Configuration]) -> None:
    current = history[0]
    for want in history[1:]:
        current = continued(current, want)
    living = [one for one in current.sensors if not one.retired]
    assert {(current.sites[x.site].id, x.id, x.unit) for x in living} == {
        (want.sites[x.site].id, x.id, x.unit) for x in want.sensors
    }
    assert {x.id for x in current.sites if not x.retired} == {x.id for x in want.sites}
    alive = [link for link in current.links if not link.retired]
    assert {(current.sites[x.site].id, x.source) for x in alive} == set(who(want)[1])
    for one in living:
        assert current.links[one.link].site == one.site
        assert not current.links[one.link].retired


@given(wanted())
def test_the_same_again_changes_nothing(want: Configuration) -> None:
    assert continued(None, want) == want
    assert continued(want, want) == want
    assert continued(want, want).version() == want.version()


@given(wanted(), wanted())
def test_a_core_takes_what_was_continued(first: Configuration, second: Configuration) -> None:
    core = Core()
    core.step(1, Entry(Header(), first))
    core.step(2, Entry(Header(), continued(first, second)))
    assert core.configuration == continued(first, second)


def test_a_core_refuses_indices_that_moved() -> None:
    two = plant(sensors=(sensor("A"), sensor("B")))
    moved: list[Configuration] = [
        plant(sensors=(sensor("B"), sensor("A"))),
        plant(sensors=(sensor("A"),)),
        msgspec.structs.replace(two, sites=(Site("other", "acme", "a/b/c"),)),
        msgspec.structs.replace(two, links=(Link(0, "other"),)),
    ]
    for wrong in moved:
        core = Core()
        core.step(1, Entry(Header(), two))
        with pytest.raises(EntryError, match="moves registry indices"):
            core.step(2, Entry(Header(), wrong))
        assert core.configuration == two


@given(wanted())
def test_a_configuration_is_packed_and_unpacked_with_its_version(want: Configuration) -> None:
    found, version = unpack(pack(want))
    assert found == want
    assert version == want.version() == version_of(want.encode())
    assert len(version) == 16


def test_any_difference_is_another_version() -> None:
    plain = plant(limit({"red": 9.0}))
    others = [
        plant(limit({"red": 9.5})),
        plant(limit({"red": 9.0}, on_delay=1)),
        plant(limit({"red": 9.0}), sensors=(sensor(high=1.0),)),
        plant(limit({"red": 9.0}), sensors=(sensor(retired=True),)),
        plant(limit({"orange": 9.0})),
        plant(),
    ]
    assert len({plain.version(), *(one.version() for one in others)}) == len(others) + 1
    assert plant(limit({"red": 9})).version() == plain.version()  # 9 and 9.0 are one limit


@pytest.mark.parametrize("data", [b"", b"x", zlib.compress(b"{"), zlib.compress(b'{"sites": 5}')])
def test_what_is_no_configuration_is_refused(data: bytes) -> None:
    with pytest.raises(EntryError, match="cannot be read"):
        unpack(data)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"links": (Link(1, "mqtt"),)}, "source 'mqtt' is at site 1, of 1 sites"),
        ({"links": (Link(-1, "mqtt"),)}, "at site -1"),
        ({"sensors": (Sensor("P1", 1, 0, "q", "MPa"),)}, "sensor 'P1' is at site 1 and link 0"),
        ({"sensors": (Sensor("P1", 0, 1, "q", "MPa"),)}, "link 1, of 1 sites and 1 links"),
        ({"sensors": (Sensor("P1", 0, -1, "q", "MPa"),)}, "link -1"),
        ({"sites": (), "links": (), "sensors": (Sensor("P1", 0, 0, "q", "MPa"),)}, "of 0 sites"),
    ],
)
def test_an_index_that_leads_nowhere_is_refused(change: dict[str, Any], said: str) -> None:
    whole = Configuration((Site("s", "acme", "a/b/c"),), (Link(0, "mqtt"),))
    assert unpack(pack(whole))[0] == whole
    with pytest.raises(EntryError, match=re.escape(said)):
        unpack(pack(msgspec.structs.replace(whole, **change)))


@given(wanted(), st.binary(min_size=1, max_size=20))
def test_nothing_may_stand_behind_a_configuration_or_be_missing(
    want: Configuration, more: bytes
) -> None:
    with pytest.raises(EntryError, match="stand behind it"):
        unpack(pack(want) + more)
    with pytest.raises(EntryError, match="cut short"):
        unpack(pack(want)[: -len(more)])


def test_levels_that_are_no_ladder_are_named() -> None:
    unused = LevelLimits()

    def four(**changed: Any) -> tuple[LevelLimits, ...]:
        return (LevelLimits(high=1.0), unused, LevelLimits(**changed), unused)

    assert check_levels(four(high=1.0, low=-1.0, deadband=0.5)) is None
    assert check_levels(four(high=0.5)) == "a graver level must not have a smaller high limit"
    low = (LevelLimits(low=0.0), LevelLimits(low=1.0), unused, unused)
    assert check_levels(low) == "a graver level must not have a larger low limit"
    for wrong in ({"high": float("inf")}, {"high": 2.0, "deadband": float("nan")}):
        assert check_levels(four(**wrong)) == "limits and deadbands must be finite"
    for name in ("deadband", "on_delay", "off_delay"):
        text = "deadbands and delays must not be negative"
        assert check_levels(four(**{"high": 2.0, name: -1})) == text
    assert check_levels(four()[:3]) == "four levels are needed"


def test_a_judgement_of_whole_numbers_is_one_of_floats() -> None:
    four = (LevelLimits(high=1), LevelLimits(), LevelLimits(), LevelLimits())
    one, other = (Judgement("", "", "1", four, {"window": x}, scale=x) for x in (2, 2.0))
    assert msgspec.json.encode(one) == msgspec.json.encode(other)
