"""Topics and configurations on a real Kafka: made, applied, found, interrupted, refused."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from cluster_city import city, limit, with_rule
from lifeline.engine.clock import ManualClock
from lifeline.engine.cluster import turns
from lifeline.engine.cluster.admin import TopicReport, administering, init
from lifeline.engine.cluster.apply import apply
from lifeline.engine.cluster.configs import ConfigStore
from lifeline.engine.cluster.connection import faust_options, producer_options
from lifeline.engine.cluster.partitioning import split
from lifeline.engine.cluster.spec import ClusterSpec, SaslSpec, TlsSpec
from lifeline.engine.cluster.status import lag, status, totals
from lifeline.engine.cluster.topics import Topics
from lifeline.engine.cluster.turns import Turn
from lifeline.engine.configuration import Configuration
from lifeline.engine.entry import NamedConfiguration, decode
from lifeline.engine.errors import EntryError, SinkError, SpecError
from lifeline.engine.limits import CLUSTER_CHUNK_BYTES, SECOND_NS
from servers.certificates import Authority
from servers.fixtures import StartKafka
from servers.kafka import Kafka, KafkaLogin, KafkaSecurity
from servers.process import wait_until

_T = TypeVar("_T")
N = 4


def run(work: Coroutine[Any, Any, _T]) -> _T:
    return asyncio.run(work)


@pytest.fixture
def spec(kafka: Kafka, kafka_prefix: str) -> ClusterSpec:
    return ClusterSpec(
        (kafka.bootstrap,), kafka_prefix, partitions=N, area_partitions=2, replication=1
    )


@pytest.fixture
def made(spec: ClusterSpec) -> ClusterSpec:
    """A cluster whose topics are there."""
    assert {report.state for report in run(init(spec))} == {"made"}
    return spec


async def named(spec: ClusterSpec) -> list[list[bytes]]:
    """The versions that the log names, by partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=list(spec.servers))
    await consumer.start()
    try:
        found = []
        for p in range(N):
            place = TopicPartition(Topics(spec.prefix).log, p)
            consumer.assign([place])
            await consumer.seek_to_beginning(place)
            end = (await consumer.end_offsets([place]))[place]
            records = []
            while await consumer.position(place) < end:
                records.append(await consumer.getone(place))
            payloads = [decode(record.value).payload for record in records]
            assert all(isinstance(payload, NamedConfiguration) for payload in payloads)
            assert all(record.key is None and record.timestamp_type == 1 for record in records)
            found.append([p.version for p in payloads if isinstance(p, NamedConfiguration)])
        return found
    finally:
        await consumer.stop()


async def found_by_all(spec: ClusterSpec, wanted: Configuration) -> None:
    """A reader that knows nothing finds the city and each part."""
    async with ConfigStore(spec) as store:
        current = store.current()
        assert current is not None
        whole = await store.find(current.version())
        assert whole == wanted
        parts = split(whole, N)
        assert [await store.find(current.part(p)) for p in range(N)] == list(parts.parts)
        assert current.sensors == tuple(len(part.sensors) for part in parts.parts)


# --- topics --------------------------------------------------------------------------------------
def test_the_topics_are_made_once_and_are_as_they_must_be(spec: ClusterSpec) -> None:
    first = run(init(spec))
    assert {report.state for report in first} == {"made"}
    second = run(init(spec))
    assert [report.name for report in second] == [report.name for report in first]
    assert {report.state for report in second} == {"as it must be"}


def test_a_topic_that_differs_is_told_and_left_alone(made: ClusterSpec) -> None:
    topics = Topics(made.prefix)

    async def spoil() -> None:
        async with administering(made) as client:
            wrong = {"retention.ms": "1000", "message.timestamp.type": "CreateTime"}
            kind = ConfigResourceType.TOPIC
            await client.alter_configs([ConfigResource(kind, topics.log, wrong)])

    def told() -> TopicReport:
        return next(report for report in run(init(made)) if report.name == topics.log)

    run(spoil())
    # The controller has it at once, the broker that answers soon after.
    wait_until(lambda: told().state == "differs", "the broker to know", within_s=180.0, every_s=0.2)
    for _ in range(2):
        reports = {report.name: report for report in run(init(made))}
        found = {d.setting: (d.found, d.wanted) for d in reports[topics.log].differences}
        assert found["retention.ms"] == ("1000", str(30 * 86_400_000))
        assert found["message.timestamp.type"] == ("CreateTime", "LogAppendTime")
        assert "--entity-name " + topics.log in reports[topics.log].todo
        assert "retention.ms=2592000000" in reports[topics.log].todo
        assert reports[topics.alerts].state == "as it must be"


def test_other_numbers_of_partitions_are_told_and_nothing_is_applied(made: ClusterSpec) -> None:
    other = msgspec.structs.replace(made, partitions=N + 1)
    reports = {report.name: report for report in run(init(other))}
    (difference,) = reports[Topics(made.prefix).log].differences
    assert (difference.setting, difference.found, difference.wanted) == ("partitions", "4", "5")
    with pytest.raises(SpecError, match="another number of partitions"):
        run(apply(other, city(3)))


def test_more_copies_than_brokers_are_refused_in_words(spec: ClusterSpec) -> None:
    with pytest.raises(SpecError, match=r"cluster.replication: 3; expected at most .*\(1\)"):
        run(init(msgspec.structs.replace(spec, replication=3)))


# --- configurations ------------------------------------------------------------------------------
def test_a_configuration_comes_into_force_in_every_partition(made: ClusterSpec) -> None:
    first = city(20, 5)
    done = run(apply(made, first))
    assert done.named == (0, 1, 2, 3)
    run(found_by_all(made, first))
    assert run(named(made)) == [[done.current.part(p)] for p in range(N)]
    # Again: nothing changes, nothing is written.
    again = run(apply(made, first))
    assert (again.changed, again.current) == (False, done.current)
    # One limit: every core is told by a delta of some hundred bytes.
    second = with_rule(first, limit("gas-1", 31.5))
    changed = run(apply(made, second))
    assert (changed.written.whole, changed.written.delta) == (0, 1 + N)
    assert changed.written.size < (1 + N) * 300
    run(found_by_all(made, second))
    assert run(named(made)) == [[done.current.part(p), changed.current.part(p)] for p in range(N)]


def test_a_city_of_100_000_sensors_goes_through_in_chunks_and_its_change_as_a_delta(
    made: ClusterSpec,
) -> None:
    plain = city(1_000, 100, rules=10)
    # Names without a pattern, which do not compress.
    names = (hashlib.sha256(str(i).encode()).hexdigest() for i in range(len(plain.sensors)))
    sensors = (
        msgspec.structs.replace(s, name=n) for s, n in zip(plain.sensors, names, strict=True)
    )
    large = msgspec.structs.replace(plain, sensors=tuple(sensors))
    done = run(apply(made, large))
    assert sum(done.current.sensors) == 100_000
    assert done.written.size > 5 * CLUSTER_CHUNK_BYTES
    assert done.written.records > 2 * (1 + N)
    run(found_by_all(made, large))
    after = with_rule(large, limit("gas-7", 41.0))
    changed = run(apply(made, after))
    assert (changed.written.whole, changed.written.delta) == (0, 1 + N)
    assert changed.written.size < 2_000
    run(found_by_all(made, after))


def test_a_version_that_comes_late_is_waited_for_and_one_that_does_not_come_is_named(
    made: ClusterSpec,
) -> None:
    wanted = city(3)

    async def waiting() -> None:
        async with ConfigStore(made) as reader, ConfigStore(made) as writer:
            found = asyncio.create_task(reader.find(wanted.version()))
            await asyncio.sleep(0)
            await writer.publish(wanted, N)
            assert await found == wanted
            with pytest.raises(EntryError, match="ab" * 16):
                await reader.find(bytes.fromhex("ab" * 16), SECOND_NS // 10)

    run(waiting())


def test_a_reader_sees_what_comes_into_force(made: ClusterSpec) -> None:
    async def watching() -> None:
        async with ConfigStore(made) as reader:
            assert reader.current() is None
            done = await apply(made, city(3))
            assert await reader.refresh()
            assert reader.current() == done.current
            assert not await reader.refresh()

    run(watching())


def test_what_an_apply_left_behind_is_finished_by_the_next(
    made: ClusterSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, wanted = city(5), city(9)

    async def die_before_naming() -> None:
        async with ConfigStore(made) as store:
            current, _ = await store.publish(begun, N)
            turn = Turn("dead", store.index.current_at, current)
            await store.put([(turn.key(), msgspec.json.encode(turn))])

    run(die_before_naming())
    with pytest.raises(SinkError, match="another `lifeline cluster apply` is at work"):
        run(apply(made, wanted))
    assert run(named(made)) == [[], [], [], []]
    monkeypatch.setattr(turns, "CLUSTER_APPLY_NS", 0)
    done = run(apply(made, wanted))
    assert done.finished
    run(found_by_all(made, wanted))
    assert [len(versions) for versions in run(named(made))] == [2, 2, 2, 2]


def test_of_two_applies_at_once_one_is_refused_or_both_come_into_force(made: ClusterSpec) -> None:
    async def both() -> list[Any]:
        return await asyncio.gather(
            apply(made, city(5)), apply(made, city(7)), return_exceptions=True
        )

    results = run(both())
    assert all(isinstance(result, SinkError) or result.changed for result in results)
    assert any(not isinstance(result, SinkError) for result in results)
    run(apply(made, city(7)))
    run(found_by_all(made, city(7)))


def test_without_topics_nothing_is_applied_and_it_is_said_what_to_do(spec: ClusterSpec) -> None:
    with pytest.raises(SinkError, match="lifeline cluster init"):
        run(apply(spec, city(3)))


# --- state ---------------------------------------------------------------------------------------
def test_the_state_tells_sites_lag_and_age(made: ClusterSpec) -> None:
    topics = Topics(made.prefix)
    whole = city(20, 5)
    run(apply(made, whole))
    marker = {
        "next": 1, "generation": 1, "first": 0, "chunks": 0, "checksum": "", "tail": "",
        "digest": "", "heads": {}, "wall": 0,
    }  # fmt: skip

    async def work() -> None:
        producer = AIOKafkaProducer(**producer_options(made))
        consumer = AIOKafkaConsumer(
            bootstrap_servers=list(made.servers),
            group_id=topics.group("worker"),
            enable_auto_commit=False,
        )
        await producer.start()
        await consumer.start()
        try:
            place = TopicPartition(topics.log, 2)
            consumer.assign([place])
            for _ in range(5):
                sent = await producer.send_and_wait(topics.log, b"x", partition=2)
            await consumer.commit({place: sent.offset - 2})
            await producer.send_and_wait(
                topics.checkpoints, msgspec.json.encode(marker), key=b"mark|1|1", partition=2
            )
            for _ in range(40):
                await producer.send_and_wait(
                    topics.checkpoints, b"", key=b"snap|0|1|0", partition=2
                )
            marked = sent.timestamp
        finally:
            await consumer.stop()
            await producer.stop()
        clock = ManualClock(wall=marked * 1_000_000 + 90 * SECOND_NS)
        found = await status(made, clock)
        parts = split(whole, N).parts
        assert [p.sites for p in found.partitions] == [len(part.sites) for part in parts]
        assert [p.sensors for p in found.partitions] == [len(part.sensors) for part in parts]
        assert [(p.leader, p.in_sync, p.copies) for p in found.partitions] == [(1, 1, 1)] * N
        assert [p.end for p in found.partitions] == [1, 1, 6, 1]
        assert [p.behind for p in found.partitions] == [None, None, 3, None]
        assert [p.checkpoint for p in found.partitions] == [None, None, 1, None]
        age = found.partitions[2].checkpoint_age_ns
        assert age is not None
        assert 60 * SECOND_NS < age <= 90 * SECOND_NS
        (row,) = totals(await lag(made))
        assert (row["group"], row["behind"], row["worst"], row["lost"]) == (
            topics.group("worker"), 3, 3, 0,
        )  # fmt: skip

    run(work())


# --- TLS and logins ------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A broker whose second listener wants TLS and SCRAM, and the spec of its cluster."""
    folder = tmp_path_factory.mktemp("secured")
    authority = Authority(folder / "ca")
    pair = authority.issue("kafka")
    users = (
        KafkaLogin("lifeline", "right password"),
        KafkaLogin("older", "other password", "SCRAM-SHA-256"),
    )
    secret = folder / "secret"
    secret.write_text("right password\n")
    security = KafkaSecurity(pair.certificate, pair.key, users)
    with Kafka(folder / "kafka", security=security) as broker:
        yield broker, ClusterSpec(
            (broker.secured,), "secured", partitions=N, area_partitions=1, replication=1,
            tls=TlsSpec(ca_file=str(authority.certificate)),
            sasl=SaslSpec("lifeline", password_file=str(secret)),
        )  # fmt: skip


def test_everything_goes_through_tls_and_a_login(secured: Any) -> None:
    _, spec = secured
    assert spec.security == "SASL_SSL"
    run(init(spec))
    done = run(apply(spec, city(6)))
    assert done.changed
    run(status(spec))

    async def by_faust() -> None:
        """faust's own producer, by the options that a worker gives it."""
        import faust

        app = faust.App("secured", **faust_options(spec), topic_allow_declare=False)
        await app.producer.start()
        try:
            topic = Topics(spec.prefix).deadletters
            sent = await app.producer.send_and_wait(topic, None, b"by faust", 0, None, None)
            assert sent.offset == 0
        finally:
            await app.producer.stop()

    run(by_faust())


def test_the_password_may_come_from_the_environment_and_the_older_mechanism_works(
    secured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, spec = secured
    monkeypatch.setenv("KAFKA_PASSWORD", "other password")
    sasl = SaslSpec("older", "SCRAM-SHA-256", password_env="KAFKA_PASSWORD")
    other = msgspec.structs.replace(spec, sasl=sasl, prefix="older")
    assert {report.state for report in run(init(other))} == {"made"}


def _refused(spec: ClusterSpec) -> str:
    with pytest.raises(SinkError) as caught:
        run(init(spec))
    assert "right password" not in str(caught.value)
    return str(caught.value)


def test_each_way_of_not_being_let_in_is_told_apart(secured: Any, tmp_path: Path) -> None:
    broker, spec = secured
    replace = msgspec.structs.replace
    (tmp_path / "wrong").write_text("wrong\n")
    wrong = SaslSpec("lifeline", password_file=str(tmp_path / "wrong"))
    with pytest.raises(SinkError, match="refuses the login of user lifeline") as caught:
        run(init(replace(spec, sasl=wrong)))
    assert caught.value.permanent
    stranger = TlsSpec(ca_file=str(Authority(tmp_path).certificate))
    text = _refused(replace(spec, tls=stranger))
    assert "is not trusted" in text
    assert "cluster.tls.ca_file" in text
    text = _refused(replace(spec, servers=(broker.bootstrap,)))
    assert "closes the connection" in text
    assert "SASL_SSL" in text
    text = _refused(replace(spec, tls=None, sasl=None))
    assert "closes the connection" in text
    assert "PLAINTEXT" in text


def test_a_server_that_is_not_there_may_come_back() -> None:
    with pytest.raises(SinkError, match=r"127.0.0.1:9 cannot be reached") as caught:
        run(init(ClusterSpec(("127.0.0.1:9",))))
    assert not caught.value.permanent


def test_a_listener_that_wants_a_certificate_of_the_client_gets_one(
    start_kafka: StartKafka, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "ca")
    server, client = authority.issue("kafka"), authority.issue("client")
    broker = start_kafka(
        security=KafkaSecurity(server.certificate, server.key, client_ca=authority.certificate)
    )
    ca = str(authority.certificate)
    spec = ClusterSpec(
        (broker.secured,), partitions=1, area_partitions=1, replication=1,
        tls=TlsSpec(ca, str(client.certificate), str(client.key)),
    )  # fmt: skip
    assert {report.state for report in run(init(spec))} == {"made"}
    with pytest.raises(SinkError):
        run(init(msgspec.structs.replace(spec, tls=TlsSpec(ca))))
