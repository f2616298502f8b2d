"""Samples of a small plant, and what their minutes and hours must be by numpy."""

import numpy as np

from lifeline.engine.clock import SystemClock
from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.frame import Float64, Frame, Int64
from lifeline.engine.influx_setup import Step
from lifeline.engine.limits import MINUTE_NS, SECOND_NS
from lifeline.engine.outputs.influx_http import InfluxSender
from lifeline.engine.outputs.influx_target import InfluxTarget
from lifeline.engine.outputs.lineprotocol import SeriesEncoder
from lifeline.engine.quality import Quality

PLANT = Configuration(
    sites=(Site(id="east", tenant="acme", area="hefei/shushan/east"),),
    links=(Link(site=0, source="mqtt"),),
    sensors=(
        Sensor(id="GD-1", site=0, link=0, quantity="gas.combustible", unit="%LEL", asset="M 1,a=b"),
        Sensor(id="GD-2", site=0, link=0, quantity="gas.combustible", unit="%LEL"),
        Sensor(id="P-1", site=0, link=0, quantity="pipe.gas.pressure", unit="kPa", asset="气"),
    ),
)
START = 1_767_225_600 * SECOND_NS + 17 * MINUTE_NS


def plain_states(steps: list[Step]) -> dict[str, str]:
    """State by sentence; notes are about nothing that was done."""
    return {step.text(): step.state for step in steps if step.state != "note"}


def encoded(frame: Frame) -> bytes:
    return SeriesEncoder(PLANT).encode(frame).body


def sent(target: InfluxTarget, frame: Frame) -> None:
    sender = InfluxSender(target, SystemClock())
    answer = sender.send(encoded(frame))
    assert answer.status == 204, answer
    sender.close()


def random_frame(minutes: int, per_minute: int, start: int = START, seed: int = 4) -> Frame:
    """Samples of all sensors at uneven times, some bad, some without a value, some suspect."""
    rng = np.random.default_rng(seed)
    rows = minutes * per_minute
    time = start + np.sort(rng.choice(minutes * 60_000, rows, replace=False)) * 1_000_000
    value = rng.normal(20, 5, rows)
    quality = rng.choice(
        [Quality.GOOD, Quality.OVER_RANGE, Quality.FAULT, Quality.NOT_A_NUMBER],
        rows, p=[0.8, 0.1, 0.05, 0.05],
    )  # fmt: skip
    value[quality == Quality.NOT_A_NUMBER] = np.nan
    value[rng.random(rows) < 0.02] = np.inf
    return Frame.of(rng.integers(0, len(PLANT.sensors), rows), time, value, quality)


Row = tuple[float, float, float, float, int, float]
Rows = dict[tuple[str, int], Row]


def expected(frame: Frame, step: int) -> Rows:
    """min, max, mean, sum, count, last by sensor and start, computed apart from any server."""
    usable = (frame.quality < 128) & np.isfinite(frame.value)
    found: Rows = {}
    begin: Int64 = frame.time // step * step
    for index in np.unique(frame.sensor[usable]):
        for at in np.unique(begin[usable & (frame.sensor == index)]):
            chosen: Float64 = frame.value[usable & (frame.sensor == index) & (begin == at)]
            total = float(np.sum(chosen))
            found[PLANT.sensors[index].id, int(at)] = (
                float(chosen.min()), float(chosen.max()), total / len(chosen), total,
                len(chosen), float(chosen[-1]),
            )  # fmt: skip
    return found


def same(found: Rows, wanted: Rows) -> None:
    """Counts, extremes and last exactly; sums to the rounding of their order."""
    assert found.keys() == wanted.keys()
    keys = sorted(wanted)
    a, b = (np.array([rows[k] for k in keys], float) for rows in (found, wanted))
    for exact in (0, 1, 4, 5):
        assert (a[:, exact] == b[:, exact]).all()
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-9)
