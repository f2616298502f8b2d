"""The servers' files in deploy/: what a plant or a city runs is what the tests run.

A test changes ports, directories and, where it says so, single settings; nothing is written twice.
"""

import tomllib
from pathlib import Path
from typing import Any

DEPLOY = Path(__file__).parents[2] / "deploy"


def mosquitto_settings() -> dict[str, str | list[str]]:
    """mosquitto.conf by key; a key that stands twice has a list."""
    found: dict[str, str | list[str]] = {}
    for line in _lines(DEPLOY / "mosquitto.conf"):
        key, _, value = line.partition(" ")
        before = found.get(key)
        if before is None:
            found[key] = value
        else:
            found[key] = [*([before] if isinstance(before, str) else before), value]
    return found


def kafka_settings(name: str = "kafka/server.properties") -> dict[str, str]:
    """A properties file by key."""
    pairs = (line.partition("=") for line in _lines(DEPLOY / name))
    return {key.strip(): value.strip() for key, _, value in pairs}


def influx_settings() -> dict[str, Any]:
    """influxdb.conf: its sections as dicts."""
    return tomllib.loads((DEPLOY / "influxdb.conf").read_text())


def _lines(path: Path) -> list[str]:
    lines = (line.strip() for line in path.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]
