"""How an agent or a sink of the cluster is, as plain data: for the status file and whoever asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from ..errors import LogError
from ..troubles import EngineTrouble

Role = Literal["agent", "sink-mqtt", "sink-influx", "sink-calls"]
State = Literal["starting", "waiting", "running", "stopping", "stopped", "failed"]
STATUS_FILE: Final = "status.json"


class NodeStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """One look at a running process; times are ns UTC, durations ns.

    state          waiting: for the first configuration, with the link away
    failure        why it ended, "" unless failed
    time           when this was written; older than some seconds: nobody writes it
    configuration  version, partitions, sites and sensors of what is in force; {} before the first
    log            the local one: end, first, used and limit in bytes, what fails, counters
    link           to Kafka: link (up, away, held), why, since, behind, counters; of an agent also
                   position and `oldest`, of a sink its sites on hold
    agent          its account: state, counters, sources; {} for a sink
    calls          call and respond: position, behind, persons, open calls, who was told, links; {}
                   where this process calls nobody
    outputs        by name: alive, position, behind, counters, troubles
    troubles       the last ones, the oldest first; `trouble_counts` since the start
    dead_letters   what could not be read or written, by reason; unknown topics and sensors
    """

    version: int = 1
    role: Role
    node: str
    pid: int
    state: State
    failure: str
    time: int
    started: int
    interval: int
    configuration: dict[str, Any]
    log: dict[str, Any]
    link: dict[str, Any]
    agent: dict[str, Any]
    outputs: dict[str, Any]
    troubles: list[EngineTrouble]
    trouble_counts: dict[str, int]
    dead_letters: dict[str, int]
    unknown: dict[str, list[tuple[str, int]]]
    calls: dict[str, Any] = {}


def role_directory(storage: Path, role: Role) -> Path:
    """Where a process of this role keeps its own: several may run beside each other."""
    return storage / role


def write_node_status(directory: Path, status: NodeStatus) -> None:
    """Replaces the status file at once; a reader sees the old or the new one. Raises OSError."""
    path = directory / STATUS_FILE
    new = path.with_suffix(".new")
    new.write_bytes(msgspec.json.format(msgspec.json.encode(status), indent=1))
    new.replace(path)


def read_node_status(directory: Path) -> NodeStatus | None:
    """The last status in a process's directory, None where there is none. Raises LogError where
    it cannot be read."""
    path = directory / STATUS_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=NodeStatus)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise LogError(f"{path} cannot be read: {error}") from error
