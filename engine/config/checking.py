"""Checks a configuration as a whole, beyond what is needed to build it."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path

from ..clock import SystemClock
from ..errors import Problem, SpecError
from ..source import BrokerSpec
from .build import Builder, Built
from .cluster import ClusterSpec
from .cluster_models import ClusterModel, cluster_spec
from .document import read_document
from .plant import InfluxSpec, Plant
from .problems import Problems, quoted
from .roster_checks import check_roster
from .validation import validated


def load(path: Path) -> Plant:
    """See `lifeline.engine.config.load`."""
    problems = Problems()
    built = Builder(path, problems).build()
    problems.raise_errors()
    if built is None:
        raise SpecError("the configuration cannot be read", where=str(path))
    return built.plant


def load_cluster(path: Path) -> ClusterSpec | None:
    """See `lifeline.engine.config.load_cluster`."""
    problems = Problems()
    document = read_document(path, problems)
    problems.raise_errors()
    if document is None or not isinstance(document.value, dict) or "cluster" not in document.value:
        return None
    model = validated(ClusterModel, document, ("cluster",), problems)
    problems.raise_errors()
    return None if model is None else cluster_spec(model, path.parent)


def check(path: Path) -> list[Problem]:
    """See `lifeline.engine.config.check`."""
    problems = Problems()
    built = Builder(path, problems).build()
    if built is not None:
        _check_secrets(built, problems)
        _check_client_ids(built, problems)
        _check_use(built, problems)
        _check_monitoring(built, problems)
        _check_series(built, problems)
        _check_store(built, problems)
        if built.plant.calls is not None:
            check_roster(built.plant.calls, SystemClock().wall(), problems)
    return problems.all()


def check_calls(path: Path) -> tuple[Plant | None, list[Problem]]:
    """See `lifeline.engine.config.check_calls`."""
    problems = Problems()
    built = Builder(path, problems).build()
    spec = None if built is None else built.plant.calls
    if built is None or spec is None:
        return None, problems.all()
    mine = Problems()
    check_roster(spec, SystemClock().wall(), mine)
    roster = Path(spec.roster).name
    for problem in problems.all():
        if problem.where.partition(":")[0] == roster or problem.severity == "error":
            mine.add(problem)
    return built.plant, mine.all()


def _check_secrets(built: Built, problems: Problems) -> None:
    """Files and variables that should hold a secret, as far as this machine can tell."""
    plant, where = built.plant, built.document.where
    for i, source in enumerate(plant.sources):
        _check_broker(source.broker, where(("sources", i)), problems)
    if plant.outputs.mqtt is not None:
        _check_broker(plant.outputs.mqtt, where(("outputs", "mqtt")), problems)
    influx = plant.outputs.influx
    if influx is not None:
        _check_influx(influx, where(("outputs", "influx")), problems)
    if plant.cluster is not None:
        _check_cluster(plant.cluster, where(("cluster",), key=True), problems)


def _check_influx(influx: InfluxSpec, where: str, problems: Problems) -> None:
    for key in ("token_file", "password_file", "ca_file"):
        _check_file(getattr(influx, key), key, where, problems)
    for key in ("token_env", "password_env"):
        _check_variable(getattr(influx, key), key, where, problems)


def _check_cluster(cluster: ClusterSpec, where: str, problems: Problems) -> None:
    if cluster.tls is not None:
        for key in ("ca_file", "cert_file", "key_file"):
            _check_file(getattr(cluster.tls, key), key, where, problems)
    if cluster.sasl is not None:
        _check_file(cluster.sasl.password_file, "password_file", where, problems)
        _check_variable(cluster.sasl.password_env, "password_env", where, problems)
        if cluster.tls is None:
            problems.warning(
                where,
                "cluster: a login without TLS: everybody on the way reads and changes what follows",
                expected="tls: {ca_file: …}, or tls: {} for the system's authorities",
            )
    if cluster.replication == 1:
        problems.warning(
            where,
            "cluster: one copy of everything: a broken disk loses the log and the alerts",
            found="replication: 1",
            expected="3, on three brokers",
        )


def _check_broker(broker: BrokerSpec, where: str, problems: Problems) -> None:
    _check_file(broker.password_file, "password_file", where, problems)
    _check_variable(broker.password_env, "password_env", where, problems)
    if broker.tls is not None:
        for key in ("ca_file", "cert_file", "key_file"):
            _check_file(getattr(broker.tls, key), key, where, problems)


def _check_file(path: str, key: str, where: str, problems: Problems) -> None:
    if path and not Path(path).is_file():
        _missing(where, f"{key}: no such file on this machine", path, problems)


def _check_variable(name: str, key: str, where: str, problems: Problems) -> None:
    if name and name not in os.environ:
        _missing(where, f"{key}: the variable is not set here", name, problems)


def _missing(where: str, message: str, found: str, problems: Problems) -> None:
    # Sources and outputs often share the file's broker: its secret is told once.
    if not any(p.message == message and p.found == quoted(found) for p in problems.all()):
        problems.warning(where, message, found=quoted(found))


def _check_client_ids(built: Built, problems: Problems) -> None:
    """Two clients with one id throw each other off the broker without end."""
    taken: dict[tuple[str, int, str], str] = {}
    clients = [(source.id, source.broker) for source in built.plant.sources]
    if built.plant.outputs.mqtt is not None:
        clients.append(("the MQTT output", built.plant.outputs.mqtt))
    for name, broker in clients:
        if not broker.client_id:
            continue
        other = taken.setdefault((broker.host, broker.port, broker.client_id), name)
        if other != name:
            problems.warning(
                built.document.where(("broker", "client_id")),
                f"{other} and {name} use one client id: they throw each other off",
                found=quoted(broker.client_id),
                expected="none, or one for each",
            )


def _check_monitoring(built: Built, problems: Problems) -> None:
    """Figures that other machines can read are read by anybody: there is no login."""
    spec = built.plant.monitoring
    if spec is None or spec.host == "localhost":
        return
    try:
        own = ip_address(spec.host).is_loopback
    except ValueError:
        own = False
    if not own:
        problems.warning(
            built.document.where(("monitoring", "host")),
            "everyone who reaches this address can read the figures; there is no login",
            found=quoted(spec.host),
            expected="127.0.0.1, or a network that only Prometheus reaches",
        )


def _check_store(built: Built, problems: Problems) -> None:
    """The embedded store belongs to one engine; a cluster has none."""
    if built.plant.outputs.store is not None and built.plant.cluster is not None:
        problems.warning(
            built.document.where(("outputs", "store"), key=True),
            "the store is the embedded engine's: on a cluster nothing is written to it",
            expected="outputs: {influx: …} for series of a cluster",
        )


def _check_series(built: Built, problems: Problems) -> None:
    """Whether InfluxDB has room for what the sensors and rules can make."""
    influx = built.plant.outputs.influx
    if influx is None or problems.errors:
        return
    from ..outputs.influx_cardinality import doubts

    for doubt in doubts(built.plant.configuration, influx.max_series):
        problems.warning(
            built.document.where(("outputs", "influx")),
            f"InfluxDB: {doubt}",
            expected="a higher max_series (and limit of the server), fewer sensors, narrower rules",
        )


def _check_use(built: Built, problems: Problems) -> None:
    """Sites without sensors, sources without sensors, alarms that nobody hears."""
    plant, where = built.plant, built.document.where
    configuration = plant.configuration
    used_sites = {sensor.site for sensor in configuration.sensors}
    if not problems.errors:
        for i, site in enumerate(configuration.sites):
            if i not in used_sites:
                problems.warning(
                    where(("sites", i)), "the site has no sensor", found=quoted(site.id)
                )
        for i, source in enumerate(plant.sources):
            if not source.routes:
                problems.warning(
                    where(("sources", i)), "the source has no sensor", found=quoted(source.id)
                )
    if not problems.errors and plant.outputs.mqtt is None and plant.outputs.influx is None:
        problems.warning(
            where(("outputs",), key=True),
            "no output: nobody is told of an alarm",
            expected="outputs: {mqtt: {}} or outputs: {influx: …}",
        )
