"""Line protocol: points/s of our encoder beside a plain f-string loop and the client's Point.

    python benchmarks/lineprotocol.py

Claim: at least 500,000 points/s. 5,000 sensors, Frames of 10,000 rows, values of full precision;
medians of the rounds. All three write the same bytes apart from how a number is spelt.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.frame import Frame
from lifeline.engine.outputs.lineprotocol import SeriesEncoder, prefix

SENSORS, ROWS, ROUNDS = 5_000, 10_000, 15


def configuration() -> Configuration:
    sensors = tuple(
        Sensor(
            id=f"GD-{i}", site=0, link=0, quantity="gas.combustible", unit="%LEL", asset=f"M-{i}"
        )
        for i in range(SENSORS)
    )
    site = Site(id="gas-east", tenant="acme", area="hefei/shushan/east")
    return Configuration(sites=(site,), links=(Link(site=0, source="mqtt"),), sensors=sensors)


def frame() -> Frame:
    rng = np.random.default_rng(1)
    times = 1_700_000_000_000_000_000 + np.arange(ROWS) * 1_000_003
    return Frame.of(rng.integers(0, SENSORS, ROWS), times, rng.normal(20, 3, ROWS))


def by_fstring(heads: list[str], data: Frame) -> bytes:
    columns = (data.sensor, data.time, data.value, data.quality)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return "".join(f"{heads[s]} value={v!r},quality={q}i {t}\n" for s, t, v, q in rows).encode()


def by_point(tags: list[dict[str, str]], data: Frame) -> bytes:
    from influxdb_client.client.write.point import Point

    make: Any = Point  # it has no types
    lines = []
    for s, t, v, q in zip(data.sensor, data.time, data.value, data.quality, strict=True):
        point = make("gas")
        for key, value in tags[s].items():
            point.tag(key, value)
        lines.append(point.field("value", float(v)).field("quality", int(q)).time(int(t)))
    return "\n".join(line.to_line_protocol() for line in lines).encode()


def rate(encode: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Median points per second, after one round that is not counted."""
    encode()
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        encode()
        taken.append(time.perf_counter() - begun)
    return ROWS / statistics.median(taken)


def main() -> None:
    plant, data = configuration(), frame()
    site = plant.sites[0]
    tags = [
        {
            "tenant": site.tenant,
            "area": site.area,
            "site": site.id,
            "asset": s.asset,
            "sensor": s.id,
            "quantity": s.quantity,
        }
        for s in plant.sensors
    ]
    heads = [prefix("gas", each) for each in tags]
    encoder = SeriesEncoder(plant)
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    for name, encode, rounds in (
        ("by column (shipped)", lambda: encoder.encode(data), ROUNDS),
        ("f-string per point", lambda: by_fstring(heads, data), ROUNDS),
        ("influxdb_client Point", lambda: by_point(tags, data), 3),
    ):
        print(f"{name:24}{rate(encode, rounds) / 1e6:8.2f} M points/s")


if __name__ == "__main__":
    main()
