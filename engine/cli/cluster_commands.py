"""`lifeline ack`, `shelve` and `unshelve` on a cluster: any machine that reaches Kafka may ask."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..limits import COMMAND_REPLY_S
from .plant_files import sink_directory
from .standing import AlarmName, find_alarm, standing_records

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..cluster.spec import ClusterSpec
    from ..command import Command, Reply

_T = TypeVar("_T")


def meant_on_cluster(
    spec: ClusterSpec, config: Path, text: str, site: str, sites: Mapping[str, object]
) -> AlarmName:
    """The alarm that a person means, as it stands: by the copy of a sink on this machine, else by
    the topic itself; then the site must be named. Raises SpecError, SinkError, LogError."""
    from ..log import LogReader

    directory = sink_directory(config)
    if directory is not None:
        reader = LogReader.open(directory)
        try:
            return find_alarm(text, site, standing_records(reader), sites)
        finally:
            reader.close()
    from ..cluster.looking import last_record
    from ..outputs.standing import standing_after

    meant = find_alarm(text, site, [], sites)
    record = run(last_record(spec, meant.site, meant.alarm))
    stands = record is not None and standing_after(record) is not None
    return AlarmName(meant.site, meant.alarm, record if stands else None)


def send_on_cluster(spec: ClusterSpec, command: Command) -> Reply:
    """Puts a command into the log and waits for the worker's answer. Raises SinkError."""
    from ..clock import SystemClock
    from ..cluster.commands import act

    return run(act(spec, command, "", SystemClock(), COMMAND_REPLY_S))


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """In a loop of its own, without the client's own remarks."""
    for name in ("aiokafka", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return asyncio.run(work)
