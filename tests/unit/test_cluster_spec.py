"""How the cluster is reached and what its topics must be; what status and lag make of figures."""

from __future__ import annotations

import ssl
from pathlib import Path

import msgspec
import pytest

from lifeline.engine.cluster.connection import (
    client_options,
    faust_options,
    producer_options,
    tls_context,
)
from lifeline.engine.cluster.marker import Marker
from lifeline.engine.cluster.plain_reader import Read
from lifeline.engine.cluster.spec import ClusterSpec, SaslSpec, TlsSpec, password
from lifeline.engine.cluster.status import Lag, furthest, totals
from lifeline.engine.cluster.topics import Topics, topic_settings
from lifeline.engine.entry import Entry, Header, encode
from lifeline.engine.errors import SinkError, SpecError
from lifeline.engine.frame import Frame
from lifeline.engine.limits import (
    CLUSTER_CHUNK_BYTES,
    CLUSTER_MESSAGE_BYTES,
    DAY_NS,
    MAX_FRAME_ROWS,
)
from servers.certificates import Authority

SPEC = ClusterSpec(("a:1", "b:2"), "city", partitions=8, area_partitions=2)


# --- secrets -------------------------------------------------------------------------------------
def test_the_password_is_the_first_line_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("pass word \nremark\n", encoding="utf-8")
    assert password(SaslSpec("li", password_file=str(path))) == "pass word "


def test_the_password_is_in_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "密码")
    assert password(SaslSpec("li", password_env="SECRET")) == "密码"


@pytest.mark.parametrize("text", [None, b"", b"\nsecond", b"\xff\xfe"])
def test_a_password_that_cannot_be_read_is_told_by_its_file(
    tmp_path: Path, text: bytes | None
) -> None:
    path = tmp_path / "secret"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(SpecError, match=str(path)) as caught:
        password(SaslSpec("li", password_file=str(path)))
    assert "second" not in str(caught.value)


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_not_set_is_named(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("SECRET", raising=False)
    if value is not None:
        monkeypatch.setenv("SECRET", value)
    with pytest.raises(SpecError, match="SECRET"):
        password(SaslSpec("li", password_env="SECRET"))


# --- connections ---------------------------------------------------------------------------------
def test_without_tls_and_login_only_the_servers_are_named() -> None:
    options = client_options(SPEC)
    assert options["bootstrap_servers"] == ["a:1", "b:2"]
    assert options["security_protocol"] == "PLAINTEXT"
    assert not {"ssl_context", "sasl_mechanism", "sasl_plain_password"} & set(options)
    assert faust_options(SPEC) == {"broker": ["kafka://a:1", "kafka://b:2"]}


def test_tls_and_login_are_the_same_for_both_clients(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("word")
    authority = Authority(tmp_path / "ca")
    pair = authority.issue("client")
    tls = TlsSpec(str(authority.certificate), str(pair.certificate), str(pair.key))
    sasl = SaslSpec("li", "SCRAM-SHA-256", password_file=str(tmp_path / "secret"))
    spec = msgspec.structs.replace(SPEC, tls=tls, sasl=sasl)
    options = client_options(spec)
    assert options["security_protocol"] == "SASL_SSL"
    assert (options["sasl_mechanism"], options["sasl_plain_username"]) == ("SCRAM-SHA-256", "li")
    assert options["sasl_plain_password"] == "word"
    found = faust_options(spec)["broker_credentials"]
    assert (found.protocol.value, found.mechanism.value) == ("SASL_SSL", "SCRAM-SHA-256")
    assert (found.username, found.password) == ("li", "word")
    for context in (options["ssl_context"], found.ssl_context):
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert len(context.get_ca_certs()) == 1
    only_tls = faust_options(msgspec.structs.replace(spec, sasl=None))["broker_credentials"]
    assert only_tls.protocol.value == "SSL"
    assert only_tls.context.check_hostname


def test_a_producer_of_ours_is_durable_and_takes_the_largest_record() -> None:
    options = producer_options(SPEC)
    assert (options["acks"], options["enable_idempotence"]) == ("all", True)
    assert options["max_request_size"] == CLUSTER_MESSAGE_BYTES


def test_tls_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("no certificate")
    for name in ("no.pem", "absent.pem"):
        with pytest.raises(SpecError, match=name):
            tls_context(TlsSpec(ca_file=str(tmp_path / name)))


# --- topics --------------------------------------------------------------------------------------
def test_every_topic_begins_with_the_prefix_and_has_its_partitions() -> None:
    found = {settings.name: settings for settings in topic_settings(SPEC)}
    topics = Topics("city")
    assert {name: settings.partitions for name, settings in found.items()} == {
        topics.log: 8,
        topics.alerts: 8,
        topics.checkpoints: 8,
        topics.configs: 1,
        topics.replies: 1,
        topics.deadletters: 1,
        topics.areas: 2,
        topics.area_alerts: 2,
        topics.area_checkpoints: 2,
    }
    assert all(name.startswith("city.") for name in found)
    assert topics.group("worker") == "city.worker"


def test_what_correctness_rests_on_is_set_on_every_topic() -> None:
    for settings in topic_settings(SPEC):
        assert settings.replication == 3
        config = settings.config
        assert config["message.timestamp.type"] == "LogAppendTime"
        assert config["min.insync.replicas"] == "2"
        assert config["unclean.leader.election.enable"] == "false"
        assert int(config["max.message.bytes"]) >= CLUSTER_CHUNK_BYTES + 4_096


def test_state_is_compacted_late_and_the_log_and_the_evidence_are_kept() -> None:
    found = {settings.name: settings.config for settings in topic_settings(SPEC)}
    topics = Topics("city")
    for name in (topics.checkpoints, topics.configs, topics.area_checkpoints):
        assert found[name]["cleanup.policy"] == "compact"
        assert int(found[name]["min.compaction.lag.ms"]) >= 3_600_000
    days = {
        name: int(config.get("retention.ms", 0)) // 86_400_000 for name, config in found.items()
    }
    assert (days[topics.log], days[topics.areas]) == (30, 30)
    assert (days[topics.alerts], days[topics.area_alerts]) == (400, 400)
    assert days[topics.replies] == 1
    short = msgspec.structs.replace(SPEC, log_retention=2 * DAY_NS)
    assert topic_settings(short)[0].config["retention.ms"] == str(2 * 86_400_000)


def test_a_full_frame_fits_one_record() -> None:
    frame = Frame.of([0] * MAX_FRAME_ROWS, [0] * MAX_FRAME_ROWS, [0.0] * MAX_FRAME_ROWS)
    names = "x" * 128
    data = encode(Entry(Header(tenant=names, producer=names), frame))
    assert len(data) + 1_024 < CLUSTER_MESSAGE_BYTES


# --- status --------------------------------------------------------------------------------------
def read(key: bytes | None, value: bytes | None, time: int) -> Read:
    return Read(0, key, value, time)


def mark(position: int, time: int) -> Read:
    marker = Marker(position, 1, 0, 0, "", "", "", {}, 0)
    return read(b"mark|%d|1" % position, marker.encode(), time)


def test_the_furthest_marker_counts_not_the_last() -> None:
    others = [read(None, b"x", 1), read(b"snap|9|1|0", b"x", 2), read(b"mark|9|1", None, 3)]
    assert furthest([*others, mark(7, 40), mark(5, 60)]) == (7, 40)
    assert furthest(others) is None


def test_a_marker_of_another_version_is_told() -> None:
    with pytest.raises(SinkError, match="another version"):
        furthest([read(b"mark|9|1", b'{"next": "nine"}', 1)])


def test_lag_is_summed_by_group_and_topic() -> None:
    lags = [
        Lag("w", "log", 0, committed=90, first=0, end=100),
        Lag("w", "log", 1, committed=5, first=20, end=100),
        Lag("w", "areas", 0, committed=7, first=0, end=5),
        Lag("s", "log", 0, committed=100, first=0, end=100),
    ]
    rows = {(row["group"], row["topic"]): row for row in totals(lags)}
    assert rows["w", "log"] == {
        "group": "w", "topic": "log", "partitions": 2, "behind": 105, "worst": 95, "lost": 15,
    }  # fmt: skip
    assert (rows["w", "areas"]["behind"], rows["s", "log"]["behind"]) == (0, 0)
