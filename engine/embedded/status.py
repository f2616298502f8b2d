"""How the engine is, as plain data: for the status file, the health topic and whoever asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

from ..errors import LogError
from ..troubles import EngineTrouble

State = Literal["starting", "running", "stopping", "stopped", "failed"]


class EngineStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """One look at a running engine; times are ns UTC, durations ns.

    state       starting, running, stopping, stopped, failed
    failure     why it ended, "" unless failed
    time        when this was written; older than some seconds: nobody writes it
    interval    how often it is written
    log         end, first, log_id, used and limit in bytes, what fails, counters
    core        position, behind (entries), wall (its time), lag (from now), counters, version of
                the configuration, sites, sensors, rules, records by level and transition, and
                how long steps took: bounds in s, steps per bucket, their sum in ns
    standing    alarms that are not normal, by level and by state
    snapshot    position, time, bytes, last and longest cut
    ticks       appended, resumed, refused, and how far the engine's time is ahead of wall time
    agent       its own account: state, counters, sources; {} where there is none
    outputs     by cursor name: alive, position, behind, counters, troubles
    troubles    the last ones, the oldest first; `trouble_counts` since the start
    dead_letters  messages that could not be read, by reason; unknown topics and sensors
    calls       call and respond: position, behind, persons, open calls, who was told, links, its
                outputs; {} where there is no roster
    areas       the second stage: position, behind, what was heard and ordered, what stands, its
                outputs; {} where there is none
    """

    version: int = 1
    node: str
    pid: int
    state: State
    failure: str
    time: int
    started: int
    interval: int
    log: dict[str, Any]
    core: dict[str, Any]
    standing: dict[str, Any]
    snapshot: dict[str, Any]
    ticks: dict[str, Any]
    commands: dict[str, int]
    agent: dict[str, Any]
    outputs: dict[str, Any]
    troubles: list[EngineTrouble]
    trouble_counts: dict[str, int]
    dead_letters: dict[str, int]
    unknown: dict[str, list[tuple[str, int]]]
    areas: dict[str, Any] = {}
    calls: dict[str, Any] = {}


def write_status(path: Path, status: EngineStatus) -> None:
    """Replaces the status file at once; a reader sees the old or the new one. Raises OSError."""
    new = path.with_suffix(".new")
    new.write_bytes(msgspec.json.format(msgspec.json.encode(status), indent=1))
    new.replace(path)


def read_status(directory: Path) -> EngineStatus | None:
    """The last status in a data directory, None where there is none. Its `time` and `state` say
    whether it still holds. Raises LogError where it cannot be read.
    """
    path = directory / "status.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=EngineStatus)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise LogError(f"{path} cannot be read: {error}") from error


def health_of(status: EngineStatus) -> dict[str, Any]:
    """The part of a status that the health topic carries."""
    return {
        "state": status.state,
        "failure": status.failure,
        "position": status.core["position"],
        "behind": status.core["behind"],
        "lag": status.core["lag"],
        "standing": {name: status.standing[name] for name in ("by_level", "by_state")},
        "samples_refused": sum(status.dead_letters.values()),
        "outputs": {
            name: {"behind": output["behind"], "troubles": [t["kind"] for t in output["troubles"]]}
            for name, output in status.outputs.items()
        },
        "log": {name: status.log[name] for name in ("failing", "refused", "used", "limit")},
        "troubles": status.trouble_counts,
    }
