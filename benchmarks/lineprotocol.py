"""Line protocol: points/s of our encoder beside a plain f-string loop and the client's Point.

5,000 sensors, Frames of 10,000 rows, values of full precision; medians. All three write the same bytes
apart from how a number is spelt.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from figure import Figure, Setting, grouped, median_rate

from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.frame import Frame
from lifeline.engine.outputs.lineprotocol import SeriesEncoder, prefix

SENSORS, ROWS, ROUNDS = 5_000, 10_000, 15


def configuration() -> Configuration:
    """One site of SENSORS sensors."""
    sensors = tuple(
        Sensor(
            id=f"GD-{i}", site=0, link=0, quantity="gas.combustible", unit="%LEL", asset=f"M-{i}"
        )
        for i in range(SENSORS)
    )
    site = Site(id="gas-east", tenant="acme", area="hefei/shushan/east")
    return Configuration(sites=(site,), links=(Link(site=0, source="mqtt"),), sensors=sensors)


def frame() -> Frame:
    """ROWS samples in no order of sensors."""
    rng = np.random.default_rng(1)
    times = 1_700_000_000_000_000_000 + np.arange(ROWS) * 1_000_003
    return Frame.of(rng.integers(0, SENSORS, ROWS), times, rng.normal(20, 3, ROWS))


def by_fstring(heads: list[str], data: Frame) -> bytes:
    """The plain way in Python."""
    columns = (data.sensor, data.time, data.value, data.quality)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return "".join(f"{heads[s]} value={v!r},quality={q}i {t}\n" for s, t, v, q in rows).encode()


def by_point(tags: list[dict[str, str]], data: Frame) -> bytes:
    """The client library's own way."""
    from influxdb_client.client.write.point import Point

    make: Any = Point  # it has no types
    lines = []
    for s, t, v, q in zip(data.sensor, data.time, data.value, data.quality, strict=True):
        point = make("gas")
        for key, value in tags[s].items():
            point.tag(key, value)
        lines.append(point.field("value", float(v)).field("quality", int(q)).time(int(t)))
    return "\n".join(line.to_line_protocol() for line in lines).encode()


def tags_of(plant: Configuration) -> list[dict[str, str]]:
    """By sensor: what the series carry."""
    site = plant.sites[0]
    own = {"tenant": site.tenant, "area": site.area, "site": site.id}
    return [
        {**own, "asset": s.asset, "sensor": s.id, "quantity": s.quantity} for s in plant.sensors
    ]


def figures(_: Setting) -> list[Figure]:
    """The shipped encoder, and what it stands beside."""
    plant, data = configuration(), frame()
    tags = tags_of(plant)
    heads = [prefix("gas", each) for each in tags]
    encoder = SeriesEncoder(plant)
    rates = {
        "by column, as shipped": median_rate(lambda: encoder.encode(data), ROWS, ROUNDS),
        "an f-string for each point": median_rate(lambda: by_fstring(heads, data), ROWS, ROUNDS),
        "influxdb_client's Point": median_rate(lambda: by_point(tags, data), ROWS, 3),
    }
    return [
        Figure(
            f"line protocol: {name}",
            f"{grouped(rate / 1e3)} k points/s",
            "≥ 500 k points/s" if name.endswith("shipped") else "",
        )
        for name, rate in rates.items()
    ]
