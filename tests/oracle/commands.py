"""What people do to alarms. Page §6."""

from __future__ import annotations

from lifeline.engine.command import Command
from lifeline.engine.limits import MAX_SHELVE_NS, REMEMBERED_COMMANDS

from .partition import Partition
from .plant import Instance
from .record import OracleReply
from .table import NORMAL, RETURNED, SHELVED, UNACKNOWLEDGED


def obey(partition: Partition, command: Command, exercise: bool) -> None:
    """Do it once, and answer; `exercise` says that it came in a drill."""
    if command.id in partition.seen_commands:
        partition.replies.append(OracleReply(command.id, "repeated"))
        return
    partition.seen_commands[command.id] = None
    if len(partition.seen_commands) > REMEMBERED_COMMANDS:
        del partition.seen_commands[next(iter(partition.seen_commands))]
    instance = partition.alarm(command.site, command.alarm)
    seq = 0
    if instance is not None and not _of_another_world(partition, instance, command, exercise):
        seq = _do(partition, instance, command)
    partition.replies.append(OracleReply(command.id, "done" if seq else "refused", seq))


def _of_another_world(
    partition: Partition, instance: Instance, command: Command, exercise: bool
) -> bool:
    """A drill moves nothing actual; an area's command, of whatever kind, nothing of a drill."""
    if partition.drill(instance.site):
        return command.principal.startswith("area:")
    return exercise


def _do(partition: Partition, instance: Instance, command: Command) -> int:
    """The seq of the record that it makes, 0 where it is refused."""
    episode = 0 if instance.alarm.state == NORMAL else instance.alarm.episode
    if command.episode not in (0, episode):
        return 0
    match command.action:
        case "acknowledge":
            return _acknowledge(partition, instance, command)
        case "shelve":
            return _shelve(partition, instance, command)
        case "unshelve":
            if instance.alarm.state != SHELVED:
                return 0
            event = instance.alarm.unshelve_event()
            return _happen(partition, instance, event, command)


def _acknowledge(partition: Partition, instance: Instance, command: Command) -> int:
    alarm = instance.alarm
    seen = command.seq == 0 or command.seq >= alarm.rise_seq
    if alarm.state not in (UNACKNOWLEDGED, RETURNED) or not seen:
        return 0
    return _happen(partition, instance, "acknowledge", command)


def _shelve(partition: Partition, instance: Instance, command: Command) -> int:
    alarm, wanted = instance.alarm, command.expires - partition.appended
    if not 0 < wanted <= MAX_SHELVE_NS[max(alarm.level, 1) - 1]:
        return 0
    seq = _happen(partition, instance, "shelve", command, command.expires)
    alarm.cover = max(n for n, most in enumerate(MAX_SHELVE_NS, 1) if most >= wanted)
    return seq


def _happen(
    partition: Partition, instance: Instance, event: str, command: Command, until: int = 0
) -> int:
    detail = {
        "principal": command.principal,
        "role": command.role,
        "reason": command.reason,
        "command": command.id,
    }
    now = partition.appended
    return partition.happen(instance, event, time=now, detail=detail, until=until)
