"""The written form of the section `cluster:` of `lifeline.yaml`, and the spec that comes of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from ..errors import SpecError
from ..limits import (
    CLUSTER_ALERT_RETENTION_NS,
    CLUSTER_CHECKPOINT_NS,
    CLUSTER_HEARTBEAT_NS,
    CLUSTER_LEAST_SESSION_NS,
    CLUSTER_MOST_PARTITIONS,
    CLUSTER_REBALANCE_NS,
    CLUSTER_SESSION_NS,
    RETENTION_NS,
    SECOND_NS,
)
from ..source import TlsSpec
from .authored import Authored, Duration, Tls, absolute
from .cluster import ClusterSpec, Mechanism, SaslSpec, WorkerSpec

_SERVER: Final = re.compile(r"(?P<host>[^\s:/\[\]]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")
_HIGHEST_PORT: Final = 65_535


def checked_server(text: Any) -> str:
    """`host:port`; raises SpecError."""
    match = _SERVER.fullmatch(text) if isinstance(text, str) else None
    if match is None or not 0 < int(match["port"]) <= _HIGHEST_PORT:
        raise SpecError(
            "not the address of a Kafka broker",
            found=repr(text),
            expected="host:port, such as kafka-1:9092",
        )
    return str(text)


def _one_or_many(value: Any) -> Any:
    """One server, or several between commas as Kafka's own tools take them."""
    return [each.strip() for each in value.split(",")] if isinstance(value, str) else value


Server = Annotated[str, BeforeValidator(checked_server)]
_SERVER_SCHEMA: Final = {"type": "string", "pattern": r"^.+:[0-9]{1,5}$"}
_SERVERS_SCHEMA: Final = {
    "description": "host:port of some brokers; the others are learnt from them",
    "anyOf": [_SERVER_SCHEMA, {"type": "array", "items": _SERVER_SCHEMA, "minItems": 1}],
}


class Sasl(Authored):
    """A login by SCRAM; the password stands in a file or in an environment variable."""

    username: str = Field(min_length=1)
    mechanism: Mechanism = "SCRAM-SHA-512"
    password_file: str = Field("", description="file whose first line is the password")
    password_env: str = Field("", description="environment variable that holds the password")

    @model_validator(mode="after")
    def _one_password(self) -> Sasl:
        if bool(self.password_file) == bool(self.password_env):
            raise SpecError(
                "a login needs one password", expected="either password_file or password_env"
            )
        return self


class ClusterRetention(Authored):
    """How long Kafka keeps the log, and the alert records, which are evidence."""

    log: Duration = RETENTION_NS
    alerts: Duration = CLUSTER_ALERT_RETENTION_NS

    @model_validator(mode="after")
    def _long_enough(self) -> ClusterRetention:
        for name, value in (("log", self.log), ("alerts", self.alerts)):
            if value < SECOND_NS:
                raise SpecError(f"{name} is too short", expected="days")
        return self


class Worker(Authored):
    """What a worker's membership and checkpoints go by."""

    checkpoint: Duration = CLUSTER_CHECKPOINT_NS
    session: Duration = CLUSTER_SESSION_NS
    heartbeat: Duration = CLUSTER_HEARTBEAT_NS
    rebalance: Duration = CLUSTER_REBALANCE_NS

    @model_validator(mode="after")
    def _fits(self) -> Worker:
        if self.checkpoint < SECOND_NS:
            raise SpecError("checkpoint is too short", expected="at least 1s")
        if self.session < CLUSTER_LEAST_SESSION_NS:
            raise SpecError(
                "session is shorter than Kafka's brokers take (group.min.session.timeout.ms)",
                expected=f"at least {CLUSTER_LEAST_SESSION_NS // SECOND_NS}s",
            )
        if not 0 < self.heartbeat * 3 <= self.session:
            raise SpecError(
                "heartbeat leaves no room for two lost ones",
                expected="at most a third of session",
            )
        if self.rebalance < self.session:
            raise SpecError("rebalance is shorter than session", expected="longer")
        return self


class ClusterModel(Authored):
    """Kafka, where one machine is not enough; `lifeline cluster init` makes the topics."""

    servers: Annotated[
        list[Server],
        BeforeValidator(_one_or_many),
        Field(min_length=1),
        WithJsonSchema(_SERVERS_SCHEMA),
    ]
    prefix: str = Field(
        "lifeline",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        description="topics and groups begin with it",
    )
    partitions: int = Field(
        12, ge=1, le=CLUSTER_MOST_PARTITIONS, description="fixed once the topics are made"
    )
    area_partitions: int = Field(3, ge=1, le=CLUSTER_MOST_PARTITIONS)
    replication: int = Field(3, ge=1, le=16, description="copies of each partition")
    tls: Tls | None = None
    sasl: Sasl | None = None
    retention: ClusterRetention = ClusterRetention()
    worker: Worker = Worker()

    @model_validator(mode="after")
    def _servers_differ(self) -> ClusterModel:
        twice = sorted({each for each in self.servers if self.servers.count(each) > 1})
        if twice:
            raise SpecError("a server stands twice", found=twice[0])
        if self.tls is not None and bool(self.tls.cert_file) != bool(self.tls.key_file):
            raise SpecError("tls: cert_file and key_file go together", expected="both or none")
        return self


def cluster_spec(model: ClusterModel, base: Path) -> ClusterSpec:
    """The spec, with files as absolute paths; `base` is the configuration's directory."""
    tls, sasl, worker = model.tls, model.sasl, model.worker
    return ClusterSpec(
        servers=tuple(model.servers),
        prefix=model.prefix,
        partitions=model.partitions,
        area_partitions=model.area_partitions,
        replication=model.replication,
        tls=None
        if tls is None
        else TlsSpec(
            ca_file=absolute(base, tls.ca_file),
            cert_file=absolute(base, tls.cert_file),
            key_file=absolute(base, tls.key_file),
        ),
        sasl=None
        if sasl is None
        else SaslSpec(
            username=sasl.username,
            mechanism=sasl.mechanism,
            password_file=absolute(base, sasl.password_file),
            password_env=sasl.password_env,
        ),
        log_retention=model.retention.log,
        alert_retention=model.retention.alerts,
        worker=WorkerSpec(
            checkpoint=worker.checkpoint,
            session=worker.session,
            heartbeat=worker.heartbeat,
            rebalance=worker.rebalance,
        ),
    )
