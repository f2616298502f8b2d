"""The two stages that a worker can serve: the sites, and the areas. The same order of durability,
checkpoints and fencing holds for both; they differ in topics, entries and core."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ..areas.core import AreaCore
from ..areas.entry import AreaEntry
from ..core import Core
from ..entry import Entry
from .reading import Torn, read_area_entry, read_entry
from .spec import ClusterSpec
from .topics import Topics


def engine_site(partition: int) -> str:
    """The reserved site of the engine's own records in a partition of the sites' log."""
    return f"_engine.{partition}"


class AreaTopics(Topics):
    """The topics of the area stage under the names that a worker uses."""

    @property
    def log(self) -> str:
        """The log of the area stage."""
        return self.areas

    @property
    def alerts(self) -> str:
        """Alert records of areas."""
        return self.area_alerts

    @property
    def checkpoints(self) -> str:
        """Snapshots of the area stage."""
        return self.area_checkpoints


@dataclass(frozen=True, slots=True)
class Stage:
    """What a worker serves.

    role        of its consumer group
    topics      by prefix
    partitions  how many its log has
    fresh       an empty core of a partition
    restored    the core of a snapshot of a partition
    read        an entry of its log, or why there is none
    """

    role: str
    topics: Callable[[str], Topics]
    partitions: Callable[[ClusterSpec], int]
    fresh: Callable[[int], Any]
    restored: Callable[[bytes, int], Any]
    read: Callable[[bytes | None], Entry | AreaEntry | Torn]


SITES: Final = Stage(
    "worker",
    Topics,
    lambda spec: spec.partitions,
    lambda partition: Core(engine_site=engine_site(partition)),
    lambda data, partition: Core.restore(data, engine_site=engine_site(partition)),
    read_entry,
)
AREAS: Final = Stage(
    "area-worker",
    AreaTopics,
    lambda spec: spec.area_partitions,
    lambda partition: AreaCore(),
    lambda data, partition: AreaCore.restore(data),
    read_area_entry,
)
