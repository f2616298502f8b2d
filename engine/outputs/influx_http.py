"""One write request to InfluxDB's v2 API, through influxdb-client's low-level service.

Its batching writer loses points without a word and its Point class is 10 to 30 times slower than
our encoder, so nothing else of the client is used. Importing it takes a second, so it is imported
at the first write.
"""

from __future__ import annotations

import os
import threading
import zlib
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import msgspec

from ..clock import Clock
from ..errors import SpecError
from ..limits import INFLUX_TIMEOUT_NS, MAX_ANSWER_CHARS, SECOND_NS
from .influx_retry import Answer

# Level 1 makes a sixth of the bytes at 1.5 M points/s; level 6 saves an eighth more of them at a
# third of the speed.
_GZIP_LEVEL = 1
_GZIP_WBITS = 31  # zlib's way of saying: with a gzip header
_IMPORTING = threading.Lock()


class InfluxTarget(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where to write. The token is read from its file or environment when the output starts.

    InfluxDB 1.8: `org` is anything (`-`), `bucket` is `database/retention policy`, the token
    `user:password`.
    """

    url: str
    org: str
    bucket: str
    token_file: str = ""
    token_env: str = ""
    ca_file: str = ""

    def token(self) -> str:
        """The token; "" where none is named. Raises SpecError where it cannot be read."""
        if self.token_file:
            try:
                return Path(self.token_file).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise SpecError(
                    f"the token file of InfluxDB cannot be read: {error}", found=self.token_file
                ) from error
        if not self.token_env:
            return ""
        if self.token_env not in os.environ:
            raise SpecError(
                "the environment variable with InfluxDB's token is not set", found=self.token_env
            )
        return os.environ[self.token_env]


def _import_client() -> None:
    """Imports the client, one thread at a time.

    Its modules import each other in circles: where the series and the alert output begin at once,
    one of them would meet a module that the other has half made.
    """
    with _IMPORTING:
        import influxdb_client.client.influxdb_client  # noqa: F401


class InfluxSender:
    """Sends one body at a time. `send` never raises for what a server or the network does."""

    def __init__(self, target: InfluxTarget, clock: Clock) -> None:
        self._target = target
        self._token = target.token()
        self._clock = clock
        self._client: Any = None
        self._service: Any = None

    def send(self, body: bytes) -> Answer:
        """Writes line protocol with times in ns."""
        _import_client()
        from influxdb_client.client.exceptions import InfluxDBError
        from urllib3.exceptions import HTTPError

        packer = zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP_WBITS)
        packed = packer.compress(body) + packer.flush()
        try:
            self._write_service().post_write(
                self._target.org,
                self._target.bucket,
                packed,
                precision="ns",
                content_encoding="gzip",
                content_type="text/plain; charset=utf-8",
                _request_timeout=INFLUX_TIMEOUT_NS // 1_000_000,
            )
        except InfluxDBError as error:
            return self._refusal(error)
        except (HTTPError, OSError) as error:
            return Answer(None, self._clean(f"{type(error).__name__}: {error}"))
        return Answer(204)

    def close(self) -> None:
        """Closes the connections; a later `send` opens them again."""
        client, self._client, self._service = self._client, None, None
        if client is not None:
            client.close()

    def _write_service(self) -> Any:
        if self._service is None:
            from influxdb_client.client.influxdb_client import InfluxDBClient
            from influxdb_client.service.write_service import WriteService

            self._client = InfluxDBClient(
                url=self._target.url,
                token=self._token,
                org=self._target.org,
                ssl_ca_cert=self._target.ca_file or None,
            )
            self._service = WriteService(self._client.api_client)  # type: ignore[no-untyped-call]
        return self._service

    def _refusal(self, error: Any) -> Answer:
        # The client reports a failed TLS handshake as status 0: no answer, but a person must act.
        status = int(getattr(error, "status", 0) or 0)
        body = getattr(error, "body", None)
        headers = getattr(error, "headers", None) or {}
        text = _message(body) if body else str(getattr(error, "reason", None) or error)
        return Answer(status, self._clean(text), self._retry_after(headers.get("Retry-After")))

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

    def _clean(self, text: str) -> str:
        """For a person: bounded, on one line, without the token."""
        if self._token:
            text = text.replace(self._token, "***")
        return " ".join(text.split())[:MAX_ANSWER_CHARS]


class _ErrorBody(msgspec.Struct, frozen=True):
    message: str = ""
    error: str = ""


def _message(body: str) -> str:
    """The sentence in an error answer: `message` of 2.x, `error` of 1.8, else the body itself."""
    try:
        said = msgspec.json.decode(body, type=_ErrorBody)
    except msgspec.MsgspecError:
        return body
    return said.message or said.error or body
