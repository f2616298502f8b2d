"""The section `cluster:` of lifeline.yaml: what it becomes, and each mistake with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lifeline.engine.config import check, load, schemas
from lifeline.engine.config.cluster import ClusterSpec, SaslSpec, WorkerSpec
from lifeline.engine.config.cluster_models import (
    ClusterModel,
    ClusterRetention,
    Sasl,
    Worker,
)
from lifeline.engine.config.document import read_document
from lifeline.engine.config.problems import Problems
from lifeline.engine.errors import SpecError
from lifeline.engine.limits import DAY_NS, SECOND_NS
from lifeline.engine.source import TlsSpec
from plant_files import HEAD, PlantFiles

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
LINE = HEAD.count("\n") + 1


def plant(section: str) -> PlantFiles:
    return PlantFiles(head=f"{HEAD}cluster: {section}\n")


def cluster(tmp_path: Path, section: str) -> ClusterSpec:
    found = load(plant(section).write(tmp_path)).cluster
    assert found is not None
    return found


def test_without_the_section_there_is_no_cluster(tmp_path: Path) -> None:
    assert load(PlantFiles().write(tmp_path)).cluster is None


def test_one_server_is_enough(tmp_path: Path) -> None:
    assert cluster(tmp_path, "{servers: kafka:9092}") == ClusterSpec(("kafka:9092",))


def test_every_key_becomes_what_it_says(tmp_path: Path) -> None:
    found = cluster(
        tmp_path,
        "{servers: ['a:1', '[::1]:2'], prefix: city, partitions: 64, area_partitions: 4, "
        "replication: 5, tls: {ca_file: ca.pem, cert_file: c.pem, key_file: k.pem}, "
        "sasl: {username: li, mechanism: SCRAM-SHA-256, password_file: secret}, "
        "retention: {log: 7d, alerts: 30d}, "
        "worker: {checkpoint: 5s, session: 12s, heartbeat: 3s, rebalance: 20s}}",
    )
    assert found == ClusterSpec(
        servers=("a:1", "[::1]:2"),
        prefix="city",
        partitions=64,
        area_partitions=4,
        replication=5,
        tls=TlsSpec(str(tmp_path / "ca.pem"), str(tmp_path / "c.pem"), str(tmp_path / "k.pem")),
        sasl=SaslSpec("li", "SCRAM-SHA-256", str(tmp_path / "secret")),
        log_retention=7 * DAY_NS,
        alert_retention=30 * DAY_NS,
        worker=WorkerSpec(5 * SECOND_NS, 12 * SECOND_NS, 3 * SECOND_NS, 20 * SECOND_NS),
    )


@pytest.mark.parametrize(
    ("section", "security"),
    [
        ("", "PLAINTEXT"),
        (", tls: {}", "SSL"),
        (", sasl: {username: li, password_env: P}", "SASL_PLAINTEXT"),
        (", tls: {}, sasl: {username: li, password_env: P}", "SASL_SSL"),
    ],
)
def test_security_follows_from_tls_and_login(tmp_path: Path, section: str, security: str) -> None:
    assert cluster(tmp_path, f"{{servers: a:1{section}}}").security == security


@pytest.mark.parametrize(("copies", "durable"), [(1, 1), (2, 1), (3, 2), (5, 4)])
def test_a_record_is_durable_on_all_copies_but_one(copies: int, durable: int) -> None:
    assert ClusterSpec(("a:1",), replication=copies).min_insync == durable


MISTAKES = {
    "no servers": ("{}", "a key is missing; expected 'servers'"),
    "no port": (
        "{servers: kafka}",
        "servers: not the address of a Kafka broker; found 'kafka'; "
        "expected host:port, such as kafka-1:9092",
    ),
    "a port beyond": (
        "{servers: 'kafka:70000'}",
        "servers: not the address of a Kafka broker; found 'kafka:70000'; "
        "expected host:port, such as kafka-1:9092",
    ),
    "a server twice": ("{servers: 'a:1, a:1'}", "cluster: a server stands twice; found a:1"),
    "an unknown key": (
        "{servers: a:1, partition: 3}",
        "unknown key; found 'partition'; expected servers, prefix, partitions, area_partitions, "
        "replication, tls, sasl, retention … (1 more); did you mean partitions?",
    ),
    "no partition": (
        "{servers: a:1, partitions: 0}",
        "partitions is out of range; found 0; expected at least 1",
    ),
    "a password in the file": (
        "{servers: a:1, tls: {}, sasl: {username: li, password: x}}",
        "secrets do not stand in this file; found 'password'; expected password_file (a file with "
        "the secret) or password_env (an environment variable)",
    ),
    "a login without a password": (
        "{servers: a:1, tls: {}, sasl: {username: li}}",
        "sasl: a login needs one password; expected either password_file or password_env",
    ),
    "two passwords": (
        "{servers: a:1, tls: {}, sasl: {username: li, password_env: P, password_file: f}}",
        "sasl: a login needs one password; expected either password_file or password_env",
    ),
    "an unknown mechanism": (
        "{servers: a:1, tls: {}, sasl: {username: li, mechanism: SCRAM-SHA-513, password_env: P}}",
        "mechanism is not valid; found 'SCRAM-SHA-513'; expected SCRAM-SHA-256 or SCRAM-SHA-512; "
        "did you mean SCRAM-SHA-512 or SCRAM-SHA-256?",
    ),
    "half a client certificate": (
        "{servers: a:1, tls: {cert_file: c.pem}}",
        "cluster: tls: cert_file and key_file go together; expected both or none",
    ),
    "a session that brokers refuse": (
        "{servers: a:1, worker: {session: 5s}}",
        "worker: session is shorter than Kafka's brokers take "
        "(group.min.session.timeout.ms); expected at least 6s",
    ),
    "a heartbeat too seldom": (
        "{servers: a:1, worker: {heartbeat: 5s}}",
        "worker: heartbeat leaves no room for two lost ones; expected at most a third of session",
    ),
    "a hand-over shorter than a session": (
        "{servers: a:1, worker: {rebalance: 9s}}",
        "worker: rebalance is shorter than session; expected longer",
    ),
    "no time between checkpoints": (
        "{servers: a:1, worker: {checkpoint: 100ms}}",
        "worker: checkpoint is too short; expected at least 1s",
    ),
    "a log that is gone at once": (
        "{servers: a:1, retention: {log: 5ms}}",
        "retention: log is too short; expected days",
    ),
}


@pytest.mark.parametrize(("section", "text"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_told_with_its_line(tmp_path: Path, section: str, text: str) -> None:
    path = plant(section).write(tmp_path)
    errors = [p.text() for p in check(path) if p.severity == "error"]
    assert errors == [f"lifeline.yaml:{LINE}: {text}"]
    with pytest.raises(SpecError):
        load(path)


def test_a_site_must_not_have_the_name_of_a_partition(tmp_path: Path) -> None:
    files = PlantFiles()
    files.sites = files.sites.replace("id: west", "id: _engine.3")
    files.tags = str(files.tags).replace("west", "_engine.3")
    errors = [p.text() for p in check(files.write(tmp_path)) if p.severity == "error"]
    assert [e.partition(": ")[2] for e in errors] == [
        "the site id is the engine's own; found '_engine.3'"
    ]


def warnings(tmp_path: Path, section: str) -> list[str]:
    problems = check(plant(section).write(tmp_path))
    assert all(problem.severity == "warning" for problem in problems)
    return [problem.message for problem in problems]


def test_files_and_variables_that_are_not_here_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KAFKA_PASSWORD", raising=False)
    section = (
        "{servers: a:1, tls: {ca_file: ca.pem}, sasl: {username: li, password_env: KAFKA_PASSWORD}}"
    )
    assert warnings(tmp_path, section) == [
        "ca_file: no such file on this machine",
        "password_env: the variable is not set here",
    ]
    (tmp_path / "ca.pem").touch()
    monkeypatch.setenv("KAFKA_PASSWORD", "x")
    assert warnings(tmp_path, section) == []


def test_a_login_in_the_open_and_a_single_copy_are_warned_of(tmp_path: Path) -> None:
    (tmp_path / "secret").touch()
    found = warnings(
        tmp_path, "{servers: a:1, replication: 1, sasl: {username: li, password_file: secret}}"
    )
    assert [text.partition(":")[2][:20] for text in found] == [
        " a login without TLS",
        " one copy of everyth",
    ]


@pytest.mark.parametrize("servers", ["a:1", "'a:1,b:2'", "['a:1']"])
def test_the_published_schema_takes_what_is_taken(tmp_path: Path, servers: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    section = (
        f"{{servers: {servers}, tls: {{}}, sasl: {{username: li, password_env: P}}, "
        "worker: {checkpoint: 5s}}"
    )
    validator = jsonschema.Draft202012Validator(schemas()["lifeline.yaml"])
    good = plant(section).write(tmp_path)
    assert load(good).cluster is not None
    assert list(validator.iter_errors(_value(good))) == []
    for wrong in (
        "{}",
        "{servers: a}",
        "{servers: a:1, mechanism: x}",
        "{servers: a:1, partitions: 0}",
    ):
        assert not validator.is_valid(_value(plant(wrong).write(tmp_path))), wrong


def _value(path: Path) -> object:
    document = read_document(path, Problems())
    assert document is not None
    return document.value


@pytest.mark.parametrize("model", [ClusterModel, ClusterRetention, Sasl, Worker])
def test_every_key_is_named_on_the_page(model: type[ClusterModel]) -> None:
    section = PAGE.partition("### cluster")[2].partition("\n### ")[0]
    assert set(model.model_fields) <= set(re.findall(r"[a-z_]+", section))
