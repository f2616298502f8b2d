"""Questions to InfluxDB: InfluxQL and Flux. Writing is `influx_http`'s."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import msgspec

from ..errors import SinkError
from .influx_dialect import Dialect, NoDialect, asked
from .influx_http import import_client
from .influx_target import InfluxTarget
from .influx_wire import Reply, Wire, message_of


class InfluxServer:
    """One server, asked by one thread. Raises SpecError where the credential cannot be read.

    Every question raises SinkError with the server's words where it is not answered; `permanent`
    where repeating it cannot help.
    """

    def __init__(self, target: InfluxTarget, *, timeout_s: float = 30) -> None:
        self.target = target
        self._timeout_s = timeout_s
        self._wire = Wire(target, timeout_s)
        self._dialect: Dialect | None = None
        self._client: Any = None

    def dialect(self) -> Dialect:
        """What the server is, asked once."""
        if self._dialect is None:
            found = self._reached(lambda: asked(self._wire, flux=True))
            if isinstance(found, NoDialect):
                raise self._refused(found.reply)
            self._dialect = found
        return self._dialect

    def influxql(
        self, text: str, *, database: str | None = None, epoch: str = "ns", post: bool = False
    ) -> list[dict[str, Any]]:
        """The series of the answers: dicts of name, tags, columns and values, times as integers.

        `database` None is the target's own. Statements that change something need `post`.
        """
        query = {"q": text, "epoch": epoch, "db": database or self.target.database_and_policy()[0]}
        if post:
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            body = urlencode(query).encode()
            reply = self._reached(lambda: self._wire.request("POST", "/query", None, body, kind))
        else:
            reply = self._reached(lambda: self._wire.request("GET", "/query", query))
        if reply.status >= 300:
            raise self._refused(reply)
        try:
            results = msgspec.json.decode(reply.body)["results"]
        except (msgspec.MsgspecError, KeyError, TypeError) as error:
            raise SinkError(f"InfluxDB's answer cannot be read: {error}", permanent=True) from error
        series: list[dict[str, Any]] = []
        for result in results:
            if "error" in result:
                raise SinkError(self._wire.clean(result["error"]), permanent=True)
            series += result.get("series", [])
        return series

    def flux(self, text: str) -> Iterator[dict[str, Any]]:
        """The rows of a Flux query as they arrive, by influxdb-client's query API.

        Its times are to the microsecond; ask for `int(v: r._time)` where the ns matter.
        """
        import_client()
        from influxdb_client.client.exceptions import InfluxDBError
        from influxdb_client.client.flux_csv_parser import FluxQueryException
        from urllib3.exceptions import HTTPError

        try:
            for record in self._query_api().query_stream(text, org=self.target.org):
                yield dict(record.values)
        except InfluxDBError as error:
            body = getattr(error, "body", None) or str(error.message)
            words = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
            raise self._error(int(getattr(error, "status", 0) or 0), message_of(words)) from error
        except FluxQueryException as error:
            raise SinkError(self._wire.clean(str(error)), permanent=True) from error
        except (HTTPError, OSError) as error:
            raise self._unreached(error) from error

    def close(self) -> None:
        """Closes the connections."""
        self._wire.close()
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _query_api(self) -> Any:
        from influxdb_client.client.influxdb_client import InfluxDBClient

        if self._client is None:
            self._client = InfluxDBClient(
                url=self.target.url,
                token=self._wire.token,
                org=self.target.org,
                timeout=int(self._timeout_s * 1000),
                ssl_ca_cert=self.target.ca_file or None,
            )
        return self._client.query_api()

    def _reached(self, what: Any) -> Any:
        from urllib3.exceptions import HTTPError

        try:
            return what()
        except (HTTPError, OSError) as error:
            raise self._unreached(error) from error

    def _unreached(self, error: Exception) -> SinkError:
        words = self._wire.clean(f"{type(error).__name__}: {error}")
        return SinkError(f"InfluxDB {self.target.url} does not answer: {words}")

    def _refused(self, reply: Reply) -> SinkError:
        return self._error(reply.status, reply.text)

    def _error(self, status: int, words: str) -> SinkError:
        waits = status in (408, 425, 429) or status >= 500
        return SinkError(f"{status}: {self._wire.clean(words)}", permanent=not waits)
