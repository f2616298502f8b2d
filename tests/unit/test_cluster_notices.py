"""Notices of a cluster's MQTT sink: from where they begin, and that nothing waits for them unasked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cluster_plants import Judges, city_file
from lifeline.engine.cluster.following import InForce
from lifeline.engine.cluster.mirror_store import Taken
from lifeline.engine.cluster.sink_mqtt import MqttSink
from lifeline.engine.cluster.spec import ClusterSpec
from lifeline.engine.config import Plant, load
from lifeline.engine.outputs.notice_output import CURSOR as NOTICES
from lifeline.engine.record import Record

AWAY = ClusterSpec(servers=("127.0.0.1:9",), partitions=3, area_partitions=1, replication=1)
PLACE = ("lifeline.alerts", 0)


class Nowhere:
    """A broker that nobody listens as."""

    port = 9


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return replace(load(city_file(tmp_path, Nowhere(), cluster=AWAY)), cluster=AWAY)  # type: ignore[arg-type]


def life(plant: Plant, topic: list[Record], delivered: int) -> tuple[dict[str, int], set[str]]:
    """One life of a sink on an empty or kept directory whose group has committed `delivered`
    records: its cursors and outputs when it runs."""
    sink = MqttSink(plant)
    sink.start()
    try:
        configuration = plant.configuration
        sink._changed(InForce(configuration.version(), 3, configuration))
        local = sink.mirror._local
        local.begin()
        if not local.complete:
            if delivered:
                local.take(PLACE, taken(topic, 0, delivered), 0)
            local.completed(sink.cursor)
        sink.mirror.ready = True
        sink._start_outputs()
        following = local.following(PLACE)
        if following < len(topic):
            local.take(PLACE, taken(topic, following, len(topic)), 0)
        return dict(sink.store.cursors()), set(sink.owner.outputs())
    finally:
        sink.stop()


def taken(topic: list[Record], first: int, end: int) -> list[Taken]:
    return [Taken(n, topic[n].encode()) for n in range(first, end)]


def test_notices_begin_behind_what_was_delivered_and_are_left_when_they_are_not_wanted(
    plant: Plant,
) -> None:
    judges = Judges(AWAY, plant.configuration)
    topic = [r for site in ("north", "east") for r in judges.judge(site, 60.0, 5.0)]
    told = replace(plant, outputs=replace(plant.outputs, notices=True))
    cursors, outputs = life(told, topic, delivered=2)
    assert NOTICES in outputs
    assert cursors[NOTICES] == cursors["alert:mqtt"] > 0, "two were told by the machine before"
    first = cursors[NOTICES]
    cursors, _ = life(told, topic, delivered=4)
    assert cursors[NOTICES] == first, "the others are still to be told"
    cursors, outputs = life(plant, topic, delivered=4)
    assert NOTICES not in cursors, "nothing waits for what nobody reads"
    assert outputs == {"alert:mqtt"}
