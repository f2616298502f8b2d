"""InfluxDB 1.8.10, whose v2 API the engine's writer is held against, and Debian's 1.6.7, which has
`/write` alone.
"""

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from servers.binaries import INFLUXD_V1_VERSION, INFLUXD_VERSION, influxd
from servers.deployed import influx_settings
from servers.ports import free_port
from servers.process import ServerProcess

Section = Mapping[str, str | int | bool]
_ANSWER_WITHIN_S = 180.0


class InfluxRefused(AssertionError):
    """The server answered a query with an error; the message is its own."""


class Influx(ServerProcess):
    """InfluxDB 1.x on 127.0.0.1.

    database, policy: the database and its retention policy, made at the first start. The v2 API
        calls them together a bucket: `database/policy`.
    login: (user, password) of an administrator; given, every request needs it, by the v2 API as
        the token `user:password`. Not given, any token passes.
    overrides: {section: {setting: value}} added to the configuration, such as
        {"http": {"max-body-size": 1000}}.
    """

    name = "influxd"
    version: ClassVar[str]

    def __init__(
        self,
        directory: Path,
        *,
        database: str = "lifeline",
        policy: str = "autogen",
        login: tuple[str, str] | None = None,
        overrides: Mapping[str, Section] | None = None,
        port: int | None = None,
    ) -> None:
        super().__init__(directory)
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.database = database
        self.policy = policy
        self.bucket = f"{database}/{policy}"
        self.org = "-"
        self.login = login
        self.token = ":".join(login) if login else "nobody:nothing"
        self._rpc_port = free_port()
        self._overrides = overrides or {}

    def start(self) -> None:
        super().start()
        if self.login is not None:
            user, password = self.login
            self.query(f"CREATE USER {_name(user)} WITH PASSWORD '{password}' WITH ALL PRIVILEGES")
        self.create(self.database, self.policy)

    def create(self, database: str, policy: str = "autogen") -> None:
        """Makes a database with a retention policy that keeps everything; harmless if it is."""
        self.query(f"CREATE DATABASE {_name(database)}")
        if policy != "autogen":
            self.query(
                f"CREATE RETENTION POLICY {_name(policy)} ON {_name(database)} "
                "DURATION INF REPLICATION 1"
            )

    def query(self, influxql: str, database: str | None = None) -> list[dict[str, Any]]:
        """The series of an InfluxQL statement: dicts of name, tags, columns and values.

        Times are integers in ns. Raises InfluxRefused with the server's words.
        """
        fields = {"q": influxql, "epoch": "ns", "db": database or self.database}
        body = urllib.parse.urlencode(fields).encode()
        request = urllib.request.Request(f"{self.url}/query", data=body)
        if self.login is not None:
            # 1.6 knows no `Token`.
            login = base64.b64encode(":".join(self.login).encode()).decode()
            request.add_header("Authorization", f"Basic {login}")
        try:
            with urllib.request.urlopen(request, timeout=_ANSWER_WITHIN_S) as answer:
                result = json.load(answer)["results"][0]
        except urllib.error.HTTPError as refused:
            with refused:
                raise InfluxRefused(f"{influxql}: {refused.read().decode()}") from None
        if "error" in result:
            raise InfluxRefused(f"{influxql}: {result['error']}")
        return list(result.get("series", []))

    def rows(self, influxql: str, database: str | None = None) -> list[dict[str, Any]]:
        """The rows of a SELECT, each a dict of its columns and of the tags it is grouped by."""
        return [
            {**series.get("tags", {}), **dict(zip(series["columns"], values, strict=True))}
            for series in self.query(influxql, database)
            for values in series["values"]
        ]

    def count(self, measurement: str, field: str = "value", *, where: str = "") -> int:
        """How many points of the measurement have the field; `where` is an InfluxQL condition."""
        source = f"{_name(self.policy)}.{_name(measurement)}"
        condition = f" WHERE {where}" if where else ""
        found = self.rows(f"SELECT count({_name(field)}) AS n FROM {source}{condition}")
        return int(found[0]["n"]) if found else 0

    def measurements(self) -> list[str]:
        """Names of the measurements in the database, sorted."""
        return sorted(row["name"] for row in self.rows("SHOW MEASUREMENTS"))

    def _command(self) -> list[str]:
        config = self.directory / "influxdb.conf"
        config.write_text(self._config())
        return [influxd(self.version), "-config", str(config)]

    def _config(self) -> str:
        here: dict[str, Section] = {
            "meta": {"dir": str(self.directory / "meta")},
            "data": {
                "dir": str(self.directory / "data"),
                "wal-dir": str(self.directory / "wal"),
            },
            "http": {
                "bind-address": f"127.0.0.1:{self.port}",
                "auth-enabled": self.login is not None,
            },
        }
        deployed = influx_settings()
        # The address for backups: every instance on this machine needs its own.
        deployed["bind-address"] = f"127.0.0.1:{self._rpc_port}"
        sections = {k: v for k, v in deployed.items() if isinstance(v, dict)}
        top = {k: v for k, v in deployed.items() if k not in sections}
        lines = [f"{k} = {json.dumps(v)}" for k, v in top.items()]
        for section in sections.keys() | here.keys() | self._overrides.keys():
            settings = {
                **sections.get(section, {}),
                **here.get(section, {}),
                **self._overrides.get(section, {}),
            }
            # JSON's strings, numbers and booleans are TOML's.
            lines += ["", f"[{section}]", *(f"{k} = {json.dumps(v)}" for k, v in settings.items())]
        return "\n".join(lines) + "\n"

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/ping", timeout=_ANSWER_WITHIN_S) as answer:
                return bool(answer.status == 204)
        except OSError:
            return False


class InfluxV2(Influx):
    """1.8.10: the v2 write and query API (Flux) beside that of 1.x."""

    version = INFLUXD_VERSION


class InfluxV1(Influx):
    """1.6.7: `/write` and `/query` alone."""

    version = INFLUXD_V1_VERSION


def _name(identifier: str) -> str:
    return '"' + identifier.replace("\\", "\\\\").replace('"', '\\"') + '"'
