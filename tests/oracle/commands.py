"""What people do to alarms. Page §6."""

from __future__ import annotations

from lifeline.engine.command import Command
from lifeline.engine.limits import DAY_NS, MAX_SHELVE_NS, REMEMBERED_COMMANDS

from .maintenance import order
from .partition import Partition
from .plant import Instance
from .record import OracleReply
from .table import LATCHED, NORMAL, OUT, RETURNED, SHELVED, UNACKNOWLEDGED

OUT_OF_SERVICE_NS = (90 * DAY_NS, 30 * DAY_NS, 14 * DAY_NS, 7 * DAY_NS)


def obey(partition: Partition, command: Command, exercise: bool) -> None:
    """Do it once, and answer; `exercise` says that it came in a drill."""
    if command.id in partition.seen_commands:
        partition.replies.append(OracleReply(command.id, "repeated"))
        return
    partition.seen_commands[command.id] = None
    if len(partition.seen_commands) > REMEMBERED_COMMANDS:
        del partition.seen_commands[next(iter(partition.seen_commands))]
    seq = 0 if _of_another_world(partition, command, exercise) else _obeyed(partition, command)
    partition.replies.append(OracleReply(command.id, "done" if seq else "refused", seq))


def _of_another_world(partition: Partition, command: Command, exercise: bool) -> bool:
    """A drill moves nothing actual; an area's command, of whatever kind, nothing of a drill."""
    for site in partition.configuration.sites:
        if site.id == command.site:
            return command.principal.startswith("area:") if site.exercise else exercise
    return False


def _obeyed(partition: Partition, command: Command) -> int:
    """The seq of the record that it makes, of the last where it makes several; 0: refused."""
    if command.action in ("maintenance", "end_maintenance"):
        return order(partition, command, _detail(command))
    if command.action in ("out_of_service", "in_service") and command.alarm.startswith("sensor:"):
        return _sensor(partition, command)
    instance = partition.alarm(command.site, command.alarm)
    if instance is None:
        return 0
    episode = 0 if instance.alarm.state == NORMAL else instance.alarm.episode
    if command.episode not in (0, episode):
        return 0
    return _do(partition, instance, command, instance.alarm.level)


def _sensor(partition: Partition, command: Command) -> int:
    """All alarms of one sensor; the gravest says how long."""
    config, seq = partition.configuration, 0
    mine = [
        one
        for one in partition.instances.values()
        if one.sensor is not None
        and config.sites[one.site].id == command.site
        and one.subject == command.alarm.removeprefix("sensor:")
    ]
    gravest = max((one.alarm.level for one in mine), default=0)
    for one in sorted(mine, key=lambda x: x.ordinal):
        seq = _do(partition, one, command, gravest) or seq
    return seq


def _do(partition: Partition, instance: Instance, command: Command, gravest: int) -> int:
    """The seq of the record that it makes, 0 where it is refused."""
    alarm = instance.alarm
    match command.action:
        case "acknowledge":
            return _acknowledge(partition, instance, command)
        case "reset" if alarm.state == LATCHED:
            return _happen(partition, instance, "reset", command)
        case "shelve" if alarm.state != OUT:
            return _keep_away(partition, instance, command, "shelve", MAX_SHELVE_NS, gravest)
        case "out_of_service" if command.reason:
            return _keep_away(partition, instance, command, "remove", OUT_OF_SERVICE_NS, gravest)
        case "unshelve" if alarm.state == SHELVED:
            return _end(partition, instance, command)
        case "in_service" if alarm.state == OUT:
            return _end(partition, instance, command)
        case _:
            return 0


def _acknowledge(partition: Partition, instance: Instance, command: Command) -> int:
    alarm, realarm = instance.alarm, instance.rule.realarm
    seen = command.seq == 0 or command.seq >= alarm.rise_seq
    if alarm.state not in (UNACKNOWLEDGED, RETURNED) or not seen:
        return 0
    until = partition.appended + realarm if realarm and alarm.state == UNACKNOWLEDGED else 0
    event = "acknowledge_latching" if alarm.latching else "acknowledge"
    return _happen(partition, instance, event, command, until)


def _keep_away(
    partition: Partition,
    instance: Instance,
    command: Command,
    event: str,
    maxima: tuple[int, ...],
    gravest: int,
) -> int:
    wanted = command.expires - partition.appended
    if not 0 < wanted <= maxima[max(gravest, 1) - 1]:
        return 0
    seq = _happen(partition, instance, event, command, command.expires)
    instance.alarm.cover = max(n for n, most in enumerate(maxima, 1) if most >= wanted)
    return seq


def _end(partition: Partition, instance: Instance, command: Command) -> int:
    return partition.end(instance, time=partition.appended, detail=_detail(command))


def _happen(
    partition: Partition, instance: Instance, event: str, command: Command, until: int = 0
) -> int:
    now = partition.appended
    return partition.happen(instance, event, time=now, detail=_detail(command), until=until)


def _detail(command: Command) -> dict[str, str]:
    return {
        "principal": command.principal,
        "role": command.role,
        "reason": command.reason,
        "command": command.id,
    }
