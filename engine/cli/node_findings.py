"""What the doctor finds of a cluster's agents and sinks on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

from ..clock import SystemClock
from ..errors import LogError
from ..limits import SECOND_NS
from .findings import NAMED, RECENT_NS, STATUS_INTERVALS, Finding, delivering, log

if TYPE_CHECKING:
    from ..cluster.node_status import NodeStatus

_COMMANDS: Final = {
    "agent": "lifeline agent",
    "sink-mqtt": "lifeline sink mqtt",
    "sink-influx": "lifeline sink influx",
    "sink-calls": "lifeline sink calls",
}


def processes(storage: Path) -> list[Finding]:
    """Every agent and sink that has run here, and what it says about itself."""
    from ..cluster.node_status import Role, role_directory

    found: list[Finding] = []
    for role in get_args(Role):
        directory = role_directory(storage, role)
        if directory.is_dir():
            found += [*_process(role, directory), *log(directory)]
    return found or [
        Finding("ok", "processes", "no agent and no sink of this file has run on this machine")
    ]


def _process(role: str, directory: Path) -> Iterator[Finding]:
    from ..cluster.node_status import read_node_status
    from ..log.lock import holder

    pid = holder(directory)
    if pid is None:
        yield Finding("warning", role, f"does not run on {directory}", _COMMANDS[role])
        return
    try:
        status = read_node_status(directory)
    except LogError as error:
        yield Finding("wrong", role, str(error))
        return
    if status is None or status.pid != pid:
        yield Finding("warning", role, f"process {pid} runs and has told nothing yet")
        return
    yield from _told(status, SystemClock().wall())


def _told(status: NodeStatus, now: int) -> Iterator[Finding]:
    """What a running process says about itself."""
    role, age_ns = status.role, now - status.time
    if age_ns > STATUS_INTERVALS * status.interval:
        yield Finding(
            "wrong", role, f"process {status.pid} is silent since {age_ns // SECOND_NS} s",
            f"look at what it wrote; if it hangs: kill -TERM {status.pid}, start it again",
        )  # fmt: skip
        return
    if status.failure:
        yield Finding("wrong", role, status.failure, "keep its directory, report this")
        return
    if status.state == "waiting":
        yield Finding(
            "wrong", role, f"process {status.pid} waits for its first configuration",
            "lifeline cluster apply, and see whether this machine reaches Kafka",
        )  # fmt: skip
    else:
        version = status.configuration.get("version", "")[:8]
        yield Finding("ok", role, f"process {status.pid} {status.state}, configuration {version}")
    yield from _link(status, now)
    for trouble in [t for t in status.troubles if t.time > now - RECENT_NS][-NAMED:]:
        yield Finding(
            "warning", f"{role}, {trouble.source}",
            f"{trouble.kind}, {trouble.times} times: {trouble.text}",
        )  # fmt: skip
    yield from delivering(status.outputs)


def _link(status: NodeStatus, now: int) -> Iterator[Finding]:
    """The way to Kafka, what waits for it, and sites of which nothing is delivered."""
    link, what = status.link, f"{status.role}, link"
    behind = f"{link['behind']} behind"
    if link["link"] == "up":
        yield Finding("ok", what, f"up, {behind}")
    elif link["link"] != "connecting":
        seconds = max(0, now - link["since"]) // SECOND_NS
        room = ""
        if status.role == "agent":
            share = 100 * status.log["used"] // max(1, status.log["limit"])
            room = f"; the local log has used {share} % of its room"
        yield Finding(
            "unreachable" if link["link"] == "away" else "wrong",
            what,
            f"{link['link']} for {seconds} s, {behind}{room}: {link['why']}",
            "nothing is lost meanwhile; bring the link back" if link["link"] == "away" else "",
        )
    for hold in link.get("holds", ()):
        yield Finding("wrong", f"site {hold['site']}", hold["text"])
