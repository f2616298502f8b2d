"""Makes the topics as they must be, and tells where topics that are there already differ."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from ..errors import SinkError, SpecError
from ..limits import CLUSTER_REQUEST_NS, SECOND_NS
from .connection import client_options, reaching, started
from .spec import ClusterSpec
from .topics import TopicSettings, topic_settings

if TYPE_CHECKING:
    from aiokafka.admin import AIOKafkaAdminClient

#: What can differ and is no setting of Kafka's: it cannot be altered by one either.
PARTITIONS: Final = "partitions"
REPLICATION: Final = "replication"
_REPLICATION_REFUSED: Final = 38  # INVALID_REPLICATION_FACTOR
_LOOK_AGAIN_S: Final = 0.1
_ALREADY_THERE: Final = 36  # TOPIC_ALREADY_EXISTS


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting of a topic that is not as it must be."""

    setting: str
    found: str
    wanted: str


@dataclass(frozen=True, slots=True)
class TopicReport:
    """What `init` found or did. `todo` is what a person can type where a setting differs."""

    name: str
    state: Literal["made", "missing", "as it must be", "differs"]
    differences: tuple[Difference, ...] = ()
    todo: str = ""


@asynccontextmanager
async def administering(spec: ClusterSpec) -> AsyncIterator[AIOKafkaAdminClient]:
    """A connected admin client. Raises SinkError where the brokers cannot be reached."""
    from aiokafka.admin import AIOKafkaAdminClient

    client = await started(spec, AIOKafkaAdminClient(**client_options(spec)))
    try:
        async with reaching(spec):
            yield client
    finally:
        await client.close()


async def init(spec: ClusterSpec, *, make: bool = True) -> tuple[TopicReport, ...]:
    """Makes the topics that are missing; a topic that is there is compared and never changed.

    Harmless to repeat. With `make` false what is missing is only told. Raises SpecError where the
    brokers refuse a topic as it is wanted.
    """
    wanted = topic_settings(spec)
    async with administering(spec) as client:
        there = await existing(client, [each.name for each in wanted])
        missing = [each for each in wanted if each.name not in there]
        if missing and make:
            await _make(client, spec, missing)
        configs = await _configs(client, list(there))
    return tuple(
        _compared(spec, each, there[each.name], configs[each.name])
        if each.name in there
        else TopicReport(each.name, "made" if make else "missing")
        for each in wanted
    )


async def existing(
    client: AIOKafkaAdminClient, names: Sequence[str]
) -> dict[str, list[Mapping[str, Any]]]:
    """Of these topics those that are there: their partitions as the brokers describe them
    (`partition`, `leader`, `replicas`, `isr`), in order."""
    # Asked for by name, a missing topic would be made by brokers that make topics by themselves.
    described = await client.describe_topics(None)
    return {
        topic["topic"]: sorted(topic["partitions"], key=lambda p: int(p["partition"]))
        for topic in described
        if topic["topic"] in set(names)
    }


async def _make(
    client: AIOKafkaAdminClient, spec: ClusterSpec, missing: Sequence[TopicSettings]
) -> None:
    from aiokafka.admin import NewTopic

    topics = [
        NewTopic(
            name=each.name,
            num_partitions=each.partitions,
            replication_factor=each.replication,
            topic_configs=dict(each.config),
        )
        for each in missing
    ]
    response = await client.create_topics(topics)
    for name, code, *rest in response.topic_errors:
        if code in (0, _ALREADY_THERE):  # somebody else's init was faster
            continue
        words = str(rest[0]) if rest and rest[0] else f"error {code}"
        if code == _REPLICATION_REFUSED:
            brokers = len((await client.describe_cluster())["brokers"])
            raise SpecError(
                f"the brokers refuse topic {name}: {words}",
                found=f"cluster.replication: {spec.replication}",
                expected=f"at most as many as there are brokers ({brokers})",
            )
        raise SinkError(f"the brokers refuse to make topic {name}: {words}", permanent=True)
    await _wait_for(client, [each.name for each in missing])


async def _wait_for(client: AIOKafkaAdminClient, names: Sequence[str]) -> None:
    """Returns when every broker that is asked knows the topics and their leaders: brokers answer
    before they do."""
    async with asyncio.timeout(CLUSTER_REQUEST_NS / SECOND_NS):
        while True:
            there = await existing(client, names)
            if len(there) == len(names) and all(
                int(partition["leader"]) >= 0 for topic in there.values() for partition in topic
            ):
                return
            await asyncio.sleep(_LOOK_AGAIN_S)


async def _configs(client: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """The settings of these topics, defaults included."""
    from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found: dict[str, dict[str, str]] = {}
    for response in await client.describe_configs(resources):
        for code, words, _type, name, entries in response.resources:
            if code:
                raise SinkError(f"the settings of topic {name} cannot be read: {words or code}")
            found[name] = {entry[0]: str(entry[1]) for entry in entries}
    return found


def _compared(
    spec: ClusterSpec,
    wanted: TopicSettings,
    partitions: Sequence[Mapping[str, Any]],
    config: Mapping[str, str],
) -> TopicReport:
    differences = [
        Difference(name, config.get(name, "not known to this broker"), value)
        for name, value in wanted.config.items()
        if config.get(name) != value
    ]
    altered = ",".join(f"{each.setting}={each.wanted}" for each in differences)
    copies = min((len(each["replicas"]) for each in partitions), default=0)
    shape = ((PARTITIONS, len(partitions), wanted.partitions),
             (REPLICATION, copies, wanted.replication))  # fmt: skip
    differences += [
        Difference(n, str(found), str(want)) for n, found, want in shape if found != want
    ]
    if not differences:
        return TopicReport(wanted.name, "as it must be")
    todo = (
        f"kafka-configs.sh --bootstrap-server {spec.servers[0]} --alter --entity-type topics "
        f"--entity-name {wanted.name} --add-config {altered}"
        if altered
        else ""
    )
    return TopicReport(wanted.name, "differs", tuple(differences), todo)
