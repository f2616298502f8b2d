"""InfluxDB 2.7.11 on 127.0.0.1, set up with an organisation and an operator's token."""

import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from servers.binaries import cache
from servers.ports import free_port
from servers.process import ServerProcess

INFLUXD2_VERSION = "2.7.11"
_ANSWER_WITHIN_S = 180.0


def influxd2() -> Path:
    """The program, which `.ci/servers` builds into the cache where it finds a Rust compiler.

    Without it the test that asks is skipped: this server alone needs more to build than a Debian
    machine has, and 1.6.7 and 1.8.10 stand for what must work.
    """
    path = cache() / f"influxd-{INFLUXD2_VERSION}" / "influxd"
    if not os.access(path, os.X_OK):
        pytest.skip(
            f"InfluxDB {INFLUXD2_VERSION} is not at {path}; .ci/servers builds it with cargo"
        )
    return path


def has_influxd2() -> bool:
    """Whether the program is there."""
    return os.access(cache() / f"influxd-{INFLUXD2_VERSION}" / "influxd", os.X_OK)


class Influx2(ServerProcess):
    """Buckets, tasks and tokens for real.

    org, token: of the operator, made at the first start, with a bucket `first`.
    """

    name = "influxd2"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.org = "acme"
        self.token = "operator-of-the-tests"

    def start(self) -> None:
        super().start()
        if self.ask("GET", "/api/v2/setup")["allowed"]:
            user = {"username": "root", "password": "root-password"}
            place = {"org": self.org, "bucket": "first", "token": self.token}
            self.ask("POST", "/api/v2/setup", {**user, **place})

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request as the operator; the answer's JSON, None where it has no body."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data=data, method=method)
        request.add_header("Authorization", f"Token {self.token}")
        with urllib.request.urlopen(request, timeout=_ANSWER_WITHIN_S) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def _command(self) -> list[str]:
        places = {
            "http-bind-address": f"127.0.0.1:{self.port}",
            "bolt-path": self.directory / "influxd.bolt",
            "sqlite-path": self.directory / "influxd.sqlite",
            "engine-path": self.directory / "engine",
        }
        given = [word for key, value in places.items() for word in (f"--{key}", str(value))]
        return [str(influxd2()), *given, "--reporting-disabled", "--log-level", "error"]

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=_ANSWER_WITHIN_S) as answer:
                return bool(json.load(answer)["status"] == "pass")
        except (OSError, urllib.error.HTTPError):
            return False
