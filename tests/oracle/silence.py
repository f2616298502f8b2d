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
        state.lead = deadline + lag
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


def freshen_link(partition: Partition, index: int, seen: Seen, received: int) -> None:
    """The link speaks again: its stale event sensors are fresh, and those whose silence was the
    link's are to be heard within their time from now; by sensor index."""
    link = partition.links[index]
    silent, quiet = link.silent, link.quiet
    link.silent = link.quiet = False
    for sensor, state in sorted(partition.sensors.items()):
        if partition.configuration.sensors[sensor].link != index:
            continue
        if partition.lives_by(sensor, index):
            if silent and state.stale:
                _freshen(partition, sensor, seen)
        elif quiet:
            _excuse(partition, sensor, received)
            for instance in partition.by_sensor[sensor]:
                if instance.rule.kind == "stale":
                    judge_link(partition, instance, seen)


def _freshen(partition: Partition, sensor: int, seen: Seen) -> None:
    state = partition.sensors[sensor]
    known, state.stale, state.unknown, state.by_link = state.unknown, False, False, False
    if known:
        partition.groups.presence(sensor, "heard", seen.jt, seen.historic)
    for instance in partition.by_sensor[sensor]:
        if instance.rule.kind == "stale":
            judge_fresh(partition, instance, seen)
        elif known and instance.rule.kind != "clock":
            partition.happen(instance, "known", time=seen.jt, historic=seen.historic)


def _excuse(partition: Partition, sensor: int, received: int) -> None:
    state = partition.sensors[sensor]
    if state.by_link:
        state.by_link = state.stale = False
        arm_sensor(partition, sensor, received, 0)


def judge_link(partition: Partition, own: Instance, seen: Seen) -> None:
    """Kind stale: the link itself, when one of its sensors is not silent by it any more."""
    if not any(partition.sensors[one].by_link for one in _selected(partition, own)):
        link = _link_instance(partition, own, itself=True)
        partition.judge(link, OVER, seen.jt, True, seen.lag, seen.historic)


def judge_fresh(partition: Partition, own: Instance, seen: Seen) -> None:
    """Kind stale, at fresh: its link's subjects, then the sensor's own."""
    if not any(partition.sensors[one].stale for one in _unheard(partition, own)):
        link = _link_instance(partition, own)
        partition.judge(link, OVER, seen.jt, True, seen.lag, seen.historic)
    judge_link(partition, own, seen)
    partition.judge(own, OVER, seen.jt, True, seen.lag, seen.historic)


def _spoke(partition: Partition, index: int) -> int:
    """When the sensor was heard last: by receipt, or by event time where it has no own timer."""
    sensor, state = partition.configuration.sensors[index], partition.sensors[index]
    if sensor.stale > 0 and sensor.reports != "event":
        if state.stale:
            return state.spoke
        if state.timer is not None:
            return state.lead - sensor.stale
    return state.sensing.judged or 0


def its_links(partition: Partition, index: int) -> bool:
    """Whether the sensor's silence is that of its link, which has not spoken either since the
    sensor should have."""
    sensor = partition.configuration.sensors[index]
    if not partition.sensors[index].heard or not several(partition, index):
        return False
    latest = max(_spoke(partition, i) for i in _heard_beside(partition, index))
    return latest < _spoke(partition, index) + sensor.stale // 2


def several(partition: Partition, index: int) -> bool:
    """Whether at least two sensors of its link were ever heard: one alone is no link."""
    return len(_heard_beside(partition, index)) > 1


def _heard_beside(partition: Partition, index: int) -> list[int]:
    sensors = partition.configuration.sensors
    return [
        i
        for i, state in partition.sensors.items()
        if state.heard and sensors[i].link == sensors[index].link
    ]


def go_stale(partition: Partition, index: int, deadline: int, of_link: bool = False) -> None:
    """The sensor was not heard in time. Nothing clears by it."""
    state, sensor = partition.sensors[index], partition.configuration.sensors[index]
    if state.stale:
        state.timer = state.link_timer = None
        return
    of_link = of_link and state.heard
    state.spoke, state.by_link = _spoke(partition, index), of_link
    state.timer = state.link_timer = None
    if of_link and sensor.reports != "event":
        partition.links[sensor.link].quiet = True
    change, state.stale, state.unknown = not state.unknown, True, True
    historic = state.sensing.historic_first is not None
    if change:
        partition.groups.presence(index, "silent", deadline, historic)
    for instance in partition.by_sensor[index]:
        instance.levels.drop_clears()
        if instance.rule.kind == "stale":
            subject, x = instance, AT_ONCE
            if not state.heard:
                subject = _link_instance(partition, instance)
                x = Measured(float(len(_unheard(partition, instance))))
            elif of_link:
                subject = _link_instance(partition, instance, itself=True)
                x = Measured(float(len(_selected(partition, instance))))
            partition.judge(subject, x, deadline, True, 0, historic)
        elif change and instance.rule.kind != "clock":
            partition.happen(instance, "unknown", time=deadline, historic=historic)


def _unheard(partition: Partition, own: Instance) -> list[int]:
    """The never-heard sensors that the rule selects on the link of this one."""
    return [one for one in _selected(partition, own) if not partition.sensors[one].heard]


def _selected(partition: Partition, own: Instance) -> list[int]:
    """The sensors that the rule selects on the link of this one."""
    assert own.sensor is not None
    link = partition.configuration.sensors[own.sensor].link
    return [
        one.sensor
        for one in partition.instances.values()
        if (one.rule.id, one.rule.kind) == (own.rule.id, own.rule.kind)
        and one.sensor is not None
        and partition.configuration.sensors[one.sensor].link == link
    ]


def _link_instance(partition: Partition, own: Instance, itself: bool = False) -> Instance:
    assert own.sensor is not None
    link = partition.configuration.sensors[own.sensor].link
    return partition.instances[own.rule.id, own.rule.kind, "link" if itself else "source", link]
