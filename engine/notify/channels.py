"""Channels by apprise: over a hundred services behind one URL each.

The library is imported when the first channel is used. What it says on failure is kept for a
person, without anything of the URL: that may hold a password.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from ..calls.limits import HUNG, REASON_CHARS, SEND_S

_URL_LINE: Final = 4_096
#: Parts of a URL that stay out of what is told: whatever is not the service's own word.
_PARTS: Final = re.compile(r"[^:/?&=@,]+")
_LEAST_SECRET: Final = 3
_KNOWN: Final = frozenset(("http", "https", "json", "jsons", "mailto", "mailtos", "localhost"))


class ChannelLike(Protocol):
    """Where the URL of a channel is: in the roster, a file, or an environment variable."""

    @property
    def name(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def url_file(self) -> str: ...
    @property
    def url_env(self) -> str: ...


def url_of(channel: ChannelLike) -> tuple[str, str]:
    """(URL, "") read now, or ("", why there is none)."""
    if channel.url_env:
        found = os.environ.get(channel.url_env, "")
        return (found, "") if found else ("", f"no environment variable {channel.url_env}")
    if not channel.url_file:
        return channel.url, ""
    try:
        with Path(channel.url_file).open(encoding="utf-8") as file:
            line = file.readline(_URL_LINE).strip()
    except (OSError, UnicodeDecodeError) as error:
        return "", f"{Path(channel.url_file).name} cannot be read ({type(error).__name__})"
    return (line, "") if line else ("", f"{Path(channel.url_file).name} is empty")


def channel_fault(url: str) -> str:
    """Why apprise cannot use a URL, or "". Connects to nothing."""
    return "" if _service(url) is not None else "apprise does not understand this URL"


def has_secret(url: str) -> bool:
    """Whether a URL names a password or token in itself."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
    except ValueError:
        return True
    return bool(parts.password) or bool(re.search(r"[?&](pass|password|token|secret)=", url))


def _service(url: str) -> Any:
    from apprise import Apprise

    with _said():  # what it says of a URL that it does not understand may repeat the URL
        return Apprise.instantiate(url, suppress_exceptions=True)


class Sender:
    """Sends by channels, each within SEND_S. Any thread may use it."""

    def __init__(self, limit_s: float = SEND_S) -> None:
        self._limit_s = limit_s
        self._room = threading.Semaphore(HUNG)
        self.hung = 0

    def send(self, channel: ChannelLike, title: str, body: str) -> str:
        """Sends one message; "" once the service took it, else why not. Never raises, and
        returns within the limit: a service that hangs keeps its thread, of which there are few."""
        url, fault = url_of(channel)
        if fault:
            return fault
        if not self._room.acquire(blocking=False):
            return "too many services hang"
        outcome: list[str] = []
        done = threading.Event()

        def deliver() -> None:
            try:
                outcome.append(_deliver(url, title, body))
            finally:
                self._room.release()
                done.set()

        thread = threading.Thread(target=deliver, name="lifeline-send", daemon=True)
        thread.start()
        if not done.wait(self._limit_s):
            self.hung += 1
            return f"no answer within {self._limit_s:g} s"
        return outcome[0] if outcome else "the service failed"


def _deliver(url: str, title: str, body: str) -> str:
    from apprise import NotifyFormat

    service = _service(url)
    if service is None:
        return channel_fault(url)
    with _said() as lines:
        try:
            taken = service.notify(body=body, title=title, body_format=NotifyFormat.TEXT)
        except Exception as error:  # noqa: BLE001  a service's own code: whatever it raises is told
            return scrubbed(f"{type(error).__name__}: {error}", url)
    if taken:
        return ""
    return scrubbed("; ".join(lines) or "the service did not take it", url)


def scrubbed(text: str, url: str) -> str:
    """The text without anything that stands in the URL, short enough for a record."""
    from urllib.parse import unquote

    secrets = {p for part in _PARTS.findall(url) for p in (part, unquote(part))}
    for secret in sorted(secrets - _KNOWN, key=len, reverse=True):
        if len(secret) >= _LEAST_SECRET:
            text = text.replace(secret, "…")
    return " ".join(text.split())[:REASON_CHARS]


@contextmanager
def _said() -> Iterator[list[str]]:
    """What apprise says in this thread meanwhile; nothing of it goes to other logs."""
    lines: list[str] = []
    thread = threading.get_ident()

    class _Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == thread and record.levelno >= logging.WARNING:
                lines.append(record.getMessage())

    log, handler = logging.getLogger("apprise"), _Handler()
    log.addHandler(handler)
    log.propagate = False
    try:
        yield lines
    finally:
        log.removeHandler(handler)
