"""An agent's entry as records for the cluster's log: by partition, in the part's own indices. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..entry import Entry, encode
from ..errors import InvariantError
from ..frame import Frame
from ..limits import FORWARD_ROWS
from .partitioning import Split


class Outgoing(NamedTuple):
    """One Kafka record: an encoded entry for one partition."""

    partition: int
    value: bytes


def outgoing(entry: Entry, split: Split) -> list[Outgoing]:
    """A `samples` entry of the city's configuration as entries of its parts.

    The rows of a partition keep their order; header and time of receipt stay, `appended` is 0:
    the cluster says when it took them. A part larger than a record may be comes in several.

    Raises InvariantError for what no agent writes.
    """
    frame = entry.payload
    if not isinstance(frame, Frame):
        raise InvariantError(f"an agent's log holds an entry of kind {entry.kind.name.lower()}")
    if len(frame) and int(frame.sensor.max()) >= len(split.local):
        raise InvariantError("a sample of a sensor that its own configuration does not have")
    found: list[Outgoing] = []
    for partition, mine in _by_partition(frame, split):
        header = replace(entry.header, appended=0, registry=split.versions[partition])
        local = Frame(split.local[mine.sensor], mine.time, mine.value, mine.quality)
        for start in range(0, len(local), FORWARD_ROWS):
            part = local if len(local) <= FORWARD_ROWS else local.take(_rows(start))
            found.append(Outgoing(partition, encode(Entry(header, part))))
    return found


def _rows(start: int) -> slice:
    return slice(start, start + FORWARD_ROWS)


def _by_partition(frame: Frame, split: Split) -> Iterator[tuple[int, Frame]]:
    where = split.partition_of_sensor[frame.sensor]
    partitions = np.unique(where)
    for partition in partitions.tolist():
        yield partition, frame if len(partitions) == 1 else frame.take(where == partition)
