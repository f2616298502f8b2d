"""The three payload shapes, byte by byte where it matters."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lifeline.engine.limits import PUBLISH_POINTS, SECOND_NS
from lifeline.simulators.batch import Batch
from lifeline.simulators.city_gas import city_gas
from lifeline.simulators.pipeline import pipeline
from lifeline.simulators.plant import Site
from lifeline.simulators.shapes import Message, iso_local, messages
from lifeline.simulators.sites import SITES
from lifeline.simulators.tailings import tailings

# 2026-01-01 08:00:00 in Shanghai.
NEW_YEAR = 1_767_225_600 * SECOND_NS


def batch(
    site: Site, rows: list[tuple[str, int, int, float, int]], *, due: list[int] | None = None
) -> Batch:
    """Rows of (sensor, number, ms after new year, value, flag)."""
    index = {p.id: i for i, p in enumerate(site.points)}
    time = np.array([NEW_YEAR + r[2] * 1_000_000 for r in rows], np.int64)
    return Batch(
        np.array([index[r[0]] for r in rows], np.int32),
        np.array([r[1] for r in rows], np.int64),
        time,
        np.array([r[3] for r in rows], np.float64),
        np.array([r[4] for r in rows], np.uint8),
        time if due is None else np.array(due, np.int64),
    )


def read(message: Message) -> Any:
    return json.loads(message.payload)


def test_a_single_sample_is_one_object_named_by_its_topic() -> None:
    site = city_gas()
    (message,) = messages(site, batch(site, [("m05-lel", 17, 123, 1.23, 0)]))
    assert message.topic == "city-gas/s02/m05-lel/telemetry"
    assert message.payload == b'{"ts":1767225600123,"data":{"v":1.23,"q":0},"n":17}'
    assert message.gateway == 1


def test_a_faulty_instrument_says_null_and_its_code() -> None:
    site = city_gas()
    (message,) = messages(site, batch(site, [("m01-lel", 1, 0, float("nan"), 1)]))
    assert read(message)["data"] == {"v": None, "q": 1}


def test_points_of_one_line_and_window_share_an_array() -> None:
    site = pipeline()
    rows = [
        ("PT-101", 3, 123, 0.42, 0),
        ("XV-201", 1, 200, 1.0, 0),
        ("AT-101", 3, 1100, float("nan"), 1),
        ("PT-103", 4, 1123, 1000.0, 2),
        ("PT-101", 5, 2123, 0.43, 0),
    ]
    first, other, second = sorted(messages(site, batch(site, rows)), key=lambda m: m.rows[0])
    assert first.topic == "pipeline/line-1/batch"
    assert read(first) == [
        {"tag": "PT-101", "t": "2026-01-01T08:00:00.123+08:00", "value": 0.42, "status": "OK", "n": 3},
        {"tag": "AT-101", "t": "2026-01-01T08:00:01.100+08:00", "value": None, "status": "BAD", "n": 3},
        {"tag": "PT-103", "t": "2026-01-01T08:00:01.123+08:00", "value": 1000.0, "status": "OVER", "n": 4},
    ]  # fmt: skip
    assert first.due == NEW_YEAR + 1_123_000_000  # sent when its last point is there
    assert read(other)[0]["value"] is True
    assert other.topic == "pipeline/line-2/batch"
    assert [p["n"] for p in read(second)] == [5]


def test_an_array_that_would_be_too_long_is_split() -> None:
    site = pipeline()
    rows = [("PT-101", i + 1, i, 0.5, 0) for i in range(PUBLISH_POINTS + 1)]
    assert [len(m.rows) for m in messages(site, batch(site, rows))] == [PUBLISH_POINTS, 1]


def test_a_logger_sends_one_wide_object_in_local_whole_seconds() -> None:
    site = tailings()
    rows = [
        ("piezo_01", 5, 0, 12.3, 0),
        ("disp_h_01", 5, 0, -0.25, 0),
        ("seep_turb", 2, 0, float("nan"), 1),
    ]
    section, pond = messages(site, batch(site, rows))
    assert section.topic == "dam/tailings/section-1"
    assert read(section) == {
        "time": "2026-01-01 08:00:00",
        "piezo_01": 12.3,
        "piezo_01_n": 5,
        "disp_h_01": -0.25,
        "disp_h_01_n": 5,
    }
    assert pond.topic == "dam/tailings/pond"
    assert read(pond) == {"time": "2026-01-01 08:00:00", "seep_turb": None, "seep_turb_n": 2}


def test_two_stamps_never_share_a_wide_object() -> None:
    site = tailings()
    rows = [("rain", 1, 0, 0.0, 0), ("baro", 1, 1000, 1013.0, 0)]
    due = [NEW_YEAR + 5 * SECOND_NS] * 2
    assert [len(m.rows) for m in messages(site, batch(site, rows, due=due))] == [1, 1]


@pytest.mark.parametrize("build", [pytest.param(b, id=n) for n, b in SITES.items()])
def test_every_row_is_in_exactly_one_message_and_they_are_due_in_order(
    build: Callable[[], Site],
) -> None:
    site = build()
    rows = Batch.concat(list(site.samples(NEW_YEAR, 60.0, 8)))
    sent = messages(site, rows)
    carried = np.sort(np.concatenate([m.rows for m in sent]))
    assert carried.tolist() == list(range(len(rows)))
    assert [m.due for m in sent] == sorted(m.due for m in sent)
    for message in sent:
        assert {site.points[s].gateway for s in rows.sensor[message.rows]} == {message.gateway}
        assert len(message.payload) < 20_480


def test_local_time_has_the_offset_and_milliseconds() -> None:
    assert iso_local(0) == "1970-01-01T08:00:00.000+08:00"
    assert iso_local(NEW_YEAR - 1_000_000) == "2026-01-01T07:59:59.999+08:00"
