"""Sensors and links that fall silent, speak again, and catch up. Page §2."""

from __future__ import annotations

from .levels import Measured
from .partition import Partition
from .plant import Instance, Timer
from .sensing import Seen

HEARTBEATS = 3
AT_ONCE = Measured(1.0)
OVER = Measured(0.0)


def arm_sensor(partition: Partition, index: int, start: int, lag: int) -> None:
    """From now on the sensor must be heard within its own expectation."""
    sensor, state = partition.configuration.sensors[index], partition.sensors[index]
    if sensor.stale > 0 and sensor.reports != "event":
        deadline = start + sensor.stale
        state.timer = Timer(deadline, deadline + lag + partition.link_of(index).grace)
        state.armed_once = True


def arm_link(partition: Partition, index: int, start: int) -> None:
    """From now on the link must be heard within three heartbeats, where it promised any."""
    link, state = partition.configuration.links[index], partition.links[index]
    if link.heartbeat > 0:
        deadline = start + HEARTBEATS * link.heartbeat
        state.timer = Timer(deadline, deadline + link.grace)
        state.armed_once = True


def hear_link(partition: Partition, index: int, received: int) -> None:
    """A forward row of any of its sensors."""
    partition.links[index].heard = True
    arm_link(partition, index, received)


def freshen_link(partition: Partition, index: int, seen: Seen) -> None:
    """The link speaks again: its stale event sensors are fresh, by sensor index."""
    if not partition.links[index].silent:
        return
    partition.links[index].silent = False
    for sensor, state in sorted(partition.sensors.items()):
        if not partition.lives_by(sensor, index) or not state.stale:
            continue
        known, state.stale, state.unknown = state.unknown, False, False
        for instance in partition.by_sensor[sensor]:
            if instance.rule.kind == "stale":
                judge_fresh(partition, instance, seen)
            elif known and instance.rule.kind != "clock":
                partition.happen(instance, "known", time=seen.jt, historic=seen.historic)


def judge_fresh(partition: Partition, own: Instance, seen: Seen) -> None:
    """Kind stale, at fresh: the sensor's own subject, then its link's."""
    partition.judge(own, OVER, seen.jt, True, seen.lag, seen.historic)
    if not any(partition.sensors[one].stale for one in _unheard(partition, own)):
        link = _link_instance(partition, own)
        partition.judge(link, OVER, seen.jt, True, seen.lag, seen.historic)


def go_stale(partition: Partition, index: int, deadline: int) -> None:
    """The sensor was not heard in time. Nothing clears by it."""
    state = partition.sensors[index]
    state.timer = state.link_timer = None
    if state.stale:
        return
    change, state.stale, state.unknown = not state.unknown, True, True
    historic = state.sensing.historic_first is not None
    for instance in partition.by_sensor[index]:
        instance.levels.drop_clears()
        if instance.rule.kind == "stale":
            subject, x = instance, AT_ONCE
            if not state.heard:
                subject = _link_instance(partition, instance)
                x = Measured(float(len(_unheard(partition, instance))))
            partition.judge(subject, x, deadline, True, 0, historic)
        elif change and instance.rule.kind != "clock":
            partition.happen(instance, "unknown", time=deadline, historic=historic)


def _unheard(partition: Partition, own: Instance) -> list[int]:
    """The never-heard sensors that the rule selects on the link of this one."""
    assert own.sensor is not None
    link = partition.configuration.sensors[own.sensor].link
    return [
        one.sensor
        for one in partition.instances.values()
        if (one.rule.id, one.rule.kind) == (own.rule.id, own.rule.kind)
        and one.sensor is not None
        and partition.configuration.sensors[one.sensor].link == link
        and not partition.sensors[one.sensor].heard
    ]


def _link_instance(partition: Partition, own: Instance) -> Instance:
    assert own.sensor is not None
    link = partition.configuration.sensors[own.sensor].link
    return partition.instances[own.rule.id, own.rule.kind, "link", link]


def actual(partition: Partition, instance: Instance, time: int) -> None:
    """Caught up: what stands from the backlog stands now."""
    if instance.alarm.historic_mark:
        instance.alarm.historic_mark = False
        if instance.alarm.level > 0:
            partition.happen(instance, "actual", time=time)
