"""A row of a tag list, and what all rows together come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ..configuration import Sensor, Site
from .doubtful import Doubtful
from .measures import Measure
from .table import Table


class Cells(NamedTuple):
    """One row, in the order of `columns.COLUMNS`; an empty or missing cell is ""."""

    id: str
    site: str
    source: str
    quantity: str
    unit: str
    asset: str
    name: str
    lat: str
    lon: str
    low: str
    high: str
    range: str
    reports: str
    stale: str
    topic: str
    field: str
    gas: str
    lel_basis: str
    max_rate: str
    tenant: str


@dataclass(frozen=True, slots=True)
class Places:
    """What rows may refer to: sites by id, and sources with the one site they serve ("": any)."""

    sites: Sequence[Site]
    site_at: Mapping[str, int]
    sources: Mapping[str, str]
    doubtful: Doubtful


@dataclass(frozen=True, slots=True)
class Tag:
    """Where a sensor's values come from: its source, its cells topic and field, its conversion."""

    source: str
    topic: str
    field: str
    measure: Measure
    table: Table
    row: int

    @property
    def where(self) -> str:
        """`sensors.csv:12`."""
        return self.table.where(self.row)


@dataclass(slots=True)
class Tags:
    """All rows: `tags[i]` belongs to `sensors[i]`; `links` are (site, source), by first use."""

    sensors: list[Sensor] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)
    links: list[tuple[int, str]] = field(default_factory=list)
