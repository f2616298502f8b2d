"""A configuration taken apart, put into deltas and chunks: nothing is lost, moved or doubled."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_city import city
from lifeline.engine.cluster.contents import Base, Content, packed, unpacked
from lifeline.engine.cluster.delta import Delta, applied, difference
from lifeline.engine.cluster.partitioning import split
from lifeline.engine.cluster.topics import partition_of
from lifeline.engine.configuration import Configuration, Sensor, continued
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header
from lifeline.engine.errors import EntryError, SpecError
from lifeline.engine.limits import CLUSTER_CHUNK_BYTES, CLUSTER_DELTA_DEPTH
from oracle.choices import Drawn
from oracle.generate_plant import PACES, changed, plant

partitions = st.integers(1, 9)


@st.composite
def histories(draw: st.DrawFn, most: int = 4) -> list[Configuration]:
    """Configurations of one plant, each continuing the one before it."""
    choices = Drawn(draw)
    pace = choices.pick(PACES)
    found = [plant(choices, pace)]
    for number in range(draw(st.integers(0, most))):
        wanted = changed(choices, pace, found[-1], 100 + number)
        found.append(continued(found[-1], wanted))
    return found


def key(configuration: Configuration, sensor: Sensor) -> tuple[str, str, str, str]:
    link = configuration.links[sensor.link]
    home = configuration.sites[sensor.site]
    assert link.site == sensor.site
    return home.id, home.tenant, link.source, sensor.id


# --- partitions ----------------------------------------------------------------------------------
@given(st.text(), st.integers(1, 4_096))
def test_a_site_is_in_one_partition_that_exists(site: str, n: int) -> None:
    assert 0 <= partition_of(site, n) < n
    assert partition_of(site, n) == partition_of(site, n)


@pytest.mark.parametrize(
    ("site", "of_12", "of_4096"), [("gas-east", 10, 3818), ("庐阳-02", 5, 3653), ("", 0, 1764)]
)
def test_the_partition_is_the_same_for_ever(site: str, of_12: int, of_4096: int) -> None:
    """Other programs compute it too; a change would tear every site from its history."""
    assert (partition_of(site, 12), partition_of(site, 4_096)) == (of_12, of_4096)


@given(histories(0), partitions)
def test_every_sensor_is_in_exactly_one_part_and_the_order_is_kept(
    history: list[Configuration], n: int
) -> None:
    whole = history[0]
    parts = split(whole, n)
    assert len(parts.parts) == len(parts.versions) == n
    for p, part in enumerate(parts.parts):
        assert parts.versions[p] == part.version()
        assert part.rules == whole.rules
        mine = np.flatnonzero(parts.partition_of_sensor == p)
        assert [key(part, s) for s in part.sensors] == [key(whole, whole.sensors[i]) for i in mine]
        assert parts.local[mine].tolist() == list(range(len(part.sensors)))
        assert [s.id for s in part.sites] == [
            s.id for s in whole.sites if partition_of(s.id, n) == p
        ]
        assert sum(partition_of(whole.sites[x.site].id, n) == p for x in whole.links) == len(
            part.links
        )


@given(histories(0), partitions)
def test_a_sensor_says_the_same_in_its_part(history: list[Configuration], n: int) -> None:
    whole = history[0]
    parts = split(whole, n)
    for i, sensor in enumerate(whole.sensors):
        part = parts.parts[parts.partition_of_sensor[i]]
        there = part.sensors[parts.local[i]]
        assert msgspec.structs.replace(there, site=sensor.site, link=sensor.link) == sensor
        assert part.sites[there.site] == whole.sites[sensor.site]
        assert (
            msgspec.structs.replace(part.links[there.link], site=sensor.site)
            == whole.links[sensor.link]
        )


@given(histories(), partitions)
def test_what_continues_the_city_continues_each_part(history: list[Configuration], n: int) -> None:
    for before, after in pairwise(history):
        for a, b in zip(split(before, n).parts, split(after, n).parts, strict=True):
            assert [s.id for s in b.sites[: len(a.sites)]] == [s.id for s in a.sites]
            assert [(x.site, x.source) for x in b.links[: len(a.links)]] == [
                (x.site, x.source) for x in a.links
            ]
            assert [(s.site, s.link, s.id) for s in b.sensors[: len(a.sensors)]] == [
                (s.site, s.link, s.id) for s in a.sensors
            ]
            # `continued` of the part alone would give the same: nothing else holds its indices.
            assert continued(a, b) == b


def test_a_core_takes_the_parts_of_a_city_that_grows_one_after_another() -> None:
    """Also a part without a site, which every partition may be at first."""
    small, large = city(3, 2), city(40, 2)
    for before, after in zip(split(small, 8).parts, split(large, 8).parts, strict=True):
        core = Core()
        for position, part in enumerate((before, after), 1):
            core.step(position, Entry(Header(registry=part.version()), part))
        assert core.versions == {before.version(), after.version()}


@pytest.mark.parametrize("n", [0, -1])
def test_a_cluster_without_a_partition_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        split(Configuration(), n)


def test_a_sensor_behind_another_sites_link_is_refused() -> None:
    whole = city(3)
    wrong = msgspec.structs.replace(whole.sensors[0], link=1)
    broken = msgspec.structs.replace(whole, sensors=(wrong, *whole.sensors[1:]))
    with pytest.raises(SpecError, match="link of another site"):
        split(broken, 2)


def test_nothing_of_a_configuration_is_forgotten() -> None:
    """Who adds a field says here how it is taken apart and what its delta is."""
    known = ("sites", "links", "sensors", "rules")
    assert Configuration.__struct_fields__ == Delta.__struct_fields__ == known


# --- deltas --------------------------------------------------------------------------------------
@given(histories(), histories())
def test_a_delta_laid_over_its_base_is_the_whole(
    one: list[Configuration], other: list[Configuration]
) -> None:
    """Of any two: those that follow one another, backwards, and those of other plants."""
    for before, after in zip(
        [*one, other[0], Configuration()], [*one[1:], *other, one[0]], strict=False
    ):
        delta = difference(before, after)
        read = msgspec.json.decode(msgspec.json.encode(delta), type=Delta)
        found = applied(before, read)
        assert found == after
        assert found.version() == after.version()


@given(histories(0))
def test_nothing_changed_is_nearly_nothing(history: list[Configuration]) -> None:
    (same,) = history
    delta = difference(same, same)
    assert delta == Delta(
        sites=((0, len(same.sites)),),
        links=((0, len(same.links)),),
        sensors=((0, len(same.sensors)),),
        rules=((0, len(same.rules)),),
    )


@pytest.mark.parametrize("run", [(0, 4), (3, 1), (-1, 1), (0, 0), (1, -1)])
def test_a_run_beyond_the_base_is_refused(run: tuple[int, int]) -> None:
    with pytest.raises(EntryError, match="refers to items"):
        applied(city(3), Delta(sites=(run,)))


# --- contents ------------------------------------------------------------------------------------
def written(configuration: Configuration, base: Base | None = None) -> Content:
    return packed(configuration, configuration.version(), base)


@given(histories())
def test_what_is_packed_is_unpacked(history: list[Configuration]) -> None:
    base: Base | None = None
    for configuration in history:
        content = written(configuration, base)
        below = base.configuration if base is not None and content.head.base else None
        found = unpacked(content.version, content.head, content.chunks, below)
        assert found.version() == configuration.version() == content.version
        assert found == configuration
        base = Base(content.version, content.head.depth, found)


@given(histories(0), st.data())
def test_a_damaged_chunk_is_refused(history: list[Configuration], data: st.DataObject) -> None:
    content = written(history[0])
    (chunk,) = content.chunks
    at = data.draw(st.integers(0, len(chunk) - 1))
    torn = bytearray(chunk)
    torn[at] ^= data.draw(st.integers(1, 255))
    for bad in (bytes(torn), chunk[:at], chunk + b"x"):
        with pytest.raises(EntryError, match="checksum"):
            unpacked(content.version, content.head, (bad,), None)


def test_a_large_content_is_in_chunks_that_fit_a_record() -> None:
    """Names without a pattern, as a city has them: what compresses well fits one chunk anyway."""
    import hashlib

    plain = city(2_000, 10)
    names = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(len(plain.sensors))]
    sensors = (
        msgspec.structs.replace(s, name=n) for s, n in zip(plain.sensors, names, strict=True)
    )
    whole = msgspec.structs.replace(plain, sensors=tuple(sensors))
    content = written(whole)
    sizes = [len(chunk) for chunk in content.chunks]
    assert len(sizes) > 1
    assert sizes[:-1] == [CLUSTER_CHUNK_BYTES] * (len(sizes) - 1)
    assert 0 < sizes[-1] <= CLUSTER_CHUNK_BYTES
    assert content.head.size == sum(sizes)
    assert unpacked(content.version, content.head, content.chunks, None) == whole
    for wrong in (content.chunks[1:], content.chunks[::-1]):
        with pytest.raises(EntryError, match="checksum"):
            unpacked(content.version, content.head, wrong, None)


def test_a_content_under_a_wrong_name_is_refused() -> None:
    content = written(city(3))
    with pytest.raises(EntryError, match=content.version.hex()):
        unpacked(bytes(16), content.head, content.chunks, None)


def test_a_delta_without_or_with_another_base_is_refused() -> None:
    before, other = city(300), city(299)
    after = msgspec.structs.replace(before, rules=())
    content = written(after, Base(before.version(), 0, before))
    assert content.head.form == "delta"
    assert unpacked(content.version, content.head, content.chunks, before) == after
    with pytest.raises(EntryError, match=f"its base {before.version().hex()} is missing"):
        unpacked(content.version, content.head, content.chunks, None)
    with pytest.raises(EntryError):
        unpacked(content.version, content.head, content.chunks, other)


def test_deltas_do_not_lie_upon_one_another_without_end() -> None:
    configuration = city(200)
    base: Base | None = None
    depths = []
    for i in range(CLUSTER_DELTA_DEPTH + 3):
        configuration = msgspec.structs.replace(configuration, rules=configuration.rules[: i % 2])
        content = written(configuration, base)
        depths.append(content.head.depth)
        base = Base(content.version, content.head.depth, configuration)
    assert depths == [*range(CLUSTER_DELTA_DEPTH + 1), 0, 1]


def test_a_change_of_everything_is_written_whole() -> None:
    before, after = city(50), city(60, 3, 5)
    content = written(msgspec.structs.replace(after, sites=()), Base(before.version(), 0, before))
    assert content.head.form == "whole"
