"""A server that takes ten series, and a plant of twenty sensors: what is known goes on."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from lifeline.engine.clock import SystemClock
from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.entry import Entry, Header, encode
from lifeline.engine.frame import Frame
from lifeline.engine.log import LogStore
from lifeline.engine.outputs.influx_cardinality import REASON
from lifeline.engine.outputs.influx_feeds import SeriesFeed
from lifeline.engine.outputs.influx_http import InfluxSender
from lifeline.engine.outputs.influx_output import SERIES, InfluxOutput
from lifeline.engine.outputs.influx_room import room_for_samples
from lifeline.engine.outputs.influx_target import InfluxTarget
from servers.fixtures import StartInflux
from servers.influx import Influx
from servers.process import wait_until

MOST = 10
#: What an installation has unless somebody changed its index: only the one in memory is limited.
LIMITED = {"index-version": "inmem", "max-series-per-database": MOST}
PLANT = Configuration(
    sites=(Site(id="east", tenant="acme", area="hefei/shushan/east"),),
    links=(Link(site=0, source="mqtt"),),
    sensors=tuple(
        Sensor(id=f"S{i:02}", site=0, link=0, quantity="gas.combustible", unit="%LEL")
        for i in range(20)
    ),
)


def entry(round_: int) -> bytes:
    """One sample of each sensor, the youngest first."""
    now = SystemClock().wall() + round_
    frame = Frame.of(np.arange(20)[::-1], np.full(20, now), np.full(20, float(round_)))
    return encode(Entry(Header(registry=PLANT.version()), frame))


@contextmanager
def running(server: Influx, store: LogStore, limit: int) -> Iterator[InfluxOutput]:
    """An output from its cursor on, as an engine with this `max_series` has it."""
    target = InfluxTarget(server.url, database=server.database)
    sender = InfluxSender(target, SystemClock())
    feed = SeriesFeed(store, lambda _version: PLANT, room_for_samples(limit))
    output = InfluxOutput(SERIES, feed, store, sender.send, SystemClock(), close=sender.close)
    output.start()
    try:
        yield output
    finally:
        output.stop()


def reached(output: InfluxOutput, position: int) -> bool:
    return output.position >= position


def series(server: Influx) -> list[str]:
    return sorted(row["sensor"] for row in server.rows("SELECT last(value) FROM gas GROUP BY *"))


def test_what_is_known_goes_on_and_what_is_new_waits_for_a_higher_limit(
    start_influx: StartInflux, tmp_path: Path
) -> None:
    server = start_influx(overrides={"data": LIMITED})
    store = LogStore.open(tmp_path / "log")
    try:
        known = [sensor.id for sensor in PLANT.sensors[:9]]
        for round_ in (1, 2):  # the second is another run of the engine
            position = store.append([entry(round_)]).wait(180)
            with running(server, store, MOST) as output:
                wait_until(partial(reached, output, position), "delivery", within_s=180)
                counters = output.counters()
            assert (counters["taken"], counters["dead"]) == (9, 0)
            assert (counters["series"], counters["series_without_room"]) == (9, 11)
            assert series(server) == known
            assert server.count("gas") == 9 * round_
        # The log's writer takes them in its own time.
        wait_until(lambda: store.dead_letter_counts() == {REASON: 22}, "dead letters", within_s=180)

        # Without the limit the server refuses the eleventh, and everything waits for a person.
        store.append([entry(3)]).wait(180)
        with running(server, store, 1_000) as output:
            wait_until(lambda: bool(output.troubles()), "a trouble", within_s=180)
            assert "max-series-per-database" in output.troubles()[0].text
            assert output.position == position
    finally:
        store.close()
