"""HTTP to one InfluxDB, as urllib3 speaks it. What is read of an answer is bounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import msgspec

from ..limits import MAX_ANSWER_CHARS
from .influx_target import InfluxTarget, authorization, secrets_of

if TYPE_CHECKING:
    import urllib3

#: Bytes of an answer to a query that are taken into memory: some ten million rows. Who wants more
#: asks in pieces.
MAX_ANSWER_BYTES: Final = 1 << 30
#: Bytes of an answer to a write: a sentence, of which a person is shown 500 characters.
MAX_REFUSAL_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: status, headers (names in small letters), body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """What the server says to a person."""
        return message_of(self.body.decode("utf-8", "replace"))


class Wire:
    """Connections to one server, kept open between requests.

    Raises SpecError where the credential cannot be read, when it is made.
    """

    def __init__(self, target: InfluxTarget, timeout_s: float) -> None:
        self._target = target
        self._timeout_s = timeout_s
        self._token = target.token()
        self._secrets = secrets_of(self._token)
        self._pool: urllib3.PoolManager | None = None

    @property
    def token(self) -> str:
        """The token, or `user:password`; never to be shown."""
        return self._token

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        most: int = MAX_ANSWER_BYTES,
    ) -> Reply:
        """One request, one answer; nothing is repeated, no redirection followed. Of the body at
        most `most` bytes are read.

        Raises urllib3's HTTPError and OSError for what the network does.
        """
        if self._pool is None:
            self._pool = self._opened()
        url = self._target.url + path + (f"?{urlencode(query)}" if query else "")
        answer = self._pool.request(
            method,
            url,
            body=body,
            headers={**authorization(self._token), **(headers or {})},
            preload_content=False,
        )
        data = b""
        try:
            data = answer.read(most, decode_content=True)
        finally:
            # What is left of a longer answer must not be read as the next one.
            if len(data) == most:
                answer.close()
            answer.release_conn()
        return Reply(answer.status, {k.lower(): v for k, v in answer.headers.items()}, data)

    def clean(self, text: str) -> str:
        """For a person: bounded, on one line, without any secret."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return " ".join(text.split())[:MAX_ANSWER_CHARS]

    def close(self) -> None:
        """Closes the connections; a later request opens them again."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.clear()

    def _opened(self) -> urllib3.PoolManager:
        import urllib3

        return urllib3.PoolManager(
            ca_certs=self._target.ca_file or None,
            timeout=urllib3.Timeout(total=self._timeout_s),
            retries=False,
        )


class _ErrorBody(msgspec.Struct, frozen=True):
    message: str = ""
    error: str = ""


def stated_error(body: str) -> str:
    """The sentence of InfluxDB's own error answer: `message` of 2.x, `error` of 1.x; "" where the
    answer is none of these, such as a proxy's page."""
    try:
        said = msgspec.json.decode(body, type=_ErrorBody)
    except msgspec.MsgspecError:
        return ""
    return said.message or said.error


def message_of(body: str) -> str:
    """What an error answer says to a person."""
    return stated_error(body) or body
