"""Names and settings of the topics, and which partition a site is in. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from ..limits import (
    CLUSTER_COMPACTION_LAG_NS,
    CLUSTER_MESSAGE_BYTES,
    CLUSTER_REPLY_RETENTION_NS,
    CLUSTER_SEGMENT_BYTES,
)
from .spec import ClusterSpec

_MS = 1_000_000


def partition_of(site: str, n: int) -> int:
    """The partition of a site (or of an area path) among `n`; the same on every machine."""
    digest = hashlib.blake2b(site.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") % n


@dataclass(frozen=True, slots=True)
class Topics:
    """The names of all topics and consumer groups below one prefix."""

    prefix: str = "lifeline"

    @property
    def log(self) -> str:
        """Entries; a core reads one partition."""
        return f"{self.prefix}.log"

    @property
    def alerts(self) -> str:
        """Alert records, key = site: the outbox."""
        return f"{self.prefix}.alerts"

    @property
    def checkpoints(self) -> str:
        """Snapshots of the cores and their markers."""
        return f"{self.prefix}.checkpoints"

    @property
    def configs(self) -> str:
        """Configurations by version; one partition."""
        return f"{self.prefix}.configs"

    @property
    def replies(self) -> str:
        """Answers to commands; one partition."""
        return f"{self.prefix}.replies"

    @property
    def deadletters(self) -> str:
        """What could not be read, for a person to look at."""
        return f"{self.prefix}.deadletters"

    @property
    def areas(self) -> str:
        """The log of the area stage."""
        return f"{self.prefix}.areas"

    @property
    def site_log(self) -> str:
        """The log of the sites, whichever stage's names these are."""
        return f"{self.prefix}.log"

    @property
    def area_alerts(self) -> str:
        """Alert records of areas."""
        return f"{self.prefix}.area-alerts"

    @property
    def area_checkpoints(self) -> str:
        """Snapshots of the area stage."""
        return f"{self.prefix}.area-checkpoints"

    def group(self, role: str) -> str:
        """The consumer group of a role: worker, area-worker, sink-influx, sink-mqtt, sink-calls."""
        return f"{self.prefix}.{role}"


@dataclass(frozen=True, slots=True)
class TopicSettings:
    """A topic as it must be: `config` has Kafka's own names and its texts."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str]


def topic_settings(spec: ClusterSpec) -> tuple[TopicSettings, ...]:
    """Every topic of the cluster, with the settings that correctness or evidence rests on."""
    topics = Topics(spec.prefix)
    n, m = spec.partitions, spec.area_partitions
    log = _delete(spec.log_retention)
    alerts = _delete(spec.alert_retention)
    short = _delete(CLUSTER_REPLY_RETENTION_NS)
    compacted = _compact()
    wanted = (
        (topics.log, n, log),
        (topics.alerts, n, alerts),
        (topics.checkpoints, n, compacted),
        (topics.configs, 1, compacted),
        (topics.replies, 1, short),
        (topics.deadletters, 1, log),
        (topics.areas, m, log),
        (topics.area_alerts, m, alerts),
        (topics.area_checkpoints, m, compacted),
    )
    return tuple(
        TopicSettings(name, partitions, spec.replication, {**_common(spec), **own})
        for name, partitions, own in wanted
    )


def _common(spec: ClusterSpec) -> dict[str, str]:
    return {
        # The broker's time, which no producer can set: entries are stamped with it.
        "message.timestamp.type": "LogAppendTime",
        # With acks=all: a record that was acknowledged is on so many machines.
        "min.insync.replicas": str(spec.min_insync),
        # A copy that was behind would silently shorten the log.
        "unclean.leader.election.enable": "false",
        "max.message.bytes": str(CLUSTER_MESSAGE_BYTES),
        "compression.type": "producer",
    }


def _delete(retention: int) -> dict[str, str]:
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(retention // _MS),
        "retention.bytes": "-1",
    }


def _compact() -> dict[str, str]:
    return {
        "cleanup.policy": "compact",
        # A worker that woke late may write old state behind new state for a while; until it is
        # gone the better record must not be compacted away.
        "min.compaction.lag.ms": str(CLUSTER_COMPACTION_LAG_NS // _MS),
        # The last segment is never compacted: a small one keeps the topic near its live size.
        "segment.bytes": str(CLUSTER_SEGMENT_BYTES),
        "min.cleanable.dirty.ratio": "0.1",
    }
