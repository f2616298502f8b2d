"""One write request to InfluxDB, in the dialect that the server was found to have.

The v2 API goes through influxdb-client's low-level service: its batching writer loses points without
a word and its Point class is 10 to 30 times slower than our encoder, so nothing else of the client
is used. Importing it takes a second, so it is imported at the first such write. `/write` of 1.x goes
through urllib3, which the client stands on.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

from ..clock import Clock
from ..limits import INFLUX_TIMEOUT_NS, SECOND_NS
from .influx_dialect import Dialect, NoDialect, asked
from .influx_retry import Answer, Verdict, verdict_of
from .influx_target import InfluxTarget
from .influx_wire import MAX_REFUSAL_BYTES, Wire, message_of, stated_error

__all__ = ["InfluxSender", "InfluxTarget", "import_client"]

# Level 1 makes a sixth of the bytes at 1.5 M points/s; level 6 saves an eighth more of them at a
# third of the speed.
_GZIP_LEVEL = 1
_GZIP_WBITS = 31  # zlib's way of saying: with a gzip header
_HEADERS = {"Content-Encoding": "gzip", "Content-Type": "text/plain; charset=utf-8"}
_IMPORTING = threading.Lock()


def import_client() -> None:
    """Imports the client, one thread at a time.

    Its modules import each other in circles: where the series and the alert output begin at once,
    one of them would meet a module that the other has half made.
    """
    with _IMPORTING:
        import influxdb_client.client.influxdb_client  # noqa: F401


def pack(body: bytes) -> bytes:
    """A body as it is sent, by gzip."""
    packer = zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP_WBITS)
    return packer.compress(body) + packer.flush()


class _Writer(Protocol):
    """One way in: status, headers (names in small letters), body of the answer."""

    def write(self, packed: bytes) -> tuple[int, Mapping[str, str], str]: ...

    def close(self) -> None: ...


class InfluxSender:
    """Sends one body at a time. `send` never raises for what a server or the network does.

    Raises SpecError where the credential cannot be read.
    """

    def __init__(self, target: InfluxTarget, clock: Clock) -> None:
        self._target = target
        self._clock = clock
        self._wire = Wire(target, INFLUX_TIMEOUT_NS / SECOND_NS)
        self._dialect: Dialect | None = None
        self._writer: _Writer | None = None
        # Each a body and what is sent of it.
        self._last = self._prepared = (b"", pack(b""))

    @property
    def dialect(self) -> Dialect | None:
        """What the server was found to be; None until it answered, and after a refusal."""
        return self._dialect

    @property
    def way(self) -> str:
        """For a person: what the server is and how it is written to; "" until it answered."""
        dialect = self._dialect
        if dialect is None:
            return ""
        return f"{dialect.text}, {'/api/v2/write' if uses_v2(self._target, dialect) else '/write'}"

    def send(self, body: bytes) -> Answer:
        """Writes line protocol with times in ns."""
        from urllib3.exceptions import HTTPError, SSLError

        try:
            answer = self._answer(self._packed(body))
        except SSLError as error:  # no answer, but a person must act
            answer = Answer(0, self._wire.clean(f"{type(error).__name__}: {error}"))
        except (HTTPError, OSError) as error:
            return Answer(None, self._wire.clean(f"{type(error).__name__}: {error}"))
        if verdict_of(answer) is Verdict.STOP:
            # Perhaps another server stands there now: the next attempt asks it anew.
            self._dialect = None
        return answer

    def prepare(self, body: bytes) -> None:
        """Packs a body that will be sent next, in another thread than that of `send`."""
        self._prepared = body, pack(body)

    def _packed(self, body: bytes) -> bytes:
        """The body packed, which is kept: the next attempt may send the same."""
        known = [packed for made_of, packed in (self._last, self._prepared) if made_of == body]
        packed = known[0] if known else pack(body)
        self._last = body, packed
        return packed

    def close(self) -> None:
        """Closes the connections; a later `send` opens them again."""
        writer, self._writer, self._dialect = self._writer, None, None
        if writer is not None:
            writer.close()
        self._wire.close()

    def _answer(self, packed: bytes) -> Answer:
        if self._dialect is None:
            found = asked(self._wire)
            if isinstance(found, NoDialect):
                reply = found.reply
                body = reply.body.decode("utf-8", "replace")
                return replace(self._said(reply.status, reply.headers, body), judged=False)
            self._become(found)
        assert self._writer is not None
        return self._said(*self._writer.write(packed))

    def _become(self, dialect: Dialect) -> None:
        if self._writer is not None:
            self._writer.close()
        v2 = uses_v2(self._target, dialect)
        self._writer = _V2(self._target, self._wire.token) if v2 else _V1(self._target, self._wire)
        self._dialect = dialect

    def _said(self, status: int, headers: Mapping[str, str], body: str) -> Answer:
        wish = self._retry_after(headers.get("retry-after"))
        text = self._wire.clean(message_of(body))
        return Answer(status, text, wish, judged=bool(stated_error(body)))

    def _retry_after(self, text: str | None) -> int | None:
        """ns from a Retry-After header (seconds or an HTTP date); None where there is none."""
        if not text:
            return None
        try:
            return max(0, int(float(text) * SECOND_NS))
        except (ValueError, OverflowError):
            return self._until(text)

    def _until(self, text: str) -> int | None:
        try:
            at: datetime = parsedate_to_datetime(text)
            return max(0, int(at.timestamp()) * SECOND_NS - self._clock.wall())
        except (ValueError, OverflowError):
            return None


def uses_v2(target: InfluxTarget, dialect: Dialect) -> bool:
    """Whether this target is written to by the v2 API of this server.

    A database's login is no token of 2.x, and the v2 API of 1.8 splits a bucket at the first
    slash: such targets go through `/write`, which every version has.
    """
    if not dialect.writes_v2 or target.bucket:
        return dialect.writes_v2
    return dialect.name == "influxdb-1" and "/" not in target.database


class _V1:
    """`/write` of 1.x."""

    def __init__(self, target: InfluxTarget, wire: Wire) -> None:
        database, policy = target.database_and_policy()
        self._query = {"db": database, **({"rp": policy} if policy else {})}
        self._wire = wire

    def write(self, packed: bytes) -> tuple[int, Mapping[str, str], str]:
        reply = self._wire.request(
            "POST", "/write", self._query, packed, _HEADERS, most=MAX_REFUSAL_BYTES
        )
        return reply.status, reply.headers, reply.body.decode("utf-8", "replace")

    def close(self) -> None:
        """The wire is the sender's."""


class _V2:
    """`/api/v2/write`, by influxdb-client's low-level service."""

    def __init__(self, target: InfluxTarget, token: str) -> None:
        import_client()
        from influxdb_client.client.influxdb_client import InfluxDBClient
        from influxdb_client.service.write_service import WriteService

        self._org, self._bucket = target.org, target.name
        self._client: Any = InfluxDBClient(
            url=target.url, token=token, org=target.org, ssl_ca_cert=target.ca_file or None
        )
        self._service: Any = WriteService(self._client.api_client)  # type: ignore[no-untyped-call]

    def write(self, packed: bytes) -> tuple[int, Mapping[str, str], str]:
        from influxdb_client.client.exceptions import InfluxDBError

        try:
            self._service.post_write(
                self._org,
                self._bucket,
                packed,
                precision="ns",
                content_encoding="gzip",
                content_type="text/plain; charset=utf-8",
                _request_timeout=INFLUX_TIMEOUT_NS // 1_000_000,
            )
        except InfluxDBError as error:
            return _refusal(error)
        return 204, {}, ""

    def close(self) -> None:
        self._client.close()


def _refusal(error: Any) -> tuple[int, Mapping[str, str], str]:
    """The client reports a failed TLS handshake as status 0: no answer, but a person must act."""
    headers = getattr(error, "headers", None) or {}
    body = getattr(error, "body", None) or getattr(error, "reason", None) or error
    body = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body)
    lowered = {str(k).lower(): str(v) for k, v in headers.items()}
    return int(getattr(error, "status", 0) or 0), lowered, body
