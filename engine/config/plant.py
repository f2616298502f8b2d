"""What a configuration compiles to: everything a process needs to run a plant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..areas.configuration import AreaConfiguration
from ..configuration import Configuration
from ..limits import DAY_NS
from ..outputs.influx_room import MAX_SERIES
from ..performance.positions import Desk
from ..source import BrokerSpec, SourceSpec
from ..store.limits import HOURS_KEPT_NS, MAX_BYTES, MEMORY_BYTES, MINUTES_NS, RAW_NS
from .call_spec import CallSpec
from .cluster import ClusterSpec


@dataclass(frozen=True, slots=True)
class InfluxSpec:
    """A bucket of InfluxDB, or a database of its 1.x. The token or password is read when the
    output starts, never kept here.
    """

    url: str
    org: str = "-"
    bucket: str = ""
    token_file: str = ""
    token_env: str = ""
    ca_file: str = ""
    database: str = ""
    retention_policy: str = ""
    username: str = ""
    password_file: str = ""
    password_env: str = ""
    max_series: int = MAX_SERIES


@dataclass(frozen=True, slots=True)
class StoreSpec:
    """The embedded store: its file, how long each resolution is kept, what it may take."""

    path: Path
    raw_ns: int = RAW_NS
    minutes_ns: int = MINUTES_NS
    hours_ns: int = HOURS_KEPT_NS
    max_bytes: int = MAX_BYTES
    memory_bytes: int = MEMORY_BYTES
    threads: int = 1


@dataclass(frozen=True, slots=True)
class OutputsSpec:
    """Where alerts and series go; None: not there. `notices`: `mqtt` also gets what people are to hear."""

    mqtt: BrokerSpec | None = None
    notices: bool = False
    influx: InfluxSpec | None = None
    store: StoreSpec | None = None


@dataclass(frozen=True, slots=True)
class StorageSpec:
    """Where the log lives and how long it is kept. `directory` is absolute."""

    directory: Path
    retention_ns: int = 30 * DAY_NS
    max_bytes: int = 20_000_000_000


@dataclass(frozen=True, slots=True)
class MonitoringSpec:
    """Where /livez, /readyz and /metrics are served."""

    host: str = "127.0.0.1"
    port: int = 9464


@dataclass(frozen=True, slots=True)
class Plant:
    """A loaded configuration. Equal files give an equal Plant, and `configuration` equal bytes.

    `configuration` is not yet `continued`: its indices are those of the files. Routes in
    `sources` name sites and sensors by id, so they hold before and after. `timezones` gives the
    IANA name for each site that states one, `positions` its operator position; `desks` are positions
    that name what they watch. `monitoring` None: nothing is served; `cluster` None:
    it runs embedded. `areas` without an area: there is no second stage. `calls` None: nobody is called.
    """

    node: str
    configuration: Configuration
    sources: tuple[SourceSpec, ...]
    outputs: OutputsSpec
    storage: StorageSpec
    timezones: Mapping[str, str] = field(default_factory=dict)
    positions: Mapping[str, str] = field(default_factory=dict)
    desks: tuple[Desk, ...] = ()
    monitoring: MonitoringSpec | None = None
    cluster: ClusterSpec | None = None
    areas: AreaConfiguration = field(default_factory=AreaConfiguration)
    calls: CallSpec | None = None
