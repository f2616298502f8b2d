"""An agent's entries taken apart, for any city, any Frame and any number of partitions."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.engine.cluster import splitting
from lifeline.engine.cluster.partitioning import split
from lifeline.engine.cluster.splitting import outgoing
from lifeline.engine.cluster.topics import partition_of
from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.entry import Entry, Header, Tick, decode, encode, stamp
from lifeline.engine.errors import InvariantError
from lifeline.engine.frame import Frame
from lifeline.engine.limits import FORWARD_ROWS, MAX_FRAME_ROWS


def city(sites: int, sensors: int) -> Configuration:
    return Configuration(
        tuple(Site(f"site-{i}", "acme", "a/b/c") for i in range(sites)),
        tuple(Link(i, "src") for i in range(sites)),
        tuple(
            Sensor(f"s{n}", i, i, "gas.combustible", "%LEL")
            for n in range(sensors)
            for i in range(sites)
        ),
    )


def entry(configuration: Configuration, sensor: list[int]) -> Entry:
    """Row i has time i and value i."""
    header = Header("acme", "plant", 7, 1_000, 2_000, configuration.version(), exercise=True)
    n = len(sensor)
    return Entry(header, Frame.of(sensor, range(n), np.arange(n, dtype=float), [n % 3] * n))


@given(st.data())
def test_every_row_arrives_once_in_its_sites_partition_under_its_own_name(
    data: st.DataObject,
) -> None:
    configuration = city(data.draw(st.integers(1, 9)), data.draw(st.integers(1, 3)))
    n = data.draw(st.integers(1, 5))
    parts = split(configuration, n)
    indices = st.integers(0, len(configuration.sensors) - 1)
    given_entry = entry(configuration, data.draw(st.lists(indices, max_size=60)))
    with patch.object(splitting, "FORWARD_ROWS", data.draw(st.integers(1, 20))):
        records = outgoing(given_entry, parts)
    frame = given_entry.payload
    assert isinstance(frame, Frame)
    rows: dict[int, tuple[str, str]] = {}
    last: dict[int, int] = {}
    for partition, value in records:
        got = decode(value)
        assert got.header == replace(
            given_entry.header, appended=0, registry=parts.versions[partition]
        )
        part, payload = parts.parts[partition], got.payload
        assert isinstance(payload, Frame)
        assert len(payload)
        for sensor, time, number, quality in zip(
            payload.sensor, payload.time, payload.value, payload.quality, strict=True
        ):
            named = part.sensors[sensor]
            assert time > last.get(partition, -1), "a partition's rows keep their order"
            last[partition] = int(time)
            assert (number, quality) == (frame.value[time], frame.quality[time])
            site = part.sites[named.site].id
            assert partition_of(site, n) == partition
            rows[int(time)] = site, named.id
    cities = configuration.sensors
    assert rows == {
        i: (configuration.sites[cities[s].site].id, cities[s].id)
        for i, s in enumerate(frame.sensor.tolist())
    }


def test_the_largest_frame_comes_in_records_that_kafka_takes() -> None:
    configuration = city(1, 1)
    records = outgoing(entry(configuration, [0] * MAX_FRAME_ROWS), split(configuration, 1))
    assert [len(decode(r.value).payload) for r in records] == [  # type: ignore[arg-type]
        FORWARD_ROWS,
        MAX_FRAME_ROWS - FORWARD_ROWS,
    ]
    assert max(len(r.value) for r in records) < 900_000


def test_what_the_local_log_stamped_is_taken_off() -> None:
    configuration = city(2, 1)
    stored = decode(stamp(encode(entry(configuration, [0, 1])), 99))
    assert stored.header.appended == 99
    records = outgoing(stored, split(configuration, 3))
    assert {decode(r.value).header.appended for r in records} == {0}


def test_what_no_agent_writes_is_refused() -> None:
    configuration = city(1, 1)
    with pytest.raises(InvariantError, match="tick"):
        outgoing(Entry(Header(), Tick(1)), split(configuration, 1))
    with pytest.raises(InvariantError, match="does not have"):
        outgoing(entry(configuration, [1]), split(configuration, 1))
