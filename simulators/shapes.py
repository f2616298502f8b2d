"""Three shapes of payload, as plants send them, and the description of each as plain data.

single   one object per sample, the sensor named by the topic
         city-gas/<station>/<sensor>/telemetry
         {"ts": 1767225600123, "data": {"v": 1.23, "q": 0}, "n": 17}
points   an array of points, each naming its tag
         pipeline/<line>/batch
         [{"tag": "PT-101", "t": "2026-01-01T08:00:00.123+08:00", "value": 4.2, "status": "OK", "n": 3}]
wide     one object, many fields, whole seconds of local time without a zone
         dam/<dam>/<logger>
         {"time": "2026-01-01 08:00:00", "piezo_01": 12.3, "piezo_01_n": 5, "piezo_02": null, ...}

`n` is the sample's number, for audit only. A faulty instrument has null for its value; a two-state
point says true or false.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from itertools import groupby
from typing import Any, Final

import msgspec
import numpy as np

from lifeline.engine.frame import Int64
from lifeline.engine.limits import PUBLISH_POINTS, SECOND_NS

from .batch import FLAG_FAULT, FLAG_OK, FLAG_OVER, Batch
from .plant import Shape, Site

ZONE: Final = "Asia/Shanghai"  # without a change of clocks since 1991, so a fixed offset serves
BEIJING: Final = timezone(timedelta(hours=8))
STATUS: Final = {FLAG_OK: "OK", FLAG_FAULT: "BAD", FLAG_OVER: "OVER"}


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """One MQTT message: which gateway sends it when, and which rows of the batch it carries."""

    gateway: int
    topic: str
    payload: bytes
    due: int
    rows: Int64


def messages(site: Site, batch: Batch) -> list[Message]:
    """All messages of `batch`, in the order in which they are due.

    A batch cut at a multiple of `site.window_ns` gives the same messages as the uncut stream.
    """
    return sorted(_GROUPED[site.shape](site, batch), key=lambda m: m.due)


def _single(site: Site, batch: Batch) -> Iterator[Message]:
    topics = [f"{site.id}/{site.gateways[p.gateway].name}/{p.id}/telemetry" for p in site.points]
    for i, (sensor, number, time, value, flag, due) in enumerate(_rows(batch)):
        body = {"ts": time // 1_000_000, "data": {"v": value, "q": flag}, "n": number}
        yield Message(
            site.points[sensor].gateway,
            topics[sensor],
            msgspec.json.encode(body),
            due,
            np.array([i], np.int64),
        )


def _points(site: Site, batch: Batch) -> Iterator[Message]:
    window = (batch.due // site.window_ns).tolist()
    rows = list(_rows(batch))
    gateway = [site.points[row[0]].gateway for row in rows]
    order = sorted(range(len(rows)), key=lambda i: (gateway[i], window[i], i))
    for key, group in groupby(order, key=lambda i: (gateway[i], window[i])):
        members = list(group)
        for first in range(0, len(members), PUBLISH_POINTS):
            part = members[first : first + PUBLISH_POINTS]
            yield Message(
                key[0],
                f"{site.id}/{site.gateways[key[0]].name}/batch",
                msgspec.json.encode([_point(site, rows[i]) for i in part]),
                max(rows[i][5] for i in part),
                np.array(part, np.int64),
            )


def _point(site: Site, row: tuple[Any, ...]) -> dict[str, object]:
    sensor, number, time, value, flag, _ = row
    return {
        "tag": site.points[sensor].id,
        "t": iso_local(time),
        "value": bool(value) if site.points[sensor].unit == "bool" else value,
        "status": STATUS[flag],
        "n": number,
    }


def _wide(site: Site, batch: Batch) -> Iterator[Message]:
    rows = list(_rows(batch))
    key = [(site.points[r[0]].gateway, r[5], r[2]) for r in rows]
    order = sorted(range(len(rows)), key=lambda i: (key[i], rows[i][0]))
    for (gateway, due, time), group in groupby(order, key=key.__getitem__):
        members = list(group)
        body: dict[str, object] = {"time": second_local(time // SECOND_NS).replace("T", " ")}
        for i in members:
            name = site.points[rows[i][0]].id
            body |= {name: rows[i][3], f"{name}_n": rows[i][1]}
        yield Message(
            gateway,
            f"dam/{site.id}/{site.gateways[gateway].name}",
            msgspec.json.encode(body),
            due,
            np.array(members, np.int64),
        )


_GROUPED: Final[dict[Shape, Callable[[Site, Batch], Iterator[Message]]]] = {
    "single": _single,
    "points": _points,
    "wide": _wide,
}


def source_description(site: Site) -> dict[str, Any]:
    """The matching source, as the engine's configuration wants it (without id, site and times)."""
    return {
        "single": {
            "topics": [f"{site.id}/{{station}}/{{device}}/telemetry"],
            "payload": {
                "shape": "point",
                "sensor": "{device}",
                "value": "data.v",
                "time": {"path": "ts", "unit": "ms"},
                "quality": {
                    "path": "data.q",
                    "good": [FLAG_OK],
                    "map": {str(FLAG_FAULT): "fault", str(FLAG_OVER): "over_range"},
                },
            },
        },
        "points": {
            "topics": [f"{site.id}/{{line}}/batch"],
            "payload": {
                "points": "$",
                "shape": "point",
                "sensor": "{payload.tag}",
                "value": "value",
                "time": {"path": "t", "unit": "iso"},
                "quality": {
                    "path": "status",
                    "good": [STATUS[FLAG_OK]],
                    "map": {STATUS[FLAG_FAULT]: "fault", STATUS[FLAG_OVER]: "over_range"},
                },
            },
        },
        "wide": {
            "topics": [f"dam/{site.id}/{{logger}}"],
            "payload": {
                "shape": "wide",
                "sensor": "{logger}",
                "time": {"path": "time", "unit": "iso", "zone": ZONE, "resolution": "1s"},
            },
        },
    }[site.shape]


def _rows(batch: Batch) -> Iterator[tuple[Any, ...]]:
    """The rows as Python numbers; NaN becomes None, which JSON has a word for."""
    values = [None if v != v else v for v in batch.value.tolist()]
    return zip(
        batch.sensor.tolist(),
        batch.number.tolist(),
        batch.time.tolist(),
        values,
        batch.flag.tolist(),
        batch.due.tolist(),
        strict=True,
    )


@lru_cache(maxsize=4096)
def second_local(second: int) -> str:
    """Local time of a whole second since 1970 UTC, `2026-01-01T08:00:00`."""
    return datetime.fromtimestamp(second, UTC).astimezone(BEIJING).strftime("%Y-%m-%dT%H:%M:%S")


def iso_local(time_ns: int) -> str:
    """ISO 8601 with milliseconds and offset."""
    return f"{second_local(time_ns // SECOND_NS)}.{time_ns % SECOND_NS // 1_000_000:03d}+08:00"
