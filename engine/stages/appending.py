"""One entry into a log, durable on return."""

from __future__ import annotations

from ..errors import LogError
from ..limits import CONFIG_APPEND_NS, SECOND_NS
from ..log import LogStore


def append_and_wait(store: LogStore, data: bytes) -> int:
    """Appends one entry and waits until it is durable. Raises LogError."""
    try:
        return store.append([data]).wait(CONFIG_APPEND_NS / SECOND_NS)
    except TimeoutError as error:
        raise LogError(f"the log does not take an entry: {error}; check the disk") from error
