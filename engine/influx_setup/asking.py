"""InfluxQL answers as rows, and whether a server of 1.x asks who one is."""

from __future__ import annotations

from typing import Any, Final

from ..errors import SinkError
from ..outputs.influx_server import InfluxServer
from ..outputs.influx_target import InfluxTarget

#: Names of dialects: InfluxQL that changes things; buckets and tasks.
V1: Final = "influxdb-1"
V2: Final = ("influxdb-2", "influxdb-cloud")


def rows(server: InfluxServer, statement: str) -> list[dict[str, Any]]:
    """Every row of every series of the answer, by column. Raises SinkError."""
    return [row for series in server.influxql(statement) for row in as_rows(series)]


def as_rows(series: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of one series, by column."""
    return [dict(zip(series["columns"], v, strict=True)) for v in series.get("values", [])]


def authenticates(target: InfluxTarget) -> bool:
    """Whether the server asks who one is. Raises SinkError where it does not answer."""
    stranger = InfluxServer(
        InfluxTarget(target.url, ca_file=target.ca_file, database=target.database_and_policy()[0])
    )
    try:
        stranger.influxql("SHOW DATABASES")
    except SinkError as error:
        if refused_login(error):
            return True
        raise
    finally:
        stranger.close()
    return False


def refused_login(error: SinkError) -> bool:
    """Whether the server did not take who we say we are."""
    return str(error).startswith("401")
