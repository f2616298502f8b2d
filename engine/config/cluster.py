"""How the cluster is reached, as plain data: the section `cluster:` of `lifeline.yaml`.

It stands here and not in `lifeline.engine.cluster` because a Plant holds it; who runs embedded
never imports the cluster.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from ..limits import (
    CLUSTER_ALERT_RETENTION_NS,
    CLUSTER_CHECKPOINT_NS,
    CLUSTER_HEARTBEAT_NS,
    CLUSTER_REBALANCE_NS,
    CLUSTER_SESSION_NS,
    RETENTION_NS,
)
from ..source import TlsSpec

Security = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["SCRAM-SHA-256", "SCRAM-SHA-512"]


class SaslSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """A login to Kafka. The password is read when a client connects and never kept here."""

    username: str
    mechanism: Mechanism = "SCRAM-SHA-512"
    password_file: str = ""
    password_env: str = ""


class WorkerSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a worker's membership and checkpoints go by; all ns.

    `session` is how long a dead worker keeps its partitions, `heartbeat` how often it says that it
    lives, `rebalance` how long one may take to give its partitions up, `checkpoint` the interval
    of checkpoints, which a successor steps again.
    """

    checkpoint: int = CLUSTER_CHECKPOINT_NS
    session: int = CLUSTER_SESSION_NS
    heartbeat: int = CLUSTER_HEARTBEAT_NS
    rebalance: int = CLUSTER_REBALANCE_NS


class ClusterSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where Kafka is, how to log in, and which topics are ours.

    servers          `host:port` of some brokers; the others are learnt from them
    prefix           every topic and group begins with it
    partitions       N: a site's partition is `partition_of(site, N)`; fixed at `cluster init`
    area_partitions  the same for area paths
    replication      copies of each partition; min.insync.replicas is one less, at least 1
    tls, sasl        None: without; `security` follows from both
    log_retention, alert_retention   ns
    """

    servers: tuple[str, ...]
    prefix: str = "lifeline"
    partitions: int = 12
    area_partitions: int = 3
    replication: int = 3
    tls: TlsSpec | None = None
    sasl: SaslSpec | None = None
    log_retention: int = RETENTION_NS
    alert_retention: int = CLUSTER_ALERT_RETENTION_NS
    worker: WorkerSpec = WorkerSpec()

    @property
    def security(self) -> Security:
        """Kafka's name for what `tls` and `sasl` say."""
        if self.sasl is None:
            return "PLAINTEXT" if self.tls is None else "SSL"
        return "SASL_PLAINTEXT" if self.tls is None else "SASL_SSL"

    @property
    def min_insync(self) -> int:
        """Copies that must have a record before it counts as durable."""
        return max(1, self.replication - 1)
