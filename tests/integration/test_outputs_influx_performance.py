"""Alarm performance at a real InfluxDB: every group has its point, with the figures that it has."""

from pathlib import Path

from lifeline.engine.clock import ManualClock, SystemClock
from lifeline.engine.entry import Entry, Header, Tick, encode
from lifeline.engine.log import LogStore
from lifeline.engine.outputs.influx_http import InfluxSender
from lifeline.engine.outputs.influx_performance import PerformanceOutput
from lifeline.engine.outputs.influx_target import InfluxTarget
from lifeline.engine.outputs.performing import PerformanceKeeper
from lifeline.engine.outputs.standing import standing_changes
from lifeline.engine.performance import Where
from performance_streams import SITES, T0, TEN_MINUTES, stream
from servers.influx import InfluxV2
from servers.process import wait_until

WITHIN_S = 180.0


def test_each_group_has_a_point_of_each_interval(tmp_path: Path, influx: InfluxV2) -> None:
    clock = ManualClock(T0)
    store = LogStore.open(tmp_path, clock)
    records = stream(5, 60)
    store.append([encode(Entry(Header(), Tick(T0)))]).wait(180)
    rows = [(r.site, r.seq, r.encode()) for r in records]
    store.append_records(1, rows, standing_changes(records)).wait(180)
    where = {site: Where(area, "desk, 1") for site, area in SITES.items()}
    keeper = PerformanceKeeper([store], lambda: where, clock, lambda kind, text: None)
    sender = InfluxSender(InfluxTarget(influx.url, bucket=influx.bucket), SystemClock())
    output = PerformanceOutput(keeper, "n", sender.send, SystemClock(), close=sender.close)
    output.start()
    try:
        clock.step_wall(max(r.time for r in records) + 2 * TEN_MINUTES - clock.wall())
        keeper.look()
        told = keeper.latest
        assert told is not None
        wait_until(lambda: output.position == len(told.figures), "the points", within_s=WITHIN_S)
        assert output.counters()["dead"] == 0
        wait_until(
            lambda: influx.count("performance", "alarms") == len(told.figures),
            "what was written",
            within_s=WITHIN_S,
        )
    finally:
        output.stop()
        store.close()
    (desk,) = influx.rows(
        "SELECT alarms, peak, red, worst_share FROM performance "
        "WHERE scope = 'position' AND \"name\" = 'desk, 1' AND world = 'actual'"
    )
    (figures,) = [f for f in told.figures if (f.scope, f.world) == ("position", "actual")]
    assert (int(desk["alarms"]), int(desk["peak"]), int(desk["red"])) == (
        *(figures.alarms, figures.peak, figures.levels[3]),
    )
    assert float(desk["worst_share"]) == figures.worst_share
