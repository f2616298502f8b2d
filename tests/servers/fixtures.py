"""Pytest fixtures of the real servers. A test that asks for one belongs to `make integration`."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from servers.influx import InfluxV1, InfluxV2
from servers.kafka import Kafka
from servers.mosquitto import Mosquitto

_NAMES = frozenset(
    {
        "mosquitto",
        "start_mosquitto",
        "influx",
        "start_influx",
        "influx_v1",
        "start_influx_v1",
        "kafka",
        "kafka_prefix",
        "start_kafka",
    }
)

_numbers = count(1)

StartMosquitto = Callable[..., Mosquitto]
StartInflux = Callable[..., InfluxV2]
StartInfluxV1 = Callable[..., InfluxV1]
StartKafka = Callable[..., Kafka]


_HOMES = tuple(Path(__file__).parents[1] / name for name in ("integration", "faults"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks whoever asks for a server, so that no test has to remember to.

    Raises UsageError for one that lies where `make integration` does not look.
    """
    for item in items:
        if _NAMES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.integration)
            if not any(item.path.is_relative_to(home) for home in _HOMES):
                raise pytest.UsageError(f"{item.nodeid} needs a server: it belongs in {_HOMES[0]}")


@pytest.fixture
def start_mosquitto(tmp_path: Path) -> Iterator[StartMosquitto]:
    """Starts any number of brokers, with `Mosquitto`'s arguments; they end with the test."""
    with ExitStack() as running:

        def start(*args: Any, **kwargs: Any) -> Mosquitto:
            folder = _next_folder(tmp_path, "mosquitto")
            return running.enter_context(Mosquitto(folder, *args, **kwargs))

        yield start


@pytest.fixture
def mosquitto(start_mosquitto: StartMosquitto) -> Mosquitto:
    """A running broker that loses nothing it acknowledged and lets everybody in."""
    return start_mosquitto()


@pytest.fixture
def start_influx(tmp_path: Path) -> Iterator[StartInflux]:
    """Starts any number of InfluxDB servers, with `InfluxV2`'s arguments; they end with the test."""
    with ExitStack() as running:

        def start(**kwargs: Any) -> InfluxV2:
            return running.enter_context(InfluxV2(_next_folder(tmp_path, "influx"), **kwargs))

        yield start


@pytest.fixture
def influx(start_influx: StartInflux) -> InfluxV2:
    """A running InfluxDB 1.8.10 without logins, with the bucket `lifeline/autogen`."""
    return start_influx()


@pytest.fixture
def start_influx_v1(tmp_path: Path) -> Iterator[StartInfluxV1]:
    """The same of InfluxDB 1.6.7."""
    with ExitStack() as running:

        def start(**kwargs: Any) -> InfluxV1:
            return running.enter_context(InfluxV1(_next_folder(tmp_path, "influx"), **kwargs))

        yield start


@pytest.fixture
def influx_v1(start_influx_v1: StartInfluxV1) -> InfluxV1:
    """A running InfluxDB 1.6.7 without logins, with the database `lifeline`."""
    return start_influx_v1()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """The broker that all tests share, since one takes some seconds to start.

    A test takes its topics from `kafka_prefix`; one that stops or kills a broker, or needs logins,
    starts its own by `start_kafka`.
    """
    # It is never killed, and need not be given up soon when a busy machine lets it wait.
    patient = {"broker.session.timeout.ms": 60_000}
    with Kafka(tmp_path_factory.mktemp("kafka"), overrides=patient) as broker:
        yield broker


@pytest.fixture
def kafka_prefix(kafka: Kafka) -> str:
    """A prefix of topics and groups of the shared broker that no other test has."""
    return f"test-{next(_numbers)}"


@pytest.fixture
def start_kafka(tmp_path: Path) -> Iterator[StartKafka]:
    """Starts any number of brokers, with `Kafka`'s arguments; they end with the test."""
    with ExitStack() as running:

        def start(**kwargs: Any) -> Kafka:
            return running.enter_context(Kafka(_next_folder(tmp_path, "kafka"), **kwargs))

        yield start


def _next_folder(parent: Path, name: str) -> Path:
    return parent / f"{name}-{sum(each.name.startswith(name) for each in parent.iterdir())}"
