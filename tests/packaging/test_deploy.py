"""What deploy/ says is true: units, compose file, image and the servers' files fit this tree."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from lifeline.engine.cli.app import app
from lifeline.engine.config import check, load
from lifeline.engine.metrics.catalogue import CATALOGUE
from lifeline.engine.outputs.acl import Listener, settings
from servers.deployed import DEPLOY, influx_settings, kafka_settings, mosquitto_settings

ROOT = Path(__file__).parents[2]
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
INSTALLED = "/opt/lifeline/bin/lifeline"
INSTANCES = {
    "lifeline.service": ("",),
    "lifeline-agent@.service": ("east",),
    "lifeline-worker@.service": ("00", "31"),
    "lifeline-areas@.service": ("00", "31"),
    "lifeline-sink@.service": ("mqtt", "influx", "calls"),
}
STARTS = {
    "lifeline.service": "run",
    "lifeline-agent@.service": "agent",
    "lifeline-worker@.service": "worker",
    "lifeline-areas@.service": "worker",
    "lifeline-sink@.service": "sink",
}
HARDENED = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "SystemCallFilter": "@system-service",
    "Type": "notify",
    "User": "lifeline",
    "Restart": "on-failure",
    "WatchdogSec": "60",
}


def parsed(words: list[str]) -> str:
    """The command that a command line of `lifeline` is; fails where it would be refused."""
    group: Any = typer.main.get_command(app)
    context = group.make_context("lifeline", list(words))
    path: list[str] = []
    while hasattr(group, "resolve_command"):
        rest = [*context._protected_args, *context.args]
        name, group, rest = group.resolve_command(context, rest)
        context = group.make_context(name, rest, parent=context)
        path.append(name)
    return " ".join(path)


def test_a_command_line_that_is_none_is_seen() -> None:
    assert parsed(["cluster", "init", "x.yaml"]) == "cluster init"
    for words in (["clusters", "init"], ["run", "--quite"], ["cluster", "unit", "x.yaml"]):
        with pytest.raises(Exception, match=r"No such|no such"):
            parsed(words)


# --- systemd -------------------------------------------------------------------------------------


def unit(path: Path) -> dict[str, dict[str, list[str]]]:
    """Section → key → values, in order."""
    found: dict[str, dict[str, list[str]]] = {}
    section = ""
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
            found[section] = {}
        elif line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            assert equals, line
            found[section].setdefault(key, []).append(value)
    return found


def test_there_is_a_unit_for_each_process() -> None:
    assert {path.name for path in UNITS} == set(INSTANCES)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_starts_a_command_that_exists(path: Path) -> None:
    (line,) = unit(path)["Service"]["ExecStart"]
    for instance in INSTANCES[path.name]:
        program, *words = shlex.split(line.replace("%i", instance).replace("%H", "host"))
        assert program == INSTALLED
        assert parsed(words).split()[0] in STARTS[path.name]
        assert ("--areas" in words) == ("areas" in path.name)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_may_do_little_and_is_watched(path: Path) -> None:
    service = unit(path)["Service"]
    assert {key: service.get(key, ["missing"])[0] for key in HARDENED} == HARDENED
    assert "MemoryDenyWriteExecute" not in service, "kernels are compiled at start"
    assert service["StateDirectory"][0].startswith("lifeline")
    limits = unit(path)["Unit"]
    assert "StartLimitIntervalSec" in limits


def test_every_worker_of_a_machine_has_a_port_of_its_own() -> None:
    for kind, first in (("worker", 95), ("areas", 96)):
        service = unit(DEPLOY / "systemd" / f"lifeline-{kind}@.service")["Service"]
        assert f"LIFELINE_MONITOR=127.0.0.1:{first}%i" in service["Environment"]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_takes_the_unit(path: Path, tmp_path: Path) -> None:
    """By systemd's own verifier where it is installed, with the command of this environment."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        assert set(unit(path)) == {"Unit", "Service", "Install"}
        return
    here = str(Path(sys.executable).parent / "lifeline")
    copy = tmp_path / path.name
    copy.write_text(path.read_text().replace(INSTALLED, here))
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(copy)], capture_output=True, text=True, timeout=180
    )
    assert (done.returncode, done.stderr) == (0, "")
    rated = subprocess.run(
        [analyze, "security", "--offline=yes", "--threshold=20", str(copy)],
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert rated.returncode == 0, rated.stdout.splitlines()[-1:]


# --- compose -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def pinned(image: str) -> bool:
    """Whether an image has a tag that says its version, and no host of a registry."""
    name, _, tag = image.partition(":")
    host = "." in name.partition("/")[0] or ":" in image.replace(":", "", 1)
    return not host and bool(re.fullmatch(r"v?\d+\.\d+\.\d+([-.]\w+)*", tag))


def test_images_are_named_with_version_and_without_a_registry(compose: dict[str, Any]) -> None:
    images = {service["image"] for service in compose["services"].values()}
    assert len(images) >= 5
    assert [image for image in images if not pinned(image)] == []
    assert not any(map(pinned, ("kafka", "kafka:latest", "kafka:4", "r.example/kafka:4.1.0")))


def test_what_is_mounted_is_there(compose: dict[str, Any]) -> None:
    mounts = [v for s in compose["services"].values() for v in s.get("volumes", ())]
    files = {m.split(":")[0] for m in mounts if m.startswith(".")}
    assert files
    assert [name for name in files if not (DEPLOY / name).exists()] == []
    assert {m.split(":")[0] for m in mounts} - files == set(compose["volumes"])


def test_the_file_stands_where_the_commands_look_for_it(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if "build" in service:
            mounted = {v.split(":")[1] for v in service["volumes"]}
            assert "/etc/lifeline/lifeline.yaml" in service["command"], name
            assert {"/etc/lifeline/lifeline.yaml", "/etc/lifeline/sensors.csv"} <= mounted, name


def test_every_command_is_one_of_lifeline(compose: dict[str, Any]) -> None:
    own = {n: s["command"] for n, s in compose["services"].items() if "build" in s}
    commands = {name: parsed(words) for name, words in own.items()}
    assert set(commands.values()) == {
        *("acl", "cluster init", "cluster apply"),
        *("agent", "worker", "sink mqtt", "sink influx", "sink calls"),
    }


def test_services_wait_for_services_that_exist(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for service in services.values():
        for name, condition in service.get("depends_on", {}).items():
            healthy = condition["condition"] == "service_healthy"
            assert not healthy or "healthcheck" in services[name]


def test_nothing_listens_to_the_world(compose: dict[str, Any]) -> None:
    ports = [p for s in compose["services"].values() for p in s.get("ports", ())]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_what_must_be_chosen_stands_in_the_example(compose: dict[str, Any]) -> None:
    wanted = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    given = re.findall(r"^(\w+)=(.*)$", (DEPLOY / "env.example").read_text(), re.MULTILINE)
    assert {name for name, _ in given} == wanted
    assert all(value == "" for _, value in given), "no password is in the tree"


# --- the image -----------------------------------------------------------------------------------


def test_the_image_is_built_from_what_is_there(compose: dict[str, Any]) -> None:
    build = compose["x-lifeline"]["build"]
    assert (DEPLOY / build["context"]).resolve() == ROOT
    lines = (ROOT / build["dockerfile"]).read_text().splitlines()
    bases = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert [base for base in bases if not pinned(base)] == []
    copied = [
        name
        for line in lines
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    ]
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert {f"!{name}" for name in copied} == {line for line in ignored if line.startswith("!")}
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_the_version_of_the_image_is_that_of_the_tree(compose: dict[str, Any]) -> None:
    project = (ROOT / "pyproject.toml").read_text()
    version = re.search(r'^version = "(.+)"$', project, re.MULTILINE)
    assert version is not None
    assert compose["x-lifeline"]["image"] == f"lifeline:{version[1]}"


# --- the servers' files --------------------------------------------------------------------------


def test_mosquittos_file_is_what_lifeline_acl_writes() -> None:
    written = settings(Path("/mosquitto/access"), Listener("0.0.0.0"))
    assert (DEPLOY / "mosquitto.conf").read_text() == written
    assert mosquitto_settings()["listener"] == "1883 0.0.0.0"


def test_the_servers_are_those_that_the_tests_start(compose: dict[str, Any]) -> None:
    kafka = (ROOT / ".ci" / "kafka.xml").read_text()
    version = re.search(r"kafka_2\.13</artifactId>\s*<version>(.+?)<", kafka)
    assert version is not None
    assert compose["services"]["kafka"]["image"] == f"apache/kafka:{version[1]}"
    influx = re.search(r"^version=(.+)$", (ROOT / ".ci" / "servers").read_text(), re.MULTILINE)
    assert influx is not None
    assert compose["services"]["influxdb"]["image"] == f"influxdb:{influx[1]}"


def test_the_configuration_is_right_and_names_the_services(
    compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LIFELINE_MQTT_PASSWORD", "LIFELINE_INFLUX_TOKEN"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("LIFELINE_CALL_DUTY", "json://127.0.0.1/duty")
    path = DEPLOY / "lifeline.yaml"
    told = {problem.found for problem in check(path)}
    assert told == {"replication: 1", "'0.0.0.0'", "'duty'"}, "meant: a container, and nobody yet"
    plant = load(path)
    assert plant.cluster is not None
    assert plant.outputs.influx is not None
    hosts = {server.partition(":")[0] for server in plant.cluster.servers}
    hosts |= {plant.sources[0].broker.host, plant.outputs.influx.url.split("/")[2].split(":")[0]}
    assert hosts <= set(compose["services"])
    assert kafka_settings()["advertised.listeners"] == f"PLAINTEXT://{plant.cluster.servers[0]}"
    assert influx_settings()["http"]["auth-enabled"] is True


# --- Prometheus ----------------------------------------------------------------------------------


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load((DEPLOY / "prometheus" / "lifeline.rules.yml").read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_figures_and_labels_that_exist(rule: dict[str, Any]) -> None:
    names = re.findall(r"lifeline_\w+", rule["expr"])
    metrics = [CATALOGUE[re.sub(r"_(bucket|count|sum)$", "", name)] for name in names]
    assert metrics or rule["expr"].startswith("up{")
    labels = {label for metric in metrics for label in metric.labels}
    labels |= {"instance", "job", "le"}
    summary = rule["annotations"]["summary"]
    used = set(re.findall(r"\$labels\.(\w+)", summary))
    used |= set(re.findall(r"\{(\w+)=", rule["expr"]))
    for listed in re.findall(r"\b(?:by|on) \(([\w, ]+)\)", rule["expr"]):
        used |= {label.strip() for label in listed.split(",")}
    assert used <= labels
    assert rule["labels"]["severity"] in ("page", "ticket")


def test_prometheus_asks_every_process_of_lifeline(compose: dict[str, Any]) -> None:
    asked = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    (job,) = asked["scrape_configs"]
    assert asked["rule_files"] == ["lifeline.rules.yml"]
    targets = {t for entry in job["static_configs"] for t in entry["targets"]}
    port = load_port()
    watched = {n for n, s in compose["services"].items() if "build" in s and "healthcheck" in s}
    assert targets == {f"{name}:{port}" for name in watched}
    probe = compose["x-ready"]["test"][-1]
    assert f"127.0.0.1:{port}/readyz" in probe


def load_port() -> int:
    document = yaml.safe_load((DEPLOY / "lifeline.yaml").read_text())
    return int(document["monitoring"]["port"])
